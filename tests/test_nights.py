"""A night's build ends where a build from nothing does, and touches nothing that is not concerned.

Counted and compared, never timed: requests, inodes, Dagster's own event log, bytes.
"""

import copy
import json
import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import hypothesis
import pytest
from building import FOLDER, document, dump, facts, zs_build
from building import tables as fixed_paths
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from source_servers import Gateway, serve
from stores import Crash, Watched, memory

from zs_client.contract import (
    DOCUMENTS,
    FILES,
    INDEX,
    __version__,
    decode_partition,
    encode_partition,
    facts_key,
    object_key,
    registry_key,
    snapshot_key,
)
from zs_client.store import Store
from zs_pipeline import build, commit, documents, graph, settings, squirrel, tables
from zs_pipeline.acorns import ACORNS
from zs_pipeline.files import Files
from zs_pipeline.settings import sample, source_url_of_sample
from zs_pipeline.source import open_source

ROOT = Path(__file__).parents[1]
SIDE_FILES = sample() / "files"
IN_ORDER = sorted(ACORNS, key=lambda acorn: len(graph.upstream([acorn.name])))
PARTITIONED = [acorn for acorn in ACORNS if acorn.partition]
# Dagster's part in a build that it does not run.
CONTEXT: Any = SimpleNamespace(
    log=logging.getLogger("nights"), add_output_metadata=lambda metadata: None
)


def night(store: Store, source: Path, only: list[str] | None = None) -> None:
    """The steps of Dagster's three runs in their order, on any store.

    Args:
        store: Where to.
        source: A dump.
        only: Of tables by subject only these, as with `zs build --subject`.
    """
    paths = graph.document_paths()
    documents.update(store, open_source(str(source), paths), paths, accept_shrink=True)
    for acorn in IN_ORDER:
        inputs = {
            name: graph.read_input(store, __version__, graph.BY_NAME[name])
            for name in acorn.inputs
            if name in graph.BY_NAME
        }
        at = (commit.Known(store, __version__, acorn), graph.Inputs(acorn, inputs))
        if "files" in acorn.inputs:
            built = graph._build_from_files(CONTEXT, *at, Files(str(SIDE_FILES)))
        elif "old_documents" in acorn.inputs:
            # The sample's upgrades, whatever the documents are.
            built = graph._build_from_custom(CONTEXT, *at, source_url_of_sample())
        else:
            built = graph._build(*at, only if acorn.partition == "subject_id" else None)
        commit.commit(store, __version__, acorn, built, accept_shrink=True)
    squirrel.publish(store, __version__, ACORNS)


# What differs between two builds of the same: times, and what tells of the way there.
_OF_THE_WAY = ("built_at", "checked_at", "published_at", "updated_at", "rows_before")
_OF_STATES = ("states", "indexes", "kept", "source")


