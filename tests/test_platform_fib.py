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
from zs_pipeline.source import projection

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"
CORE = (*CORE_FILES, "model")
FIB = {"modalities": [{"abbreviation": "fib"}]}

Row = tuple[str, str, str, str, str]


def found(document: dict[str, Any]) -> list[Row]:
    """Fiber, patch cord, channel, measurement and structure of each row, sorted."""
    return sorted(
        tuple(row[c.name] for c in ACORN.columns[1:]) for row in platform_fib.rows(document)
    )


def document(**core: Any) -> dict[str, Any]:
    return {"_id": "x", "name": "a_name"} | dict.fromkeys(CORE) | {"data_description": FIB} | core


def implant(name: Any, structure: Any = "ACB", kind: Any = "Fiber probe") -> dict[str, Any]:
    return {
        "object_type": "Probe implant",
        "implanted_device": {"name": name, "object_type": kind},
        "device_config": {"primary_targeted_structure": {"acronym": structure}},
    }


def procedures(*implants: Any) -> dict[str, Any]:
    return {"subject_procedures": [{"object_type": "Surgery", "procedures": list(implants)}]}


def cord(device: Any, *channels: Any) -> dict[str, Any]:
    """A configuration; a channel is a name, or a name and what it measures."""
    pairs = [(c, None) if isinstance(c, str) else c for c in channels]
    return {
        "object_type": "Patch cord config",
        "device_name": device,
        "channels": [{"channel_name": n, "intended_measurement": m} for n, m in pairs],
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


def test_a_patch_cord_with_fiber_in_its_name_is_no_fiber() -> None:
    rows = found(
        document(
            acquisition=acquired(
                stream([("Fiber optic patch cord", "Fiber 0")], cord("Fiber optic patch cord", "g"))
            )
        )
    )
    assert rows == [("Fiber 0", "Fiber optic patch cord", "g", "missing", "missing")]


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


def test_the_connection_decides_against_the_name_of_a_channel() -> None:
    rows = found(
        document(
            acquisition=acquired(
                stream(
                    [("Cord A", "Fiber 0"), ("Cord B", "Fiber 1")],
                    cord("Cord A", "Fiber_1_green"),
                    cord("Cord B", "Fiber_1_green"),
                )
            )
        )
    )
    assert [row[:3] for row in rows] == [
        ("Fiber 0", "Cord A", "Fiber_1_green"),
        ("Fiber 1", "Cord B", "Fiber_1_green"),
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


def test_of_two_records_of_an_implant_the_one_with_a_structure_counts() -> None:
    rows = found(
        document(procedures=procedures(implant("Fiber_0", "root"), implant("Fiber 0", "PL")))
    )
    assert rows == [("Fiber_0", "missing", "missing", "missing", "PL")]


def test_an_implanted_electrode_is_no_fiber() -> None:
    assert found(document(procedures=procedures(implant("Probe A", kind="Ephys probe")))) == []
    assert len(found(document(procedures=procedures(implant("Fiber_0", kind=None))))) == 1


def test_what_a_channel_does_not_give_is_missing() -> None:
    config = cord(None, (None, None), ("", " "))
    rows = found(document(acquisition=acquired(stream([], config))))
    assert rows == [("missing", "missing", "missing", "missing", "missing")]


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
        assert [list(row.values()) for row in table.to_pylist()] == [
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
    procedures=procedures(implant("Fiber_0"), implant("Fiber_1", "PL")),
    acquisition=acquired(
        stream(
            [("Patch Cord A", "Fiber 0"), ("Patch Cord A", "Fiber 1"), ("LED", "Patch Cord A")],
            cord("Patch Cord A", ("Fiber_0_green", "dopamine"), "Fiber_1_green"),
        )
    ),
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


@given(st.fixed_dictionaries(dict.fromkeys(("name", *CORE), values)))
def test_core_files_of_any_kind_do_not_raise(odd: dict[str, Any]) -> None:
    list(platform_fib.rows(odd))


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


@pytest.mark.real
def test_the_declared_fields_are_all_that_is_read() -> None:
    wanted = projection.tree(projected(ACORN.kind.reads))
    for one in [*corpus().values(), WHOLE]:
        assert found(dict.fromkeys(CORE) | projection.trim(one, wanted)) == found(one)
