"""User tables: `custom` stores a frame under a name, outside the version folders, and reads it.

They hold other programs' state: no build touches them, and no writer's work is lost without an
error. The functions for acorns are in `zs_client.acorns`, the store is in `zs_client.store`.
"""

import difflib
import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zs_client import fetch, read, work
from zs_client.cache import CachedStore
from zs_client.conditions import PROBES
from zs_client.contract import ROOT, Layout, layouts
from zs_client.custom_names import check
from zs_client.errors import CustomConflict, CustomNotFound, ReadError, StoreError
from zs_client.frame_files import STATE, encode, row_count
from zs_client.libraries import pa, pd, pl
from zs_client.obstore_errors import first_line, is_forbidden, is_missing_bucket
from zs_client.pinned import Pinned
from zs_client.place import Place, resolve_current, signed
from zs_client.read_requests import TABLES
from zs_client.store import IMMUTABLE, Store, Unreadable

HOME = f"{ROOT}/custom"
# Beside the home, not in it: readers of `custom/**` see no row twice.
OBJECTS = f"{ROOT}/_custom"
ABSENT = "absent"
# How many states the history lists; older states stay as objects.
LISTED = 1000

_DIGEST = re.compile(r"[0-9a-f]{64}")
_HOME = re.compile(r"(zs|bdc)-v\d+(\.\d+)*", re.ASCII).fullmatch


@dataclass(frozen=True)
class CustomTable:
    """A custom table in one of its states; None stands for an unknown value.

    Attributes:
        name: The table's name.
        state: The name of the content.
        rows: The number of rows.
        bytes: The number of bytes of parquet.
        written_at: When the state was stored.
    """

    name: str
    state: str | None
    rows: int | None
    bytes: int
    written_at: datetime | None


def custom(
    name: str,
    df: "pd.DataFrame | pl.DataFrame | pa.Table | None" = None,
    *,
    expect: "pd.DataFrame | str | None" = None,
    state: str | None = None,
) -> "pd.DataFrame":
    """Store your own table, or read it.

    The table is stored in `data-asset-cache/custom/<name>.pqt`, which no build touches, and a
    second time in the version folder, where older readers look. A table that only older version
    folders have is read from the newest of them.

    When several programs write the same table, each reads it, changes it, and stores it with
    `expect=` the frame that was read: the later program gets `CustomConflict` instead of undoing
    the other's work. Without `expect` the last writer wins, and `custom_history` keeps the earlier
    state.

    Args:
        name: Letters, digits, `_` and `-`, with dots and blanks inside; no acorn's name, no path.
        df: The table to store: a pandas or polars DataFrame, or a pyarrow Table. Names of columns
            must be text. The row index is not stored: `reset_index()` makes columns of it.
        expect: Store only if this state is still there: the frame that was read (or its
            `attrs["custom_state"]`), or `"absent"` for no table.
        state: Read an earlier state, one of `custom_history(name)`.

    Returns:
        The frame. `attrs["custom_state"]` names its state, for `expect`. Lists come back as arrays,
        times keep their zone, and categories of text stay categories. An empty table has columns.

    Raises:
        ValueError: The name is not allowed, or the frame cannot be stored; nothing was written.
        CustomNotFound: There is no such table or state; an `AcornNotFound`, and a ValueError.
        CustomConflict: The expected state is no longer there; nothing was written.
        ReadError: The table is there and cannot be read.
        PermissionError: The store may not be written; the message says which right is needed.
        StoreError: The store could not be used.
    """
    check(name)
    if df is None:
        if expect is not None:
            raise ValueError("expect= is for storing: give the frame too, custom(name, df, …)")
        store, layout = resolve_current()
        body, address = _content(store, layout, name, state)
        table = _decoded(body, address)
        frame = read.frame(table, address)
        frame.attrs = frame.attrs or (table.schema.pandas_metadata or {}).get("attributes") or {}
        return _with_state(frame, _digest(body))
    if state is not None:
        raise ValueError(
            "state= is for reading; to store a former state again: custom(name, custom(name, "
            "state=…))"
        )
    expected = _expected(expect)
    if type(df).__module__.partition(".")[0] == "polars" and hasattr(df, "to_arrow"):
        df = df.to_arrow()
    # When two writers store the same rows over the same state, as when both count up, the second
    # must fail: their bytes must differ.
    body, rows = encode(name, df, {b"zs_writer": uuid.uuid4().hex.encode()} if expected else {})
    store, layout = resolve_current()
    store = signed(store)
    with _storing(store, layout, name):
        _store(store, layout, name, body, rows, expected)
    stored: Any = df
    frame = stored.copy(deep=False) if hasattr(df, "attrs") else read.frame(stored, name)
    return _with_state(frame, _digest(body))


