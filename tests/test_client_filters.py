"""Filters, columns and limits: the right rows, whatever is asked, and no more bytes than needed."""

import io
from datetime import UTC, date, datetime, timedelta

import client_store
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from client_store import BY_NAME, LAYOUT
from hypothesis import given
from hypothesis import strategies as st

import zs_client
from zs_client import filters, parquet, parquet_of_store, read
from zs_client.acorns import read_request
from zs_client.opening import open_store
from zs_client.parquet import File, NotParquet
from zs_client.store import ByteRange, Changed, Store
from zs_pipeline import arrow

START = datetime(2026, 1, 1, tzinfo=UTC)
ODD = ("it's", 'a"b', "a;b", "100%", "../..", "\0", "é", "日本", "", "x" * 10_000)
LEVELS = ("raw", "derived", None)
MODALITIES = (["SPIM"], ["ecephys", "behavior"], [], None, ["fib", None])


def row(number):
    return {
        "_id": f"id {number:04}",
        "name": ODD[number % 40] if number % 40 < len(ODD) else f"Name_{number}",
        "subject_id": None if number >= 590 else str(number // 20),
        "data_level": LEVELS[number % 3],
        "modalities": MODALITIES[number % 5],
        "acquisition_start_time": None
        if number % 11 == 0
        else int((START + timedelta(days=number)).timestamp() * 1e6),
        "age": None if number % 7 == 0 else number % 50,
    }


ROWS = [row(number) for number in range(600)]
BASICS = arrow.table(BY_NAME["asset_basics"], ROWS)


def as_parquet(content=BASICS, group=50):
    sink = io.BytesIO()
    pq.write_table(content, sink, row_group_size=group)
    return sink.getvalue()


BODY = as_parquet()
FOOTER = int.from_bytes(BODY[-8:-4], "little") + 8


def far(body, end=4096):
    """A file of which the last bytes are there, and the ranges that are fetched of it."""
    asked = []

    def fetch(start, stop):
        asked.append((start, stop))
        return ByteRange(body[start:stop], start, len(body), "tag")

    start = max(0, len(body) - end)
    return File(ByteRange(body[start:], start, len(body), "tag"), fetch), asked


def chosen(body=BODY, columns=None, limit=None, file=None, **words):
    file = file or far(body)[0]
    wanted = filters.chosen(columns, file.schema, "basics")
    tests = filters.tests(words, file.schema, "basics")
    return filters.select(file, wanted, tests, limit)


@pytest.fixture
def on_s3(s3_server, environment):
    """A store on S3 in which asset_basics is far larger than what is read of a file at first."""
    client_store.as_owner(environment, s3_server)
    store = open_store(f"s3://{client_store.bucket(s3_server, public=False)}")
    environment.setenv("ZS_STORE", store.url)
    store.put(LAYOUT.table("asset_basics"), BODY)
    environment.setattr(parquet_of_store, "END", 4096)
    environment.setattr(read, "SMALL", 0)
    return store


# The right rows


words = st.fixed_dictionaries(
    {},
    optional={
        "subject_id": st.one_of(
            st.none(), st.integers(0, 31), st.lists(st.sampled_from(["0", "7", "29", "x", None]))
        ),
        "data_level": st.sampled_from(["raw", "derived", None, ["raw", None], []]),
        "name": st.one_of(
            st.text(max_size=20), st.sampled_from(ODD), st.lists(st.sampled_from(ODD))
        ),
        "modality": st.sampled_from(["spim", "ecephys", ["fib", "SPIM"], "", "%", None]),
        "age": st.one_of(st.none(), st.integers(-5, 60), st.lists(st.integers(0, 60))),
        "name_contains": st.one_of(st.sampled_from(["name_1", "%", "'", "é", "本", ".", ""])),
        "acquired_after": st.integers(-30, 700).map(lambda days: START + timedelta(days)),
        "acquired_before": st.integers(-30, 700).map(lambda days: START + timedelta(days)),
    },
)


def passes(row, words):
    def listed(value):
        return value if isinstance(value, list) else [value]

    def fits(name, value):
        if name == "modality":
            there = row["modalities"]
            wanted = [None if one is None else one.lower() for one in listed(value)]
            if there is None:
                return None in wanted
            return any((None if m is None else m.lower()) in wanted for m in there)
        if name == "name_contains":
            return value.lower() in row["name"].lower()
        if name.startswith("acquired"):
            if row["acquisition_start_time"] is None:
                return False
            border = value.timestamp() * 1e6
            after = row["acquisition_start_time"] >= border
            return after if name == "acquired_after" else not after
        wanted = listed(value)
        if name == "subject_id":
            wanted = [str(one) if isinstance(one, int) else one for one in wanted]
        return row[name] in wanted

    return all(fits(name, value) for name, value in words.items())


@given(words, st.one_of(st.none(), st.integers(0, 700)))
def test_the_rows_are_those_that_a_plain_search_finds(words, limit):
    wanted = [row["_id"] for row in ROWS if passes(row, words)][:limit]
    assert chosen(limit=limit, columns="_id", **words)["_id"].to_pylist() == wanted


@given(
    st.text(max_size=20) | st.sampled_from(ODD),
    st.sampled_from(["name", "subject_id", "name_contains", "modality", "name_after", "genotype"]),
)
def test_no_text_breaks_a_filter(text, name):
    found = chosen(columns=["name", "_id"], **{name: text})
    assert found.column_names == ["name", "_id"]
    if name == "name":
        assert set(found["name"].to_pylist()) <= {text}


def test_what_pandas_has_for_null_is_null():
    nulls = [None, float("nan"), pd.NA, pd.NaT]
    for null in nulls:
        assert chosen(subject_id=null).num_rows == 10
    subjects = pd.Series(["0", None])
    assert chosen(subject_id=subjects).num_rows == 30
    assert chosen(acquired_after=pd.Timestamp("2026-01-02", tz="UTC"), limit=1).num_rows == 1


def test_times_are_utc_unless_they_have_a_zone():
    day = START + timedelta(days=100)
    texts = ("2026-04-11", "2026-04-11T02:00:00+02:00")
    for border in (day, date(2026, 4, 11), np.datetime64("2026-04-11T00:00:00.000000000"), *texts):
        found = chosen(acquired_after=border, limit=1, columns="_id")
        assert found["_id"].to_pylist() == ["id 0100"], border


def test_columns_come_in_the_order_that_is_asked_for_each_once():
    assert chosen(columns=["name", "_id", "name"]).column_names == ["name", "_id"]
    assert chosen(columns="modalities").column_names == ["modalities"]
    assert chosen(columns=pa.array(["name"])).column_names == ["name"]
    assert chosen(_id=pa.array(["id 0100"]), columns="_id")["_id"].to_pylist() == ["id 0100"]
    assert chosen().schema.equals(BASICS.schema)
    assert chosen().equals(BASICS)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"nam": "x"}, ValueError, r"no filter 'nam'\. There are name, "),
        ({"subject": "x"}, ValueError, r"no filter 'subject'\. There are subject_id"),
        ({"age_contains": "x"}, ValueError, "no filter 'age_contains'"),
        ({"columns": "nmae"}, ValueError, r"no column 'nmae'\. There are name, "),
        ({"Age": 1}, ValueError, r"no filter 'Age'\. There are age, "),
        ({"columns": []}, ValueError, "names no column"),
        ({"x" * 10_000: 1}, ValueError, r"10,002 characters"),
        ({"age": "old"}, ValueError, "age takes a whole number, not 'old'"),
        ({"age": 1.5}, TypeError, "age takes a whole number"),
        ({"age": 2**40}, ValueError, "age takes a whole number"),
        ({"name": 1.5}, TypeError, "name takes a text"),
        ({"name": True}, TypeError, "name takes a text"),
        ({"name": "\ud800"}, ValueError, "takes a text"),
        ({"name_contains": "\ud800"}, ValueError, "half a character"),
        ({"acquired_after": "spring"}, ValueError, "a text such as 2026-05-01, not 'spring'"),
        ({"acquired_after": None}, TypeError, "leave it out"),
        ({"name_contains": 1}, TypeError, "takes a text"),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_does(words, error, message):
    with pytest.raises(error, match=message) as found:
        chosen(**words)
    assert len(str(found.value)) < 1000


