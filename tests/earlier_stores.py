"""Stores that 1.0.0 built, in a folder and on S3: of its sample and of documents of every form.

Nothing here is a test. PYTEST_DONT_REWRITE, or pytest warns where a module both imports this one
and names it as a plugin.
"""

import json
import os
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import client_store
import dagster as dg
import pytest
import stores
from building import document, dump, zs_build
from earlier import Earlier

ROOT = Path(__file__).parents[1]
UPGRADES = "metadata_upgrade_status_prod"
# Rows of quality_control's partitions in the large snapshot: megabytes, as of all subjects.
PARTITIONS = 20_000

# One process of 1.0.0 does all that it has to do: each would load the whole pipeline first. The
# names in it are those of 1.0.0.
MAKE = """
import hashlib, json, os, pickle, shutil, time
import pandas as pd
import reading
from zs_client import custom, provenance
from zs_client.contract import facts_key
from zs_client.store import open_store
from zs_pipeline import build
from zs_pipeline.acorns import ACORNS
from zs_pipeline.squirrel import publish

made = json.loads(sys.argv[1])

def build_with(place, source, store):
    os.environ |= {"DAGSTER_HOME": place["home"], "ZS_OLD_SOURCE": place["old"]}
    assert build.main(source=source, store=store, files=place["files"]) == 0

for place in made["places"]:
    os.environ["ZS_STORE"] = place["store"]
    read = []
    for night, source in enumerate(place["sources"]):
        for name, path in place["custom"][night].items():
            custom(name, pd.read_json(path, lines=True, dtype=str))
        build_with(place, source, place["store"])
        if place["remote"]:
            # Offline a partition is one of the registry if it was read at least a second later.
            time.sleep(1)
        # What a process read of the registry it keeps for a while.
        provenance.forget()
        read.append(reading.everything())
    if place["remote"]:
        reading.tables_at(read[-1]["snapshots"][0]["id"])
    pathlib.Path(place["read"]).write_bytes(pickle.dumps(read))
    if place["again"]:
        shutil.copytree(place["store"], place["again"])
        build_with(place, place["sources"][-1], place["again"])

small, large = open_store(made["places"][0]["store"]), open_store(made["large"])
for acorn in ACORNS:
    facts = json.loads(small.get(facts_key("1.0.0", acorn.table)))
    if acorn.name == "quality_control":
        found = facts["partitions"]
        found |= dict.fromkeys(map(str, range(made["partitions"])), next(iter(found.values())))
        names = "".join(f"{segment}={one['sha256']}\\n" for segment, one in found.items())
        facts["sha256"] = hashlib.sha256(names.encode()).hexdigest()
    large.put(facts_key("1.0.0", acorn.table), json.dumps(facts).encode())
publish(large, "1.0.0", ACORNS)
"""

# The metadata by which Dagster knows how many documents were fetched and side files asked for.
COUNTED = {
    "documents": "fetched",
    "behavior_curriculum": "asked",
    "assets_smartspim": "asked",
    "platform_exaspim": "asked",
    "foraging_sessions": "asked",
}