def custom_delete(name: str, *, expect: "pd.DataFrame | str | None" = None) -> CustomTable:
    """Remove a custom table; its history stays, so that it can be stored again.

    `custom(name, custom(name, state=removed.state))` stores it again, where `removed` is what this
    function returned. Copies in folders of other versions stay, and are not read any more.

    Args:
        name: The table's name.
        expect: Remove it only if this state is still there, as of `custom`. A writer that stores
            the table in the very moment of its removal may find it removed; both states stay in
            the history.

    Returns:
        The state that was removed.

    Raises:
        ValueError: The name is not allowed; nothing was removed.
        CustomNotFound: There is no such table; an `AcornNotFound`, and a ValueError.
        CustomConflict: The expected state is no longer there; nothing was removed.
        ReadError: The table is there and cannot be read.
        PermissionError: Nothing may be removed from the store; the message says which right is
            needed.
        StoreError: The store could not be used.
    """
    check(name)
    expected = _expected(expect)
    store, layout = resolve_current()
    store = signed(store)
    with _storing(store, layout, name, removes=True):
        return _remove(store, layout, name, expected)


def custom_history(name: str) -> list[CustomTable]:
    """Returns the states of a custom table, the present one first, then the latest first.

    `custom(name, state=history[1].state)` reads the state before the present one. Of a table that
    was removed all states are former ones.

    Raises:
        ValueError: The name is not allowed.
        CustomNotFound: There is no such table, and was none.
        ReadError: The table is there and cannot be read.
    """
    check(name)
    store, layout = resolve_current()
    content = _present(store, layout, name)
    states = [_table(name, entry) for entry in reversed(_history(store, name))]
    if content is None:
        if states:
            return states
        raise CustomNotFound(_nowhere(store, name))
    body, _ = content
    present = [table for table in states if table.state == _digest(body)]
    present = present or [_table(name, _entry(body, row_count(body)))]
    return present + [table for table in states if table.state != _digest(body)]


def custom_tables(store_url: str | Path | None = None) -> list[CustomTable]:
    """Returns the custom tables of a store, by name, without those in older version folders only.

    Args:
        store_url: The store; else as the functions take it from `ZS_STORE` and `FOREST_TYPE`.

    Raises:
        StoreError: The store cannot be opened.
        ReadError: The store cannot be listed, or a table's history cannot be read.
    """
    store, _ = resolve_current(store_url)
    entries = _home_entries(store)
    histories = work.map_ordered(lambda name: _history(store, name), entries)
    return [
        _table_in_home(name, entry, history[-1] if history else None)
        for (name, entry), history in zip(entries.items(), histories, strict=True)
    ]


def content(store: Store, layout: Layout, name: str) -> "tuple[pa.Table, str]":
    """Returns a custom table as Arrow, and the name of its state, for the pipeline.

    Raises:
        CustomNotFound: There is no such table.
        ReadError: The table is there and cannot be read.
    """
    body, address = _content(store, layout, name, None)
    return _decoded(body, address), _digest(body)


def named(name: str, at: Place) -> "pa.Table | None":
    """Returns a custom table as it is now; None if an acorn has the name, or there is no table.

    Raises:
        ReadError: The table is there and cannot be read.
    """
    if any(name in line[:2] for line in TABLES):
        return None
    try:
        check(name)
    except (TypeError, ValueError):
        return None
    # A snapshot has acorns only.
    store = at.store.current if isinstance(at.store, Pinned) else at.store
    if not isinstance(store, Store):
        return None
    try:
        return content(store, at.layout, name)[0]
    except CustomNotFound:
        return None
    except ReadError:
        # Offline nobody can tell whether there is such a table.
        if isinstance(store, CachedStore) and store.offline:
            return None
        raise


