"""A table becomes visible whole and checked, or not at all, whoever else writes or dies."""

import hashlib
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from declaring import BY_SUBJECT as SPLIT
from declaring import WHOLE as IN_ONE
from declaring import by_platform
from hypothesis import given, settings
from hypothesis import strategies as st
from one_files import assert_alike
from stores import Crash, Watched, contents, memory, stamps

from zs_client.contract import Layout
from zs_client.errors import Conflict
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS
from zs_pipeline.declaration import Acorn, Column
from zs_pipeline.publishing import commit as commit_module
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import (
    FactsFile,
    entries,
    mark_stale,
    path,
    read_content,
    read_facts,
)
from zs_pipeline.publishing.table_update import CommitReport, PartitionUpdate, TableUpdate
from zs_pipeline.shrink_refused import ShrinkRefused

pytest_plugins = ("stores",)

VERSION = "1.0.0"
LAYOUT = Layout(VERSION)
COLUMNS = (
    Column("name", "string", "The name.", nullable=False),
    Column("value", "int64", "A number."),
    Column("tags", "[string]", "Some tags."),
)


def declared(name: str, **more: Any) -> Acorn:
    return Acorn(
        name=name,
        description="One row per name.",
        type="asset",
        columns=more.pop("columns", COLUMNS),
        key=("name",),
        kind=more.pop("kind", IN_ONE),
        **more,
    )


WHOLE = declared("whole")
BY_SUBJECT = declared("visits", folder="visit", kind=SPLIT)
BY_PLATFORM = declared("by_platform", kind=by_platform("fib", "ecephys"))


def rows(acorn: Acorn, values: Iterable[int]) -> pa.Table:
    made = [{"name": f"n{v}", "value": v, "tags": [str(v), "t"]} for v in values]
    return arrow.table(acorn, made)


def part(
    acorn: Acorn, segment: str, values: Iterable[int] | None, inputs: str = ""
) -> PartitionUpdate:
    return PartitionUpdate(segment, None if values is None else rows(acorn, values), inputs)


def build(
    store: Store,
    acorn: Acorn,
    parts: dict[str, Iterable[int] | None],
    state: str = "s",
    **more: Any,
) -> CommitReport:
    made = [part(acorn, s, v, f"{state}:{s}") for s, v in parts.items()]
    return commit(store, LAYOUT, acorn, TableUpdate(made, {"documents": state}, "code"), **more)


def values(store: Store, acorn: Acorn, segment: str = "") -> list[int]:
    return arrow.decode(store.get(path(LAYOUT, acorn, segment)))["value"].to_pylist()


def assert_agrees(store: Store, acorn: Acorn) -> dict[str, Any]:
    """Every path holds what the facts say, there is no other path, and nothing is pending."""
    facts = read_facts(store, LAYOUT, acorn.table)
    assert facts is not None
    found = entries(facts)
    for segment, entry in found.items():
        body = store.get(path(LAYOUT, acorn, segment))
        assert hashlib.sha256(body).hexdigest() == entry["sha256"], segment
        assert store.get(LAYOUT.object(acorn.table, entry["sha256"])) == body
        assert entry["bytes"] == len(body)
        assert entry["rows"] == arrow.decode(body).num_rows
    if acorn.partition:
        there = {e["path"] for e in store.walk(f"{LAYOUT.folder}/{acorn.table}")}
        assert there == {path(LAYOUT, acorn, segment) for segment in found}
        assert facts["rows"] == sum(e["rows"] for e in found.values())
        assert facts["bytes"] == sum(e["bytes"] for e in found.values())
        assert_alike(store, LAYOUT, acorn)
    assert facts["pending"] == {}
    return facts


# What is refused leaves everything as it was.


