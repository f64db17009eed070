"""Projections for sources, and the same cut of a document made here, so that all sources agree.

Pure functions over paths and documents; no source is asked here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zs_pipeline.declaration import CORE, ENVELOPE
from zs_pipeline.shape.values import SUBJECT_PLACES

SWEEP = dict.fromkeys(("_id", "name", "_last_modified", "last_modified", *SUBJECT_PLACES), 1)

Tree = Mapping[str, Any]


def path_map(fields: Iterable[str]) -> Tree:
    """Returns the paths, and the envelope, as nested dicts; None stands for a whole value."""
    root: dict[str, Any] = {}
    for path in sorted({*ENVELOPE, *fields}):
        node = root
        *parents, leaf = path.split(".")
        for key in parents:
            # Parents are sorted before their children, so a whole parent is there already.
            node = node.setdefault(key, {})
            if node is None:
                break
        else:
            node[leaf] = None
    return root


def mongo_projection(fields: Iterable[str]) -> dict[str, int]:
    """Returns the projection for a MongoDB `find`.

    A path is cut to two names, of which the first is a core file: a dotted path through a list
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
    """Returns the core files that `mongo_projection` requests in part."""
    tree = path_map(fields)
    return tuple(core for core in CORE if tree.get(core) is not None)


def trim(document: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    """Returns a document with the paths of a tree alone.

    A dict on the way keeps the keys of the tree, each dict in a list does so too, and any other
    value is kept whole, so that garbage stays visible. A core file that is null and requested in
    part is left out: a server's answer does not tell a null core file from an absent one.
    """
    return {
        key: value
        for key, value in _trim_dict(document, tree).items()
        if not (value is None and key in CORE and tree[key] is not None)
    }


def _trim_dict(value: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    return {
        key: value[key] if below is None else _trim_value(value[key], below)
        for key, below in tree.items()
        if key in value
    }


def _trim_value(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [_trim_dict(item, tree) if isinstance(item, dict) else item for item in value]
    return _trim_dict(value, tree) if isinstance(value, dict) else value


def came_as_list(document: Mapping[str, Any], cores: Sequence[str]) -> bool:
    """Returns whether a core file requested in part is no object, so that the server cut it."""
    return any(core in document and not isinstance(document[core], dict) for core in cores)


def lacking_core_files(
    page: Iterable[Mapping[str, Any]], cores: Sequence[str]
) -> dict[str, list[Any]]:
    """Returns per core file requested in part the `_id`s of the documents that came without it.

    A dotted projection also drops a core file that is a text or a number.
    """
    lacking = {core: [d["_id"] for d in page if core not in d] for core in cores}
    return {core: ids for core, ids in lacking.items() if ids}


def having_any(lacking: Mapping[str, list[Any]]) -> dict[str, Any]:
    """Returns the filter for documents that hold a core file that `lacking_core_files` lists."""
    all_ids: list[Any] = []
    for ids in lacking.values():
        all_ids += [document_id for document_id in ids if document_id not in all_ids]
    return {
        "_id": {"$in": all_ids},
        "$or": [{"_id": {"$in": ids}, core: {"$ne": None}} for core, ids in lacking.items()],
    }
