"""The site: it builds strictly and offline, its made pages are whole, what it shows runs."""

import doctest
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import PAGES, commands, fenced

import zs_client
from pages import site
from zs_client import arguments, plots
from zs_pipeline.acorns import ACORNS

ROOT = Path(__file__).parents[1]
BY_HAND = [page for page in PAGES if page.parent == ROOT / "docs"]
MOVING = (ROOT / "docs/moving.md").read_text(encoding="utf-8")
# What `from zombie_squirrel import …` offers in 0.28.6.
BEFORE = [
    "asset_basics",
    "foraging_sessions",
    "assets_smartspim",
    "behavior_curriculum",
    "platform_fib",
    "platform_qc",
    "custom",
    "metadata_upgrade",
    "qc",
    "qc_columns",
    "raw_to_derived",
    "source_data",
    "unique_project_names",
    "unique_genotypes",
    "unique_subject_ids",
    "get_squirrel_info",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def test_the_site_has_a_page_for_all_that_it_promises(built):
    wanted = [page.with_suffix(".html").name for page in BY_HAND]
    wanted += [name.replace(".md", ".html") for name in site.pages()]
    wanted += [f"decisions/{page.stem}.html" for page in PAGES if page.parent.name == "decisions"]
    assert [name for name in wanted if not (built / name).is_file()] == []


def test_the_site_loads_nothing_from_elsewhere(built):
    pages = list(built.rglob("*.html"))
    assert len(pages) > len(ACORNS) + len(BY_HAND)
    loads = re.compile(r'(?:\bsrc|<link[^>]*\bhref)="?((?:https?:)?//[^">\s]+)')
    styles = re.compile(r"url\(\s*[\"']?((?:https?:)?//[^)]+)\)|@import")
    for page in pages:
        assert loads.findall(page.read_text(encoding="utf-8")) == [], page
    for sheet in built.rglob("*.css"):
        assert styles.findall(sheet.read_text(encoding="utf-8")) == [], sheet


@pytest.mark.parametrize("acorn", ACORNS, ids=lambda acorn: acorn.name)
def test_the_page_of_a_table_tells_all_of_it_and_its_example_reads_it(
    acorn, sample_store, monkeypatch
):
    import duckdb

    page = site.table_page(acorn)
    split = acorn.kind.partitioning
    for text in (acorn.description, *acorn.key, *(split.values if split else ())):
        assert text in page
    for column in acorn.columns:
        null = "yes" if column.nullable else "never"
        row = f"| `{column.name}` | `{column.type}` | {null} | {site._cell(column.description)} |"
        assert row in page
    monkeypatch.setenv("ZS_STORE", str(sample_store))
    monkeypatch.chdir(sample_store)
    names: dict[str, object] = {}
    code = fenced(page, "python")[0]
    exec(code[: code.rindex("\n", 0, -1)], names)
    read = eval(site.example(acorn), names)
    query = duckdb.sql(fenced(page, "sql")[0])
    assert len(read) == len(query.fetchall()) > 0
    assert set(query.columns) - {acorn.partition} == {c.name for c in acorn.columns} - {
        acorn.partition
    }


def test_every_public_thing_is_on_the_page_of_functions_with_its_arguments():
    page = site.functions_page()
    drawn = {
        name
        for name, thing in vars(plots).items()
        if inspect.isfunction(thing) and thing.__module__ == plots.__name__ and name[0] != "_"
    }
    assert set(site.PICTURES) == drawn
    for name in [*zs_client.__all__, *drawn]:
        if name[0] == "_":
            continue
        _, found, text = page.partition(f"\n### {name}\n")
        assert found, name
        text = text.split("\n### ")[0]
        thing = getattr(zs_client, name, None) or getattr(plots, name)
        assert inspect.cleandoc(thing.__doc__).splitlines()[0] in text
        if inspect.isfunction(thing):
            for argument in inspect.signature(thing).parameters:
                assert argument in text.split("```")[1], f"{name}: {argument}"


def test_no_text_of_a_docstring_is_lost():
    def words(text):
        return re.findall(r"\w+", text)

    for name in zs_client.__all__:
        if name != "__version__":
            thing = getattr(zs_client, name)
            assert words("\n".join(site._docstring(thing))) == words(
                inspect.cleandoc(thing.__doc__)
            )


def test_every_function_of_the_earlier_program_and_of_this_one_is_on_the_page_of_those_who_move():
    page = MOVING.partition("## From biodata-cache")[0]
    rows = dict(re.findall(r"^\| `(\w+)\([^`]*\)` \| `(\w+)\([^`]*\)` \|", page, re.MULTILINE))
    assert sorted(rows) == sorted(BEFORE)
    for now in rows.values():
        assert callable(getattr(zs_client, now))
    functions = {n for n in zs_client.__all__ if inspect.isfunction(getattr(zs_client, n))}
    # The page of tables has those that came later.
    functions -= {acorn.name for acorn in ACORNS}
    assert {name for name in functions if f"`{name}(" not in MOVING} == set()


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, sample_store, monkeypatch, tmp_path):
    text = "\n".join(fenced(page.read_text(encoding="utf-8"), "python"))
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, page.name, 0)
    (tmp_path / "data-asset-cache").symlink_to(sample_store / "data-asset-cache")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZS_STORE", ".")
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert "".join(said) == ""
    assert test.examples or page.stem in ("architecture", "scaling")


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_understood(page):
    makefile = (ROOT / "Makefile").read_text()
    for words in commands(page.read_text(encoding="utf-8")):
        if words[0] == "zs":
            arguments.parser().parse_args(words[1:])
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


def test_the_notebook_runs_in_a_process_of_its_own_and_shows_what_it_gives(sample_store, tmp_path):
    kept = json.loads(site.NOTEBOOK.read_text(encoding="utf-8"))
    copy = tmp_path / "notebook.ipynb"
    copy.write_text(json.dumps(kept), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pages.notebook", copy],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "ZS_STORE": str(sample_store), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    ran = json.loads(copy.read_text(encoding="utf-8"))

    def shown(notebook):
        return [
            [(output["data"]["text/plain"], sorted(output["data"])) for output in cell["outputs"]]
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]

    assert len(shown(ran)) > 5
    # If it differs: `python -m pages.notebook docs/notebook.ipynb` on a build of the sample.
    assert shown(ran) == shown(kept)


def test_an_error_in_a_cell_is_an_error(tmp_path):
    from pages import notebook

    cell = {"cell_type": "code", "source": ["1 / 0"], "outputs": []}
    with pytest.raises(ZeroDivisionError):
        notebook.run({"cells": [cell]})
