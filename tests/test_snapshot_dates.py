"""A snapshot is named by an id, a name, a `Snapshot`, or a date that it was published before."""

import os
from datetime import UTC, date, datetime, timedelta, timezone

import aging
import client_store
import pandas as pd
import pytest
import stores
from aging import LAYOUT

import zs_client
from zs_client import SnapshotNotFound, pinned
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_client.place import resolve
from zs_pipeline.publishing import rollback, snapshot_list
from zs_pipeline.publishing.hold import HeldLayout

DAYS = [datetime(2026, 5, day, 8, 0, 30, tzinfo=UTC) for day in (1, 2, 3)]
OTHER = Layout("2.0.0")


def stamp(store, layout, id_, when):
    """Have a snapshot's file written at a time."""
    path = f"{store.url}/{layout.snapshot(id_)}"
    os.utime(path, (when.timestamp(), when.timestamp()))


@pytest.fixture
def states(tmp_path, monkeypatch):
    """A folder with three published states, and their ids."""
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    store = open_store(tmp_path)
    ids = []
    for number, day in enumerate(DAYS):
        aging.build(store, number)
        ids.append(aging.publish(store, day))
        stamp(store, LAYOUT, ids[-1], day)
    return store, ids


def named(text, **how):
    with zs_client.reading(snapshot=text, **how):
        return resolve(version=LAYOUT.version).store.snapshot


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("2026-05-02", 0),
        (date(2026, 5, 3), 1),
        ("20260503", 1),
        ("2026-05-02T08:00:30", 0),
        ("2026-05-02T08:00:31Z", 1),
        (datetime(2026, 5, 2, 9), 1),  # noqa: DTZ001 - it is UTC
        (datetime(2026, 5, 2, 10, tzinfo=timezone(timedelta(hours=2))), 0),
        (datetime(2026, 5, 2, 11, tzinfo=timezone(timedelta(hours=2))), 1),
        (pd.Timestamp("2026-05-02 09:00", tz="UTC"), 1),
        ("2999-01-01", 2),
    ],
)
def test_a_date_is_the_last_snapshot_published_before_it(states, when, number):
    _, ids = states
    assert named(when) == ids[number]


@pytest.mark.parametrize("when", ["2026-05-01", DAYS[0], "2000-01-01T00:00:00Z"])
def test_before_the_first_the_first_is_named(states, when):
    _, ids = states
    message = rf"before 2.* UTC; the first is {ids[0]}, of 2026-05-01 08:00:30 UTC$"
    with pytest.raises(SnapshotNotFound, match=message):
        named(when)


def test_where_nothing_was_published_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    with pytest.raises(SnapshotNotFound, match="there is none at all"):
        named("2026-05-01")


def test_every_way_names_the_same(states, monkeypatch):
    store, ids = states
    snapshot_list.give_name(store, LAYOUT, "paper", ids[1])
    by_id = {one.id: one for one in zs_client.snapshots()}
    for snapshot in (ids[1], "paper", by_id[ids[1]], date(2026, 5, 3), "2026-05-03"):
        assert named(snapshot) == ids[1]
    monkeypatch.setenv("ZS_SNAPSHOT", "2026-05-03")
    assert named(None) == ids[1]
    try:
        zs_client.configure(snapshot=by_id[ids[0]])
        assert named(None) == ids[0]
        assert named(ids[2]) == ids[2]
        zs_client.configure(snapshot=None)
        assert named(None) == ids[1]
    finally:
        zs_client.configure(snapshot=None)
    summary = zs_client.diff(date(2026, 5, 2), by_id[ids[2]])
    pd.testing.assert_frame_equal(summary, zs_client.diff(ids[0], ids[2]))


def test_a_name_that_looks_like_a_date_is_a_name(states):
    store, ids = states
    snapshot_list.give_name(store, LAYOUT, "2026-05-02", ids[2])
    assert named("2026-05-02") == ids[2]
    assert named(date(2026, 5, 2)) == ids[2]
    assert named("2026-05-02T00:00:00") == ids[0]


