"""An earlier snapshot is published in place of the latest one, and holds until it is released."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import aging
import dagster as dg
import pytest
from aging import ACORNS, LAYOUT, NAMES, VISITS
from building import document, dump, tables, zs_build
from earlier import Earlier
from one_files import assert_current, by_partition, rows_of_all
from stores import Crash, Watched, contents

import zs_client
from zs_client import ReadError, SnapshotNotFound, cli, published
from zs_client.contract import Layout
from zs_client.errors import StoreError
from zs_client.opening import open_store
from zs_client.pinned import state_of
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS as ALL
from zs_pipeline.orchestration.code_location import definitions
from zs_pipeline.publishing import hold as holds
from zs_pipeline.publishing import snapshot_list
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import FactsFile, HeldBack, entries, path, read_facts
from zs_pipeline.publishing.hold import HeldLayout
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep
from zs_pipeline.publishing.rollback import release, roll_back
from zs_pipeline.publishing.squirrel import publish
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.settings import sample

pytest_plugins = ("stores", "earlier")

HELD = HeldLayout(LAYOUT.version)


def history(store: Store, count: int = 4) -> list[str]:
    """So many published states; returns their ids."""
    ids = []
    for number in range(count):
        aging.build(store, number)
        ids.append(aging.publish(store, datetime.now(UTC) - timedelta(days=count - number)))
    return ids


def at_paths(store: Store) -> dict[str, bytes]:
    """What readers find at the fixed paths, but for the one file of a partitioned table."""
    return {
        entry["path"]: store.get(entry["path"])
        for entry in store.walk(LAYOUT.folder)
        if entry["path"].endswith(".pqt")
        and not entry["path"].startswith((LAYOUT.objects, HELD.held_folder))
        and entry["path"] != LAYOUT.table(VISITS.table)
    }


def of_snapshot(store: Store, snapshot: str) -> dict[str, bytes]:
    """What readers find at the fixed paths where a snapshot is published."""
    state = state_of(store, LAYOUT, snapshot)
    return {
        path(LAYOUT, acorn, segment): store.get(LAYOUT.object(acorn.table, sha256))
        for acorn in ACORNS
        for segment, sha256 in state.contents(acorn.name).items()
    }


def assert_published(store: Store, snapshot: str) -> None:
    """Paths, facts and registry are those of a snapshot."""
    assert at_paths(store) == of_snapshot(store, snapshot)
    assert_current(store, LAYOUT, VISITS)
    registry = json.loads(store.get(LAYOUT.registry))
    state = state_of(store, LAYOUT, snapshot)
    assert registry["snapshot"] == snapshot
    for entry in registry["acorns"]:
        facts = read_facts(store, LAYOUT, entry["table"])
        assert facts
        for name in ("sha256", "rows", "bytes"):
            assert entry[name] == state.tables[entry["name"]][name] == facts[name]
        found = {s: one["sha256"] for s, one in entries(facts).items()}
        assert found == state.contents(entry["name"])
        for segment, one in entries(facts).items():
            body = store.get(path(LAYOUT, _acorn(entry["name"]), segment))
            assert one["bytes"] == len(body)
        assert facts["pending"] == {}
        assert facts["rows"] == sum(one["rows"] for one in entries(facts).values())


def _acorn(name: str) -> Any:
    return next(acorn for acorn in ACORNS if acorn.name == name)


def night(store: Store, number: int) -> str:
    """Build and publish where builds work; returns the snapshot."""
    layout = holds.layout_of_builds(store, LAYOUT)
    aging.build(store, number, layout)
    return aging.publish(store, layout=layout)


def test_paths_facts_and_registry_are_those_of_the_snapshot(store: Store) -> None:
    ids = history(store)
    roll_back(store, LAYOUT, ACORNS, ids[1])
    assert_published(store, ids[1])
    facts = read_facts(store, LAYOUT, "names")
    assert facts
    assert facts["state"] == "stale"
    assert facts["reason"]
    assert facts["reason"].startswith(f"rolled back to snapshot {ids[1]} at 2")
    assert "until `zs rollback --release`" in facts["reason"]
    assert [c["rule"] for c in facts["columns"]] == [c.rule for c in NAMES.columns]


def test_a_night_builds_and_keeps_its_snapshot_and_publishes_nothing(store: Store) -> None:
    ids = history(store)
    roll_back(store, LAYOUT, ACORNS, ids[1])
    before = {k: v for k, v in contents(store).items() if not k.startswith(HELD.held_folder)}
    new = night(store, 7)
    assert new not in ids
    assert_published(store, ids[1])
    after = contents(store)
    kinds = (LAYOUT.objects, LAYOUT.snapshots)
    changed = {k for k in before if after[k] != before[k]}
    assert changed <= {LAYOUT.snapshot_index}
    added = {k for k in after.keys() - before.keys() if not k.startswith(HELD.held_folder)}
    assert added
    assert all(key.startswith(kinds) for key in added)
    assert state_of(store, LAYOUT, new).id == new


def test_back_a_night_and_forward_again_give_the_same_bytes(store: Store) -> None:
    ids = history(store)
    roll_back(store, LAYOUT, ACORNS, ids[1])
    night(store, 7)
    new = night(store, 8)
    assert release(store, LAYOUT, ACORNS) == new
    assert_published(store, new)
    assert not [*store.walk(HELD.held_folder)]
    for acorn in ACORNS:
        facts = read_facts(store, LAYOUT, acorn.table)
        assert facts
        assert "held" not in facts
        assert facts["state"] == "fresh"
    assert "rolled_back" not in json.loads(store.get(LAYOUT.registry))
    assert holds.layout_of_builds(store, LAYOUT) == LAYOUT
    assert night(store, 9)
    assert at_paths(store) == of_snapshot(store, night(store, 9))


def test_released_at_once_the_latest_state_is_published_again(store: Store) -> None:
    ids = history(store)
    before = at_paths(store)
    facts = {acorn.table: read_facts(store, LAYOUT, acorn.table) for acorn in ACORNS}
    roll_back(store, LAYOUT, ACORNS, ids[0])
    assert release(store, LAYOUT, ACORNS) == ids[-1]
    assert at_paths(store) == before
    for table, former in facts.items():
        now = read_facts(store, LAYOUT, table)
        assert now
        assert former
        assert {**now, "checked_at": ""} == {**former, "checked_at": ""}


def test_back_further_while_it_is_rolled_back_keeps_what_builds_made(store: Store) -> None:
    ids = history(store)
    roll_back(store, LAYOUT, ACORNS, ids[2])
    new = night(store, 7)
    roll_back(store, LAYOUT, ACORNS, ids[0])
    assert_published(store, ids[0])
    assert release(store, LAYOUT, ACORNS) == new
    assert_published(store, new)


def test_a_table_that_the_snapshot_lacks_stays_and_is_in_no_registry(store: Store) -> None:
    aging.build(store, 0)
    old = publish(store, LAYOUT, [NAMES]).snapshot
    new = aging.publish(store)
    roll_back(store, LAYOUT, ACORNS, old)
    registry = json.loads(store.get(LAYOUT.registry))
    assert [entry["name"] for entry in registry["acorns"]] == ["names"]
    with pytest.raises(HeldBack):
        aging.build(store, 5)
    assert release(store, LAYOUT, ACORNS) == new
    assert_published(store, new)


def test_it_is_recorded_and_read_by_the_snapshots_name(folder: Store) -> None:
    ids = history(folder)
    snapshot_list.give_name(folder, LAYOUT, "good", ids[1])
    hold = roll_back(folder, LAYOUT, ACORNS, "good")
    assert (hold.snapshot, hold.name) == (ids[1], "good")
    assert f"rolled back to snapshot good ({ids[1]}) at " in hold.sentence
    release(folder, LAYOUT, ACORNS)
    events = json.loads(folder.get(LAYOUT.rollback))["history"]
    assert [(e["to"], e["from"]) for e in events] == [(ids[1], ids[3]), (ids[3], ids[1])]


# Whoever builds, reads or dies meanwhile.


def test_it_may_be_killed_anywhere_and_every_path_is_whole(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    ids = history(open_store(origin))
    good = {**of_snapshot(open_store(origin), ids[1])}
    latest = at_paths(open_store(origin))

    def count(run: Callable[[Store], Any], folder: Path) -> int:
        copy = tmp_path / "count"
        copytree(folder, copy, dirs_exist_ok=True)
        watched = Watched(open_store(copy))
        run(watched)
        return len(watched.done)

    def back(store: Store) -> None:
        roll_back(store, LAYOUT, ACORNS, ids[1])

    def forward(store: Store) -> None:
        release(store, LAYOUT, ACORNS)

    rolled = tmp_path / "rolled"
    copytree(origin, rolled)
    back(open_store(rolled))
    new = night(open_store(rolled), 7)
    newest = of_snapshot(open_store(rolled), new)
    for name, run, begin, states in (
        ("back", back, origin, (good, latest)),
        ("forward", forward, rolled, (good, newest)),
    ):
        for crash_at in range(1, count(run, begin) + 1):
            copy = tmp_path / f"{name}{crash_at}"
            copytree(begin, copy)
            store = open_store(copy)
            with pytest.raises(Crash):
                run(Watched(store, crash_at, after=crash_at % 2 == 0))
            for key, body in at_paths(store).items():
                assert body in [state.get(key) for state in states]
            for subject, rows in by_partition(
                rows_of_all(store, LAYOUT, VISITS), "subject_id"
            ).items():
                key = path(LAYOUT, VISITS, str(subject))
                assert rows in [arrow.decode(state[key]).to_pylist() for state in states]
            if holds.current(store, LAYOUT) or run is back:
                run(store)
            assert at_paths(store) == (good if run is back else newest)
            assert_current(store, LAYOUT, VISITS)
            if run is back:
                forward(store)
                assert at_paths(store) == latest


def test_until_it_has_ended_nothing_is_built(folder: Store) -> None:
    ids = history(folder)
    with pytest.raises(Crash):
        roll_back(Watched(folder, 40), LAYOUT, ACORNS, ids[1])
    with pytest.raises(StoreError, match=f"has not ended.*run `zs rollback {ids[1]}` again"):
        holds.layout_of_builds(folder, LAYOUT)
    roll_back(folder, LAYOUT, ACORNS, ids[1])
    assert holds.layout_of_builds(folder, LAYOUT) == HELD


def test_a_build_that_began_before_publishes_nothing(store: Store) -> None:
    ids = history(store)
    known = FactsFile(store, LAYOUT, NAMES)
    roll_back(store, LAYOUT, ACORNS, ids[1])
    parts = [PartitionUpdate("", aging.content(NAMES, 9), "9")]
    with pytest.raises(HeldBack, match="names was rolled back while this build ran"):
        commit(store, LAYOUT, NAMES, TableUpdate(parts, {"documents": "9"}, "c", known=known))
    with pytest.raises(HeldBack, match="an earlier snapshot was published"):
        aging.publish(store)
    assert_published(store, ids[1])


def test_a_rollback_at_any_moment_of_a_commit_stands(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    ids = history(open_store(origin))
    number, happened = 0, True
    while happened:
        number += 1
        happened = False
        copy = tmp_path / f"{number}"
        copytree(origin, copy)
        store = open_store(copy)
        watched = Watched(store)

        def interleave(name: str, key: str) -> None:
            nonlocal happened
            # Some gets are made under the lock of the facts, where nobody else writes them.
            writes = [one for one, _ in watched.done if one != "get"]  # noqa: B023 - of this round
            if not happened and name != "get" and len(writes) + 1 == number:  # noqa: B023
                happened = True
                roll_back(store, LAYOUT, ACORNS, ids[1])  # noqa: B023

        watched.before = interleave
        parts = [PartitionUpdate(s, aging.content(VISITS, 9), "9") for s in "abcd"]
        held = False
        try:
            commit(watched, LAYOUT, VISITS, TableUpdate(parts, {"documents": "9"}, "c"))
        except HeldBack:
            held = True
        if happened:
            assert_published(store, ids[1])
            release(store, LAYOUT, ACORNS)
            now = read_facts(store, LAYOUT, "visit")
            assert now
            assert ("d" in now["partitions"]) is not held
    assert number > 10


def test_a_prune_keeps_what_is_rolled_back_to_and_what_builds_made(folder: Store) -> None:
    ids = history(folder, 6)
    aging.age(folder, timedelta(days=9))
    roll_back(folder, LAYOUT, ACORNS, ids[1])
    new = night(folder, 7)
    aging.age(folder, timedelta(days=9))
    prune(folder, LAYOUT, Keep(0, 0))
    assert_published(folder, ids[1])
    assert release(folder, LAYOUT, ACORNS) == new
    assert_published(folder, new)


# What cannot be.


def test_what_cannot_be_published_is_refused_and_nothing_changes(store: Store) -> None:
    ids = history(store)
    state = state_of(store, LAYOUT, ids[0])
    before = contents(store)
    with pytest.raises(SnapshotNotFound):
        roll_back(store, LAYOUT, ACORNS, "f" * 16)
    with pytest.raises(ValueError, match=r"is of version 1\.0\.0, not of 2\.0\.0"):
        roll_back(store, Layout("2.0.0"), ACORNS, ids[0])
    with pytest.raises(ValueError, match="has tables that this program does not make: visits"):
        roll_back(store, LAYOUT, [NAMES], ids[0])
    with pytest.raises(ValueError, match="is not rolled back"):
        release(store, LAYOUT, ACORNS)
    lost = LAYOUT.object("names", state.tables["names"]["sha256"])
    body = store.get(lost)
    store.delete([lost])
    with pytest.raises(ReadError, match="names this content, and it is gone"):
        roll_back(store, LAYOUT, ACORNS, ids[0])
    store.put(lost, body)
    assert contents(store) == before


# The command, the builds, Dagster and the client.


def documents(state: int) -> list[dict[str, Any]]:
    made = [document(f"a{n}", str(n % 3), location=f"s3://x/{state}/{n}") for n in range(6 + state)]
    for one in made:
        one["_last_modified"] = f"2025-02-{state + 1:02}T00:00:00.000Z"
        one["quality_control"]["metrics"][0]["name"] = f"metric {state}"
    return made


@pytest.fixture(scope="module")
def rolled_back(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store of two nights, rolled back to the first, with a night after it; and the ids."""
    folder = tmp_path_factory.mktemp("rolled")
    out, ids = folder / "out", []
    for state in range(2):
        assert zs_build(dump(folder / "d.ndjson", documents(state)), out) == 0
        ids.append(published.snapshots(out)[0].id)
    assert cli.main(["rollback", ids[0], "--store", str(out)]) == 0
    assert zs_build(dump(folder / "d.ndjson", documents(2)), out) == 0
    return out, ids


