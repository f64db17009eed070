"""The drop-in for biodata-cache: its names and arguments, what they read, what they say."""

import inspect
import json
import re
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest
from client_store import BY_NAME, LAYOUT, STATE, fill, split
from declaring import no_rows_of_both
from stores import memory

import zs_client
from zs_client import biodata_cache
from zs_client.contract import SUCCESSOR_INDEX, SUCCESSOR_NAMES
from zs_client.errors import AcornNotFound, ReadError, SubjectNotFound
from zs_client.s3 import PUBLIC
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, ByKey, Column
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

ROOT = Path(__file__).parents[1]
# `python -m bench.readers --signatures` writes it.
THEIRS = json.loads((ROOT / "tests/biodata-cache-signatures.json").read_text(encoding="utf-8"))
WITHOUT_TABLE = sorted(
    name
    for name in THEIRS["functions"]
    if inspect.signature(getattr(biodata_cache, name)).return_annotation is NoReturn
)
RAW = "1_2024-01-01_00-00-00"


def text(name: str) -> Column:
    return Column(name, "string", f"The {name}.")


BY_RAW = Acorn(
    name="qc_by_raw_asset",
    description="QC by raw data asset.",
    type="asset",
    key=(),
    order=("name",),
    kind=ByKey(key="raw_asset_name", rows=no_rows_of_both, reads=(), basics=()),
    columns=(text("name"), text("asset_name"), text("raw_asset_name")),
)


@pytest.fixture
def store(environment: pytest.MonkeyPatch) -> Store:
    """A store in memory with every table, which a variable names."""
    store = memory()
    fill(store)
    environment.setenv("ZS_STORE", store.url)
    return store


def commit_by_raw(store: Store) -> None:
    acorn = BY_NAME.get("qc_by_raw_asset", BY_RAW)
    names = ["raw", "raw", "raw_sorted_2026-01-01_00-00-00"]
    rows = [
        {"name": f"metric {n}", "asset_name": name, "raw_asset_name": "raw"}
        for n, name in enumerate(names)
    ]
    part = PartitionUpdate("raw", arrow.table(acorn, rows), "1")
    commit(store, LAYOUT, acorn, TableUpdate([part], STATE, "1"), accept_shrink=True)


def test_it_has_the_names_of_the_package_and_no_others():
    assert biodata_cache.__all__ == sorted(THEIRS["functions"])
    assert biodata_cache.__version__ == THEIRS["version"] == "0.42.26"
    assert len(THEIRS["functions"]) == 52


@pytest.mark.parametrize("name", sorted(set(THEIRS["functions"]) - set(WITHOUT_TABLE)))
def test_arguments_are_those_of_the_package_in_their_order(name):
    parameters = inspect.signature(getattr(biodata_cache, name)).parameters.values()
    ours = [
        {"name": p.name, "kind": p.kind.name}
        | ({} if p.default is p.empty else {"default": p.default})
        for p in parameters
    ]
    theirs = THEIRS["functions"][name]
    if name == "asset_basics":
        # Nothing stops at 100 rows.
        (limit,) = (p for p in theirs if p["name"] == "limit")
        assert limit["default"] == 100
        theirs = [p | {"default": None} if p["name"] == "limit" else p for p in theirs]
    assert ours == theirs


@pytest.mark.parametrize("name", WITHOUT_TABLE)
def test_what_is_no_metadata_says_where_it_comes_from(name):
    sentence = f"^{name}: this cache has no such table, .*; these data come from ..."
    with pytest.raises(AcornNotFound, match=sentence):
        getattr(biodata_cache, name)("of something", force_update=True)
    assert getattr(biodata_cache, name).__name__ == name


def test_science_data_are_the_functions_without_a_table():
    assert len(WITHOUT_TABLE) == 27
    assert {"platform_ecephys_units", "storage_lens", "cell_index"} < set(WITHOUT_TABLE)


