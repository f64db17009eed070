"""A night as `zs build` runs it, with Dagster's event log on disk and a gateway over HTTP.

Counted and compared, never timed: requests, inodes, Dagster's own event log, bytes.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from building import FOLDER, document, dump, facts, zs_build
from building import tables as fixed_paths
from source_servers import Gateway, serve

from zs_client.contract import encode_partition
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.orchestration import partitions
from zs_pipeline.settings import sample

ROOT = Path(__file__).parents[1]
SIDE_FILES = sample() / "files"


@dataclass
class Seen:
    """What a night did.

    Attributes:
        fetched: The ids of documents that were asked for.
        written: Files in the store that are other ones than before, or are new.
        removed: Files in the store that are gone.
        told: How often Dagster was told of each asset and partition; None for a whole asset.
        subjects: The subjects that Dagster knows afterwards.
    """

    fetched: set[str]
    written: set[str]
    removed: set[str]
    told: Counter[tuple[str, str | None]]
    subjects: set[str]

    def tables(self) -> set[str]:
        """The fixed paths that were written."""
        return {
            key.removeprefix(f"{FOLDER}/")
            for key in self.written
            if key.startswith(FOLDER) and key.endswith(".pqt") and "/_objects/" not in key
        }

    def data(self) -> set[str]:
        """The parquet files that were written, wherever in the store."""
        return {key for key in self.written if key.endswith(".pqt")}

    def partitions(self) -> set[tuple[str, str]]:
        """The partitions that Dagster was told of."""
        return {(name, partition) for name, partition in self.told if partition is not None}


@dataclass
class Place:
    """A gateway, a store and a home of Dagster's, and the nights there."""

    gateway: Gateway
    store: Path
    home: Path
    seen: dict[str, Seen] = field(default_factory=dict)

    def night(self, name: str) -> None:
        """Build, and note what that did."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", str(self.home))
            files, (told, _) = stamps(self.store), known_to_dagster()
            self.gateway.queries.clear()
            assert zs_build(self.gateway.url, self.store, accept_shrink=True) == 0
            now, (tells, subjects) = stamps(self.store), known_to_dagster()
        self.seen[name] = Seen(
            fetched(self.gateway),
            {key for key in now if now[key] != files.get(key)},
            files.keys() - now.keys(),
            tells - told,
            subjects,
        )


def known_to_dagster() -> tuple[Counter[tuple[str, str | None]], set[str]]:
    """The materializations in Dagster's event log, and its subjects."""
    found: Counter[tuple[str, str | None]] = Counter()
    with dg.DagsterInstance.get() as instance:
        for name in ("documents", *CATALOGUE.by_name, "squirrel"):
            records = instance.fetch_materializations(dg.AssetKey(name), limit=1000).records
            found.update((name, record.partition_key) for record in records)
        return found, set(instance.get_dynamic_partitions(partitions.dynamic_name("subject_id")))


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """What stands for each file that was written: its inode and its time."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def fetched(gateway: Gateway) -> set[str]:
    """The ids of the documents that were asked for, in whole or in part."""
    return {
        one
        for query in gateway.queries
        for one in (query.get("filter") or {}).get("_id", {}).get("$in", ())
    }


def changed(found: dict[str, Any]) -> None:
    """Give a document's metric another name."""
    found["quality_control"]["metrics"][0]["name"] = "another"
    found["_last_modified"] = "2025-04-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Nights one after another, each after another kind of change."""
    folder = tmp_path_factory.mktemp("nights")
    for name in ("store", "home"):
        (folder / name).mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder / "home")
    found = [document(f"a{n}", str(n // 2)) for n in range(10)]
    found += [document("alone", "alone/é"), document("bare", "bare", quality_control={})]
    with serve(found) as gateway:
        place = Place(gateway, folder / "store", folder / "home")
        place.night("first")
        place.night("same")
        changed(found[4])
        place.night("changed")
        del found[-2:]
        for one in found[-2:]:
            changed(one)
            one["quality_control"] = {"metrics": []}
        place.night("gone")
        yield place


ALL = {(name, None): 1 for name in ("documents", *CATALOGUE.by_name, "squirrel")}


def test_the_first_night_fetches_and_tells_of_everything(place: Place) -> None:
    seen = place.seen["first"]
    subjects = {*"01234", encode_partition("alone/é"), "bare"}
    assert seen.fetched == {*(f"id-a{n}" for n in range(10)), "id-alone", "id-bare"}
    assert seen.subjects == subjects
    assert seen.partitions() == {
        (acorn.name, partition)
        for acorn in ACORNS
        if acorn.partition
        for partition in acorn.kind.partitioning.values or subjects
    }


def test_a_night_without_a_change_fetches_writes_and_tells_nothing(place: Place) -> None:
    seen = place.seen["same"]
    assert seen.fetched == set()
    assert seen.data() == set()
    assert seen.removed == set()
    assert seen.told == ALL
    # They say when they were looked at; without a custom table the second is made anew, of no rows.
    # And whose turn it is to be fetched without a change is noted.
    assert seen.written == {
        f"{FOLDER}/squirrel.json",
        f"{FOLDER}/_night.json",
        f"{FOLDER}/metadata_upgrade.json",
        DOCUMENTS_HEAD,
    }


def test_a_changed_document_writes_and_tells_of_its_partitions_alone(place: Place) -> None:
    seen = place.seen["changed"]
    assert seen.fetched == {"id-a4"}
    # The two tables have the time of the change.
    assert seen.tables() == {
        "asset_basics.pqt",
        "metadata_core.pqt",
        "qc/subject_id=2/data.pqt",
        "qc.pqt",
    }
    assert seen.removed == set()
    assert seen.told == ALL | {("quality_control", "2"): 1}
    objects = {key.split("/")[3] for key in seen.data() if "/_objects/" in key}
    assert objects == {"asset_basics", "metadata_core", "qc"}
    assert len(seen.data()) == len(seen.tables()) + len(objects) + len(("shard", "index"))


def test_what_is_gone_takes_its_partitions_along_and_a_subject_its_key(place: Place) -> None:
    """Of one subject the document is gone, of one that had no rows too, of one all metrics are."""
    seen = place.seen["gone"]
    # What is gone is asked for once more.
    assert seen.fetched == {"id-a8", "id-a9", "id-alone", "id-bare"}
    assert seen.tables() == {
        "asset_basics.pqt",
        "metadata_core.pqt",
        "unique_subject_ids.pqt",
        "platform_qc/platform=ecephys/data.pqt",
        # The one files of tables that lost partitions.
        *("platform_qc.pqt", "qc.pqt", "qc_tag_status.pqt"),
    }
    segment = encode_partition("alone/é")
    assert seen.removed == {
        f"{FOLDER}/{table}/subject_id={subject}/data.pqt"
        for table in ("qc", "qc_tag_status")
        for subject in (segment, "4")
    }
    assert seen.subjects == set("01234")
    # That there are no rows of a subject now is told; of those that are gone, nothing is.
    told = [("platform_qc", "ecephys"), ("quality_control", "4"), ("qc_tag_status", "4")]
    assert seen.told == ALL | dict.fromkeys(told, 1)


# Another release: its code differs in a line, the documents do not.

BUILD = """
import sys
from zs_pipeline import build
release, gateway, dump, kept, full, files = sys.argv[1:]
assert build.__file__.startswith(release), build.__file__
first = build.main(source=gateway, store=kept, files=files)
sys.exit(first or build.main(source=dump, store=full, files=files))
"""
# The line of a table by document, from which others are made, and of one that is by subject.
LINES = {
    "asset_basics": (
        '"acquisition_start_time": microseconds(start.instant),',
        '"acquisition_start_time": (microseconds(start.instant) or -1) + 1,',
    ),
    "qc_tag_status": ('"status": status,', '"status": status and "Changed",'),
}


def test_a_change_of_code_makes_what_depends_on_it_anew_and_fetches_nothing(
    place: Place, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    for package in ("zs_client", "zs_pipeline"):
        shutil.copytree(
            ROOT / package, release / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for acorn, (line, other) in LINES.items():
        module = release / f"zs_pipeline/acorns/{acorn}.py"
        assert module.read_text().count(line) == 1
        module.write_text(module.read_text().replace(line, other))
    kept, full = tmp_path / "kept", tmp_path / "full"
    shutil.copytree(place.store, kept)
    before, were = fixed_paths(kept), {acorn: facts(kept, acorn.table) for acorn in ACORNS}
    place.gateway.queries.clear()
    source = dump(tmp_path / "d.ndjson", place.gateway.documents)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, release, place.gateway.url, source, kept, full, SIDE_FILES],
        env={**os.environ, "PYTHONPATH": str(release)},
        cwd=release,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert fetched(place.gateway) == set()
    after = fixed_paths(kept)
    assert after == fixed_paths(full)
    assert {key for key in after if after[key] != before[key]} == {
        "asset_basics.pqt",
        "platform_qc/platform=ecephys/data.pqt",
        *(f"{table}/subject_id={n}/data.pqt" for table in ("qc", "qc_tag_status") for n in "0123"),
    }
    assert after.keys() == before.keys()
    for acorn, was in were.items():
        now = facts(kept, acorn.table)
        assert (now["code_version"] != was["code_version"]) == (acorn.name in LINES)
        # What does not depend on either was not even computed.
        if not CATALOGUE.upstream([acorn.name]) & LINES.keys():
            assert now == was
