"""A night fetches what changed, and what is kept is then what the source has, whatever happened."""

import copy
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from declaring import reads
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import READS, WANTED, Listed, assert_is_the_source, document, kept, many, run
from stores import Crash, Watched, contents, memory, stamps

from zs_client.contract import DOCUMENTS
from zs_client.store import Store
from zs_pipeline.declaration import Expected, Read
from zs_pipeline.documents import fetching
from zs_pipeline.documents import update as documents_module
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.documents.shards import shard_of
from zs_pipeline.documents.state import load
from zs_pipeline.documents.update import update
from zs_pipeline.shrink_refused import ShrinkRefused
from zs_pipeline.source.interface import SourceError

pytest_plugins = ("stores",)


# One night after another.


def test_the_first_update_fetches_everything(store: Store) -> None:
    source = many(12)
    changes = run(store, source)
    assert (changes.swept, changes.fetched, changes.added) == (12, 12, 12)
    assert (changes.changed, changes.removed, changes.set_aside) == (0, 0, 0)
    assert sorted(source.fetched) == [f"d{n:03}" for n in range(12)]
    snapshot = assert_is_the_source(store, source)
    assert set(snapshot.index["has_qc"].to_pylist()) == {True}
    assert {e["path"] for e in store.walk("data-asset-cache/zs-v1.0.0")} == set()


def test_a_night_without_a_change_fetches_and_writes_nothing(store: Store) -> None:
    source = many(12)
    run(store, source)
    before = stamps(store)
    watched = Watched(store)
    changes = run(watched, source)
    assert (changes.fetched, source.fetched) == (0, [])
    assert [k for k in watched.written() if k] == []
    assert stamps(store) == before


def test_only_what_changed_is_fetched_and_only_its_shard_written(store: Store) -> None:
    source = many(12)
    run(store, source)
    source["d003"].update(document("d003", "3", "other", "t1"))
    source["d008"]["_last_modified"] = "t1"
    source.documents.append(document("new", "3"))
    watched = Watched(store)
    changes = run(watched, source)
    assert sorted(source.fetched) == ["d003", "d008", "new"]
    assert (changes.fetched, changes.added, changes.changed, changes.removed) == (3, 1, 2, 0)
    shards = [k for k in watched.written() if "/shards/" in k]
    assert len(shards) == 1
    assert f"/shards/{shard_of('3')}/" in shards[0]
    assert_is_the_source(store, source)


def test_a_document_written_anew_with_the_same_content_counts_as_no_change(store: Store) -> None:
    source = many(4)
    source["d001"]["_last_modified"] = None
    run(store, source)
    before = stamps(store)
    changes = run(store, source)
    assert source.fetched == ["d001"]  # nothing tells whether it changed, so its content does
    assert (changes.fetched, changes.changed) == (1, 0)
    assert stamps(store) == before
    source["d001"]["quality_control"] = {"metrics": []}
    assert run(store, source).changed == 1
    assert_is_the_source(store, source)


def test_an_older_time_is_a_change_like_any_other() -> None:
    store, source = memory(), many(4)
    run(store, source)
    source["d001"].update(document("d001", "1", "restored", "a time long ago"))
    assert run(store, source).changed == 1
    assert_is_the_source(store, source)


def test_a_document_that_is_gone_is_removed(store: Store) -> None:
    source = many(12)
    run(store, source)
    source.drop("d004")
    changes = run(store, source)
    assert (changes.removed, changes.fetched) == (1, 0)
    assert_is_the_source(store, source)


def test_the_last_document_of_a_shard_takes_the_shard_with_it() -> None:
    store, source = memory(), many(12, subjects=12)
    run(store, source)
    source.drop("d004")
    run(store, source)
    snapshot = assert_is_the_source(store, source)
    assert str(shard_of("4")) not in snapshot.head["shards"]


@pytest.mark.parametrize("there", ["7", "0", None])
def test_a_document_whose_subject_changed_moves_to_its_shard(
    store: Store, there: str | None
) -> None:
    source = many(12)
    run(store, source)
    moved = document("d004", there, at="t1")
    source.documents = [moved if d["_id"] == "d004" else d for d in source.documents]
    changes = run(store, source)
    assert (changes.added, changes.changed, changes.removed) == (0, 1, 0)
    snapshot = assert_is_the_source(store, source)
    place = snapshot.index["_id"].to_pylist().index("d004")
    assert snapshot.index["shard"][place].as_py() == shard_of(there)


