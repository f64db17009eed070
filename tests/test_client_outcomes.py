"""Missing, empty and unreadable are three outcomes, on a folder, in memory and on S3."""

import uuid
from pathlib import Path
from urllib.parse import unquote

import client_store
import pandas as pd
import pytest
import stores
from client_store import LAYOUT, ODD, SUBJECTS, VERSION, WITHOUT_QC

import zs_client
from zs_client import AcornNotFound, ReadError, StoreError, SubjectNotFound
from zs_client.contract import VERSIONS_INDEX, encode_partition
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.publishing.facts_file import read_facts


@pytest.fixture(params=["folder", "memory", "s3", "public s3"])
def empty_store(request, tmp_path, environment):
    """A store with nothing in it, which the client reads; the tests write to it."""
    if request.param == "folder":
        store = open_store(tmp_path)
    elif request.param == "memory":
        store = open_store(f"memory://{uuid.uuid4().hex}")
    else:
        server = request.getfixturevalue("s3_server")
        client_store.as_owner(environment, server)
        public = request.param == "public s3"
        store = open_store(f"s3://{client_store.bucket(server, public=public)}")
        if public:
            client_store.nobody(environment, server)
    environment.setenv("ZS_STORE", store.url)
    return store


@pytest.fixture
def store(empty_store) -> Store:
    client_store.fill(empty_store)
    return empty_store


@pytest.fixture
def folder(tmp_path, environment) -> Store:
    environment.setenv("ZS_STORE", str(tmp_path))
    return client_store.filled(str(tmp_path))


# What is there


def test_every_table_is_read(store):
    assert zs_client.unique_project_names() == ["A", "B"]
    assert zs_client.unique_subject_ids() == sorted([*SUBJECTS, WITHOUT_QC])
    assert zs_client.unique_genotypes() == ["wt/wt"]
    assert len(zs_client.asset_basics()) == 6
    assert len(zs_client.source_data()) == 6
    assert len(zs_client.metadata_core()) == 1
    assert len(zs_client.qc("828418")) == 2
    assert len(zs_client.quality_control("828418")) == 2
    assert len(zs_client.qc_tag_status("828418")) == 2
    assert zs_client.platform_qc("fib")["asset_name"].tolist() == ["raw"]


@pytest.mark.parametrize("cache", ["off", "on"])
def test_what_a_table_costs_and_the_registry_is_asked_once_a_minute(s3_server, environment, cache):
    proxy = stores.FaultyProxy(s3_server)
    client_store.as_owner(environment, proxy.url)
    store = client_store.filled(f"s3://{client_store.bucket(s3_server, public=False)}")
    environment.setenv("ZS_STORE", store.url)
    if cache == "off":
        environment.setenv("ZS_CACHE", cache)
    sha256 = read_facts(store, LAYOUT, "asset_basics")["sha256"]
    proxy.seen.clear()
    zs_client.asset_basics()
    zs_client.qc("828418")
    zs_client.asset_basics(name="raw", columns="name")
    proxy.close()
    basics = LAYOUT.table("asset_basics")
    metrics = LAYOUT.partition("qc", "subject_id", "828418")
    if cache == "off":
        wanted = [LAYOUT.registry, basics, metrics, basics]
    else:
        asked = LAYOUT.facts("asset_basics")
        content = LAYOUT.object("asset_basics", sha256)
        wanted = [LAYOUT.registry, asked, content, metrics, asked]
    found = [unquote(path).split("/", 2)[-1] for _, path in proxy.seen]
    assert sorted(found) == sorted(wanted)


def test_times_are_utc_and_lists_are_no_text(folder):
    frame = zs_client.asset_basics().set_index("name")
    assert str(frame["acquisition_start_time"].dtype) == "datetime64[us, UTC]"
    assert list(frame.loc["raw", "modalities"]) == ["ecephys", "behavior"]
    assert frame.loc["raw_by_hand", "modalities"] is None
    assert list(frame.loc["raw_by_hand_2", "modalities"]) == []
    assert zs_client.metadata_core()["subject"].dtype == bool
    assert list(zs_client.qc("828418")["tags"][0]) == ["probe:A", "b"]


def test_an_odd_subject_is_read_under_its_own_key(store):
    for subject in ODD:
        assert zs_client.qc(subject)["subject_id"].tolist() == [subject, subject]
        assert store.exists(LAYOUT.partition("qc", "subject_id", encode_partition(subject)))


def test_no_subject_is_a_partition_of_its_own(folder):
    client_store.split(folder, "quality_control", {None: client_store.metrics(None)})
    assert zs_client.qc(None)["asset_name"].tolist() == ["None_asset0", "None_asset1"]