# No more bytes than needed


@pytest.fixture
def no_gaps(monkeypatch):
    """Fetch each range by itself: this table as a whole is smaller than a gap."""
    monkeypatch.setattr(parquet, "GAP", 0)


def test_one_subject_is_read_from_its_row_group_alone(no_gaps):
    file, asked = far(BODY, end=FOOTER)
    found = chosen(file=file, subject_id="7")
    assert found.num_rows == 20
    assert sum(stop - start for start, stop in asked) < (len(BODY) - FOOTER) / 4


def test_columns_that_are_not_asked_for_are_not_read(no_gaps):
    body = as_parquet(group=600)
    file, asked = far(body, end=8192)
    assert chosen(file=file, columns="subject_id").num_rows == 600
    assert sum(stop - start for start, stop in asked) < 1000


def test_a_footer_that_is_longer_than_the_end_is_fetched():
    file, asked = far(BODY, end=16)
    assert chosen(file=file).equals(BASICS)
    assert len(asked) > 1


@pytest.mark.parametrize("end", [0, 7, 100, 5000])
@pytest.mark.parametrize("body", [BODY[:-20], b"x" * 5000, b"PAR1" * 2000, BODY[:5000] + b"PAR1"])
def test_what_is_no_parquet_file_is_not_read(body, end):
    with pytest.raises(NotParquet):
        chosen(file=far(body[len(body) - max(end, 8) :])[0])