def refused_contents() -> dict[str, pa.Table]:
    good = rows(WHOLE, range(3))
    text = pa.array(["1", "2", "3"])
    null = pa.array(["n0", None, "n2"])
    return {
        "another type": good.set_column(1, "value", text),
        "a column too few": good.drop_columns(["tags"]),
        "a column too many": good.append_column("more", text),
        "another order": good.select(["value", "name", "tags"]),
        "a nullable key": good.cast(good.schema.set(0, pa.field("name", pa.string()))),
        "a null in the key": pa.Table.from_arrays([null, *good.columns[1:]], schema=good.schema),
        "a name twice": pa.concat_tables([good, good.slice(1, 1)]),
        "pyarrow's null type": good.set_column(1, "value", pa.nulls(3)),
    }


@pytest.mark.parametrize("wrong", refused_contents())
def test_a_table_that_breaks_its_declaration_changes_nothing(store: Store, wrong: str) -> None:
    build(store, WHOLE, {"": range(20)})
    before = contents(store), stamps(store)
    with pytest.raises(arrow.InvalidTable, match="whole"):
        commit(
            store,
            LAYOUT,
            WHOLE,
            TableUpdate([PartitionUpdate("", refused_contents()[wrong])], {"d": "2"}, "c"),
        )
    assert (contents(store), stamps(store)) == before


def test_the_good_partitions_before_a_bad_one_are_not_written_either(store: Store) -> None:
    build(store, BY_SUBJECT, {"a": [1], "b": [2]})
    before = contents(store)
    bad = refused_contents()["a name twice"]
    parts = [part(BY_SUBJECT, "a", [9]), part(BY_SUBJECT, "new", [8]), PartitionUpdate("b", bad)]
    with pytest.raises(arrow.InvalidTable, match="more than once"):
        commit(store, LAYOUT, BY_SUBJECT, TableUpdate(parts, {"documents": "2"}, "code"))
    assert contents(store) == before


def test_a_partition_that_comes_twice_is_refused_since_one_path_has_one_content() -> None:
    store = memory()
    parts = [part(BY_SUBJECT, "a", [1]), part(BY_SUBJECT, "b", [2]), part(BY_SUBJECT, "a", [3])]
    with pytest.raises(arrow.InvalidTable, match="'a' came twice"):
        commit(store, LAYOUT, BY_SUBJECT, TableUpdate(parts, {"documents": "2"}, "code"))


def test_a_row_with_an_unknown_column_or_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(arrow.InvalidTable, match=r"whole: no such column: nmae"):
        arrow.table(WHOLE, [{"name": "a", "nmae": "b"}])
    for wrong in ({"value": "x"}, {"value": 2**70}, {"value": 1.5}, {"tags": "abc"}, {"tags": 1}):
        with pytest.raises(arrow.InvalidTable, match=f"whole.{next(iter(wrong))}"):
            arrow.table(WHOLE, [{"name": "a", **wrong}])
    with pytest.raises(arrow.InvalidTable, match=r"whole\.name"):
        arrow.table(WHOLE, [{"name": "\ud800"}])


def test_a_map_of_anything_but_pairs_of_text_is_refused() -> None:
    acorn = declared("m", columns=(*COLUMNS, Column("map", "{string: string}", "A map.")))
    assert arrow.table(acorn, [{"name": "a", "map": [("k", "v")]}])["map"].to_pylist() == [
        [("k", "v")]
    ]
    for wrong in (1, "text", ["ab"], [1], [(None, "v")], [("k", 1)], [("k",)]):
        with pytest.raises(arrow.InvalidTable, match=r"m\.map"):
            arrow.table(acorn, [{"name": "a", "map": wrong}])


def test_the_same_rows_are_the_same_bytes_however_they_were_put_together() -> None:
    whole = rows(WHOLE, range(5000))
    pieces = pa.concat_tables([whole.slice(at, 700) for at in range(0, 5000, 700)])
    assert pieces["name"].num_chunks > 1
    assert arrow.encode(pieces) == arrow.encode(whole)
    assert arrow.encode(arrow.decode(arrow.encode(whole)).cast(whole.schema)) == arrow.encode(whole)


# What is written is what changed.


