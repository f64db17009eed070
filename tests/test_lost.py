"""Nothing that a source has is lost: answers that come short, fail, lag, or drop at random."""

import copy
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from building import document as whole_document
from building import zs_build
from declaring import reads
from listed import READS, WANTED, Listed, document, kept, many, run
from pymongo import MongoClient
from secantus import SecantusDBServer
from source_servers import Gateway, Status, serve
from stores import contents, memory

import zs_client
from bench.gateway import find
from zs_client.store import Store
from zs_pipeline.declaration import Expected, Read
from zs_pipeline.documents import fetching
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.documents.retention import KEPT_STATES
from zs_pipeline.documents.state import load, withheld
from zs_pipeline.documents.update import Changes, update
from zs_pipeline.shrink_refused import ShrinkRefused
from zs_pipeline.source import asking, gateway
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import SourceError

pytest_plugins = ("stores",)

T0, T1 = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RETRY", "_CHECK", "_ONCE"):
        policy = getattr(gateway, name)
        quick = policy.new(backoff_factor=0.001, backoff_jitter=0.001)
        monkeypatch.setattr(gateway, name, quick)
    monkeypatch.setattr(asking, "PAUSE", 0)
    monkeypatch.setattr(fetching, "LAG_PAUSE", 0)


def listed(count: int) -> list[dict]:
    return [document(f"d{n:03}", str(n % 5), 0, T0) for n in range(count)]


def night(store: Store, url: str, **more: Any) -> Changes:
    return update(store, open_source(url, READS.paths), READS, **more)[1]


def values(store: Store) -> dict[str, Any]:
    return {one: qc["metrics"][0]["value"] for one, (_, qc) in kept(load(store)).items()}


def answering(
    served: Gateway, answer: Callable[[dict, list[dict]], list[dict]], *, by_id: bool = True
) -> None:
    """Let the gateway answer with something else, or a fetch alone."""

    def found(query: dict) -> bytes:
        page = orjson.loads(find(served.documents, query, served.cap))
        condition = (query.get("filter") or {}).get("_id") or {}
        return orjson.dumps(answer(query, page) if not by_id or "$in" in condition else page)

    served.find = found


def changed(documents: list[dict], *numbers: int) -> list[dict]:
    """The documents, of which some have another value and a later time."""
    after = copy.deepcopy(documents)
    for n in numbers:
        after[n] = document(after[n]["_id"], after[n]["subject"]["subject_id"], 1, T1)
    return after


# Documents that do not come.


def test_a_document_that_does_not_come_keeps_its_row_and_is_asked_for_every_night() -> None:
    store = memory()
    with serve(listed(40)) as served:
        night(store, served.url)
        served.documents = [*changed(served.documents, 3, 4), document("new", "9", 1, T1)]
        answering(served, lambda _, page: [d for d in page if d["_id"] not in ("d003", "new")])
        for _ in range(2):
            changes = night(store, served.url)
            assert (changes.withheld, changes.removed) == (2, 0)
            assert values(store) == {f"d{n:03}": int(n == 4) for n in range(40)}
            assert withheld(store) == ["d003", "new"]
            old, new = load(store).set_aside
            assert (old.id, old.name, old.severity) == ("d003", "name of d003", "error")
            assert "its row is as before" in old.reason
            assert (new.id, new.severity) == ("new", "error")
            assert "no row" in new.reason
        before = contents(store)
        night(store, served.url)
        assert contents(store) == before
        del served.find
        changes = night(store, served.url)
        assert (changes.fetched, changes.withheld) == (2, 0)
        assert values(store) == {f"d{n:03}": int(n in (3, 4)) for n in range(40)} | {"new": 1}
        assert (withheld(store), load(store).set_aside) == ([], [])


def test_one_that_did_not_come_for_other_reads_is_asked_for_again_though_it_is_as_it_was() -> None:
    store = memory()
    with serve(listed(40)) as served:
        night(store, served.url)
        answering(served, lambda _, page: [d for d in page if d["_id"] != "d003"])
        other = reads(*WANTED, Read("acquisition.acquisition_type", Expected.TEXT))
        source = open_source(served.url, other.paths)
        assert update(store, source, other)[1].withheld == 1
        del served.find
        source = open_source(served.url, other.paths)
        assert update(store, source, other)[1].fetched == 1


