"""What nothing names is removed, and nothing else, whoever builds or reads or dies meanwhile."""

import hashlib
import json
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import aging
import pytest
from aging import ACORNS, LAYOUT, NAMES
from building import document, dump, tables, zs_build
from earlier import Earlier
from hypothesis import given
from hypothesis import strategies as st
from stores import Crash, Watched, contents

from zs_client import ReadError, SnapshotNotFound, cli, place, published, snapshot_index
from zs_client.contract import ANSWERS, DOCUMENTS, ROOT
from zs_client.opening import open_store
from zs_client.pinned import Pinned, pinned, state_of
from zs_client.store import Store
from zs_pipeline.publishing import pruning, snapshot_list
from zs_pipeline.publishing.facts_file import path, read_facts
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep, kept
from zs_pipeline.publishing.table_update import CommitReport

pytest_plugins = ("stores", "earlier")

DAY = timedelta(days=1)
FEW = Keep(nightly=3, weekly=0)


@pytest.fixture(params=["folder", "s3"])
def old(request: pytest.FixtureRequest) -> Store:
    """An empty store that can be made older."""
    return request.getfixturevalue(request.param)


def assert_whole(store: Store, ids: Any) -> None:
    """Every content that these snapshots name is there, and is the one that they name."""
    for id_ in ids:
        state = state_of(store, LAYOUT, id_)
        for name, entry in state.tables.items():
            for sha256 in state.contents(name).values():
                assert store.get(LAYOUT.object(entry["table"], sha256))


def assert_current(store: Store) -> None:
    """Every content that facts name is there, at its fixed path and as an object."""
    for acorn in ACORNS:
        facts = read_facts(store, LAYOUT, acorn.table)
        assert facts
        named = facts["partitions"] or {"": facts}
        for segment, entry in named.items():
            body = store.get(LAYOUT.object(acorn.table, entry["sha256"]))
            assert store.get(path(LAYOUT, acorn, segment)) == body


def objects(store: Store) -> set[str]:
    return {entry["path"] for entry in store.walk(LAYOUT.objects)}


# What is kept.


def dates(*days: float) -> dict[str, datetime]:
    now = datetime(2026, 11, 26, 9, tzinfo=UTC)
    return {f"{day}": now - timedelta(days=day) for day in days}


NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def test_the_last_snapshot_of_each_of_the_newest_nights_and_weeks_is_kept() -> None:
    every = dates(*range(40), 2.1, 2.2)
    assert kept(every, (), Keep(nightly=4, weekly=0), NOW) == {"0", "1", "2", "3"}
    # Thursday, and the Sundays before.
    assert kept(every, (), Keep(nightly=0, weekly=4), NOW) == {"0", "4", "11", "18"}
    assert kept(every, {"35"}, Keep(nightly=1, weekly=0), NOW) == {"0", "35"}
    assert kept(every, {"35"}, Keep(nightly=1, weekly=0, named=False), NOW) == {"0"}


def test_nights_without_a_snapshot_do_not_count() -> None:
    assert kept(dates(5, 50, 500), (), Keep(nightly=2, weekly=0), NOW) == {"5", "50"}


@given(st.lists(st.floats(0, 900), unique=True), st.integers(0, 40), st.integers(0, 60))
def test_never_more_than_is_asked_for_and_what_is_younger_than_a_day(
    days: list[float], nightly: int, weekly: int
) -> None:
    stay = kept(dates(*days), (), Keep(nightly, weekly), NOW)
    young = {f"{day}" for day in days if day < 1}
    assert young <= stay
    assert len(stay - young) <= nightly + weekly


def test_a_number_below_0_is_refused() -> None:
    with pytest.raises(ValueError, match="--keep-weekly is a number of snapshots, 0 or more"):
        Keep(weekly=-1)


# What goes.