def test_the_first_commit_makes_paths_objects_and_facts(store: Store) -> None:
    report = build(store, BY_SUBJECT, {"a": [1, 2], "b": [3], "none": []}, state="s1")
    assert sorted(report.changed) == ["a", "b"]
    assert report.rows == 3
    facts = assert_agrees(store, BY_SUBJECT)
    assert facts["state"] == "fresh"
    assert facts["reason"] is None
    assert facts["source_state"] == {"documents": "s1"}
    assert facts["code_version"] == "code"
    assert facts["partition_key"] == "subject_id"
    assert facts["empty"] == {"none": "s1:none"}
    assert [c["name"] for c in facts["columns"]] == ["name", "value", "tags"]
    assert read_content(store, LAYOUT, BY_SUBJECT, "a").num_rows == 2
    with pytest.raises(FileNotFoundError, match="visits/none is not in"):
        read_content(store, LAYOUT, BY_SUBJECT, "none")


@pytest.mark.parametrize("acorn", [WHOLE, BY_SUBJECT, BY_PLATFORM], ids=lambda a: a.name)
def test_the_same_content_writes_no_data_object(store: Store, acorn: Acorn) -> None:
    segments = {"": range(20)} if acorn is WHOLE else {"fib": [1, 2], "ecephys": []}
    build(store, acorn, segments, "s1")
    before = stamps(store)
    watched = Watched(store)
    report = build(watched, acorn, segments, "s2")
    assert report.changed == report.removed == []
    assert set(watched.written()) == {LAYOUT.facts(acorn.table)}
    after = stamps(store)
    assert {k for k in after if after[k] != before[k]} <= {LAYOUT.facts(acorn.table)}
    assert assert_agrees(store, acorn)["source_state"] == {"documents": "s2"}


def test_nothing_computed_and_nothing_new_writes_nothing_at_all(store: Store) -> None:
    build(store, WHOLE, {"": range(3)})
    watched = Watched(store)
    commit(watched, LAYOUT, WHOLE, TableUpdate((), {"documents": "s"}, "code", "nothing changed"))
    assert watched.written() == []


def test_only_the_partition_that_changed_is_written(store: Store) -> None:
    build(store, BY_SUBJECT, {"a": [1, 2], "b": [3], "c": [4]})
    built_at = entries(read_facts(store, LAYOUT, "visit"))["a"]["built_at"]
    watched = Watched(store)
    report = build(watched, BY_SUBJECT, {"a": [1, 2], "b": [3, 5], "d": [6]})
    assert sorted(report.changed) == ["b", "d"]
    data = [key for key in watched.written() if key.endswith(".pqt")]
    assert len(data) == 5
    assert {k for k in data if "_objects" not in k} == {
        LAYOUT.table("visit"),
        path(LAYOUT, BY_SUBJECT, "b"),
        path(LAYOUT, BY_SUBJECT, "d"),
    }
    facts = assert_agrees(store, BY_SUBJECT)
    assert list(facts["partitions"]) == ["a", "b", "c", "d"]
    assert facts["partitions"]["a"]["built_at"] == built_at
    assert facts["rows_before"] == 4
    assert values(store, BY_SUBJECT, "c") == [4]


def test_a_content_that_was_there_before_is_not_sent_again() -> None:
    store = memory()
    for wanted in ([1], [2]):
        build(store, WHOLE, {"": wanted})
    watched = Watched(store)
    build(watched, WHOLE, {"": [1]})
    assert not [k for k in watched.asked("put") if "_objects" in k]
    assert values(store, WHOLE) == [1]


def test_a_partition_without_rows_vanishes_where_partitions_are_dynamic(store: Store) -> None:
    build(store, BY_SUBJECT, {"a": [1], "b": [2], "c": [3]})
    report = build(store, BY_SUBJECT, {"a": [], "b": None}, state="s2")
    assert sorted(report.removed) == ["a", "b"]
    facts = assert_agrees(store, BY_SUBJECT)
    assert list(facts["partitions"]) == ["c"]
    assert facts["empty"] == {"a": "s2:a", "b": "s2:b"}
    commit(
        store,
        LAYOUT,
        BY_SUBJECT,
        TableUpdate([PartitionUpdate("a", None)], {"documents": "s3"}, "code"),
    )
    assert assert_agrees(store, BY_SUBJECT)["empty"] == {"b": "s2:b"}
    build(store, BY_SUBJECT, {"a": [1]}, state="s4")
    assert values(store, BY_SUBJECT, "a") == [1]
    assert assert_agrees(store, BY_SUBJECT)["empty"] == {"b": "s2:b"}