@dataclass(frozen=True)
class Copy:
    """A copy of a custom table, in the home or in a version folder.

    Attributes:
        key: The copy's key.
        table: The rows.
        state: The name of the content.
        modified: When the copy was written.
    """

    key: str
    table: "pa.Table"
    state: str
    modified: datetime


def copies(store: Store, name: str) -> list[Copy]:
    """Returns every copy of a custom table, for the pipeline: the copy in the home first.

    The copies in the version folders of this program and of its successor follow, the last folder
    by name first; each folder is listed once.

    Raises:
        CustomNotFound: There is no copy.
        ReadError: A copy is there and cannot be read.
    """
    with _read(store, f"{ROOT}/"):
        folders = sorted(filter(_HOME, store.folders(ROOT)), reverse=True)
        homes = [HOME, *(f"{ROOT}/{folder}" for folder in folders)]
        entries = [entry for home in homes for entry in store.files(home)]
    tables = []
    for entry in entries:
        key = entry["path"]
        if key.endswith(f"/{name}.pqt"):
            body = fetch.get(store, key)
            table = _decoded(body, store.at(key))
            tables.append(Copy(key, table, _digest(body), entry["last_modified"]))
    if not tables:
        raise CustomNotFound(_nowhere(store, name))
    return tables


def _expected(expect: Any) -> str | None:
    if expect is None:
        return None
    state = expect if isinstance(expect, str) else getattr(expect, "attrs", {}).get(STATE)
    if not isinstance(state, str) or not (state == ABSENT or _DIGEST.fullmatch(state)):
        raise ValueError(
            f"expect= is the frame that custom() gave, its attrs[{STATE!r}], or {ABSENT!r} for no "
            "table; what merge and concat make of such a frame has no state any more"
        )
    return state


def _key(name: str) -> str:
    return f"{HOME}/{name}.pqt"


def _object_key(name: str, state: str) -> str:
    return f"{OBJECTS}/{name}/{state}.pqt"


def _history_key(name: str) -> str:
    return f"{HOME}/{name}.json"


def _content(store: Store, layout: Layout, name: str, state: str | None) -> tuple[bytes, str]:
    """Returns the bytes of a table, and their address."""
    if state is not None and _DIGEST.fullmatch(state):
        with suppress(FileNotFoundError):
            return fetch.get(store, _object_key(name, state)), store.at(_object_key(name, state))
    present = _present(store, layout, name)
    if present is None:
        raise CustomNotFound(_nowhere(store, name))
    if state is not None and _digest(present[0]) != state:
        raise CustomNotFound(
            f"the custom table {name!r} of {store.url} has no state {state[:64]!r}; "
            f"custom_history({name!r}) lists those that it has"
        )
    return present


def _present(store: Store, layout: Layout, name: str) -> tuple[bytes, str] | None:
    for key in _homes(store, layout, name):
        # Other copies than the one in the home may outlive a removal.
        if key == layout.table(name) and _removed_at(store, name):
            return None
        with suppress(FileNotFoundError):
            return fetch.get(store, key), store.at(key)
    return None


def _removed_at(store: Store, name: str) -> str | None:
    """Returns when a table that is not in the home was removed; None if it was not."""
    try:
        history = json.loads(fetch.get(store, _history_key(name)))
    except (FileNotFoundError, ValueError):
        return None
    except ReadError:
        # Offline it need not be in the local cache.
        if isinstance(store, CachedStore) and store.offline:
            return None
        raise
    removed_at = history.get("removed_at") if isinstance(history, dict) else None
    return removed_at if isinstance(removed_at, str) else None


def _homes(store: Store, layout: Layout, name: str) -> Iterator[str]:
    """Yields the keys where a table may lie; folders are listed only after the first two keys."""
    yield _key(name)
    yield layout.table(name)
    with _read(store, f"{ROOT}/"):
        folders = store.folders(ROOT)
    yield from (other.table(name) for other in layouts(folders) if other != layout)


