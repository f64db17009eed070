"""Version folders of before 1.0.0: text, lists and times of any Arrow type are read as such."""

import io
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zs_client
from zs_client import kinds, parquet
from zs_client.contract import TYPES, Layout, encode_partition
from zs_client.errors import ReadError
from zs_client.opening import open_store
from zs_client.store import ByteRange, Store

VERSION = "0.28.6"
LAYOUT = Layout(VERSION)
TEXTS = {
    "string": pa.string(),
    "large": pa.large_string(),
    "view": pa.string_view(),
    "category": pa.dictionary(pa.int32(), pa.string()),
    "large category": pa.dictionary(pa.int8(), pa.large_string()),
}
LISTS = {
    "list": pa.list_(pa.string()),
    "of large": pa.list_(pa.large_string()),
    "large": pa.large_list(pa.string()),
    "view": pa.list_view(pa.string()),
    "large view": pa.large_list_view(pa.string_view()),
}
TIMES = {
    "as now": pa.timestamp("us", tz="UTC"),
    "of pandas": pa.timestamp("ns"),
    "elsewhere": pa.timestamp("ms", tz="Europe/Paris"),
    "day": pa.date32(),
}


def is_written(kind: pa.DataType) -> bool:
    """Whether this pyarrow writes such a column; 20 knows views and does not write them."""
    try:
        pq.write_table(pa.schema({"x": kind}).empty_table(), io.BytesIO())
    except pa.ArrowNotImplementedError:
        return False
    return True


TEXTS = {name: kind for name, kind in TEXTS.items() if is_written(kind)}
LISTS = {name: kind for name, kind in LISTS.items() if is_written(kind)}
ROWS = {
    "name": ["Alpha", "beta", None, "alphabet"],
    "project_name": ["P", "Q", "P", None],
    "subject_id": ["1", "2", "3", "1"],
}
LEVELS = [["x", "y"], [], None, ["y"]]
STARTS = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)]


def put(store: Store, key: str, content: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(content, sink)
    store.put(key, sink.getvalue())


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    monkeypatch.setenv("ZS_VERSION", VERSION)
    return open_store(tmp_path)


def basics(
    store: Store, text=TEXTS["string"], lists=LISTS["list"], times=TIMES["as now"], rows=ROWS
) -> None:
    columns = {name: pa.array(values, pa.string()).cast(text) for name, values in rows.items()}
    columns["modalities"] = pa.array(LEVELS, lists)
    columns["acquisition_start_time"] = pa.array(STARTS, pa.timestamp("us", tz="UTC")).cast(times)
    put(store, LAYOUT.table("asset_basics"), pa.table(columns))


def asked(**words) -> list:
    return zs_client.asset_basics.arrow(**words).select(["name", "modalities"]).to_pylist()


def test_every_type_of_the_contract_is_one_of_arrow():
    assert tuple(kinds.arrow_types()) == TYPES


QUESTIONS = (
    {},
    {"project_name": "P"},
    {"project_name": ["P", None]},
    {"subject_id": 1},
    {"name_contains": "ALPHA"},
    {"name_after": "b"},
    {"name_before": "b"},
    {"modality": "Y"},
    {"modality": None},
    {"acquired_after": "2026-02-01", "acquired_before": "2026-04-01"},
    {"limit": 2},
)


@pytest.mark.parametrize("words", QUESTIONS, ids=str)
def test_text_of_any_arrow_type_is_text(store, words) -> None:
    basics(store)
    expected = asked(**words)
    for text in TEXTS.values():
        basics(store, text=text)
        assert asked(**words) == expected, text
    for lists in LISTS.values():
        basics(store, lists=lists)
        assert asked(**words) == expected, lists
    for times in TIMES.values():
        basics(store, times=times)
        assert asked(**words) == expected, times


@pytest.mark.parametrize("text", TEXTS.values(), ids=str)
def test_such_a_table_is_a_frame_and_described_and_queried(store, text) -> None:
    basics(store, text=text)
    assert "Alpha" in list(zs_client.asset_basics(columns="name")["name"])
    described = zs_client.describe("asset_basics").set_index("column")
    assert described["type"]["name"] == "string"
    assert set(described["examples"]["project_name"]) == {"P", "Q"}
    found = zs_client.sql("SELECT name FROM asset_basics WHERE project_name = 'Q'")
    assert list(found["name"]) == ["beta"]


def test_a_column_without_any_value_is_asked_as_text(store) -> None:
    put(store, LAYOUT.table("asset_basics"), pa.table({"name": pa.nulls(3)}))
    for words in ({"name": "a"}, {"name_contains": "a"}, {"name_after": "a"}):
        assert zs_client.asset_basics.arrow(**words).num_rows == 0
    assert zs_client.asset_basics.arrow(name=None).num_rows == 3


def partition(store: Store, subject: str, value: pa.Array) -> str:
    texts = pa.array([subject] * len(value), pa.large_string())
    key = LAYOUT.partition("qc", "subject_id", encode_partition(subject))
    put(store, key, pa.table({"asset_name": texts, "value": value}))
    return key


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pa.array(["x"]), pa.array([1.5]), ["x", "1.5"]),
        (pa.array([7]), pa.array(["x"], pa.large_string()), ["7", "x"]),
        (pa.array([True]), pa.array([1.5]), ["true", "1.5"]),
        (pa.array([1]), pa.array([1.5]), [1, 1.5]),
        (pa.nulls(1), pa.array([1.5]), [None, 1.5]),
        (pa.array([["a"]]), pa.array([[1.5]]), [["a"], ["1.5"]]),
        (pa.array([STARTS[0]]), pa.array([STARTS[1]], pa.timestamp("us")), STARTS[:2]),
        (pa.array(["x"], TEXTS["category"]), pa.array(["y"], TEXTS.get("view")), ["x", "y"]),
    ],
)
def test_files_that_differ_are_joined(store, first, second, expected) -> None:
    for subject, value in zip("12", (first, second), strict=True):
        partition(store, subject, value)
    for order in (1, -1):
        found = zs_client.qc.arrow(["1", "2"][::order])["value"].to_pylist()
        assert found == expected[::order]


