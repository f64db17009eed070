"""The short name of an instrument: what is taken off an id, and what stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import instruments
from zs_pipeline.instruments import KEPT_APART, MERGED, NO_NAME, read, short_name

PIECES = (
    *("323", "_", "-", " ", ".", "EPHYS1", "8C", "20250922", "2024-03-19", "240417", "01", "1"),
    *("D", "room", "unknown", "NA", "mesoscope", "+", "\u0663"),
)
ids = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("323_EPHYS1_20250922", "EPHYS1"),
        ("323_EPHYS1", "EPHYS1"),
        ("EPHYS1", "EPHYS1"),
        ("446_8C_20251222", "8C"),
        ("4A", "4A"),
        ("426_4A_20250902", "4A"),
        ("342_NP.3_20241111", "NP3"),
        ("342_NP3_240906", "NP3"),
        ("unknown_NP3_240401", "NP3"),
        ("NP3", "NP3"),
        ("342_BEHDEV.B-4_20240401", "BEHDEVB4"),
        ("SmartSPIM-2-1", "SmartSPIM21"),
        ("SmartSPIM2-1", "SmartSPIM21"),
        ("exaSPIM1-01", "exaSPIM101"),
        ("exaspim-01", "exaSPIM101"),
        ("FIP_Sue", "FIPSue"),
        ("447_FIP_Sue_20260101", "FIPSue"),
        ("447-3-D_20260203", "3D"),
        ("447_3D_20260203", "3D"),
        ("325_NP1_Ultra_20240506", "NP1Ultra"),
        ("442 Bergamo 2p photostim", "Bergamo2pphotostim"),
        ("442_Bergamo_2p_photostim", "Bergamo2pphotostim"),
        ("Bergamo_2p-photostim-room442_20241021", "Bergamo2pphotostim"),
        ("422-mesoscope-20220218", "MESO2"),
        ("422_MESO2_20241017", "MESO2"),
        ("MESO.2", "MESO2"),
        ("429-mesoscope-20220321", "MESO1"),
        ("429_MESO1_20260122", "MESO1"),
        ("MESO.1", "MESO1"),
        ("323_EPHYS2_RF_20241223_01", "EPHYS2RF"),
        ("323_EPHYS2_RF_2024-12-23_01", "EPHYS2RF"),
        ("323_EPHYS2-RF_2023-11-09_01", "EPHYS2RF"),
        ("323_EPHYS1-OPTO_001", "EPHYS1OPTO001"),
        ("440_SmartSPIM2_20240327", "SmartSPIM2"),
        ("exaSPIM1", "exaSPIM1"),
        ("428_FIP1_20251107_447_2D_20260101", "FIP1+2D"),
        ("1_FIP1", "FIP1"),
        ("428_1_FIP1", "FIP1"),
        ("428_FIP1_1", "FIP1"),
        ("13A_20260101_4A_20260102", "13A+4A"),
    ],
)
def test_the_forms_of_one_instrument_have_one_name(written: str, name: str) -> None:
    assert short_name(written) == name


# 1. Placeholders


@pytest.mark.parametrize(
    "written",
    [
        *("NA", "na", "N/A", "None", "none", "UNKNOWN", " unknown ", "N.A.", "_", "-_-"),
        *("NA_20250922", "unknown_240401", "None-2024-03-19_01", "323_NA", "unknown_none"),
    ],
)
def test_a_placeholder_alone_is_null_and_a_finding(written: str) -> None:
    assert short_name(written) is None
    assert found(written) == [(NO_NAME, None, written)]


@pytest.mark.parametrize("written", [None, ""])
def test_no_id_is_null(written: str | None) -> None:
    assert short_name(written) is None


@pytest.mark.parametrize("written", ["Nonesuch", "NA1", "unknown5", "EPHYS1_NA"])
def test_what_only_resembles_a_placeholder_is_a_name(written: str) -> None:
    assert short_name(written) == written.replace("_", "")


# 2. Merged ids


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("428_FIP1_20251107_447_2D", "FIP1+2D"),
        ("428_FIP1_20251107_01_447_2D", "FIP1+2D"),
        ("428_FIP1_20251107_01_447_2D_20260101_02", "FIP1+2D"),
        ("13A_2026-01-01_001_4A_260102", "13A+4A"),
        ("13A_20260101_4A_20260102_447_2D_20260103", "13A+4A+2D"),
        ("13A_20260101_426_4A_447", "13A+4A447"),
        ("4A_20260101_426_4A_20260102", "4A"),
        ("422-mesoscope-20220218_428_1_FIP1_20260102", "MESO2+FIP1"),
        ("NA_20260101_447_2D_20260102", "2D"),
        ("EPHYS1_20240101_OPTO_20240202", "EPHYS1+OPTO"),
    ],
)
def test_ids_that_were_joined_have_each_its_name_once_and_are_a_finding(
    written: str, name: str
) -> None:
    assert short_name(written) == name
    assert found(written) == [(MERGED, name, written)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("EPHYS1_20250922_OPTO", "EPHYS120250922OPTO"),
        ("EPHYS1_20250922_44_8C", "EPHYS120250922448C"),
        ("EPHYS1_20251322_446_8C_20260101", "EPHYS1202513224468C"),
        ("EPHYS1-20250922-446_8C", "EPHYS1202509224468C"),
        ("EPHYS1_20250922_20250923", "EPHYS1"),
        ("EPHYS1_20250922_01_20250923", "EPHYS1"),
    ],
)
def test_what_follows_a_date_and_is_no_id_by_itself_is_no_second_one(
    written: str, name: str
) -> None:
    assert short_name(written) == name
    assert not found(written)


# 3. Dates and counters


@pytest.mark.parametrize(
    "date", ["_20250922", "-20220321", "_2024-03-19", "_240417", "-240229", " 20250922"]
)
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
    ],
)
def test_a_number_that_is_no_date_at_the_end_stays(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("323_EPHYS2_RF_20250409_2", "EPHYS2RF"),
        ("323_EPHYS2_RF_20250409_002", "EPHYS2RF"),
        ("EPHYS2-20250409-01", "EPHYS2"),
        ("EPHYS2_20250409_0001", "EPHYS2202504090001"),
        ("exaSPIM1-01", "exaSPIM101"),
        ("SLAP2_1_VCO_1", "SLAP21VCO1"),
    ],
)
def test_a_counter_is_taken_off_only_after_a_date(written: str, name: str) -> None:
    assert short_name(written) == name


# 4. Rooms


@pytest.mark.parametrize("room", ["323_", "446-", "442 ", "1_", "12_", "unknown_", "UNKNOWN-"])
def test_the_room_before_the_name_is_taken_off(room: str) -> None:
    assert short_name(f"{room}FIP1") == "FIP1"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("323_446_8C", "4468C"),
        ("428_2_FIP2", "2FIP2"),
        ("13A", "13A"),
        ("2p", "2p"),
        ("3-D", "3D"),
        ("12_D", "12D"),
        ("1_2FIP", "12FIP"),
        ("4461_8C", "44618C"),
        ("SAKTIMUNA-12D", "SAKTIMUNA12D"),
        ("323", "323"),
        ("EPHYS1_323", "EPHYS1323"),
    ],
)
def test_only_one_number_and_only_before_a_name_is_a_room(written: str, name: str) -> None:
    assert short_name(written) == name


@pytest.mark.parametrize(
    "written",
    ["Bergamo_2p-room442", "Bergamo-Room 442-2p", "room_442_Bergamo_2p", "442_Bergamo_2p_ROOM442"],
)
def test_a_room_that_says_so_is_taken_off_anywhere(written: str) -> None:
    assert short_name(written) == "Bergamo2p"


@pytest.mark.parametrize("written", ["mushroom 442", "darkroom", "room442B", "room442"])
def test_what_only_resembles_such_a_room_stays(written: str) -> None:
    assert short_name(written) == written.replace(" ", "")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("431-mesoscope-20220218", "431mesoscope"),
        ("431_Mesoscope_2", "431Mesoscope2"),
        ("431_mesoscopes", "mesoscopes"),
    ],
)
def test_a_mesoscope_keeps_its_room(written: str, name: str) -> None:
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


# 5. Blanks and punctuation


@pytest.mark.parametrize("written", ["NP.1", "NP_1", "NP-1", "NP 1", " N P\t1\n", "_NP1."])
def test_blanks_and_punctuation_count_for_nothing(written: str) -> None:
    assert short_name(written) == "NP1"


def test_blanks_around_the_id_and_the_name_are_no_part_of_it() -> None:
    assert short_name("323_ EPHYS1") == "EPHYS1"
    assert short_name(" 323_EPHYS1_20250922 \n") == "EPHYS1"


# 6. Aliases and case


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("422_Mesoscope", "MESO2"),
        ("EXASPIM-01_20250922", "exaSPIM101"),
        ("428_1_fip1_20250922", "FIP1"),
        ("428_fip1_1-20250922", "FIP1"),
        ("exaspim1-01", "exaspim101"),
        ("fip_sue", "fipsue"),
        ("meso2", "meso2"),
    ],
)
def test_case_counts_but_for_aliases(written: str, name: str) -> None:
    assert short_name(written) == name


def test_what_the_documents_do_not_tell_to_be_one_stays_apart() -> None:
    for names in KEPT_APART:
        assert [short_name(name) for name in names] == list(names)
        assert len(set(names)) == len(names)
    assert short_name("440_SmartSPIM1_20241024") == "SmartSPIM1"
    assert short_name("SmartSPIM1-7") == "SmartSPIM17"
    pairs = [pair for names in KEPT_APART for pair in itertools.combinations(names, 2)]
    assert len(pairs) == len(set(pairs))


# Any text


def found(written: str) -> list[tuple[str, object, object]]:
    told = instruments.findings(written, "field", "table.column")
    return [(one.reason, one.taken, one.other) for one in told]


@pytest.mark.parametrize("written", ["323_EPHYS1_20250922", "4A", "unknown_NP3_240401"])
def test_an_id_of_one_instrument_is_no_finding(written: str) -> None:
    assert not found(written)


def test_no_id_is_no_finding() -> None:
    assert not list(instruments.findings(None, "field", "table.column"))


@given(ids)
def test_any_text_gives_a_name_without_separators_or_null(written: str) -> None:
    name = short_name(written)
    assert name is None or (name and not {"_", "-", "."} & set(name) and name.split() == [name])
    assert len(found(written)) <= 1


@given(ids)
def test_a_short_name_is_its_own_short_name(written: str) -> None:
    assert short_name(short_name(written)) == short_name(written)


@given(ids, st.sampled_from(["_20250922", "-2024-03-19", "_240417", "_20250922_01"]))
def test_a_date_at_the_end_changes_no_name(written: str, date: str) -> None:
    name, is_merged = read(written)
    if name and not is_merged and not read(written + date).is_merged:
        assert short_name(written.rstrip() + date) == name


@pytest.mark.parametrize(
    "part", ["_", "1_", "a_20250101_", "a_20250101_446_b", " ", "room ", "a_20250101"]
)
def test_a_long_id_does_no_harm(part: str) -> None:
    read(part * 3000)
    read(part * 3000 + "x")
