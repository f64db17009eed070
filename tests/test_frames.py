"""A pickled frame is read, and nothing that its pickle asks for is ever run."""

import base64
import contextlib
import copyreg
import datetime as dt
import io
import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zs_client import opening
from zs_pipeline.side_files import pickled_calls as calls
from zs_pipeline.side_files import pickled_frame as frames
from zs_pipeline.side_files.pickled_calls import RefusedPickle, UnreadableFrame
from zs_pipeline.side_files.pickled_frame import read_frame

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"

# Written by pandas 2.2.3 with numpy 1.26.4: pickle.dumps(FRAME, protocol=4), FRAME as below.
BY_PANDAS_2 = base64.b64decode(
    """
    gASVcQcAAAAAAACMEXBhbmRhcy5jb3JlLmZyYW1llIwJRGF0YUZyYW1llJOUKYGUfZQojARfbWdylIwecGFuZGFzLmNvcmUu
    aW50ZXJuYWxzLm1hbmFnZXJzlIwMQmxvY2tNYW5hZ2VylJOUKIwWcGFuZGFzLl9saWJzLmludGVybmFsc5SMD191bnBpY2ts
    ZV9ibG9ja5STlIwVbnVtcHkuY29yZS5tdWx0aWFycmF5lIwMX3JlY29uc3RydWN0lJOUjAVudW1weZSMB25kYXJyYXmUk5RL
    AIWUQwFilIeUUpQoSwFLAUsChpRoD4wFZHR5cGWUk5SMAk84lImIh5RSlChLA4wBfJROTk5K/////0r/////Sz90lGKJXZQo
    jAc0NDctMS1ElE5ldJRijAhidWlsdGluc5SMBXNsaWNllJOUSwBLAUsBh5RSlEsCh5RSlGgLaA5oEUsAhZRoE4eUUpQoSwFL
    AUsChpRoGIwCaTiUiYiHlFKUKEsDjAE8lE5OTkr/////Sv////9LAHSUYolDEAwAAAAAAAAAAAAAAAAAAACUdJRiaCNLAUsC
    SwGHlFKUSwKHlFKUaAtoDmgRSwCFlGgTh5RSlChLAUsBSwKGlGgYjAJmOJSJiIeUUpQoSwNoL05OTkr/////Sv////9LAHSU
    YolDEAAAAAAAAOA/AAAAAAAA+H+UdJRiaCNLAksDSwGHlFKUSwKHlFKUaAuME3BhbmRhcy5fbGlicy5hcnJheXOUjBxfX3B5
    eF91bnBpY2tsZV9OREFycmF5QmFja2VklJOUjBxwYW5kYXMuY29yZS5hcnJheXMuZGF0ZXRpbWVzlIwNRGF0ZXRpbWVBcnJh
    eZSTlEofBvEEToeUUpSMGXBhbmRhcy5jb3JlLmR0eXBlcy5kdHlwZXOUjA9EYXRldGltZVRaRHR5cGWUk5QpgZR9lCiMBHVu
    aXSUjAJuc5SMAnR6lIwIZGF0ZXRpbWWUjAh0aW1lem9uZZSTlGhVjAl0aW1lZGVsdGGUk5RK/////00A4UsAh5RSlIWUUpR1
    YmgOaBFLAIWUaBOHlFKUKEsBSwFLAoaUaBiMAk04lImIh5RSlChLBGgvTk5OSv////9K/////0sAfZQoQwJuc5RLAUsBSwF0
    lIaUdJRiiUMQAABzG0yvuBcAAAAAAAAAgJR0lGJ9lIeUYmgjSwNLBEsBh5RSlEsCh5RSlHSUXZQojBhwYW5kYXMuY29yZS5p
    bmRleGVzLmJhc2WUjApfbmV3X0luZGV4lJOUjBlwYW5kYXMuY29yZS5pbmRleGVzLm11bHRplIwKTXVsdGlJbmRleJSTlH2U
    KIwGbGV2ZWxzlF2UKGh2aHSMBUluZGV4lJOUfZQojARkYXRhlGgOaBFLAIWUaBOHlFKUKEsBSwKFlGgbiV2UKIwIbWV0YWRh
    dGGUjA1zZXNzaW9uX3N0YXRzlGV0lGKMBG5hbWWUjAR0eXBllHWGlFKUaHZofn2UKGiAaA5oEUsAhZRoE4eUUpQoSwFLBIWU
    aBuJXZQojA9maW5pc2hlZF90cmlhbHOUjAxmb3JhZ2luZ19lZmaUjANyaWeUjAVzdGFydJRldJRiaImMCHZhcmlhYmxllHWG
    lFKUZYwFY29kZXOUXZQoaA5oEUsAhZRoE4eUUpQoSwFLBIWUaBiMAmkxlImIh5RSlChLA2gcTk5OSv////9K/////0sAdJRi
    iUMEAAEBAJR0lGJoDmgRSwCFlGgTh5RSlChLAUsEhZRoo4lDBAIAAQOUdJRiZYwJc29ydG9yZGVylE6MBW5hbWVzlF2UKGiK
    aJhldYaUUpRodmh5fZQoaHtdlChodmh+fZQoaIBoDmgRSwCFlGgTh5RSlChLAUsBhZRoG4ldlIwGNjk3OTI5lGF0lGJoiYwK
    c3ViamVjdF9pZJR1hpRSlGh2aH59lChogGgOaBFLAIWUaBOHlFKUKEsBSwGFlGgbiV2UjAoyMDI0LTAzLTAxlGF0lGJoiYwM
    c2Vzc2lvbl9kYXRllHWGlFKUaHZofn2UKGiAaA5oEUsAhZRoE4eUUpQoSwFLAYWUaD2JQwgAAAAAAADwP5R0lGJoiYwHc2Vz
    c2lvbpR1hpRSlGh2aH59lChogGgOaBFLAIWUaBOHlFKUKEsBSwKFlGguiUMQAAAAAAAAAAABAAAAAAAAAJR0lGJoiYwKbndi
    X3N1ZmZpeJR1hpRSlGVom12UKGgOaBFLAIWUaBOHlFKUKEsBSwKFlGijiUMCAACUdJRiaA5oEUsAhZRoE4eUUpQoSwFLAoWU
    aKOJQwIAAJR0lGJoDmgRSwCFlGgTh5RSlChLAUsChZRoo4lDAgD/lHSUYmgOaBFLAIWUaBOHlFKUKEsBSwKFlGijiUMCAAGU
    dJRiZWitTmiuXZQoaLxox2jRaNtldYaUUpRlhpRSlIwEX3R5cJSMCWRhdGFmcmFtZZSMCV9tZXRhZGF0YZRdlIwFYXR0cnOU
    fZSMBl9mbGFnc5R9lIwXYWxsb3dzX2R1cGxpY2F0ZV9sYWJlbHOUiHN1Yi4=
    """
)
FRAME = pd.DataFrame(
    {
        ("metadata", "rig"): ["447-1-D", None],
        ("session_stats", "finished_trials"): [12, 0],
        ("session_stats", "foraging_eff"): [0.5, np.nan],
        ("metadata", "start"): pd.to_datetime(["2024-03-01T08:00:00-08:00", None]),
    },
    index=pd.MultiIndex.from_tuples(
        [("697929", "2024-03-01", 1.0, 0), ("697929", "2024-03-01", np.nan, 1)],
        names=["subject_id", "session_date", "session", "nwb_suffix"],
    ),
)
FRAME.columns = pd.MultiIndex.from_tuples(FRAME.columns, names=["type", "variable"])