def test_on_s3_only_parts_are_asked_for(on_s3, environment, no_gaps):
    sizes = []
    real = Store._byte_range

    def spy(self, key, options):
        piece = real(self, key, options)
        sizes.append(len(piece.body))
        return piece

    environment.setattr(Store, "_byte_range", spy)
    assert len(zs_client.asset_basics(subject_id=7)) == 20
    assert sum(sizes) < FOOTER + 4096 + (len(BODY) - FOOTER) / 4
    assert zs_client.asset_basics.arrow(subject_id="nobody").num_rows == 0
    assert zs_client.asset_basics.arrow(limit=0).num_rows == 0


def test_a_small_file_is_one_request(on_s3, environment):
    environment.setattr(parquet_of_store, "END", len(BODY))
    asked = []
    real = Store._byte_range
    environment.setattr(
        Store, "_byte_range", lambda self, key, o: asked.append(key) or real(self, key, o)
    )
    assert len(zs_client.asset_basics(data_level="raw", columns="name")) == 200
    assert asked == [LAYOUT.table("asset_basics")]


def test_a_table_that_is_replaced_while_it_is_read_is_read_anew(on_s3, environment):
    """Its parts never come from two contents."""
    other = arrow.table(BY_NAME["asset_basics"], [{**row, "genotype": "new"} for row in ROWS])
    real, replaced = Store.get_range, []

    def replacing(self, key, start, end, tag):
        if not replaced:
            replaced.append(key)
            self.put(key, as_parquet(other))
        return real(self, key, start, end, tag)

    environment.setattr(Store, "get_range", replacing)
    found = zs_client.asset_basics(subject_id="7", columns=["_id", "genotype"])
    assert replaced
    assert found["genotype"].tolist() == ["new"] * 20


def test_a_part_of_another_content_is_refused(on_s3):
    key = LAYOUT.table("asset_basics")
    piece = on_s3.get_end(key, 100)
    assert piece.body == BODY[-100:]
    assert (piece.start, piece.size) == (len(BODY) - 100, len(BODY))
    assert on_s3.get_range(key, 0, 4, piece.etag).body == b"PAR1"
    on_s3.put(key, BODY + b"more")
    with pytest.raises(Changed):
        on_s3.get_range(key, 0, 4, piece.etag)


def test_an_empty_file_on_s3_is_no_parquet_file(on_s3):
    on_s3.put(LAYOUT.table("asset_basics"), b"")
    with pytest.raises(zs_client.ReadError, match="no readable parquet"):
        zs_client.asset_basics(name="x")


# Several partitions


@pytest.fixture
def folder(environment, tmp_path):
    environment.setenv("ZS_STORE", str(tmp_path))
    return client_store.filled(str(tmp_path))