# What vanishes, and too much of it.


def test_a_document_that_vanishes_between_sweep_and_fetch_is_gone(store: Store) -> None:
    source = many(12)
    run(store, source)
    for changed in ("d001", "d002", "d006"):
        source[changed]["_last_modified"] = "t1"
    source.documents.append(document("new", "3"))
    source.meanwhile = lambda: source.drop("d001", "new")
    changes = run(store, source)
    assert (changes.fetched, changes.removed, changes.added) == (2, 1, 0)
    assert_is_the_source(store, source)


def test_a_sweep_that_lost_too_much_is_refused_and_nothing_changes(store: Store) -> None:
    source = many(12)
    run(store, source)
    before = contents(store), stamps(store)
    source.drop(*(f"d{n:03}" for n in range(4)))
    source["d005"]["_last_modified"] = "t1"
    with pytest.raises(
        ShrinkRefused, match=r"4 of 12 are gone from list://documents.*accept-shrink"
    ):
        run(store, source)
    assert (contents(store), stamps(store)) == before
    assert source.fetched == []
    assert run(store, source, accept_shrink=True).removed == 4
    assert_is_the_source(store, source)


def test_an_empty_source_is_refused_after_a_full_one() -> None:
    store, source = memory(), many(12)
    run(store, source)
    with pytest.raises(ShrinkRefused):
        run(store, Listed())
    assert_is_the_source(store, source)


def test_a_small_loss_passes() -> None:
    store, source = memory(), many(12)
    run(store, source)
    source.drop("d001", "d002", "d003")
    assert run(store, source).removed == 3
    assert_is_the_source(store, source)
    one = Listed([document("only")])
    other = memory()
    run(other, one)
    assert run(other, Listed()).removed == 1


def test_a_source_that_sweeps_but_does_not_hand_out_is_refused_too() -> None:
    store, source = memory(), many(12)
    run(store, source)
    before = contents(store)
    all_of_them = list(source.documents)
    source.meanwhile = source.documents.clear
    with pytest.raises(ShrinkRefused, match="12 of 12 are gone"):
        run(store, source, reads(Read("acquisition.acquisition_type", Expected.TEXT)))
    assert contents(store) == before
    source.documents, source.meanwhile = all_of_them, lambda: None
    assert_is_the_source(store, source)


# The projection.


def test_another_projection_fetches_everything_anew(store: Store) -> None:
    source = many(12)
    run(store, source)
    other = Read("acquisition.acquisition_type", Expected.TEXT)
    assert run(store, source, reads(*WANTED, other)).fetched == 12
    assert run(store, source, reads(other, *reversed(WANTED))).fetched == 0
    assert run(store, source).fetched == 12
    assert_is_the_source(store, source)


def test_a_build_killed_in_another_projection_leaves_nothing_that_the_first_takes_for_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 3)
    monkeypatch.setattr(documents_module, "KEEP_EVERY", 3)
    store, source = memory(), many(12, subjects=12)
    run(store, source)
    narrow = Listed([{**d, "quality_control": {"metrics": []}} for d in source.documents])
    calls = iter(range(100))

    def killed() -> None:
        if next(calls) == 2:
            raise Crash

    narrow.meanwhile = killed
    with pytest.raises(Crash):
        run(store, narrow, reads(WANTED[0]))
    assert {"metrics": []} in [quality for _, quality in kept(load(store)).values()]
    run(store, source)
    assert_is_the_source(store, source)


# What does not fit.


def test_what_is_no_document_is_set_aside_and_stays_so(store: Store) -> None:
    source = many(4)
    source.documents += [{"name": "nameless"}, {"name": None}]
    changes = run(store, source)
    assert (changes.swept, changes.set_aside) == (4, 2)
    snapshot = assert_is_the_source(store, source)
    assert [p.reason for p in snapshot.set_aside] == ["has no _id"] * 2
    before = stamps(store)
    assert run(store, source).set_aside == 2
    assert stamps(store) == before
    del source.documents[-1]
    assert run(store, source).set_aside == 1
    assert len(assert_is_the_source(store, source).set_aside) == 1


