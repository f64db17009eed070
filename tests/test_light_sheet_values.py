"""The two tables of light-sheet quality control against a second opinion, on mangled documents."""

import copy
import json
import random
from typing import Any

import oracle
import pytest
from made.mangle import Mangler

from zs_pipeline import arrow
from zs_pipeline.acorns import platform_smartspim_fiber_ccf, platform_smartspim_qc_metrics
from zs_pipeline.settings import sample

NAME = "SmartSPIM_901006_2024-10-21_14-05-40_stitched_2025-01-15_03-22-09"
LINES = (sample() / "documents.ndjson").read_text(encoding="utf-8").splitlines()
(STITCHED,) = (one for one in map(json.loads, LINES) if one["name"] == NAME)
NAMES = (
    *("Fiber 0 CCF Location", "Fiber_1 CCF Location", "fiber-2 CCF Location", "Fiber 9"),
    *("Image stitching", "Tissue perfusion", "Flatfield correction", "Image destriping"),
    *("Image and tissue quality", "Ex_639_Em_680 brightness", "Registration"),
)
VALUES = (
    *({"AP": 1, "ML": 2, "DV": 3}, {"AP": "1", "ML": 2.0}, {"AP": -1, "DV": 2.5}, {"AP": True}),
    *('{"AP": 7, "ML": "8"}', 'json:{"DV": 9}', "{", "", None, [1, 2, 3], 0.5, "Good"),
    *({"value": {"AP": 4}}, {"value": "Good", "options": []}, {"value": None}, {"mean": 3}),
)
TAGS = ({"Channel": "Ex_1"}, {"channel": " "}, {"type": "a"}, ["channel"], None, {})


def mangled(seed: int) -> dict[str, Any]:
    """Returns the document with metrics and implants of other names, values and tags."""
    chance = random.Random(seed)
    document = copy.deepcopy(STITCHED)
    metrics = document["quality_control"]["metrics"]
    for _ in range(chance.randrange(4)):
        metrics.insert(chance.randrange(len(metrics)), copy.deepcopy(chance.choice(metrics)))
    for metric in metrics:
        if chance.random() < 0.5:
            metric["name"] = chance.choice(NAMES)
        metric |= {"value": chance.choice(VALUES), "tags": chance.choice(TAGS)}
    for implant in document["procedures"]["subject_procedures"][0]["procedures"]:
        if chance.random() < 0.3:
            implant["implanted_device"] = {"name": chance.choice(("Fiber_0", "Fiber 2", None))}
    return Mangler(chance).mangled(document, [STITCHED])


def in_order(row: dict[str, Any]) -> list[str]:
    return [str(value) for value in row.values()]


@pytest.mark.parametrize("module", [platform_smartspim_fiber_ccf, platform_smartspim_qc_metrics])
def test_a_second_opinion_has_the_same_rows(module: Any) -> None:
    acorn = module.ACORN
    names = [column.name for column in acorn.columns]
    second = getattr(oracle, acorn.name)
    count = 0
    for seed in range(120):
        document = mangled(seed)
        have = arrow.table(acorn, module.rows(document)).to_pylist()
        rows = [{name: row[name] for name in names} for row in second([document])]
        assert sorted(have, key=in_order) == sorted(rows, key=in_order), seed
        count += len(have)
    assert count > 100