@pytest.mark.parametrize("instead", [[], [{"message": "error"}], 413, 502])
def test_many_that_do_not_come_are_an_outage_and_nothing_changes(instead: Any) -> None:
    def answer(_: dict, page: list[dict]) -> list[dict]:
        if isinstance(instead, int):
            raise Status(instead)
        return instead

    store = memory()
    with serve(listed(60)) as served:
        night(store, served.url)
        before = contents(store)
        served.documents = changed(served.documents, *range(20))
        answering(served, answer)
        with pytest.raises(SourceError, match=r"11 (of|documents).*try again later"):
            night(store, served.url)
        assert contents(store) == before


def test_some_of_many_are_an_outage_as_soon_as_they_are_more_than_one_in_a_hundred() -> None:
    store = memory()
    with serve(listed(60)) as served:
        night(store, served.url)
        before = contents(store)
        served.documents = changed(served.documents, *range(60))
        answering(served, lambda _, page: [d for d in page if d["_id"] >= "d012"])
        with pytest.raises(SourceError, match=r"does not hand out 11 of the 60 documents"):
            night(store, served.url)
        assert contents(store) == before


def test_a_build_with_a_document_that_does_not_come_ends_with_1_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    documents = [whole_document(f"ecephys_{n}", str(n)) for n in range(6)]
    with serve(documents) as served:
        assert zs_build(served.url, tmp_path) == 0
        served.documents = copy.deepcopy(documents)
        served.documents[2]["_last_modified"] = "2025-02-02T00:00:00.000Z"
        answering(served, lambda _, page: [d for d in page if d["name"] != "ecephys_2"])
        for _ in range(2):
            assert zs_build(served.url, tmp_path) == 1
            assert "1 documents did not come and are as before: id-ecephys_2" in (
                capsys.readouterr().err
            )
            assert len(zs_client.asset_basics()) == 6
            found = zs_client.document_problems()
            assert list(found[found.severity == "error"]["_id"]) == ["id-ecephys_2"]
        del served.find
        assert zs_build(served.url, tmp_path) == 0
        assert "error" not in set(zs_client.document_problems().severity)


# What a sweep lacks.


@pytest.mark.parametrize("lost", [["d003"], [f"d{n:03}" for n in range(39)]])
def test_what_a_sweep_lacks_stays_when_it_is_there(lost: list[str]) -> None:
    store = memory()
    with serve(listed(40)) as served:
        night(store, served.url)
        before = contents(store)

        def answer(query: dict, page: list[dict]) -> list[dict]:
            by_id = "$in" in ((query.get("filter") or {}).get("_id") or {})
            return page if by_id else [d for d in page if d["_id"] not in lost]

        answering(served, answer, by_id=False)
        assert night(store, served.url).removed == 0
        assert contents(store) == before
        served.documents = changed(served.documents, 3)
        assert night(store, served.url).changed == 1
        assert values(store)["d003"] == 1


def test_an_empty_collection_is_an_outage_after_few_requests() -> None:
    store = memory()
    with serve(listed(500)) as served:
        night(store, served.url)
        before, count = contents(store), served.count
        served.documents = []
        with pytest.raises(ShrinkRefused):
            night(store, served.url)
        assert contents(store) == before
        assert served.count - count < 100


def test_in_a_dump_a_line_without_an_id_keeps_what_the_dump_lacks(tmp_path: Path) -> None:
    store, path, said = memory(), tmp_path / "dump.ndjson", []
    lines = [orjson.dumps(d) for d in listed(40)]
    path.write_bytes(b"\n".join(lines))
    night(store, str(path))
    path.write_bytes(b"\n".join([*lines[1:], lines[0][:30]]))
    for _ in range(2):
        assert night(store, str(path), progress=said.append).removed == 0
        assert len(values(store)) == 40
        assert [line for line in said if "none was removed" in line]
        assert withheld(store) == []
        (kept_,) = [p for p in load(store).set_aside if p.severity == "warning"]
        assert "lacks 1 documents" in kept_.reason
    path.write_bytes(b"\n".join(lines[1:]))
    assert night(store, str(path)).removed == 1
    assert len(values(store)) == 39


# Replicas that lag.


class Replicas(Listed):
    """A source whose fetches are answered by a replica that is behind for so many fetches."""

    def __init__(self, documents: list[dict], behind: int) -> None:
        super().__init__(documents)
        self.old = copy.deepcopy(documents)
        self.behind = behind

    def fetch(self, ids: Any) -> Any:
        self.behind -= 1
        source = Listed(self.old) if self.behind >= 0 else super()
        yield from source.fetch(ids)


