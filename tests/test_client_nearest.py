"""An empty answer to a value that its column does not have is warned of, without a request more."""

import io
import warnings

import client_store
import pyarrow.parquet as pq
import pytest
from client_store import BY_NAME, LAYOUT
from stores import FaultyProxy

import zs_client
from zs_client import cli, nearest, parquet_of_store, read
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline import arrow

ROWS = [
    {
        "_id": f"id {number}",
        "name": f"name {number}",
        "subject_id": str(901000 + number // 20),
        "project_name": "Sample foraging" if number % 2 else "Brain wide",
        "data_level": "derived" if number % 2 else "raw",
        "modalities": ["SPIM"] if number % 2 else ["ecephys"],
        "age": 90 + number % 60,
    }
    for number in range(600)
]


def body() -> bytes:
    sink = io.BytesIO()
    pq.write_table(arrow.table(BY_NAME["asset_basics"], ROWS), sink, row_group_size=50)
    return sink.getvalue()


@pytest.fixture
def store(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    store = open_store(str(tmp_path))
    store.put(LAYOUT.table("asset_basics"), body())
    return store


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"project_name": "sample  foraging "}, "nearest: 'Sample foraging'$"),
        ({"data_level": "Raw"}, "data_level='Raw' occurs nowhere in data_level; nearest: 'raw'$"),
        ({"modality": "SmartSPIM"}, "occurs nowhere in modalities; nearest: 'SPIM'$"),
        ({"subject_id": "9010011"}, "subject_id='9010011' .*'901001'"),
        ({"data_level": "Q"}, r"; values\('asset_basics', 'data_level'\) lists what it has$"),
        ({"age_min": "120", "age_max": 100}, "age_min='120' lies above age_max=100: no row fits$"),
        ({"acquired_after": "2024-10-21", "acquired_before": "2024-01-01"}, "lies above acquired_"),
        ({"acquisition_start_time": "2024-10-21"}, "midnight .*; acquisition_start_time_after= "),
        ({"project_name": ["Brain wide", "Brian"], "subject_id": ["901001"], "age": 99}, "'Brian'"),
        ({"age": 1}, "age=1 occurs nowhere in age, which has 90 to 149$"),
        (
            {"age": ["1", 140, 999], "data_level": "raw", "subject_id": "901001"},
            "age=1, 999 occurs",
        ),
    ],
)
def test_a_value_that_occurs_nowhere_is_warned_of_once(store, words, message):
    with pytest.warns(zs_client.NoSuchValue, match=message) as caught:
        assert zs_client.asset_basics.arrow(**words).num_rows == 0
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "words",
    [
        {"data_level": "raw", "modality": "spim"},
        {"subject_id": 901001, "age": 149},
        {"age": [1, 100]},
        {"subject_id": 901001},
        {"project_name": ["Brain wide", "Brian"]},
        {"data_level": "Raw", "limit": 0},
        {"project_name": None},
        {"name_contains": "nobody"},
    ],
)
def test_other_answers_are_not_warned_of(store, words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zs_client.asset_basics.arrow(**words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"subject_id": "9010011"}, "9010011.*'901001'"),
        ({"age": 1}, "which has 90 to 149"),
        # Statistics exclude every row group, and no column is fetched.
        ({"project_name": "brain wide"}, "nearest: 'Brain wide'"),
        # No row group of that project is fetched, so that nothing is said of the subject.
        ({"subject_id": "9010011", "project_name": "brain wide"}, "nearest: 'Brain wide'"),
    ],
)
def test_a_warning_costs_no_request(s3_server, monkeypatch, words, message):
    client_store.as_owner(monkeypatch, s3_server)
    store = open_store(f"s3://{client_store.bucket(s3_server, public=False)}")
    monkeypatch.setenv("ZS_STORE", store.url)
    store.put(LAYOUT.table("asset_basics"), body())
    monkeypatch.setattr(parquet_of_store, "END", 4096)
    monkeypatch.setattr(read, "SMALL", 0)
    ranges = []
    real = Store._byte_range
    monkeypatch.setattr(
        Store, "_byte_range", lambda self, key, o: ranges.append(key) or real(self, key, o)
    )
    request = read.ReadRequest("asset_basics", "asset_basics", words)
    read.content(request)
    without, ranges[:] = len(ranges), []
    with pytest.warns(zs_client.NoSuchValue, match=message) as caught:
        zs_client.asset_basics.arrow(**words)
    assert len(ranges) == without
    assert len(caught) == 1


def test_many_values_are_compared_in_part():
    values = {f"name {number}" for number in range(100_000)}
    assert nearest.nearest("NAME 77", values) == ["name 77"]
    assert len(nearest.nearest("nome 77", values)) == nearest.NAMED