def _settled(value: Any, left_out: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {k: _settled(v, left_out) for k, v in value.items() if k not in left_out}
    if isinstance(value, list):
        return [_settled(one, left_out) for one in value]
    return value


def whole(store: Store) -> dict[str, Any]:
    """All that a build leaves for readers and for the next build, without times."""

    def told(key: str, *left_out: str) -> Any:
        body = store.get(key).decode().replace(store.url, "")
        return _settled(json.loads(body), (*_OF_THE_WAY, *left_out))

    found: dict[str, Any] = {INDEX: told(INDEX)}
    for entry in store.walk(FOLDER):
        key = entry["path"]
        if "/_objects/" not in key and "/_snapshots/" not in key:
            found[key] = told(key) if key.endswith(".json") else store.get(key)
    for acorn in ACORNS:
        stated = json.loads(store.get(facts_key(__version__, acorn.table)))
        assert stated["pending"] == {}
        for entry in commit.entries(stated).values():
            key = object_key(__version__, acorn.table, entry["sha256"])
            found[key] = store.get(key)
    snapshot = found[registry_key(__version__)]["snapshot"]
    # Its other facts are those of when this content was first published.
    found["snapshot"] = told(snapshot_key(__version__, snapshot))["partitions"]
    manifest = found["documents"] = told(documents.MANIFEST, *_OF_STATES)
    names = [f"index/{manifest['index']}", *manifest["shards"].values()]
    found |= {name: store.get(f"{DOCUMENTS}/{name}.pqt") for name in names}
    for acorn in ACORNS:
        if acorn.ask:
            answers = found[f"answers to {acorn.name}"] = told(f"{FILES}/{acorn.name}.json", "kept")
            key = f"{FILES}/{acorn.name}/{answers['content']}.pqt"
            found[key] = store.get(key)
    return found


def killed_at(store: Store, number: int) -> Store:
    """The store for a build that is killed before that write of its."""
    found, writes = Watched(store), count(1)

    def before(name: str, key: str) -> None:
        # What other threads have begun is not written either.
        if name in ("put", "replace", "copy", "delete") and next(writes) >= number:
            raise Crash(f"{name} {key}")

    found.before = before
    return found


def assert_as_from_nothing(store: Store, source: Path) -> None:
    """The store holds what a full build of the same documents makes, byte for byte."""
    full = memory()
    night(full, source)
    has, should = whole(store), whole(full)
    assert has.keys() == should.keys()
    differing = [key for key in should if has[key] != should[key]]
    shown = {key: (has[key], should[key]) for key in differing if isinstance(has[key], dict)}
    assert not differing, f"{differing}: {shown}"


# Any history.

SUBJECTS = st.sampled_from(["1", "2", "3", "a/b=%", " é🐭", 17, 4.0, "", None, "x" * 300, ["1"]])
RAW = "SmartSPIM_7_2025-01-01_10-00-00"
NAMES = [
    "one",
    "two",
    "ecephys_8_2025-01-01_10-00-00",
    RAW,
    f"{RAW}_stitched_2025-01-02_11-00-00",
    f"{RAW}_stitched_2025-02-02_11-00-00",
]
PEOPLE = st.lists(
    st.sampled_from(["Ada", "ada.lovelace", "Ada Lovelace", "Grace Hopper", {"name": "Ada"}, 5]),
    max_size=3,
)
TIMES = st.sampled_from(
    ["2025-01-01T18:00:00-08:00", "2025-01-01T10:00:00Z", "2025-03-01 09:00", "soon", 5, None]
)
STATUSES = st.sampled_from(["Pass", "Fail", "Pending", None, 3])
SAMPLE = [json.loads(line) for line in (sample() / "documents.ndjson").read_text().splitlines()]


@st.composite
def small(draw: st.DrawFn) -> dict[str, Any]:
    """A small document, odd in places."""
    found = document(draw(st.sampled_from(NAMES)), draw(SUBJECTS))
    found["subject"]["subject_details"]["genotype"] = draw(
        st.sampled_from(["wt/wt", " wt/wt ", "Pvalb-Cre", None, 1])
    )
    described = found["data_description"]
    described["project_name"] = draw(st.sampled_from(["P", " P ", "Q", None, 5, ["P"]]))
    described["modalities"] = [
        {"abbreviation": one}
        for one in draw(st.lists(st.sampled_from(["ecephys", "SPIM", "fib", "behavior", None])))
    ]
    described["data_level"] = draw(st.sampled_from(["raw", "derived", None]))
    described["source_data"] = draw(st.sampled_from([None, [RAW], "one", ["one", "gone"], [], 5]))
    described["investigators"] = draw(PEOPLE)
    found["acquisition"]["experimenters"] = draw(PEOPLE)
    found["acquisition"]["acquisition_start_time"] = draw(TIMES)
    quality = found["quality_control"]
    metric = quality["metrics"][0]
    quality["metrics"] = [
        {**copy.deepcopy(metric), "name": name, "tags": draw(st.sampled_from([["A"], {"p": "A"}]))}
        for name in draw(st.lists(st.sampled_from(["drift", "noise", 7, None]), max_size=3))
    ]
    quality["status"] = draw(
        st.dictionaries(st.sampled_from(["p:A", "A", "ecephys", "SPIM", "fib"]), STATUSES)
    )
    odd = {"quality_control": [None, {}, "odd", {"metrics": 5}], "acquisition": [None, {}, []]}
    for core in ("subject", "data_description", "processing"):
        odd[core] = [None, {}]
    for core, values in odd.items():
        if draw(st.integers(0, 5)) == 5:
            found[core] = draw(st.sampled_from(values))
    return found


# By number: a strategy's own text would hold all of them.
CONTENTS = small() | st.integers(0, len(SAMPLE) - 1).map(SAMPLE.__getitem__)
IDS = st.sampled_from([f"d{n}" for n in range(7)])
ANY = st.integers(0, 6)
# Before which of its writes one build after another is killed.
KILLS = st.lists(st.integers(1, 50), max_size=3)


class Nights(RuleBasedStateMachine):
    """Documents that come, change, move and go, and builds of which some are killed."""

    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.store = memory()
        self.documents: dict[str, Any] = {}
        self.aside: list[dict[str, Any]] = []
        self.clock = 0

    def put(self, key: str, content: dict[str, Any]) -> None:
        self.clock += 1
        at = f"2025-03-01T{self.clock // 60:02}:{self.clock % 60:02}:00.000Z"
        self.documents[key] = {**copy.deepcopy(content), "_id": key, "_last_modified": at}

    def source(self) -> Path:
        return dump(self.folder / "d.ndjson", [*self.documents.values(), *self.aside])

    def night(self, store: Store, only: list[str] | None = None) -> None:
        night(store, self.source(), only)

    def one(self, number: int) -> str:
        return sorted(self.documents)[number % len(self.documents)]

    @initialize(contents=st.lists(CONTENTS, min_size=2, max_size=5), built=st.booleans())
    def begin(self, contents: list[dict[str, Any]], built: bool) -> None:
        for number, content in enumerate(contents):
            self.put(f"d{number}", content)
        if built:
            self.night(self.store)

    @rule(contents=st.dictionaries(IDS, CONTENTS, min_size=1, max_size=3))
    def add_or_change(self, contents: dict[str, dict[str, Any]]) -> None:
        for key, content in contents.items():
            self.put(key, content)

    @precondition(lambda self: self.documents)
    @rule(number=ANY, subject=SUBJECTS)
    def move_to_another_subject(self, number: int, subject: Any) -> None:
        found = self.documents[self.one(number)]
        self.put(self.one(number), {**found, "subject": {"subject_id": subject}})

    @precondition(lambda self: self.documents)
    @rule(number=ANY)
    def write_anew(self, number: int) -> None:
        self.put(self.one(number), self.documents[self.one(number)])

    @precondition(lambda self: self.documents)
    @rule(number=ANY)
    def delete(self, number: int) -> None:
        del self.documents[self.one(number)]

    @rule(name=st.sampled_from(["nameless", None]))
    def add_what_is_no_document(self, name: str | None) -> None:
        self.aside = [] if self.aside else [{"name": name}]

    @rule(writes=KILLS)
    def build_and_be_killed(self, writes: list[int]) -> None:
        for number in writes:
            with suppress(Crash):
                self.night(killed_at(self.store, number))

    @rule(writes=KILLS)
    def build(self, writes: Sequence[int] = ()) -> None:
        self.build_and_be_killed(writes)
        self.night(self.store)
        assert_as_from_nothing(self.store, self.source())

    @rule(subject=st.sampled_from(["1", "2", "3"]))
    def build_one_subject(self, subject: str) -> None:
        self.night(self.store, [subject])

    def teardown(self) -> None:
        self.build()


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few documents and partitions at a time that a kill falls between them."""
    monkeypatch.setattr(documents, "BATCH", 2)
    monkeypatch.setattr(documents, "KEEP_EVERY", 3)
    monkeypatch.setattr(commit, "CHUNK", 2)


class DagsterNights(Nights):
    """The same with Dagster's own runs, which know of the subjects as well."""

    def __init__(self) -> None:
        super().__init__()
        self.instance = dg.DagsterInstance.ephemeral()

    def night(self, store: Store, only: list[str] | None = None) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "writable_store", lambda url, near=None: store)
            patch.setattr(settings, "custom_folder", lambda url: sample() / "custom")
            patch.setenv("ZS_OLD_SOURCE", str(sample() / "old_documents.ndjson"))
            patch.setattr(build, "_instance", lambda: nullcontext(self.instance))
            subjects = map(decode_partition, only or ())
            zs_build(self.source(), store.url, subjects=tuple(subjects), accept_shrink=True)

    def build(self, writes: Sequence[int] = ()) -> None:
        super().build(writes)
        known = set(self.instance.get_dynamic_partitions("subject_id"))
        assert known == set(tables.subject_inputs(documents.load(self.store), ""))

    def teardown(self) -> None:
        super().teardown()
        self.instance.dispose()