def test_a_static_partition_without_rows_stays_with_its_columns(store: Store) -> None:
    build(store, BY_PLATFORM, {"fib": [1], "ecephys": [2]})
    build(store, BY_PLATFORM, {"fib": []})
    facts = assert_agrees(store, BY_PLATFORM)
    assert facts["partitions"]["fib"]["rows"] == 0
    empty = arrow.decode(store.get(path(LAYOUT, BY_PLATFORM, "fib")))
    assert empty.schema.names == ["name", "value", "tags"]


def test_a_table_without_rows_is_a_table(store: Store) -> None:
    build(store, WHOLE, {"": []})
    assert read_content(store, LAYOUT, WHOLE).num_rows == 0
    assert assert_agrees(store, WHOLE)["rows"] == 0


def test_a_part_of_a_table_says_nothing_about_the_whole(store: Store) -> None:
    build(store, BY_SUBJECT, {"a": [1]}, "s1")
    only = TableUpdate([part(BY_SUBJECT, "a", [2])], None, "new code")
    commit(store, LAYOUT, BY_SUBJECT, only)
    facts = assert_agrees(store, BY_SUBJECT)
    assert facts["source_state"] == {"documents": "s1"}
    assert facts["code_version"] == "code"


# A table that lost too much.


def test_a_table_of_findings_may_shrink_when_they_are_mended(store: Store) -> None:
    declared_so = declared("findings", may_shrink=True)
    build(store, declared_so, {"": range(15)})
    build(store, declared_so, {"": range(3)}, "s2")
    assert values(store, declared_so) == [0, 1, 2]
    assert {acorn.name for acorn in ACORNS if acorn.may_shrink} == {
        "document_problems",
        "data_asset_problems",
    }


@pytest.mark.parametrize("acorn", [WHOLE, BY_SUBJECT], ids=lambda a: a.name)
def test_a_table_that_lost_more_than_half_is_refused_and_nothing_changes(
    store: Store, acorn: Acorn
) -> None:
    if acorn is WHOLE:
        full, less = {"": range(40)}, {"": range(19)}
    else:
        full = {"a": range(10), "b": range(10), "c": range(20)}
        less = {"a": [77], "b": None, "c": range(18)}
    build(store, acorn, full)
    before = contents(store), stamps(store)
    with pytest.raises(ShrinkRefused, match=f"{acorn.name}: 21 of 40 rows would be gone"):
        build(store, acorn, less, "s2")
    assert (contents(store), stamps(store)) == before
    build(store, acorn, less, "s2", accept_shrink=True)
    assert assert_agrees(store, acorn)["rows"] == 19


def test_a_loss_of_half_or_of_a_few_rows_passes(store: Store) -> None:
    build(store, WHOLE, {"": range(40)})
    build(store, WHOLE, {"": range(20)})
    build(store, BY_SUBJECT, {"a": range(9)})
    build(store, BY_SUBJECT, {"a": []})
    assert assert_agrees(store, WHOLE)["rows"] == 20
    assert assert_agrees(store, BY_SUBJECT)["rows"] == 0


def test_rows_that_move_from_one_partition_to_another_are_no_loss(store: Store) -> None:
    build(store, BY_SUBJECT, {"a": range(30), "b": [100]})
    build(store, BY_SUBJECT, {"a": None, "b": range(31)})
    assert assert_agrees(store, BY_SUBJECT)["rows"] == 31


