"""`custom`: frames that come back as they were, three outcomes, names, two writers, old folders."""

import itertools
import json
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import client_store
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stores import Crash, FaultyProxy, Watched, contents, every, memory

from zs_client import frame_files
from zs_client import user_tables as module
from zs_client.acorns import TABLES
from zs_client.contract import Layout, __version__
from zs_client.errors import (
    AcornNotFound,
    Conflict,
    CustomConflict,
    CustomNotFound,
    ReadError,
    StoreError,
)
from zs_client.opening import open_store
from zs_client.place import Place
from zs_client.store import Store
from zs_client.user_tables import (
    content,
    custom,
    custom_delete,
    custom_history,
    custom_tables,
)

pytest_plugins = ("stores",)

COPY = f"data-asset-cache/zs-v{__version__}"


@pytest.fixture
def here(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store, one of each kind, that the functions use."""
    monkeypatch.setenv("ZS_STORE", store.url)
    return store


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store in memory that the functions use."""
    opened = memory()
    monkeypatch.setenv("ZS_STORE", opened.url)
    return opened


def frame(*values: int) -> pd.DataFrame:
    return pd.DataFrame({"a": list(values)}, dtype="int64")


def parquet(*values: int) -> bytes:
    return frame_files.encode("x", frame(*values), {})[0]


def values(name: str = "x", **more: str) -> list[int]:
    return custom(name, **more)["a"].tolist()


# What comes back


def test_a_frame_comes_back_from_every_kind_of_store(here: Store) -> None:
    given = frame(1, 2)
    stored = custom("x", given)
    pd.testing.assert_frame_equal(stored, given)
    pd.testing.assert_frame_equal(custom("x"), given)
    assert stored.attrs == custom("x").attrs
    assert given.attrs == {}


def test_it_lies_at_the_fixed_path_and_in_the_version_folder_as_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    custom("x", frame(1, 2))
    home = tmp_path / "data-asset-cache/custom/x.pqt"
    assert pd.read_parquet(home)["a"].tolist() == [1, 2]
    assert (tmp_path / COPY / "x.pqt").read_bytes() == home.read_bytes()
    # A glob over the home sees each row once.
    assert [p.name for p in home.parent.rglob("*.pqt")] == ["x.pqt"]


KINDS = {
    "texts": ["a", None],
    "lists": [["a", "b"], []],
    "numbers": [1.5, np.nan],
    "whole": pd.array([1, None], "Int64"),
    "flags": [True, False],
    "category": pd.Categorical(["a", "b"]),
    "zoned": pd.to_datetime(["2025-01-01 08:00", None]).tz_localize("America/Los_Angeles"),
    "utc": pd.to_datetime(["2025-01-01 08:00", None]).tz_localize("UTC"),
    "span": pd.to_timedelta(["1 h", None]),
    "nested": [{"a": 1}, {"a": 2}],
    "nothing": [None, None],
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_come_back_as_they_were(there: Store, kind: str) -> None:
    given = pd.DataFrame({kind: KINDS[kind]})
    custom("x", given)
    found = custom("x")
    assert found.dtypes.tolist() == given.dtypes.tolist()
    pd.testing.assert_frame_equal(found, given)
    # And what was read can be stored again.
    assert custom("x", found).attrs == found.attrs


def test_a_list_column_comes_back_as_lists_or_arrays(there: Store) -> None:
    custom("x", pd.DataFrame({"a": [["b", "c"], None]}))
    first, second = custom("x")["a"]
    assert list(first) == ["b", "c"]
    assert second is None


def test_an_arrow_table_can_be_stored_too(there: Store) -> None:
    stored = custom("x", pa.table({"a": pa.array([1, 2], pa.int8())}))
    assert stored["a"].tolist() == [1, 2] == values()
    assert custom("x")["a"].dtype == "int8"
    assert stored.attrs == custom("x").attrs


def test_the_row_index_is_not_stored_and_one_with_a_name_is_missed_aloud(there: Store) -> None:
    custom("x", frame(1, 2, 3).query("a > 1"))
    assert custom("x").index.tolist() == [0, 1]
    with pytest.warns(UserWarning, match=r"index \(b\) is not stored; reset_index\(\)") as told:
        custom("x", frame(1).rename_axis("b"))
    assert told[0].filename == __file__


def test_what_hangs_on_a_frame_comes_back_and_does_not_name_another_state(there: Store) -> None:
    given = frame(1)
    given.attrs["unit"] = "mm"
    stored = custom("x", given)
    assert (
        custom("x").attrs
        == stored.attrs
        == {"unit": "mm", "custom_state": stored.attrs["custom_state"]}
    )
    assert custom("x", custom("x")).attrs == stored.attrs


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (pd.DataFrame({1: [1]}), "column 1 has a name that is no text"),
        (pd.DataFrame({("a", "b"): [1]}), r"column \('a', 'b'\) has a name that is no text"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names"),
        (pa.table([[1], [2]], ["a", "a"]), "columns need names, each its own"),
        (pd.DataFrame({"": [1]}), "columns need names"),
        (pd.DataFrame(), "there must be one at least"),
        (
            pd.DataFrame({"a": [1, "x"]}),
            "parquet: Could not convert 'x' .*; Conversion .* column a",
        ),
        (pd.DataFrame({"a": [1 + 2j]}), "column a"),
        (pd.DataFrame({"a": [object()]}), "did not recognize"),
        (pd.DataFrame({"a": [10**30]}), "too large"),
        (pd.DataFrame({"a": pd.Series(["\ud800"], dtype=object)}), "surrogates"),
        (pd.DataFrame({"a": [{}]}), "no child field"),
        (pd.DataFrame({"a": [{"a": 1}, {"b": [1, 2]}]}), "'a' has dicts of different keys"),
        (pd.DataFrame({"a": [{"a": 1}, {"a": 2, "b": None}]}), "'a' has dicts of different keys"),
        (pd.DataFrame({"a": [[{"a": 1}], [{"b": 1}]]}), "'a' has dicts of different keys"),
        (pd.DataFrame({"a": [{"k": {"a": 1}}, {"k": {}}]}), "'a' has dicts of different keys"),
        ([1, 2], "a list, no pandas DataFrame"),
        (pd.Series([1]), "a Series, no pandas DataFrame, polars DataFrame or pyarrow"),
    ],
)
def test_what_cannot_be_stored_says_why_and_writes_nothing(
    there: Store, odd: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=f"custom table 'x'.*{reason}"):
        custom("x", odd)
    assert contents(there) == {}


VALUES = st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), max_size=2))
DICTS = st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1, max_size=2)


