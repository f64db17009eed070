"""What the forge and pre-commit run is what is run by hand, and the templates parse."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
FILES = [
    ROOT / ".pre-commit-config.yaml",
    ROOT / ".github/workflows/ci.yml",
    ROOT / ".github/pull_request_template.md",
    *TEMPLATES,
]


def parsed(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def hooks() -> list[dict[str, Any]]:
    (local,) = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    return local["hooks"]


def test_the_hooks_run_what_make_lint_runs():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe
    of_make = re.findall(r"'((?:ruff|mypy|twine|check-wheel)[^']*)'", recipe[1])
    assert len(of_make) == 5
    of_hooks = " && ".join(hook["entry"] for hook in hooks())
    assert [command for command in of_make if f".venv/bin/{command}" not in of_hooks] == []
    assert len(re.findall(r"\.venv/bin/(?:ruff|mypy|twine|check-wheel)", of_hooks)) == len(of_make)


def test_the_hooks_fetch_nothing_and_look_at_all_files():
    for hook in hooks():
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)
        assert shlex.split(hook["entry"])


def test_the_forge_runs_what_is_run_by_hand():
    workflow = parsed(ROOT / ".github/workflows/ci.yml")
    (job,) = workflow["jobs"].values()
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_asks_for_what_shows_the_fault(path):
    template = parsed(path)
    if path.stem == "config":
        return
    assert {"name", "description", "body"} <= template.keys()
    ids = [field["id"] for field in template["body"] if field["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    assert "document" in ids


def test_a_wrong_value_comes_with_its_explanation_and_its_document():
    template = parsed(ROOT / ".github/ISSUE_TEMPLATE/wrong-value.yml")
    needed = {
        field["id"] for field in template["body"] if field.get("validations", {}).get("required")
    }
    assert {"column", "name", "explain", "document", "expected"} == needed


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_file_names_an_address_or_a_place_of_one_machine(path):
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"https?://|index-url|/home/|/work/|/root/", text) == []