def test_a_table_is_what_the_client_reads(store):
    same = {
        "asset_basics": zs_client.asset_basics,
        "source_data": zs_client.source_data,
        "metadata_core": zs_client.metadata_core,
        "time_to_qc": zs_client.time_to_qc,
        "metadata_upgrade": zs_client.metadata_upgrade,
        "assets_smartspim": zs_client.assets_smartspim,
        "platform_smartspim_fiber_ccf": zs_client.platform_smartspim_fiber_ccf,
        "platform_smartspim_qc_metrics": zs_client.platform_smartspim_qc_metrics,
        "platform_exaspim": zs_client.platform_exaspim,
        "platform_fib": zs_client.platform_fib,
        "behavior_curriculum": zs_client.behavior_curriculum,
        "platform_dynamic_foraging_sessions": zs_client.foraging_sessions,
    }
    for name, function in same.items():
        pd.testing.assert_frame_equal(getattr(biodata_cache, name)(), function())
    pd.testing.assert_frame_equal(biodata_cache.platform_qc("fib"), zs_client.platform_qc("fib"))
    for name in ("unique_project_names", "unique_subject_ids", "unique_genotypes"):
        assert getattr(biodata_cache, name)() == getattr(zs_client, name)()


def test_pages_of_data_assets_are_sorted_and_counted(store):
    everything = biodata_cache.asset_basics()
    names = sorted(everything["name"])
    page, total = biodata_cache.asset_basics(limit=2, offset=1, include_total=True)
    assert (list(page["name"]), total) == (names[1:3], len(names))
    assert list(page.index) == [0, 1]
    frame = biodata_cache.asset_basics(modality="ECEPHYS", columns=["_id"])
    assert list(frame.columns) == ["_id"]
    assert frame["_id"].tolist() == [
        "id raw",
        "id raw_sorted_2026-01-01_00-00-00",
        "id raw_sorted_2026-02-01_00-00-00",
    ]
    assert list(biodata_cache.asset_basics(name_contains="HAND", limit=1)["name"]) == [
        "raw_by_hand"
    ]
    after = biodata_cache.asset_basics(acquisition_start_after="2026-02-02T02:40:00Z")
    before = biodata_cache.asset_basics(acquisition_start_before="2026-02-02T02:40:00Z")
    assert (len(after), len(before)) == (len(names), 0)
    assert biodata_cache.asset_basics(limit=0).empty
    beyond, total = biodata_cache.asset_basics(offset=100, include_total=True)
    assert (len(beyond), total) == (0, len(names))
    with pytest.raises(ValueError, match="offset"):
        biodata_cache.asset_basics(offset=-1)


def test_latest_comes_before_the_modality(store):
    assert biodata_cache.raw_to_derived("raw", True, "ecephys") == [
        "raw_sorted_2026-02-01_00-00-00"
    ]
    assert biodata_cache.raw_to_derived("raw", modality="ecephys") == [
        "raw_sorted_2026-01-01_00-00-00",
        "raw_sorted_2026-02-01_00-00-00",
    ]


def test_qc_is_by_raw_data_asset_where_the_store_has_it(store):
    with pytest.raises(AcornNotFound, match=r"has no QC by raw data asset.*qc_by_raw_asset"):
        biodata_cache.qc("another")
    commit_by_raw(store)
    assert list(biodata_cache.qc("raw")["name"]) == ["metric 0", "metric 1", "metric 2"]
    assert list(biodata_cache.qc("raw", ["raw"])["name"]) == ["metric 0", "metric 1"]
    derived = biodata_cache.qc("raw", "raw_sorted_2026-01-01_00-00-00")
    assert list(derived["name"]) == ["metric 2"]
    # A data asset without QC, which is no error.
    nothing = biodata_cache.qc("raw_by_hand")
    assert nothing.empty
    assert list(nothing.columns) == list(derived.columns)
    with pytest.raises(AcornNotFound, match=r"no data asset in .* has the name"):
        biodata_cache.qc("rwa")
    with pytest.raises(ValueError, match="needs a raw_asset_name"):
        biodata_cache.qc()
    with pytest.raises(TypeError, match="raw_asset_name"):
        biodata_cache.qc(901001)