def test_force_update_is_refused_with_the_reason(store):
    with pytest.raises(ValueError, match=r"force_update.*reading never builds a .* leave it out$"):
        zs_client.asset_basics(force_update=True)
    with pytest.raises(TypeError, match=r"^unique_project_names: .*reading never builds"):
        zs_client.unique_project_names(force_update=True)
    with pytest.raises(ValueError, match=r"'version': ZS_VERSION names the version folder$"):
        zs_client.asset_basics(version="9.9.9")


# Tables in partitions


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    return client_store.filled(str(tmp_path))


SHAPES = {
    "frame": lambda function, *parts, **words: function(*parts, **words),
    "arrow": lambda function, *parts, **words: function.arrow(*parts, **words).to_pandas(),
    "polars": lambda function, *parts, **words: function.polars(*parts, **words).to_pandas(),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("parts", "words", "message"),
    [
        (("828418",), {"status": "pass"}, "status of subject_id '828418'; nearest: 'Pass'$"),
        # No metric of the animal failed, but others may.
        (("828418",), {"status": "fail"}, "status of subject_id '828418'; nearest: 'Fail'$"),
        (("828418",), {"stage": "multi-asset"}, "nearest: 'Multi-asset'$"),
        (("828418",), {"name": "Metric  0"}, "nearest: 'metric 0'$"),
        ((["828418", "M2501"],), {"tag": "Probe:A"}, "tags of subject_id '828418', 'M2501'; "),
        ((list(client_store.SUBJECTS),), {"tag": "Probe:A"}, "tags of the partitions that were"),
        # An animal without QC lacks nothing.
        ((["828418", client_store.WITHOUT_QC],), {"status": "fail"}, "nearest: 'Fail'$"),
    ],
)
def test_a_value_that_no_partition_has_is_warned_of_once(folder, shape, parts, words, message):
    with pytest.warns(zs_client.NoSuchValue, match=message) as caught:
        assert SHAPES[shape](zs_client.qc, *parts, **words).empty
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_platform_and_tags_are_warned_of_too(folder):
    with pytest.warns(zs_client.NoSuchValue, match="platform_qc: status='pass' occurs nowhere"):
        zs_client.platform_qc("fib", status="pass")
    with pytest.warns(zs_client.NoSuchValue, match="tag='Ecephys'.*nearest: 'ecephys'"):
        zs_client.qc_tag_status("828418", tag="Ecephys")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        # These occur in other partitions, or may.
        ("828418", {"status": "Fail"}),
        ("828418", {"stage": "Analysis"}),
        ("828418", {"tag": "wholly different"}),
        ("828418", {"status": "fail", "limit": 0}),
        (client_store.WITHOUT_QC, {"status": "fail"}),
        (["828418", "M2501"], {"asset_name": "M2501_asset0"}),
        ([], {"status": "fail"}),
    ],
)
def test_what_other_partitions_have_is_not_warned_of(folder, parts, words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zs_client.qc.arrow(parts, **words)


def test_a_warning_of_a_partition_costs_no_request(s3_server, monkeypatch):
    proxy = FaultyProxy(s3_server)
    client_store.as_owner(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", f"s3://{client_store.bucket(s3_server, public=True)}")
    client_store.filled(zs_client.place.resolve()[0].url)
    zs_client.qc("828418", status="Pass")
    proxy.seen.clear()
    zs_client.qc("828418", status="Pass")
    plain = len(proxy.seen)
    with pytest.warns(zs_client.NoSuchValue):
        zs_client.qc("828418", status="pass")
    assert len(proxy.seen) == 2 * plain
    proxy.close()


def test_show_says_it_on_a_line(folder, capsys):
    assert cli.main(["show", "qc", "828418", "--where", "status=pass"]) == 0
    said = capsys.readouterr().err
    assert said == (
        "zs: quality_control: status='pass' occurs nowhere in status of subject_id '828418'; "
        "nearest: 'Pass'\n"
    )
    assert cli.main(["show", "asset_basics", "--where", "modality=ephys"]) == 0
    assert "occurs nowhere in modalities; nearest: 'ecephys'" in capsys.readouterr().err


# What was derived


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("Raw", "no data asset has the name 'Raw'; nearest: 'raw'$"),
        (["raw", "raw_by_hond"], "the name 'raw_by_hond'; nearest: 'raw_by_hand"),
    ],
)
def test_a_name_that_no_data_asset_has_is_warned_of(folder, names, message):
    with pytest.warns(zs_client.NoSuchValue, match=message) as caught:
        zs_client.raw_to_derived(names)
    assert [one.filename for one in caught] == [__file__]


def test_a_data_asset_of_which_nothing_was_derived_is_not_warned_of(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert zs_client.raw_to_derived("raw_by_hand") == []
        folder.delete([LAYOUT.table("asset_basics"), LAYOUT.facts("asset_basics")])
        assert zs_client.raw_to_derived("nobody knows") == []


def test_a_modality_that_nothing_has_is_warned_of(folder):
    with pytest.warns(zs_client.NoSuchValue, match="modality='ephys'.*nearest: 'ecephys'"):
        assert zs_client.raw_to_derived("raw", "ephys") == []
