"""The short name of an instrument: what is taken off an id, and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline.instruments import short_name

ids = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["323", "_", "-", "EPHYS1", "8C", "20250922", "2024-03-19", "240417", "01"])
    ).map("".join),
)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("323_EPHYS1_20250922", "EPHYS1"),
        ("323_EPHYS1", "EPHYS1"),
        ("EPHYS1", "EPHYS1"),
        ("342_BEHDEV.B-4_20240401", "BEHDEV.B4"),
        ("429-mesoscope-20220321", "mesoscope"),
        ("446_8C_20251222", "8C"),
        ("SmartSPIM-2-1", "SmartSPIM21"),
        ("4A", "4A"),
    ],
)
def test_the_forms_of_one_instrument_have_one_name(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize("room", ["323_", "446-", "1_"])
def test_the_room_before_the_name_is_taken_off(room: str) -> None:
    assert short_name(f"{room}FIP1") == "FIP1"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("447-3-D_20240926", "3D"),
        ("323_446_8C", "4468C"),
        ("13A", "13A"),
        ("2p", "2p"),
        ("SAKTIMUNA-12D", "SAKTIMUNA12D"),
        ("323", "323"),
    ],
)
def test_only_the_first_number_and_only_with_a_separator_is_a_room(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize("date", ["_20250922", "-20220321", "_2024-03-19", "_240417", "-240229"])
def test_the_date_after_the_name_is_taken_off(date: str) -> None:
    assert short_name(f"EPHYS1_OPTO{date}") == "EPHYS1OPTO"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("EPHYS1_20251322", "EPHYS120251322"),
        ("EPHYS1_2024-02-30", "EPHYS120240230"),
        ("EPHYS1_250229", "EPHYS1250229"),
        ("EPHYS1_12340101", "EPHYS112340101"),
        ("EPHYS1_00010101", "EPHYS100010101"),
        ("EPHYS120250922", "EPHYS120250922"),
        ("EPHYS1_20250922_OPTO", "EPHYS120250922OPTO"),
    ],
)
def test_a_number_that_is_no_date_at_the_end_stays(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("323_EPHYS2-RF_2023-11-09_01", "EPHYS2RF"),
        ("323_EPHYS2_RF_20250409_2", "EPHYS2RF"),
        ("EPHYS2-20250409-01", "EPHYS2"),
        ("323_EPHYS1-OPTO_001", "EPHYS1OPTO001"),
        ("exaSPIM1-01", "exaSPIM101"),
        ("SLAP2_1_VCO_1", "SLAP21VCO1"),
    ],
)
def test_a_counter_is_taken_off_only_after_a_date(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("NA", "NA"),
        ("NP.1", "NP.1"),
        ("442_Bergamo_2p_photostim", "Bergamo2pphotostim"),
        ("325_NP1_Ultra_20240506", "NP1Ultra"),
        ("ND_Ephys.5", "NDEphys.5"),
    ],
)
def test_case_and_dots_stay(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("323_", "323"),
        ("323_20250922", "323"),
        ("323_-_", "323"),
        ("_20250922", "20250922"),
        ("_20250922_01", "2025092201"),
    ],
)
def test_a_room_or_a_date_alone_is_the_name(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize("written", [None, "", " ", "_", "-_-", "- -"])
def test_no_name_is_null(written: str | None) -> None:
    assert short_name(written) is None


def test_blanks_around_the_id_and_the_name_are_no_part_of_it() -> None:
    assert short_name("323_ EPHYS1") == "EPHYS1"
    assert short_name(" 323_EPHYS1_20250922 \n") == "EPHYS1"


@given(ids)
def test_any_text_gives_a_name_without_separators_or_null(written: str) -> None:
    name = short_name(written)
    assert name is None or (name and not {"_", "-"} & set(name) and name == name.strip())


@given(ids)
def test_a_short_name_is_its_own_short_name(written: str) -> None:
    assert short_name(short_name(written)) == short_name(written)