@given(st.lists(st.one_of(DICTS, st.none()), min_size=1, max_size=4))
def test_dicts_come_back_as_they_were_or_are_refused(rows: list[dict[str, Any] | None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZS_STORE", f"memory://{uuid.uuid4().hex}")
        try:
            custom("x", pd.DataFrame({"a": pd.Series(rows, dtype=object)}))
        except ValueError:
            return
        found = custom("x")["a"]
    plain = [
        row and {k: v.tolist() if hasattr(v, "tolist") else v for k, v in row.items()}
        for row in (None if not isinstance(row, dict) else row for row in found)
    ]
    assert plain == rows


# Not there, empty, unreadable


def test_what_is_not_there_is_not_found_and_says_what_is(here: Store) -> None:
    with pytest.raises(CustomNotFound, match="there are none"):
        custom("mice")
    custom("mice", frame(1))
    custom("rats", frame(1))
    with pytest.raises(CustomNotFound, match=r"'mcie'.*custom/mcie\.pqt.*alike are mice\."):
        custom("mcie")
    with pytest.raises(CustomNotFound, match=r"there are mice, rats\."):
        custom("zebrafish")
    for ask in (custom_history, lambda name: content(here, Layout(__version__), name)):
        with pytest.raises(CustomNotFound):
            ask("zebrafish")


def test_not_found_is_what_scripts_of_old_catch_and_what_new_ones_do() -> None:
    assert issubclass(CustomNotFound, AcornNotFound)
    assert issubclass(CustomNotFound, ValueError)
    for other in (ReadError, StoreError, CustomConflict):
        assert not issubclass(other, ValueError)


def test_an_empty_table_is_an_empty_frame_with_its_columns(here: Store) -> None:
    custom("x", frame().assign(b="text"))
    assert custom("x").columns.tolist() == ["a", "b"]
    assert len(custom("x")) == 0


@pytest.mark.parametrize("home", ["custom/x.pqt", f"zs-v{__version__}/x.pqt", "zs-v0.28.6/x.pqt"])
def test_what_cannot_be_read_is_an_error_and_nothing_older_stands_in(
    here: Store, home: str
) -> None:
    here.put("data-asset-cache/zs-v0.1.0/x.pqt", parquet(1))
    here.put(f"data-asset-cache/{home}", b"PAR1 and no more")
    with pytest.raises(ReadError, match=rf"{home}: is no readable parquet"):
        custom("x")


def test_a_store_that_fails_is_an_error_and_not_not_there(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    for ask in (lambda: custom("x"), lambda: custom_history("x"), custom_tables):
        with proxy.failing(lambda method, number: "403"), pytest.raises(ReadError, match="403"):
            ask()
    # The two fixed places say that it is not there, and the folders cannot be listed.
    with proxy.failing(lambda method, number: "" if number < 3 else "403"):
        proxy.seen.clear()
        with pytest.raises(ReadError, match="403"):
            custom("x")


def test_what_s3_refuses_now_and_then_changes_nothing(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    for fault in ("503", "drop", "lost"):
        with proxy.failing(every(3, fault)):
            before = custom(fault, frame(1))
            custom(fault, frame(2), expect=before)
            assert values(fault) == [2]
            former = custom_history(fault)[1].state
            assert former == before.attrs["custom_state"]
            assert values(fault, state=former) == [1]


def test_a_bucket_that_is_not_there_is_named(
    proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", "s3://no-such-bucket-anywhere")
    for ask in (lambda: custom("x"), lambda: custom("x", frame(1)), custom_tables):
        with pytest.raises((ReadError, StoreError), match="no such bucket"):
            ask()


# Permissions


def test_without_permission_to_write_reading_works_and_storing_says_what_is_missing(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    before = custom("x", frame(1))
    with proxy.failing(lambda method, number: "403" if method == "PUT" else ""):
        assert values() == [1]
        for expect in (None, before):
            with pytest.raises(PermissionError, match=r"s3:PutObject under .*custom/") as error:
                custom("x", frame(2), expect=expect)
            assert s3.url in str(error.value)
    assert values() == [1]


def test_a_local_folder_that_may_not_be_written_says_so(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", folder.url)
    custom("x", frame(1))
    paths = [Path(folder.url), *Path(folder.url).rglob("*")]
    nobody = os.geteuid() == 0
    try:
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        for parent in Path(folder.url).parents if nobody else ():
            parent.chmod(parent.stat().st_mode | 0o055)
        if nobody:
            os.seteuid(65534)
        assert values() == [1]
        with pytest.raises(PermissionError, match="needs the permission to write"):
            custom("x", frame(2))
    finally:
        if nobody:
            os.seteuid(0)
        for path in paths:
            path.chmod(0o755)
    assert values() == [1]


def test_offline_they_are_not_listed_and_it_is_said_once(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_store.as_owner(monkeypatch, s3_server)
    monkeypatch.setenv("ZS_STORE", f"s3://{client_store.bucket(s3_server, public=True)}")
    monkeypatch.setenv("ZS_OFFLINE", "1")
    with pytest.raises(ReadError, match=r"^s3://bucket-\w+: offline nothing is asked"):
        custom_tables()


def test_the_public_bucket_is_read_by_all_and_written_with_credentials(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_store.as_owner(monkeypatch, s3_server)
    client_store.bucket(s3_server, public=True, name="allen-data-views")
    try:
        monkeypatch.setenv("FOREST_TYPE", "S3")
        custom("x", frame(1))
        client_store.nobody(monkeypatch, s3_server)
        monkeypatch.setenv("FOREST_TYPE", "S3")
        assert values() == [1]
        with pytest.raises(PermissionError, match="s3:PutObject"):
            custom("x", frame(2))
        assert values() == [1]
    finally:
        owner = client_store.client(s3_server)
        for entry in owner.list_objects_v2(Bucket="allen-data-views").get("Contents", []):
            owner.delete_object(Bucket="allen-data-views", Key=entry["Key"])
        owner.delete_bucket(Bucket="allen-data-views")


# Names


PATHS = ("/x", "x/", "a/b", "../x", "..", ".", ".hidden", "a\\b", "qc/828418", "data/../x")
ODD = (
    "",
    " ",
    " x",
    "x ",
    "x.",
    "a\nb",
    "a\0b",
    "x\n",
    "a*",
    "a?",
    "a%2Fb",
    "a=b",
    "a:b",
    "~",
    "🐭",
)
RESERVED = (
    *("squirrel", "zombie-squirrels", "custom", "_objects", "_custom", "SQUIRREL"),
    *("qc", "quality_control", "asset_basics", "Asset_Basics", "platform_fib", "metadata_upgrade"),
    *("assets_smartspim", "foraging_sessions", "behavior_curriculum", "data_asset_problems"),
)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (PATHS, "is a path"),
        (ODD, "a custom table('s name is of|  needs a name| needs a name)"),
        (RESERVED, "the name of an acorn|is reserved"),
        (("x" * 101, "é" * 51, "x" * 10_000), "has at most 100"),
    ],
)
def test_a_name_that_is_none_is_refused_and_nothing_is_written(
    there: Store, names: tuple[str, ...], reason: str
) -> None:
    for name in names:
        for ask in (
            lambda name: custom(name, frame(1)),
            custom,
            custom_history,
        ):
            with pytest.raises(ValueError, match=reason) as error:
                ask(name)
            assert not isinstance(error.value, CustomNotFound)
            assert len(str(error.value)) < 300
    assert contents(there) == {}


def test_every_acorn_and_its_folder_is_refused(there: Store) -> None:
    for line in TABLES:
        for name in line[:2]:
            with pytest.raises(ValueError, match="the name of an acorn"):
                custom(name, frame(1))


def test_a_name_that_is_no_text_is_refused(there: Store) -> None:
    with pytest.raises(TypeError, match="a text, not 5"):
        custom(5)


@pytest.mark.parametrize("name", ["two words", "Mäuse", "v1.2_final-3", "x" * 100, "0", "-", "A.b"])
def test_names_as_people_write_them_work_everywhere(here: Store, name: str) -> None:
    custom(name, frame(1))
    assert values(name) == [1]
    assert [t.name for t in custom_tables()] == [name]


@example("../asset_basics").via("a path")
@example("a\u0301").via("a letter in two parts")
@example("K").via("the Kelvin sign, whose small letter is a k")
@given(st.text(max_size=120) | st.text(st.sampled_from("ab./\\_- ~%\0é"), max_size=12))
def test_any_name_is_refused_or_stays_in_its_folders(name: str) -> None:
    store = memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZS_STORE", store.url)
        try:
            custom(name, frame(1))
        except ValueError:
            assert contents(store) == {}
            return
        assert values(name) == [1]
        found = set(contents(store))
        state = custom(name).attrs["custom_state"]
    assert found == {
        f"data-asset-cache/custom/{name}.pqt",
        f"data-asset-cache/custom/{name}.json",
        f"data-asset-cache/_custom/{name}/{state}.pqt",
        f"{COPY}/{name}.pqt",
    }


# Two writers


def test_of_two_that_read_the_same_state_the_second_is_told(here: Store) -> None:
    custom("x", frame(1))
    mine, yours = custom("x"), custom("x")
    custom("x", pd.concat([yours, frame(2)]), expect=yours)
    with pytest.raises(CustomConflict, match=r"'x' of .* changed by another writer.*read it again"):
        custom("x", pd.concat([mine, frame(3)]), expect=mine)
    assert values() == [1, 2]
    again = custom("x")
    custom("x", pd.concat([again, frame(3)]), expect=again)
    assert values() == [1, 2, 3]


def test_what_storing_returned_can_be_expected_and_so_can_a_frame_changed_in_place(
    there: Store,
) -> None:
    df = custom("x", frame(1), expect="absent")
    df["a"] += 1
    df = custom("x", df, expect=df)
    df["a"] += 1
    custom("x", df, expect=df.attrs["custom_state"])
    assert values() == [3]


def test_absent_is_expected_by_the_first_writer_only(here: Store) -> None:
    custom("x", frame(1), expect="absent")
    with pytest.raises(CustomConflict, match="expected was no table, and there is state"):
        custom("x", frame(2), expect="absent")
    with pytest.raises(CustomConflict, match="and there is no table"):
        custom("y", frame(2), expect=custom("x"))
    assert values() == [1]
    assert [t.name for t in custom_tables()] == ["x"]


@pytest.mark.parametrize("expect", [pd.DataFrame({"a": [1]}), "", "yesterday", 5, []])
def test_an_expectation_that_is_none_is_refused(there: Store, expect: object) -> None:
    with pytest.raises(ValueError, match="merge and concat"):
        custom("x", frame(1), expect=expect)
    assert contents(there) == {}


def test_expect_is_for_storing_and_state_for_reading(there: Store) -> None:
    with pytest.raises(ValueError, match="expect= is for storing"):
        custom("x", expect="absent")
    with pytest.raises(ValueError, match="state= is for reading"):
        custom("x", frame(1), state="0" * 64)


def test_without_expect_the_last_one_wins_and_the_former_content_stays(here: Store) -> None:
    for number in range(3):
        custom("x", frame(number))
    assert values() == [2]
    history = custom_history("x")
    assert [values(state=t.state) for t in history] == [[2], [1], [0]]
    assert [(t.name, t.rows) for t in history] == [("x", 1)] * 3
    times = [t.written_at for t in history]
    assert times == sorted(times, reverse=True)
    assert abs((datetime.now(UTC) - times[0]).total_seconds()) < 60
    # A former state comes back as it was read.
    custom("x", custom("x", state=history[2].state))
    assert values() == [0]
    assert [t.state for t in custom_history("x")] == [history[i].state for i in (2, 0, 1)]


def test_a_state_that_it_never_had_is_not_found(there: Store) -> None:
    custom("x", frame(1))
    for state in ("0" * 64, "", "../x", "yesterday"):
        with pytest.raises(CustomNotFound, match="custom_history"):
            custom("x", state=state)


def test_what_was_put_there_by_other_means_is_read_expected_and_kept(here: Store) -> None:
    custom("x", frame(1))
    here.put("data-asset-cache/custom/x.pqt", parquet(7, 8))
    before = custom("x")
    assert before["a"].tolist() == [7, 8]
    assert [t.rows for t in custom_history("x")] == [2, 1]
    assert values(state=before.attrs["custom_state"]) == [7, 8]
    custom("x", frame(2), expect=before)
    assert [t.rows for t in custom_history("x")] == [1, 1, 2]
    assert values(state=before.attrs["custom_state"]) == [7, 8]


def test_many_writers_that_count_lose_nothing(here: Store) -> None:
    custom("x", frame(0))

    def count(_: int) -> None:
        for _ in range(3):
            while True:
                read = custom("x")
                try:
                    custom("x", read + 1, expect=read)
                except CustomConflict:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert values() == [12]
    assert {values(state=t.state)[0] for t in custom_history("x")} == set(range(13))
    assert here.get(f"{COPY}/x.pqt") == here.get("data-asset-cache/custom/x.pqt")


@pytest.mark.parametrize("operation", range(1, 16))
def test_between_any_two_steps_of_one_writer_another_may_come(operation: int) -> None:
    """The other one stores between two requests; without `expect` one of them is last, whole."""
    store = memory()
    slow = Watched(store)
    steps = itertools.count(1)

    def interfere(name: str, key: str) -> None:
        if next(steps) == operation:
            module._store(store, Layout(__version__), "x", parquet(2), 1, None)

    module._store(store, Layout(__version__), "x", parquet(0), 1, None)
    slow.before = interfere
    module._store(slow, Layout(__version__), "x", parquet(1), 1, None)
    home = store.get("data-asset-cache/custom/x.pqt")
    assert home in (parquet(1), parquet(2))
    assert store.get(f"{COPY}/x.pqt") == home
    kept = {e["state"] for e in module._history(store, "x")}
    came = next(steps) > operation
    assert kept == {module._digest(parquet(n)) for n in ((0, 1, 2) if came else (0, 1))}
    for state in kept:
        assert store.exists(f"data-asset-cache/_custom/x/{state}.pqt")


@pytest.mark.parametrize("operation", range(1, 16))
def test_with_expect_another_that_comes_between_is_never_undone(operation: int) -> None:
    store = memory()
    steps = itertools.count(1)
    slow = Watched(store)

    def interfere(name: str, key: str) -> None:
        if next(steps) == operation:
            module._store(store, Layout(__version__), "x", parquet(2), 1, None)

    module._store(store, Layout(__version__), "x", parquet(0), 1, None)
    slow.before = interfere
    home = "data-asset-cache/custom/x.pqt"
    try:
        module._store(slow, Layout(__version__), "x", parquet(1), 1, module._digest(parquet(0)))
    except CustomConflict:
        assert store.get(home) == parquet(2)
    else:
        came = next(steps) > operation
        assert store.get(home) == (parquet(2) if came else parquet(1))
    assert store.get(f"{COPY}/x.pqt") == store.get(home)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("operation", range(1, 12))
def test_a_writer_that_is_killed_leaves_whole_files_and_the_next_one_mends(
    operation: int, after: bool
) -> None:
    store = memory()
    module._store(store, Layout(__version__), "x", parquet(0), 1, None)
    try:
        killed = Watched(store, operation, after=after)
        module._store(killed, Layout(__version__), "x", parquet(1), 1, None)
    except Crash:
        for key in ("data-asset-cache/custom/x.pqt", f"{COPY}/x.pqt"):
            assert store.get(key) in (parquet(0), parquet(1))
    module._store(store, Layout(__version__), "x", parquet(2), 1, None)
    home = store.get("data-asset-cache/custom/x.pqt")
    assert home == store.get(f"{COPY}/x.pqt") == parquet(2)
    states = [e["state"] for e in module._history(store, "x")]
    assert states[-1] == module._digest(parquet(2))
    assert module._digest(parquet(0)) in states


def test_a_writer_that_is_always_overtaken_ends_with_a_conflict() -> None:
    store = memory()
    slow = Watched(store)
    numbers = itertools.count(2)

    def interfere(name: str, key: str) -> None:
        if name == "replace" and key.endswith(".pqt"):
            store.put("data-asset-cache/custom/x.pqt", parquet(next(numbers)))

    slow.before = interfere
    with pytest.raises(Conflict, match="20 times another writer was faster"):
        module._store(slow, Layout(__version__), "x", parquet(1), 1, None)


def test_a_history_that_is_damaged_is_an_error_before_anything_is_written(here: Store) -> None:
    custom("x", frame(1))
    here.put("data-asset-cache/custom/x.json", b"{")
    before = contents(here)
    for ask in (lambda: custom("x", frame(2)), lambda: custom_history("x"), custom_tables):
        with pytest.raises(ReadError, match=r"x\.json: is no history"):
            ask()
    assert contents(here) == before
    assert values() == [1]


# Versions


def test_a_new_version_reads_and_replaces_what_the_old_one_stored(
    here: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    custom("x", frame(1))
    monkeypatch.setenv("ZS_VERSION", "2.0.0")
    before = custom("x")
    custom("x", frame(2), expect=before)
    assert values() == [2]
    monkeypatch.setenv("ZS_VERSION", __version__)
    assert values() == [2]
    # The former version's folder is not touched any more.
    assert here.get(f"{COPY}/x.pqt") == parquet(1)
    assert here.get("data-asset-cache/zs-v2.0.0/x.pqt") == here.get("data-asset-cache/custom/x.pqt")


def test_a_table_of_old_is_found_in_the_newest_folder_by_number(here: Store) -> None:
    for number, version in enumerate(("0.9.0", "0.28.6", "0.10.12")):
        here.put(Layout(version).table("x"), parquet(number))
    here.put("data-asset-cache/zs-vnext/x.pqt", b"of no version")
    here.put("data-asset-cache/0.99/x.pqt", b"of no version")
    assert values() == [1]
    # Its own version goes before those, and the home before all.
    here.put(f"{COPY}/x.pqt", parquet(8))
    assert values() == [8]
    here.put("data-asset-cache/custom/x.pqt", parquet(9))
    assert values() == [9]


@pytest.mark.parametrize("version", ["0.28.6", __version__])
def test_of_two_that_read_a_table_of_old_the_second_is_told(here: Store, version: str) -> None:
    here.put(Layout(version).table("x"), parquet(1))
    before = custom("x")
    custom("x", frame(2), expect=before)
    with pytest.raises(CustomConflict):
        custom("x", frame(3), expect=before)
    assert [t.rows for t in custom_history("x")] == [1, 1]
    assert values(state=before.attrs["custom_state"]) == [1]
    if version != __version__:
        assert here.get(Layout(version).table("x")) == parquet(1)


def test_only_the_newest_folder_that_has_it_is_read(there: Store) -> None:
    there.put(Layout("0.1.0").table("x"), parquet(1))
    there.put(Layout("0.28.6").table("y"), parquet(1))
    assert values() == [1]


# What is listed, and what lies there


def test_tables_are_listed_with_rows_bytes_and_time(here: Store) -> None:
    assert custom_tables() == []
    custom("b", frame(1, 2))
    custom("a", frame(1))
    custom("a", frame(1, 2, 3))
    here.put("data-asset-cache/custom/other.pqt", parquet(*range(1000)))
    found = custom_tables()
    assert [(t.name, t.rows) for t in found] == [("a", 3), ("b", 2), ("other", None)]
    assert [t.bytes for t in found] == [
        len(here.get(f"data-asset-cache/custom/{t.name}.pqt")) for t in found
    ]
    assert all(t.written_at.tzinfo for t in found)
    assert found[0] == custom_history("a")[0]
    assert custom_tables(here.url) == found


def test_the_pipeline_reads_a_table_as_arrow_with_its_state(there: Store) -> None:
    stored = custom("x", frame(1))
    table, state = content(there, Layout(__version__), "x")
    assert table.to_pydict() == {"a": [1]}
    assert state == stored.attrs["custom_state"]


def test_what_did_not_change_is_not_written_again(
    s3: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    custom("x", frame(1))
    proxy.seen.clear()
    custom("x", frame(1))
    put = [path for method, path in proxy.seen if method == "PUT"]
    assert [path.rsplit("/", 1)[-1] for path in put] == ["x.json"]


def test_objects_that_never_change_are_kept_by_browsers_and_others_are_not(
    s3: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", s3.url)
    custom("x", frame(1))
    told = {}
    for key in contents(s3):
        head = boto3.client("s3").head_object(Bucket=s3.url.removeprefix("s3://"), Key=key)
        told[key.split("/")[1]] = (head["CacheControl"], head["ContentType"])
    parquet_type = "application/vnd.apache.parquet"
    assert told["_custom"] == ("public, max-age=31536000, immutable", parquet_type)
    assert told[f"zs-v{__version__}"] == ("public, max-age=60", parquet_type)


def test_the_history_keeps_to_a_length_and_the_objects_stay(
    there: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LISTED", 3)
    states = [custom("x", frame(n)).attrs["custom_state"] for n in range(5)]
    assert [t.state for t in custom_history("x")] == states[:1:-1]
    assert values(state=states[0]) == [0]
    assert json.loads(there.get("data-asset-cache/custom/x.json"))["name"] == "x"


# Removal


def test_what_was_removed_is_absent_and_its_states_can_be_stored_again(here: Store) -> None:
    states = [custom("x", frame(n)).attrs["custom_state"] for n in range(2)]
    custom("y", frame(7))
    removed = custom_delete("x")
    assert (removed.state, removed.rows) == (states[1], 1)
    assert removed.written_at is not None
    kept = [key for key in contents(here) if "/x" in key]
    assert {key.split("/")[1] for key in kept} == {"custom", "_custom"}
    assert [key for key in kept if key.endswith("/x.pqt")] == []
    for read in (values, lambda: custom_delete("x")):
        with pytest.raises(CustomNotFound, match=r"'x' of .* was removed at 20.*custom_history"):
            read()
    assert [table.name for table in custom_tables()] == ["y"]
    assert [table.state for table in custom_history("x")] == states[::-1]
    assert [values(state=state) for state in states] == [[0], [1]]
    custom("x", custom("x", state=removed.state))
    assert values() == [1]
    assert [table.state for table in custom_history("x")] == states[::-1]
    assert [table.name for table in custom_tables()] == ["x", "y"]


def test_a_removal_expects_a_state(there: Store) -> None:
    first = custom("x", frame(1))
    custom("x", frame(2))
    before = contents(there)
    with pytest.raises(CustomConflict, match="changed by another writer"):
        custom_delete("x", expect=first)
    assert contents(there) == before
    custom_delete("x", expect=custom("x"))
    with pytest.raises(CustomConflict, match="there is no table"):
        custom("x", frame(3), expect=first)


def test_of_a_removed_table_no_older_copy_is_read(there: Store) -> None:
    older = "data-asset-cache/zs-v0.28.6/x.pqt"
    there.put(older, parquet(1))
    assert values() == [1]
    assert custom_delete("x").state == module._digest(parquet(1))
    assert there.exists(older)
    with pytest.raises(CustomNotFound, match="was removed"):
        custom("x")
    assert values(state=custom_history("x")[0].state) == [1]
    assert module.named("x", Place(there, Layout(__version__))) is None
    with pytest.raises(CustomNotFound, match="there is no custom table"):
        custom_delete("z")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_write_of_a_removal_loses_no_state(
    after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 10):
        store = memory()
        monkeypatch.setenv("ZS_STORE", store.url)
        store.put("data-asset-cache/custom/x.pqt", parquet(1))
        try:
            module._remove(Watched(store, number, after=after), Layout(__version__), "x", None)
            break
        except Crash:
            assert values(state=module._digest(parquet(1))) == [1]
            with suppress(CustomNotFound):
                assert values() == [1]
                custom_delete("x")
        with pytest.raises(CustomNotFound):
            custom("x")
        assert [table.rows for table in custom_history("x")] == [1]
    assert number > 3


def test_who_may_not_remove_is_told_which_right_it_needs(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_store.as_owner(monkeypatch, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=True)}"
    monkeypatch.setenv("ZS_STORE", url)
    custom("x", frame(1))
    client_store.nobody(monkeypatch, s3_server)
    monkeypatch.setenv("ZS_STORE", url)
    with pytest.raises(PermissionError, match=r"removing it needs .*s3:DeleteObject under"):
        custom_delete("x")
    assert values() == [1]


def test_a_store_that_is_no_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZS_STORE", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="no such folder"):
        custom("x", frame(1))
    assert open_store(tmp_path).url == str(tmp_path)
