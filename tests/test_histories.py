"""After any history of changes and killed builds the store is as a build from nothing makes it."""

import copy
import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import dagster as dg
import hypothesis
import pytest
from building import FOLDER, document, dump, zs_build
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from stores import Crash, Watched, memory

from zs_client import user_tables
from zs_client.contract import (
    ANSWERS,
    DOCUMENTS,
    VERSIONS_INDEX,
    Layout,
    __version__,
    decode_partition,
)
from zs_client.store import Store
from zs_pipeline import build, settings
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.documents import fetching
from zs_pipeline.documents import update as documents
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.orchestration import partitions
from zs_pipeline.publishing import commit, facts_file, squirrel
from zs_pipeline.settings import sample, source_url_of_sample
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.tables.build import build as plan
from zs_pipeline.tables.inputs import Surroundings

SIDE_FILES = sample() / "files"


def night(store: Store, source: Path, only: list[str] | None = None) -> None:
    """The steps of Dagster's three runs in their order, on any store.

    Args:
        store: Where to.
        source: A dump.
        only: Of tables by subject only these, as with `zs build --subject`.
    """
    reads = CATALOGUE.reads
    documents.update(store, open_source(str(source), reads.paths), reads, accept_shrink=True)
    # The sample's upgrades, whatever the documents are.
    of_sample = source_url_of_sample()
    around = Surroundings(
        store,
        Layout(__version__),
        CATALOGUE,
        Files(str(SIDE_FILES)),
        user_tables.copies,
        settings.old_source_url(of_sample),
        settings.custom_folder(of_sample),
    )
    for acorn in CATALOGUE.in_order:
        parts = only if acorn.partition == "subject_id" else None
        built = plan(acorn, around, only=parts)
        commit.commit(store, Layout(__version__), acorn, built, accept_shrink=True)
    squirrel.publish(store, Layout(__version__), ACORNS)


# What differs between two builds of the same: times, and what tells of the way there.
_OF_THE_WAY = (
    *("built_at", "checked_at", "published_at", "updated_at", "rows_before", "sizes"),
    "duckdb",
)
_OF_STATES = ("states", "indexes", "kept", "source", "accepted")


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

    found: dict[str, Any] = {VERSIONS_INDEX: told(VERSIONS_INDEX)}
    for entry in store.walk(FOLDER):
        key = entry["path"]
        # Nor how the last night went, which `zs build` alone tells.
        if not any(
            name in key
            for name in ("/_objects/", "/_snapshots/", "/_snapshots.json", "/_night.json")
        ):
            found[key] = told(key) if key.endswith(".json") else store.get(key)
    for acorn in ACORNS:
        stated = json.loads(store.get(Layout(__version__).facts(acorn.table)))
        assert stated["pending"] == {}
        for entry in facts_file.entries(stated).values():
            key = Layout(__version__).object(acorn.table, entry["sha256"])
            found[key] = store.get(key)
    snapshot = found[Layout(__version__).registry]["snapshot"]
    # Its other facts are those of when this content was first published.
    found["snapshot"] = told(Layout(__version__).snapshot(snapshot))["partitions"]
    documents_head = found["documents"] = told(DOCUMENTS_HEAD, *_OF_STATES)
    names = [f"index/{documents_head['index']}", *documents_head["shards"].values()]
    found |= {name: store.get(f"{DOCUMENTS}/{name}.pqt") for name in names}
    for acorn in CATALOGUE.asking:
        answers = found[f"answers to {acorn.name}"] = told(f"{ANSWERS}/{acorn.name}.json", "kept")
        key = f"{ANSWERS}/{acorn.name}/{answers['content']}.pqt"
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
    # What makes the tables alone puts no views.
    has.pop(Layout(__version__).views, None)
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
        if self.aside:
            # A dump with a line without an id hides which one, so that such a night removes none.
            self.aside = []
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
    monkeypatch.setattr(fetching, "BATCH", 2)
    monkeypatch.setattr(documents, "KEEP_EVERY", 3)
    monkeypatch.setattr(commit, "CHUNK", 2)


class DagsterNights(Nights):
    """The same with Dagster's own runs, which know of the subjects as well."""

    def __init__(self) -> None:
        super().__init__()
        self.instance = dg.DagsterInstance.ephemeral()

    def night(self, store: Store, only: list[str] | None = None) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "writable_store", lambda url, object_cache=None: store)
            patch.setattr(settings, "custom_folder", lambda url: sample() / "custom")
            patch.setenv("ZS_OLD_SOURCE", str(sample() / "old_documents.ndjson"))
            patch.setattr(build._History, "_passing", lambda history: self.instance)
            subjects = map(decode_partition, only or ())
            zs_build(self.source(), store.url, subjects=tuple(subjects), accept_shrink=True)

    def build(self, writes: Sequence[int] = ()) -> None:
        super().build(writes)
        known = set(self.instance.get_dynamic_partitions(partitions.dynamic_name("subject_id")))
        stated = facts_file.read_facts(self.store, Layout(__version__), "qc")
        assert known == facts_file.segments(stated)

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