def test_several_subjects_are_read_in_the_order_that_is_asked_for(folder):
    found = zs_client.qc(["M2501", 828418, "M2501"])
    assert found["subject_id"].tolist() == ["M2501", "M2501", "828418", "828418"]
    assert zs_client.qc(["M2501", client_store.WITHOUT_QC], limit=1)["name"].tolist() == [
        "metric 0"
    ]
    assert zs_client.qc([]).columns.tolist() == found.columns.tolist()
    with pytest.raises(zs_client.SubjectNotFound, match="828419"):
        zs_client.qc(["828418", "828419"])


def test_metrics_are_filtered(folder):
    assert len(zs_client.qc("828418", name="metric 0")) == 1
    assert len(zs_client.qc("828418", tag="probe:A", status="Pass")) == 2
    assert len(zs_client.qc("828418", status="Fail")) == 0
    assert len(zs_client.qc_tag_status("828418", tag="b", columns="tag")) == 1
    assert zs_client.qc("828418", acquired_after="2100-01-01").empty


def test_the_subject_of_a_data_asset_is_looked_up(folder):
    rows = [
        {"_id": str(n), "name": f"{subject}_asset{n}", "subject_id": subject}
        for subject in ("828418", "M2501")
        for n in range(2)
    ]
    client_store.whole(folder, "asset_basics", [{**r, "_id": r["name"]} for r in rows])
    found = zs_client.qc(asset_names=["828418_asset1", "M2501_asset0"])
    assert sorted(found["asset_name"]) == ["828418_asset1", "M2501_asset0"]
    assert zs_client.qc(asset_names="M2501_asset0")["subject_id"].tolist() == ["M2501"]
    with pytest.warns(UserWarning, match="no rows with asset_name 'nowhere'") as told:
        assert zs_client.qc(asset_names="nowhere").empty
    assert told[0].filename == __file__
    with pytest.raises(ValueError, match="needs a subject_id"):
        zs_client.qc()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: zs_client.asset_basics(columns=5), "columns= takes a text or several, not 5"),
        (lambda: zs_client.asset_basics(columns=b"name"), "a text or several, not b'name'"),
        (lambda: zs_client.asset_basics(age=True), "age takes a whole number, not True"),
        (lambda: zs_client.asset_basics(age=[90, False]), "age takes a whole number, not False"),
        (lambda: zs_client.foraging_sessions(foraging_eff=True), "takes a number, not True"),
        (lambda: zs_client.qc(True), "subject_id is a text or a whole number, not True"),
        (lambda: zs_client.qc(asset_names=5), "asset_names= takes a text or several, not 5"),
        (lambda: zs_client.raw_to_derived([5]), "asset_name takes texts, not 5"),
        (lambda: zs_client.asset_basics(order_by=["-age", 5]), "takes names of columns, not 5"),
        (lambda: zs_client.asset_basics(name=pd.DataFrame({"a": ["x"]})), "one of its columns"),
        (lambda: zs_client.raw_to_derived(None), "asset_name takes a text or several, not None"),
        (lambda: zs_client.snapshots(5), "a store is a text or a path, not 5"),
        (lambda: zs_client.status(version=1.0), "a version is a text such as '1.0.0', not 1.0"),
    ],
)
def test_what_is_of_another_kind_is_refused_in_a_sentence(folder, ask, message):
    with pytest.raises(TypeError, match=message):
        ask()


def test_a_map_is_no_filter_and_the_columns_that_are_one_are_named(folder):
    with pytest.raises(ValueError, match=r"is a map, and no filter\. There are .*\bv2_id\b"):
        zs_client.metadata_upgrade(status_by_version="x")


@pytest.mark.parametrize("subject", ["", "  ", "828418 "])
def test_blanks_of_a_subject_are_seen_in_the_message(folder, subject):
    with pytest.raises(zs_client.SubjectNotFound, match=f"has the subject '{subject}'"):
        zs_client.qc(subject)


def test_a_data_asset_that_nobody_knows_is_not_counted_against_others(folder):
    with pytest.warns(UserWarning, match="^qc: no rows with asset_name 'nowhere'; asset_b"):
        zs_client.qc(asset_names="nowhere")
    with pytest.warns(UserWarning, match="'nowhere'; there are 2 others"):
        zs_client.qc("828418", asset_names="nowhere")


