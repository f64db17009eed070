"""A snapshot of the documents is read shard by shard, and what a run has loaded is taken over."""

import weakref
from datetime import datetime, timedelta
from typing import Any

import pytest
from listed import READS, Listed, assert_is_the_source, document, kept, many, run
from stores import Watched, memory

from zs_client.store import Store
from zs_pipeline.documents import state as document_states
from zs_pipeline.documents import update as documents_module
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.documents.shards import shard_of
from zs_pipeline.documents.state import last_seen_state, load
from zs_pipeline.documents.update import update

pytest_plugins = ("stores",)

# Reading.


def test_reading_some_documents_reads_only_their_shards(store: Store) -> None:
    source = many(60, subjects=20)
    run(store, source)
    watched = Watched(store)
    snapshot = load(watched)
    watched.done.clear()
    wanted = {"d003", "d023", "d007"}
    found = [d for shard in snapshot.read(("quality_control",), ids=wanted) for d in shard]
    assert {d["_id"] for d in found} == wanted
    assert len(watched.asked("get")) == len({shard_of("3"), shard_of("7")})
    assert list(snapshot.read(ids=set())) == []
    assert list(snapshot.read(ids={"not there"})) == []


def test_reading_stops_asking_when_the_reader_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_states, "FEW", 0)
    store, source = memory(), many(60, subjects=60)
    run(store, source)
    watched = Watched(store)
    snapshot = load(watched)
    watched.done.clear()
    reading = snapshot.read()
    next(reading)
    reading.close()
    assert len(watched.asked("get")) <= document_states.AHEAD + 1


def test_few_documents_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, source = memory(), many(60, subjects=60)
    run(store, source)
    ids = {f"d{number:03}" for number in range(20)}
    watched = Watched(store)

    def shards_read() -> int:
        return sum("/shards/" in key for key in watched.asked("get"))

    monkeypatch.setattr(document_states, "FEW", 0)
    expected = [one for shard in load(store).read(ids=ids) for one in shard]
    assert {one["_id"] for one in expected} == ids
    monkeypatch.setattr(document_states, "FEW", 20)
    (together,) = load(watched).read(ids=ids)
    assert together == expected
    read = shards_read()
    assert read > 1
    (fewer,) = load(watched).read(ids={"d003", "d007"})
    assert [one["_id"] for one in fewer] == [
        one["_id"] for one in expected if one["_id"] in {"d003", "d007"}
    ]
    assert shards_read() == read
    # Many are read shard by shard, and another state of the documents is looked at again.
    assert len(list(load(watched).read())) > 1
    source["d003"].update(document("d003", at="t1", value="new"))
    run(watched, source)
    (fewer,) = load(watched).read(ids={"d003", "d007"})
    assert "new" in str(fewer)
    assert "new" not in str(expected)


def test_core_files_that_are_not_asked_for_only_say_whether_they_are_there() -> None:
    store, source = memory(), many(2)
    run(store, source)
    for found in (d for shard in load(store).read(("subject",)) for d in shard):
        assert found["subject"] == {"subject_id": found["subject"]["subject_id"]}
        assert found["quality_control"] == {}
        assert found["procedures"] is None


def test_a_snapshot_that_was_replaced_lately_can_still_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A build may read it: what it names was written long ago and is unused only since now."""
    monkeypatch.setattr(document_states, "FEW", 0)
    store, source = memory(), many(12)
    run(store, source)
    first, before = load(store), kept(load(store))

    class LongAfter(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + LongAfter.late

    LongAfter.late = timedelta(days=30)
    monkeypatch.setattr(documents_module, "datetime", LongAfter)
    for document_id in ("d001", "d002", "d003"):
        source[document_id].update(document(document_id, at="t1", value=document_id))
    run(store, source)
    assert kept(first) == before
    assert load(store, first.state).state == first.state
    # Days later it may go.
    LongAfter.late = timedelta(days=40)
    source["d001"].update(document("d001", at="t2"))
    run(store, source)
    with pytest.raises(FileNotFoundError):
        kept(first)
    assert_is_the_source(store, source)


def test_a_store_without_documents_says_what_to_do(store: Store) -> None:
    with pytest.raises(FileNotFoundError, match="keeps no documents; build documents"):
        load(store)


# What a run has loaded, its other tables take over.


def test_a_state_that_is_loaded_again_is_asked_for_no_more(store: Store) -> None:
    first, _ = update(store, Listed([document("a")]), READS)
    watched = Watched(store)

    loaded = load(watched)
    watched.done.clear()
    again = load(watched, first.state)

    assert watched.done == []
    assert (again.state, again.index, again.set_aside) == (
        loaded.state,
        loaded.index,
        loaded.set_aside,
    )


def test_the_latest_state_is_asked_for_each_time_and_its_index_only_when_it_is_another(
    store: Store,
) -> None:
    source = Listed([document("a")])
    update(store, source, READS)
    watched = Watched(store)
    load(watched)
    watched.done.clear()

    load(watched)
    assert watched.asked("get") == [DOCUMENTS_HEAD]

    # Another process goes on meanwhile, through a store of its own.
    source.documents.append(document("b"))
    latest, _ = update(store, source, READS)
    assert last_seen_state(watched) != latest.state
    assert load(watched).index["_id"].to_pylist() == ["a", "b"]
    assert last_seen_state(watched) == latest.state


def test_an_earlier_state_is_loaded_beside_the_latest(store: Store) -> None:
    source = Listed([document("a")])
    first, _ = update(store, source, READS)
    source.documents.append(document("b"))
    latest, _ = update(store, source, READS)
    for state, ids in ((first.state, ["a"]), (latest.state, ["a", "b"]), (first.state, ["a"])):
        found = load(store, state)
        assert (found.state, found.index["_id"].to_pylist()) == (state, ids)


def test_what_was_loaded_goes_with_the_store(folder: Store) -> None:
    update(folder, Listed([document("a")]), READS)
    watched = Watched(folder)
    load(watched)
    there = weakref.ref(watched)

    del watched

    assert there() is None
