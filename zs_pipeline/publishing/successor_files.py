"""Copies of our files under the successor's own paths, for readers that follow no `location`.

Every path has the earlier or the later content at any moment. What is placed is announced before,
so that what a killed writer left is placed again. `_written_by.json` names the contents that all
paths together are of, and who is placing others: a night without a change reads no more than that.
The folder's own list of its files, `_copies.json`, is read when something changed.
"""

import hashlib
import json
import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from zs_client import work
from zs_client.contract import NULL_PARTITION, Layout, decode_partition, successor_name
from zs_client.facts import Facts
from zs_client.store import Altered, Store
from zs_pipeline.publishing.facts_file import now_text
from zs_pipeline.publishing.successor_record import Record
from zs_pipeline.stored_json import parsed, serialized

# The list of files is written twice for each chunk of them, as facts are for partitions.
CHUNK, SHARE = 256, 4
REQUESTS, LOCAL_REQUESTS = 32, 8
# A writer that is silent for longer was killed.
SILENT = timedelta(hours=12)
# Another rule of which value has a file raises it, so that all files are looked at.
_RULES = 1
# How often what is published may change while it is copied.
_PASSES = 3
_SHOWN = 5
# Its readers take the first four for patterns, the next two part folders.
_UNFIT = re.compile(r"[*?\[\]/\\\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class _Content:
    """The content of a path: its digest, and the keys in our layout that have it."""

    sha256: str
    object: str
    fixed_path: str


def bring_up_to_date(
    record: Record,
    source: Layout,
    tables: Sequence[Facts],
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Place what changed since the last time, and remove what is gone.

    Args:
        record: The record of the folder.
        source: The layout of the tables.
        tables: The facts of the tables that the folder has.
        progress: Receives a sentence for each table with values that have no file there.

    Raises:
        FileNotFoundError: The store lost a file; the next build makes it again.
    """
    state = _state(source, tables)
    copies = record.copies
    if copies.get("state") == state and not copies["placing"]:
        for sentence in copies["left_out"]:
            progress(sentence)
        return
    for _ in range(_PASSES):
        contents, left_out = _contents(record, source, tables)
        is_whole = _bring_to(record, source, _state(source, tables), contents, left_out)
        for sentence in left_out:
            progress(sentence)
        # Another build, or a rollback, may have published others meanwhile, and be done before.
        published = _published(record.store, source)
        is_published = all(published.get(t["name"], t["sha256"]) == t["sha256"] for t in tables)
        if is_whole and is_published:
            return
        tables = _current(record.store, source, tables)


def _state(source: Layout, tables: Sequence[Facts]) -> str:
    """Returns a digest of what all paths together hold."""
    lines = [f"{source.name} {_RULES}"]
    lines += [f"{successor_name(facts['name'])}={facts['sha256']}" for facts in tables]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _bring_to(
    record: Record, source: Layout, state: str, contents: dict[str, _Content], left_out: list[str]
) -> bool:
    """Place contents; returns whether no other writer placed anything meanwhile."""
    writer = uuid.uuid4().hex
    is_last = False

    def announce(content: dict[str, Any]) -> None:
        copies = content.setdefault("copies", {"placing": {}})
        copies |= {"source": source.name, "last": writer, "left_out": left_out}
        copies["placing"][writer] = now_text()

    def finish(content: dict[str, Any]) -> None:
        nonlocal is_last
        copies = content["copies"]
        # Whoever ends after another one began or ended does not know what the paths hold.
        is_last = copies["last"] == writer
        copies |= {"state": state if is_last else "", "last": ""}
        copies["placing"].pop(writer, None)
        copies["placing"] = {w: at for w, at in copies["placing"].items() if not _is_old(at)}

    record.update(announce)
    _place(record, writer, contents)
    record.update(finish)
    return is_last


def _place(record: Record, writer: str, contents: dict[str, _Content]) -> None:
    """Bring the paths of a folder to their contents, chunk by chunk, and list them."""
    store, key = record.store, record.layout.copies
    placed: set[str] = set()
    done = False

    def behind(files: dict[str, str], pending: dict[str, Any]) -> list[str]:
        digests = {path: content.sha256 for path, content in contents.items()}
        differing = {
            path for path in files.keys() | digests.keys() if files.get(path) != digests.get(path)
        }
        unknown = {path for entry in pending.values() for path in entry["paths"]}
        # Not again what this writer placed: two that live would undo one another for ever.
        return sorted((differing | unknown) - placed)

    def apply(body: bytes | None) -> bytes | None:
        nonlocal done
        inventory = parsed(store, key, body) or {"files": {}, "pending": {}}
        files, pending = inventory["files"], inventory["pending"]
        if writer not in pending:
            waiting = behind(files, pending)
            if not waiting:
                done = True
                return None
            size = max(CHUNK, len(waiting) // SHARE)
            pending[writer] = {"at": now_text(), "paths": waiting[:size]}
            return serialized(inventory)
        # Before every attempt: another writer may have placed its own contents since.
        paths = pending.pop(writer)["paths"]
        _write(record, {path: contents.get(path) for path in paths})
        placed.update(paths)
        for path in paths:
            files.pop(path, None)
            if path in contents:
                files[path] = contents[path].sha256
        inventory["files"] = dict(sorted(files.items()))
        for other in [w for w, entry in pending.items() if _is_old(entry["at"])]:
            pending[other]["paths"] = [p for p in pending[other]["paths"] if p not in placed]
            if not pending[other]["paths"]:
                del pending[other]
        return serialized(inventory)

    known = None
    while not done:
        known = store.update(key, apply, known=known, advice="is another build running?")


def _is_old(at: str) -> bool:
    """Returns whether a writer that announced something then is dead."""
    return datetime.now(UTC) - datetime.fromisoformat(at) > SILENT


def _write(record: Record, contents: dict[str, _Content | None]) -> None:
    """Give paths their contents; None stands for a path that is removed."""
    store, folder = record.store, record.layout.folder

    def put(path: str, content: _Content) -> None:
        # By no hard link and no copy inside of the store, for the reasons of `Store.copy`. Neither
        # by `copy` itself: on a folder it would say of the other path when that was placed.
        store.put(f"{folder}/{path}", _body(store, content))

    with work.Threads(LOCAL_REQUESTS if store.is_local else REQUESTS) as pool:
        given = {path: content for path, content in contents.items() if content}
        list(pool.map(put, given.keys(), given.values()))
    if gone := [f"{folder}/{path}" for path, content in contents.items() if content is None]:
        store.delete(gone)


def _body(store: Store, content: _Content) -> bytes:
    """Returns the bytes of a content, from its object or else its fixed path."""
    with suppress(FileNotFoundError, Altered):
        return store.get_object(content.object)
    with suppress(FileNotFoundError, Altered):
        body = store.get(content.fixed_path)
        if hashlib.sha256(body).hexdigest() == content.sha256:
            return body
    raise FileNotFoundError(
        f"{store.at(content.fixed_path)}: the store lost its content, which the next build makes "
        "again; until then its copy stays as it was"
    )


def _contents(
    record: Record, source: Layout, tables: Iterable[Facts]
) -> tuple[dict[str, _Content], list[str]]:
    """Returns the content of each path in the folder, and sentences about values without one."""
    contents: dict[str, _Content] = {}
    sentences = []
    start = len(record.layout.folder) + 1
    for facts in tables:
        name, column, table = successor_name(facts["name"]), facts["partition_key"], facts["table"]
        if not column:
            digest = facts["sha256"]
            content = _Content(digest, source.object(table, digest), source.table(table))
            contents[record.layout.table(name)[start:]] = content
            continue
        values = {segment: decode_partition(segment) for segment in facts["partitions"]}
        paths = {
            segment: record.layout.partition(name, column, value or "")
            for segment, value in values.items()
            if not is_unfit(value)
        }
        one_place = _of_one_place(record.store, paths)
        left_out = [value for segment, value in values.items() if segment not in paths]
        left_out += [values[segment] for segment in sorted(one_place)]
        if left_out:
            sentences.append(_sentence(record, name, column, left_out))
        for segment in paths.keys() - one_place:
            digest = facts["partitions"][segment]["sha256"]
            fixed_path = source.partition(table, column, segment)
            content = _Content(digest, source.object(table, digest), fixed_path)
            contents[paths[segment][start:]] = content
    return contents, sentences


def is_unfit(value: str | None) -> bool:
    """Returns whether a partition's value, as it is, is no name of a folder for its readers.

    So are no value, an empty one, the word that stands for no value in such names, `.` and `..`,
    and values with a slash, a control character, or a character that DuckDB takes for a pattern.
    """
    return value in (None, "", ".", "..", NULL_PARTITION) or bool(_UNFIT.search(value or ""))


def _of_one_place(store: Store, paths: dict[str, str]) -> set[str]:
    """Returns the segments whose paths are one file, on a disk that does not tell them apart."""
    if not store.is_local:
        return set()
    folded = defaultdict(list)
    for segment, path in sorted(paths.items()):
        folded[unicodedata.normalize("NFC", path).casefold()].append(segment)
    return {
        segment
        for first, *others in folded.values()
        for other in others
        if store.is_one_place(paths[first], paths[other])
        for segment in (first, other)
    }


def _sentence(record: Record, name: str, column: str, values: Sequence[str | None]) -> str:
    first = ", ".join("no value" if value is None else repr(value) for value in values[:_SHOWN])
    more = f" and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else ""
    return (
        f"{record.layout.name}/{name} has no file where {column} is {first}{more}: it is no name "
        "of a folder there, and only readers that follow `location` read these rows"
    )


def _published(store: Store, source: Layout) -> dict[str, str]:
    """Returns the digest of each table that is published now."""
    registry = json.loads(store.get(source.registry))
    return {entry["name"]: entry["sha256"] for entry in registry["acorns"]}


def _current(store: Store, source: Layout, tables: Iterable[Facts]) -> list[Facts]:
    """Returns the facts of tables as they are now."""
    return [json.loads(store.get(source.facts(facts["table"]))) for facts in tables]
