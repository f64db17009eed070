"""Which part of a document is asked for, and the same cut made here, so that all sources agree.

Pure functions over paths and documents; nothing here asks a source for anything.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zs_pipeline.declaration import CORE, ENVELOPE
from zs_pipeline.shape.values import SUBJECT_PLACES

SWEEP = dict.fromkeys(("_id", "name", "_last_modified", "last_modified", *SUBJECT_PLACES), 1)

Tree = Mapping[str, Any]


def path_map(fields: Iterable[str]) -> Tree:
    """The paths, and the envelope, as nested dicts; None where a value is wanted whole."""
    root: dict[str, Any] = {}
    for path in sorted({*ENVELOPE, *fields}):
        node = root
        *parents, leaf = path.split(".")
        for key in parents:
            # A parent comes before its children in sorted order, so a whole one is there already.
            node = node.setdefault(key, {})
            if node is None:
                break
        else:
            node[leaf] = None
    return root


def mongo_projection(fields: Iterable[str]) -> dict[str, int]:
    """The projection for a MongoDB `find`.

    A path is cut to two parts, and only a core file is its parent: a dotted path through a list
    makes MongoDB drop the texts in that list.
    """
    projection: dict[str, int] = {}
    for key, below in path_map(fields).items():
        if key in CORE and below is not None:
            projection |= {f"{key}.{child}": 1 for child in below}
        else:
            projection[key] = 1
    return projection


def partial_core_files(fields: Iterable[str]) -> tuple[str, ...]:
    """The core files that `server` asks for in part."""
    wanted = path_map(fields)
    return tuple(core for core in CORE if wanted.get(core) is not None)


def trim(document: Mapping[str, Any], wanted: Tree) -> dict[str, Any]:
    """A document with nothing but the wanted paths, whatever lies on the way to them.

    A dict on the way keeps its wanted keys, a list is gone through, and anything else is kept as
    it is, so that garbage stays visible. A core file that is null and wanted in part is left out:
    a server's answer does not tell it from an absent one.
    """
    return {
        key: document[key] if below is None else _trimmed(document[key], below)
        for key, below in wanted.items()
        if key in document and not (below is not None and document[key] is None and key in CORE)
    }


def _trimmed(value: Any, wanted: Tree) -> Any:
    if isinstance(value, list):
        return [_kept(item, wanted) if isinstance(item, dict) else item for item in value]
    return _kept(value, wanted) if isinstance(value, dict) else value


def _kept(value: dict[str, Any], wanted: Tree) -> dict[str, Any]:
    return {
        key: value[key] if below is None else _trimmed(value[key], below)
        for key, below in wanted.items()
        if key in value
    }


def came_as_list(document: Mapping[str, Any], cores: Sequence[str]) -> bool:
    """Whether a core file asked for in part came as a list, of which the server dropped parts."""
    return any(core in document and not isinstance(document[core], dict) for core in cores)


def lacking_core_files(
    page: Iterable[Mapping[str, Any]], cores: Sequence[str]
) -> dict[str, list[Any]]:
    """For each core file asked for in part, the `_id`s of the documents that came without it.

    A dotted projection also drops a core file that is a text or a number.
    """
    lacking = {core: [d["_id"] for d in page if core not in d] for core in cores}
    return {core: ids for core, ids in lacking.items() if ids}


def having_any(lacking: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The filter for the documents that do hold a core file that `absent` found missing."""
    every: list[Any] = []
    for ids in lacking.values():
        every += [one for one in ids if one not in every]
    return {
        "_id": {"$in": every},
        "$or": [{"_id": {"$in": ids}, core: {"$ne": None}} for core, ids in lacking.items()],
    }