def _nowhere(store: Store, name: str) -> str:
    if removed_at := _removed_at(store, name):
        return (
            f"the custom table {name!r} of {store.url} was removed at {removed_at}; "
            f"custom_history({name!r}) has its states, and custom({name!r}, state=…) reads one"
        )
    names = list(_home_entries(store))
    similar = difflib.get_close_matches(name, names, n=5)
    hint = (
        f"alike are {', '.join(similar)}" if similar else f"there are {', '.join(names) or 'none'}"
    )
    return (
        f"there is no custom table {name!r} in {store.url}: nothing lies at {store.at(_key(name))} "
        f"or in a version folder; {hint}. custom({name!r}, df) stores one"
    )


def _home_entries(store: Store) -> dict[str, dict[str, Any]]:
    with _read(store, f"{HOME}/"):
        entries = {entry["path"].removeprefix(f"{HOME}/"): entry for entry in store.walk(HOME)}
    return {
        path.removesuffix(".pqt"): entries[path]
        for path in sorted(entries)
        if path.endswith(".pqt") and "/" not in path
    }


def _table_in_home(name: str, entry: dict[str, Any], last: dict[str, Any] | None) -> CustomTable:
    # A table that another program put there is not in the history.
    if last is not None and last["bytes"] == entry["size"]:
        return _table(name, last)
    return CustomTable(name, None, None, entry["size"], entry["last_modified"])


