"""`changes`: which data assets changed in which tables, from one published state to the next."""

import csv
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import client_store
import pandas as pd
import pytest
from client_store import LAYOUT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zs_client
from zs_client import SnapshotNotFound, SubjectNotFound, cli, parquet_of_store, read
from zs_client.opening import open_store
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing import snapshot_list, squirrel
from zs_pipeline.publishing.rollback import roll_back

DAYS = [datetime(2026, 5, day, 8, tzinfo=UTC) for day in range(1, 9)]


def basics(*rows):
    return [{"_id": f"id {name}", "name": name, "subject_id": s, "age": a} for name, s, a in rows]


def metrics(subject, *statuses):
    rows = client_store.metrics(subject, len(statuses))
    return [row | {"status": status} for row, status in zip(rows, statuses, strict=True)]


def publish(store, when):
    text = when.isoformat().replace("+00:00", "Z")
    with pytest.MonkeyPatch.context() as patch:
        for module in (squirrel, snapshot_list):
            patch.setattr(module, "now_text", lambda: text)
        return squirrel.publish(store, LAYOUT, ACORNS).snapshot


def commit(store, rows, of_subjects, sources, sessions=()):
    subjects = sorted({row["subject_id"] for row in rows if row["subject_id"]})
    client_store.whole(store, "asset_basics", rows)
    client_store.whole(store, "unique_subject_ids", [{"subject_id": s} for s in subjects])
    client_store.whole(store, "source_data", [{"name": a, "source_data": b} for a, b in sources])
    client_store.whole(store, "foraging_sessions", [*sessions])
    client_store.split(store, "quality_control", of_subjects)


@pytest.fixture
def states(tmp_path, monkeypatch):
    """Three nights of two animals and a data asset without one; and the ids."""
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    store = open_store(tmp_path)
    one, two, none = ("one", "1", 90), ("two", "2", 90), ("none", None, None)
    qc = {"1": metrics("1", "Pass"), "2": metrics("2", "Pass")}
    commit(store, basics(one, two, none), qc, [("one", "raw")])
    ids = [publish(store, DAYS[0])]
    new = ("new", "1", 91)
    qc["1"] = metrics("1", "Fail", "Pass")
    session = {"subject_id": "1", "session_date": "2026-05-01"}
    commit(store, basics(one, two, new, none), qc, [("one", "raw"), ("new", "one")], [session])
    ids.append(publish(store, DAYS[1]))
    # A night that changes only the other animal.
    qc["2"] = metrics("2", "Fail")
    commit(
        store,
        basics(one, ("two", "2", 91), new, none),
        qc,
        [("one", "raw"), ("new", "one")],
        [session],
    )
    ids.append(publish(store, DAYS[2]))
    qc["1"] = metrics("1", "Fail")
    commit(store, basics(("two", "2", 91), new, none), qc, [("new", "one")], [session])
    ids.append(publish(store, DAYS[3]))
    return store, ids


def lines(frame):
    days = {pd.Timestamp(day): number for number, day in enumerate(DAYS)}
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False)
    return [(days[when], *rest) for *rest, when in rows]


ANIMAL = [
    (1, "new", "added", "asset_basics"),
    (1, "new", "added", "source_data"),
    (1, "1_asset0", "changed", "quality_control"),
    (1, "1_asset1", "added", "quality_control"),
    (1, None, "added", "foraging_sessions"),
    (3, "one", "removed", "asset_basics"),
    (3, "one", "removed", "source_data"),
    (3, "1_asset1", "removed", "quality_control"),
]


@pytest.mark.parametrize("subject", ["1", 1, ["1"]])
def test_what_changed_for_an_animal(states, subject):
    _, ids = states
    found = zs_client.changes(ids[0], subject_id=subject)
    assert list(found.columns) == ["name", "change", "table", "published_at"]
    assert sorted(lines(found), key=str) == sorted(ANIMAL, key=str)
    assert found["published_at"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("since", "numbers"),
    [
        ("2026-05-02", {1, 3}),
        (date(2026, 5, 3), {3}),
        (DAYS[3], {3}),
        (DAYS[3] + timedelta(seconds=1), set()),
        (1, {3}),
        ("now", set()),
    ],
)
def test_since_a_date_or_a_snapshot(states, since, numbers):
    _, ids = states
    since = ids[since] if isinstance(since, int) else since
    found = zs_client.changes(since, subject_id="1")
    assert sorted(lines(found), key=str) == sorted((x for x in ANIMAL if x[0] in numbers), key=str)


