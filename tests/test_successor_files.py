"""Copies of our files under the successor's own paths: current, whole, and of what is published."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aging
import pytest
import two_layouts
from aging import ACORNS, LAYOUT, NAMES, VISITS
from stores import Crash, Watched, memory
from two_layouts import SECOND, copies, fixed_paths

from zs_client.contract import SuccessorLayout, encode_partition
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.publishing import squirrel, successor, successor_files
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.rollback import release, roll_back
from zs_pipeline.publishing.successor_files import is_unfit
from zs_pipeline.publishing.successor_record import Record
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

pytest_plugins = ("stores",)


def night(store: Store, number: int) -> None:
    """Build a state and publish it in both layouts."""
    two_layouts.build(store, number)
    two_layouts.publish(store, number)


def published(store: Store, **options: Any) -> list[str]:
    """Publish what was built in the second layout; returns the sentences that it says."""
    done = squirrel.publish(store, LAYOUT, ACORNS)
    said: list[str] = []
    given = {"complete": done.listed, "progress": said.append, **options}
    successor.publish(store, SECOND, LAYOUT, done.tables, **given)
    return said


def with_values(store: Store, values: list[str | None]) -> None:
    """Build both tables, the second with these partitions."""
    aging.build(store, 0)
    segments = {encode_partition(value) for value in values}
    updates = [PartitionUpdate(s, aging.content(VISITS, 1), "1") for s in segments]
    updates += [PartitionUpdate(s, None, "") for s in aging.SUBJECTS if s not in segments]
    made = TableUpdate(updates, {"documents": "1"}, "c")
    commit(store, LAYOUT, VISITS, made, accept_shrink=True)


def test_each_table_has_its_files_and_only_what_changed_is_written(store: Store) -> None:
    night(store, 0)
    assert copies(store) == fixed_paths(store)
    assert {*copies(store)} == {
        "names.pqt",
        *(f"visits/subject_id={subject}/data.pqt" for subject in aging.SUBJECTS),
    }
    aging.build(store, 1)
    watched = Watched(store)
    published(watched)
    assert copies(store) == fixed_paths(store)
    written = {key for key in watched.written() if key.startswith(f"{SECOND.folder}/")}
    assert {key for key in written if key.endswith(".pqt")} == {
        f"{SECOND.folder}/names.pqt",
        f"{SECOND.folder}/visits/subject_id=b/data.pqt",
    }


def test_a_night_without_a_change_reads_the_record_and_the_index_alone(store: Store) -> None:
    night(store, 0)
    done = squirrel.publish(store, LAYOUT, two_layouts.declared(0))
    watched = Watched(store)
    successor.publish(watched, SECOND, LAYOUT, done.tables, complete=done.listed)
    assert watched.written() == []
    assert len(watched.done) == 2


def test_a_partition_that_is_gone_is_removed_and_one_that_comes_is_placed(store: Store) -> None:
    night(store, 0)
    night(store, 1)
    assert "visits/subject_id=a/data.pqt" not in copies(store)
    assert copies(store) == fixed_paths(store)
    night(store, 2)
    assert "visits/subject_id=a/data.pqt" in copies(store)
    assert copies(store) == fixed_paths(store)


def test_values_stand_as_they_are(store: Store) -> None:
    values = ["a b", "ä", "50%", "%20", "a=b", "x.y", "...", "~", "a'b", "#1"]
    with_values(store, [*values])
    assert published(store, files=True) == []
    folders = {f"visits/subject_id={value}/data.pqt" for value in values}
    assert {*copies(store)} == {"names.pqt", *folders}


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", ".", "..", "__HIVE_DEFAULT_PARTITION__", "a/b", "/", "a\\b", "a\nb", "a\x00"),
        *("\x7f", "a*", "a?", "[a]", "\ud800"),
    ],
)
def test_a_value_that_is_no_name_of_a_folder_has_no_file(value: str | None) -> None:
    assert is_unfit(value)


def test_values_without_a_file_are_named_each_night() -> None:
    store = memory()
    with_values(store, ["a", "b/c", None])
    said = published(store, files=True)
    assert len(said) == 1
    assert said[0].startswith(
        "bdc-v0.99/visits has no file where subject_id is no value, 'b/c': it is no name of a "
    )
    assert {*copies(store)} == {"names.pqt", "visits/subject_id=a/data.pqt"}
    assert published(store) == said


def test_values_that_a_disk_does_not_tell_apart_have_no_file(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_values(folder, ["ä", "Ä", "o"])
    assert published(folder, files=True) == []
    # As on a disk of a Mac.
    monkeypatch.setattr(type(folder), "is_one_place", lambda *_: True)
    monkeypatch.setattr(successor_files, "_RULES", 2)
    assert "'ä', 'Ä'" in published(folder)[0] or "'Ä', 'ä'" in published(folder)[0]
    assert {*copies(folder)} == {"names.pqt", "visits/subject_id=o/data.pqt"}


def test_killed_anywhere_each_file_is_of_the_former_or_the_new_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Several chunks, as of tens of thousands of partitions.
    monkeypatch.setattr(successor_files, "CHUNK", 2)
    monkeypatch.setattr(successor_files, "SHARE", 100)
    new = memory()
    night(new, 1)
    of_new = copies(new)
    count = 0
    for number in range(1, 80):
        store = memory()
        night(store, 0)
        of_old = copies(store)
        two_layouts.build(store, 1)
        done = squirrel.publish(store, LAYOUT, two_layouts.declared(1))
        crashing = Watched(store, number, after=bool(number % 2))
        try:
            successor.publish(crashing, SECOND, LAYOUT, done.tables, complete=True)
            break
        except Crash:
            count += 1
        for path, body in copies(store).items():
            assert body in (of_old.get(path), of_new.get(path)), path
        two_layouts.assert_whole(store)
        # The source may go back: what was placed and is of no state that was published is undone.
        if number % 3:
            two_layouts.publish(store, 1)
            assert copies(store) == of_new
        else:
            night(store, 0)
            assert copies(store) == of_old
    assert count > 10


def test_a_first_publication_that_was_killed_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(successor_files, "CHUNK", 1)
    monkeypatch.setattr(successor_files, "SHARE", 100)
    store = memory()
    two_layouts.build(store, 0)
    with pytest.raises(Crash):
        two_layouts.publish(Watched(store, 40), 0)
    begun = {*copies(store)}
    assert begun
    watched = Watched(store)
    two_layouts.publish(watched, 0)
    again = {key.removeprefix(f"{SECOND.folder}/") for key in watched.asked("put")}
    assert copies(store) == fixed_paths(store)
    # But for the one that was being placed.
    assert len(begun & again) <= 1


def test_files_follow_a_rollback_and_its_end(store: Store) -> None:
    ids = []
    for number in range(3):
        aging.build(store, number)
        at = datetime.now(UTC) - timedelta(days=3 - number)
        ids.append(aging.publish(store, at))
        done = squirrel.publish(store, LAYOUT, ACORNS, copies=[SECOND.name])
        successor.publish(store, SECOND, LAYOUT, done.tables, complete=True, files=True)
    latest = copies(store)
    roll_back(store, LAYOUT, ACORNS, ids[0])
    assert copies(store) == fixed_paths(store) != latest
    assert json.loads(store.get(LAYOUT.registry))["copies"] == [SECOND.name]
    release(store, LAYOUT, ACORNS)
    assert copies(store) == fixed_paths(store) == latest


MOMENTS = (SECOND.record, SECOND.copies, f"{SECOND.folder}/names.pqt")


def between(store: Store, moment: str, other: Callable[[], object]) -> Any:
    """A store in which something else happens once, right before a key is written."""
    watched = Watched(store)
    begun: list[str] = []

    def before(name: str, key: str) -> None:
        if name in ("put", "replace") and key == moment and not begun:
            begun.append(key)
            other()

    watched.before = before
    return watched


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rollback_while_files_are_copied_leaves_those_of_the_snapshot(moment: str) -> None:
    store = memory()
    aging.build(store, 0)
    old = aging.publish(store, datetime.now(UTC) - timedelta(days=1))
    published(store, files=True)
    aging.build(store, 1)
    done = squirrel.publish(store, LAYOUT, ACORNS, copies=[SECOND.name])
    watched = between(store, moment, lambda: roll_back(store, LAYOUT, ACORNS, old))
    successor.publish(watched, SECOND, LAYOUT, done.tables, complete=True)
    assert json.loads(store.get(LAYOUT.registry))["snapshot"] == old
    assert copies(store) == fixed_paths(store)


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_two_builds_at_once_the_later_state_stays(moment: str) -> None:
    store = memory()
    night(store, 0)
    two_layouts.build(store, 1)
    earlier = squirrel.publish(store, LAYOUT, two_layouts.declared(1))
    watched = between(store, moment, lambda: night(store, 2))
    successor.publish(watched, SECOND, LAYOUT, earlier.tables, complete=True)
    assert copies(store) == fixed_paths(store)
    two_layouts.publish(store, 2)
    record = Record(store, SECOND).copies
    assert record["placing"] == {}
    assert record["state"]


def test_who_ends_after_another_writer_does_not_say_what_the_paths_hold() -> None:
    store = memory()
    night(store, 0)
    two_layouts.build(store, 1)
    earlier = squirrel.publish(store, LAYOUT, two_layouts.declared(1))
    watched = between(store, MOMENTS[-1], lambda: night(store, 2))
    meanwhile = watched.before

    def killed_at_the_end(name: str, key: str) -> None:
        meanwhile(name, key)
        if (name, key) == ("get", LAYOUT.registry):
            raise Crash

    watched.before = killed_at_the_end
    with pytest.raises(Crash):
        successor.publish(watched, SECOND, LAYOUT, earlier.tables, complete=True)
    assert Record(store, SECOND).copies["state"] == ""
    two_layouts.publish(store, 2)
    assert copies(store) == fixed_paths(store)


def test_a_folder_with_files_stays_current_whatever_is_set() -> None:
    store = memory()
    night(store, 0)
    aging.build(store, 1)
    # ZS_BDC_FILES is no longer set, or names another version, or no version is named.
    for number, but in ((1, SuccessorLayout("1.0")), (2, None)):
        aging.build(store, number)
        done = squirrel.publish(store, LAYOUT, ACORNS)
        assert done.registry["copies"] == [SECOND.name]

        def publish_in(layout: SuccessorLayout, done: Any = done) -> None:
            successor.publish(store, layout, LAYOUT, done.tables, complete=done.listed)

        successor.publish_copies(store, LAYOUT, done.registry, publish_in, but=but)
        assert copies(store) == fixed_paths(store)


def test_a_folder_without_files_gets_all_of_them_later() -> None:
    store = memory()
    aging.build(store, 0)
    published(store)
    assert copies(store) == {}
    published(store, files=True)
    assert copies(store) == fixed_paths(store)


def test_a_folder_that_was_removed_is_not_made_again() -> None:
    store = memory()
    night(store, 0)
    store.delete([entry["path"] for entry in store.walk(SECOND.folder)])
    aging.build(store, 1)
    done = squirrel.publish(store, LAYOUT, ACORNS)
    published_in: list[SuccessorLayout] = []
    successor.publish_copies(store, LAYOUT, done.registry, published_in.append)
    assert published_in == []


def test_a_lost_object_is_copied_from_its_fixed_path_and_a_lost_file_is_told() -> None:
    store = memory()
    aging.build(store, 0)
    store.delete([entry["path"] for entry in store.walk(LAYOUT.objects)])
    published(store, files=True)
    assert copies(store) == fixed_paths(store)
    aging.build(store, 1)
    store.delete([entry["path"] for entry in store.walk(LAYOUT.objects)])
    store.delete([LAYOUT.table(NAMES.table)])
    before = copies(store)["names.pqt"]
    with pytest.raises(FileNotFoundError, match="the store lost its content"):
        published(store)
    assert copies(store)["names.pqt"] == before
    aging.build(store, 1)
    commit(store, LAYOUT, NAMES, _whole(1))
    published(store)
    assert copies(store) == fixed_paths(store)


def _whole(number: int) -> TableUpdate:
    rows = aging.content(NAMES, number + 5)
    return TableUpdate([PartitionUpdate("", rows, f"{number}")], {"documents": "x"}, "c")


def test_what_a_dead_writer_announced_is_forgotten_after_half_a_day() -> None:
    store = memory()
    night(store, 0)
    long_ago = "2020-01-01T00:00:00Z"
    Record(store, SECOND).update(
        lambda content: content["copies"]["placing"].update({"the killed one": long_ago})
    )
    listed = json.loads(store.get(SECOND.copies))
    listed["pending"] = {"the killed one": {"at": long_ago, "paths": ["names.pqt", "gone.pqt"]}}
    store.put(SECOND.copies, json.dumps(listed).encode())
    store.put(f"{SECOND.folder}/gone.pqt", b"half a state")
    two_layouts.publish(store, 0)
    assert copies(store) == fixed_paths(store)
    assert json.loads(store.get(SECOND.copies))["pending"] == {}
    assert Record(store, SECOND).copies["placing"] == {}


@pytest.mark.parametrize("given", ["yes", "true", "2", " 1"])
def test_a_variable_that_is_neither_0_nor_1_is_refused(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_BDC_FILES", given)
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        settings.successor_layout()


def test_files_without_a_folder_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZS_BDC_FILES", "1")
    with pytest.raises(ValueError, match="ZS_BDC_VERSION names no folder"):
        settings.successor_layout()
    monkeypatch.setenv("ZS_BDC_VERSION", "0.99")
    assert settings.successor_layout() == SECOND
    assert settings.successor_files()