def test_a_lazy_qc_is_a_path(environment, tmp_path):
    from zs_client.opening import open_store

    store = open_store(tmp_path)
    fill(store)
    commit_by_raw(store)
    environment.setenv("ZS_STORE", str(tmp_path))
    path = Path(biodata_cache.qc("raw", lazy=True))
    assert path.parts[-3:] == ("qc_by_raw_asset", "raw_asset_name=raw", "data.pqt")
    assert len(pd.read_parquet(path)) == 3
    with pytest.raises(AcornNotFound, match="known and has no QC"):
        biodata_cache.qc("raw_by_hand", lazy=True)


@pytest.mark.parametrize(
    "name",
    [
        *("time_to_qc", "platform_smartspim_fiber_ccf", "platform_smartspim_qc_metrics"),
        *("record_consistency_results", "record_consistency_checks"),
    ],
)
def test_a_table_that_is_not_built_is_missed_in_a_sentence(environment, name):
    environment.setenv("ZS_STORE", memory().url)
    with pytest.raises(AcornNotFound, match=f"^{name} is not in version"):
        getattr(biodata_cache, name)()


def test_statuses_of_modalities_and_stages_are_columns(store):
    def metric(name, modality, stage):
        return {"name": "m", "asset_name": name, "modality": modality, "stage": stage}

    split(
        store,
        "quality_control",
        {"828418": [metric("x", "ecephys", "Raw data"), metric("y", "behavior", None)]},
    )
    frame = biodata_cache.qc_status()
    assert list(frame.columns) == ["name", "behavior", "ecephys", "Raw data"]
    assert frame["name"].tolist() == ["x", "y"]
    # `b` is a tag of both, and no modality.
    assert frame["ecephys"].tolist() == ["Pass", None]
    assert frame["behavior"].tolist() == [None, None]


def test_a_status_that_only_curation_metrics_have_is_a_status_of_their_modality(store):
    # They are no rows of quality_control.
    metrics = [{"name": "m", "asset_name": "raw", "stage": "Processing", "tags": ["behavior"]}]
    split(store, "quality_control", {"828418": metrics})
    keys = {"ecephys": "Pass", "behavior": "Fail", "fib": "Fail", "Analysis": "Fail"}
    tags = [
        {"tag": key, "status": status, "asset_name": name}
        for key, status in keys.items()
        for name in ("raw", "raw_by_hand")
    ]
    split(store, "qc_tag_status", {"828418": tags})
    frame = biodata_cache.qc_status().set_index("name")
    # `behavior` is a tag of another metric, and `fib` no modality of the data asset.
    assert list(frame.columns) == ["Analysis", "ecephys", "Processing"]
    assert frame.loc["raw"].tolist() == ["Fail", "Pass", None]
    assert frame.loc["raw_by_hand"].tolist() == ["Fail", None, None]


def test_custom_tables_are_the_same(store):
    frame = pd.DataFrame({"note": ["a"]})
    biodata_cache.custom("notes", frame)
    assert zs_client.custom("notes")["note"].tolist() == ["a"]
    with pytest.raises(ValueError, match="nothing"):
        biodata_cache.custom("nothing")


def test_the_registry_has_the_names_that_its_readers_know(store):
    registry = biodata_cache.get_cache_registry()
    names = [table.name for table in registry.tables]
    assert names == sorted(names)
    assert {"platform_smartspim", "platform_dynamic_foraging_sessions"} < set(names)
    assert not {"quality_control", "assets_smartspim", "foraging_sessions"} & set(names)
    (table,) = (table for table in registry.tables if table.name == "platform_qc")
    assert (table.partitioned, table.partition_key, table.type) == (True, "platform", "platform")
    assert table.columns[0] == biodata_cache.Column("asset_name", table.columns[0].description)
    # What a build writes under these names, and perhaps more.
    assert SUCCESSOR_NAMES.items() <= biodata_cache.NAMES.items()


