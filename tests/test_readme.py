"""The pages: made parts are in step with declarations, what is named exists, what is shown runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import zs_client
from pages import readme, site
from zs_client import arguments
from zs_pipeline.acorns import ACORNS

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / name
    for name in (
        "README.md",
        "GLOSSARY.md",
        "CHANGELOG.md",
        "BENCHMARKS.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/index.md",
        "docs/scientists.md",
        "docs/dashboards.md",
        "docs/engineers.md",
        "docs/moving.md",
        "docs/scaling.md",
    )
] + sorted((ROOT / "docs" / "decisions").glob("*.md"))
README, GLOSSARY = (page.read_text(encoding="utf-8") for page in PAGES[:2])
RENEW = "run `make pages`"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fenced(page: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page) if kind == language]


def commands(page: str) -> list[list[str]]:
    lines = [line for body in fenced(page, "") for line in body.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if not line.startswith(" ")]
    return [line for line in words if line]


def test_the_table_and_the_graph_are_those_of_the_declarations():
    assert readme.filled(README) == README, RENEW


def test_a_page_without_the_marks_is_an_error():
    with pytest.raises(ValueError, match="acorns"):
        readme.filled(README.replace("<!-- acorns: end -->", ""))


def test_every_acorn_is_read_with_a_function_that_exists():
    for acorn in ACORNS:
        assert f"| `{acorn.name}` | `{acorn.table}({acorn.partition})` |" in README, RENEW
        assert callable(getattr(zs_client, acorn.table))


def test_the_graph_leaves_out_only_what_follows_from_other_arrows():
    drawn = {tuple(line.split(" --> ")) for line in README.splitlines() if " --> " in line}
    drawn = {(above.strip(), below) for above, below in drawn}

    def above(name: str) -> set[str]:
        near = {parent for parent, child in drawn if child == name}
        return near | {far for parent in near for far in above(parent)}

    for name, parents in readme.edges().items():
        assert parents <= above(name), name
        assert {parent for parent, child in drawn if child == name} <= parents, name


def test_every_public_function_is_named():
    functions = {n for n in zs_client.__all__ if n[0].islower()} - {"quality_control", "status"}
    # `status` is told as the command; `quality_control` is `qc` under the acorn's name.
    assert {name for name in functions if f"{name}(" not in README} == set()


def test_the_commands_of_make_are_targets():
    makefile = (ROOT / "Makefile").read_text()
    targets = [words[1] for words in commands(README) if words[0] == "make"]
    assert {"run", "test", "ui"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_commands_of_zs_are_understood():
    parser = arguments.parser()
    given = [words[1:] for words in commands(README) if words[0] == "zs"]
    assert len(given) > 5
    for words in given:
        parser.parse_args(words)


def test_every_option_of_a_build_is_told():
    # The parser of a subcommand has no public way to it but its help.
    shown = subprocess.run(
        [sys.executable, "-m", "zs_client.cli", "build", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    options = set(re.findall(r"--\w[\w-]+", shown)) - {"--help"}
    assert len(options) > 5
    assert {option for option in options if option not in README} == set()


def test_what_can_be_installed_is_declared():
    pyproject = (ROOT / "pyproject.toml").read_text()
    wanted = [words[2] for words in commands(README) if words[0] == "pip"]
    assert "." in wanted
    for extra in re.findall(r"\[(\w+)\]", " ".join(wanted)):
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE), extra


def test_the_schedule_and_the_runs_are_those_of_the_graph():
    from zs_pipeline import settings
    from zs_pipeline.acorns import CATALOGUE
    from zs_pipeline.orchestration import code_location, jobs

    defs = code_location.definitions()
    minute, hour, *_ = settings.nightly_cron().split()
    assert f"The schedule `nightly` runs at {int(hour):02}:{int(minute):02} UTC" in README
    assert [schedule.name for schedule in defs.schedules] == ["nightly", "weekly"]
    runs = re.findall(r"^\d\. `(\w+)`:", README, re.MULTILINE)
    assert runs == [job.name for job in jobs.jobs(CATALOGUE)]


def test_the_shares_that_are_refused_are_those_of_the_code():
    from zs_pipeline.documents import losses
    from zs_pipeline.publishing import shrink_guard

    assert losses.LOST_SHARE == 0.3
    assert "Over 30 % of the documents" in README
    assert shrink_guard.SHRINK_SHARE == 0.5
    assert "over half of a table's rows" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_links_to_exist(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        there = target in site.pages() or (page.parent / target).exists()
        assert "://" in target or there, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_modules_that_a_page_names_exist(page):
    # Its walks make files; `test_contributing` knows which.
    text = "" if page.stem == "CONTRIBUTING" else page.read_text(encoding="utf-8")
    for target in re.findall(r"`(zs_(?:client|pipeline)/[\w/.]+)`", text):
        assert (ROOT / target).exists(), target


def unused_words() -> list[str]:
    rows = re.findall(r"^\|[^|]+\|[^|]+\|([^|]*)\|$", GLOSSARY, re.MULTILINE)[2:]
    return [word.strip() for row in rows for word in row.split(",") if word.strip()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_uses_the_words_of_the_glossary(page):
    words = unused_words()
    assert {"record", "asset", "catalog"} <= set(words)
    text = page.read_text(encoding="utf-8")
    if text == GLOSSARY:
        text = re.sub(r"\|[^|\n]*\|$", "", text, flags=re.MULTILINE)
    # Code is not prose.
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    words_of_others = r"\b((data|Dagster)[\s-]+asset|language[\s-]+model)s?\b"
    text = re.sub(words_of_others, "", text, flags=re.IGNORECASE)
    found = [
        line
        for line in text.splitlines()
        if re.search(rf"\b({'|'.join(words)})s?\b", line, re.IGNORECASE)
    ]
    assert found == []


DECISIONS = [page for page in PAGES if page.parent.name == "decisions" and page.stem != "index"]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_tells_its_context_what_was_tried_and_what_follows(page):
    text = page.read_text(encoding="utf-8")
    headings = ["## Context", "## What was tried and measured", "## What follows"]
    assert re.findall(r"^## .*$", text, re.MULTILINE) == headings
    title = text.splitlines()[0].removeprefix("# ")
    index = (page.parent / "index.md").read_text(encoding="utf-8")
    assert f"- [{title}]({page.name})\n" in index
    assert 15 <= len(text.splitlines()) <= 45
