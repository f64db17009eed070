"""`order_by=`, `offset=` and the total: pages of an answer, of one file and of several."""

import client_store
import pandas as pd
import pytest
from client_store import LAYOUT
from hypothesis import given
from hypothesis import strategies as st

import zs_client
from zs_client import cli, filters, read
from zs_client.acorns import read_request
from zs_client.parquet import File
from zs_client.store import ByteRange
from zs_pipeline import arrow

ROWS = [
    {
        "_id": f"{number:03}",
        "name": f"name {number}",
        "subject_id": str(number % 7),
        "age": None if number % 11 == 0 else number * 37 % 50,
        "project_name": ["b", "a", None][number % 3],
        "modalities": ["SPIM"],
    }
    for number in range(120)
]


@pytest.fixture(scope="module")
def place():
    store = client_store.filled("memory://order")
    client_store.whole(store, "asset_basics", ROWS)
    return store, LAYOUT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    store = client_store.filled(str(tmp_path))
    client_store.whole(store, "asset_basics", ROWS)
    return store


def plain(rows, order):
    """The rows sorted, nulls last, one column after another from the last to the first."""
    for name in reversed(order):
        column = name.removeprefix("-")
        known = [row for row in rows if row[column] is not None]
        known.sort(key=lambda row: row[column], reverse=name.startswith("-"))
        rows = known + [row for row in rows if row[column] is None]
    return rows


orders = st.lists(
    st.sampled_from(["age", "-age", "project_name", "-project_name", "name"]), max_size=2
).filter(lambda names: len({name.strip("-") for name in names}) == len(names))
counts = st.one_of(st.none(), st.integers(0, 150))


@given(orders, st.integers(0, 150), counts, st.booleans())
def test_a_page_is_that_of_a_plain_sort(place, order, offset, limit, is_filtered):
    # Rows that are the same in all columns of the order come in any order.
    order = [*order, "_id"] if order else []
    words = {"order_by": order, "offset": offset, "limit": limit, "columns": ["_id"]}
    words |= {"subject_id": ["1", "2"]} if is_filtered else {}
    found = read.rows(read_request("asset_basics", words), place)
    rows = [row for row in ROWS if not is_filtered or row["subject_id"] in ("1", "2")]
    stored = read.rows(read_request("asset_basics", {"columns": ["_id"]}), place)["_id"]
    rows.sort(key=lambda row: stored.to_pylist().index(row["_id"]))
    end = None if limit is None else offset + limit
    assert found.column_names == ["_id"]
    assert found["_id"].to_pylist() == [row["_id"] for row in plain(rows, order)[offset:end]]
    assert int(found.schema.metadata[b"zs.rows_total"]) == len(rows)


def test_pages_make_the_whole(folder):
    pages = [
        zs_client.asset_basics(order_by="-age", offset=start, limit=50) for start in (0, 50, 100)
    ]
    whole = zs_client.asset_basics(order_by="-age")
    pd.testing.assert_frame_equal(pd.concat(pages, ignore_index=True), whole)
    assert [page.attrs["rows_total"] for page in (*pages, whole)] == [120] * 4


def test_every_shape_takes_them(folder):
    words = {"order_by": ["project_name", "-age"], "offset": 2, "limit": 3, "columns": "name"}
    names = zs_client.asset_basics(**words)["name"].tolist()
    assert zs_client.asset_basics.arrow(**words)["name"].to_pylist() == names
    assert zs_client.asset_basics.polars(**words)["name"].to_list() == names
    assert [row[0] for row in zs_client.asset_basics.duckdb(**words).fetchall()] == names


def test_several_partitions_are_sorted_together(folder):
    found = zs_client.qc(
        ["828418", "M2501"], order_by=["name", "-subject_id"], columns="asset_name"
    )
    assert found["asset_name"].tolist() == [
        *("M2501_asset0", "828418_asset0", "M2501_asset1", "828418_asset1")
    ]
    for offset, limit in ((0, 3), (1, 2), (3, 5), (4, 1)):
        page = zs_client.qc(["828418", "M2501"], offset=offset, limit=limit)
        whole = zs_client.qc(["828418", "M2501"])[offset : offset + limit]
        pd.testing.assert_frame_equal(page, whole.reset_index(drop=True))
        assert page.attrs["rows_total"] == 4
    assert zs_client.qc("828418", name="metric 0", limit=0).attrs["rows_total"] == 1
    assert zs_client.qc([]).attrs["rows_total"] == 0
    assert zs_client.platform_qc(order_by="-platform")["platform"].tolist() == ["fib"]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"offset": -1}, ValueError, "offset= is a number of rows, 0 or more, not -1"),
        ({"offset": None}, ValueError, "offset= is a number of rows"),
        ({"offset": True}, ValueError, "offset= is a number of rows"),
        ({"order_by": "nmae"}, ValueError, r"no column 'nmae'\. There are name, "),
        ({"order_by": "-nmae", "columns": "age"}, ValueError, r"no column 'nmae'"),
        ({"order_by": "modalities"}, ValueError, "'modalities' has lists or maps"),
        ({"order_by": 5}, TypeError, "order_by= takes a text or several, not 5"),
    ],
)
def test_what_is_no_order_is_refused(folder, words, error, message):
    with pytest.raises(error, match=message):
        zs_client.asset_basics(**words)
    with pytest.raises(ValueError, match="filter in the query"):
        zs_client.qc("828418", lazy=True, order_by="name")


def test_a_limit_reads_no_more_row_groups_and_counts_all():
    import io

    import pyarrow.parquet as pq

    sink = io.BytesIO()
    content = arrow.table(client_store.BY_NAME["asset_basics"], ROWS)
    pq.write_table(content, sink, row_group_size=10)
    body = sink.getvalue()
    requests = []

    def fetch(start, end):
        requests.append((start, end))
        return ByteRange(body[start:end], start, len(body), "tag")

    file, numbers = File(ByteRange(body[-8:], len(body) - 8, len(body), "tag"), fetch), []
    tests = filters.tests({}, file.schema, "basics")
    requests.clear()
    assert filters.select(file, ["_id"], tests, 5, numbers).num_rows == 5
    assert numbers == [120]
    assert sum(end - start for start, end in requests) < len(body) / 4


def test_show_sorts_and_begins_later(folder, capsys):
    words = ("show", "asset_basics", "--columns", "_id", "--limit", "2", "--offset", "1")
    assert cli.main([*words, "--order-by=-_id", "--format", "csv"]) == 0
    assert capsys.readouterr().out.split() == ["_id", "118", "117"]
    zs_client.custom("mine", pd.DataFrame({"a": [1, 3, 2]}))
    own = ("show", "mine", "--order-by=-a", "--offset", "1", "--format", "csv")
    assert cli.main(own) == 0
    assert capsys.readouterr().out.split() == ["a", "2", "1"]
    assert cli.main(["show", "mine", "--order-by", "b"]) == 2
    assert "no column 'b'" in capsys.readouterr().err
    assert cli.main(["show", "asset_basics", "--where", "offset=1"]) == 2
    assert "there is no filter 'offset'" in capsys.readouterr().err