@pytest.mark.usefixtures("small_steps")
def test_after_any_history_a_build_ends_where_a_full_one_does(tmp_path: Path) -> None:
    run_state_machine_as_test(
        type("Nights", (Nights,), {"folder": tmp_path}),
        settings=hypothesis.settings(
            derandomize=True,
            deadline=None,
            database=None,
            max_examples=6,
            stateful_step_count=12,
            suppress_health_check=list(HealthCheck),
            # To shrink a failing history takes minutes of builds; it is printed as it is.
            phases=[Phase.generate],
        ),
    )


@pytest.mark.usefixtures("small_steps")
def test_after_killed_nights_of_dagster_a_build_ends_where_a_full_one_does(tmp_path: Path) -> None:
    nights = type("DagsterNights", (DagsterNights,), {"folder": tmp_path})()
    nights.begin(SAMPLE[:8], built=False)
    # The first build is killed as well.
    nights.build_and_be_killed([40])
    nights.add_or_change({"d1": SAMPLE[9], "d9": document("two", "1")})
    nights.build()
    nights.move_to_another_subject(2, "a/b")
    nights.delete(0)
    nights.add_or_change({"d3": document("one", "1", quality_control=None)})
    nights.build_and_be_killed([30])
    nights.write_anew(5)
    nights.teardown()