@pytest.mark.slow
def test_what_is_too_much_to_hold_is_put_ahead_and_still_refused_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit_module, "KEPT_BYTES", 0)
    store = memory()
    build(store, BY_SUBJECT, {str(n): range(n, n + 10) for n in range(60)})
    before = contents(store)
    with pytest.raises(ShrinkRefused):
        build(store, BY_SUBJECT, {str(n): [n] for n in range(60)})
    after = contents(store)
    assert {k: v for k, v in after.items() if "_objects" not in k or k in before} == before
    build(store, BY_SUBJECT, {str(n): range(n, n + 9) for n in range(60)})
    assert assert_agrees(store, BY_SUBJECT)["rows"] == 540


# A first build is kept chunk by chunk.


def test_a_first_build_that_is_killed_keeps_its_chunks_and_goes_on_in_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit_module, "CHUNK", 3)
    store = memory()

    def parts(until: int) -> Iterable[PartitionUpdate]:
        for n in range(20):
            if n == until:
                raise Crash
            yield part(BY_SUBJECT, f"{n:02}", [n])

    for until, there in ((7, 6), (13, 12)):
        with pytest.raises(Crash):
            commit(store, LAYOUT, BY_SUBJECT, TableUpdate(parts(until), {"documents": "s"}, "code"))
        facts = assert_agrees(store, BY_SUBJECT)
        assert len(facts["partitions"]) == there
        assert facts["source_state"] == {}
        assert facts["state"] == "stale"
    commit(store, LAYOUT, BY_SUBJECT, TableUpdate(parts(99), {"documents": "s"}, "code"))
    assert assert_agrees(store, BY_SUBJECT)["state"] == "fresh"


# Facts about a table that could not be built.


@pytest.mark.parametrize("acorn", [WHOLE, BY_SUBJECT], ids=lambda a: a.name)
def test_a_stale_table_keeps_its_content_and_says_why(store: Store, acorn: Acorn) -> None:
    build(store, acorn, {"a" if acorn.partition else "": [1]}, "s1")
    data = {k: v for k, v in contents(store).items() if k.endswith(".pqt")}
    mark_stale(store, LAYOUT, acorn, "ValueError: the source is gone")
    facts = assert_agrees(store, acorn)
    assert (facts["state"], facts["reason"]) == ("stale", "ValueError: the source is gone")
    assert facts["source_state"] == {"documents": "s1"}
    assert {k: v for k, v in contents(store).items() if k.endswith(".pqt")} == data
    build(store, acorn, {"a" if acorn.partition else "": [1]}, "s1")
    assert assert_agrees(store, acorn)["state"] == "fresh"


def test_a_stale_table_is_described_as_it_was_written_not_as_the_code_has_it_now() -> None:
    store = memory()
    build(store, WHOLE, {"": [1]})
    wider = declared("whole", columns=(*COLUMNS, Column("new", "string", "A new column.")))
    mark_stale(store, LAYOUT, wider, "the new column cannot be computed")
    facts = assert_agrees(store, WHOLE)
    assert [c["name"] for c in facts["columns"]] == ["name", "value", "tags"]


def test_a_table_that_was_never_built_cannot_be_stale() -> None:
    store = memory()
    mark_stale(store, LAYOUT, WHOLE, "no source")
    assert contents(store) == {}


def test_facts_that_cannot_be_read_are_an_error_and_stay_as_they_are(store: Store) -> None:
    store.put(LAYOUT.facts("whole"), b"{ no json")
    with pytest.raises(ValueError, match=r"whole\.json: cannot be read as JSON"):
        build(store, WHOLE, {"": [1]})
    assert contents(store) == {LAYOUT.facts("whole"): b"{ no json"}


def test_times_are_utc_and_of_now() -> None:
    store = memory()
    build(store, WHOLE, {"": [1]})
    facts = assert_agrees(store, WHOLE)
    for name in ("built_at", "checked_at"):
        assert facts[name].endswith("Z")
        age = datetime.now(UTC) - datetime.fromisoformat(facts[name])
        assert -1 < age.total_seconds() < 60


