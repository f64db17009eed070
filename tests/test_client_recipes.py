"""What the pages show to be run runs: on the sample as written, on the real documents, in DuckDB.

The matrix runs this file with the oldest and the newest libraries.
"""

import doctest
import json
import os
import re
import shutil
import subprocess
import sys

import duckdb
import pytest
from building import zs_build
from test_readme import ROOT, fenced

from pages import site
from zs_pipeline.acorns import ACORNS
from zs_pipeline.acorns.foraging_sessions import ACORN as FORAGING

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_PYTHON = [page for page in PAGES if fenced(page.read_text(encoding="utf-8"), "python")]
# What takes the place of the sample's animal, with a data asset that has QC. Each has values of
# several types: 66 of 131 are null, 4 of 26 are texts, and 850595 has texts, lists and a null.
SUBJECTS = {
    "828418": "828418_2026-02-13_18-31-13_processed_2026-02-14_12-44-45",
    "754560": "behavior_754560_2024-08-28_09-07-05_videoprocessed_2026-03-14_00-21-14",
    "850595": "behavior_850595_2026-05-04_12-49-45_processed_2026-05-05_20-43-11",
}
REAL = {
    "SmartSPIM_901006_2024-10-21_14-05-40": "828418_2026-02-13_18-31-13",
    "behavior_901003_2024-10-21_13-02-48": "behavior_774212_2025-06-26_12-50-52",
    "Sample foraging": "Cognitive flexibility in patch foraging",
    "901002": "774212",
    "901006": "754560",
    "901007": "774212",
    "901011": "800779",
    "901013": "850595",
}


class AnyOutput(doctest.OutputChecker):
    """Takes every output: the pages show those of the sample. An error fails all the same."""

    def check_output(self, *_: object) -> bool:
        """Returns that the output is right."""
        return True


def told(text: str, name: str, checker: doctest.OutputChecker | None = None) -> tuple[str, int]:
    """Returns what is wrong with a page's Python, and how many lines of it there are."""
    code = "\n".join(fenced(text, "python"))
    test = doctest.DocTestParser().get_doctest(code, {}, name, name, 0)
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    count = len(test.examples)
    doctest.DocTestRunner(checker, optionflags=flags).run(test, out=said.append)
    return "".join(said), count


@pytest.fixture
def in_sample(sample_store, tmp_path, monkeypatch):
    """A folder with the sample's tables, in which a recipe may write."""
    shutil.copytree(sample_store, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZS_STORE", ".")
    return tmp_path


@pytest.fixture(scope="module")
def real_store(corpus, tmp_path_factory):
    """A folder with everything built from the real documents and the sessions beside them."""
    folder = tmp_path_factory.mktemp("real")
    sessions = folder / "files" / FORAGING.kind.file.removeprefix("s3://")
    sessions.parent.mkdir(parents=True)
    shutil.copy(corpus / "s3" / "df_sessions__generated.pkl", sessions)
    assert zs_build(corpus / "documents.ndjson", folder / "out", files=folder / "files") == 0
    return folder / "out"


@pytest.fixture
def in_real(real_store, tmp_path, monkeypatch):
    """A folder with the real documents' tables, in which a recipe may write."""
    shutil.copytree(real_store, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZS_STORE", ".")
    return tmp_path


def real(text: str, subject: str) -> str:
    """Returns a page with names that the real documents have."""
    names = {"901001_2024-09-03_17-12-31": SUBJECTS[subject], **REAL, "901001": subject}
    for here, there in names.items():
        text = text.replace(here, there)
    return text


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_the_python_of_a_page_gives_what_it_shows(page, in_sample):
    said, count = told(page.read_text(encoding="utf-8"), page.name)
    assert said == ""
    assert count


@pytest.mark.real
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs_on_the_real_documents(page, subject, in_real):
    text = real(page.read_text(encoding="utf-8"), subject)
    said, count = told(text, page.name, AnyOutput())
    assert said == ""
    assert count


def read_by_page(acorn, text):
    """Returns the rows that the Python of a table's page reads, and the query of its SQL."""
    names: dict[str, object] = {}
    *lines, last = fenced(text, "python")[0].splitlines()
    exec("\n".join(lines), names)
    return eval(last, names), duckdb.sql(fenced(text, "sql")[0])


@pytest.mark.parametrize("acorn", ACORNS, ids=lambda acorn: acorn.name)
def test_the_page_of_a_table_reads_it(acorn, in_sample):
    rows, query = read_by_page(acorn, site.table_page(acorn))
    assert len(rows) == len(query.fetchall()) > 0
    split = {acorn.partition}
    assert set(query.columns) - split == {column.name for column in acorn.columns} - split


# The custom table of the first does not lie beside the real documents, none of which is a stitched
# data asset of an animal with fibers, or has a metric of the third.
WITHOUT_REAL_ROWS = (
    "metadata_upgrade",
    "platform_smartspim_fiber_ccf",
    "platform_smartspim_qc_metrics",
)


@pytest.mark.real
@pytest.mark.parametrize("acorn", ACORNS, ids=lambda acorn: acorn.name)
def test_the_page_of_a_table_reads_that_of_the_real_documents(acorn, in_real):
    rows, query = read_by_page(acorn, real(site.table_page(acorn), "828418"))
    assert len(rows) == len(query.fetchall())
    assert len(rows) or acorn.name in WITHOUT_REAL_ROWS


def run_notebook(notebook, folder):
    """Returns what a notebook's cells give, run as its page says in a folder with the tables."""
    (folder / "docs").mkdir()
    copy = folder / "docs" / "notebook.ipynb"
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    said = re.search(r"`(export ZS_STORE=\S+)`", "".join(notebook["cells"][0]["source"]))
    # Jupyter starts a notebook in the folder where it lies.
    program = f'{said[1]} && cd docs && exec "$0" -m pages.notebook notebook.ipynb'
    done = subprocess.run(
        ["/bin/sh", "-c", program, sys.executable],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return shown(json.loads(copy.read_text(encoding="utf-8")))


def shown(notebook):
    return [
        [(output["data"]["text/plain"], sorted(output["data"])) for output in cell["outputs"]]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def test_the_notebook_runs_as_its_page_says_and_shows_what_it_gives(in_sample):
    kept = json.loads(site.NOTEBOOK.read_text(encoding="utf-8"))
    assert len(shown(kept)) > 5
    # If it differs: `python -m pages.notebook docs/notebook.ipynb` on a build of the sample.
    assert run_notebook(kept, in_sample) == shown(kept)


@pytest.mark.real
@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_notebook_runs_on_the_real_documents(subject, in_real):
    notebook = json.loads(real(site.NOTEBOOK.read_text(encoding="utf-8"), subject))
    assert all(run_notebook(notebook, in_real)[1:])
