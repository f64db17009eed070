"""What lies at a fixed path is what the facts name: altered files are found and placed again."""

import os
from pathlib import Path

import pandas as pd
import pytest
from client_store import BY_NAME, LAYOUT, metrics, split, whole
from stores import FaultyProxy, contents, stamps

import zs_client
from zs_client.store import Altered, Store
from zs_pipeline import arrow
from zs_pipeline.publishing import recovery
from zs_pipeline.publishing import table_checks as checks
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import entries, read_facts
from zs_pipeline.publishing.squirrel import publish
from zs_pipeline.publishing.table_update import CommitReport, PartitionUpdate, TableUpdate

pytest_plugins = ("stores",)

QC, PROJECTS = BY_NAME["quality_control"], BY_NAME["unique_project_names"]
SUBJECTS = ("1", "2", "3")


def at(store: Store, key: str) -> Path:
    return Path(store.url) / key


def partition(subject: str) -> str:
    return LAYOUT.partition("qc", "subject_id", subject)


def filled(store: Store) -> dict[str, bytes]:
    """Returns the contents of a store with a table in one file and one in three."""
    whole(store, "unique_project_names", [{"project_name": "A"}, {"project_name": "B"}])
    split(store, "quality_control", {subject: metrics(subject) for subject in SUBJECTS})
    return {key: body for key, body in contents(store).items() if key.endswith(".pqt")}


def no_change(store: Store) -> list[CommitReport]:
    """Two tables are built, and there is nothing to do."""
    return [commit(store, LAYOUT, acorn, TableUpdate([], None, "1")) for acorn in (QC, PROJECTS)]


def other(body: bytes) -> bytes:
    """Another content of the same length."""
    return body[:-20] + bytes(20)