# A crash at any point.

# Before, what is built, and a mend by a commit that has nothing to say itself.
STEPS = {
    "whole": (WHOLE, {"": [1, 2]}, {"": [3]}),
    "partitions": (BY_SUBJECT, {"a": [1], "b": [2], "c": [3]}, {"a": [9], "b": [], "d": [4]}),
    "first": (BY_SUBJECT, {}, {"a": [1], "b": [2]}),
    "static": (BY_PLATFORM, {"fib": [1], "ecephys": [2]}, {"fib": [], "ecephys": [5]}),
}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "folder"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_point_leaves_old_or_new_content_and_is_mended(
    step: str, kind: str, after: bool, tmp_path: Any
) -> None:
    from zs_client.opening import open_store

    acorn, old, new = STEPS[step]
    count = 0
    for number in range(1, 200):
        if kind == "folder":
            (tmp_path / str(number)).mkdir()
            store = open_store(tmp_path / str(number))
        else:
            store = memory()
        if old:
            build(store, acorn, old, "s1")
        crashing = Watched(store, number, after=after)
        try:
            build(crashing, acorn, new, "s2")
            break
        except Crash:
            count += 1
        for segment in old | new:
            known = [sorted(v[segment] or []) for v in (old, new) if segment in v]
            try:
                assert values(store, acorn, segment) in known
            except FileNotFoundError:
                assert not old.get(segment) or not new.get(segment, True)
        # The next commit says nothing of what the crashed one touched, and mends it all the same.
        commit(store, LAYOUT, acorn, TableUpdate((), None, "code"))
        if read_facts(store, LAYOUT, acorn.table) is not None:
            facts = assert_agrees(store, acorn)
            if acorn is WHOLE:  # its content and what it was made from go together
                made_from = facts["source_state"]["documents"]
                assert values(store, acorn) == (old if made_from == "s1" else new)[""]
        build(store, acorn, new, "s2")
        facts = assert_agrees(store, acorn)
        assert facts["state"] == "fresh"
        for segment, wanted in new.items():
            if wanted or acorn is BY_PLATFORM:
                assert values(store, acorn, segment) == wanted
    assert count > 4
    assert read_facts(store, LAYOUT, acorn.table)["source_state"] == {"documents": "s2"}


def test_a_crash_at_any_point_on_s3_is_mended(s3: Store) -> None:
    acorn, old, new = STEPS["partitions"]
    for number in range(1, 100):
        build(s3, acorn, {**dict.fromkeys(new), **old}, "s1", accept_shrink=True)
        try:
            build(Watched(s3, number, after=bool(number % 2)), acorn, new, "s2")
            break
        except Crash:
            pass
        build(s3, acorn, new, "s2")
        assert_agrees(s3, acorn)
    assert number > 8


# Two writers.


def interleaved(
    acorn: Acorn,
    old: dict[str, Any],
    one: dict[str, Any],
    two: dict[str, Any],
    *,
    crash: bool = False,
) -> int:
    """The second commit runs whole before each operation of the first, one operation a time."""
    number = rounds = 0
    while True:
        number += 1
        for dies in range(number, number + 8) if crash else (0,):
            store = memory()
            if old:
                build(store, acorn, old, "s0")
            first = Watched(store, dies, after=True)
            count, ran = iter(range(1, 1000)), []

            def before(
                name: str, key: str, *, at: int = number, count: Any = count, ran: list = ran
            ) -> None:
                if next(count) == at:
                    ran.append(True)
                    build(store, acorn, two, "s2")  # noqa: B023 - called in this round

            first.before = before
            try:
                build(first, acorn, one, "s1")
            except Crash:
                # Where the other one took it for dead before it was, only its own next run tells.
                build(store, acorn, one, "s1")
            if not ran:
                return rounds
            rounds += 1
            facts = assert_agrees(store, acorn)
            if acorn is WHOLE:
                made = {"s0": old, "s1": one, "s2": two}[facts["source_state"]["documents"]]
                assert values(store, acorn) == list(made[""]), (number, dies)


