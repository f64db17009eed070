"""An empty answer to a value that its column does not have is warned of, without a request more."""

import io
import warnings

import client_store
import pyarrow.parquet as pq
import pytest
from client_store import BY_NAME, LAYOUT

import zs_client
from zs_client import nearest, read
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
        ({"project_name": ["Brain wide", "Brian"], "subject_id": ["901001"], "age": 1}, "'Brian'"),
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
        {"subject_id": 901001, "age": 3},
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
    monkeypatch.setattr(read, "END", 4096)
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
    with pytest.raises(ValueError, match=r"force_update.*reading never builds"):
        zs_client.asset_basics(force_update=True)