@pytest.mark.parametrize("behind", [1, 2, 100])
def test_a_document_that_came_older_than_swept_is_asked_for_again(behind: int) -> None:
    store, said = memory(), []
    source = Replicas(listed(12), 0)
    run(store, source)
    source.behind = behind
    source.documents = changed(source.documents, 3)
    changes = run(store, source, progress=said.append)
    assert (changes.lagging, changes.removed) == (1, 0)
    caught_up = behind < 100
    assert values(store)["d003"] == int(caught_up)
    assert bool([line for line in said if "older version than in" in line]) is not caught_up
    source.behind = 0
    changes = run(store, source)
    assert (changes.fetched, changes.lagging) == (int(not caught_up), 0)
    assert values(store)["d003"] == 1
    assert run(store, source).fetched == 0


def test_a_document_that_came_newer_than_swept_is_not_fetched_again() -> None:
    store, source = memory(), Listed(listed(12))
    run(store, source)
    source["d003"]["_last_modified"] = T1

    def again() -> None:
        source["d003"].update(document("d003", "3", 7, "2026-01-03T00:00:00.000Z"))

    source.meanwhile = again
    assert run(store, source).lagging == 0
    source.meanwhile = lambda: None
    assert run(store, source).fetched == 0
    assert values(store)["d003"] == 7


# MongoDB.


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with SecantusDBServer(storage_path=str(tmp_path_factory.mktemp("mongo"))) as running:
        yield running.uri.rstrip("/")


# Documents are fetched by several threads, and each may fill the database.
_filling = threading.Lock()


def filled(server: str, documents: list[dict], database: str) -> None:
    with _filling, MongoClient(server) as client:
        client.drop_database(database)
        client[database]["c"].insert_many(copy.deepcopy(documents))


def mongo_night(store: Store, url: str, meanwhile: Callable[[], None]) -> Changes:
    """One night from MongoDB; between sweep and fetch something happens."""
    source = open_source(url, READS.paths)
    fetch = source.fetch

    def later(ids: Any) -> Any:
        meanwhile()
        yield from fetch(ids)

    source.fetch = later
    return update(store, source, READS)[1]


def test_mongodb_lags_as_well(server: str) -> None:
    store, url = memory(), f"{server}/lags.c"
    old, new = listed(12), changed(listed(12), 3)
    filled(server, old, "lags")
    mongo_night(store, url, lambda: None)
    filled(server, new, "lags")
    changes = mongo_night(store, url, lambda: filled(server, old, "lags"))
    assert (changes.fetched, changes.lagging) == (1, 1)
    assert values(store)["d003"] == 0
    filled(server, new, "lags")
    assert mongo_night(store, url, lambda: None).fetched == 1
    assert values(store)["d003"] == 1


def test_what_is_gone_from_mongodb_goes_and_what_vanishes_meanwhile_as_well(server: str) -> None:
    store, url = memory(), f"{server}/gone.c"
    filled(server, listed(12), "gone")
    mongo_night(store, url, lambda: None)
    after = changed(listed(12), 2, 3)[1:]
    filled(server, after, "gone")
    changes = mongo_night(store, url, lambda: filled(server, after[2:], "gone"))
    assert (changes.removed, changes.withheld) == (2, 0)
    assert sorted(values(store)) == [f"d{n:03}" for n in (1, *range(3, 12))]


# Sources that drop documents at random, in sweeps and fetches.

SEEDS = (0, 1, 2, 3, 4, 20)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_row_goes_when_a_source_drops_at_random(seed: int) -> None:
    chance = random.Random(seed)
    share = chance.choice([0.02, 0.1, 0.25])
    store, documents = memory(), listed(60)
    with serve(documents) as served:
        night(store, served.url)

        def answer(_: dict, page: list[dict]) -> list[dict]:
            if chance.random() < share / 4:
                raise Status(chance.choice([413, 500, 502, 503]))
            return [d for d in page if chance.random() > share]

        answering(served, answer, by_id=False)
        lost = 0
        for _ in range(4):
            numbers = chance.sample(range(60), 5)
            for n in numbers:
                value, at = chance.randrange(99), f"2026-02-{chance.randrange(1, 29):02}"
                made = document(f"d{n:03}", str(n % 5), value, at)
                served.documents = [made if d["_id"] == made["_id"] else d for d in documents]
                documents = served.documents
            changes = night(store, served.url)
            lost += changes.removed
            assert sorted(values(store)) == [d["_id"] for d in documents]
        assert lost == 0
        del served.find
        night(store, served.url)
        assert values(store) == {
            d["_id"]: d["quality_control"]["metrics"][0]["value"] for d in documents
        }


