"""`explain` and `zs explain`: what one value was made from, on stores that the pipeline built."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import client_store
import pandas as pd
import pytest
from building import document, dump, zs_build
from stores import FaultyProxy

import zs_client
from zs_client import AcornNotFound, explain, remembered
from zs_client.cli import main
from zs_client.contract import DOCUMENTS
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.acorns import ACORNS

pytestmark = pytest.mark.slow

FIBERS = {
    "object_type": "Acquisition",
    "acquisition_start_time": "2025-01-01T18:00:00-08:00",
    "experimenters": "Ada Lovelace",
    "data_streams": [
        {
            "modalities": [{"abbreviation": "fib"}],
            "connections": [{"source_device": "Patch Cord A", "target_device": "Fiber 0"}],
            "configurations": [
                {
                    "object_type": "Patch cord config",
                    "device_name": "Patch Cord A",
                    "channels": [{"channel_name": "Green", "intended_measurement": "N/A"}],
                }
            ],
        }
    ],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two documents, one of them odd, and one of the sample with a trainer state."""
    folder = tmp_path_factory.mktemp("explain")
    sample = (settings.sample() / "documents.ndjson").read_text().splitlines()
    behavior = next(d for d in map(json.loads, sample) if "behavior_901002" in d.get("name", ""))
    given = [document("plain"), document("fibers", acquisition=FIBERS), behavior]
    (folder / "store").mkdir()
    assert zs_build(dump(folder / "d.ndjson", given), folder / "store") == 0
    return folder / "store"


@pytest.fixture
def store(built: Path, tmp_path: Path, environment: pytest.MonkeyPatch) -> Store:
    """A copy of it, which the client reads."""
    place = shutil.copytree(built, tmp_path / "store")
    environment.setenv("ZS_STORE", str(place))
    return open_store(str(place))


def told(found: pd.DataFrame, part: str) -> dict[str, Any]:
    return dict(found.loc[found["part"] == part, ["what", "value"]].values)


def test_a_value_of_a_document_is_shown_beside_what_the_document_has(store: Store) -> None:
    found = explain("fibers", "platform_fib.intended_measurement")
    assert list(found.columns) == ["part", "what", "value"]
    (row,) = told(found, "value").items()
    key = "asset_name=fibers, fiber=Fiber 0, patch_cord=Patch Cord A, channel=Green"
    assert row == (f"platform_fib.intended_measurement ({key})", "missing")
    column = next(a for a in ACORNS if a.name == "platform_fib").column("intended_measurement")
    assert told(found, "rule") == {"platform_fib.intended_measurement": column.rule}
    read = told(found, "read")
    path = "acquisition.data_streams[].configurations[].channels[].intended_measurement"
    assert json.loads(read[path]) == ["N/A"]
    assert told(found, "other")[path] == "N/A"
    assert "note" in told(found, "finding")[path]
    facts = json.loads(store.get("data-asset-cache/zs-v1.0.0/platform_fib.json"))
    assert told(found, "computed")["code_version"] == facts["code_version"]


def test_a_value_of_another_kind_is_a_finding_with_what_the_document_has(store: Store) -> None:
    found = explain("fibers", "asset_basics.experimenters")
    assert pd.isna(*told(found, "value").values())
    assert told(found, "read")["acquisition.experimenters[]"] == "[]"
    assert told(found, "other")["acquisition.experimenters"] == "Ada Lovelace"


def test_an_id_names_the_document_as_well_and_a_column_alone_is_of_asset_basics(
    store: Store,
) -> None:
    assert explain("id-plain", "age").equals(explain("plain", "asset_basics.age"))


def test_what_a_side_file_gave_is_shown(store: Store) -> None:
    (name,) = zs_client.asset_basics(name_contains="behavior_901002")["name"]
    found = explain(name, "stage_name")
    (value,) = told(found, "value").values()
    ((what, said),) = told(found, "file").items()
    assert what == "file:behavior_curriculum (found)"
    assert value is not None
    assert value in said