@pytest.mark.slow
@pytest.mark.parametrize("crash", [False, True], ids=["both live", "one dies"])
@pytest.mark.parametrize(
    ("acorn", "old", "one", "two"),
    [
        pytest.param(WHOLE, {"": [1]}, {"": [2]}, {"": [3]}, id="both change a table"),
        pytest.param(WHOLE, {"": [1]}, {"": [1]}, {"": [3]}, id="one finds a table unchanged"),
        pytest.param(WHOLE, {"": [1]}, {"": [2]}, {"": [1]}, id="the other does"),
        pytest.param(WHOLE, {}, {"": [2]}, {"": [3]}, id="both build it first"),
        pytest.param(BY_SUBJECT, {"a": [1]}, {"a": [2]}, {"a": [3]}, id="both change a partition"),
        pytest.param(BY_SUBJECT, {"a": [1]}, {"a": [1]}, {"a": [3]}, id="one finds it unchanged"),
        pytest.param(BY_SUBJECT, {"a": [1]}, {"a": None}, {"a": [3]}, id="one removes it"),
        pytest.param(BY_SUBJECT, {"a": [1]}, {"a": [2]}, {"a": None}, id="the other removes it"),
        pytest.param(BY_SUBJECT, {"a": [1], "b": [1]}, {"a": [2]}, {"b": [2]}, id="different ones"),
    ],
)
def test_two_commits_in_any_order_end_with_paths_that_agree_with_the_facts(
    acorn: Acorn, old: dict, one: dict, two: dict, crash: bool
) -> None:
    assert interleaved(acorn, old, one, two, crash=crash) > 1


def test_a_commit_that_mends_while_the_other_one_lives_does_not_undo_it() -> None:
    """The mender reads the journal, the writer ends, the mender puts the old content back."""
    acorn = BY_SUBJECT
    for number in range(1, 30):
        store = memory()
        build(store, acorn, {"a": [1], "b": [1]}, "s0")
        writer = Watched(store)
        waiting, goes_on = threading.Event(), threading.Event()

        def hold(name: str, key: str, waiting: Any = waiting, goes_on: Any = goes_on) -> None:
            if key == path(LAYOUT, acorn, "a"):
                waiting.set()
                assert goes_on.wait(10)

        writer.before = hold
        thread = threading.Thread(target=build, args=(writer, acorn, {"a": [2]}, "s1"))
        thread.start()
        assert waiting.wait(10)
        mender = Watched(store)
        count = iter(range(1, 1000))

        def let_it_end(
            name: str,
            key: str,
            at: int = number,
            count: Any = count,
            thread: Any = thread,
            goes_on: Any = goes_on,
        ) -> None:
            if next(count) == at:
                goes_on.set()
                thread.join(10)

        mender.before = let_it_end
        build(mender, acorn, {"b": [3]}, "s2")
        goes_on.set()
        thread.join(10)
        assert not thread.is_alive()
        assert_agrees(store, acorn)
        assert (values(store, acorn, "a"), values(store, acorn, "b")) == ([2], [3])
        if number > len(mender.done):
            return
    pytest.fail("the mender was never ahead")


def together(*calls: Any) -> list[BaseException]:
    """Calls in threads that start at once; what they raised."""
    gate, raised = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        gate.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            raised.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return raised


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "rounds"), [("folder", 20), ("memory", 40), ("s3", 5)])
def test_commits_of_the_same_and_of_other_partitions_at_once_all_agree(
    kind: str, rounds: int, request: pytest.FixtureRequest
) -> None:
    store = memory() if kind == "memory" else request.getfixturevalue(kind)
    build(store, BY_SUBJECT, {"same": [0]}, "s")
    for n in range(rounds):
        raised = together(
            *(
                lambda w=writer, n=n: build(
                    store,
                    BY_SUBJECT,
                    {"same": [n, 1000 + w], f"own{w}": [n], f"gone{w}": [n] if n % 2 else []},
                    f"s{w}",
                )
                for writer in range(3)
            )
        )
        assert raised == []
        facts = assert_agrees(store, BY_SUBJECT)
        assert {"same", "own0", "own1", "own2"} <= facts["partitions"].keys()
        assert [values(store, BY_SUBJECT, f"own{w}") for w in range(3)] == [[n]] * 3


