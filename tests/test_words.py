"""The names that the code gives: words of GLOSSARY.md, and none that only says there is a value."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_readme import unused_words

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("zs_client", "zs_pipeline", "pages")
    for path in (ROOT / package).rglob("*.py")
)
# What came out of a function has the name of what it is.
EMPTY = {"found", "told", "wanted", "shown", "listed", "asked"}
# Dagster's history has this one as a key.
STAYS = {("zs_pipeline/publishing/squirrel.py", "listed")}
# Words of others that the code speaks of, by the names that have them.
OF_OTHERS = {
    "asset": r"\w*data_?assets?\w*|(the_)?asset_basics\w*|asset_names?|assets_smartspim"
    r"|qc_by_raw_asset|raw_asset_name",
    "item": r"(has_)?items?",  # of a list: the word of Python and of JSON schemas
    "record": r"record",  # of `logging`
    "tree": r"(syntax_)?tree",  # of a query's or a module's syntax
}
# A stand-in for another package has the names of that one.
STAND_IN = {"zs_client/biodata_cache.py": {"asset", "record"}}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yields each name that a module gives, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno


def unused_in(name: str) -> set[str]:
    """Returns the words of a name that GLOSSARY.md says are not used."""
    parts = {word.casefold() for word in _WORD.findall(name)}
    parts |= {part.removesuffix("s") for part in parts}
    return {
        word
        for word in parts & set(unused_words())
        if not re.fullmatch(OF_OTHERS.get(word, ""), name.strip("_"), re.IGNORECASE)
    }


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_name_has_the_words_of_the_glossary(module):
    # Dagster's own word for a table.
    allowed = {"asset"} if module.parts[1] == "orchestration" else set()
    allowed |= STAND_IN.get(module.as_posix(), set())
    tree = ast.parse((ROOT / module).read_text())
    given = [f"{line}: {name}" for name, line in names(tree) if unused_in(name) - allowed]
    assert not given, f"{module} {given}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_name_says_what_the_value_is(module):
    tree = ast.parse((ROOT / module).read_text())
    given = [
        f"{line}: {name}"
        for name, line in names(tree)
        if name.strip("_") in EMPTY and (module.as_posix(), name) not in STAYS
    ]
    assert not given, f"{module} {given}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("load_manifest", {"manifest"}),
        ("AssetRecord", {"asset", "record"}),
        ("DataAsset", set()),
        ("asset_basics", set()),
        ("_asset", {"asset"}),
        ("catalogue", set()),
        ("HTTPBackend", {"backend"}),
        ("items", set()),
    ],
)
def test_a_word_is_found_in_whatever_spelling(name, words):
    assert unused_in(name) == words