def test_versions_are_the_folders_of_its_index(store):
    assert biodata_cache.get_cache_versions() == []
    store.put(SUCCESSOR_INDEX, b'["bdc-v0.42", "bdc-v0.99"]')
    assert biodata_cache.get_cache_versions() == ["bdc-v0.42", "bdc-v0.99"]
    store.put(SUCCESSOR_INDEX, b"{}")
    with pytest.raises(ReadError, match="no list"):
        biodata_cache.get_cache_versions()


def test_a_forced_update_warns_and_reads(store):
    with pytest.warns(
        UserWarning, match=r"source_data\(force_update=True\) builds nothing"
    ) as said:
        frame = biodata_cache.source_data(True)
    assert said[0].filename == __file__
    assert len(frame) == len(zs_client.source_data())
    with pytest.raises(TypeError, match=r"^source_data\(\) got an unexpected .* 'typo'"):
        biodata_cache.source_data(typo=1)


def test_the_variable_names_a_store(environment):
    environment.setenv("BIODATA_CACHE_BACKEND", " S3 ")
    assert biodata_cache._store_url() == PUBLIC
    environment.setenv("BIODATA_CACHE_BACKEND", "memory")
    biodata_cache.custom("drop_in_note", pd.DataFrame({"a": [1]}))
    environment.setenv("BIODATA_CACHE_BACKEND", "")
    environment.setenv("FOREST_TYPE", "MEMORY")
    assert biodata_cache.custom("drop_in_note")["a"].tolist() == [1]
    environment.setenv("BIODATA_CACHE_BACKEND", "codeocean")
    with pytest.raises(ValueError, match="attached to a capsule, and reading builds nothing"):
        biodata_cache.asset_basics()
    environment.setenv("BIODATA_CACHE_BACKEND", "disk")
    with pytest.raises(ValueError, match="BIODATA_CACHE_BACKEND=disk: it is s3"):
        biodata_cache.asset_basics()


def test_a_store_by_name_goes_first(store, environment):
    for value in ("s3", "memory", "codeocean"):
        environment.setenv("BIODATA_CACHE_BACKEND", value)
        assert biodata_cache.unique_project_names() == ["A", "B"]
    environment.setenv("BIODATA_CACHE_BACKEND", "disk")
    with pytest.raises(ValueError, match="=disk"):
        biodata_cache.unique_project_names()


def test_the_client_itself_does_not_look_at_the_variable(store, environment):
    environment.setenv("BIODATA_CACHE_BACKEND", "disk")
    assert zs_client.unique_project_names() == ["A", "B"]


def test_qc_by_subject_says_what_reads_a_data_asset(store):
    with pytest.raises(SubjectNotFound, match="looks like the name of a data asset: asset_names="):
        zs_client.qc(RAW)
    with pytest.raises(SubjectNotFound, match="Alike: 828418"):
        zs_client.qc("828419")


def test_each_function_stands_on_the_page_of_those_who_move():
    page = (ROOT / "docs/moving.md").read_text(encoding="utf-8").partition("## From biodata")[2]
    rows = re.findall(r"^\| `(\w+)\(([^`]*)\)` \| (.*) \| (.*) \|$", page, re.MULTILINE)
    assert [name for name, *_ in rows] == sorted(THEIRS["functions"])
    for name, arguments, ours, _ in rows:
        if "…" not in arguments:
            theirs = [parameter["name"] for parameter in THEIRS["functions"][name]]
            assert arguments == ", ".join(theirs)
        assert (ours == "no such table") == (name in WITHOUT_TABLE)
        if called := re.match(r"`(\w+)\(", ours):
            assert callable(getattr(zs_client, called[1]))
