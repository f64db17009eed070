"""Schemas for programs: in step with the types, and what a build writes fits them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aging
import pytest
from aging import ACORNS, LAYOUT
from building import FOLDER
from jsonschema import Draft202012Validator
from stores import contents, memory

from pages import schemas
from zs_client.contract import Layout, SuccessorLayout, __version__
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline.acorns import ACORNS as ALL
from zs_pipeline.publishing import night, snapshot_list, squirrel, successor, views
from zs_pipeline.publishing.facts_file import mark_stale, read_facts
from zs_pipeline.publishing.rollback import roll_back

SECOND = SuccessorLayout("0.99")
NOT_OURS = ("_prune", "_rollback", "_written_by")


def schema_of(key: str) -> str:
    """The name of the schema of a file."""
    name = key.rpartition("/")[2].removesuffix(".json")
    if "/cache_registry/" in key:
        return "registry-fragment"
    if name == "squirrel" or "/_snapshots/" in key:
        return "squirrel"
    return {"_snapshots": "snapshots", "_night": "night"}.get(name, "facts")


def written(store: Store) -> Iterator[tuple[str, Any]]:
    """Every JSON of the version folders for which there is a schema, and its schema."""
    for key, body in contents(store).items():
        in_folder = key.count("/") > 1 and "/_documents" not in key and "/_files" not in key
        name = key.rpartition("/")[2].removesuffix(".json")
        if in_folder and key.endswith(".json") and name not in NOT_OURS:
            yield schema_of(key), json.loads(body)


def misfits(file: str, content: Any, *, closed: bool = True) -> list[str]:
    """What of a content a schema does not permit."""
    validator = Draft202012Validator(schemas.schema(file, closed=closed))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(content)]


@pytest.mark.parametrize("name", sorted(schemas.files()))
def test_the_files_are_those_of_the_types(name: str) -> None:
    made = schemas.files()[name]
    assert (schemas.FOLDER / name).read_text(encoding="utf-8") == made, "run `make pages`"


@pytest.mark.parametrize("file", sorted(schemas.FILES))
def test_a_schema_is_one_and_says_what_each_key_means(file: str) -> None:
    made = schemas.schema(file)
    Draft202012Validator.check_schema(made)
    for name, cls in made["$defs"].items():
        assert cls["description"], name
        assert [k for k, v in cls["properties"].items() if not v.get("description")] == []


def test_what_a_build_of_the_sample_writes_fits(sample_store: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_store, tmp_path / "copy")
    store, layout = open_store(tmp_path / "copy"), Layout(__version__)
    facts = [read_facts(store, layout, acorn.table) for acorn in ALL]
    successor.publish(store, SECOND, layout, [f for f in facts if f], complete=True)
    found = list(written(store))
    count = {file: sum(file == other for other, _ in found) for file in schemas.FILES}
    tables = len(ALL)
    assert count == {
        "squirrel": 2,
        "facts": tables,
        "registry-fragment": tables - 1,
        "snapshots": 1,
        "night": 1,
    }
    for file, content in found:
        # Closed: every key that is written has a place in its schema.
        assert misfits(file, content) == []


def test_what_is_written_on_bad_days_fits() -> None:
    store = memory()
    aging.build(store, 0)
    first = squirrel.publish(store, LAYOUT, ACORNS, expected_every_hours=24)
    views.publish(store, LAYOUT, first.registry)
    snapshot_list.give_name(store, LAYOUT, "2026-q4", first.snapshot)
    aging.build(store, 1)
    mark_stale(store, LAYOUT, aging.NAMES, "no rows today")
    squirrel.publish(store, LAYOUT, ACORNS)
    night.begin(store, LAYOUT, "run")
    night.fail(store, LAYOUT, {"names": "no rows today"})
    snapshot_list.take_out(store, LAYOUT, ["0123456789abcdef"])
    kinds = set()
    for _ in range(2):
        for file, content in written(store):
            assert misfits(file, content) == []
            kinds.add(file)
        roll_back(store, LAYOUT, ACORNS, first.snapshot)
    assert kinds == {"squirrel", "facts", "snapshots", "night"}
    registry = json.loads(store.get(LAYOUT.registry))
    assert registry["rolled_back"]["snapshot"] == first.snapshot
    assert {"duckdb", "expected_every_hours"} <= registry.keys()
    assert all("one_file" in entry for entry in registry["acorns"] if entry["partitioned"])


def test_a_writer_may_add_keys_and_may_not_leave_any_out(sample_store: Path) -> None:
    registry = json.loads((sample_store / FOLDER / "squirrel.json").read_text())
    registry["acorns"][0]["colour"] = "grey"
    assert misfits("squirrel", registry, closed=False) == []
    assert misfits("squirrel", registry) != []
    del registry["acorns"][0]["location"]
    assert "'location' is a required property" in misfits("squirrel", registry, closed=False)[0]


def test_the_types_name_every_key() -> None:
    text = schemas.typescript()
    for file in schemas.FILES:
        for cls, made in schemas.schema(file)["$defs"].items():
            block = text.split(f"export interface {cls} {{")[1].split("\n}")[0]
            for key in made["properties"]:
                mark = "" if key in made["required"] else r"?"
                assert f"\n  {key}{mark}: " in block
