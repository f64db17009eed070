"""What pandas does with the columns of a frame that are lists, as the page says it; and `flat`."""

import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import client_store
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zs_client
from zs_client import flat

PAGE = Path(__file__).parents[1] / "docs" / "scientists.md"
ROWS = re.findall(r"^\| `(.*)` \| (.+?) \| (.+?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.fixture
def frame(tmp_path, environment):
    client_store.filled(str(tmp_path))
    environment.setenv("ZS_STORE", str(tmp_path))
    environment.chdir(tmp_path)
    return zs_client.asset_basics()


def done(code: str, frame: pd.DataFrame) -> object:
    """What an operation of the page gives."""
    with closing(sqlite3.connect(":memory:")) as connection:
        return eval(code, {"frame": frame, "pd": pd, "connection": connection})


def test_the_page_has_the_24_operations():
    assert len(ROWS) == 24


@pytest.mark.parametrize(("code", "plain", "after"), ROWS, ids=[row[0] for row in ROWS])
def test_pandas_does_what_the_page_says(frame, code, plain, after):
    if plain.startswith("raises"):
        with pytest.raises((TypeError, ValueError)):
            done(code, frame)
    else:
        done(code, frame)
    result = done(code, flat(frame))
    if after == "right" and hasattr(result, "__len__"):
        assert len(result) > 0


def test_what_goes_wrong_without_a_word_is_as_the_page_says_and_right_when_flat(frame):
    kept = flat(frame)
    assert frame["modalities"].str.contains("ephys").isna().all()
    assert kept["modalities"].str.contains("ephys").sum() == 3
    assert not frame["modalities"].isin(["ecephys"])[0]
    assert kept["modalities"].isin(['["ecephys"]']).sum() == 2
    assert "['ecephys' 'behavior']" in frame.to_csv()
    again = pd.read_csv(io.StringIO(kept.to_csv(index=False)))
    assert json.loads(again["modalities"][0]) == ["ecephys", "behavior"]
    for given_frame, kind in ((frame, bytes), (kept, str)):
        with closing(sqlite3.connect(":memory:")) as connection:
            given_frame.to_sql("t", connection)
            stored = connection.execute("SELECT modalities FROM t").fetchall()
        assert {type(value) for (value,) in stored if value is not None} == {kind}


def test_times_lose_their_zone_and_nothing_else(frame):
    utc, there = flat(frame), flat(frame, zone="America/Los_Angeles")
    start = "acquisition_start_time"
    assert utc[start].dt.tz is None
    assert (utc[start] == frame[start].dt.tz_localize(None)).all()
    assert set((utc[start] - there[start]).unique()) == {pd.Timedelta(hours=8)}
    with pytest.raises(ValueError, match="no such time zone"):
        flat(frame, zone="Mars/Olympus")
    assert frame[start].dt.tz is not None
    assert utc.attrs == frame.attrs != {}


def test_maps_and_columns_of_one_name_and_other_frames():
    odd = pd.DataFrame([[{"a": [1, None]}, (1, 2)], [None, set("ba")]], columns=["x", "x"])
    made = flat(odd)
    assert made.iloc[0].tolist() == ['{"a": [1, null]}', "[1, 2]"]
    assert made.iloc[1].tolist() == [None, '["a", "b"]']
    assert flat(pd.DataFrame()).empty
    with pytest.raises(TypeError, match="not list"):
        flat([])
    with pytest.raises(ValueError, match="column x"):
        flat(pd.DataFrame({"x": [[object()]]}))


lists = st.none() | st.lists(st.text() | st.none(), max_size=4).map(
    lambda found: np.array(found, dtype=object)
)


@given(st.lists(st.tuples(lists, st.text() | st.none(), st.integers(-5, 5)), max_size=6))
def test_a_flat_frame_can_be_compared_and_has_the_same_content(rows):
    given_frame = pd.DataFrame(rows, columns=["lists", "texts", "numbers"])
    before = given_frame.copy()
    made = flat(given_frame)
    made.drop_duplicates()
    made.groupby(list(made.columns), dropna=False).size()
    assert list(made.index) == list(given_frame.index)
    for plain, told in zip(given_frame["lists"], made["lists"], strict=True):
        if plain is None:
            assert told is None
        else:
            assert json.loads(told) == plain.tolist()
    pd.testing.assert_frame_equal(made[["texts", "numbers"]], given_frame[["texts", "numbers"]])
    pd.testing.assert_frame_equal(given_frame, before)
