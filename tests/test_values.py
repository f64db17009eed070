"""Every value of every table against the oracle's, on several sets of documents."""

import functools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import made_files
import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from building import dump, real, tables
from compare_cells import Way, differences, report
from conftest import CORPUS

from zs_client import user_tables
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.documents import update as documents
from zs_pipeline.publishing import commit
from zs_pipeline.settings import sample
from zs_pipeline.side_files.files import Files
from zs_pipeline.source.choice import open_source
from zs_pipeline.tables.build import build
from zs_pipeline.tables.inputs import Surroundings

CASES = CORPUS.parent / "cases"
SESSIONS = "aind-behavior-data/foraging_nwb_bonsai_processed/df_sessions.pkl"
UPGRADES = "metadata_upgrade_status_prod"


@dataclass(frozen=True)
class Given:
    """A set of documents, with what lies beside it.

    Attributes:
        documents: The documents.
        files: The folder of buckets; None where side files are not looked at.
        old: The documents of the old database.
        custom: The folder of custom tables that stand in for stored ones.
        store: A store that is there before.
    """

    documents: Sequence[dict[str, Any]]
    files: Path | None = None
    old: Path | None = None
    custom: Path | None = None
    store: Path | None = None

    def list_keys(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Returns the keys below a prefix, and when each was written."""
        assert self.files
        folder = self.files / prefix.removeprefix("s3://")
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = f"s3://{path.relative_to(self.files)}"
                yield key, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def read_file(self, key: str) -> bytes | None:
        """Returns a side file; None when it is not there."""
        assert self.files
        path = self.files / key.removeprefix("s3://")
        return path.read_bytes() if path.is_file() else None

    def upgrades(self) -> dict[str, tuple[list[dict[str, Any]], datetime]]:
        """Returns the copies of the custom table of upgrades."""
        found = {}
        for path in sorted(self.store.rglob(f"{UPGRADES}.pqt")) if self.store else ():
            rows = pq.read_table(path).to_pylist()
            found[str(path)] = rows, datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if self.custom and not found:
            rows = lines(self.custom / f"{UPGRADES}.ndjson")
            found["custom"] = rows, datetime.now(UTC)
        for rows, _ in found.values():
            for row in rows:
                for name in ("last_modified", "upgrade_datetime"):
                    if isinstance(row.get(name), str):
                        row[name] = oracle.instant(row[name])
                    elif row.get(name) is not None and row[name].tzinfo is None:
                        row[name] = row[name].replace(tzinfo=UTC)
        return found


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def with_id(path: Path) -> list[dict[str, Any]]:
    """Returns the documents of a dump; those without an `_id` are set aside by a build as well."""
    return [document for document in lines(path) if document.get("_id")]


@functools.cache
def temporary() -> tempfile.TemporaryDirectory[str]:
    """Returns a folder that is removed when the process ends."""
    return tempfile.TemporaryDirectory()


@functools.cache
def given(name: str) -> Given:
    """Returns a set of documents by its name."""
    if name == "sample":
        return Given(
            with_id(sample() / "documents.ndjson"),
            sample() / "files",
            sample() / "old_documents.ndjson",
            sample() / "custom",
        )
    if name == "made":
        made = Path(__file__).parent / "made" / "documents.ndjson.zst"
        body = zstandard.ZstdDecompressor().decompress(made.read_bytes())
        documents = [json.loads(line) for line in body.splitlines()]
        return Given(documents, made_files.write(Path(temporary().name), documents))
    if not CORPUS.exists():
        pytest.skip("the corpus of real documents is not beside this checkout")
    if name == "corpus":
        return Given(real(CORPUS))
    case = CASES / name
    files, store = case / "files", case / "store"
    return Given(
        lines(case / "documents.ndjson"),
        files if files.exists() else None,
        store=store if store.exists() else None,
    )


def builds(folder: Path, of: Given) -> dict[str, list[dict[str, Any]] | Exception]:
    """Build every table without Dagster; returns its rows, or why it could not be built."""
    place = folder / "store"
    if of.store:
        shutil.copytree(of.store, place)
    place.mkdir(exist_ok=True)
    nothing = folder / "nothing"
    nothing.mkdir()
    store = open_store(str(place))
    source = open_source(str(dump(folder / "d.ndjson", of.documents)), CATALOGUE.reads.paths)
    documents.update(store, source, CATALOGUE.reads)
    around = Surroundings(
        store,
        Layout(__version__),
        CATALOGUE,
        Files(str(of.files or nothing)),
        user_tables.copies,
        old_url=str(of.old or ""),
        custom_samples=of.custom,
    )
    failed: dict[str, list[dict[str, Any]] | Exception] = {}
    for acorn in CATALOGUE.in_order:
        try:
            commit.commit(store, Layout(__version__), acorn, build(acorn, around))
        except Exception as error:  # noqa: BLE001 - the test of that table shows it
            failed[acorn.table] = error
    found: dict[str, list[dict[str, Any]] | Exception] = {}
    for key, body in sorted(tables(store).items()):
        table = key.removesuffix(".pqt").split("/")[0]
        rows = pq.read_table(pa.BufferReader(body)).to_pylist()
        if "=" in key:
            column, value = key.split("/")[1].split("=")
            for row in rows:
                row[f"partition {column}"] = unquote(value)
        have = found.setdefault(table, [])
        assert isinstance(have, list)
        have += rows
    return found | failed


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Builds a set of documents, once."""

    @functools.cache
    def of(name: str) -> dict[str, list[dict[str, Any]] | Exception]:
        return builds(tmp_path_factory.mktemp(name), given(name))

    return of


TABLES = {
    "asset_basics": Way("_id"),
    "unique_project_names": Way("project_name"),
    "unique_subject_ids": Way("subject_id"),
    "unique_genotypes": Way("genotype"),
    "metadata_core": Way("_id"),
    "source_data": Way("name", ("source_data",)),
    "qc": Way("asset_name", in_order=True, json=("value", "status_history")),
    "qc_tag_status": Way("asset_name", ("tag",)),
    "time_to_qc": Way("name"),
    "platform_qc": Way("asset_name", ("platform", "tag")),
    "platform_fib": Way("asset_name", ("fiber", "patch_cord", "channel")),
    "platform_smartspim_fiber_ccf": Way("name", ("fiber",)),
    "platform_smartspim_qc_metrics": Way("name", ("metric_name", "channel", "stage")),
}
# The made documents have neither (see `test_light_sheet_values.py`).
LIGHT_SHEET = {"platform_smartspim_fiber_ccf", "platform_smartspim_qc_metrics"}
WITH_FILES = {
    "assets_smartspim": Way("raw_name", ("channel",)),
    "platform_exaspim": Way("raw_name"),
    "behavior_curriculum": Way("asset_name"),
    "foraging_sessions": Way("subject_id", ("session_date", "nwb_suffix")),
}
UPGRADE = {"metadata_upgrade": Way("_id")}


def expected(table: str, of: Given) -> list[dict[str, Any]]:
    """Returns the oracle's rows of a table."""
    given_documents = of.documents
    match table:
        case "unique_project_names" | "unique_subject_ids" | "unique_genotypes":
            column = table.removeprefix("unique_").removesuffix("s")
            return oracle.unique(given_documents, column)
        case "qc":
            return oracle.quality_control(given_documents)
        case "assets_smartspim":
            return oracle.assets_smartspim(given_documents, of.list_keys, of.read_file)
        case "platform_exaspim":
            return oracle.platform_exaspim(given_documents, of.list_keys)
        case "behavior_curriculum":
            return oracle.behavior_curriculum(given_documents, of.list_keys, of.read_file)
        case "foraging_sessions":
            body = of.read_file(f"s3://{SESSIONS}")
            return oracle.foraging_sessions(oracle.unpickled(body)) if body else []
        case "metadata_upgrade":
            old = lines(of.old) if of.old else []
            return oracle.metadata_upgrade(of.upgrades(), given_documents, old)
    return getattr(oracle, table)(given_documents)


def stored(table: str, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    if table == "platform_qc":
        return [{**row, "platform": row["partition platform"]} for row in rows]
    return rows


def check(table: str, name: str, rows: list[dict[str, Any]] | Exception | None) -> None:
    if isinstance(rows, Exception):
        raise rows
    way = (TABLES | WITH_FILES | UPGRADE)[table]
    wanted, have = expected(table, given(name)), stored(table, rows or [])
    if table in WITH_FILES:
        # Of documents with one name one is asked about; the description does not say which.
        wanted, have = without_shared_names(name, wanted), without_shared_names(name, have)
    found = differences(have, wanted, way)
    assert not found, report(f"{table} of {name}", found, len(wanted))


def without_shared_names(name: str, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Returns the rows whose data assets have one document each."""
    counts = Counter(document.get("name") for document in given(name).documents)
    shared = {name for name, count in counts.items() if count > 1}
    columns = ("name", "raw_name", "asset_name")
    return [row for row in rows if not shared & {row.get(column) for column in columns}]


WITH_DOCUMENTS = (
    "01-fiber-assembly",
    "02-inherited-pipelines",
    "03-multi-asset",
    "04-fiber-names-twice",
    "05-measurement-placeholders",
    "07-naive-time",
    "09-session-date-join",
    "10-trainer-states",
    "11-channels-arrive-later",
    "14-subject-fallback",
    "15-stale-qc-status",
    "16-value-as-json",
    "19-upgrade-table-moved",
)
SETS = [
    "sample",
    pytest.param("made", marks=pytest.mark.slow),
    pytest.param("corpus", marks=pytest.mark.real),
    *(pytest.param(case, marks=pytest.mark.real) for case in WITH_DOCUMENTS),
]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_documents(built, table, name):
    check(table, name, built(name).get(table))


WITH_BUCKETS = [
    "sample",
    pytest.param("made", marks=pytest.mark.slow),
    *(
        pytest.param(c, marks=pytest.mark.real)
        for c in WITH_DOCUMENTS
        if c[:2] in ("09", "10", "11")
    ),
]


@pytest.mark.parametrize("name", WITH_BUCKETS)
@pytest.mark.parametrize("table", WITH_FILES)
def test_a_table_of_side_files(built, table, name):
    if table == "foraging_sessions" and given(name).read_file(f"s3://{SESSIONS}") is None:
        pytest.skip("there is no frame")
    check(table, name, built(name).get(table))


@pytest.mark.parametrize(
    "name", ["sample", pytest.param("19-upgrade-table-moved", marks=pytest.mark.real)]
)
def test_the_table_of_upgrades(built, name):
    check("metadata_upgrade", name, built(name).get("metadata_upgrade"))


@pytest.mark.parametrize("name", SETS)
def test_people_are_those_that_were_written(built, name):
    rows = built(name)["asset_basics"]
    wrong = [
        f"{row['name']} ({row['_id']}), {column}: {row[column]} became "
        f"{row[f'{column}_normalized']}: {reason}"
        for row in rows
        for column in ("experimenters", "investigators")
        if (reason := oracle.wrong_with_people(row[column], row[f"{column}_normalized"]))
    ]
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("name", SETS)
def test_metrics_lie_in_their_subjects_partition_in_order(built, name):
    rows = built(name).get("qc", [])
    late = datetime.max.replace(tzinfo=UTC)
    for row in rows:
        assert row["partition subject_id"] == row["subject_id"] or row["subject_id"] is None
    order = [
        (row["partition subject_id"], row["timestamp"] or late, row["asset_name"]) for row in rows
    ]
    assert order == sorted(order)


@pytest.mark.slow
@pytest.mark.parametrize("table", sorted(TABLES.keys() - LIGHT_SHEET))
def test_the_made_documents_have_rows_in_every_table(table):
    made = given("made").documents
    assert len(made) == len({document["_id"] for document in made}) == 2000
    assert len(expected(table, given("made"))) > 1
