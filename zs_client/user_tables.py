"""Tables of one's own: `custom` keeps a frame under a name, outside the versions, and reads it.

They hold other programs' state: no build touches them, and of two writers none loses its work
unheard. The acorns have their functions in `zs_client.acorns`; keys are bytes in `zs_client.store`.
"""

import difflib
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zs_client import fetch, read, work
from zs_client.acorns import TABLES
from zs_client.conditions import PROBES
from zs_client.contract import ROOT, Layout, layouts
from zs_client.errors import (
    CustomConflict,
    CustomNotFound,
    ReadError,
    StoreError,
)
from zs_client.frame_files import STATE, encode, row_count
from zs_client.obstore_errors import first_line, is_forbidden, is_missing_bucket
from zs_client.opening import open_store
from zs_client.place import resolve_current
from zs_client.s3 import PUBLIC
from zs_client.store import IMMUTABLE, Store, Unreadable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

HOME = f"{ROOT}/custom"
# Beside the home, not in it: who reads `custom/**` sees no row twice.
OBJECTS = f"{ROOT}/_custom"
ABSENT = "absent"
LONGEST = 100
# States that the history lists; what is older stays as an object.
LISTED = 1000

# No file on Windows can be called so, whatever its ending.
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)))
)
_NAME = re.compile(r"[\w-]([\w .-]*[\w-])?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HOME = re.compile(r"(zs|bdc)-v\d+(\.\d+)*", re.ASCII).fullmatch
# Acorns of other versions, and names that the folders use: in a version folder one of these would
# hide the other.
_RESERVED = (
    *("assets_smartspim", "platform_exaspim", "platform_fib", "behavior_curriculum"),
    *("foraging_sessions", "metadata_upgrade", "metadata_core", "data_asset_problems"),
    *("raw_to_derived", "documents", "custom", "squirrel", "zombie-squirrel", "zombie-squirrels"),
)


@dataclass(frozen=True)
class CustomTable:
    """A custom table in one of its states.

    Attributes:
        name: Its name.
        state: Names the content; None when that is not told.
        rows: How many rows; None when that is not told.
        bytes: How many bytes of parquet.
        written_at: When it was stored; None when that is not told.
    """

    name: str
    state: str | None
    rows: int | None
    bytes: int
    written_at: datetime | None


def custom(
    name: str,
    df: "pd.DataFrame | pa.Table | None" = None,
    *,
    expect: "pd.DataFrame | str | None" = None,
    state: str | None = None,
) -> "pd.DataFrame":
    """Store a table of one's own, or read it.

    It lies in `data-asset-cache/custom/<name>.pqt`, where a new version finds it and no build
    touches it, and a second time in the version folder, where readers of old look. One that only an
    older version folder has is read from the newest such folder.

    When several programs write the same table, read it, change it, and store it with
    `expect=` what was read: the later one gets `CustomConflict` instead of undoing the other's
    work. Without `expect` the last one wins, and what was there stays in `custom_history`.

    Args:
        name: Letters, digits, `_` and `-`, dots and blanks inside; no acorn's name, no path.
        df: What to store: a pandas DataFrame, or a pyarrow Table. Columns need names of text. The
            row index is not stored: `reset_index()` makes columns of it.
        expect: Store only if this is still there: the frame that was read (or its
            `attrs["custom_state"]`), or `"absent"` for no table at all.
        state: Read what the table was, one of `custom_history(name)`.

    Returns:
        The frame. `attrs["custom_state"]` names its state, for `expect`. Lists come back as arrays,
        times in their zone, categories of text as such. An empty table has its columns.

    Raises:
        ValueError: The name is not allowed, or the frame cannot be stored; nothing was written.
        CustomNotFound: There is no such table or state; an `AcornNotFound`, and a ValueError.
        CustomConflict: What was expected is no longer there; nothing was written.
        ReadError: It is there and cannot be read.
        PermissionError: The store may not be written; the message says what is needed.
        StoreError: The store could not be used.
    """
    _check(name)
    if df is None:
        if expect is not None:
            raise ValueError("expect= is for storing: give the frame too, custom(name, df, …)")
        store, layout = resolve_current()
        body, where = _content(store, layout, name, state)
        table = _decoded(body, where)
        found = read.frame(table, where)
        found.attrs = found.attrs or (table.schema.pandas_metadata or {}).get("attributes") or {}
        return _with_state(found, _digest(body))
    if state is not None:
        raise ValueError(
            "state= is for reading; to store a former state again: custom(name, custom(name, "
            "state=…))"
        )
    expected = _expected(expect)
    # Of two writers that store the same rows over the same state one has to be the second, as when
    # both count up: their bytes must differ.
    body, rows = encode(name, df, {b"zs_writer": uuid.uuid4().hex.encode()} if expected else {})
    store, layout = resolve_current()
    # The public bucket is read without credentials.
    store = open_store(store.url) if store.url == PUBLIC else store
    with _told(store, layout, name):
        _store(store, layout, name, body, rows, expected)
    frame = df.copy(deep=False) if hasattr(df, "attrs") else read.frame(df, name)
    return _with_state(frame, _digest(body))


def custom_history(name: str) -> list[CustomTable]:
    """The states that a custom table had, the present one first, then the latest first.

    `custom(name, state=history[1].state)` reads what was there before.

    Raises:
        ValueError: The name is not allowed.
        CustomNotFound: There is no such table.
        ReadError: It is there and cannot be read.
    """
    _check(name)
    store, layout = resolve_current()
    body, _ = _content(store, layout, name, None)
    listed = [_table(name, entry) for entry in reversed(_history(store, name))]
    present = [table for table in listed if table.state == _digest(body)]
    present = present or [_table(name, _entry(body, row_count(body), None))]
    return present + [table for table in listed if table.state != _digest(body)]


def custom_tables(store_url: str | Path | None = None) -> list[CustomTable]:
    """The custom tables of a store, by name; not those that only an older version folder has.

    Args:
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Raises:
        StoreError: The store cannot be opened.
        ReadError: It cannot be listed, or a table's history cannot be read.
    """
    store, _ = resolve_current(store_url)
    found = _listed(store)
    if not found:
        return []
    histories = work.map_ordered(lambda name: _history(store, name), found)
    return [
        _listed_table(name, entry, history[-1] if history else None)
        for (name, entry), history in zip(found.items(), histories, strict=True)
    ]


def content(store: Store, layout: Layout, name: str) -> "tuple[pa.Table, str]":
    """A custom table as Arrow, and the name of its state; for the pipeline.

    Raises:
        CustomNotFound: There is no such table.
        ReadError: It is there and cannot be read.
    """
    body, where = _content(store, layout, name, None)
    return _decoded(body, where), _digest(body)


@dataclass(frozen=True)
class Copy:
    """What lies in one of the places where a custom table may lie.

    Attributes:
        key: Its key.
        table: Its rows.
        state: Names the content.
        modified: When it was written there.
    """

    key: str
    table: "pa.Table"
    state: str
    modified: datetime


def copies(store: Store, name: str) -> list[Copy]:
    """Returns every copy of a custom table, for the pipeline: the one in the home first.

    Those in the folders of this program's versions and of its successor's follow, the last folder
    by name first; each folder is listed once.

    Raises:
        CustomNotFound: There is none.
        ReadError: One is there and cannot be read.
    """
    with _read(store, f"{ROOT}/"):
        folders = sorted(filter(_HOME, store.folders(ROOT)), reverse=True)
        homes = [HOME, *(f"{ROOT}/{folder}" for folder in folders)]
        there = [entry for home in homes for entry in store.files(home)]
    found = []
    for entry in there:
        key = entry["path"]
        if key.endswith(f"/{name}.pqt"):
            body = fetch.get(store, key)
            table = _decoded(body, store.at(key))
            found.append(Copy(key, table, _digest(body), entry["last_modified"]))
    if not found:
        raise CustomNotFound(_nowhere(store, name))
    return found


def _check(name: str) -> None:
    if not isinstance(name, str):
        raise TypeError(f"a custom table's name is a text, not {name!r}")
    shown = f"{name[:LONGEST]!r}"
    if not name:
        raise ValueError("a custom table needs a name")
    if any(c in name for c in "/\\") or name.startswith("."):
        raise ValueError(f"{shown} is a path, and a custom table has a name, with no folder")
    size = len(name.encode("utf-8", "replace"))
    if size > LONGEST:
        raise ValueError(
            f"{shown}… has {size:,} bytes; a custom table's name has at most {LONGEST}"
        )
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{shown}: a custom table's name is of letters, digits, _ and -, with dots and blanks "
            "inside it"
        )
    acorns = {word for line in TABLES for word in line[:2]}
    # Some file systems do not tell capitals from small letters.
    if name.casefold().partition(".")[0].rstrip() in _DEVICES:
        raise ValueError(f"{shown} is a device to Windows; choose another name for a custom table")
    if name.startswith("_") or name.casefold() in {*_RESERVED, *acorns}:
        kind = "the name of an acorn" if name.casefold() in acorns else "reserved"
        raise ValueError(f"{shown} is {kind}; choose another name for a custom table")


