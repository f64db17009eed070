"""What a table reads is declared once: whatever stands there and does not fit is found and told."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building import document, dump, tables, zs_build
from declaring import reads
from earlier import Earlier
from listed import WANTED, Listed, many, run
from stores import contents, memory

from zs_client import user_tables
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_pipeline import arrow, processes
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.catalogue import path_of
from zs_pipeline.code import of_findings
from zs_pipeline.declaration import Expected, Read
from zs_pipeline.documents import state as documents
from zs_pipeline.documents.update import update
from zs_pipeline.publishing import commit
from zs_pipeline.shape.problems import check
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.tables.build import build
from zs_pipeline.tables.inputs import Surroundings

pytest_plugins = ("earlier",)

# No value of any kind but `anything`.
WRONG = True
PLACES = {
    path_of(steps): steps
    for steps, expected in CATALOGUE.reads.expected.items()
    if expected is not Expected.ANYTHING
}


def spoilt(name: str, steps: Sequence[str]) -> dict[str, Any]:
    """A document with a wrong value at one place; what leads there is made."""
    found: Any = document(name)
    found |= {"procedures": {}, "instrument": {}}
    value: Any = WRONG
    for step in reversed(steps[1:]):
        value = [value] if step == "[]" else {"a key" if step == "{}" else step: value}
    return {**found, steps[0]: value}


def problems(store: Path) -> list[dict[str, Any]]:
    body = tables(store)["document_problems.pqt"]
    return pq.read_table(pa.BufferReader(body)).to_pylist()


def test_a_value_of_a_wrong_kind_is_found_wherever_one_is_read(tmp_path: Path) -> None:
    made = {f"d{n}": path for n, path in enumerate(PLACES)}
    source = dump(tmp_path / "d.ndjson", [spoilt(n, PLACES[path]) for n, path in made.items()])
    assert zs_build(source, tmp_path / "out") == 0
    found = {(row["_id"], row["field"]) for row in problems(tmp_path / "out")}

    def told(name: str, path: str) -> bool:
        # Somebody whose name is no text is no person.
        return {(f"id-{name}", path), (f"id-{name}", path.removesuffix(".name"))} & found != set()

    assert [path for name, path in made.items() if not told(name, path)] == []
    # Of the fibers nothing was found when the kinds stood in a list of their own.
    assert "acquisition.data_streams[].configurations[].channels[].channel_name" in PLACES
    assert "procedures.subject_procedures[].procedures[].implanted_device" in PLACES
    assert len(PLACES) > 90


def test_a_document_as_it_should_be_has_no_findings() -> None:
    assert check(document("a"), CATALOGUE.reads) == []


PEOPLE = Read("acquisition.experimenters[].name", Expected.TEXT)
# The same path: no document is to be fetched for it.
NAMES = Read("acquisition.experimenters[].name", Expected.TIME)


def misfits(count: int) -> Listed:
    """Documents of which every third has no list of experimenters."""
    source = many(count)
    for number, one in enumerate(source.documents):
        one["_last_modified"] = "2026-01-02T03:04:05Z"
        one["acquisition"] = {"experimenters": "nobody" if number % 3 == 0 else [{"name": "Ada"}]}
    return source


@pytest.mark.parametrize("beside", [False, True], ids=["in one process", "in several"])
def test_other_kinds_on_the_same_paths_find_more_and_fetch_nothing(monkeypatch, beside) -> None:
    if beside:
        monkeypatch.setattr(processes, "WORTH", 0)
        monkeypatch.setattr(processes, "count", lambda: 2)
    store, source = memory(), misfits(12)
    assert run(store, source, reads(*WANTED, PEOPLE)).values_unread == 4
    before = documents.load(store)
    changes = run(store, source, reads(*WANTED, NAMES))
    assert (changes.fetched, changes.changed, source.fetched) == (0, 0, [])
    assert changes.values_unread == 12
    now = documents.load(store)
    assert (now.state, now.head["reads"]) == (before.state, of_findings(reads(*WANTED, NAMES)))
    # What is kept of it is whole: a change of one document brings back none of the former findings.
    source["d001"]["_last_modified"] = "2026-01-03T03:04:05Z"
    assert run(store, source, reads(*WANTED, NAMES)).values_unread == 12
    again = memory()
    run(again, source, reads(*WANTED, NAMES))
    kept = ("index", "shards", "state", "projection", "reads")
    heads = [documents.load(one).head for one in (store, again)]
    assert [heads[0][name] for name in kept] == [heads[1][name] for name in kept]


def test_what_is_found_again_is_not_written_again() -> None:
    store, source = memory(), misfits(12)
    run(store, source, reads(*WANTED, PEOPLE))
    before = {key: body for key, body in contents(store).items() if key.endswith(".pqt")}
    other = reads(*WANTED, PEOPLE, Read("acquisition.experimenters[]", Expected.TEXT_OR_PERSON))
    assert documents.load(store).head["reads"] != of_findings(other)
    assert run(store, source, other).values_unread == 4
    assert {k: b for k, b in contents(store).items() if k.endswith(".pqt")} == before


BUILD = """
from zs_pipeline import build
sys.exit(build.main(source=sys.argv[1], store=sys.argv[2], files=sys.argv[3]))
"""


@pytest.mark.slow
def test_findings_come_to_a_store_of_1_0_0_and_each_document_is_fetched_once(
    release_1_0_0: Earlier, tmp_path: Path
) -> None:
    """1.0.0 found nothing of platform_fib's paths, and did not keep all that is read today."""
    path = "acquisition.data_streams"
    of_fib = [spoilt("silent", PLACES[path]), spoilt("told", PLACES["name"])]
    source, out = dump(tmp_path / "d.ndjson", of_fib), tmp_path / "out"
    files = release_1_0_0.sample / "files"
    release_1_0_0.run(BUILD, source, out, files)
    assert [row["field"] for row in problems(out)] == ["name"]

    store = open_store(str(out))
    opened = open_source(str(source), CATALOGUE.reads.paths)
    fetched = [update(store, opened, CATALOGUE.reads)[1].fetched for _ in range(2)]
    assert fetched == [2, 0]
    acorn = CATALOGUE.by_name["document_problems"]
    around = Surroundings(
        store, Layout(__version__), CATALOGUE, Files(str(files)), user_tables.copies
    )
    commit.commit(store, Layout(__version__), acorn, build(acorn, around))
    rows = arrow.decode(store.get("data-asset-cache/zs-v1.0.0/document_problems.pqt")).to_pylist()
    assert {row["field"] for row in rows} == {"name", path}