def _store(
    store: Store, layout: Layout, name: str, body: bytes, rows: int, expected: str | None
) -> None:
    """Write object, home, version folder and history; readers find the old or the new content."""
    _tell_apart(store, name)
    known = {entry["state"] for entry in _history(store, name)}
    state = _digest(body)
    new_states = [_entry(body, rows)]
    if state not in known:
        store.put(_object_key(name, state), body, cache=IMMUTABLE)

    def change(home: bytes | None) -> bytes | None:
        former = home
        if former is None:
            present = _present(store, layout, name)
            former = present[0] if present else None
        former_state = ABSENT if former is None else _digest(former)
        if expected not in (None, former_state):
            raise CustomConflict(_overtaken(store, name, expected, former_state))
        if former is not None and former_state not in known and former_state != state:
            store.put(_object_key(name, former_state), former, cache=IMMUTABLE)
            new_states.insert(0, _entry(former, row_count(former)))
            known.add(former_state)
        return None if home == body else body

    store.update(_key(name), change)
    new_states[-1]["written_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    _settle(store, layout, name, new_states)


def _remove(store: Store, layout: Layout, name: str, expected: str | None) -> CustomTable:
    """Remove a table from home and version folder, once its state lies beside them.

    The history is written first: it says that copies in other version folders do not count.
    """
    present = _present(store, layout, name)
    if present is None:
        raise CustomNotFound(_nowhere(store, name))
    body, state = present[0], _digest(present[0])
    if expected not in (None, state):
        raise CustomConflict(_overtaken(store, name, expected, state))
    if state not in {entry["state"] for entry in _history(store, name)}:
        store.put(_object_key(name, state), body, cache=IMMUTABLE)
    removed = _entry(body, row_count(body))

    def change(history: bytes | None) -> bytes:
        nonlocal removed
        states = _states(store, name, history)
        removed = next((entry for entry in states if entry["state"] == state), removed)
        states = [entry for entry in states if entry["state"] != state] + [removed]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return _packed(name, states, removed_at=now)

    store.update(_history_key(name), change, advice="the table is there as before")
    home = _get_if_there(store, _key(name))
    if expected is not None and home is not None and _digest(home) != state:
        raise CustomConflict(_overtaken(store, name, expected, _digest(home)))
    for key in (layout.table(name), _key(name)):
        store.delete([key])
        store.forget(key)
    return _table(name, removed)


def _packed(name: str, states: list[dict[str, Any]], **more: str) -> bytes:
    """Returns a table's history as it is written."""
    return json.dumps({"name": name, "states": states[-LISTED:], **more}, indent=1).encode()


def _tell_apart(store: Store, name: str) -> None:
    """Refuse a name whose file is another table's on a disk that ignores capitals.

    Raises:
        ValueError: The file is another table's.
    """
    if not store.is_local:
        return
    for other in _home_entries(store):
        is_alike = other != name and other.casefold() == name.casefold()
        if is_alike and store.is_one_place(_key(name), _key(other)):
            raise ValueError(
                f"custom table {name!r}: {other!r} is the same file in {store.url}, whose disk "
                "does not tell capitals from small letters; choose another name"
            )


def _settle(store: Store, layout: Layout, name: str, new_states: list[dict[str, Any]]) -> None:
    """Bring the version folder and the history up to date with the home.

    The copy is made between reading and replacing the history: the writer that replaces the history
    last has copied the content that the home had after both writers.
    """

    def change(body: bytes | None) -> bytes:
        states = _states(store, name, body)
        home, copy = _get_if_there(store, _key(name)), layout.table(name)
        if home is not None and _get_if_there(store, copy) != home:
            store.put(copy, home)
        new = {entry["state"] for entry in new_states}
        states = [entry for entry in states if entry["state"] not in new] + new_states
        states.sort(key=lambda entry: entry["written_at"] or "")
        return _packed(name, states)

    advice = "the table is stored, its history lacks this state"
    store.update(_history_key(name), change, advice=advice)


def _overtaken(store: Store, name: str, expected: str | None, state: str) -> str:
    def label(state: str | None) -> str:
        return "no table" if state == ABSENT else f"state {str(state)[:12]}"

    return (
        f"the custom table {name!r} of {store.url} was changed by another writer: expected was "
        f"{label(expected)}, and there is {label(state)}. Nothing was stored: read it again, "
        "change it, and store that with expect="
    )


def _history(store: Store, name: str) -> list[dict[str, Any]]:
    """Returns the states of a table in the order in which they were stored."""
    return _states(store, name, _get_if_there(store, _history_key(name)))


def _states(store: Store, name: str, history: bytes | None) -> list[dict[str, Any]]:
    if history is None:
        return []
    try:
        return [
            {key: entry[key] for key in ("state", "rows", "bytes", "written_at")}
            for entry in json.loads(history)["states"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ReadError(
            f"{store.at(_history_key(name))}: is no history of a custom table "
            f"({type(error).__name__}: {error}); remove it to begin a new one"
        ) from error


def _table(name: str, entry: dict[str, Any]) -> CustomTable:
    written = entry["written_at"]
    return CustomTable(
        name,
        entry["state"],
        entry["rows"],
        entry["bytes"],
        datetime.fromisoformat(written) if written else None,
    )


def _entry(body: bytes, rows: int | None) -> dict[str, Any]:
    return {"state": _digest(body), "rows": rows, "bytes": len(body), "written_at": None}


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _decoded(body: bytes, address: str) -> "pa.Table":
    return fetch.decode(body, address, advice="store the table again, or a former state of it")


def _with_state(frame: "pd.DataFrame", state: str) -> "pd.DataFrame":
    frame.attrs = {**frame.attrs, STATE: state}
    return frame


def _get_if_there(store: Store, key: str) -> bytes | None:
    with _read(store, key):
        return store.get_if_there(key)[0]


@contextmanager
def _read(store: Store, key: str) -> Iterator[None]:
    """Raise failures of reading as ReadError, except FileNotFoundError."""
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
def _storing(store: Store, layout: Layout, name: str, *, removes: bool = False) -> Iterator[None]:
    """Raise failures of writing with the table's name and the right or advice that helps."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        if not is_forbidden(error):
            failed = "removed from" if removes else "stored in"
            again = "removing" if removes else "storing"
            raise StoreError(
                f"custom table {name!r} could not be {failed} {store.url}: {first_line(error)}; "
                f"{again} it again is safe"
            ) from error
        folders = f"{OBJECTS}/, {HOME}/, {PROBES}/ and {layout.folder}/"
        right = "the permission to write to"
        if store.url.startswith("s3:"):
            rights = ["s3:GetObject", "s3:PutObject", *(["s3:DeleteObject"] if removes else [])]
            right = f"{', '.join(rights[:-1])} and {rights[-1]} under"
        raise PermissionError(
            f"custom table {name!r}: {first_line(error)}. Reading it needs no permission to write; "
            f"{'removing' if removes else 'storing'} it needs {right} {folders}"
        ) from error