def _expected(expect: Any) -> str | None:
    if expect is None:
        return None
    found = expect if isinstance(expect, str) else getattr(expect, "attrs", {}).get(STATE)
    if not isinstance(found, str) or not (found == ABSENT or _DIGEST.fullmatch(found)):
        raise ValueError(
            f"expect= is the frame that custom() gave, its attrs[{STATE!r}], or {ABSENT!r} for no "
            "table; what merge and concat make of such a frame has no state any more"
        )
    return found


def _key(name: str) -> str:
    return f"{HOME}/{name}.pqt"


def _object_key(name: str, state: str) -> str:
    return f"{OBJECTS}/{name}/{state}.pqt"


def _history_key(name: str) -> str:
    return f"{HOME}/{name}.json"


def _content(store: Store, layout: Layout, name: str, state: str | None) -> tuple[bytes, str]:
    """The bytes of a table, and where they lie."""
    if state is not None and _DIGEST.fullmatch(state):
        try:
            return fetch.get(store, _object_key(name, state)), store.at(_object_key(name, state))
        except FileNotFoundError:
            pass
    found = _present(store, layout, name)
    if found is None:
        raise CustomNotFound(_nowhere(store, name))
    if state is not None and _digest(found[0]) != state:
        raise CustomNotFound(
            f"the custom table {name!r} of {store.url} has no state {state[:64]!r}; "
            f"custom_history({name!r}) lists those that it has"
        )
    return found


