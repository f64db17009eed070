"""Fibers, patch cords and channels of a document, in every form that documents have them."""

import contextlib
import functools
import itertools
import json
import operator
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zs_pipeline import arrow
from zs_pipeline.acorns import platform_fib
from zs_pipeline.acorns.platform_fib import ACORN
from zs_pipeline.catalogue import projected
from zs_pipeline.declaration import CORE as CORE_FILES
from zs_pipeline.photometry import Kind
from zs_pipeline.shape import projection

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
CORE = (*CORE_FILES, "model")
FIB = {"modalities": [{"abbreviation": "fib"}]}

Row = tuple[str, str, str, str, str]


def found(document: dict[str, Any]) -> list[Row]:
    """Fiber, patch cord, channel, measurement and structure of each row, sorted."""
    return sorted(
        tuple(row[c.name] for c in ACORN.columns[1:6]) for row in platform_fib.rows(document)
    )


def choices(document: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Column and both readings of each finding; its field is one that the table reads."""
    findings = list(platform_fib.findings(document))
    assert {one.field for one in findings} <= {read.path for read in ACORN.kind.reads}
    return [(one.column.removeprefix("platform_fib."), one.taken, one.other) for one in findings]


def document(**core: Any) -> dict[str, Any]:
    return {"_id": "x", "name": "a_name"} | dict.fromkeys(CORE) | {"data_description": FIB} | core


def implant(name: Any, structure: Any = "ACB", kind: Any = "Fiber probe") -> dict[str, Any]:
    return {
        "object_type": "Probe implant",
        "implanted_device": {"name": name, "object_type": kind},
        "device_config": {"primary_targeted_structure": {"acronym": structure}},
    }


def surgery(*implants: Any, on: Any = None) -> dict[str, Any]:
    return {"object_type": "Surgery", "start_date": on, "procedures": list(implants)}


def procedures(*implants: Any) -> dict[str, Any]:
    return {"subject_procedures": [surgery(*implants)]}


def cord(device: Any, *channels: Any) -> dict[str, Any]:
    """A configuration; a channel is a name, or a name and what it measures."""
    pairs = [(c, None) if isinstance(c, str) else c for c in channels]
    return {
        "object_type": "Patch cord config",
        "device_name": device,
        "channels": [{"channel_name": n, "intended_measurement": m} for n, m in pairs],
    }


def assembly(probes: dict[Any, Any], *cords: Any) -> dict[str, Any]:
    """A configuration; probes are names with their structures."""
    return {
        "object_type": "Fiber assembly config",
        "device_name": "Fiber assembly 1",
        "probes": [
            {"device_name": name, "primary_targeted_structure": {"acronym": structure}}
            for name, structure in probes.items()
        ],
        "patch_cords": list(cords),
    }


def stream(connections: list[tuple[Any, Any]] = (), *configs: Any) -> dict[str, Any]:
    return {
        "connections": [{"source_device": s, "target_device": t} for s, t in connections],
        "configurations": list(configs),
    }


def acquired(*streams: dict[str, Any]) -> dict[str, Any]:
    return {"data_streams": list(streams)}


# Which documents


@pytest.mark.parametrize(
    ("core", "belongs"),
    [
        ({"data_description": FIB}, True),
        ({"data_description": {"modalities": [{"abbreviation": "ecephys"}]}}, False),
        ({"data_description": None}, False),
        (
            {
                "data_description": {"modalities": [{"abbreviation": "behavior"}]},
                "acquisition": {"data_streams": [{}, {"modalities": [{"abbreviation": "fib"}]}]},
            },
            True,
        ),
    ],
)
def test_documents_with_fib_in_the_description_or_a_stream_belong(
    core: dict[str, Any], *, belongs: bool
) -> None:
    rows = found(document(procedures=procedures(implant("Fiber_0")), **core))
    assert bool(rows) == belongs


def test_a_document_that_names_neither_fiber_nor_channel_has_no_row() -> None:
    assert found(document()) == []


def test_a_document_without_a_name_has_no_row() -> None:
    assert found(document(name=None, procedures=procedures(implant("Fiber_0")))) == []


# Which fiber


@pytest.mark.parametrize(
    "written", ["Fiber 0", "Fiber_0", "fiber_0", "Fiber-0", "Fiber0", "Fibre 0"]
)
def test_a_fiber_is_called_as_its_implant_whatever_the_connections_write(written: str) -> None:
    rows = found(
        document(
            procedures=procedures(implant("Fiber_0", "PL")),
            acquisition=acquired(
                stream([("Patch Cord A", written)], cord("Patch Cord A", ("green", "dopamine")))
            ),
        )
    )
    assert rows == [("Fiber_0", "Patch Cord A", "green", "dopamine", "PL")]


def test_fiber_1_is_not_fiber_10() -> None:
    rows = found(
        document(
            procedures=procedures(implant("Fiber_1", "A"), implant("Fiber_10", "B")),
            acquisition=acquired(
                stream(
                    [("Cord", "Fiber 1"), ("Cord", "Fiber 10")],
                    cord("Cord", "Fiber_1_red", "Fiber_10_red"),
                )
            ),
        )
    )
    assert rows == [
        ("Fiber_1", "Cord", "Fiber_1_red", "missing", "A"),
        ("Fiber_10", "Cord", "Fiber_10_red", "missing", "B"),
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_a_connection_is_read_from_either_end(*, turned: bool) -> None:
    ends = ("Fiber 0", "Patch Cord A") if turned else ("Patch Cord A", "Fiber 0")
    rows = found(
        document(
            procedures=procedures(implant("Fiber_0")),
            acquisition=acquired(stream([ends], cord("Patch Cord A", "green"))),
        )
    )
    assert rows == [("Fiber_0", "Patch Cord A", "green", "missing", "ACB")]


def test_detectors_and_light_sources_are_no_fibers_wherever_they_stand() -> None:
    others = ["Green CMOS", "470nm LED", "FLIR CMOS for Red Channel", "Fiber photometry camera"]
    fiber = [("Patch Cord A", "Fiber 0")]
    around = [(o, "Patch Cord A") for o in others] + [("Patch Cord A", o) for o in others]
    for connections in (fiber + around, around + fiber, around[:4] + fiber + around[4:]):
        rows = found(
            document(
                procedures=procedures(implant("Fiber_0")),
                acquisition=acquired(stream(connections, cord("Patch Cord A", "green"))),
            )
        )
        assert rows == [("Fiber_0", "Patch Cord A", "green", "missing", "ACB")]


@pytest.mark.parametrize("name", ["Fiber optic patch cord", "Fiber optic cable", "Patch Cable 0"])
def test_a_patch_cord_with_fiber_in_its_name_is_no_fiber(name: str) -> None:
    links = [(name, "Fiber 0")]
    rows = found(document(acquisition=acquired(stream(links, cord(name, "g")))))
    assert rows == [("Fiber 0", name, "g", "missing", "missing")]
    rows = found(document(acquisition=acquired(stream(links))))
    assert rows == [("Fiber 0", name, "missing", "missing", "missing")]


def test_a_fiber_need_not_have_fiber_in_its_name_when_its_implant_is_known() -> None:
    rows = found(
        document(
            procedures=procedures(implant("Probe A", "VTA")),
            acquisition=acquired(
                stream([("Patch Cord A", "Probe_A")], cord("Patch Cord A", "Fiber 0_red"))
            ),
        )
    )
    assert rows == [("Probe A", "Patch Cord A", "Fiber 0_red", "missing", "VTA")]


def test_each_channel_of_a_cord_with_two_fibers_goes_to_its_fiber() -> None:
    rows = found(
        document(
            procedures=procedures(implant("Fiber 0", "PL"), implant("Fiber 1", "ACB")),
            acquisition=acquired(
                stream(
                    [("Patch Cord A", "Fiber_0"), ("Patch Cord A", "Fiber_1")],
                    cord(
                        "Patch Cord A",
                        ("Fiber_0_green", "dopamine"),
                        ("Fiber_1_green", "calcium"),
                        ("iso fiber 1", "control"),
                    ),
                )
            ),
        )
    )
    assert rows == [
        ("Fiber 0", "Patch Cord A", "Fiber_0_green", "dopamine", "PL"),
        ("Fiber 1", "Patch Cord A", "Fiber_1_green", "calcium", "ACB"),
        ("Fiber 1", "Patch Cord A", "iso fiber 1", "control", "ACB"),
    ]


def test_a_channel_that_names_no_fiber_is_of_all_fibers_of_its_cord() -> None:
    rows = found(
        document(
            acquisition=acquired(
                stream([("Cord", "Fiber 0"), ("Cord", "Fiber 1")], cord("Cord", "g"))
            )
        )
    )
    assert [row[:3] for row in rows] == [("Fiber 0", "Cord", "g"), ("Fiber 1", "Cord", "g")]


def test_the_connection_decides_against_the_name_of_a_channel_and_it_is_told() -> None:
    one = document(
        procedures=procedures(implant("Fiber 0"), implant("Fiber 1")),
        acquisition=acquired(
            stream(
                [("Cord A", "Fiber 0"), ("Cord B", "Fiber 1")],
                cord("Cord A", "Fiber_1_green", "fiber 7 red"),
                cord("Cord B", "Fiber_1_green"),
            )
        ),
    )
    assert [row[:3] for row in found(one)] == [
        ("Fiber 0", "Cord A", "Fiber_1_green"),
        ("Fiber 0", "Cord A", "fiber 7 red"),
        ("Fiber 1", "Cord B", "Fiber_1_green"),
    ]
    assert choices(one) == [
        ("fiber", "Fiber_1_green: Fiber 0", "Fiber_1_green: Fiber 1"),
        ("fiber", "fiber 7 red: Fiber 0", "fiber 7 red: fiber 7"),
    ]


def test_a_channel_names_a_fiber_that_the_connections_left_out() -> None:
    rows = found(
        document(
            procedures=procedures(implant("Fiber_0", "PL"), implant("Fiber_1", "ACB")),
            acquisition=acquired(
                stream([("Cord", "Fiber 0")], cord("Cord", "Fiber_0_green", "Fiber_1_green"))
            ),
        )
    )
    assert rows == [
        ("Fiber_0", "Cord", "Fiber_0_green", "missing", "PL"),
        ("Fiber_1", "Cord", "Fiber_1_green", "missing", "ACB"),
    ]


def test_a_cord_that_no_connection_names_is_matched_by_its_channels() -> None:
    rows = found(
        document(
            procedures=procedures(implant("Fiber_0", "PL")),
            acquisition=acquired(
                stream([], cord("Cord", "Fiber 0_red", "Fiber 1_red", "disconnected"))
            ),
        )
    )
    assert rows == [
        ("Fiber 1", "Cord", "Fiber 1_red", "missing", "missing"),
        ("Fiber_0", "Cord", "Fiber 0_red", "missing", "PL"),
        ("missing", "Cord", "disconnected", "missing", "missing"),
    ]


def test_connections_may_stand_in_another_stream_but_those_of_its_own_come_first() -> None:
    other = stream([("Cord", "Fiber 0")])
    rows = found(document(acquisition=acquired(stream([], cord("Cord", "g")), other)))
    assert [row[:3] for row in rows] == [("Fiber 0", "Cord", "g")]
    rows = found(
        document(acquisition=acquired(other, stream([("Cord", "Fiber 1")], cord("Cord", "g"))))
    )
    assert [row[:3] for row in rows] == [("Fiber 0", "Cord", "missing"), ("Fiber 1", "Cord", "g")]


# What is missing


def test_a_fiber_without_an_implant_keeps_its_rows() -> None:
    rows = found(document(acquisition=acquired(stream([("Cord", "Fiber 3")], cord("Cord", "g")))))
    assert rows == [("Fiber 3", "Cord", "g", "missing", "missing")]


def test_a_fiber_without_channels_has_one_row_for_each_of_its_cords() -> None:
    rows = found(
        document(
            procedures=procedures(implant("Fiber_0", "PL"), implant("Fiber_1", "ACB")),
            acquisition=acquired(stream([("Fiber 0", "Patch Cord A")])),
        )
    )
    assert rows == [
        ("Fiber_0", "Patch Cord A", "missing", "missing", "PL"),
        ("Fiber_1", "missing", "missing", "missing", "ACB"),
    ]


@pytest.mark.parametrize("structure", ["root", None, "", " ", {}, []])
def test_a_structure_that_says_nothing_is_missing(structure: Any) -> None:
    rows = found(document(procedures=procedures(implant("Fiber_0", structure))))
    assert rows == [("Fiber_0", "missing", "missing", "missing", "missing")]


@pytest.mark.parametrize(
    ("structures", "structure", "others"),
    [
        (["PL", "PL"], "PL", None),
        (["PL", "ACB"], "missing", "ACB, PL"),
        (["PL", "ACB", "PL"], "missing", "ACB, PL"),
        (["PL", None], "missing", "PL, missing"),
        (["root", "PL"], "missing", "PL, missing"),
        (["N/A", "root"], "missing", None),
    ],
)
@pytest.mark.parametrize("is_one_surgery", [True, False])
def test_of_implants_of_one_name_a_structure_counts_that_all_give(
    structures: list[Any], structure: str, others: str | None, *, is_one_surgery: bool
) -> None:
    implants = [implant(f"Fiber{'_ -'[at]}0", name) for at, name in enumerate(structures)]
    together = [surgery(*implants)] if is_one_surgery else [surgery(one) for one in implants]
    one = document(procedures={"subject_procedures": together})
    assert found(one) == [("Fiber_0", "missing", "missing", "missing", structure)]
    differ = [c for c in choices(one) if c[2] and "Fiber_0" in c[2]]
    assert differ == (
        [("targeted_structure", "Fiber_0: missing", f"Fiber_0: {others}")] if others else []
    )


def test_an_implant_without_a_name_is_left_out_and_told() -> None:
    one = document(
        procedures=procedures(implant("Fiber_0", "CP"), implant(None, "VTA"), implant(" ", None)),
        acquisition=acquired(stream([("Cord", "Fiber_0")], cord("Cord", "g"))),
    )
    assert found(one) == [("Fiber_0", "Cord", "g", "missing", "CP")]
    assert choices(one) == [("fiber", None, "VTA"), ("fiber", None, None)]


def test_an_electrode_without_a_name_is_no_matter_of_fibers() -> None:
    one = document(
        procedures=procedures(implant("Fiber_0"), implant(None, kind="Ephys probe")),
        acquisition=acquired(stream([("Cord", "Fiber_0")], cord("Cord", "g"))),
    )
    assert choices(one) == []


def test_an_implanted_electrode_is_no_fiber() -> None:
    assert found(document(procedures=procedures(implant("Probe A", kind="Ephys probe")))) == []
    assert len(found(document(procedures=procedures(implant("Fiber_0", kind=None))))) == 1


def test_what_a_channel_does_not_give_is_missing() -> None:
    config = cord(None, (None, None), ("", " "))
    rows = found(document(acquisition=acquired(stream([], config))))
    assert rows == [("missing", "missing", "missing", "missing", "missing")]


def test_a_fiber_without_an_implant_is_told() -> None:
    one = document(
        procedures=procedures(implant("Fiber_0")),
        acquisition=acquired(
            stream([("Cord A", "Fiber 0"), ("Cord B", "Fiber 1")], cord("Cord A", "g"))
        ),
    )
    assert choices(one) == [("targeted_structure", "Fiber 1: missing", None)]


def test_a_fiber_data_asset_without_any_channel_is_told() -> None:
    told = [("channel", None, None)]
    assert choices(document()) == told
    assert choices(document(procedures=procedures(implant("Fiber_0")))) == told
    assert choices(document(data_description=None)) == []


PLACEHOLDERS = ["n/a", "none", "null", "nan", "select", "select...", "select…", "unknown", "tbd"]
ANY_CASE = st.sampled_from([*PLACEHOLDERS, "-"]).flatmap(
    lambda text: st.tuples(*(st.sampled_from([c.lower(), c.upper()]) for c in text)).map("".join)
)


@given(placeholder=ANY_CASE, around=st.sampled_from(["", " ", "\t"]))
def test_what_a_form_leaves_in_a_field_is_missing(placeholder: str, around: str) -> None:
    written = around + placeholder + around
    one = document(
        procedures=procedures(implant("Fiber_0", written)),
        acquisition=acquired(stream([("Cord", "Fiber_0")], cord("Cord", ("g", written)))),
    )
    assert found(one) == [("Fiber_0", "Cord", "g", "missing", "missing")]
    columns = ("targeted_structure", "intended_measurement")
    assert choices(one) == [(column, "missing", placeholder) for column in columns]


@pytest.mark.parametrize("written", ["NA", "na", "norepinephrine", "no", "select one", "--"])
def test_a_word_that_no_form_leaves_is_a_value(written: str) -> None:
    one = document(
        procedures=procedures(implant("Fiber_0", written)),
        acquisition=acquired(stream([("Cord", "Fiber_0")], cord("Cord", ("g", written)))),
    )
    assert found(one) == [("Fiber_0", "Cord", "g", written, written)]
    assert choices(one) == []


def test_a_number_that_is_none_is_missing_too() -> None:
    one = document(acquisition=acquired(stream([], cord("Cord", ("Fiber 1", float("nan"))))))
    assert found(one) == [("Fiber 1", "Cord", "Fiber 1", "missing", "missing")]


# Surgeries


@pytest.mark.parametrize(
    ("started", "operated", "counts"),
    [
        ("2026-04-01T10:00:00-07:00", "2026-03-31", True),
        ("2026-04-01T10:00:00-07:00", "2026-04-01", True),
        ("2026-04-01T10:00:00-07:00", "2026-04-02", False),
        ("2026-04-01 10:00:00-07:00", "2026-04-02T08:00:00", False),
        # The evening before in Seattle.
        ("2026-04-02T03:00:00Z", "2026-04-02", False),
        ("2026-04-02T03:00:00+09:00", "2026-04-02", True),
        (None, "2026-04-02", True),
        ("in the morning", "2026-04-02", True),
        ("2026-04-01T10:00:00-07:00", None, True),
        ("2026-04-01T10:00:00-07:00", "in spring", True),
        ("0001-01-01T00:00:00Z", "0001-01-01", True),
    ],
)
def test_an_implant_counts_unless_its_surgery_is_after_the_acquisition(
    started: Any, operated: Any, *, counts: bool
) -> None:
    links = stream([("Cord", "Fiber 0")], cord("Cord", "g"))
    one = document(
        procedures={"subject_procedures": [surgery(implant("Fiber_0", "PL"), on=operated)]},
        acquisition=acquired(links) | {"acquisition_start_time": started},
    )
    fiber, structure = ("Fiber_0", "PL") if counts else ("Fiber 0", "missing")
    assert found(one) == [(fiber, "Cord", "g", "missing", structure)]
    assert [other for _, _, other in choices(one) if other] == (
        [] if counts else [f"{operated[:10]}, Fiber_0: PL"]
    )


def test_a_later_implant_of_the_same_name_changes_nothing() -> None:
    before = surgery(implant("Fiber_0", "PL"), on="2026-01-02")
    later = surgery(implant("Fiber 0", "ACB"), implant("Fiber_1"), implant(None), on="2026-06-02")
    for together in itertools.permutations([before, later]):
        one = document(
            procedures={"subject_procedures": list(together)},
            acquisition={"acquisition_start_time": "2026-04-01T10:00:00Z"},
        )
        assert found(one) == [("Fiber_0", "missing", "missing", "missing", "PL")]
        findings = [one for one in platform_fib.findings(one) if one.other]
        assert [f.other for f in findings] == [
            "2026-06-02, Fiber 0: ACB",
            "2026-06-02, Fiber_1: ACB",
            "2026-06-02, missing: ACB",
        ]
        assert {f.severity for f in findings} == {"note"}


# Assemblies


def test_an_assembly_gives_what_implants_and_configurations_give() -> None:
    config = cord("Patch Cord A", ("Green", "dopamine"), ("Isosbestic", "Select..."))
    links = [("Patch Cord A", "Fiber A")]
    expected = [
        ("Fiber A", "Patch Cord A", "Green", "dopamine", "ACB"),
        ("Fiber A", "Patch Cord A", "Isosbestic", "missing", "ACB"),
    ]
    inside = stream(links, assembly({"Fiber A": "ACB"}, config))
    assert found(document(acquisition=acquired(inside))) == expected
    assert choices(document(acquisition=acquired(inside))) == [
        ("intended_measurement", "missing", "Select...")
    ]
    both = stream(links, assembly({"Fiber-A": "ACB"}, config), config)
    one = document(procedures=procedures(implant("Fiber A")), acquisition=acquired(both))
    assert found(one) == expected


@pytest.mark.parametrize(
    ("implanted", "assembled", "structure", "is_told"),
    [
        ("PL", "PL", "PL", False),
        ("PL", "ACB", "PL", True),
        ("PL", None, "PL", False),
        ("PL", "root", "PL", False),
        (None, "ACB", "ACB", False),
        ("root", "ACB", "ACB", False),
        ("tbd", "ACB", "ACB", True),
        ("root", "Select…", "missing", True),
        (None, None, "missing", False),
    ],
)
def test_an_implant_comes_before_an_assembly(
    implanted: Any, assembled: Any, structure: str, *, is_told: bool
) -> None:
    config = assembly({"Fiber 0": assembled}, cord("Cord", "g"))
    one = document(
        procedures=procedures(implant("Fiber_0", implanted)),
        acquisition=acquired(stream([("Cord", "Fiber 0")], config)),
    )
    assert found(one) == [("Fiber_0", "Cord", "g", "missing", structure)]
    assert bool(choices(one)) == is_told


def test_implants_that_differ_are_not_decided_by_an_assembly() -> None:
    config = assembly({"Fiber 0": "PL"}, cord("Cord", "g"))
    one = document(
        procedures=procedures(implant("Fiber_0", "PL"), implant("Fiber_0", "ACB")),
        acquisition=acquired(stream([("Cord", "Fiber 0")], config)),
    )
    assert found(one) == [("Fiber_0", "Cord", "g", "missing", "missing")]


def test_assemblies_that_differ_give_no_structure() -> None:
    streams = [
        stream([("Cord", "Fiber 0")], assembly({"Fiber 0": s}, cord("Cord", "g")))
        for s in ("PL", None, "ACB")
    ]
    for some, structure in ((streams[:2], "PL"), (streams, "missing")):
        one = document(acquisition=acquired(*some))
        assert found(one) == [("Fiber 0", "Cord", "g", "missing", structure)]
    assert choices(one) == [("targeted_structure", "Fiber 0: missing", "Fiber 0: ACB, PL")]


@pytest.mark.parametrize("device", ["Cord", None])
def test_the_only_probe_and_the_only_cord_of_an_assembly_belong_together(device: Any) -> None:
    # The same cord has several configurations with one channel each.
    config = assembly({"Fiber A": "ACB"}, cord(device, "green"), cord(device, "red"))
    detector = [("Green CMOS", "Cord"), ("Cord", "470nm LED")]
    one = document(acquisition=acquired(stream(detector, config)))
    name = device or "missing"
    assert found(one) == [
        ("Fiber A", name, channel, "missing", "ACB") for channel in ("green", "red")
    ]
    assert choices(one) == [("fiber", f"{name}: Fiber A", None)] * 2


def test_a_connection_comes_before_an_assembly_wherever_it_stands() -> None:
    config = assembly({"Fiber A": "ACB"}, cord("Cord", "green"))
    for streams in (
        [stream([("Fiber B", "Cord")], config)],
        [stream([], config), stream([("Fiber B", "Cord")])],
    ):
        one = document(acquisition=acquired(*streams))
        assert found(one) == [
            ("Fiber A", "missing", "missing", "missing", "ACB"),
            ("Fiber B", "Cord", "green", "missing", "missing"),
        ]


def test_a_cord_that_belongs_to_a_probe_does_so_in_each_of_its_configurations() -> None:
    alone, paired = cord("Cord", "red"), assembly({"Fiber A": "ACB"}, cord("Cord", "green"))
    for some in itertools.permutations([alone, paired]):
        for streams in ([stream([], *some)], [stream([], one) for one in some]):
            assert found(document(acquisition=acquired(*streams))) == [
                ("Fiber A", "Cord", channel, "missing", "ACB") for channel in ("green", "red")
            ]


def test_cords_of_a_larger_assembly_are_matched_by_the_names_of_channels() -> None:
    config = assembly(
        {"Fiber A": "ACB", "Fiber B": "PL"},
        cord("Cord 1", "Fiber_A_green", "Fiber B red"),
        cord("Cord 2", "green"),
    )
    one = document(acquisition=acquired(stream([], config)))
    assert found(one) == [
        ("Fiber A", "Cord 1", "Fiber_A_green", "missing", "ACB"),
        ("Fiber B", "Cord 1", "Fiber B red", "missing", "PL"),
        ("missing", "Cord 2", "green", "missing", "missing"),
    ]
    assert choices(one) == [
        ("fiber", "Fiber_A_green: Fiber A", None),
        ("fiber", "Fiber B red: Fiber B", None),
    ]


def test_an_unnamed_probe_is_one_of_its_assembly() -> None:
    for probes in ({None: "ACB"}, {None: "ACB", "Fiber A": "PL"}):
        one = document(acquisition=acquired(stream([], assembly(probes, cord("Cord", "green")))))
        assert ("missing", "Cord", "green", "missing", "missing") in found(one)


def test_a_probe_of_an_assembly_without_a_channel_has_a_row() -> None:
    config = assembly({"Fiber A": "ACB", "Fiber B": None}, cord("Cord"))
    one = document(acquisition=acquired(stream([("Cord", "Fiber A")], config)))
    assert found(one) == [
        ("Fiber A", "Cord", "missing", "missing", "ACB"),
        ("Fiber B", "missing", "missing", "missing", "missing"),
    ]
    assert ("channel", None, None) in choices(one)


def test_a_connection_to_an_assembly_is_no_connection_to_a_fiber() -> None:
    config = assembly({"Fiber A": "ACB"}, cord("Cord", "green"))
    one = document(acquisition=acquired(stream([("Cord", "Fiber assembly 1")], config)))
    assert found(one) == [("Fiber A", "Cord", "green", "missing", "ACB")]


# Choices


def test_a_channel_that_is_given_to_a_fiber_by_its_name_is_told() -> None:
    links = [("Cord 1", "Fiber 0"), ("Cord 1", "Fiber 1"), ("Cord 2", "Fiber 2")]
    one = document(
        procedures=procedures(*(implant(f"Fiber_{at}") for at in range(4))),
        acquisition=acquired(
            stream(
                links,
                cord("Cord 1", "Fiber_0_red", "red"),
                cord("Cord 2", "Fiber_2_red", "Fiber 0_red", "Fiber_3_red"),
                cord("Cord 3", "Fiber_1_red", "disconnected"),
            )
        ),
    )
    assert choices(one) == [
        ("fiber", "Fiber_0_red: Fiber_0", None),
        ("fiber", "red: Fiber_0, Fiber_1", None),
        ("fiber", "Fiber 0_red: Fiber_2", "Fiber 0_red: Fiber_0"),
        ("fiber", "Fiber_3_red: Fiber_3", "Fiber_3_red: Fiber_2"),
        ("fiber", "Fiber_1_red: Fiber_1", None),
    ]


def test_a_channel_that_is_said_to_measure_two_things_keeps_the_first_and_it_is_told() -> None:
    streams = [
        stream([("Cord", "Fiber 0")], cord("Cord", ("g", measured)))
        for measured in (None, "dopamine", "calcium", "n/a", "dopamine")
    ]
    one = document(procedures=procedures(implant("Fiber 0")), acquisition=acquired(*streams))
    assert found(one) == [("Fiber 0", "Cord", "g", "dopamine", "ACB")]
    assert choices(one) == [
        ("intended_measurement", "g: dopamine", "g: calcium"),
        ("intended_measurement", "missing", "n/a"),
    ]


def test_a_plain_document_has_no_findings() -> None:
    one = document(
        procedures=procedures(implant("Fiber_0")),
        acquisition=acquired(stream([("Cord", "Fiber 0")], cord("Cord", ("g", "dopamine")))),
    )
    assert choices(one) == []


def test_every_choice_concerns_a_column() -> None:
    assert {kind.value[0] for kind in Kind} <= {column.name for column in ACORN.columns}


def test_every_column_says_where_it_comes_from() -> None:
    paths = {"name", *(read.path for read in ACORN.kind.reads)}
    for column in ACORN.columns:
        assert column.reads
        assert set(column.reads) <= paths
        assert column.rule.endswith(".")
        assert column.example.endswith(".")


# Each once


def test_several_configurations_of_a_cord_with_a_channel_each_are_one_cord() -> None:
    names = ["Fiber 0_red", "Fiber 0_green", "Fiber 0_isosbestic"]
    rows = found(
        document(
            acquisition=acquired(
                stream([("Patch Cord A", "Fiber 0")] * 3, *(cord("Patch Cord A", n) for n in names))
            )
        )
    )
    assert [row[:3] for row in rows] == [("Fiber 0", "Patch Cord A", n) for n in sorted(names)]


def test_a_channel_that_is_there_twice_has_one_row_with_what_either_gives() -> None:
    streams = [
        stream([("Cord", "Fiber 0")], cord("Cord", ("g", measured)))
        for measured in (None, "dopamine", None)
    ]
    rows = found(document(acquisition=acquired(*streams)))
    assert rows == [("Fiber 0", "Cord", "g", "dopamine", "missing")]


def test_documents_of_one_name_share_their_rows_whatever_their_order() -> None:
    both = [
        document(
            procedures=procedures(implant("Fiber_0", structure)),
            acquisition=acquired(stream([("Cord", "Fiber_0")], cord("Cord", ("g", measured)))),
        )
        for structure, measured in (("PL", None), (None, "dopamine"), ("ACB", "calcium"))
    ]
    for some in itertools.permutations(both):
        rows = [row for one in some for row in platform_fib.rows(one)]
        table = platform_fib.finish(arrow.table(ACORN, rows), {})
        arrow.check(ACORN, table)
        assert [list(row.values())[:6] for row in table.to_pylist()] == [
            ["a_name", "Fiber_0", "Cord", "g", "calcium", "ACB"]
        ]
        assert platform_fib.finish(table, {}).equals(table)


# Garbage

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["fib", "Fiber 0", "Patch Cord A", "Patch cord config", "Probe implant", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(sorted({name for read in ACORN.kind.reads for name in read.names})),
            inner,
        )
    ),
    max_leaves=12,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    pairs = value.items() if isinstance(value, dict) else ()
    pairs = enumerate(value) if isinstance(value, list) else pairs
    for key, below in pairs:
        yield from paths(below, (*at, key))


WHOLE = document(
    procedures={
        "subject_procedures": [
            surgery(implant("Fiber_0"), implant("Fiber_1", "PL"), on="2026-01-02"),
            surgery(implant("Fiber_0", "root"), implant(None), on="2026-09-02"),
        ]
    },
    acquisition=acquired(
        stream(
            [("Patch Cord A", "Fiber 0"), ("Patch Cord A", "Fiber 1"), ("LED", "Patch Cord A")],
            cord("Patch Cord A", ("Fiber_0_green", "dopamine"), "Fiber_1_green", "red"),
            assembly({"Fiber 1": "ACB", "Fiber 2": "n/a"}, cord("Patch Cord B", "Fiber 2 green")),
            assembly({"Fiber 3": "ACB"}, cord("Patch Cord C", ("red", "None"))),
        )
    )
    | {"acquisition_start_time": "2026-04-01 10:00:00-07:00"},
)
PATHS = [path for path in paths(WHOLE) if path]


@settings(max_examples=200, deadline=None)
@given(changes=st.lists(st.tuples(st.sampled_from(PATHS), values), min_size=1, max_size=4))
def test_anything_may_stand_anywhere_and_the_table_is_valid(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    odd = json.loads(json.dumps(WHOLE))
    for (*parents, last), value in changes:
        # An earlier change may have taken the place away.
        with contextlib.suppress(LookupError, TypeError):
            functools.reduce(operator.getitem, parents, odd)[last] = value
    odd["name"] = odd["name"] if isinstance(odd["name"], str) else "a_name"
    arrow.check(ACORN, platform_fib.finish(arrow.table(ACORN, platform_fib.rows(odd)), {}))
    choices(odd)


@given(st.fixed_dictionaries(dict.fromkeys(("name", *CORE), values)))
def test_core_files_of_any_kind_do_not_raise(odd: dict[str, Any]) -> None:
    list(platform_fib.rows(odd))
    choices(odd)


@given(
    structures=st.lists(st.sampled_from(["PL", "ACB", "root", None]), min_size=2, max_size=5),
    numbers=st.lists(st.integers(0, 2), min_size=5, max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_structures_do_not_depend_on_the_order_of_implants(
    structures: list[Any], numbers: list[int], order: random.Random
) -> None:
    implants = [
        surgery(implant(f"Fiber_{n}", s), on=f"2026-0{3 + n}-02")
        for n, s in zip(numbers, structures, strict=False)
    ]
    channels = stream([("Cord", "Fiber 0")], cord("Cord", "g", "Fiber_1 and Fiber_2", "Fiber_2"))
    started = {"acquisition_start_time": "2026-04-01T10:00:00Z"}
    rows = []
    for _ in range(2):
        one = document(
            procedures={"subject_procedures": implants}, acquisition=acquired(channels) | started
        )
        rows.append((found(one), sorted(choices(one), key=str)))
        order.shuffle(implants)
    assert rows[0] == rows[1]


LABELS = st.sampled_from(["470nm LED", "Green CMOS", "Fiber photometry camera", "Laser fiber 1"])
CORDS = st.sampled_from(["Patch Cord A", "Patch Cord B", "Patch Cord C", "Patch Cord X"])


@given(st.lists(st.tuples(st.integers(0, 9), LABELS, CORDS, st.booleans()), max_size=6))
def test_a_connection_of_a_detector_or_light_source_changes_nothing(
    others: list[tuple[int, str, str, bool]],
) -> None:
    odd = json.loads(json.dumps(WHOLE))
    connections = odd["acquisition"]["data_streams"][0]["connections"]
    for at, label, patch_cord, is_turned in others:
        ends = (patch_cord, label) if is_turned else (label, patch_cord)
        connections.insert(at, {"source_device": ends[0], "target_device": ends[1]})
    assert found(odd) == found(WHOLE)
    assert choices(odd) == choices(WHOLE)


def test_a_device_that_is_configured_as_another_kind_is_no_fiber() -> None:
    light = {"object_type": "Light emitting diode config", "device_name": "Fiber 470"}
    one = stream([("Cord", "Fiber 0"), ("Fiber 470", "Cord")], cord("Cord", "g"), light)
    assert found(document(acquisition=acquired(one))) == [
        ("Fiber 0", "Cord", "g", "missing", "missing")
    ]


def test_a_probe_that_a_patch_cord_is_connected_to_is_a_fiber_without_an_implant() -> None:
    probes = [{"object_type": "Probe config", "device_name": name} for name in ("Probe A", "46100")]
    links = [("Patch Cord A", "Probe_A"), ("46100", "Basestation"), ("LED", "Patch Cord A")]
    one = document(acquisition=acquired(stream(links, *probes, cord("Patch Cord A", "g"))))
    assert found(one) == [("Probe_A", "Patch Cord A", "g", "missing", "missing")]
    assert choices(one) == [("targeted_structure", "Probe_A: missing", None)]


@given(st.randoms(use_true_random=False))
def test_what_a_channel_names_does_not_become_a_fiber_of_other_channels(
    order: random.Random,
) -> None:
    configs = [cord("Cord A", "Fiber_3_green"), cord("Cord B", "Fiber_3_red")]
    order.shuffle(configs)
    one = document(acquisition=acquired(stream([("Cord A", "Fiber 0")], *configs)))
    assert [row[:3] for row in found(one)] == [
        ("Fiber 0", "Cord A", "Fiber_3_green"),
        ("Fiber_3", "Cord B", "Fiber_3_red"),
    ]


def test_rows_do_not_depend_on_the_order_of_configurations() -> None:
    configs = [cord("Patch Cord A", f"Fiber_{n}_{c}") for n in (0, 1) for c in ("red", "green")]
    links = [("Patch Cord A", "Fiber 0"), ("Fiber 1", "Patch Cord A"), ("LED", "Patch Cord A")]
    expected = found(document(acquisition=acquired(stream(links, *configs))))
    for seed in range(10):
        random.Random(seed).shuffle(configs)
        random.Random(seed).shuffle(links)
        assert found(document(acquisition=acquired(stream(links, *configs)))) == expected


# Real documents


def colors(fiber: str, patch_cord: str, structure: str, **measured: str) -> list[Row]:
    """The rows of a fiber whose channels are its name with a color: `Fiber 0_red`."""
    return [(fiber, patch_cord, f"{fiber}_{c}", m, structure) for c, m in measured.items()]


NOTHING = {"red": "missing", "green": "missing", "isosbestic": "missing"}
CALCIUM = NOTHING | {"green": "calcium"}
REAL: dict[str, list[Row]] = {
    # Implants in root, connections from fiber to cord, and a configuration of another cord.
    "669492_2023-07-07_17-52-04_nwb_2025-09-05_16-22-41": [
        ("Fiber 0", "Patch Cord A", "missing", "missing", "missing"),
        ("Fiber 1", "Patch Cord B", "missing", "missing", "missing"),
        ("Fiber 2", "Patch Cord C", "missing", "missing", "missing"),
        ("Fiber 3", "Patch Cord D", "missing", "missing", "missing"),
        ("missing", "Fiber optic patch cord", "Fiber channel", "missing", "missing"),
    ],
    # `Fiber 0` in the connections, `Fiber_0` for the implant.
    "804434_2025-11-14_01-02-41": [
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Green", "calcium", "ORBl"),
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Isosbestic", "missing", "ORBl"),
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Red", "serotonin", "ORBl"),
        ("Fiber_1", "Patch Cord 1", "Fiber_1_Green", "calcium", "ORBm"),
        ("Fiber_1", "Patch Cord 1", "Fiber_1_Isosbestic", "missing", "ORBm"),
        ("Fiber_1", "Patch Cord 1", "Fiber_1_Red", "serotonin", "ORBm"),
    ],
    # No fib in the data description; one cord for two fibers.
    "behavior_717535_2024-10-25_10-24-48_processed_2026-04-10_21-32-50": [
        ("Fiber 0", "Patch Cord A", "Fiber_0_green", "dopamine", "PL"),
        ("Fiber 0", "Patch Cord A", "Fiber_0_isosbestic", "control", "PL"),
        ("Fiber 1", "Patch Cord A", "Fiber_1_green", "dopamine", "ACB"),
        ("Fiber 1", "Patch Cord A", "Fiber_1_isosbestic", "control", "ACB"),
    ],
    # Neither implants nor an acquisition.
    "behavior_726649_2024-10-07_13-27-02_processed_2025-02-23_03-30-46": [],
    "behavior_774212_2025-06-26_12-50-52": [
        *colors("Fiber 0", "Patch Cord A", "missing", **CALCIUM),
        *colors("Fiber 1", "Patch Cord B", "missing", **CALCIUM),
        *colors("Fiber 2", "Patch Cord C", "missing", **CALCIUM),
    ],
    "behavior_778098_2025-04-22_19-05-57": [
        *colors("Fiber 0", "Patch Cord A", "missing", **(CALCIUM | {"red": "dopamine"})),
        *colors("Fiber 1", "Patch Cord B", "missing", **(CALCIUM | {"red": "dopamine"})),
    ],
    "behavior_809487_2025-11-26_15-58-37": [
        *colors("Fiber 0", "Patch Cord 0", "PL", **(CALCIUM | {"isosbestic": "control"})),
        *colors("Fiber 1", "Patch Cord 1", "PL", **(CALCIUM | {"isosbestic": "control"})),
        ("Fiber 2", "Patch Cord 2", "Fiber 2_red", "acetylcholine", "ACB"),
        ("Fiber 2", "Patch Cord 2", "Fiber 2_green", "dopamine", "ACB"),
        ("Fiber 2", "Patch Cord 2", "Fiber 2_isosbestic", "control", "ACB"),
        ("Fiber 3", "Patch Cord 3", "Fiber 3_red", "acetylcholine", "ACB"),
        ("Fiber 3", "Patch Cord 3", "Fiber 3_green", "dopamine", "ACB"),
        ("Fiber 3", "Patch Cord 3", "Fiber 3_isosbestic", "control", "ACB"),
    ],
    "behavior_827183_2026-02-07_17-14-12": [
        *colors("Fiber 0", "Patch Cord A", "missing", **NOTHING),
        *colors("Fiber 1", "Patch Cord B", "missing", **NOTHING),
        *colors("Fiber 2", "Patch Cord C", "missing", **NOTHING),
        *colors("Fiber 3", "Patch Cord D", "missing", **NOTHING),
    ],
    "behavior_850595_2026-05-04_12-49-45_processed_2026-05-05_20-43-11": [
        *colors("Fiber 0", "Patch Cord A", "ACB", **NOTHING),
        *colors("Fiber 1", "Patch Cord B", "ACB", **NOTHING),
        *colors("Fiber 2", "Patch Cord C", "PIR", **NOTHING),
        *colors("Fiber 3", "Patch Cord D", "PIR", **NOTHING),
    ],
    # Cords without a fiber, an implant without a cord, fibers without an implant.
    "fip_123456_example": [
        ("Fiber 0", "Patch Cord A", "Fiber 0_green", "calcium", "missing"),
        ("Fiber 0", "Patch Cord A", "Fiber 0_isosbestic", "control", "missing"),
        ("Fiber 0", "Patch Cord A", "Fiber 0_red", "dopamine", "missing"),
        ("Fiber 1", "Patch Cord B", "Fiber 1_green", "calcium", "missing"),
        ("Fiber 1", "Patch Cord B", "Fiber 1_isosbestic", "control", "missing"),
        ("Probe A", "missing", "missing", "missing", "VTA"),
        ("missing", "Patch Cord C", "disconnected", "missing", "missing"),
        ("missing", "Patch Cord D", "disconnected", "missing", "missing"),
    ],
}
OLDER: dict[str, list[Row]] = {
    # A stream of either age, with one cord and with two, and no implants.
    "behavior_726649_*__upgraded-by-us_2025-04-23.json": [
        ("Fiber_0", "Patch Cord A", "Fiber 0_green", "calcium", "missing"),
        ("Fiber_0", "Patch Cord A", "Fiber 0_isosbestic", "control", "missing"),
        ("Fiber_0", "Patch Cord A", "Fiber 0_red", "dopamine", "missing"),
        ("Fiber_0", "Patch Cord A", "Fiber_0_green", "calcium", "missing"),
        ("Fiber_0", "Patch Cord A", "Fiber_0_isosbestic", "control", "missing"),
        ("Fiber_0", "Patch Cord A", "Fiber_0_red", "dopamine", "missing"),
        ("Fiber_1", "Patch Cord A", "Fiber_1_green", "calcium", "missing"),
        ("Fiber_1", "Patch Cord A", "Fiber_1_isosbestic", "control", "missing"),
        ("Fiber_1", "Patch Cord B", "Fiber 1_green", "calcium", "missing"),
        ("Fiber_1", "Patch Cord B", "Fiber 1_isosbestic", "control", "missing"),
    ],
    # Twelve configurations with one channel each.
    "behavior_850595_*__upgraded-by-authors_nolm.json": [
        (name.replace(" ", "_"), *rest)
        for name, *rest in REAL["behavior_850595_2026-05-04_12-49-45_processed_2026-05-05_20-43-11"]
    ],
}


def corpus() -> dict[str, dict[str, Any]]:
    path = CORPUS / "documents.ndjson"
    if not path.exists():
        pytest.skip(f"no corpus of real documents at {CORPUS}")
    read = map(json.loads, path.read_text().splitlines())
    return {one["name"]: dict.fromkeys(CORE) | one for one in read}


@pytest.mark.real
def test_real_documents_of_all_ages_give_what_is_in_them() -> None:
    rows = {name: found(one) for name, one in corpus().items()}
    assert {name for name, some in rows.items() if some} <= REAL.keys()
    for name, expected in REAL.items():
        assert rows[name] == sorted(expected), name


@pytest.mark.real
@pytest.mark.parametrize("pattern", OLDER)
def test_older_forms_of_real_documents_give_what_is_in_them(pattern: str) -> None:
    paths = list((CORPUS / "versions").glob(pattern))
    if not paths:
        pytest.skip(f"no {pattern} in a corpus of real documents at {CORPUS}")
    one = dict.fromkeys(CORE) | json.loads(paths[0].read_text())
    assert found(one) == sorted(OLDER[pattern])


def case(pattern: str) -> list[dict[str, Any]]:
    paths = list((CORPUS.parent / "cases").glob(f"{pattern}/documents.ndjson"))
    if not paths:
        pytest.skip(f"no case {pattern} beside the corpus")
    return list(map(json.loads, paths[0].read_text().splitlines()))


@pytest.mark.real
def test_a_fiber_in_an_assembly_is_as_one_in_a_configuration() -> None:
    for one in case("01-*"):
        assert found(one) == [
            ("Fiber A", "Patch Cord A", "Green", "dopamine", "ACB"),
            ("Fiber A", "Patch Cord A", "Isosbestic", "control", "ACB"),
        ]
        assert choices(one) == []


@pytest.mark.real
def test_two_surgeries_that_number_their_fibers_from_zero_are_told_apart() -> None:
    structures = [{row[0]: row[4] for row in found(one)} for one in case("04-*")]
    assert structures == [
        {"Fiber_0": "missing", "Fiber_1": "ACB"},
        {"Fiber_0": "missing", "Fiber_1": "ACB"},
        {"Fiber_0": "CP", "Fiber_1": "ACB"},
    ]
    differ = [("targeted_structure", "Fiber_0: missing", "Fiber_0: CP, PL")]
    assert list(map(choices, case("04-*"))) == [differ, differ, [("fiber", None, "VTA")]]


@pytest.mark.real
def test_placeholders_of_a_form_are_missing_and_told() -> None:
    (one,) = case("05-*")
    assert found(one) == [
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Blue", "acetylcholine", "ACB"),
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Green", "missing", "ACB"),
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Isosbestic", "missing", "ACB"),
        ("Fiber_0", "Patch Cord 0", "Fiber_0_Red", "missing", "ACB"),
        ("missing", "Patch Cord 1", "disconnected", "missing", "missing"),
    ]
    assert [other for _, _, other in choices(one)] == ["None", "N/A", "Select..."]


@pytest.mark.real
def test_the_declared_fields_are_all_that_is_read() -> None:
    wanted = projection.path_map(projected(ACORN.kind.reads))
    for one in [*corpus().values(), WHOLE]:
        trimmed = dict.fromkeys(CORE) | projection.trim(one, wanted)
        assert found(trimmed) == found(one)
        assert choices(trimmed) == choices(one)
