"""Tables as they are written and read: sorted in groups, the same bytes for the same rows."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from declaring import WHOLE
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, Column

NUMBERS = Acorn(
    name="numbers",
    description="Numbers.",
    type="metadata",
    key=(),
    order=("number", "name"),
    kind=WHOLE,
    columns=(
        Column("number", "int64", "A number."),
        Column("name", "string", "Its name."),
        Column("tags", "[string]", "Words."),
        Column("place", "int64", "Where it stood."),
    ),
)


def numbers(values: list[int | None], names: int = 3) -> pa.Table:
    return arrow.table(
        NUMBERS,
        [
            {
                "number": value,
                "name": str(place % names),
                "tags": ["a"] * (place % 3),
                "place": place,
            }
            for place, value in enumerate(values)
        ],
    )


def in_pieces(content: pa.Table, size: int) -> pa.Table:
    pieces = [content.slice(start, size) for start in range(0, content.num_rows, size)]
    return pa.concat_tables([content.slice(0, 0), *pieces])


def in_order(content: pa.Table) -> pa.Table:
    """The rows sorted by Python, with nulls last; equal ones stay as they are."""
    rows = sorted(
        content.to_pylist(),
        key=lambda row: (row["number"] is None, row["number"] or 0, row["name"]),
    )
    return pa.Table.from_pylist(rows, schema=content.schema)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 2, arrow.ROW_GROUP, 2 * arrow.ROW_GROUP + 1])
def test_a_file_is_sorted_and_in_groups_whatever_pieces_the_table_came_in(rows: int) -> None:
    content = numbers([None if n % 11 == 0 else n * 7919 % 101 for n in range(rows)])
    file = arrow.file(NUMBERS, in_pieces(content, 1000))

    assert file.num_rows == rows
    assert arrow.decode(file.body).cast(content.schema) == in_order(content)
    found = pq.ParquetFile(pa.BufferReader(file.body)).metadata
    sizes = [found.row_group(number).num_rows for number in range(found.num_row_groups)]
    assert max(sizes, default=0) <= arrow.ROW_GROUP
    # As pyarrow writes a sorted copy: who reads the files cannot tell.
    sink = pa.BufferOutputStream()
    pq.write_table(in_order(content), sink, compression="zstd", row_group_size=arrow.ROW_GROUP)
    assert file.body == sink.getvalue().to_pybytes()


@given(st.lists(st.none() | st.integers(0, 5), max_size=40), st.integers(1, 7))
def test_the_same_rows_give_the_same_bytes_in_any_pieces(
    values: list[int | None], size: int
) -> None:
    content = numbers(values)
    assert arrow.file(NUMBERS, in_pieces(content, size)) == arrow.file(NUMBERS, content)


def test_values_come_row_by_row_with_times_as_microseconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrow, "_AT_A_TIME", 2)
    times = [None, *(datetime(1970, 1, 1, 0, 0, n, tzinfo=UTC) for n in range(4))]
    content = pa.table(
        {"t": pa.array(times, arrow.TYPES["time"]), "n": range(5), "more": ["x"] * 5}
    )
    assert list(arrow.values(content, "n", "t")) == [
        (0, None),
        (1, 0),
        (2, 1_000_000),
        (3, 2_000_000),
        (4, 3_000_000),
    ]
    assert list(arrow.values(content.slice(0, 0), "n", "t")) == []