def in_place(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(other(path.read_bytes()))


def replaced(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(other(path.read_bytes()))
    new.replace(path)


def shortened(path: Path) -> None:
    os.truncate(path, 100)


ALTERATIONS = (in_place, replaced, shortened, Path.unlink)


@pytest.mark.parametrize("alter", ALTERATIONS)
def test_what_is_altered_in_a_folder_is_placed_again_and_no_object_changes(
    folder: Store, alter
) -> None:
    before = filled(folder)
    for key in (partition("1"), partition("3"), LAYOUT.table("unique_project_names")):
        alter(at(folder, key))
        objects = {k: b for k, b in before.items() if "/_objects/" in k}
        assert {k: folder.get(k) for k in objects} == objects
        assert sum(len(report.restored) for report in no_change(folder)) == 1
        assert {k: folder.get(k) for k in before} == before


def test_a_file_that_was_written_again_as_it_was_is_left_alone(folder: Store) -> None:
    before = filled(folder)
    path = at(folder, partition("1"))
    path.write_bytes(path.read_bytes())
    stamp = path.stat().st_mtime_ns, path.stat().st_ino
    no_change(folder)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp
    assert {k: folder.get(k) for k in before} == before


def test_two_partitions_with_one_content_are_left_alone(folder: Store) -> None:
    split(folder, "quality_control", {"1": metrics("x"), "2": metrics("x")})
    for _ in range(2):
        no_change(folder)
        before = stamps(folder)
    no_change(folder)
    assert stamps(folder) == before


def test_on_s3_the_file_of_the_day_is_looked_at_and_placed_again(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(s3)
    for subject in SUBJECTS:
        s3.put(partition(subject), other(before[partition(subject)]))
        monkeypatch.setattr(recovery, "of_the_day", lambda found, s=subject: [s] * (s in found))
        no_change(s3)
        assert s3.get(partition(subject)) == before[partition(subject)]


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_snapshot_and_the_pipeline_refuse_an_altered_object(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = request.getfixturevalue(kind)
    filled(store)
    snapshot = publish(store, LAYOUT, [QC, PROJECTS]).snapshot
    entry = entries(read_facts(store, LAYOUT, "qc"))["1"]
    key = LAYOUT.object("qc", entry["sha256"])
    store.put(key, other(store.get(key)))
    monkeypatch.setenv("ZS_STORE", store.url)
    with pytest.raises(zs_client.ReadError, match="is not what the store has"):
        zs_client.qc("1", snapshot=snapshot)
    with pytest.raises(Altered):
        store.get_object(key)
    body = store.get(partition("1"))
    no_change(store)
    assert len(zs_client.qc("1")) == 2
    # Whoever has the content puts it where it was.
    store.put_object(key, body)
    assert len(zs_client.qc("1", snapshot=snapshot)) == 2


def test_objects_of_1_0_0_are_files_of_their_own_after_a_build(folder: Store) -> None:
    before = filled(folder)
    for subject, entry in entries(read_facts(folder, LAYOUT, "qc")).items():
        source = at(folder, LAYOUT.object("qc", entry["sha256"]))
        source.unlink()
        source.hardlink_to(at(folder, partition(subject)))
    no_change(folder)
    assert {k: folder.get(k) for k in before} == before
    in_place(at(folder, partition("1")))
    no_change(folder)
    assert {k: folder.get(k) for k in before} == before


def test_the_check_tells_of_altered_files(folder: Store) -> None:
    filled(folder)
    (check,) = (c for c in checks.checks_of(QC) if c.name == "as_written")
    assert check.look(checks.load_check_context(folder, LAYOUT, QC)).passed
    in_place(at(folder, partition("2")))
    found = check.look(checks.load_check_context(folder, LAYOUT, QC))
    assert not found.passed
    assert check.is_error
    assert found.metadata["altered"] == ["2"]


# A file's time is a version to those who carry a folder.


def test_the_time_of_a_file_is_that_of_its_publication(folder: Store) -> None:
    path = at(folder, partition("1"))
    last = 0
    for count in (1, 2, 1):
        split(folder, "quality_control", {"1": metrics("1", count)})
        assert path.stat().st_mtime_ns > last
        # As if it had been a while ago, so that no clock is waited for.
        for each in Path(folder.url).rglob("*.pqt"):
            then = each.stat().st_mtime_ns - 10**12
            os.utime(each, ns=(then, then))
        last = path.stat().st_mtime_ns


# Disks that fold capitals: a link stands for such a disk.


def folding(store: Store, *links: tuple[str, str]) -> None:
    for link, target in links:
        path = at(store, link)
        path.parent.mkdir(parents=True, exist_ok=True)
        at(store, target).parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(at(store, target))


def folder_of(subject: str) -> str:
    return partition(subject).rpartition("/")[0]


@pytest.mark.parametrize("nights", [(("mouse1", "Mouse1"),), (("mouse1",), ("Mouse1",))])
def test_two_subjects_in_one_file_are_refused(folder: Store, nights) -> None:
    at(folder, folder_of("mouse1")).mkdir(parents=True)
    folding(folder, (folder_of("Mouse1"), folder_of("mouse1")))
    *before, last = nights
    for subjects in before:
        split(folder, "quality_control", {s: metrics(s) for s in subjects})
    kept = contents(folder)
    with pytest.raises(arrow.InvalidTable, match="Mouse1 and mouse1 are one file"):
        split(folder, "quality_control", {s: metrics(s) for s in last})
    assert not {k for k in contents(folder).keys() - kept.keys() if "/_objects/" not in k}
    assert {key: folder.get(key) for key in kept} == kept


def test_two_subjects_on_a_disk_that_tells_them_apart_are_two(store: Store) -> None:
    parts = {s: arrow.table(QC, metrics(s)) for s in ("mouse1", "Mouse1")}
    commit(
        store,
        LAYOUT,
        QC,
        TableUpdate([PartitionUpdate(s, t) for s, t in parts.items()], {"a": ""}, "1"),
    )
    for subject, rows in parts.items():
        assert arrow.decode(store.get(partition(subject))).equals(rows)


def test_two_custom_tables_in_one_file_are_refused(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", folder.url)
    zs_client.custom("Notes", pd.DataFrame({"a": [1]}))
    home = "data-asset-cache/custom"
    folding(folder, (f"{home}/notes.pqt", f"{home}/Notes.pqt"))
    with pytest.raises(ValueError, match="'Notes' is the same file"):
        zs_client.custom("notes", pd.DataFrame({"a": [2]}))
    assert zs_client.custom("Notes")["a"].tolist() == [1]