@dataclass
class Place:
    """A store that 1.0.0 built.

    Attributes:
        folder: Where all that belongs to it is.
        store: Where 1.0.0 built; it stays as that left it.
        sources: The dump of each night.
        custom: The custom tables that are stored before each night: their rows, by name.
        files: The side files.
        old: The old database.
        home: Dagster's; empty for one that is gone afterwards.
        again: A copy of the store that 1.0.0 built once more; empty for none.
        read: What the client of 1.0.0 read after each night.
    """

    folder: Path
    store: str
    sources: list[Path]
    custom: list[dict[str, Path]]
    files: Path
    old: Path
    home: str = ""
    again: str = ""
    read: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pickle(self) -> Path:
        """Where 1.0.0 leaves what it read."""
        return self.folder / "read.pickle"

    def described(self) -> dict[str, Any]:
        """The place as a dict, for 1.0.0."""
        names = ("store", "sources", "custom", "files", "old", "home", "again")
        own = {name: getattr(self, name) for name in names}
        return {**own, "read": self.pickle, "remote": "://" in self.store}

    def build(self, source: Path, store: Path, home: str = "") -> int:
        """Build with today's code; returns the exit code."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DAGSTER_HOME", home)
            patch.setenv("ZS_OLD_SOURCE", str(self.old))
            return zs_build(source, store, files=self.files)


@dataclass
class History:
    """What Dagster knows after a build.

    Attributes:
        counts: How many documents the last build fetched and side files it asked for, by asset.
        assets: The names of all assets.
        subjects: The keys of the dynamic partition.
        jobs: The names of the jobs that ran.
    """

    counts: dict[str, int]
    assets: set[str]
    subjects: set[str]
    jobs: set[str]


# Of the subjects in Dagster: up to 1.0.0, and now.
NAMES = ("subject_id", "data-asset-cache/subject_id")


def history(home: str) -> History:
    """The history that Dagster keeps in a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", home)
        with dg.DagsterInstance.get() as instance:
            counts = {}
            for name, key in COUNTED.items():
                (record,) = instance.fetch_materializations(dg.AssetKey(name), limit=1).records
                assert record.asset_materialization is not None
                counts[name] = int(record.asset_materialization.metadata[key].value)
            return History(
                counts,
                {key.to_user_string() for key in instance.all_asset_keys()},
                {key for name in NAMES for key in instance.get_dynamic_partitions(name)},
                {record.dagster_run.job_name for record in instance.get_run_records()},
            )


# Documents in the forms that keys, columns and findings depend on, and what lies beside them.

SMART, EXA = "SmartSPIM_700003_2025-01-01_10-00-00", "exaSPIM_700003_2025-01-02_10-00-00"
STITCHED = f"{SMART}_stitched_2025-01-05_10-00-00"
SIDE_FILES = {
    "behavior_stage/behavior/trainer_state.json": json.dumps(
        {
            "curriculum": {"name": "Made up", "graph": {"nodes": {"0": {"name": "first"}}}},
            "stage": {"name": "first"},
        }
    ),
    "behavior_damaged/behavior/trainer_state.json": '{"stage": ',
    "behavior_other/behavior/trainer_state.json": '{"neither": 1}',
    f"{SMART}/SPIM/derivatives/neuroglancer_config.json": '{"ng_link": "https://example.org/#!x"}',
    f"{STITCHED}/image_cell_segmentation/Ex_488_Em_525/made_up.json": "{}",
    f"{EXA}/neuroglancer.json": "{}",
}


def documents() -> list[dict[str, Any]]:
    """The documents of the first night."""
    older, when = document("older"), document("when")
    older |= {"created": older.pop("_created"), "last_modified": older.pop("_last_modified")}
    when["acquisition"]["acquisition_start_time"] = "in the morning"
    return [
        *(document(f"many_{number}", "700001") for number in range(30)),
        *(document(f"odd {number}", subject) for number, subject in enumerate(client_store.ODD)),
        older,
        when,
        _of("many_0_sorted_2025-02-01_00-00-00", "700001", "ecephys", sources=["many_0"]),
        document("no subject's id", None),
        document("no subject", subject=None),
        document("no control", quality_control=None),
        document("no metrics", quality_control={"metrics": [], "status": {}}),
        document("odd control", quality_control={"metrics": "none", "status": ["Pass"]}),
        document("nowhere", location=None),
        *(document("twice", _id=f"twice-{number}") for number in (1, 2)),
        *(_of(f"behavior_{said}", "700002", "behavior") for said in _BEHAVIOR),
        _of("behavior_no_bucket", "700002", "behavior", location="s3://no-such-bucket/x"),
        _of(SMART, "700003", "SPIM"),
        _of(STITCHED, "700003", "SPIM", sources=[SMART]),
        _of(EXA, "700003", "SPIM"),
        # Set aside: no id, an odd one, and one that is there already.
        {key: value for key, value in document("no id").items() if key != "_id"},
        document("odd id", _id={"made": "up"}),
        document("many_1", "700001"),
    ]


_BEHAVIOR = ("stage", "damaged", "other", "none")


def _of(
    name: str, subject: str, modality: str, *, sources: list[str] | None = None, **more: Any
) -> dict[str, Any]:
    """A document of a modality; one with sources is derived."""
    found = document(name, subject, **more)
    found["data_description"] |= {
        "modalities": [{"abbreviation": modality}],
        "data_level": "derived" if sources else "raw",
        "source_data": sources,
    }
    found["processing"]["pipelines"] = [{"name": "made up"}] if sources else None
    return found