def test_a_document_that_cannot_be_kept_is_set_aside_and_stops_nothing(store: Store) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    source = many(4)
    run(store, source)
    source["d001"].update(document("d001", "1", deep, "t1"))
    source.documents.append(document("new"))
    for _ in range(2):
        changes = run(store, source)
        assert changes.set_aside == 1
        snapshot = load(store)
        assert sorted(kept(snapshot)) == ["d000", "d002", "d003", "new"]
        (problem,) = snapshot.set_aside
        assert (problem.id, problem.severity) == ("d001", "error")
        assert "cannot be kept as JSON" in problem.reason
    source["d001"].update(document("d001", "1", 5, "t2"))
    assert run(store, source).set_aside == 0
    assert_is_the_source(store, source)


def test_values_that_could_not_be_read_are_counted_while_they_are_there(store: Store) -> None:
    source = many(4)
    for found in source.documents:
        found["_last_modified"] = "2026-01-02T03:04:05Z"
    source["d001"]["acquisition"] = {"experimenters": "not a list"}
    people = reads(*WANTED, Read("acquisition.experimenters[].name", Expected.TEXT))
    assert run(store, source, people).values_unread == 1
    assert run(store, source, people).values_unread == 1
    source["d001"].update({"acquisition": None, "_last_modified": "2026-01-03T03:04:05Z"})
    assert run(store, source, people).values_unread == 0


def test_odd_subjects_and_ids_are_kept_as_they_are(store: Store) -> None:
    odd = ["a/b", "..", "é", " ", "%2F", "🐭", "0", ""]
    source = Listed([document(f"id {subject}", subject) for subject in odd])
    source.documents.append(document("none", None))
    run(store, source)
    assert_is_the_source(store, source)
    assert run(store, source).fetched == 0


# More than fits at once, and what cannot be read.


def test_the_next_documents_are_fetched_while_the_last_ones_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 10)
    store, source = memory(), many(60, subjects=60)
    again = threading.Event()
    source.meanwhile = lambda: again.set() if source.fetched else None
    waited = []

    def progress(said: str) -> None:
        if "fetched" in said and not waited:
            waited.append(again.wait(30))

    changes = run(store, source, progress=progress)
    assert waited == [True]
    assert changes.added == 60
    assert_is_the_source(store, source)


def test_a_fetch_that_fails_ahead_keeps_what_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 10)
    monkeypatch.setattr(documents_module, "KEEP_EVERY", 10)
    store, source = memory(), many(60, subjects=60)

    def fail() -> None:
        if len(source.fetched) >= 30:
            raise SourceError("the gateway is down")

    source.meanwhile = fail
    with pytest.raises(SourceError, match="the gateway is down"):
        run(store, source)
    came = len(source.fetched)
    assert came >= 30
    source.meanwhile = lambda: None
    assert run(store, source).fetched == 60 - came
    assert_is_the_source(store, source)


@pytest.mark.slow
def test_more_documents_of_one_subject_than_a_batch_are_all_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 10)
    store, source = memory(), many(95, subjects=2)
    changes = run(store, source)
    assert changes.added == 95
    assert_is_the_source(store, source)
    for n in range(0, 95, 2):
        source[f"d{n:03}"].update(document(f"d{n:03}", str(n % 3), n, "t1"))
    run(store, source)
    assert_is_the_source(store, source)


def test_a_manifest_that_cannot_be_read_is_an_error_and_stays(store: Store) -> None:
    store.put(DOCUMENTS_HEAD, b"garbage")
    with pytest.raises(ValueError, match=r"documents\.json: cannot be read as JSON"):
        run(store, many(3))
    assert store.get(DOCUMENTS_HEAD) == b"garbage"


# Two at once, and killed ones.


