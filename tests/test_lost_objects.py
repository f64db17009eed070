"""What facts and manifests name and the store lacks: brought back, made anew, or named."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from building import FOLDER, document, dump, facts, registry, tables, zs_build

import zs_client
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.publishing import facts_file
from zs_pipeline.publishing.facts_file import entries, path, read_facts

pytest_plugins = ("stores",)

ROOT = "data-asset-cache"
BEHAVIOR = {
    "modalities": [{"abbreviation": "behavior"}, {"abbreviation": "ecephys"}],
    "data_level": "raw",
}


def night(number: int) -> list[dict[str, Any]]:
    """Twelve documents, of which one more is another each night."""
    found = [document(f"a{n}", str(n % 4), data_description=BEHAVIOR) for n in range(12)]
    for n in range(number):
        found[n]["_last_modified"] = f"2025-05-{n + 1:02}T00:00:00Z"
        found[n]["quality_control"]["metrics"][0]["name"] = f"changed {n}"
    return [*found, {"name": "no id"}]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two nights, and by night what the tables of a first build are."""
    folder = tmp_path_factory.mktemp("built")
    for number in (0, 1):
        assert zs_build(dump(folder / "d.ndjson", night(number)), folder / "out") == 0
    for number in (1, 2):
        source = dump(folder / f"{number}.ndjson", night(number))
        assert zs_build(source, folder / f"full-{number}") == 0
    return folder


def named(out: Path) -> Iterator[tuple[str, list[str]]]:
    """A kind of object with the key of one of them, or with several that hold one content."""
    store = open_store(out)
    head = json.loads(store.get(f"{ROOT}/_documents/documents.json"))
    documents = f"{ROOT}/_documents"
    yield "the head of the documents", [f"{documents}/documents.json"]
    yield "the index", [f"{documents}/index/{head['index']}.pqt"]
    yield "what was set aside", [f"{documents}/set_aside/{head['set_aside']}.json"]
    yield "the state", [f"{documents}/states/{head['state']}.json"]
    shards = sorted(head["shards"].values())
    yield "a shard", [f"{documents}/{shards[0]}.pqt"]
    yield (
        "all documents",
        [f"{documents}/{name}.pqt" for name in (*shards, f"index/{head['index']}")],
    )
    answers = f"{ROOT}/_files/behavior_curriculum"
    kept = json.loads(store.get(f"{answers}.json"))["content"]
    yield "the answers", [f"{answers}/{kept}.pqt"]
    yield "the head of the answers", [f"{answers}.json"]
    yield "the registry", [f"{FOLDER}/squirrel.json"]
    yield "the snapshot", [f"{FOLDER}/_snapshots/{registry(out)['snapshot']}.json"]
    yield "the versions", [f"{ROOT}/zombie-squirrels.json"]
    for name in ("asset_basics", "quality_control", "platform_qc", "behavior_curriculum"):
        acorn = CATALOGUE.by_name[name]
        segment, entry = max(entries(facts(out, acorn.table)).items())
        place = path(Layout("1.0.0"), acorn, segment)
        content = f"{FOLDER}/_objects/{acorn.table}/{entry['sha256']}.pqt"
        yield f"{name} at its path", [place]
        yield f"{name} as object", [content]
        yield f"{name} in both places", [place, content]
        yield f"the facts of {name}", [f"{FOLDER}/{acorn.table}.json"]


KINDS = (
    *("the head of the documents", "the index", "what was set aside", "the state", "a shard"),
    *("all documents", "the answers", "the head of the answers", "the registry", "the snapshot"),
    "the versions",
    *(
        form.format(name)
        for name in ("asset_basics", "quality_control", "platform_qc", "behavior_curriculum")
        for form in ("{} at its path", "{} as object", "{} in both places", "the facts of {}")
    ),
)
# What a night tells of is what it had to look for, not what it writes each time.
QUIET = re.compile("head|registry|snapshot|versions|facts")


