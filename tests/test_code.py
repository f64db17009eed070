"""Names for the code of tables: another one when what makes a table's values changes."""

import inspect
from typing import Any

import pytest

from zs_pipeline.acorns import CATALOGUE, source_data
from zs_pipeline.code import of_table


@pytest.mark.parametrize(
    ("table", "calls_it"),
    [
        ("source_data", True),
        ("time_to_qc", True),
        ("assets_smartspim", True),
        ("platform_smartspim_qc_metrics", True),
        ("metadata_core", False),
    ],
)
def test_a_table_is_made_anew_when_a_function_of_another_table_that_it_calls_changes(
    monkeypatch: pytest.MonkeyPatch, table: str, *, calls_it: bool
) -> None:
    acorn = next(acorn for acorn in CATALOGUE.in_order if acorn.name == table)
    before = of_table(acorn)
    source = inspect.getsource

    def changed(what: Any) -> str:
        return source(what) + ("# Changed." if what is source_data else "")

    monkeypatch.setattr(inspect, "getsource", changed)
    assert (of_table(acorn) != before) == calls_it