def test_a_state_that_was_published_again_has_both_dates(states):
    store, ids = states
    index = dict(pinned.snapshot_index.load(store, LAYOUT).dates)
    assert index[ids[0]] == "2026-05-01T08:00:30Z"

    def again(content):
        entry = next(one for one in content["snapshots"] if one["id"] == ids[0])
        entry["date"] = "2026-05-04T08:00:00Z"

    snapshot_list.update(store, LAYOUT, again)
    assert named("2026-05-02") == ids[0]
    assert named("2026-05-04") == ids[2]
    assert named("2026-05-05") == ids[0]


def test_while_it_was_rolled_back_it_is_the_snapshot_that_readers_got(states, monkeypatch):
    store, ids = states
    held = HeldLayout(LAYOUT.version)

    def at(text):
        monkeypatch.setattr(rollback, "now_text", lambda: f"2026-05-{text}:00Z")

    at("03T12:00")
    rollback.roll_back(store, LAYOUT, aging.ACORNS, ids[1])
    aging.build(store, 7, held)
    hidden = aging.publish(store, datetime(2026, 5, 4, 8, tzinfo=UTC), layout=held)
    assert named("2026-05-03T09:00") == ids[2]
    assert named("2026-05-04") == named("2026-05-05") == ids[1]
    at("05T12:00")
    rollback.roll_back(store, LAYOUT, aging.ACORNS, ids[0])
    assert [named(f"2026-05-0{day}") for day in (4, 5, 6)] == [ids[1], ids[1], ids[0]]
    at("06T12:00")
    assert rollback.release(store, LAYOUT, aging.ACORNS) == hidden
    assert [named(f"2026-05-0{day}") for day in (4, 5, 6, 7)] == [ids[1], ids[1], ids[0], hidden]
    # What readers got then is gone: what was built counts.
    store.delete([LAYOUT.snapshot(ids[1])])
    snapshot_list.take_out(store, LAYOUT, [ids[1]])
    assert named("2026-05-05") == hidden


def test_without_a_list_the_snapshots_themselves_tell(states):
    store, ids = states
    store.delete([LAYOUT.snapshot_index])
    assert named("2026-05-03") == ids[1]


def test_another_version_is_read_where_this_one_has_none(states):
    store, ids = states
    aging.build(store, 0, OTHER)
    new = aging.publish(store, DAYS[2], OTHER)
    stamp(store, OTHER, new, DAYS[2])
    with zs_client.reading(snapshot="2026-05-03"):
        there = resolve(version=OTHER.version)
        assert (there.store.snapshot, there.layout) == (ids[1], LAYOUT)
    with zs_client.reading(snapshot="2026-05-04"):
        assert resolve(version=OTHER.version).store.snapshot == new
    with pytest.raises(SnapshotNotFound, match=ids[0]), zs_client.reading(snapshot="2026-05-01"):
        resolve(version=OTHER.version)


@pytest.mark.parametrize("snapshot", [5, True, b"x", ["2026-05-01"], object()])
def test_what_names_none_is_refused(states, snapshot):
    for ask in (
        lambda: named(snapshot),
        lambda: zs_client.asset_basics(snapshot=snapshot),
        lambda: zs_client.configure(snapshot=snapshot),
        lambda: zs_client.diff(snapshot),
    ):
        with pytest.raises(TypeError, match="a snapshot is named by the text of its id or name"):
            ask()
    with pytest.raises(TypeError, match="a snapshot is needed"):
        zs_client.diff(None)


def test_a_date_needs_one_request_for_the_list_and_none_offline(s3_server, monkeypatch):
    proxy = stores.FaultyProxy(s3_server)
    client_store.as_owner(monkeypatch, proxy.url)
    url = f"s3://{client_store.bucket(s3_server, public=True)}"
    monkeypatch.setenv("ZS_STORE", url)
    store = open_store(url)
    ids = []
    for number, day in enumerate(DAYS):
        aging.build(store, number)
        ids.append(aging.publish(store, day))
    proxy.seen.clear()
    assert named("2026-05-03") == ids[1]
    paths = [path for _, path in proxy.seen]
    # The names, the list again as it may have changed, the folder, the record of rollbacks, and
    # the snapshot.
    assert len([path for path in paths if "_snapshots.json" in path]) <= 2
    assert len(paths) <= 6
    proxy.seen.clear()
    assert named("2026-05-03", offline=True) == ids[1]
    assert proxy.seen == []
    proxy.close()