def test_builds_go_on_behind_a_rollback_and_come_forward_the_same(
    rolled_back: tuple[Path, list[str]], tmp_path: Path
) -> None:
    out, ids = rolled_back
    copy, first, full = tmp_path / "out", tmp_path / "first", tmp_path / "full"
    copytree(out, copy)
    assert zs_build(dump(tmp_path / "d.ndjson", documents(0)), first) == 0
    held = {k: v for k, v in tables(copy).items() if not k.startswith("_held/")}
    assert held == tables(first)
    assert [one.id for one in published.snapshots(copy) if one.current] == [ids[0]]
    assert cli.main(["rollback", "--release", "--store", str(copy)]) == 0
    assert zs_build(dump(tmp_path / "d.ndjson", documents(2)), full) == 0
    assert tables(copy) == tables(full)
    good = tables(copy)
    assert zs_build(tmp_path / "d.ndjson", copy) == 0
    assert tables(copy) == good


def test_status_and_a_read_say_so(
    rolled_back: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, ids = rolled_back
    assert cli.main(["status", "--store", str(out)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum(f"stale: rolled back to snapshot {ids[0]}" in line for line in lines) == len(ALL)
    monkeypatch.setenv("ZS_STORE", str(out))
    with pytest.warns(zs_client.StaleTable, match="builds publish nothing until"):
        frame = zs_client.asset_basics()
    assert set(frame["location"]) == {f"s3://x/0/{n}" for n in range(6)}
    assert len(zs_client.asset_basics(snapshot=ids[1])) == 7


def test_the_first_release_reads_a_store_that_is_rolled_back(
    rolled_back: tuple[Path, list[str]], release_1_0_0: Earlier
) -> None:
    out, ids = rolled_back
    assert (
        release_1_0_0.read(out, "sorted(zs_client.asset_basics()['location'])[0]") == "s3://x/0/0"
    )
    assert release_1_0_0.read(out, "len(zs_client.qc('1'))") == 2
    assert release_1_0_0.read(out, "{a.state for a in zs_client.status()}") == {"stale"}
    current = "[s.id for s in zs_client.snapshots() if s.current]"
    assert release_1_0_0.read(out, current) == ids[:1]


def test_dagster_shows_it(rolled_back: tuple[Path, list[str]], tmp_path: Path) -> None:
    out, ids = rolled_back
    copytree(out, tmp_path / "out")
    source = dump(tmp_path / "d.ndjson", documents(2))
    defs = definitions(
        source=str(source), store=str(tmp_path / "out"), files=str(sample() / "files")
    )
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("publish").execute_in_process(instance=instance)
    (event,) = (e for e in done.all_events if e.is_step_materialization)
    metadata = event.step_materialization_data.materialization.metadata
    assert f"rolled back to snapshot {ids[0]}" in str(metadata["published"].value)
    assert metadata["snapshot"].value not in ids
    (check,) = done.get_asset_check_evaluations()
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert f"all {len(ALL)} tables are current" in str(check.description)
    assert check.metadata["rolled_back"].value == ids[0]


def test_a_person_rolls_forward_and_back_in_dagster(
    rolled_back: tuple[Path, list[str]], tmp_path: Path
) -> None:
    out, ids = rolled_back
    copytree(out, tmp_path / "out")
    job = definitions(store=str(tmp_path / "out")).resolve_job_def("roll_back")

    def state(**config: str | bool) -> str:
        done = job.execute_in_process(run_config={"ops": {"rollback": {"config": config}}})
        (event,) = (e for e in done.all_events if e.is_step_materialization)
        return str(event.step_materialization_data.materialization.metadata["state"].value)

    def current() -> list[str]:
        return [one.id for one in published.snapshots(tmp_path / "out") if one.current]

    assert f"rolled back to snapshot {ids[0]}" in state()
    assert state(release=True) == "what builds make is published"
    assert not set(current()) & set(ids)
    assert f"rolled back to snapshot {ids[1]}" in state(snapshot=ids[1])
    assert current() == [ids[1]]
    for config in ({"snapshot": "none"}, {"snapshot": ids[0], "release": True}):
        with pytest.raises(Exception, match="snapshot"):
            state(**config)
    assert current() == [ids[1]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give the snapshot's id or name, or --release alone"),
        (["spring", "--release"], "give the snapshot's id or name, or --release alone"),
        (["spring"], "there is no snapshot 'spring'"),
    ],
)
def test_the_command_says_what_it_lacks(
    rolled_back: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    assert cli.main(["rollback", *words, "--store", str(rolled_back[0])]) == 2
    assert said in capsys.readouterr().err
