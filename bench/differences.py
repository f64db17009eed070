"""What differs between two stores that two checkouts built from the same documents.

Parquet is compared byte by byte, JSON by its values. How the two stores come about is in
`bench.checkouts`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from zs_client.contract import ANSWERS, DOCUMENTS, ROOT

TABLES, KEPT_STATE = GROUPS = ("tables", "kept state")
# Keys of JSON whose values may differ between two checkouts that build the same, and why.
IGNORED = {
    "code_version": "a digest of the code, which is what differs between checkouts",
    "source_state": "names code versions, those of the tables before it among them",
    "inputs": "a digest over code versions and what was read",
    "reads": "a digest of what tables read and the kinds of value that they expect",
    "built_at": "a time",
    "checked_at": "a time",
    "published_at": "a time",
    "updated_at": "a time",
    "began_at": "a time, of the night",
    "ended_at": "a time, of the night",
    "failed_at": "a time, of the night",
    "since": "a time, of the night",
    "seconds": "how long the night took",
    "run_id": "names the night's first run",
}
# Of these the keys are compared and the values are not: `empty` has the `inputs` of a partition.
ONLY_KEYS = ("empty",)
EXAMPLES = 3
OBJECTS = "/_objects/"
_STAGING, _LOCK = "_staging", ".lock"
_LONGEST = 80


class Difference(NamedTuple):
    """A file that differs.

    Attributes:
        key: Its key in the store.
        lines: What differs, for a person.
    """

    key: str
    lines: tuple[str, ...]


@dataclass
class Comparison:
    """The files of one group in two stores.

    Attributes:
        equal: How many are the same.
        differences: Those that are not, or lie in one store only.
    """

    equal: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many files there are in either store."""
        return self.equal + len(self.differences)


def compare(base: Path, new: Path) -> dict[str, Comparison]:
    """Compare all files of two local stores.

    Args:
        base: The folder that holds `data-asset-cache`.
        new: Another one.

    Returns:
        A comparison for each of `GROUPS`: the tables with their facts and the registry; and what
        is kept of documents and side files for the next build.
    """
    compared = {group: Comparison() for group in GROUPS}
    files = _files(base), _files(new)
    for key in sorted(files[0].keys() | files[1].keys()):
        group = compared[KEPT_STATE if key.startswith((DOCUMENTS, ANSWERS)) else TABLES]
        lines = tuple(_lines(key, *(side.get(key) for side in files)))
        if lines:
            group.differences.append(Difference(key, lines))
        else:
            group.equal += 1
    return compared


def _files(store: Path) -> dict[str, Path]:
    """The files of a local store by key, without those of writers."""
    return {
        path.relative_to(store).as_posix(): path
        for path in (store / ROOT).rglob("*")
        if path.is_file() and _STAGING not in path.parts and path.suffix != _LOCK
    }


def _lines(key: str, base: Path | None, new: Path | None) -> Iterator[str]:
    """Yield what differs in a file; nothing where it is the same."""
    if base is None or new is None:
        yield "only in new" if base is None else "only in base"
        return
    bodies = base.read_bytes(), new.read_bytes()
    if bodies[0] == bodies[1]:
        return
    if key.endswith(".pqt"):
        yield from _of_parquet(*bodies)
    elif key.endswith(".json"):
        yield from _of_json(*bodies)
    else:
        yield "other bytes"


def _of_parquet(base: bytes, new: bytes) -> Iterator[str]:
    tables = []
    for name, body in (("base", base), ("new", new)):
        try:
            tables.append(pq.ParquetFile(pa.BufferReader(body)).read())
        except (pa.ArrowException, OSError) as error:
            yield f"no readable parquet in {name}: {_short(str(error))}"
            return
    lines = [*_of_schema(tables[0].schema, tables[1].schema), *_of_rows(*tables)]
    yield from lines or ["the same schema and rows, written as other bytes"]


def _of_schema(base: pa.Schema, new: pa.Schema) -> Iterator[str]:
    for name in base.names:
        if name not in new.names:
            yield f"schema: column {name} only in base"
        elif not base.field(name).equals(new.field(name)):
            yield f"schema: column {name}: {base.field(name)} → {new.field(name)}"
    yield from (
        f"schema: column {name} only in new" for name in new.names if name not in base.names
    )
    if sorted(base.names) == sorted(new.names) and base.names != new.names:
        yield f"schema: order of columns: {', '.join(base.names)} → {', '.join(new.names)}"
    if base.metadata != new.metadata:
        yield "schema: other metadata"


