"""Nights on which much is lost: slowly, in one platform, in one column; nothing goes untold."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from building import document, dump, facts, registry, tables, zs_build
from declaring import BY_SUBJECT as SPLIT
from declaring import WHOLE as IN_ONE
from declaring import by_platform
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import contents, memory

from zs_client.contract import NULL_PARTITION, Layout
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, Column
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import path, read_facts
from zs_pipeline.publishing.shrink_guard import KEPT_SIZES, ShrinkRefused
from zs_pipeline.publishing.table_update import CommitReport, PartitionUpdate, TableUpdate

VERSION = "9.9.9"
LAYOUT = Layout(VERSION)
COLUMNS = (
    Column("name", "string", "The name.", nullable=False),
    Column("subject", "string", "The animal.", identifies=True),
    Column("kinds", "[string]", "Some kinds.", identifies=True),
    Column("there", "bool", "Whether.", identifies=True),
    Column("note", "string", "A note."),
)


def declared(name: str, kind: Any) -> Acorn:
    return Acorn(name, "One row per name.", "asset", COLUMNS, ("name",), kind)


WHOLE = declared("whole", IN_ONE)
BY_SUBJECT = declared("visits", SPLIT)
BY_PLATFORM = declared("by_platform", by_platform("SPIM", "fib", "ecephys"))


def full(number: int, segment: str = "") -> dict[str, Any]:
    made = {"name": f"{segment}{number}", "subject": f"s{number}", "kinds": ["a"], "there": True}
    return {**made, "note": "n"}


def build(
    store: Store,
    acorn: Acorn,
    rows: dict[str, Iterable[dict[str, Any]] | None],
    code: str = "code",
    *,
    accept_shrink: bool = False,
) -> CommitReport:
    parts = [
        PartitionUpdate(segment, None if of_one is None else arrow.table(acorn, of_one))
        for segment, of_one in rows.items()
    ]
    state = {"documents": str(rows)}
    built = TableUpdate(parts, state, code)
    return commit(store, LAYOUT, acorn, built, accept_shrink=accept_shrink)


def many(count: int, segment: str = "") -> list[dict[str, Any]]:
    return [full(number, segment) for number in range(count)]


def count(store: Store, acorn: Acorn) -> int:
    known = read_facts(store, LAYOUT, acorn.table)
    assert known is not None
    return int(known["rows"])


@pytest.mark.parametrize(("acorn", "segment"), [(WHOLE, ""), (BY_SUBJECT, "a")])
def test_what_is_lost_slowly_is_refused_as_what_is_lost_at_once(acorn: Acorn, segment: str) -> None:
    store = memory()
    build(store, acorn, {segment: many(1000)})
    for left in (750, 562):
        build(store, acorn, {segment: many(left)})
    with pytest.raises(ShrinkRefused, match=r"579 of 1,000 rows would be gone"):
        build(store, acorn, {segment: many(421)})
    assert count(store, acorn) == left
    build(store, acorn, {segment: many(421)}, accept_shrink=True)
    # What was accepted is what later nights are compared with.
    build(store, acorn, {segment: many(300)})
    assert count(store, acorn) == 300


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(st.integers(0, 200), min_size=2, max_size=30))
def test_no_series_of_nights_leaves_less_than_half_of_the_largest_kept_size(
    sizes: list[int],
) -> None:
    store: Store = memory()
    kept: list[int] = []
    for size in sizes:
        try:
            build(store, WHOLE, {"": many(size)})
        except ShrinkRefused:
            assert size < max(kept) / 2
        else:
            kept = [*(one for one in kept if one != size), size][-KEPT_SIZES:]
        assert count(store, WHOLE) == kept[-1]
        assert max(kept) - kept[-1] < max(10, max(kept) / 2 + 1)


def test_another_code_or_declaration_is_compared_with_nothing() -> None:
    store = memory()
    build(store, WHOLE, {"": many(100)})
    build(store, WHOLE, {"": many(10)}, "other code")
    build(store, WHOLE, {"": many(6)}, "other code")
    assert count(store, WHOLE) == 6


def test_a_partition_of_a_fixed_list_is_refused_alone_and_the_others_are_written() -> None:
    store = memory()
    everything = {"SPIM": many(30, "S"), "fib": many(30, "f"), "ecephys": many(60, "e")}
    build(store, BY_PLATFORM, everything)
    before = contents(store)
    report = build(
        store, BY_PLATFORM, {"SPIM": [], "fib": many(29, "f"), "ecephys": many(61, "e")}, "code"
    )
    assert list(report.refused) == ["SPIM"]
    assert report.changed == ["fib", "ecephys"]
    spim = path(LAYOUT, BY_PLATFORM, "SPIM")
    assert store.get(spim) == before[spim]
    known = read_facts(store, LAYOUT, BY_PLATFORM.table)
    assert known is not None
    assert {s: e["rows"] for s, e in known["partitions"].items()} == {
        "SPIM": 30,
        "ecephys": 61,
        "fib": 29,
    }
    assert known["state"] == "stale"
    assert "30 of 30 rows of platform=SPIM would be gone" in known["reason"]
    # It is as stale on the next night, and whole again when its rows are back or are given up.
    for rows, accept in ((many(28, "S"), False), ([], True)):
        assert build(store, BY_PLATFORM, {**everything, "SPIM": []}).refused
        report = build(store, BY_PLATFORM, {**everything, "SPIM": rows}, accept_shrink=accept)
        known = read_facts(store, LAYOUT, BY_PLATFORM.table)
        assert not report.refused
        assert known is not None
        assert (known["state"], "refused" in known) == ("fresh", False)


def test_partitions_by_subject_are_counted_over_the_whole_table() -> None:
    store = memory()
    build(store, BY_SUBJECT, {"a": many(30, "a"), "b": many(40, "b")})
    build(store, BY_SUBJECT, {"a": None, "b": many(40, "b")})
    assert count(store, BY_SUBJECT) == 40


@pytest.mark.parametrize("column", ["subject", "kinds", "there"])
@pytest.mark.parametrize("acorn", [WHOLE, BY_SUBJECT, BY_PLATFORM], ids=lambda a: a.name)
def test_a_column_that_identifies_keeps_its_values(acorn: Acorn, column: str) -> None:
    store = memory()
    segment = "SPIM" if acorn is BY_PLATFORM else "" if acorn is WHOLE else "a"
    build(store, acorn, {segment: many(40)})
    nothing = {"subject": None, "kinds": [], "there": False}[column]
    spoilt = [{**row, column: nothing} for row in many(40)]
    # A third may go, or all values of a column that does not identify, or the rows themselves.
    build(store, acorn, {segment: [*spoilt[:12], *many(40)[12:]]})
    build(store, acorn, {segment: [{**row, "note": None} for row in many(40)]})
    build(store, acorn, {segment: many(25)})
    with pytest.raises(ShrinkRefused, match=rf"\d+ of \d+ values of {column} would be gone"):
        build(store, acorn, {segment: spoilt})
    assert count(store, acorn) == 25
    build(store, acorn, {segment: spoilt}, accept_shrink=True)


def test_rows_that_lose_their_partition_are_values_lost() -> None:
    store = memory()
    build(store, BY_SUBJECT, {f"s{n}": [full(n)] for n in range(40)})
    gone: dict[str, Any] = {f"s{n}": None for n in range(40)}
    with pytest.raises(ShrinkRefused, match="40 of 40 values of subject_id would be gone"):
        build(store, BY_SUBJECT, {**gone, NULL_PARTITION: many(40)})
    assert count(store, BY_SUBJECT) == 40


# As a night is run.


def corpus_of(count: int, **more: Any) -> list[dict[str, Any]]:
    return [document(f"asset-{n}", f"{700000 + n % 20}", **more) for n in range(count)]


def changed(documents: list[dict[str, Any]], night: int, **more: Any) -> list[dict[str, Any]]:
    when = f"2025-03-{night:02}T00:00:00.000Z"
    return [{**one, "_last_modified": when, **more} for one in documents]


@pytest.mark.slow
def test_a_night_without_subjects_acquisitions_and_descriptions_changes_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = dump(tmp_path / "d.ndjson", corpus_of(40)), tmp_path / "out"
    assert zs_build(source, out) == 0
    before = tables(out)
    none = dict.fromkeys(("subject", "acquisition", "data_description"))
    dump(source, changed(corpus_of(40), 2, **none))
    assert zs_build(source, out) == 1
    said = capsys.readouterr().err
    assert "would be gone, more than 30%" in said
    assert tables(out) == before
    assert {e["state"] for e in registry(out)["acorns"] if e["name"] == "asset_basics"} == {"stale"}
    dump(source, changed(corpus_of(40), 3))
    assert zs_build(source, out) == 0
    assert {e["state"] for e in registry(out)["acorns"]} == {"fresh"}
    dump(source, changed(corpus_of(40), 4, **none))
    assert zs_build(source, out, accept_shrink=True) == 0
    assert list(facts(out, "qc")["partitions"]) == [NULL_PARTITION]


def of(platform: str, count: int) -> list[dict[str, Any]]:
    """Documents of a platform."""
    found = []
    for n in range(count):
        one = json.loads(json.dumps(document(f"{platform}-{n}", f"{700000 + n % 5}")))
        one["data_description"]["modalities"] = [{"abbreviation": platform}]
        one["quality_control"]["metrics"][0]["modality"]["abbreviation"] = platform
        one["quality_control"]["status"] = {platform: "Pass"}
        found.append(one)
    return found


@pytest.mark.slow
def test_a_platform_that_vanishes_keeps_its_rows_and_the_night_is_red(tmp_path: Path) -> None:
    source, out = tmp_path / "d.ndjson", tmp_path / "out"
    dump(source, [*of("SPIM", 12), *of("ecephys", 60)])
    assert zs_build(source, out) == 0
    before = facts(out, "platform_qc")["partitions"]
    assert before["spim"]["rows"] >= 10
    dump(source, [*of("ecephys", 61)])
    for _ in range(2):
        assert zs_build(source, out) == 1
        now = facts(out, "platform_qc")
        assert now["partitions"]["spim"] == before["spim"]
        assert now["partitions"]["ecephys"]["rows"] > before["ecephys"]["rows"]
        assert now["state"] == "stale"
    dump(source, [*of("SPIM", 12), *of("ecephys", 60)])
    assert zs_build(source, out) == 0
    assert zs_build(source, tmp_path / "full") == 0
    assert tables(out) == tables(tmp_path / "full")


@pytest.mark.slow
def test_a_night_says_how_many_documents_went_by_platform(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "d.ndjson", tmp_path / "out"
    everything = [*of("SPIM", 12), *of("fib", 3), *of("ecephys", 20)]
    # Of a platform is a data asset without quality control as well.
    everything[0]["quality_control"] = None
    dump(source, everything)
    assert zs_build(source, out) == 0
    said = "platform_qc: documents that it had and has no longer, by platform: "
    assert said not in capsys.readouterr().out
    # One is of another platform than before.
    changed = json.loads(json.dumps(everything[-1]))
    changed["data_description"]["modalities"] = [{"abbreviation": "fib"}]
    dump(source, [*everything[4:12], *everything[13:-1], changed])
    assert zs_build(source, out) == 0
    assert f"{said}4 of 12 of spim, 1 of 3 of fib, 1 of 20 of ecephys\n" in capsys.readouterr().out
    assert zs_build(source, out) == 0
    assert said not in capsys.readouterr().out
    assert zs_build(source, tmp_path / "full") == 0
    assert tables(out) == tables(tmp_path / "full")
