"""Which data assets were derived from a raw one."""

import client_store
import pytest

from zs_client import raw_to_derived

SORTED = ["raw_sorted_2026-01-01_00-00-00", "raw_sorted_2026-02-01_00-00-00"]
VIDEOS = "raw_videos_2026-01-05_00-00-00"
BY_HAND = ["raw_by_hand", "raw_by_hand_2"]


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    return client_store.filled(str(tmp_path))


def derived(store, *rows):
    names = ("name", "source_data", "pipeline_name", "processing_time")
    client_store.whole(store, "source_data", [dict(zip(names, row, strict=True)) for row in rows])


def test_one_name_gives_sorted_names():
    assert raw_to_derived("raw") == sorted([*SORTED, VIDEOS, *BY_HAND])


@pytest.mark.filterwarnings("ignore:raw_to_derived")
def test_several_names_give_a_dict():
    assert raw_to_derived(["raw", "nobody knows"], latest=True) == {
        "raw": sorted([SORTED[1], VIDEOS, *BY_HAND]),
        "nobody knows": [],
    }
    assert raw_to_derived([]) == {}


@pytest.mark.filterwarnings("ignore:raw_to_derived")
def test_a_name_without_derived_ones_or_unknown_is_an_empty_list():
    assert raw_to_derived("raw_by_hand") == []
    assert raw_to_derived("nobody knows") == []


@pytest.mark.parametrize("modality", ["ecephys", "ECEPHYS"])
def test_a_modality_is_that_of_the_derived_one_whatever_its_case(modality):
    assert raw_to_derived("raw", modality=modality) == SORTED


def test_a_modality_is_exact():
    assert raw_to_derived("raw", modality="behavior") == []
    assert raw_to_derived("raw", modality="behavior-videos") == [VIDEOS]


def test_the_latest_of_each_pipeline_and_each_without_one():
    assert raw_to_derived("raw", latest=True) == sorted([SORTED[1], VIDEOS, *BY_HAND])
    assert raw_to_derived("raw", "ecephys", True) == [SORTED[1]]


def test_one_without_a_time_is_the_oldest_and_names_break_a_tie(store):
    derived(
        store,
        ("z", "raw", "p", None),
        ("a", "raw", "p", "2026-01-01_00-00-00"),
        ("b", "raw", "p", "2026-01-01_00-00-00"),
        ("c", "raw", "q", None),
        ("d", "raw", "q", None),
    )
    assert raw_to_derived("raw", latest=True) == ["b", "d"]


def test_the_latest_is_that_of_the_modality(store):
    derived(
        store,
        (SORTED[0], "raw", "p", "2026-01-01_00-00-00"),
        (VIDEOS, "raw", "p", "2026-01-05_00-00-00"),
    )
    assert raw_to_derived("raw", "ecephys", latest=True) == [SORTED[0]]