def test_old_snapshots_go_with_what_they_alone_named(old: Store) -> None:
    ids = aging.nights(old, 10)
    before = contents(old)
    report = prune(old, LAYOUT, FEW)
    assert report.snapshots == sorted(ids[:-3])
    assert [s for s in ids if old.exists(LAYOUT.snapshot(s))] == ids[-3:]
    assert_whole(old, ids[-3:])
    assert_current(old)
    named = Counter(key.split("/")[-2] for key in objects(old))
    # Three states of the whole table; of each subject its last two states.
    assert named == {"names": 3, "visit": 5}
    assert report.objects_before - report.objects_after == len(before) - len(contents(old)) + 1
    assert report.bytes_after < report.bytes_before
    again = prune(old, LAYOUT, FEW)
    assert (again.snapshots, again.objects_before) == ([], report.objects_after)
    assert again.objects_after == again.objects_before


def test_a_dry_run_tells_the_same_and_changes_nothing(old: Store) -> None:
    aging.nights(old, 8)
    before = contents(old)
    dry = prune(old, LAYOUT, FEW, dry_run=True)
    assert contents(old) == before
    assert prune(old, LAYOUT, FEW) == dry


def test_a_snapshot_with_a_name_stays_and_is_read_by_it(old: Store) -> None:
    ids = aging.nights(old, 8)
    snapshot_list.give_name(old, LAYOUT, "2026-q4", ids[1])
    prune(old, LAYOUT, FEW)
    assert_whole(old, [ids[1], *ids[-3:]])
    assert state_of(old, LAYOUT, "2026-q4").id == ids[1]
    prune(old, LAYOUT, Keep(3, 0, named=False))
    with pytest.raises(SnapshotNotFound, match=f"snapshot {ids[1]} is gone .* since 2"):
        state_of(old, LAYOUT, "2026-q4")


def test_what_is_published_now_stays_however_old_it_is(old: Store) -> None:
    ids = aging.nights(old, 4)
    prune(old, LAYOUT, Keep(0, 0))
    assert_whole(old, ids[-1:])
    assert not old.exists(LAYOUT.snapshot(ids[-2]))
    assert_current(old)


def test_a_content_that_nothing_names_stays_for_a_day(old: Store) -> None:
    """As of a refused table, or of a build that has not come to its facts."""
    aging.nights(old, 2)
    key = LAYOUT.object("names", "0" * 64)
    old.put(key, b"of a refused table")
    aging.age(old, 0.9 * DAY, [key])
    prune(old, LAYOUT)
    assert old.exists(key)
    aging.age(old, 0.2 * DAY, [key])
    prune(old, LAYOUT)
    assert not old.exists(key)


def test_keys_of_an_unknown_form_stay_and_what_they_name(old: Store) -> None:
    aging.nights(old, 2)
    digest = f"{7:064x}"
    strange = {
        f"{LAYOUT.folder}/_night.json": b'{"state": "begun"}',
        f"{LAYOUT.folder}/_later/chunk/1.json": json.dumps({"sha256": digest}).encode(),
        f"{LAYOUT.folder}/_later/2.bin": b"2",
        f"{LAYOUT.folder}/mine.pqt": b"a custom table's copy",
        LAYOUT.object("names", digest): b"named by what is to come",
        f"{LAYOUT.objects}/names/readme.txt": b"kept by people",
        f"{LAYOUT.objects}/names/{1:064x}.csv": b"too",
        f"{LAYOUT.snapshots}/readme.txt": b"too",
        f"{ROOT}/_custom/mine/{2:064x}.pqt": b"a state of a custom table",
        f"{ROOT}/custom/mine.pqt": b"a custom table",
        f"{ROOT}/_probe/of-others": b"",
        f"{ANSWERS}/no_head/{3:032x}.pqt": b"of another program",
        f"{DOCUMENTS}/failed.json": b'{"reason": "no answer"}',
        f"{ROOT}/zs-v0.9.0/_objects/names/{4:064x}.pqt": b"of another version",
    }
    for key, body in strange.items():
        old.put(key, body)
    aging.age(old, 100 * DAY)
    prune(old, LAYOUT, Keep(0, 0))
    assert {entry["path"] for entry in old.walk(ROOT)} >= strange.keys()


