"""Nights on which each document is right and the documents as a whole are not what they were."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import document, dump, tables, zs_build
from hypothesis import given
from hypothesis import strategies as st

from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.documents import retention, upheavals
from zs_pipeline.documents.shards import INDEX_SCHEMA
from zs_pipeline.orchestration import code_location
from zs_pipeline.publishing import table_checks as checks

VERSION = "1.0.0"
LAYOUT = Layout(VERSION)
COUNT = 20


def findings(out: Path) -> list[dict[str, Any]]:
    rows = pq.read_table(pa.BufferReader(tables(out)["document_problems.pqt"])).to_pylist()
    return [row for row in rows if row["_id"] is None]


def settled(out: Path) -> checks.Finding:
    acorn = CATALOGUE.by_name["asset_basics"]
    (check,) = (one for one in checks.checks_of(acorn) if one.name == "names_settled")
    return check.look(checks.load_check_context(open_store(out), LAYOUT, acorn))


def named(form: str) -> list[dict[str, Any]]:
    found = [document(f"asset-{n}", f"{n % 5}", quality_control=None) for n in range(COUNT)]
    when = "2025-03-01T00:00:00.000Z"
    return [{**one, "name": form.format(one["name"]), "_last_modified": when} for one in found]


NIGHTS = {
    "twice": (
        lambda: [*named("{}"), *({**one, "_id": f"new-{one['_id']}"} for one in named("{}"))],
        "_id",
        "20 of 20 names belong to several documents; 0 did before",
    ),
    "renamed": (
        lambda: named("{}_v2"),
        "name",
        "20 of 20 documents have another name than before",
    ),
    "unnamed": (
        lambda: [{**one, "name": None} for one in named("{}")],
        "name",
        "20 of 20 documents have another name than before",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("night", NIGHTS)
def test_a_night_that_upsets_the_documents_is_told(
    tmp_path: Path, night: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, field, said = NIGHTS[night]
    source, out = dump(tmp_path / "d.ndjson", named("{}")), tmp_path / "out"
    only = ["asset_basics", "document_problems"]
    assert zs_build(source, out, select=only) == 0
    assert (findings(out), settled(out).passed) == ([], True)
    dump(source, make())
    zs_build(source, out, select=only, accept_shrink=True)
    assert f"documents: {said}" in " ".join(capsys.readouterr().out.split())
    for _ in range(2):
        (row,) = findings(out)
        assert (row["field"], row["severity"]) == (field, "warning")
        assert row["reason"].startswith(said)
        assert not settled(out).passed
        # A change of one document on a later night takes nothing of it away.
        dump(source, [*make(), document("another")])
        zs_build(source, out, select=only)


def test_what_was_found_goes_with_the_states_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "KEPT_STATES", 2)
    source, out = dump(tmp_path / "d.ndjson", named("{}")), tmp_path / "out"
    for form in ("{}", "{}_v2"):
        dump(source, named(form))
        assert zs_build(source, out, select=["document_problems"]) == 0
    assert len(findings(out)) == 1
    for number in range(2):
        dump(source, [*named("{}_v2"), *(document(f"more-{n}") for n in range(number + 1))])
        assert zs_build(source, out, select=["document_problems"]) == 0
    assert findings(out) == []


def test_the_graph_has_the_check() -> None:
    defs = code_location.definitions()
    keys = {key.name for key in defs.resolve_asset_graph().asset_check_keys}
    assert "names_settled" in keys
    assert isinstance(defs, dg.Definitions)


def index(names: dict[str, str | None]) -> pa.Table:
    rows = [
        {"_id": key, "name": name, "shard": 0, "has_qc": False, "content": "x"}
        for key, name in names.items()
    ]
    return pa.Table.from_pylist(rows, INDEX_SCHEMA)


NAMES = st.dictionaries(st.text("abc", max_size=4), st.none() | st.text("xy", max_size=2))


@given(NAMES, NAMES)
def test_no_few_documents_are_an_upheaval(old, new) -> None:
    found = dict(upheavals.find(index(old), index(new)))
    renamed = sum(key in old and old[key] != name for key, name in new.items())
    both = len(old.keys() & new.keys())
    assert ("name" in found) == (renamed >= 10 and renamed > 0.3 * both)