def assert_whole(store: Store) -> None:
    """All that facts name is there, as object and at its path."""
    for acorn in ACORNS:
        for segment, entry in entries(read_facts(store, Layout("1.0.0"), acorn.table)).items():
            key = f"{FOLDER}/_objects/{acorn.table}/{entry['sha256']}.pqt"
            assert store.get(key) == store.get(path(Layout("1.0.0"), acorn, segment))
    head = json.loads(store.get(f"{ROOT}/_documents/documents.json"))
    for name in (*head["shards"].values(), f"index/{head['index']}"):
        assert store.exists(f"{ROOT}/_documents/{name}.pqt")
    assert store.exists(f"{ROOT}/_documents/set_aside/{head['set_aside']}.json")
    assert store.exists(f"{ROOT}/_documents/states/{head['state']}.json")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_store_heals_from_the_loss_of_one_object(
    built: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(built / "out", out)
    store = open_store(out)
    store.delete(dict(named(out))[kind])
    # A night with a change and one without: which of them comes is the kind's matter.
    number = 1 + len(kind) % 2
    capsys.readouterr()
    assert zs_build(built / f"{number}.ndjson", out) == 0
    assert QUIET.search(kind) or " gone" in capsys.readouterr().out
    assert tables(out) == tables(built / f"full-{number}")
    assert_whole(store)
    assert {entry["state"] for entry in registry(out)["acorns"]} == {"fresh"}


def test_the_kinds_are_all_there_are(built: Path) -> None:
    assert tuple(dict(named(built / "out"))) == KINDS


@pytest.mark.slow
def test_the_memory_of_earlier_upgrades_has_no_source_and_stops_what_is_made_of_it(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(built / "out", out)
    sha256 = facts(out, "metadata_upgrade")["sha256"]
    keys = ["metadata_upgrade.pqt", f"_objects/metadata_upgrade/{sha256}.pqt"]
    open_store(out).delete([f"{FOLDER}/{key}" for key in keys])
    assert zs_build(built / "2.ndjson", out) == 1
    said = capsys.readouterr().err
    assert "metadata_upgrade failed" in said
    assert "what it remembered of earlier upgrades" in said
    # Names that only the old database has are findings: that table waits.
    stopped = {"metadata_upgrade", "data_asset_problems"}
    assert {e["name"] for e in registry(out)["acorns"] if e["state"] == "stale"} == stopped
    wanted, there = tables(built / "full-2"), tables(out)
    for name in stopped:
        del wanted[f"{name}.pqt"]
        there.pop(f"{name}.pqt", None)
    assert there == wanted
    open_store(out).delete([f"{FOLDER}/metadata_upgrade.json"])
    assert zs_build(built / "2.ndjson", out) == 0


def test_a_custom_table_and_an_older_snapshot_that_are_gone_are_named_to_who_asks(
    built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(built / "out", out)
    older = sorted(path.stem for path in (out / FOLDER / "_snapshots").iterdir())
    (lost,) = set(older) - {registry(out)["snapshot"]}
    open_store(out).delete([f"{FOLDER}/_snapshots/{lost}.json"])
    assert zs_build(built / "1.ndjson", out) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZS_STORE", str(out))
        with pytest.raises(zs_client.SnapshotNotFound, match=lost):
            zs_client.asset_basics(snapshot=lost)
        zs_client.custom("mine", pd.DataFrame({"a": [1]}))
        gone = [path for path in (out / ROOT).rglob("*mine*") if path.is_file()]
        assert gone
        for one in gone:
            one.unlink()
        with pytest.raises(zs_client.CustomNotFound, match="mine"):
            zs_client.custom("mine")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["qc at its path", "qc as object", "basics in both places"])
def test_on_s3_what_a_night_meets_is_brought_back_or_made_by_the_next(
    s3: Store, tmp_path: Path, kind: str
) -> None:
    source = dump(tmp_path / "d.ndjson", [document("a", "1")])
    only = ["asset_basics", "quality_control"]
    assert zs_build(source, s3.url, select=only) == 0
    name, _, _ = kind.partition(" ")
    acorn = CATALOGUE.by_name["quality_control" if name == "qc" else "asset_basics"]
    ((segment, entry),) = entries(read_facts(s3, Layout("1.0.0"), acorn.table)).items()
    place = path(Layout("1.0.0"), acorn, segment)
    content = f"{FOLDER}/_objects/{acorn.table}/{entry['sha256']}.pqt"
    body = s3.get(place)
    s3.delete([place, content] if "both" in kind else [content] if "object" in kind else [place])
    assert zs_build(source, s3.url, select=only) == ("both" in kind)
    assert zs_build(source, s3.url, select=only) == 0
    assert s3.get(place) == s3.get(content) == body
    known = facts_file.read_facts(s3, Layout("1.0.0"), acorn.table)
    assert known is not None
    assert (known["state"], "lost" in known) == ("fresh", False)


@pytest.mark.slow
def test_on_s3_a_night_with_a_change_brings_back_every_partition_that_is_gone(
    bucket: str, tmp_path: Path
) -> None:
    source, store = dump(tmp_path / "d.ndjson", night(0)), open_store(bucket)
    assert zs_build(source, bucket) == 0
    kept, acorn = tables(store), CATALOGUE.by_name["quality_control"]
    found = entries(facts(bucket, "qc"))

    def lose(segment: str, *, file: bool, content: bool) -> None:
        key = f"{FOLDER}/_objects/qc/{found[segment]['sha256']}.pqt"
        store.delete([path(Layout("1.0.0"), acorn, segment)] * file + [key] * content)

    # The first document's subject is 0, and the day's file is one of the four.
    lose("1", file=True, content=False)
    lose("2", file=False, content=True)
    dump(source, night(1))
    assert zs_build(source, bucket) == 0
    assert_whole(store)
    assert tables(store)[f"qc/{acorn.partition}=1/data.pqt"] in kept.values()
    # What is gone in both places is told, and made anew by the next night.
    lose("3", file=True, content=True)
    dump(source, night(2))
    assert zs_build(source, bucket) == 1
    assert zs_build(source, bucket) == 0
    assert_whole(store)
    assert {entry["state"] for entry in registry(bucket)["acorns"]} == {"fresh"}