class Call:
    """Pickles as a call of anything with anything, and the state set on its result."""

    def __init__(self, what: Any, *args: Any, state: Any = None) -> None:
        self.made = (what, args) if state is None else (what, args, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made

    def __call__(self) -> None:
        """Never called: pickle writes calls of what can be called only."""


def named(module: str, name: str, rest: bytes = b"") -> bytes:
    """A pickle that asks for a name, in two texts, and then for the rest."""
    texts = (b"\x8c" + struct.pack("B", len(t)) + t for t in (module.encode(), name.encode()))
    return b"\x80\x04" + b"".join(texts) + b"\x93" + rest + b"."


def frame_with(value: Any, protocol: int = 4) -> bytes:
    """A frame's pickle with a value in the midst of its column of objects."""
    objects = pd.DataFrame({"a": pd.Series(["x", value], dtype=object)})
    return pickle.dumps(objects, protocol)


# What is read


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_frame_of_the_installed_pandas_comes_back_as_it_was(protocol: int) -> None:
    pd.testing.assert_frame_equal(read_frame(pickle.dumps(FRAME, protocol)), FRAME)


def test_a_frame_pickled_by_pandas_2_and_numpy_1_is_read() -> None:
    read = read_frame(BY_PANDAS_2)
    assert list(read.index.names) == list(FRAME.index.names)
    assert list(read.columns) == list(FRAME.columns)
    assert read["metadata"]["rig"].tolist() == ["447-1-D", None]
    assert read["session_stats"]["finished_trials"].tolist() == [12, 0]
    assert read["metadata"]["start"].iloc[0] == pd.Timestamp("2024-03-01T16:00:00Z")
    pd.testing.assert_frame_equal(read, pd.read_pickle(io.BytesIO(BY_PANDAS_2)))


@pytest.mark.real
def test_the_table_of_sessions_of_the_corpus_is_read() -> None:
    path = CORPUS / "s3" / "df_sessions__generated.pkl"
    if not path.exists():
        pytest.skip(f"no corpus of real documents at {CORPUS}")
    read = read_frame(path.read_bytes())
    assert read.shape == (28, 18)
    assert read.index.names == ["subject_id", "session_date", "session", "nwb_suffix"]
    # Made by us, and so safe to read with pandas: both give the same.
    pd.testing.assert_frame_equal(read, pd.read_pickle(path))


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, None], dtype="Int64"),
        pd.array([1.5, None], dtype="Float64"),
        pd.array([True, None], dtype="boolean"),
        pd.array(["a", None], dtype="string"),
        pd.array(["a", None], dtype=pd.StringDtype("python")),
        pd.Categorical(["a", None], categories=["b", "a"], ordered=True),
        pd.to_datetime(["2024-03-01", None]),
        pd.to_datetime(["2024-03-01", None]).tz_localize("UTC"),
        pd.to_datetime(["2024-07-01", None]).tz_localize("America/Los_Angeles"),
        pd.to_timedelta([1, None], unit="s"),
        pd.array([1, None], dtype="int64[pyarrow]"),
        np.array([1, 2], dtype=">i4"),
        np.array([True, False]),
        np.array([1, 2], dtype="u1"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_a_column_of_any_common_type_comes_back_as_it_was(column: Any) -> None:
    frame = pd.DataFrame({"a": column, "b": [1, 2]})
    pd.testing.assert_frame_equal(read_frame(pickle.dumps(frame)), frame)


def test_objects_of_common_types_come_back_as_they_were() -> None:
    values = [
        *(None, "x", 1, 2.5, True, b"x", np.int64(3), np.float32(4), np.bool_(True), pd.NA, pd.NaT),
        *(pd.Timestamp("2024-03-01"), pd.Timestamp("2024-03-01", tz="America/Los_Angeles")),
        dt.datetime(2024, 3, 1),  # noqa: DTZ001
        *(dt.date(2024, 3, 1), dt.timedelta(1, 2, 3)),
        dt.datetime(2024, 3, 1, tzinfo=dt.UTC),
        *([1, [np.int64(2)]], {"a": (1, None)}, np.array([1.5, 2.5])),
    ]
    objects = pd.Series(values, dtype=object)
    read = read_frame(pickle.dumps(pd.DataFrame({"a": objects})))["a"].tolist()
    assert [type(value) for value in read] == [type(value) for value in values]
    assert [str(value) for value in read] == [str(value) for value in values]


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(4, 8, 2),
        pd.Index(["a", "b"], name="x"),
        pd.Index([1, "b"], dtype=object),
        pd.CategoricalIndex(["a", "b"]),
        pd.date_range("2024-03-01", periods=2, tz="UTC"),
    ],
    ids=lambda index: type(index).__name__,
)
def test_any_common_row_index_comes_back_as_it_was(index: pd.Index) -> None:
    frame = pd.DataFrame({"a": [1, 2]}, index=index)
    pd.testing.assert_frame_equal(read_frame(pickle.dumps(frame)), frame, check_freq=False)


