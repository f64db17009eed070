"""CONTRIBUTING.md: its walks, followed to the letter in a copy of the checkout, make the tables.

A block below the path of a file is that file, or lines to add to it; a block of commands is run.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_readme import FENCE, commands

from zs_client import arguments

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCK = re.compile(FENCE.pattern, re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`((?:zs_client|zs_pipeline|tests)/[\w/]+\.py)`")
MADE = {"README.md", "docs/values.md", "zs_client/__init__.pyi"}
WALKS = {
    "Add a table by document": ("licenses", "len(z.licenses()), set(z.licenses()['license'])"),
    "Add a table by a key": (
        "animal_weights",
        "len(z.animal_weights('901001')), set(z.animal_weights('901001')['weight_before'])",
    ),
    "Add a table from side files": (
        "behavior_files",
        "len(z.behavior_files()), set(z.behavior_files()['files'].dropna().astype(int))",
    ),
}
ROWS = {
    "licenses": "(45, {'CC-BY-4.0'})",
    "animal_weights": "(12, {24.5})",
    "behavior_files": "(26, {1, 2})",
}


def walk(title: str) -> Iterator[tuple[str, str, str]]:
    """The blocks of a section: the file that each belongs to, its language, its text."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    path, end = "", 0
    for block in BLOCK.finditer(section):
        path = ([path, *FILE.findall(section[end : block.start()])])[-1]
        yield path, block[1], block[2]
        end = block.end()


def add(text: str, block: str) -> str:
    """A file's text with the new lines of a block, which show where they belong."""
    lines = block.splitlines()
    assert {line[0] for line in lines} == {"+", " "}, block
    known = "\n".join(line[1:] for line in lines if line[0] == " ")
    found = re.findall(rf"^{re.escape(known)}$", text, re.MULTILINE)
    assert len(found) == 1, f"{known!r} stands there {len(found)} times"
    return re.sub(
        rf"^{re.escape(known)}$",
        lambda _: "\n".join(line[1:] for line in lines),
        text,
        flags=re.MULTILINE,
    )


def contents(copy: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(copy)): path.read_bytes()
        for path in copy.rglob("*")
        if path.is_file() and not {"__pycache__", "out"} & {*path.relative_to(copy).parts}
    }


def recipe(target: str, arguments_given: str) -> list[list[str]]:
    """What `make TARGET ARGS=…` runs, with this Python and in one process."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    body = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert body, target
    lines = body[1].replace("$(ARGS)", arguments_given).replace("-n auto --dist worksteal", "")
    return [
        [sys.executable, *shlex.split(line.removeprefix("\t$(BIN)/python"))]
        for line in lines.splitlines()
    ]


def run(copy: Path, words: list[str]) -> str:
    done = subprocess.run(
        words,
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            "PYTHONPATH": str(copy),
            # Ten processes of a walk import the same.
            "PYTHONDONTWRITEBYTECODE": "",
        },
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files of the checkout that Git knows, in a folder of their own."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of Git")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("title", WALKS)
def test_a_walk_makes_the_table(copy, title, monkeypatch):
    monkeypatch.delenv("ZS_FILES")
    before = contents(copy)
    table, read = WALKS[title]
    written = set()
    for path, language, text in walk(title):
        file = copy / path
        if language == "python":
            assert not file.exists(), path
            file.write_text(text, encoding="utf-8")
            written.add(path)
        elif language == "diff":
            file.write_text(add(file.read_text(encoding="utf-8"), text), encoding="utf-8")
            written.add(path)
        else:
            run(copy, [sys.executable, "-m", "ruff", "check", "--no-cache", *written])
            run(copy, [sys.executable, "-m", "ruff", "format", "--no-cache", "--check", *written])
            for words in (shlex.split(line) for line in text.splitlines()):
                follow(copy, words)
    after = contents(copy)
    changed = {name for name, body in after.items() if before.get(name) != body}
    assert changed - {n for n in changed if n.startswith((".pytest_cache", ".hypothesis"))} == (
        written | MADE
    )
    assert len(written | MADE) == 10
    assert "ten files" in PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0].lower()
    monkeypatch.setenv("ZS_STORE", str(copy / "out"))
    code = f"import zs_client as z; print(({read}))"
    assert run(copy, [sys.executable, "-c", code]).strip() == ROWS[table]
    registry = json.loads(next((copy / "out").rglob("squirrel.json")).read_text())
    assert {acorn["name"]: acorn["state"] for acorn in registry["acorns"]}[table] == "fresh"


def follow(copy: Path, words: list[str]) -> None:
    """Do as a line of a block of commands says."""
    if words[0] == "make":
        given = dict(word.split("=", 1) for word in words[2:])
        for line in recipe(words[1], given.get("ARGS", "")):
            run(copy, line)
    else:
        assert words[0] == "zs"
        assert run(copy, [sys.executable, "-m", "zs_client.cli", *words[1:]])


def test_the_commands_are_understood():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    parser = arguments.parser()
    for words in commands(PAGE):
        if words[0] == "zs":
            parser.parse_args(words[1:])
        else:
            assert words[0] == "make"
            assert words[1] == "quick" or re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


def test_the_paths_that_are_named_exist_or_are_made():
    made = {path for title in WALKS for path, language, _ in walk(title) if language == "python"}
    for path in FILE.findall(PAGE):
        assert path in made or (ROOT / path).exists(), path