def changed(before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents of the second night: some are others, one is new, those of a subject gone."""
    found: list[dict[str, Any]] = json.loads(json.dumps(before))
    for one in found:
        if one["name"] in ("many_3", "many_4", "odd 5"):
            one["quality_control"]["metrics"][0]["name"] = "another"
            one["_last_modified"] = "2025-04-01T00:00:00.000Z"
    # Today a dump with a document without a usable id removes nothing, other than 1.0.0's.
    usable = [one for one in found if isinstance(one.get("_id"), str)]
    kept = [one for one in usable if one["name"] != "odd 0"]
    return [*kept, document("new", "700009")]


def few() -> list[dict[str, Any]]:
    """Some of the documents, for a store on S3."""
    return [*documents()[::8], document("no subject's id", None)]


@dataclass
class Made:
    """All that 1.0.0 made.

    Attributes:
        release: The release.
        local: The store in a folder, of the sample and the documents above, in two nights.
        remote: The store on S3, of a few of the documents.
        large: The URL of a store with a large snapshot; it has nothing else.
        proxy: Before the S3 server.
        cache: The local cache that the client of 1.0.0 filled while it read the store on S3.
        again: Dagster's history after the last build of 1.0.0: that of a copy of the local store.
    """

    release: Earlier
    local: Place
    remote: Place
    large: str
    proxy: stores.FaultyProxy
    cache: Path
    again: History


@pytest.fixture(scope="session")
def made(
    release_1_0_0: Earlier, s3_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    """What 1.0.0 built and read."""
    work, proxy = tmp_path_factory.mktemp("made"), stores.FaultyProxy(s3_server)
    buckets = [f"s3://{client_store.bucket(s3_server, public=True)}" for _ in range(2)]
    local, remote = places = _places(work, release_1_0_0, buckets[0])
    described = [place.described() for place in places]
    task = {"places": described, "large": buckets[1], "partitions": PARTITIONS}
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, proxy.url)
        for name in ("ZS_SNAPSHOT", "ZS_OFFLINE", "ZS_CACHE_SIZE"):
            environment.delenv(name, raising=False)
        words = json.dumps(task, default=os.fspath)
        release_1_0_0.run(MAKE, words, ZS_CACHE=work / "cache")
    for place in places:
        place.read = pickle.loads(place.pickle.read_bytes())
    again = history(local.home)
    yield Made(release_1_0_0, local, remote, buckets[1], proxy, work / "cache", again)
    proxy.close()


def _places(work: Path, release: Earlier, bucket: str) -> tuple[Place, Place]:
    """Where 1.0.0 is to build, and of what."""
    # Not at the release's own path, which is a default of its own and of no other release.
    sample = shutil.copytree(release.sample, work / "sample")
    common = {"files": _side_files(work / "files", sample), "old": sample / "old_documents.ndjson"}
    upgrades = {UPGRADES: sample / "custom" / f"{UPGRADES}.ndjson"}
    notes = [
        dump(work / f"notes_{night}.ndjson", [{"subject_id": "700001", "night": str(night)}])
        for night in range(2)
    ]
    of_sample = map(json.loads, (sample / "documents.ndjson").read_text().splitlines())
    first = [*of_sample, *documents()]
    nights = [dump(work / "first.ndjson", first), dump(work / "second.ndjson", changed(first))]
    custom = [upgrades | {"my_notes": notes[0]}, {"my_notes": notes[1]}]
    folders = [work / name for name in ("local", "remote")]
    for new in (*folders, home := folders[0] / "home", kept := folders[0] / "kept"):
        new.mkdir()
    shutil.copy(ROOT / "dagster.yaml", home)
    again = str(folders[0] / "again")
    local = Place(folders[0], str(kept), nights, custom, home=str(home), again=again, **common)
    some = [dump(work / "few.ndjson", few())]
    return local, Place(folders[1], bucket, some, custom[:1], **common)


def _side_files(folder: Path, sample: Path) -> Path:
    """The sample's side files, and those of the documents above."""
    shutil.copytree(sample / "files", folder)
    for key, text in SIDE_FILES.items():
        path = folder / "sample-open-data" / key
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return folder