def test_a_number_is_a_subject_too(folder):
    assert len(zs_client.qc(828418)) == 2
    with pytest.raises(TypeError, match=r"828418\.0"):
        zs_client.qc(828418.0)


def test_only_the_data_assets_that_are_asked_for(folder):
    frame = zs_client.qc("M2501", "M2501_asset1")
    assert frame["asset_name"].tolist() == ["M2501_asset1"]
    assert frame.index.tolist() == [0]
    assert len(zs_client.qc_tag_status("M2501", ["x"])) == 1


def test_data_assets_that_are_not_there_are_named_in_a_warning(folder):
    for function in (zs_client.qc, zs_client.quality_control, zs_client.qc_tag_status):
        with pytest.warns(UserWarning, match="nowhere") as told:
            function("M2501", ["M2501_asset1", "x", "nowhere"])
        assert told[0].filename == __file__
    with pytest.warns(UserWarning, match="nowhere"):
        assert len(zs_client.qc("M2501", ["M2501_asset1", "nowhere"])) == 1


# Empty


def test_an_empty_table_has_its_columns_and_types(store):
    frame = zs_client.document_problems()
    assert frame.empty
    more = ["column", "taken", "other", "count"]
    assert frame.columns.tolist() == ["_id", "name", "field", "reason", "severity", *more]


def test_a_subject_without_qc_is_an_empty_frame_like_the_others(store):
    empty, full = zs_client.qc(WITHOUT_QC), zs_client.qc("828418")
    assert empty.empty
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


def test_a_subject_whose_rows_are_gone_is_an_empty_frame(folder):
    client_store.split(folder, "qc_tag_status", {"828418": []})
    assert zs_client.qc_tag_status("828418").empty


def test_a_platform_without_qc_is_an_empty_frame(store):
    empty, full = zs_client.platform_qc("spim"), zs_client.platform_qc("fib")
    assert empty.empty
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)


# Missing


TABLES = [
    zs_client.unique_project_names,
    zs_client.unique_subject_ids,
    zs_client.unique_genotypes,
    zs_client.asset_basics,
    zs_client.source_data,
    zs_client.metadata_core,
    zs_client.document_problems,
    zs_client.get_squirrel_info,
    lambda: zs_client.qc("828418"),
    lambda: zs_client.qc_tag_status("828418"),
    lambda: zs_client.platform_qc("fib"),
    lambda: zs_client.raw_to_derived("raw"),
]


def test_a_table_that_is_not_there_is_not_found(empty_store):
    for ask in TABLES:
        with pytest.raises(AcornNotFound, match="ZS_VERSION") as error:
            ask()
        assert not isinstance(error.value, SubjectNotFound)
        assert empty_store.url in str(error.value)
        assert VERSIONS_INDEX in str(error.value)


def test_what_is_not_found_names_the_versions_that_are_there(store, environment):
    environment.setenv("ZS_VERSION", "0.9.1")
    with pytest.raises(AcornNotFound, match=rf"0\.9\.1.*zs-v0\.9\.1.*Versions there: {VERSION}"):
        zs_client.asset_basics()


def test_an_index_that_cannot_be_read_does_not_hide_what_is_not_found(folder, environment):
    folder.put(VERSIONS_INDEX, b"[")
    environment.setenv("ZS_VERSION", "0.9.1")
    with pytest.raises(AcornNotFound, match=r"asset_basics.*not known.*zombie-squirrels\.json"):
        zs_client.asset_basics()


def test_the_folder_itself_is_not_its_parent(folder, environment):
    environment.setenv("ZS_STORE", f"{folder.url}/data-asset-cache")
    with pytest.raises(AcornNotFound, match=f"is the parent of data-asset-cache: {folder.url}"):
        zs_client.asset_basics()


def test_a_subject_that_nobody_has_is_not_found_and_those_alike_are_named(store):
    with pytest.raises(SubjectNotFound, match=r"828419.*828418"):
        zs_client.qc("828419")
    with pytest.raises(SubjectNotFound, match=r"unique_subject_ids"):
        zs_client.qc_tag_status("nothing like it")


def test_a_subject_of_ten_thousand_characters_is_not_found(store):
    with pytest.raises(SubjectNotFound, match=r"10,000 characters") as error:
        zs_client.qc("x" * 10_000)
    assert len(str(error.value)) < 500
    with pytest.raises(SubjectNotFound):
        zs_client.qc("x" * 300)
    with pytest.raises(SubjectNotFound):
        zs_client.qc("\0\ud800/../../x")


