"""platform_fib: the coordinate at which a fiber's implant was aimed, from its surgery."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zs_pipeline import arrow
from zs_pipeline.acorns import platform_fib
from zs_pipeline.acorns.platform_fib import ACORN
from zs_pipeline.declaration import CORE

SYSTEM = {
    "name": "BREGMA_ARID",
    "origin": "Bregma",
    "axis_unit": "millimeter",
    "axes": [{"name": name} for name in ("AP", "ML", "SI", "Depth")],
}
NAMED = ("BREGMA_ARID", "Bregma", "millimeter")
NOTHING = (None,) * 7
COLUMNS = [c.name for c in ACORN.columns if c.name.startswith("target_coordinate")]


def move(*values: Any, **more: Any) -> dict[str, Any]:
    return {"object_type": "Translation", "translation": list(values), **more}


TURN = {"object_type": "Rotation", "angles": [-5.0, 0.0, 0.0, 0.0]}


def implant(*transform: Any, name: str = "Fiber_0") -> dict[str, Any]:
    return {
        "object_type": "Probe implant",
        "implanted_device": {"name": name, "object_type": "Fiber probe"},
        "device_config": {"transform": list(transform)},
    }


def surgery(*implants: Any, system: Any = SYSTEM, on: Any = None) -> dict[str, Any]:
    return {"start_date": on, "coordinate_system": system, "procedures": list(implants)}


def document(*surgeries: Any, **procedures: Any) -> dict[str, Any]:
    return {
        "_id": "a",
        "name": "a",
        **dict.fromkeys(CORE),
        "data_description": {"modalities": [{"abbreviation": "fib"}]},
        "procedures": {"subject_procedures": list(surgeries), **procedures},
        "acquisition": {"acquisition_start_time": "2026-02-01T10:00:00-08:00"},
    }


def targets(*surgeries: Any, **procedures: Any) -> list[tuple[Any, ...]]:
    rows = platform_fib.rows(document(*surgeries, **procedures))
    return [tuple(row[name] for name in COLUMNS) for row in rows]


def reasons(*surgeries: Any, **procedures: Any) -> list[str]:
    found = platform_fib.findings(document(*surgeries, **procedures))
    return [one.reason for one in found if one.column.startswith("platform_fib.target_coord")]


def test_each_value_stands_under_its_axis() -> None:
    assert targets(surgery(implant(move(2.0, -0.8, 0.0, 1.6), TURN))) == [
        (2.0, -0.8, 0.0, 1.6, *NAMED)
    ]


def test_the_axes_say_which_value_is_which_in_any_order_and_case() -> None:
    axes = [{"name": name} for name in ("ml", "AP", "DEPTH")]
    system = SYSTEM | {"axes": axes, "axis_unit": "micrometer"}
    assert targets(surgery(implant(move(-600, 3050, 4200)), system=system)) == [
        (3050.0, -600.0, None, 4200.0, "BREGMA_ARID", "Bregma", "micrometer")
    ]


@pytest.mark.parametrize("key", ["coordinate_system", "global_coordinate_system"])
@pytest.mark.parametrize("own", [None, {}])
def test_a_surgery_without_a_system_has_that_of_all_procedures(key: str, own: Any) -> None:
    found = targets(surgery(implant(move(1, 2, 3, 4)), system=own), **{key: SYSTEM})
    assert found == [(1.0, 2.0, 3.0, 4.0, *NAMED)]


def test_the_surgerys_own_system_comes_first() -> None:
    other = SYSTEM | {"name": "LAMBDA_ARID", "origin": {"name": "Lambda"}}
    found = targets(surgery(implant(move(1, 2, 3, 4)), system=other), coordinate_system=SYSTEM)
    assert found[0][4:] == ("LAMBDA_ARID", "Lambda", "millimeter")


@pytest.mark.parametrize(
    ("transform", "is_doubt"),
    [
        ([], False),
        ([move(2.3, -1.3, 0.0), TURN], True),
        ([move(1, 2, 3, 4, 5)], True),
        ([move(1, 2, 3, 4), move(1, 2, 3, 4)], True),
        ([move(1, 2, 3, 4), {"object_type": "Affine", "affine_transform": []}], True),
        ([TURN], True),
        ([move(1, 2, 3, 4, reference_coordinate_system="local")], True),
        ([{"object_type": "Translation", "translation": "1, 2, 3, 4"}], True),
    ],
)
def test_a_transform_that_is_not_clear_gives_null_and_is_told(
    transform: list[Any], *, is_doubt: bool
) -> None:
    operated = surgery(implant(*transform))
    assert targets(operated) == [NOTHING]
    assert bool(reasons(operated)) == is_doubt


def test_without_a_system_there_is_nothing_and_it_is_told() -> None:
    operated = surgery(implant(move(1, 2, 3, 4)), system=None)
    assert targets(operated) == [NOTHING]
    assert len(reasons(operated)) == 1


def test_values_along_other_axes_are_null_and_it_is_told() -> None:
    system = SYSTEM | {"axes": [{"name": name} for name in "XYZ"]}
    operated = surgery(implant(move(1, 2, 3)), system=system)
    assert targets(operated) == [(None,) * 4 + NAMED]
    assert len(reasons(operated)) == 1


def test_a_value_that_is_no_number_is_null_and_the_others_stay() -> None:
    values = ("1.1", True, math.nan, {"$numberDouble": "NaN"})
    assert targets(surgery(implant(move(*values)))) == [(1.1, None, None, None, *NAMED)]
    values = (math.inf, 10**400, "1,5", None)
    assert targets(surgery(implant(move(*values)))) == [(None,) * 4 + NAMED]


@pytest.mark.parametrize("name", ["Fiber_0", "Fiber 0"])
def test_two_implants_of_one_name_give_null_in_one_surgery_or_two(name: str) -> None:
    one, other = implant(move(1, 2, 3, 4)), implant(move(5, 6, 7, 8), name=name)
    for surgeries in ([surgery(one, other)], [surgery(one), surgery(other)]):
        assert targets(*surgeries) == [NOTHING]
        assert len(reasons(*surgeries)) == 1


def test_an_implant_after_the_acquisition_does_not_count() -> None:
    before = surgery(implant(move(1, 2, 3, 4)), on="2026-01-01")
    after = surgery(implant(move(5, 6, 7, 8)), on="2026-03-01")
    assert targets(before, after) == [(1.0, 2.0, 3.0, 4.0, *NAMED)]


def test_of_documents_with_one_name_the_row_with_the_coordinate_stays_in_any_order() -> None:
    rows = [
        row
        for operated in (surgery(implant()), surgery(implant(move(1, 2, 3, 4))))
        for row in platform_fib.rows(document(operated))
    ]
    for order in (rows, rows[::-1]):
        (row,) = platform_fib.finish(arrow.table(ACORN, order), {}).to_pylist()
        assert row["target_coordinate_depth"] == 4.0


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda some: (
        st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=4), some, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    transform=ANYTHING | st.lists(st.just(TURN) | st.builds(move, ANYTHING, ANYTHING) | ANYTHING),
    system=ANYTHING
    | st.fixed_dictionaries({"name": ANYTHING, "origin": ANYTHING, "axes": ANYTHING})
    | st.just(SYSTEM | {"axes": SYSTEM["axes"][:2]}),
)
def test_odd_forms_never_raise_and_keep_the_types(transform: Any, system: Any) -> None:
    odd = implant()
    odd["device_config"]["transform"] = transform
    whole = document(surgery(odd, system=system), coordinate_system=system)
    table = arrow.table(ACORN, platform_fib.rows(whole))
    arrow.check(ACORN, table)
    assert all(one.reason for one in platform_fib.findings(whole))
    for name in COLUMNS[:4]:
        assert all(math.isfinite(value) for value in table[name].to_pylist() if value is not None)


REAL = Path(__file__).parents[2] / "shared" / "corpus" / "records"


@pytest.mark.real
@pytest.mark.parametrize(
    ("pattern", "targets_by_fiber"),
    [
        # Its system is that of all procedures.
        ("behavior_809487*", {"Fiber 0": (2.0, -0.8, 0.0, 1.6), "Fiber 3": (1.0, 2.2, 0.0, 4.1)}),
        # Three values for four axes.
        ("804434*", {"Fiber_0": (None,) * 4, "Fiber_1": (None,) * 4}),
        # Texts among them, and a null.
        ("behavior_778098*", {"Fiber 0": (1.1, -1.6, 0.0, 3.9), "Fiber 1": (1.1, 1.6, 0.0, None)}),
    ],
)
def test_real_documents(pattern: str, targets_by_fiber: dict[str, Any]) -> None:
    (path,) = REAL.glob(pattern)
    rows = list(platform_fib.rows(json.loads(path.read_text())))
    for fiber, target in targets_by_fiber.items():
        found = {tuple(row[c] for c in COLUMNS[:4]) for row in rows if row["fiber"] == fiber}
        assert found == {target}