def test_facts_that_cannot_be_read_stop_it_before_anything_is_removed(old: Store) -> None:
    aging.nights(old, 6)
    old.put(f"{LAYOUT.folder}/other.json", b'{"half of')
    aging.age(old, DAY)
    before = contents(old)
    with pytest.raises(ValueError, match=r"other\.json: cannot be read as JSON"):
        prune(old, LAYOUT, FEW)
    after = contents(old)
    assert {k: v for k, v in after.items() if k != LAYOUT.pruning} == before
    assert json.loads(after[LAYOUT.pruning])["deleting"] is False


def test_answers_that_no_head_names_and_probes_go(old: Store) -> None:
    head = {"form": "1", "content": f"{1:032x}", "kept": [f"{2:032x}", f"{1:032x}"]}
    old.put(f"{ANSWERS}/asked.json", json.dumps(head).encode())
    for number in (1, 2, 3):
        old.put(f"{ANSWERS}/asked/{number:032x}.pqt", b"answers")
    old.put(f"{ROOT}/_probe/{5:032x}", b"")
    aging.age(old, 2 * DAY)
    old.put(f"{ANSWERS}/asked/{4:032x}.pqt", b"being named")
    prune(old, LAYOUT)
    left = {key.rpartition("/")[2] for key in contents(old, ANSWERS)}
    assert left == {"asked.json", *(f"{n:032x}.pqt" for n in (1, 2, 4))}
    assert not contents(old, f"{ROOT}/_probe")


def test_documents_that_a_killed_build_left_go(tmp_path: Path) -> None:
    source = dump(tmp_path / "d.ndjson", [document(f"a{n}", str(n)) for n in range(9)])
    assert zs_build(source, tmp_path / "out") == 0
    store = open_store(tmp_path / "out")
    left = [f"{DOCUMENTS}/shards/7/{9:032x}.pqt", f"{DOCUMENTS}/index/{9:032x}.pqt"]
    for key in left:
        store.put(key, b"left behind")
    good = contents(store)
    aging.age(store, 3 * DAY)
    report = prune(store, LAYOUT)
    assert report.objects_before - report.objects_after == len(left)
    gone = good.keys() - contents(store).keys()
    assert gone == set(left)
    assert zs_build(source, tmp_path / "out") == 0


# Readers of what is gone.


def test_a_read_of_a_snapshot_that_is_gone_says_so_and_since_when(old: Store) -> None:
    ids = aging.nights(old, 6)
    (reader, _) = pinned(old, LAYOUT, ids[0])
    prune(old, LAYOUT, FEW)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with pytest.raises(SnapshotNotFound, match=f"snapshot {ids[0]} is gone .* since {today}") as no:
        pinned(old, LAYOUT, ids[0])
    assert ids[-1] in str(no.value)
    assert isinstance(reader, Pinned)
    with pytest.raises(OSError, match=f"gone from the store since {today}.*snapshot was pruned"):
        reader.get(LAYOUT.table("names"))
    with pytest.raises(SnapshotNotFound, match="there is no snapshot '0000000000000000'"):
        pinned(old, LAYOUT, "0" * 16)


def test_contents_that_come_back_are_a_snapshot_again(old: Store) -> None:
    ids = aging.nights(old, 6)
    prune(old, LAYOUT, FEW)
    for number in range(4):
        aging.build(old, number)
        aging.age(old, DAY)
    assert aging.publish(old) == ids[3]
    aging.build(old, 0)
    assert aging.publish(old) == aging.publish(old)
    prune(old, LAYOUT, FEW)
    index = snapshot_index.load(old, LAYOUT)
    assert not index.dates.keys() & index.pruned.keys()
    assert_whole(old, index.dates)


# Beside builds.


def test_a_build_makes_a_content_new_that_it_finds(old: Store) -> None:
    key, body = LAYOUT.object("names", hashlib.sha256(b"rows").hexdigest()), b"rows"
    assert not old.put_object(key, body)
    for hours, is_new in ((11, False), (2, True)):
        aging.age(old, timedelta(hours=hours), [key])
        assert old.put_object(key, body)
        (entry,) = old.walk(LAYOUT.objects)
        assert (old.now() - entry["last_modified"] < timedelta(hours=1)) is is_new
    assert old.get(key) == body