def test_all_animals_and_those_without(states):
    _, ids = states
    every = lines(zs_client.changes(ids[0]))
    other = lines(zs_client.changes(ids[0], subject_id="2"))
    assert sorted(other) == [
        (2, "2_asset0", "changed", "quality_control"),
        (2, "two", "changed", "asset_basics"),
    ]
    assert Counter(map(str, every)) == Counter(map(str, [*ANIMAL, *other]))
    assert zs_client.changes(ids[0], subject_id=None).empty
    both = lines(zs_client.changes(ids[0], subject_id=["1", "2"]))
    assert Counter(map(str, both)) == Counter(map(str, every))


def test_an_unknown_animal_is_refused_and_one_without_changes_is_not(states):
    _, ids = states
    with pytest.raises(SubjectNotFound, match="has the subject 11"):
        zs_client.changes(ids[0], subject_id="11")
    with pytest.raises(SubjectNotFound, match="has the subject 11"):
        zs_client.changes("now", subject_id="11")
    assert zs_client.changes("now", subject_id="2").empty
    with pytest.raises(SnapshotNotFound, match="the first is"):
        zs_client.changes("2020-01-01")
    with pytest.raises(TypeError, match="a text or a whole number"):
        zs_client.changes(ids[0], subject_id=1.5)


def test_after_a_rollback_the_present_is_the_last_state(states):
    store, ids = states
    roll_back(store, LAYOUT, ACORNS, ids[2])
    found = zs_client.changes(ids[3], subject_id="1")
    assert {(row.name, row.change) for row in found.itertuples(index=False)} == {
        *(("one", "added"), ("1_asset1", "added"))
    }


def test_on_s3_an_animal_costs_parts_of_the_large_tables(s3_server, monkeypatch):
    client_store.as_owner(monkeypatch, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=False)}"
    monkeypatch.setenv("ZS_STORE", url)
    store = open_store(url)
    rows = [(f"name {number}", str(number // 50), number) for number in range(20_000)]
    commit(store, basics(*rows), {"1": metrics("1", "Pass")}, [])
    first = publish(store, DAYS[0])
    rows[70] = ("name 70", "1", 1)
    commit(store, basics(*rows), {"1": metrics("1", "Pass")}, [])
    publish(store, DAYS[1])
    monkeypatch.setattr(read, "SMALL", 0)
    monkeypatch.setattr(parquet_of_store, "END", 4096)
    found = zs_client.changes(first, subject_id="1")
    assert lines(found) == [(1, "name 70", "changed", "asset_basics")]


changed_ages = st.lists(
    st.dictionaries(st.sampled_from("abcde"), st.integers(0, 2), max_size=5), min_size=2, max_size=4
)


@given(changed_ages)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_a_loop_over_the_states_finds(tmp_path_factory, nights):
    folder = tmp_path_factory.mktemp("nights")
    store = open_store(folder)
    ids, expected = [], []
    for number, ages in enumerate(nights):
        rows = basics(("always", "9", 0), *((name, "1", age) for name, age in ages.items()))
        client_store.whole(store, "asset_basics", rows)
        client_store.whole(store, "unique_subject_ids", [{"subject_id": s} for s in ("1", "9")])
        ids.append(publish(store, DAYS[number]))
    for number, (before, after) in enumerate(pairwise(nights), 1):
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                change = (
                    "added" if name not in before else "removed" if name not in after else "changed"
                )
                expected.append((number, name, change, "asset_basics"))
    if len(set(ids)) == len(ids):
        found = zs_client.changes(ids[0], subject_id="1", store_url=folder)
        assert sorted(lines(found)) == sorted(expected)


def test_the_command_prints_what_changed_for_an_animal(states, capsys):
    _, ids = states
    assert cli.main(["changes", ids[0], "--subject", "1", "--subject", "2"]) == 0
    printed = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    frame = zs_client.changes(ids[0], subject_id=["1", "2"])
    assert [line["name"] for line in printed] == frame["name"].fillna("").tolist()
    assert [line["table"] for line in printed] == frame["table"].tolist()


def test_the_command_says_that_nothing_changed(states, capsys):
    assert cli.main(["changes", "now", "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == []
    assert printed.err == "zs changes: nothing changed since now\n"
    assert cli.main(["changes", "2020-01-01"]) == 2
    assert capsys.readouterr().err.startswith("zs changes: no snapshot of ")