def _present(store: Store, layout: Layout, name: str) -> tuple[bytes, str] | None:
    for key in _homes(store, layout, name):
        try:
            return fetch.get(store, key), store.at(key)
        except FileNotFoundError:
            continue
    return None


def _homes(store: Store, layout: Layout, name: str) -> Iterator[str]:
    """Where a table may lie; the folders are listed only when it lies in none of the first two."""
    yield _key(name)
    yield layout.table(name)
    with _read(store, f"{ROOT}/"):
        folders = store.folders(ROOT)
    yield from (other.table(name) for other in layouts(folders) if other != layout)


def _nowhere(store: Store, name: str) -> str:
    names = list(_listed(store))
    alike = difflib.get_close_matches(name, names, n=5)
    there = f"alike are {', '.join(alike)}" if alike else f"there are {', '.join(names) or 'none'}"
    return (
        f"there is no custom table {name!r} in {store.url}: nothing lies at {store.at(_key(name))} "
        f"or in a version folder; {there}. custom({name!r}, df) stores one"
    )


def _listed(store: Store) -> dict[str, dict[str, Any]]:
    """What lies in the home, by name."""
    with _read(store, f"{HOME}/"):
        found = {entry["path"].removeprefix(f"{HOME}/"): entry for entry in store.walk(HOME)}
    return {
        path.removesuffix(".pqt"): found[path]
        for path in sorted(found)
        if path.endswith(".pqt") and "/" not in path
    }


def _listed_table(name: str, there: dict[str, Any], last: dict[str, Any] | None) -> CustomTable:
    # What was put there by other means is not in the history.
    if last is not None and last["bytes"] == there["size"]:
        return _table(name, last)
    return CustomTable(name, None, None, there["size"], there["last_modified"])