def test_a_subject_is_not_found_without_the_table_of_subjects(folder):
    folder.delete([LAYOUT.table("unique_subject_ids")])
    with pytest.raises(SubjectNotFound, match="828418"):
        zs_client.qc("828419")


def test_a_platform_that_there_is_not_is_a_value_error_with_those_there_are(store):
    with pytest.raises(ValueError, match=r"no platform .fob.\. There are fib, .*, ecephys, ex"):
        zs_client.platform_qc("fob")


def test_a_table_whose_first_build_has_not_ended_says_so(tmp_path, environment):
    store = open_store(tmp_path)
    environment.setenv("ZS_STORE", store.url)
    client_store.whole(store, "unique_subject_ids", [{"subject_id": "1"}, {"subject_id": "2"}])
    client_store.split(store, "quality_control", {"1": client_store.metrics("1")}, state=None)
    assert len(zs_client.qc("1")) == 2
    with pytest.raises(AcornNotFound, match="first build has not ended"):
        zs_client.qc("2")


# Unreadable


@pytest.mark.parametrize(
    "ask", [zs_client.asset_basics, lambda: zs_client.qc("828418")], ids=["table", "partition"]
)
def test_a_broken_file_is_an_error_with_its_cause(empty_store, ask):
    for body in (b"", b"no parquet", b"PAR1" * 4):
        empty_store.put(LAYOUT.table("asset_basics"), body)
        empty_store.put(LAYOUT.partition("qc", "subject_id", "828418"), body)
        with pytest.raises(ReadError, match=r"no readable parquet.*build the table again") as error:
            ask()
        assert error.value.__cause__ is not None


def test_a_file_that_ends_early_is_an_error(folder):
    key = LAYOUT.table("asset_basics")
    whole = folder.get(key)
    folder.put(key, whole[:100] + b"\0" * 500 + whole[600:])
    with pytest.raises(ReadError):
        zs_client.asset_basics()


@pytest.mark.parametrize("key", [LAYOUT.facts("qc"), LAYOUT.table("unique_subject_ids")])
def test_an_unknown_subject_is_not_not_found_when_that_cannot_be_known(folder, key):
    folder.put(key, b"{")
    with pytest.raises(ReadError):
        zs_client.qc(WITHOUT_QC)


def test_a_partition_whose_fixed_path_is_not_placed_yet_is_read_from_its_object(folder):
    folder.delete([LAYOUT.partition("qc", "subject_id", "828418")])
    assert len(zs_client.qc("828418")) == 2
    assert "/_objects/qc/" in zs_client.qc("828418", lazy=True)


def test_a_partition_that_is_lost_is_an_error(folder):
    folder.delete([LAYOUT.partition("qc", "subject_id", "828418")])
    for found in list((Path(folder.url) / LAYOUT.folder / "_objects/qc").glob("*")):
        found.unlink()
    with pytest.raises(ReadError, match="build the table again"):
        zs_client.qc("828418")


def test_no_permission_is_an_error_and_not_not_found(s3_server, environment):
    client_store.as_owner(environment, s3_server)
    store = client_store.filled(f"s3://{client_store.bucket(s3_server, public=False)}")
    client_store.nobody(environment, s3_server)
    environment.setenv("ZS_STORE", store.url)
    for ask in TABLES:
        with pytest.raises(ReadError, match=r"403.*credentials") as error:
            ask()
        assert isinstance(error.value.__cause__, PermissionError)


def test_a_bucket_that_is_not_there_is_an_error(s3_server, environment):
    client_store.as_owner(environment, s3_server)
    environment.setenv("ZS_STORE", "s3://no-such-bucket-anywhere")
    with pytest.raises(ReadError, match="no such bucket"):
        zs_client.asset_basics()


def test_a_folder_that_is_not_there_is_an_error(environment, tmp_path):
    environment.setenv("ZS_STORE", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="nowhere: no such folder"):
        zs_client.asset_basics()


# Version folders from before 1.0.0


def test_an_old_version_folder_is_read_without_facts(empty_store, environment):
    client_store.old(empty_store)
    environment.setenv("ZS_VERSION", "0.28.6")
    assert zs_client.asset_basics()["name"].tolist() == ["from before"]
    assert len(zs_client.qc("828418")) == 2
    for ask in (lambda: zs_client.qc("1"), lambda: zs_client.platform_qc("fib")):
        with pytest.raises(AcornNotFound, match=r"Versions there: 0\.28\.6, 1\.0\.0"):
            ask()