def test_a_table_that_two_builds_write_at_once_goes_with_its_own_source_state(
    folder: Store,
) -> None:
    for n in range(20):
        assert (
            together(
                *(
                    lambda w=w, n=n: build(folder, WHOLE, {"": [n, 1000 + w]}, f"{w}")
                    for w in (1, 2)
                )
            )
            == []
        )
        facts = assert_agrees(folder, WHOLE)
        last = 1000 + int(facts["source_state"]["documents"])
        assert values(folder, WHOLE) == sorted([n, last], key=str)


def test_a_writer_that_never_gets_its_turn_says_so() -> None:
    store = memory()
    build(store, WHOLE, {"": [1]})
    watched = Watched(store)

    def disturb(name: str, key: str) -> None:
        if name == "replace":
            mark_stale(store, LAYOUT, WHOLE, f"again {len(watched.done)}")

    watched.before = disturb
    with pytest.raises(Conflict, match=r"whole\.json.*another build"):
        build(watched, WHOLE, {"": [2]})


# Everything at once.

partition_sets = st.dictionaries(
    st.sampled_from(["a", "b", "c%2F"]), st.lists(st.integers(0, 5), unique=True) | st.none()
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(partition_sets, st.integers(0, 25), st.booleans()), max_size=6))
def test_any_series_of_commits_and_crashes_ends_as_the_last_words_about_each_partition(
    series: list[tuple[dict[str, list[int] | None], int, bool]],
) -> None:
    store = memory()
    wanted: dict[str, list[int]] = {}
    for number, (parts, crash_at, after) in enumerate(series):
        try:
            crashing = Watched(store, crash_at, after=after)
            build(crashing, BY_SUBJECT, parts, f"s{number}", accept_shrink=True)
        except Crash:
            build(store, BY_SUBJECT, parts, f"s{number}", accept_shrink=True)
        wanted |= {segment: found or [] for segment, found in parts.items()}
        facts = assert_agrees(store, BY_SUBJECT)
        assert facts["partitions"].keys() == {s for s, found in wanted.items() if found}
        for segment in facts["partitions"]:
            assert values(store, BY_SUBJECT, segment) == sorted(wanted[segment])


def test_what_was_decided_by_facts_that_another_writer_has_changed_since_undoes_nothing(store):
    build(store, BY_SUBJECT, {"1": [1], "2": [2]})
    known = FactsFile(store, LAYOUT, BY_SUBJECT)
    build(store, BY_SUBJECT, {"2": [22], "3": [3]}, state="t")

    made = [part(BY_SUBJECT, "1", [11], "u:1")]
    commit(store, LAYOUT, BY_SUBJECT, TableUpdate(made, {"documents": "u"}, "code", known=known))

    facts = assert_agrees(store, BY_SUBJECT)
    assert {s: values(store, BY_SUBJECT, s) for s in facts["partitions"]} == {
        "1": [11],
        "2": [22],
        "3": [3],
    }


def test_what_was_decided_by_given_facts_reads_them_no_more(folder):
    build(folder, WHOLE, {"": [1]})
    watched = Watched(folder)
    known = FactsFile(watched, LAYOUT, WHOLE)
    skipped = TableUpdate((), {"documents": "s"}, "code", "nothing changed", known=known)

    report = commit(watched, LAYOUT, WHOLE, skipped)

    # And the file of the day, to be compared with them.
    keys = (LAYOUT.facts(WHOLE.table), path(LAYOUT, WHOLE, ""))
    assert watched.done == [("get", key) for key in keys]
    assert report.facts == read_facts(folder, LAYOUT, WHOLE.table)
    # Dagster keeps what it was handed, and facts may be large.
    assert skipped.known is None