def test_a_content_that_a_build_reuses_is_kept_by_its_new_age_alone(old: Store) -> None:
    """Between the put of the object and the facts, as a prune sees it that begins there."""
    aging.nights(old, 6)
    key = next(k for k in objects(old) if "/names/" in k and k not in named_now(old))
    body = old.get(key)
    prune_plan = prune(old, LAYOUT, Keep(0, 0), dry_run=True)
    assert old.put_object(key, body)
    report = prune(old, LAYOUT, Keep(0, 0))
    assert old.get(key) == body
    assert report.objects_after == prune_plan.objects_after + 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_content_that_is_reused_at_any_moment_of_a_prune_is_there_afterwards(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store: Store = request.getfixturevalue(kind)
    number, happened = 0, True
    while happened:
        number += 1
        for state in range(6):
            aging.build(store, state)
            aging.publish(store, datetime.now(UTC) - timedelta(days=9 - state))
        aging.age(store, 2 * DAY)
        watched = Watched(store)
        builder = threading.Thread(target=aging.build, args=(store, 0))
        happened = False

        def interleave(name: str, key: str) -> None:
            nonlocal happened
            if not happened and len(watched.done) + 1 == number:  # noqa: B023 - of this round
                happened = True
                builder.start()  # noqa: B023
                # It ends, or waits for the prune's end.
                builder.join(0.3)  # noqa: B023

        watched.before = interleave
        prune(watched, LAYOUT, FEW)
        if happened:
            builder.join()
            aging.publish(store)
        assert_current(store)
        assert_whole(store, snapshot_index.load(store, LAYOUT).dates)
    assert number > 10


def test_a_build_that_named_what_was_removed_meanwhile_brings_it_back(
    old: Store,
) -> None:
    """The worst moment: after the look at its age, before its removal."""
    aging.nights(old, 6)
    key = next(k for k in objects(old) if "/names/" in k and k not in named_now(old))
    body = old.get(key)
    pruning.announce(old, LAYOUT)
    thread = threading.Thread(target=commit_content, args=(old, body))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive(), "it waits for the end of the prune"
    old.delete([key])
    pruning.conclude(old, LAYOUT, {})
    thread.join()
    assert old.get(key) == body
    assert_current(old)


def named_now(store: Store) -> set[str]:
    facts = read_facts(store, LAYOUT, "names")
    assert facts
    return {LAYOUT.object("names", facts["sha256"])}


def commit_content(store: Store, body: bytes) -> CommitReport:
    from zs_pipeline import arrow
    from zs_pipeline.publishing.commit import commit
    from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

    update = TableUpdate([PartitionUpdate("", arrow.decode(body), "again")], {"d": "again"}, "c")
    return commit(store, LAYOUT, NAMES, update)


def test_nobody_waits_for_a_prune_that_was_killed_long_ago(old: Store) -> None:
    pruning.announce(old, LAYOUT)
    state = json.loads(old.get(LAYOUT.pruning))
    state["at"] = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()
    old.put(LAYOUT.pruning, json.dumps(state).encode())
    assert pruning.wait_for_end(old, LAYOUT)


# Killed.


def test_a_prune_that_is_killed_anywhere_loses_nothing_and_is_gone_on_with(
    tmp_path: Path,
) -> None:
    origin = tmp_path / "origin"
    origin.mkdir()
    ids = aging.nights(open_store(origin), 8)
    snapshot_list.give_name(open_store(origin), LAYOUT, "kept", ids[0])
    whole = tmp_path / "whole"
    copytree(origin, whole)
    watched = Watched(open_store(whole))
    prune(watched, LAYOUT, FEW)
    expected = objects(open_store(whole))
    for crash_at in range(1, len(watched.done) + 1):
        for after in (False, True):
            copy = tmp_path / f"{crash_at}{after}"
            copytree(origin, copy)
            store = open_store(copy)
            with pytest.raises(Crash):
                prune(Watched(store, crash_at, after=after), LAYOUT, FEW)
            assert_whole(store, [ids[0], *ids[-3:]])
            assert_current(store)
            prune(store, LAYOUT, FEW)
            assert objects(store) == expected
            index = snapshot_index.load(store, LAYOUT)
            assert set(index.dates) == {ids[0], *ids[-3:]}
            assert set(index.pruned) == set(ids[1:-3])


# The list of snapshots.


def test_the_list_has_date_name_and_digests_of_each_snapshot(old: Store) -> None:
    ids = aging.nights(old, 3)
    snapshot_list.give_name(old, LAYOUT, "first", ids[0])
    listed = json.loads(old.get(LAYOUT.snapshot_index))
    assert [entry["id"] for entry in listed["snapshots"]] == ids[::-1]
    assert [entry["name"] for entry in listed["snapshots"]] == [None, None, "first"]
    facts = read_facts(old, LAYOUT, "visit")
    assert facts
    assert listed["snapshots"][0]["tables"]["visits"] == facts["sha256"]
    assert listed["snapshots"][0]["date"] > listed["snapshots"][1]["date"]
    assert LAYOUT.snapshot_index.endswith("zs-v1.0.0/_snapshots.json")


def test_the_list_has_the_newest_alone(old: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_list, "NEWEST", 3)
    ids = aging.nights(old, 5)
    assert list(snapshot_index.load(old, LAYOUT).dates) == ids[:1:-1]


def test_a_store_without_a_list_gets_one_with_all(old: Store) -> None:
    ids = aging.nights(old, 3)
    old.delete([LAYOUT.snapshot_index])
    aging.build(old, 7)
    new = aging.publish(old)
    assert list(snapshot_index.load(old, LAYOUT).dates) == [new, *ids[::-1]]


# Names.


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("now", "a word that readers use"),
        ("Current", "a word that readers use"),
        ("0123456789abcdef", "the form of a snapshot's id"),
        ("", "a name is of letters"),
        ("a/b", "a name is of letters"),
        ("../x", "a name is of letters"),
        (".hidden", "a name is of letters"),
        ("ä", "a name is of letters"),
        ("a b", "a name is of letters"),
        ("x" * 65, "has 65 characters; a name has at most 64"),
    ],
)
def test_a_bad_name_is_refused_with_a_sentence(folder: Store, name: str, why: str) -> None:
    ids = aging.nights(folder, 1)
    before = contents(folder)
    with pytest.raises(ValueError, match=why):
        snapshot_list.give_name(folder, LAYOUT, name, ids[0])
    assert contents(folder) == before