def test_each_column_of_each_table_can_be_explained(store: Store) -> None:
    for acorn in ACORNS:
        for column in acorn.columns:
            found = explain("fibers", f"{acorn.name}.{column.name}")
            assert {"value", "not told"} & set(found["part"]), (acorn.name, column.name)
            assert told(found, "meaning") == {f"{acorn.name}.{column.name}": column.description}
            assert not [v for v in told(found, "not told") if v == "reads"], column.name


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("plaim", "age", "Alike: plain"),
        ("zzz", "age", r"Nothing is written alike; asset_basics\(name_contains=…\) looks"),
        ("plain", "asset_basics.agee", "asset_basics has no column 'agee'. There are age"),
        ("plain", "asset_basic.age", "there is no table 'asset_basic'. There are asset_basics"),
        ("plain", "fibre", "no column 'fibre'; write table.column. Alike: platform_fib.fiber"),
        ("plain", "asset_name", "several tables have a column asset_name: name one of "),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    store: Store, name: str, column: str, said: str
) -> None:
    with pytest.raises(AcornNotFound, match=said):
        explain(name, column)


def test_without_the_kept_documents_the_rest_is_told(store: Store) -> None:
    store.delete([entry["path"] for entry in store.walk(DOCUMENTS)])
    found = explain("fibers", "platform_fib.channel")
    assert "read" not in set(found["part"])
    said = told(found, "not told")["documents"]
    assert said == "the kept documents are not in this store"
    assert list(told(found, "value").values()) == ["Green"]
    assert told(found, "rule")


def test_at_a_snapshot_the_values_are_those_of_then(store: Store, tmp_path: Path) -> None:
    (before,) = zs_client.snapshots()
    changed = document("plain", _last_modified="2026-01-02T00:00:00.000Z")
    changed["subject"]["subject_details"]["genotype"] = "Ai32"
    given = [changed, document("fibers", acquisition=FIBERS)]
    assert zs_build(dump(tmp_path / "d.ndjson", given), store.url) == 0
    now, then = (explain("plain", "genotype", snapshot=s) for s in ("now", before.id))
    values = [list(told(found, "value").values()) for found in (now, then)]
    read = [told(found, "read")["subject.subject_details.genotype"] for found in (now, then)]
    assert values == [["Ai32"], ["wt/wt"]]
    assert read == ["Ai32", "wt/wt"]


def test_the_command_prints_lines(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "fibers", "platform_fib.channel", "--format", "table"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["part", "what", "value"]
    assert any(line.startswith("rule") and "platform_fib.channel" in line for line in lines)
    assert main(["explain", "nobody", "age"]) == 2
    assert "there is no data asset 'nobody'" in capsys.readouterr().err


@pytest.fixture(scope="module")
def remote(built: Path, s3_server: str) -> Iterator[tuple[FaultyProxy, str]]:
    """The store in a bucket, behind a proxy that counts."""
    proxy = FaultyProxy(s3_server)
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, proxy.url)
        url = f"s3://{client_store.bucket(s3_server, public=True)}"
        near, far = open_store(str(built)), open_store(url)
        for entry in near.walk("data-asset-cache"):
            far.put(entry["path"], near.get(entry["path"]))
    yield proxy, url
    proxy.close()


@pytest.mark.parametrize(
    ("column", "requests"),
    [("asset_basics.age", 9), ("platform_fib.channel", 10), ("quality_control.status", 11)],
)
def test_a_question_costs_few_requests_on_s3(
    remote: tuple[FaultyProxy, str], environment: pytest.MonkeyPatch, column: str, requests: int
) -> None:
    proxy, url = remote
    client_store.nobody(environment, proxy.url)
    environment.setenv("ZS_STORE", url)
    environment.setenv("ZS_CACHE", "off")
    remembered.forget()
    proxy.seen.clear()
    found = explain("fibers", column)
    assert told(found, "read")
    assert len(proxy.seen) <= requests, proxy.seen


def test_describe_counts_the_values_that_have_a_finding(store: Store) -> None:
    found = zs_client.describe("platform_fib").set_index("column")["findings"]
    assert found["intended_measurement"] == 1
    assert found["channel"] == 0