def _store(
    store: Store, layout: Layout, name: str, body: bytes, rows: int, expected: str | None
) -> None:
    """Object, home, version folder, history: a reader finds the old or the new content, whole."""
    _tell_apart(store, name)
    states = _history(store, name)
    known = {entry["state"] for entry in states}
    state = _digest(body)
    told = [_entry(body, rows, None)]
    if state not in known:
        store.put(_object_key(name, state), body, cache=IMMUTABLE)

    def change(there: bytes | None) -> bytes | None:
        former = there
        if former is None:
            found = _present(store, layout, name)
            former = found[0] if found else None
        was = ABSENT if former is None else _digest(former)
        if expected not in (None, was):
            raise CustomConflict(_overtaken(store, name, expected, was))
        if former is not None and was not in known and was != state:
            store.put(_object_key(name, was), former, cache=IMMUTABLE)
            told.insert(0, _entry(former, row_count(former), None))
            known.add(was)
        return None if there == body else body

    store.update(_key(name), change)
    told[-1]["written_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    _settle(store, layout, name, told)


def _tell_apart(store: Store, name: str) -> None:
    """Refuse a name that is another table's file on a disk that folds capitals.

    Raises:
        ValueError: It is.
    """
    if not store.is_local:
        return
    for other in _listed(store):
        alike = other != name and other.casefold() == name.casefold()
        if alike and store.is_one_place(_key(name), _key(other)):
            raise ValueError(
                f"custom table {name!r}: {other!r} is the same file in {store.url}, whose disk "
                "does not tell capitals from small letters; choose another name"
            )


def _settle(store: Store, layout: Layout, name: str, told: list[dict[str, Any]]) -> None:
    """Bring the version folder and the history up to what lies in the home by now.

    The copy is made between reading the history and replacing it: of two writers the later one to
    replace it has copied what was in the home after both had written there.
    """

    def change(body: bytes | None) -> bytes:
        states = _states(store, name, body)
        there = _get_if_there(store, _key(name))
        copy = layout.table(name)
        if there is not None and _get_if_there(store, copy) != there:
            store.put(copy, there)
        new = {entry["state"] for entry in told}
        states = [entry for entry in states if entry["state"] not in new] + told
        states.sort(key=lambda entry: entry["written_at"] or "")
        return json.dumps({"name": name, "states": states[-LISTED:]}, indent=1).encode()

    advice = "the table is stored, its history lacks this state"
    store.update(_history_key(name), change, advice=advice)


def _overtaken(store: Store, name: str, expected: str | None, was: str) -> str:
    def said(state: str | None) -> str:
        return "no table" if state == ABSENT else f"state {str(state)[:12]}"

    return (
        f"the custom table {name!r} of {store.url} was changed by another writer: expected was "
        f"{said(expected)}, and there is {said(was)}. Nothing was stored: read it again, change "
        "it, and store that with expect="
    )


def _history(store: Store, name: str) -> list[dict[str, Any]]:
    """Returns the states of a table in the order in which they were stored."""
    return _states(store, name, _get_if_there(store, _history_key(name)))


def _states(store: Store, name: str, history: bytes | None) -> list[dict[str, Any]]:
    if history is None:
        return []
    try:
        states: list[dict[str, Any]] = [
            {key: entry[key] for key in ("state", "rows", "bytes", "written_at")}
            for entry in json.loads(history)["states"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ReadError(
            f"{store.at(_history_key(name))}: is no history of a custom table "
            f"({type(error).__name__}: {error}); remove it to begin a new one"
        ) from error
    return states


def _table(name: str, entry: dict[str, Any]) -> CustomTable:
    written = entry["written_at"]
    return CustomTable(
        name,
        entry["state"],
        entry["rows"],
        entry["bytes"],
        datetime.fromisoformat(written) if written else None,
    )


def _entry(body: bytes, rows: int | None, written_at: str | None) -> dict[str, Any]:
    return {"state": _digest(body), "rows": rows, "bytes": len(body), "written_at": written_at}


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _decoded(body: bytes, where: str) -> "pa.Table":
    return fetch.decode(body, where, advice="store the table again, or a former state of it")


def _with_state(frame: "pd.DataFrame", state: str) -> "pd.DataFrame":
    frame.attrs = {**frame.attrs, STATE: state}
    return frame


def _get_if_there(store: Store, key: str) -> bytes | None:
    with _read(store, key):
        return store.get_if_there(key)[0]


@contextmanager
def _read(store: Store, key: str) -> Iterator[None]:
    """What fails in reading as a ReadError, but for what is not there."""
    from obstore.exceptions import BaseError

    try:
        yield
    except Unreadable as error:
        raise ReadError(str(error)) from error
    except (BaseError, OSError) as error:
        if is_missing_bucket(error):
            raise StoreError(f"{store.url}: no such bucket; create it, or name another") from error
        if isinstance(error, FileNotFoundError):
            raise
        raise ReadError(f"{store.at(key)}: could not be read: {first_line(error)}") from error


@contextmanager
def _told(store: Store, layout: Layout, name: str) -> Iterator[None]:
    """What fails in writing, with what it was for and what is needed."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        if is_forbidden(error):
            raise _forbidden(store, layout, name, error) from error
        raise StoreError(
            f"custom table {name!r} could not be stored in {store.url}: {first_line(error)}; "
            "storing it again is safe"
        ) from error


def _forbidden(store: Store, layout: Layout, name: str, error: Exception) -> PermissionError:
    folders = f"{OBJECTS}/, {HOME}/, {PROBES}/ and {layout.folder}/"
    right = (
        f"s3:GetObject and s3:PutObject under {folders}"
        if store.url.startswith("s3:")
        else f"the permission to write to {folders}"
    )
    return PermissionError(
        f"custom table {name!r}: {first_line(error)}. Reading it needs no permission to write; "
        f"storing it needs {right}"
    )
