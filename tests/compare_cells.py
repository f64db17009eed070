"""A built table against the oracle's rows, cell by cell, with a message that a person can read."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oracle import DOCUMENT

Row = Mapping[str, Any]
# Differences that are shown of each column.
SHOWN = 6
_ABSENT = "no row"


@dataclass(frozen=True)
class Way:
    """How the rows of a table are told apart.

    Attributes:
        owner: The column of the data asset's or document's name. Where several documents have one
            name, the description does not say whose rows stay: see `_explained`.
        key: The columns that together occur once for each owner.
        in_order: Whether rows have no names of their own and are taken in their order.
        json: The columns whose text is compared as parsed; numbers may be spelled otherwise.
    """

    owner: str
    key: tuple[str, ...] = ()
    in_order: bool = False
    json: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """One cell, or a whole row, that the table and the oracle do not agree on."""

    column: str
    where: str
    stored: Any
    expected: Any

    def __str__(self) -> str:
        return f"{self.where}: the table has {self.stored!r}, the oracle {self.expected!r}"


def differences(stored: Sequence[Row], expected: Sequence[Row], way: Way) -> list[Difference]:
    """Returns all cells in which a table and the oracle's rows differ.

    Args:
        stored: The rows of the table; columns that the oracle does not know are not looked at.
        expected: The oracle's rows.
        way: How rows are told apart.
    """
    columns = [name for name in (expected or stored or [{}])[0] if name != DOCUMENT]
    lacking = [name for name in columns if stored and name not in stored[0]]
    found = [Difference(name, "every row", "no such column", "values") for name in lacking]
    columns = [name for name in columns if name not in lacking]
    ours, theirs = _by_owner(stored, way), _by_owner(expected, way)
    for owner in dict.fromkeys([*theirs, *ours]):
        if not _explained(ours[owner], _by_document(theirs[owner]), columns, way):
            found += _of_owner(ours[owner], theirs[owner], columns, way)
    return found


def report(table: str, found: Sequence[Difference], rows: int) -> str:
    """Returns what differs, by column; empty when nothing does."""
    if not found:
        return ""
    counts = Counter(difference.column for difference in found)
    lines = [f"{table}: {len(found)} differences in {rows} rows"]
    for column, count in counts.most_common():
        lines.append(f"  {column}: {count}")
        of_column = [difference for difference in found if difference.column == column]
        lines += [f"    {difference}" for difference in of_column[:SHOWN]]
        lines += [f"    and {count - SHOWN} more"] if count > SHOWN else []
    return "\n".join(lines)


def _explained(
    ours: Sequence[Row], of_documents: Mapping[Any, list[Row]], columns: Sequence[str], way: Way
) -> bool:
    """Returns whether rows are those that several documents of one name can have together.

    All rows of all, or a row of one of them for each key that occurs.
    """
    if len(of_documents) < 2:
        return False
    together = [row for rows in of_documents.values() for row in rows]
    mine, all_of_them = _as_counted(ours, columns, way), _as_counted(together, columns, way)
    if mine == all_of_them:
        return True
    keys = [
        {tuple(row[name] for name in way.key) for row in rows} for rows in of_documents.values()
    ]
    stored = Counter(tuple(row[name] for name in way.key) for row in ours)
    complete = any(stored.keys() >= of_one for of_one in keys)
    return not way.in_order and max(stored.values()) == 1 and complete and mine <= all_of_them


def _by_owner(rows: Iterable[Row], way: Way) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.get(way.owner)].append(row)
    return found


def _by_document(rows: Iterable[Row]) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[DOCUMENT]].append(row)
    return found


def _of_owner(
    ours: Sequence[Row], theirs: Sequence[Row], columns: Iterable[str], way: Way
) -> Iterable[Difference]:
    stored, expected = _keyed(ours, way), _keyed(theirs, way)
    for key in dict.fromkeys([*expected, *stored]):
        mine, other = stored.get(key), expected.get(key)
        where = _where(key, mine or other or {}, (other or {}).get(DOCUMENT), way)
        if mine is None or other is None:
            yield Difference("(rows)", where, _whole(mine), _whole(other))
            continue
        for name in columns:
            value = _cell(mine[name], name, other, way)
            wanted = _cell(other[name], name, other, way)
            if value != wanted:
                yield Difference(name, where, value, wanted)


def _where(key: tuple[Any, ...], row: Row, document: Any, way: Way) -> str:
    """Returns which row it is, for a person who looks the document up."""
    names = dict.fromkeys((way.owner, *way.key, *(["name"] if way.owner == "_id" else [])))
    shown = [f"{name}={row.get(name)!r}" for name in names]
    if way.in_order:
        shown.append(f"row {key[-1]}")
    if document is not None and way.owner != "_id":
        shown.append(f"_id={document!r}")
    return ", ".join(shown)


def _keyed(rows: Sequence[Row], way: Way) -> dict[tuple[Any, ...], Row]:
    seen: Counter[tuple[Any, ...]] = Counter()
    found = {}
    for row in rows:
        key = tuple(row.get(name) for name in way.key)
        found[*key, seen[key]] = row
        seen[key] += 1
    return found


def _whole(row: Row | None) -> Any:
    return _ABSENT if row is None else {k: v for k, v in row.items() if k != DOCUMENT}


def _cell(value: Any, name: str, expected: Row, way: Way) -> Any:
    """Returns a value as it is compared."""
    is_json = name in way.json and not (name == "value" and expected.get("value_type") == "text")
    if is_json and isinstance(value, str):
        try:
            return json.dumps(json.loads(value), ensure_ascii=False)
        except ValueError:
            return value
    if isinstance(expected.get(name), dict) and isinstance(value, list):
        return dict(value)
    return value


def _as_counted(rows: Iterable[Row], columns: Sequence[str], way: Way) -> Counter[str]:
    return Counter(repr([_cell(row.get(name), name, row, way) for name in columns]) for row in rows)