# Nights as `zs build` runs them, with Dagster's event log on disk and a gateway over HTTP.


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
        for name in ("documents", *graph.BY_NAME, "squirrel"):
            records = instance.fetch_materializations(dg.AssetKey(name), limit=1000).records
            found.update((name, record.partition_key) for record in records)
        return found, set(instance.get_dynamic_partitions("subject_id"))


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


ALL = {(name, None): 1 for name in ("documents", *graph.BY_NAME, "squirrel")}


def test_the_first_night_fetches_and_tells_of_everything(place: Place) -> None:
    seen = place.seen["first"]
    subjects = {*"01234", encode_partition("alone/é"), "bare"}
    assert seen.fetched == {*(f"id-a{n}" for n in range(10)), "id-alone", "id-bare"}
    assert seen.subjects == subjects
    assert seen.partitions() == {
        (acorn.name, partition)
        for acorn in ACORNS
        if acorn.partition
        for partition in acorn.partitions or subjects
    }


def test_a_night_without_a_change_fetches_writes_and_tells_nothing(place: Place) -> None:
    seen = place.seen["same"]
    assert seen.fetched == set()
    assert seen.data() == set()
    assert seen.removed == set()
    assert seen.told == ALL
    # They say when they were looked at; without a custom table the second is made anew, of no rows.
    assert seen.written == {f"{FOLDER}/squirrel.json", f"{FOLDER}/metadata_upgrade.json"}


def test_a_changed_document_writes_and_tells_of_its_partitions_alone(place: Place) -> None:
    seen = place.seen["changed"]
    assert seen.fetched == {"id-a4"}
    # The two tables have the time of the change.
    assert seen.tables() == {
        "asset_basics.pqt",
        "metadata_core.pqt",
        "qc/subject_id=2/data.pqt",
    }
    assert seen.removed == set()
    assert seen.told == ALL | {("quality_control", "2"): 1}
    objects = {key.split("/")[3] for key in seen.data() if "/_objects/" in key}
    assert objects == {"asset_basics", "metadata_core", "qc"}
    assert len(seen.data()) == len(seen.tables()) + len(objects) + len(("shard", "index"))


def test_what_is_gone_takes_its_partitions_along_and_a_subject_its_key(place: Place) -> None:
    """Of one subject the document is gone, of one that had no rows too, of one all metrics are."""
    seen = place.seen["gone"]
    assert seen.fetched == {"id-a8", "id-a9"}
    assert seen.tables() == {
        "asset_basics.pqt",
        "metadata_core.pqt",
        "unique_subject_ids.pqt",
        "platform_qc/platform=ecephys/data.pqt",
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
        '"acquisition_start_time": time(started),',
        '"acquisition_start_time": time(started) and time(started) + 1,',
    ),
    "qc_tag_status": ('"status": text(status),', '"status": text(status) and "Changed",'),
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
        if not graph.upstream([acorn.name]) & LINES.keys():
            assert now == was