def test_platforms_are_one_several_or_all(folder):
    assert zs_client.platform_qc("fib")["platform"].tolist() == ["fib"]
    for found in (zs_client.platform_qc(["spim", "fib"]), zs_client.platform_qc()):
        assert found["platform"].tolist() == ["fib"]
    assert zs_client.platform_qc("spim").columns.tolist()[-1] == "platform"
    assert zs_client.platform_qc(columns=["platform", "tag"]).columns.tolist() == [
        "platform",
        "tag",
    ]
    for platform in ("fob", "FIB"):
        with pytest.raises(ValueError, match=f"no platform '{platform}'. There are fib, "):
            zs_client.platform_qc(["fib", platform])


def test_a_path_has_no_filters(folder):
    assert zs_client.qc("828418", "any", lazy=True).endswith("subject_id=828418/data.pqt")
    for words in ({"status": "Pass"}, {"columns": "name"}, {"limit": 1}):
        with pytest.raises(ValueError, match="filter in the query"):
            zs_client.qc("828418", lazy=True, **words)
    with pytest.raises(ValueError, match="one subject"):
        zs_client.qc(["828418", "M2501"], lazy=True)


@given(st.text(max_size=20) | st.sampled_from(ODD))
def test_no_subject_leaves_the_folder(in_memory, subject):
    words = {"subject_id": subject, "columns": "subject_id"}
    try:
        found = read.rows(read_request("qc", words), in_memory)["subject_id"].to_pylist()
    except zs_client.SubjectNotFound:
        found = []
    assert found == ([subject, subject] if subject in client_store.SUBJECTS else [])
    named = read.rows(
        read_request("asset_basics", {"name": subject, "columns": ["name"]}), in_memory
    )
    assert named.num_rows == (subject == "raw")


@pytest.fixture(scope="module")
def in_memory():
    return client_store.filled("memory://filters"), LAYOUT


@pytest.mark.parametrize("limit", [-1, 1.5, "3", True])
def test_a_limit_is_a_number_of_rows(folder, limit):
    with pytest.raises(ValueError, match="limit= is a number of rows"):
        zs_client.asset_basics(limit=limit)


def test_a_list_column_without_rows_is_filtered_too():
    empty = as_parquet(BASICS.slice(0, 0))
    assert chosen(empty, modality="fib").num_rows == 0
    assert (
        chosen(
            as_parquet(pa.table({"tags": pa.array([[]], pa.list_(pa.string()))})), tag="x"
        ).num_rows
        == 0
    )


# Ranges of numbers.


@pytest.fixture
def packed(monkeypatch):
    monkeypatch.setenv("ZS_STORE", "sample")
    return zs_client.asset_basics()["age"]


@pytest.mark.parametrize(
    ("words", "keep"),
    [
        ({"age_min": 120}, lambda age: age >= 120),
        ({"age_max": 120}, lambda age: age <= 120),
        ({"age_min": 107, "age_max": 142}, lambda age: 107 <= age <= 142),
        ({"age_min": 119.5}, lambda age: age >= 120),
        ({"age_max": 120.5}, lambda age: age <= 120),
        ({"age_min": "120"}, lambda age: age >= 120),
        ({"age_min": -1}, lambda age: True),
        ({"age_min": 100_000}, lambda age: False),
    ],
)
def test_a_range_of_numbers_has_both_its_ends_and_no_nulls(packed, words, keep):
    expected = sorted(age for age in packed.dropna() if keep(age))
    assert sorted(zs_client.asset_basics(**words)["age"]) == expected


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"age_min": None}, TypeError, "age_min takes a number; leave it out"),
        ({"age_min": float("nan")}, TypeError, "age_min takes no missing value"),
        ({"age_max": True}, TypeError, "age_max takes a whole number, not True"),
        ({"age_max": "old"}, ValueError, "age_max takes a whole number, not 'old'"),
        ({"name_min": 1}, ValueError, "there is no filter 'name_min'"),
    ],
)
def test_what_is_no_border_of_numbers_is_refused(packed, words, error, said):
    with pytest.raises(error, match=said):
        zs_client.asset_basics(**words)
