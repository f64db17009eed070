"""The state of the night: who publishes, what failed since when, and what readers are told."""

import json
import time
from datetime import UTC, datetime, timedelta

import client_store
import dagster as dg
import pytest
from building import document, dump, registry, zs_build
from client_store import BY_NAME, LAYOUT
from stores import memory

import zs_client
from zs_client import cli
from zs_client import night as reader
from zs_client.opening import open_store
from zs_client.registry import standing
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.orchestration import code_location
from zs_pipeline.publishing import night
from zs_pipeline.publishing.facts_file import mark_stale
from zs_pipeline.publishing.squirrel import publish

pytest_plugins = ("stores",)


@pytest.fixture
def filled(tmp_path, monkeypatch) -> Store:
    """A store of 1.0.0: every table, and no word of a night."""
    client_store.plain(monkeypatch)
    (tmp_path / "out").mkdir()
    return client_store.filled(str(tmp_path / "out"))


def told(store: Store) -> dict:
    return json.loads(store.get(LAYOUT.night))


def rewrite(store: Store, **changes) -> None:
    store.put(LAYOUT.night, json.dumps(told(store) | changes).encode())


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def status(store: Store) -> dict[str, zs_client.AcornStatus]:
    return {acorn.name: acorn for acorn in zs_client.status(store.url)}


def shown(store: Store, capsys, *words: str) -> tuple[int, str]:
    code = cli.main(["status", "--store", store.url, *words])
    return code, capsys.readouterr().out


# What the pipeline keeps.


def test_a_night_that_ends_well_tells_what_it_wrote(tmp_path):
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    assert zs_build(source, out) == 0
    first, size = told(open_store(out)), sum(acorn["bytes"] for acorn in registry(out)["acorns"])
    dump(source, [document("a", "1"), document("b", "2")])
    assert zs_build(source, out) == 0
    second = told(open_store(out))
    # Facts tell whole seconds.
    time.sleep(1)
    assert zs_build(source, out) == 0
    third = told(open_store(out))

    assert first["failures"] == second["failures"] == third["failures"] == {}
    assert first["began_at"] < first["ended_at"] < second["began_at"] < second["ended_at"]
    assert [n["counts"]["documents_fetched"] for n in (first, second, third)] == [1, 1, 0]
    assert first["counts"]["bytes_written"] == size
    assert 0 < second["counts"]["files_written"] < first["counts"]["files_written"]
    assert third["counts"]["files_written"] == third["counts"]["bytes_written"] == 0
    assert all(n["counts"]["seconds"] > 0 for n in (first, second, third))


def test_a_failure_is_kept_with_its_first_time_until_a_night_ends_well(tmp_path):
    names = [f"a{n}" for n in range(40)]
    source, out = dump(tmp_path / "d.ndjson", map(document, names)), tmp_path / "out"
    assert zs_build(source, out) == 0
    store = open_store(out)
    dump(source, [document(name, quality_control={"metrics": []}) for name in names])
    since = set()
    for _ in range(2):
        assert zs_build(source, out) == 1
        failed = told(store)
        assert failed["failed_at"] > failed["began_at"]
        assert failed["ended_at"] is None
        assert failed["failures"].keys() == {"quality_control", "qc_tag_status", "platform_qc"}
        since.add(failed["failures"]["quality_control"]["since"])
    assert len(since) == 1
    assert "ShrinkRefused" in failed["failures"]["quality_control"]["reason"]

    assert zs_build(source, out, accept_shrink=True) == 0
    assert told(store)["failures"] == {}
    assert told(store)["failed_at"] is None


def test_documents_that_do_not_come_are_a_night_that_failed(tmp_path):
    source, out = (
        dump(tmp_path / "d.ndjson", [document(f"a{n}") for n in range(40)]),
        tmp_path / "o",
    )
    assert zs_build(source, out) == 0
    dump(source, [document("a1")])
    assert zs_build(source, out) == 1
    store = open_store(out)
    assert "ShrinkRefused" in told(store)["failures"]["documents"]["reason"]
    assert {acorn.night.split(" at ")[0] for acorn in status(store).values()} == {"failed"}
    # Readers are told what the registry tells of each table.
    assert {acorn.state for acorn in status(store).values()} == {"stale"}
    assert zs_build(source, out, accept_shrink=True) == 0
    assert {(acorn.state, acorn.night) for acorn in status(store).values()} == {("fresh", None)}


def test_a_part_that_is_built_by_hand_is_no_failure_of_the_rest(tmp_path):
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    assert zs_build(source, out) == 0
    dump(source, [document("a", "1"), document("b", "2")])
    assert zs_build(source, out, select=["unique_genotypes"]) == 0
    assert told(open_store(out))["failures"] == {}


def test_an_interrupt_is_a_night_that_failed(tmp_path):
    store = open_store(tmp_path)
    night.begin(store, LAYOUT, "r")
    with pytest.raises(KeyboardInterrupt), night.failing(store, LAYOUT, "night"):
        raise KeyboardInterrupt
    assert told(store)["failures"]["night"]["reason"] == "KeyboardInterrupt"


def test_a_run_of_an_earlier_night_does_not_fail_a_later_one():
    store = memory()
    night.begin(store, LAYOUT, "one")
    started = datetime.now(UTC)
    night.begin(store, LAYOUT, "two")
    assert night.fail(store, LAYOUT, {"tables": "lost"}, run_id="one", started=started) is None
    assert told(store)["failed_at"] is None
    failed = night.fail(store, LAYOUT, {"tables": "lost"}, run_id="two", started=started)
    assert failed["failures"]["tables"]["reason"] == "lost"