@pytest.mark.parametrize("other", [pa.array([["a"]]), pa.array([{"a": 1}]), pa.array([b"x"])])
def test_what_cannot_be_joined_is_an_error_that_names_file_and_column(store, other) -> None:
    partition(store, "1", pa.array(["x"]))
    key = partition(store, "2", other)
    with pytest.raises(ReadError, match=r"the column value is .*, and string elsewhere") as error:
        zs_client.qc(["1", "2"])
    assert store.at(key) in str(error.value)


SINGLE = st.one_of(
    st.lists(st.text(), max_size=3).map(lambda v: pa.array(v, pa.string())),
    st.lists(st.text(), max_size=3).map(lambda v: pa.array(v, pa.large_string())),
    st.lists(st.integers(-(2**53), 2**53), max_size=3).map(lambda v: pa.array(v, pa.int64())),
    st.lists(st.floats(allow_nan=False), max_size=3).map(lambda v: pa.array(v, pa.float64())),
    st.lists(st.booleans(), max_size=3).map(lambda v: pa.array(v, pa.bool_())),
    st.integers(0, 3).map(pa.nulls),
)


@given(st.lists(SINGLE, min_size=1, max_size=4))
def test_single_values_of_any_kinds_can_be_joined_and_none_is_lost(columns) -> None:
    found = kinds.joined([pa.table({"a": column}) for column in columns])["a"]
    given_ = [value for column in columns for value in column.to_pylist()]
    assert len(found) == len(given_)
    for value, one in zip(found.to_pylist(), given_, strict=True):
        if value is None or one is None:
            assert value is one
        elif isinstance(one, str) or not isinstance(value, str):
            assert value == one
        else:
            assert type(one)(float(value) if value not in ("true", "false") else value) == one or (
                isinstance(one, bool) and value == str(one).lower()
            )


MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    st.sampled_from(
        [
            (pa.string(), st.text()),
            (pa.large_string(), st.text()),
            (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
            (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
            (pa.uint8(), st.integers(0, 255)),
            (pa.float64(), st.floats(allow_nan=False)),
            (pa.bool_(), st.booleans()),
            (pa.date32(), st.dates()),
            *((pa.timestamp(unit, "UTC"), MOMENTS) for unit in ("ms", "us", "ns")),
            (pa.timestamp("us"), MOMENTS.map(lambda moment: moment.replace(tzinfo=None))),
        ]
    ).flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(st.none() | pair[1], max_size=20)))
)
def test_values_are_the_same_array_without_pandas(pair):
    kind, values = pair
    expected = pa.array(values, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "pandas", raising=False)
        content = kinds.array(values, kind)
    content.validate(full=True)
    assert content.equals(expected)


@pytest.mark.parametrize(("value", "kind"), [(2**40, pa.int32()), (-1, pa.uint8())])
def test_a_value_that_does_not_fit_is_refused_without_pandas(value, kind, monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    with pytest.raises(ValueError, match=str(value)):
        kinds.scalar(value, kind)


@pytest.mark.parametrize(
    "kind", [pa.timestamp(u, z) for u in ("s", "ms", "us", "ns") for z in ("UTC", None)]
)
def test_the_least_and_largest_time_of_a_file_are_those_of_pyarrow(kind):
    times = [datetime(1969, 5, 1, 2, 3, 4, 567_000), datetime(2026, 1, 1), None]  # noqa: DTZ001
    sink = io.BytesIO()
    pq.write_table(
        pa.table({"at": pa.array(times, pa.timestamp("us")).cast(kind, safe=False)}), sink
    )
    body = sink.getvalue()
    file = parquet.File(ByteRange(body, 0, len(body), ""))
    own, plain = file.statistics(0, "at"), pq.ParquetFile(sink).metadata.row_group(0).column(0)
    assert (own.min, own.max) == (plain.statistics.min, plain.statistics.max)
    assert own.null_count == 1


def test_a_time_that_no_datetime_holds_is_left_to_pyarrow():
    sink = io.BytesIO()
    pq.write_table(pa.table({"at": pa.array([2**62], pa.int64()).cast(pa.timestamp("us"))}), sink)
    body = sink.getvalue()
    with pytest.raises((ValueError, OverflowError)):
        _ = parquet.File(ByteRange(body, 0, len(body), "")).statistics(0, "at").max
