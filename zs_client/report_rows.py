"""Reports on a store as rows, for `--format`: statuses, snapshots, and differences of two states.

`zs_client.store_commands` prints the same as text to read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Sized
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from zs_client.comparison import TableDiff
    from zs_client.registry import AcornStatus
    from zs_client.snapshot import Snapshot

_TEXT, _COUNT, _TIME = "string", "int64", "time"


def of_statuses(acorns: "Iterable[AcornStatus]") -> "pa.Table":
    """Returns a row for each acorn; `age` is in seconds."""
    kinds = {
        **dict.fromkeys(("acorn",), _TEXT),
        **dict.fromkeys(("rows", "bytes", "partitions"), _COUNT),
        "age": "float64",
        **dict.fromkeys(("state", "reason"), _TEXT),
        "built_at": _TIME,
        "night": _TEXT,
    }
    return _rows(
        kinds,
        ({**vars(acorn), "acorn": acorn.name, "age": _seconds(acorn.age)} for acorn in acorns),
    )


def of_snapshots(snapshots: "Iterable[Snapshot]") -> "pa.Table":
    """Returns a row for each snapshot; `tables` is their number."""
    kinds = {
        "snapshot": _TEXT,
        "published_at": _TIME,
        "version": _TEXT,
        "current": "bool",
        **dict.fromkeys(("tables", "rows", "bytes"), _COUNT),
        "name": _TEXT,
    }
    return _rows(
        kinds,
        ({**vars(one), "snapshot": one.id, "tables": len(one.tables)} for one in snapshots),
    )


def of_summary(summary: "pd.DataFrame") -> "pa.Table":
    """Returns a row for each table: what `diff` without a table returns."""
    kinds = dict.fromkeys(summary.columns, _COUNT) | {"table": _TEXT, "change": _TEXT}
    plain = summary.astype(object).where(summary.notna(), None)
    return _rows(kinds, plain.to_dict("records"))


def of_diff(table_diff: "TableDiff") -> "pa.Table":
    """Returns a row for each row that is added or removed, and for each value that changed.

    `change` is followed by the columns of the key, or by all columns of a table without a key, and
    by `column`, `before` and `after`. Values are text, those that are no text as JSON.
    """
    frames = {"added": table_diff.added, "removed": table_diff.removed}
    key = list(table_diff.key)
    names = key or list(dict.fromkeys(c for frame in frames.values() for c in frame.columns))
    rows: list[dict[str, Any]] = [
        {"change": change, **{name: _plain(row.get(name)) for name in names}}
        for change, frame in frames.items()
        for row in frame.to_dict("records")
    ]
    rows += [
        {"change": "changed", **{name: _plain(value) for name, value in row.items()}}
        for row in table_diff.changed.to_dict("records")
    ]
    # A column of the table may have one of these names.
    own = [name for name in ("column", "before", "after") if name not in names]
    return _rows(dict.fromkeys(["change", *names, *own], _TEXT), rows)


def _rows(kinds: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    from zs_client.kinds import arrow_types

    types = arrow_types()
    lines: Sequence[Mapping[str, Any]] = list(rows)
    arrays = [pa.array([line.get(n) for line in lines], types[kind]) for n, kind in kinds.items()]
    return pa.table(arrays, names=list(kinds))


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)


def _plain(value: Any) -> str | None:
    # NaN and NaT differ from themselves.
    if value is None or (not isinstance(value, Sized) and value != value):  # noqa: PLR0124
        return None
    if isinstance(value, str):
        return value
    plain = value.tolist() if hasattr(value, "tolist") else value
    return json.dumps(plain, ensure_ascii=False, default=str)