def test_an_empty_frame_keeps_its_columns() -> None:
    pd.testing.assert_frame_equal(read_frame(pickle.dumps(FRAME.iloc[:0])), FRAME.iloc[:0])


# What is refused


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What a pickle that runs would make."""
    return tmp_path / "ran"


def touching(marker: Path) -> dict[str, tuple[str, Call]]:
    command = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w')"
    return {
        "os.system": (f"{os.name}.system", Call(os.system, command)),
        "eval": ("builtins.eval", Call(eval, code)),
        "exec": ("builtins.exec", Call(exec, code)),
        "open": (f"{open.__module__}.open", Call(open, str(marker), "w")),
        "Popen": ("subprocess.Popen", Call(subprocess.Popen, ["touch", str(marker)])),
        "import": ("builtins.__import__", Call(__import__, "os")),
        "getattr": ("builtins.getattr", Call(getattr, pd.DataFrame, "to_pickle")),
        "getattr chain": ("builtins.getattr", Call(Call(getattr, pd.DataFrame, "eval"), code)),
        "partial": ("functools.partial", Call(partial, os.system, command)),
        "attrgetter": ("operator.attrgetter", Call(attrgetter, "system")),
        "numpy.load": ("numpy.load", Call(np.load, str(marker))),
        "numpy.save": ("numpy.save", Call(np.save, str(marker), 1)),
        "read_pickle": ("pandas.read_pickle", Call(pd.read_pickle, str(marker))),
        "our own": ("zs_client.opening.open_store", Call(opening.open_store, f"file://{marker}")),
        "Path": ("pathlib", Call(Path, str(marker))),
    }


ATTACKS = tuple(touching(Path("nowhere")))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_call_is_refused_by_name_and_not_run(attack: str, protocol: int, marker: Path) -> None:
    what, call = touching(marker)[attack]
    with pytest.raises(RefusedPickle) as raised:
        read_frame(pickle.dumps(call, protocol))
    # Protocols 0 to 2 write names as Python 2 had them.
    assert protocol < 4 or f"asks for {what}" in str(raised.value)
    assert "nothing was run" in str(raised.value)
    assert not marker.exists()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_call_among_the_values_of_a_frame_is_refused_and_not_run(
    attack: str, marker: Path
) -> None:
    with pytest.raises(RefusedPickle):
        read_frame(frame_with(touching(marker)[attack][1]))
    assert not marker.exists()


def test_the_attacks_do_run_where_nothing_refuses_them(marker: Path) -> None:
    pickle.loads(pickle.dumps(touching(marker)["os.system"][1]))
    assert marker.exists()


@pytest.mark.parametrize(
    "state",
    [
        lambda call: call,
        lambda call: {"_mgr": call},
        lambda call: (None, {"__class__": call}),
        lambda call: {"_mgr": Call(slice, call, call, call)},
    ],
)
def test_a_call_in_the_state_of_an_allowed_class_is_refused_and_not_run(
    state: Callable[[Any], Any], marker: Path
) -> None:
    call = Call(os.system, f"touch {marker}")
    body = pickle.dumps(Call(pd.DataFrame, state=state(call)))
    with pytest.raises(RefusedPickle, match="system"):
        read_frame(body)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pandas", "DataFrame.to_pickle"),
        ("pandas", "io.common.os.system"),
        ("zoneinfo", "ZoneInfo._unpickle"),
        ("pandas.core.frame", "DataFrame.__init__.__globals__"),
        ("numpy", "ndarray.tofile"),
        ("pandas", "read_csv"),
        ("builtins", "slice.__class__"),
        ("builtins", "type"),
        ("pandas.core.indexes.base", "os"),
        ("zs_pipeline.side_files.pickled_calls", "Call"),
        ("", ""),
    ],
)
def test_only_a_whole_name_of_the_list_is_allowed(module: str, name: str) -> None:
    with pytest.raises(RefusedPickle, match="refused: the pickle asks for ") as raised:
        read_frame(named(module, name))
    assert f"{module}.{name}" in str(raised.value)


def test_codes_of_extensions_are_refused_even_when_they_are_cached(marker: Path) -> None:
    copyreg.add_extension("os", "system", 240)
    try:
        body = b"\x80\x02\x82\xf0X\x04\x00\x00\x00true\x85R."
        pickle.loads(body)
        with pytest.raises(RefusedPickle, match="extension code 240"):
            read_frame(body)
    finally:
        copyreg.remove_extension("os", "system", 240)
        copyreg.clear_extension_cache()


def test_what_lies_outside_of_the_pickle_is_refused() -> None:
    with pytest.raises(RefusedPickle, match="persistent id 'a'"):
        read_frame(b"\x80\x02X\x01\x00\x00\x00aQ.")


def test_a_state_cannot_be_set_on_an_allowed_name_itself() -> None:
    before = dict(vars(calls.Call))
    with pytest.raises(UnreadableFrame):
        read_frame(named("pandas", "DataFrame", b"}\x8c\x04args)sb"))
    assert dict(vars(calls.Call)) == before


# Memory that is not the pickle's


def array_of(dtype: Any, content: Any) -> Any:
    """What is noted of a frame of two rows, with a forged array."""
    body = pickle.dumps(pd.DataFrame({"a": [1, 2]}), 4)
    asked = calls.load_calls(body)
    block = asked.state["_mgr"].args[0][0]
    array = block.args[0]
    array.state = (1, (1, 2), dtype, False, content)
    return asked


@pytest.mark.parametrize(
    ("args", "state", "content"),
    [
        # numpy itself takes these eight bytes for a pointer.
        (("O8", False, True), (3, "|", None, None, None, -1, -1, 0), b"A" * 16),
        (("O8", False, True), (3, "|", None, None, None, -1, -1, 63), b"A" * 16),
        (("V8", False, True), (3, "|", None, ("a",), {"a": ("O", 0)}, 8, 1, 0), b"A" * 16),
        (("i8", False, True), (3, "<", None, None, None, -1, -1, 0), b"A" * 8),
        (("i8", False, True), (3, "<", None, None, None, -1, -1, 0), ["a", "b"]),
    ],
)
def test_bytes_never_become_objects(args: Any, state: Any, content: Any) -> None:
    dtype = calls._STAND_INS["numpy:dtype"](*args)
    dtype.state = state
    with pytest.raises((UnreadableFrame, ValueError)):
        frames._Builder(1000).frame(array_of(dtype, content))


@pytest.mark.parametrize("places", [(5, 6), (0, 0), (1, 2)])
def test_a_column_placed_outside_of_the_frame_is_an_error(places: tuple[int, int]) -> None:
    asked = array_of(None, None)
    block = asked.state["_mgr"].args[0][0]
    block.args = (block.args[0], calls._STAND_INS["builtins:slice"](*places, 1), 2)
    block.args[0].state = (1, (1, 2), int64(), False, b"A" * 16)
    with pytest.raises(UnreadableFrame, match="an array of shape"):
        frames._Builder(1000).frame(asked)


@pytest.mark.parametrize("place", [-1, 1, 2**40])
def test_a_column_placed_by_number_outside_of_the_frame_is_an_error(place: int) -> None:
    asked = array_of(int64(), b"A" * 16)
    block = asked.state["_mgr"].args[0][0]
    placement = calls._STAND_INS["numpy._core.multiarray:_reconstruct"]()
    placement.state = (1, (1,), int64(), False, struct.pack("<q", place))
    block.args = (block.args[0], placement, 2)
    with pytest.raises(UnreadableFrame, match="outside of the 1"):
        frames._Builder(1000).frame(asked)


def int64() -> Any:
    dtype = calls._STAND_INS["numpy:dtype"]("i8", False, True)
    dtype.state = (3, "<", None, None, None, -1, -1, 0)
    return dtype


@pytest.mark.parametrize("offsets", [(0, 1, 10**6), (0, 10**6, 1), (-5, 0, 1), (0, 1, 2**62)])
def test_texts_that_end_outside_of_their_buffer_are_an_error(offsets: tuple[int, ...]) -> None:
    body = pickle.dumps(pd.DataFrame({"col": pd.array(["x", "y"], dtype="string[pyarrow]")}), 5)
    old = struct.pack("<3q", 0, 1, 2)
    assert body.count(old) == 1
    with pytest.raises(UnreadableFrame, match="do not fit each other"):
        read_frame(body.replace(old, struct.pack("<3q", *offsets)))


# What is no frame


@pytest.mark.parametrize("value", [{}, [FRAME], "text", 1, None, (1, 2), FRAME["metadata"]["rig"]])
def test_a_pickle_of_something_else_is_an_error(value: Any) -> None:
    with pytest.raises((UnreadableFrame, RefusedPickle)):
        read_frame(pickle.dumps(value))


@pytest.mark.parametrize("value", [{}, [], "text", None])
def test_the_error_says_what_the_pickle_holds(value: Any) -> None:
    with pytest.raises(UnreadableFrame, match="holds no pandas frame but"):
        read_frame(pickle.dumps(value))


@pytest.mark.parametrize("body", [b"", b"\x1f\x8b\x08", b"PAR1", b"hello\n", b"\x80\x04", b"."])
def test_bytes_that_are_no_pickle_are_an_error_that_says_so(body: bytes) -> None:
    with pytest.raises(UnreadableFrame, match=r"no whole pickle|anything to work on"):
        read_frame(body)


def test_a_pickle_that_is_cut_off_is_an_error_wherever_it_is_cut() -> None:
    body = pickle.dumps(FRAME)
    for length in range(0, len(body) - 1, 7):
        with pytest.raises(UnreadableFrame):
            read_frame(body[:length])


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, 10**6), value=st.integers(0, 255), more=st.binary(max_size=3))
def test_a_damaged_pickle_is_a_frame_or_one_of_the_two_errors(
    at: int, value: int, more: bytes
) -> None:
    body = bytearray(BY_PANDAS_2)
    body[at % len(body)] = value
    body[at * 7 % len(body) : at * 7 % len(body) + len(more)] = more
    with contextlib.suppress(RefusedPickle, UnreadableFrame):
        assert isinstance(read_frame(bytes(body)), pd.DataFrame)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60).map(lambda rest: b"\x80\x04" + rest + b"."))
def test_any_bytes_give_one_of_the_two_errors(body: bytes) -> None:
    with pytest.raises((RefusedPickle, UnreadableFrame)):
        read_frame(body)


# What would use up the machine


def test_a_pickle_over_the_limit_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LARGEST", 100)
    with pytest.raises(UnreadableFrame, match="the limit is 100"):
        read_frame(pickle.dumps(FRAME))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "memo number 2147483647"),
        (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "no whole pickle"),
        # The hash of a tuple of tuples ends CPython 3.11 when it is a million deep.
        (b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns.", "key that is no text"),
        (b"\x80\x02()" + b"\x85" * 1_000_000 + b"Nd.", "key that is no text"),
        (b"\x80\x04\x8f.", "a set is not read"),
    ],
)
def test_a_small_pickle_cannot_ask_for_much(body: bytes, says: str) -> None:
    with pytest.raises(UnreadableFrame, match=says):
        read_frame(body)


def test_a_frame_larger_than_its_pickle_is_an_error() -> None:
    asked = array_of(None, None)
    manager = asked.state["_mgr"]
    columns = calls._STAND_INS["pandas.core.indexes.base:_new_Index"](
        calls._STAND_INS["pandas:RangeIndex"],
        {"name": None, "start": 0, "stop": 10**15, "step": 1},
    )
    manager.args = (manager.args[0], [columns, manager.args[1][1]])
    block = manager.args[0][0]
    block.args = (block.args[0], calls._STAND_INS["builtins:slice"](0, 10**15, 1), 2)
    with pytest.raises(UnreadableFrame, match="larger than the pickle"):
        frames._Builder(1000).frame(asked)


def test_values_in_each_other_are_read_only_so_deep() -> None:
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    with pytest.raises(UnreadableFrame, match="deep"):
        read_frame(frame_with(deep))


def test_shared_values_are_made_once() -> None:
    wide: Any = ["x"] * 10
    for _ in range(15):
        wide = [wide] * 10
    # A million million million values, were they not shared.
    assert len(read_frame(frame_with(wide))["a"][1]) == 10


def test_a_value_that_holds_itself_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(UnreadableFrame, match="deep"):
        read_frame(frame_with(loop))