def test_what_a_run_said_is_kept_at_the_end_and_what_a_table_tells_goes_first():
    store = memory()
    night.begin(store, LAYOUT, "r")
    said = {"tables": "the worker was lost", "squirrel": "no answer", "source_data": "x"}
    night.fail(store, LAYOUT, said)
    client_store.fill(store)
    done = publish(store, LAYOUT, ACORNS)
    night.end(store, LAYOUT, done.failures, done.tables, {})
    assert list(told(store)["failures"]) == ["tables"]


def test_secrets_are_not_published(monkeypatch):
    monkeypatch.setenv("ZS_SOURCE", "mongodb://user:hunter2hunter2@host/x")
    store = memory()
    night.fail(store, LAYOUT, {"documents": "no answer from mongodb://user:hunter2hunter2@host/x"})
    assert b"hunter2" not in store.get(LAYOUT.night)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"failures": 3}', b'{"began_at": "soon"}'])
def test_a_state_that_cannot_be_read_is_begun_anew(body):
    store = memory()
    store.put(LAYOUT.night, body)
    night.begin(store, LAYOUT, "r")
    assert told(store)["run_id"] == "r"


def test_what_another_version_put_there_stays():
    store = memory()
    night.begin(store, LAYOUT, "r")
    rewrite(store, of_later=[1])
    night.begin(store, LAYOUT, "s")
    assert told(store)["of_later"] == [1]


# What readers are told.


def test_a_store_without_the_state_reads_as_before(filled, capsys):
    assert {acorn.night for acorn in status(filled).values()} == {None}
    assert standing(filled, LAYOUT).state == "fresh"
    code, out = shown(filled, capsys)
    assert code == 0
    assert "night" not in out
    assert json.loads(shown(filled, capsys, "--json")[1])["state"] == "fresh"


def test_while_a_night_publishes_the_whole_is_not_fresh(filled, capsys):
    night.begin(filled, LAYOUT, "r")
    code, out = shown(filled, capsys)
    assert code == 0
    assert out.splitlines()[-1].startswith("publishing since 20")
    found = json.loads(shown(filled, capsys, "--json")[1])
    assert found["state"] == "publishing"
    assert found["night"] == found["acorns"][0]["night"]
    assert len(found["acorns"]) == len(ACORNS)
    assert isinstance(found["acorns"][0]["age"], float)


def test_after_a_night_that_published_nothing_no_table_is_fresh(filled, capsys):
    night.begin(filled, LAYOUT, "r")
    night.fail(filled, LAYOUT, {"tables": "the worker was lost"})
    code, out = shown(filled, capsys)
    assert code == 1
    assert "the last night failed at" in out.splitlines()[-1]
    assert "tables: the worker was lost" in out.splitlines()[-1]
    assert {acorn.state for acorn in status(filled).values()} == {"stale"}
    assert json.loads(shown(filled, capsys, "--json")[1])["state"] == "failed"


def test_after_a_night_that_published_each_table_tells_of_itself(filled, capsys):
    night.begin(filled, LAYOUT, "r")
    rewrite(filled, began_at=hours_ago(1))
    mark_stale(filled, LAYOUT, BY_NAME["source_data"], "the disk was full")
    done = publish(filled, LAYOUT, ACORNS)
    night.end(filled, LAYOUT, done.failures, done.tables, {})
    found = status(filled)
    assert {name for name, acorn in found.items() if acorn.state == "stale"} == {"source_data"}
    assert all("source_data: the disk was full" in acorn.night for acorn in found.values())
    assert shown(filled, capsys)[0] == 1


def test_a_night_that_does_not_end_has_failed(filled):
    night.begin(filled, LAYOUT, "r")
    rewrite(filled, began_at=hours_ago(5))
    assert standing(filled, LAYOUT).state == "fresh"
    published = json.loads(filled.get(LAYOUT.registry)) | {"published_at": hours_ago(30)}
    filled.put(LAYOUT.registry, json.dumps(published).encode())
    assert standing(filled, LAYOUT).state == "publishing"
    rewrite(filled, began_at=hours_ago(7))
    late = standing(filled, LAYOUT)
    assert late.state == "failed"
    assert "did not end within 6 hours" in late.night.sentence


def test_a_writer_that_tells_no_night_is_heard(filled):
    """As one of 1.0.0 is, after a night of ours has failed."""
    night.begin(filled, LAYOUT, "r")
    night.fail(filled, LAYOUT, {"tables": "lost"})
    rewrite(filled, began_at=hours_ago(9), failed_at=hours_ago(8))
    publish(filled, LAYOUT, ACORNS)
    assert standing(filled, LAYOUT).state == "fresh"


def test_who_may_not_list_a_bucket_reads_one_without_the_state(monkeypatch):
    with client_store.s3() as server:
        client_store.as_owner(monkeypatch, server)
        name = client_store.bucket(server, public=True)
        client_store.fill(open_store(f"s3://{name}"))
        client_store.nobody(monkeypatch, server)
        assert reader.read(open_store(f"s3://{name}"), LAYOUT) is None
        assert {acorn.night for acorn in zs_client.status(f"s3://{name}")} == {None}


def test_a_run_whose_documents_cannot_begin_leaves_the_night_as_it_was(tmp_path):
    """The state is written by the run's first asset, and by no run of one table alone."""
    source, out = dump(tmp_path / "d.ndjson", [document("a", "1")]), tmp_path / "out"
    assert zs_build(source, out) == 0
    before = told(open_store(out))
    defs = code_location.definitions(source=str(source), store=str(out))
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("tables").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("asset_basics")]
        )
    assert done.success
    assert told(open_store(out)) == before