def _of_rows(base: pa.Table, new: pa.Table) -> Iterator[str]:
    names = [name for name in base.column_names if name in new.column_names]
    # Compared as they are written: a NaN is equal to a NaN, 1 differs from 1.0 and True.
    cells = [{n: [repr(v) for v in table[n].to_pylist()] for n in names} for table in (base, new)]
    if base.num_rows == new.num_rows:
        yield from _of_cells(*cells)
        return
    yield f"rows: {base.num_rows:,} → {new.num_rows:,}"
    rows = [Counter(zip(*columns.values(), strict=True)) for columns in cells]
    for name, only in (("base", rows[0] - rows[1]), ("new", rows[1] - rows[0])):
        if only:
            yield f"rows only in {name}: {only.total():,}"
            for row in list(only)[:EXAMPLES]:
                values = zip(names, row, strict=True)
                yield f"  {_short(', '.join(f'{column}={value}' for column, value in values))}"


def _of_cells(base: dict[str, list[str]], new: dict[str, list[str]]) -> Iterator[str]:
    examples: list[str] = []
    rows: set[int] = set()
    counts: Counter[str] = Counter()
    for name, cells in base.items():
        for row, (before, after) in enumerate(zip(cells, new[name], strict=True)):
            if before != after:
                counts[name] += 1
                rows.add(row)
                if len(examples) < EXAMPLES:
                    examples.append(f"  row {row}, {name}: {_short(before)} → {_short(after)}")
    if counts:
        columns = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
        yield f"cells: {counts.total():,} in {len(rows):,} rows; columns {columns}"
        yield from examples


def _of_json(base: bytes, new: bytes) -> Iterator[str]:
    try:
        values = [json.loads(body) for body in (base, new)]
    except ValueError as error:
        yield f"no readable JSON: {error}"
        return
    places = list(_places(*values))
    yield from places[:EXAMPLES]
    if len(places) > EXAMPLES:
        yield f"and {len(places) - EXAMPLES:,} more"


def _places(base: Any, new: Any, place: str = "") -> Iterator[str]:
    """Yield the places where two JSON values differ, with both values."""
    if isinstance(base, dict) and isinstance(new, dict):
        yield from _of_objects(base, new, place)
    elif isinstance(base, list) and isinstance(new, list) and len(base) == len(new):
        for number, (before, after) in enumerate(zip(base, new, strict=True)):
            yield from _places(before, after, f"{place}[{number}]")
    elif repr(base) != repr(new):
        yield f"{place or 'the whole'}: {_short(repr(base))} → {_short(repr(new))}"


def _of_objects(base: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[str]:
    for key in dict.fromkeys((*base, *new)):
        below = f"{place}.{key}" if place else key
        if key not in base or key not in new:
            yield f"{below}: only in {'base' if key in base else 'new'}"
        elif key in ONLY_KEYS:
            yield from _places(sorted(base[key]), sorted(new[key]), below)
        elif key not in IGNORED:
            yield from _places(base[key], new[key], below)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _order(difference: Difference) -> tuple[bool, bool, str]:
    """Order tables first and objects last.

    An object's name is a digest, so that all it can say is that it lies in one store only.
    """
    key = difference.key
    return OBJECTS in key, not key.endswith(".pqt"), key


def shown(compared: dict[str, Comparison], most: int = 10) -> Iterator[str]:
    """Yield a comparison as lines for a person.

    Args:
        compared: What `compare` returned.
        most: How many differing files of a group are shown.
    """
    for group, comparison in compared.items():
        differences = comparison.differences
        yield (
            f"  {group}: {comparison.compared:,} files compared, {comparison.equal:,} equal, "
            f"{len(differences):,} different"
        )
        for difference in sorted(differences, key=_order)[:most]:
            yield f"    {difference.key}"
            yield from (f"      {line}" for line in difference.lines)
        if len(differences) > most:
            yield f"    and {len(differences) - most:,} more"