# Content that changes without a word.


def test_content_changed_under_the_same_time_is_found_in_its_turn() -> None:
    store, said = memory(), []
    with serve(listed(60)) as served:
        night(store, served.url, refetch_every=5)
        quiet = [document(d["_id"], d["subject"]["subject_id"], 7, T0) for d in listed(60)]
        served.documents = [*quiet[:10], *served.documents[10:]]
        turns = []
        for _ in range(5):
            changes = night(store, served.url, refetch_every=5, progress=said.append)
            assert (changes.fetched, changes.removed, changes.withheld) == (0, 0, 0)
            turns.append((changes.refetched, changes.altered))
        assert [sum(turn) for turn in zip(*turns, strict=True)] == [60, 10]
        assert all(refetched < 60 for refetched, _ in turns)
        assert values(store) == {f"d{n:03}": 7 * (n < 10) for n in range(60)}
        assert any("a new content and an old time" in line for line in said)


def test_what_is_fetched_in_its_turn_and_is_as_it_was_writes_no_more_than_the_turn() -> None:
    store = memory()
    with serve(listed(60)) as served:
        night(store, served.url, refetch_every=2)
        before = contents(store)
        for _ in range(2):
            assert night(store, served.url, refetch_every=2).refetched > 0
        after = contents(store)
        key = DOCUMENTS_HEAD
        old, new = orjson.loads(before.pop(key)), orjson.loads(after.pop(key))
        assert before == after
        assert new.pop("update") == old.pop("update") + 2
        assert old == new


def test_a_dump_tells_of_every_byte_and_has_no_turns(tmp_path: Path) -> None:
    store, path = memory(), tmp_path / "dump.ndjson"
    path.write_bytes(b"\n".join(orjson.dumps(d) for d in listed(20)))
    night(store, str(path), refetch_every=1)
    before = contents(store)
    assert night(store, str(path), refetch_every=1).refetched == 0
    assert contents(store) == before


# Nights that each lose a little.


def test_nights_that_each_lose_a_quarter_are_refused_together(store: Store) -> None:
    source = many(100)
    run(store, source)
    source.drop(*(f"d{n:03}" for n in range(25)))
    assert run(store, source).removed == 25
    source.drop(*(f"d{n:03}" for n in range(25, 40)))
    before = contents(store)
    for _ in range(2):
        with pytest.raises(ShrinkRefused, match=r"40 of the 100 of one of the last .* are gone"):
            run(store, source)
        assert contents(store) == before
    assert run(store, source, accept_shrink=True).removed == 15
    # What was accepted is what later nights are compared with.
    source.drop("d040", "d041", "d042")
    assert run(store, source).removed == 3
    source.drop(*(f"d{n:03}" for n in range(43, 59)))
    with pytest.raises(ShrinkRefused, match=r"19 of the 60 of one"):
        run(store, source)


def test_states_that_are_no_longer_kept_are_not_compared_with() -> None:
    store, source = memory(), many(100)
    run(store, source)
    source.drop(*(f"d{n:03}" for n in range(25)))
    run(store, source)
    for n in range(KEPT_STATES):
        source["d099"].update(document("d099", "4", n, f"t{n + 1}"))
        run(store, source)
    source.drop(*(f"d{n:03}" for n in range(25, 40)))
    assert run(store, source).removed == 15


def test_a_night_says_how_many_documents_went_by_modality() -> None:
    store, said = memory(), []
    source = many(30)
    for n, found in enumerate(source.documents):
        names = [["ecephys"], ["behavior", "ecephys"], []][n % 3]
        found["data_description"] = {"modalities": [{"abbreviation": name} for name in names]}
    wanted = reads(*WANTED, Read("data_description.modalities[].abbreviation", Expected.TEXT))
    run(store, source, wanted)
    source.drop("d000", "d001", "d002", "d003")
    run(store, source, wanted, progress=said.append)
    assert said[1] == ("documents: 4 of 30 are gone: 1 behavior, 3 ecephys, 1 without a modality")