@pytest.mark.slow
def test_two_updates_at_once_end_with_what_the_source_has(store: Store) -> None:
    source = many(30)
    for n in range(4):
        raised: list[BaseException] = []
        gate = threading.Barrier(3)

        def night(gate: Any = gate, raised: Any = raised) -> None:
            gate.wait()
            try:
                update(store, source, READS)
            except BaseException as error:  # noqa: BLE001 - looked at below
                raised.append(error)

        for k in range(5):
            source[f"d{(n * 5 + k):03}"].update(
                document(f"d{(n * 5 + k):03}", str(n), [n, k], f"t{n + 1}")
            )
        source.documents.append(document(f"new{n}", str(n)))
        threads = [threading.Thread(target=night) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert raised == []
        assert_is_the_source(store, source)


def test_an_update_that_another_overtakes_looks_again_and_loses_nothing() -> None:
    store, source = memory(), many(12)
    run(store, source)
    source["d001"].update(document("d001", "1", "mine", "t1"))
    overtaking = Watched(store)

    def overtake(name: str, key: str) -> None:
        if (name, key) == ("replace", DOCUMENTS_HEAD):
            overtaking.before = lambda name, key: None
            source["d002"].update(document("d002", "2", "theirs", "t1"))
            source.documents.append(document("theirs", "9"))
            update(store, source, READS)

    overtaking.before = overtake
    run(overtaking, source)
    assert_is_the_source(store, source)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("first_build", [True, False], ids=["first build", "later"])
def test_an_update_killed_at_any_point_leaves_a_snapshot_that_reads_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, first_build: bool, after: bool
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 4)
    monkeypatch.setattr(documents_module, "KEEP_EVERY", 6)
    whole = many(10, subjects=4)
    for number in range(1, 200):
        store, source = memory(), Listed(copy.deepcopy(whole.documents))
        if not first_build:
            run(store, source)
            for n in range(0, 10, 2):
                source[f"d{n:03}"].update(document(f"d{n:03}", str(n % 3), n, "t1"))
            source.drop("d001", "d003")
            source.documents.append(document("new", "8"))
        try:
            run(Watched(store, number, after=after), source)
            break
        except Crash:
            pass
        if store.exists(DOCUMENTS_HEAD):
            snapshot = load(store)
            assert len(kept(snapshot)) == snapshot.head["documents"]
        run(store, source)
        assert_is_the_source(store, source)
    assert number > 10


@pytest.mark.slow
def test_a_first_build_that_is_killed_fetches_what_it_kept_no_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 5)
    monkeypatch.setattr(documents_module, "KEEP_EVERY", 10)
    store, source = memory(), many(40, subjects=40)
    calls = iter(range(100))

    def killed() -> None:
        if next(calls) == 5:
            raise Crash

    source.meanwhile = killed
    with pytest.raises(Crash):
        run(store, source)
    source.meanwhile = lambda: None
    assert run(store, source).fetched == 20
    assert_is_the_source(store, source)


def test_what_is_no_longer_named_goes_after_days_and_nothing_else_does(folder: Store) -> None:
    import os
    from pathlib import Path

    source = many(12)
    run(folder, source)
    place = Path(folder.url) / DOCUMENTS
    long_ago = (datetime.now(UTC) - timedelta(days=9)).timestamp()
    for name, age in (("shards/1/old.pqt", long_ago), ("index/new.pqt", None)):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"x")
        if age:
            os.utime(place / name, (age, age))
    source["d001"].update(document("d001", "1", 5, "t1"))
    run(folder, source)
    assert not (place / "shards/1/old.pqt").exists()
    assert (place / "index/new.pqt").exists()
    assert_is_the_source(folder, source)


# Any history.

ids = st.sampled_from([f"d{n}" for n in range(8)])
subjects = st.sampled_from([None, "1", "2", "a/b"])
# At the same time as before, too: then nothing tells of a change, and there is none.
step = st.one_of(
    st.tuples(st.just("put"), ids, subjects, st.integers(0, 3)),
    st.tuples(st.just("drop"), ids, st.none(), st.none()),
    st.tuples(st.just("untimed"), ids, subjects, st.integers(0, 3)),
    st.tuples(st.just("nameless"), ids, st.none(), st.none()),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(step, max_size=6), st.integers(0, 12)), max_size=5))
def test_after_any_history_the_snapshot_is_that_of_a_first_build(
    nights: list[tuple[list[tuple], int]],
) -> None:
    store, source = memory(), Listed()
    clock = 0
    for steps, crash_at in nights:
        for kind, document_id, subject, value in steps:
            clock += 1
            if kind == "nameless":
                source.documents.append({"name": f"nameless {clock}"})
                continue
            source.drop(document_id)
            if kind != "drop":
                at = None if kind == "untimed" else f"t{clock}"
                source.documents.append(document(document_id, subject, value, at))
        try:
            run(Watched(store, crash_at), source, accept_shrink=True)
        except Crash:
            run(store, source, accept_shrink=True)
        snapshot = assert_is_the_source(store, source)
        assert json.loads(store.get(DOCUMENTS_HEAD))["state"] == snapshot.state
