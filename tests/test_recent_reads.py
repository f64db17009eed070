"""What a run reads again and again on S3 is read once within some seconds."""

import pytest

from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_pipeline import recent_reads, run_scope
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.publishing.facts_file import FactsFile, read_facts

LAYOUT = Layout(__version__)
BASICS = CATALOGUE.by_name["asset_basics"]


@pytest.fixture
def counted(bucket, monkeypatch):
    """A store on S3, with the keys that were read."""
    store, keys = open_store(f"{bucket}/cache"), []
    read = store.get_if_there
    monkeypatch.setattr(store, "get_if_there", lambda key: keys.append(key) or read(key))
    return store, keys


def test_files_that_go_together_are_read_at_once_and_once(counted):
    store, keys = counted
    store.put("a", b"1")
    with run_scope.entered() as scope:
        scope.recent_reads.read_together(store, ["a", "b"])
        (body, etag), none = (scope.recent_reads.get_if_there(store, key) for key in "ab")
        assert (body, none) == (b"1", (None, None))
        assert etag == store.get_with_etag("a")[1]
        assert sorted(keys) == ["a", "b"]
        scope.recent_reads.note(store, "b", (b"2", "tag"))
        assert scope.recent_reads.get_if_there(store, "b") == (b"2", "tag")
        assert len(keys) == 2
    with run_scope.entered() as scope:
        assert scope.recent_reads.get_if_there(store, "b") == (None, None)


def test_after_some_seconds_outside_of_runs_and_of_large_files_nothing_is_kept(
    counted, monkeypatch
):
    store, keys = counted
    store.put("a", b"1")
    store.put("large", b"x" * (recent_reads.LARGEST + 1))

    def read(key: str) -> int:
        before = len(keys)
        run_scope.current().recent_reads.get_if_there(store, key)
        return len(keys) - before

    assert [read("a"), read("a")] == [1, 1]
    with run_scope.entered() as scope:
        scope.recent_reads.read_together(store, ["a", "large"])
        assert read("a") == 2
        assert [read("a"), read("large"), read("large")] == [0, 1, 1]
        now = recent_reads.time.monotonic()
        monkeypatch.setattr(recent_reads.time, "monotonic", lambda: now + recent_reads.SECONDS + 1)
        # The large one is not read with the others again.
        assert read("a") == 1


def test_facts_that_another_writer_changed_meanwhile_are_changed_and_not_overwritten(bucket):
    ours, others = (open_store(f"{bucket}/cache") for _ in range(2))
    with run_scope.entered():
        FactsFile(ours, LAYOUT, BASICS).update(lambda facts: None, code_version="1")
        known = FactsFile(ours, LAYOUT, BASICS)
    # A process of its own, which keeps nothing of ours.
    FactsFile(others, LAYOUT, BASICS).update(lambda facts: facts.update(reason="theirs"))
    with run_scope.entered():
        known.update(lambda facts: facts.update(state="fresh"))
        assert read_facts(ours, LAYOUT, BASICS.table)["reason"] == "theirs"
        assert read_facts(others, LAYOUT, BASICS.table)["state"] == "fresh"
