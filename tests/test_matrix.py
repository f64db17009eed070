"""The matrix of environments: what is tried, how it is told, and what the project asks for."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from bench import matrix

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_short_form_has_the_lowest_and_the_newest_libraries():
    tried = {(row.python, row.libraries): row.stages for row in matrix.rows(short=True)}
    assert "client" in tried["3.11", "lowest"]
    assert "client" in tried["3.13", "newest"]
    assert "sample" in tried["3.12", "newest"]


def test_it_says_which_pythons_there_are(monkeypatch):
    monkeypatch.setattr(matrix, "interpreter", lambda python: "" if python == "3.12" else python)
    said = matrix.pythons()
    assert said.startswith("Pythons here: 3.11, 3.13")
    assert said.endswith("not here, and so not tried: 3.12")


def test_a_python_that_is_not_here_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr(matrix, "interpreter", lambda _: "")
    words = ["--python", "3.12", "--libraries", "locked", "--stages", "sample"]
    assert matrix.main(words) == 0
    assert "| 3.12 | locked | passes | not here | not run | not run |" in capsys.readouterr().out


def test_every_python_of_the_classifiers_is_run():
    named = {c.rsplit(" ", 1)[1] for c in PROJECT["classifiers"] if " :: 3." in c}
    assert named == set(matrix.RUN)
    assert PROJECT["requires-python"] == ">=3.11"


def test_the_table_tells_what_failed_and_what_was_not_run():
    row = matrix.Row("3.12", "newest", ("resolution", "sample"), {"resolution": "passes"})
    row.results["sample"] = matrix.BAD
    line = matrix.table([row]).splitlines()[-1]
    assert line.startswith("| 3.12 | newest | passes | FAILS | not run | not run |")
    assert row.failed


def test_a_line_that_is_tried_again_takes_the_place_of_the_earlier_one():
    before = [
        matrix.Row("3.13", "newest", (), {"sample": matrix.GOOD}, "3.13.0"),
        matrix.Row("3.13", "lowest", (), {"sample": matrix.BAD}),
        matrix.Row("3.9", "newest", ()),
    ]
    page = f"a\n{matrix.BEGIN}\n{matrix.table(before)}{matrix.END}\nb"
    again = matrix.Row("3.13", "lowest", (), {"sample": matrix.GOOD}, "3.13.1")
    expected = matrix.table([again, before[0]])
    assert matrix.written(page, matrix.table([again])) == (
        f"a\n{matrix.BEGIN}\n{expected}{matrix.END}\nb"
    )


def test_a_page_without_the_marks_gets_no_table():
    with pytest.raises(ValueError, match="matrix: begin"):
        matrix.written("", matrix.table([]))
    assert matrix.BEGIN in matrix.PAGE.read_text()


def test_no_file_names_an_index():
    words = ("--index-url", "extra-index", "--find-links", "index-url =")
    for name in ("pyproject.toml", "constraints.txt", "Makefile", ".ci/run", "bench/matrix.py"):
        text = (ROOT / name).read_text()
        assert not [word for word in words if word in text], name


@pytest.mark.slow
def test_the_pipeline_resolves_beside_the_newest_client_of_the_database(tmp_path):
    wanted = tmp_path / "wanted.in"
    wanted.write_text(
        f"data-asset-cache[pipeline] @ {ROOT.as_uri()}\naind-data-access-api[docdb]>=1.10\n"
    )
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "uv", "pip", "compile", "--no-config", "--quiet"),
            *("--python-version", "3.11", wanted),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Failed to fetch" in done.stderr or "error sending request" in done.stderr:
        pytest.skip("there is no registry to ask")
    assert done.returncode == 0, done.stderr
    assert "\npymongo==4.3.3" in done.stdout