def test_a_name_is_never_used_again(old: Store) -> None:
    ids = aging.nights(old, 5)
    snapshot_list.give_name(old, LAYOUT, "2026-q4", ids[0])
    snapshot_list.give_name(old, LAYOUT, "2026-q4", ids[0])
    for name in ("2026-q4", "2026-Q4"):
        with pytest.raises(ValueError, match=f"'2026-q4' is the name of snapshot {ids[0]}"):
            snapshot_list.give_name(old, LAYOUT, name, ids[1])
    prune(old, LAYOUT, Keep(0, 0, named=False))
    with pytest.raises(ValueError, match="never used again"):
        snapshot_list.give_name(old, LAYOUT, "2026-q4", ids[4])
    other = type(LAYOUT)("2.0.0")
    old.put(other.registry, b"{}")
    with pytest.raises(ValueError, match=r"in version 1\.0\.0"):
        snapshot_list.give_name(old, other, "2026-q4", ids[4])


# The commands, and the client.


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store of five builds, of which each changed something, pruned; and their snapshots."""
    folder = tmp_path_factory.mktemp("grown")
    out = folder / "out"
    ids = []
    for number in range(5):
        made = [document(f"a{n}", str(n), location=f"s3://x/{number}") for n in range(4)]
        for one in made:
            one["_last_modified"] = f"2025-02-{number + 1:02}T00:00:00.000Z"
        assert zs_build(dump(folder / "d.ndjson", made), out) == 0
        ids.append(published.snapshots(out)[0].id)
    store = open_store(out)
    now = datetime.now(UTC)

    def dated(listed: dict[str, Any]) -> None:
        for entry in listed["snapshots"]:
            moment = now - timedelta(days=10 - ids.index(entry["id"]))
            entry["date"] = f"{moment.isoformat(timespec='seconds')}"

    snapshot_list.update(store, LAYOUT, dated)
    aging.age(store, 5 * DAY)
    assert cli.main(["release", "spring", "--snapshot", ids[1], "--store", str(out)]) == 0
    words = ["prune", "--keep-nightly", "2", "--keep-weekly", "0", "--store", str(out)]
    assert cli.main(words) == 0
    return out, ids


def test_the_command_tells_before_and_after(
    grown: tuple[Path, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = grown
    assert cli.main(["prune", "--dry-run", "--store", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "snapshots: 3 before, would be 3 after"
    assert lines[1].startswith("objects: ")
    assert lines[2].startswith("size: ")


def test_every_kept_snapshot_of_a_pruned_store_reads_by_id_and_by_name(
    grown: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import zs_client

    out, ids = grown
    monkeypatch.setenv("ZS_STORE", str(out))
    listed = zs_client.snapshots()
    assert [(one.id, one.name) for one in listed] == [
        (ids[4], None),
        (ids[3], None),
        (ids[1], "spring"),
    ]
    for snapshot in (ids[4], ids[3], ids[1], "spring", "now"):
        frame = zs_client.asset_basics(snapshot=snapshot)
        assert len(frame) == 4
        assert len(zs_client.qc("1", snapshot=snapshot)) == 1
    assert zs_client.asset_basics(snapshot="spring")["location"].unique() == ["s3://x/1"]
    with zs_client.reading(snapshot="spring"):
        assert place.resolve()[0].snapshot == ids[1]
    with pytest.raises(SnapshotNotFound, match="is gone"):
        zs_client.asset_basics(snapshot=ids[2])
    assert set(zs_client.diff("spring", "now")["table"])


def test_the_first_release_reads_a_pruned_store(
    grown: tuple[Path, list[str]], release_1_0_0: Earlier
) -> None:
    out, ids = grown
    assert release_1_0_0.read(out, "[s.id for s in zs_client.snapshots()]") == [
        ids[4],
        ids[3],
        ids[1],
    ]
    for snapshot in (ids[1], ids[3], ids[4]):
        read = f"list(zs_client.asset_basics(snapshot={snapshot!r})['location'].unique())"
        assert release_1_0_0.read(out, read) == [f"s3://x/{ids.index(snapshot)}"]
    assert release_1_0_0.read(out, "len(zs_client.qc('2'))") == 1
    assert release_1_0_0.read(out, "{a.state for a in zs_client.status()}") == {"fresh"}


def test_a_build_after_a_prune_changes_nothing_and_reads_what_it_needs(
    grown: tuple[Path, list[str]], tmp_path: Path
) -> None:
    out, _ = grown
    copy = tmp_path / "out"
    copytree(out, copy)
    good = tables(copy)
    assert zs_build(out.parent / "d.ndjson", copy) == 0
    assert tables(copy) == good


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prune", "--keep-nightly", "-1"], "--keep-nightly is a number of snapshots"),
        (["release", "now"], "is a word that readers use"),
        (["release", "2027", "--snapshot", "0" * 16], "there is no snapshot"),
    ],
)
def test_a_command_that_cannot_says_why(
    grown: tuple[Path, list[str]],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    assert cli.main([*words, "--store", str(grown[0])]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"zs {words[0]}: ")
    assert said in error
    assert error.count("\n") == 1


def test_a_list_that_is_none_is_an_error_and_no_empty_list(folder: Store) -> None:
    ids = aging.nights(folder, 2)
    folder.put(LAYOUT.snapshot_index, b"[]")
    with pytest.raises(ReadError, match="is no list of snapshots"):
        snapshot_index.load(folder, LAYOUT)
    assert state_of(folder, LAYOUT, ids[0]).id == ids[0]
