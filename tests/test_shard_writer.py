"""Shards that were put where their rows were made are those that one process would have written."""

from pathlib import Path

import orjson
from building import document

from zs_client import work
from zs_client.opening import open_store
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.documents import shards
from zs_pipeline.documents.shard_writer import NewShards, ShardWriter, rows_of_new
from zs_pipeline.documents.shards import INDEX_SCHEMA


def fetched(*numbers: int) -> list[shards.Fetched]:
    return [
        (orjson.dumps(document(f"a{number}", f"70000{number % 3}")), "2025", None)
        for number in numbers
    ]


def test_a_shard_that_another_batch_has_too_is_merged(tmp_path: Path) -> None:
    batches = [fetched(*range(6)), fetched(*range(6, 12))]
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    names: dict[str, dict[str, str]] = {"one": {}, "other": {}}
    indexes = {}
    drop = {orjson.loads(batches[0][1][0])["_id"]}
    with work.Threads(2) as pool:
        for folder, known in names.items():
            store = open_store(str(tmp_path / folder))
            writer = ShardWriter(store, known, pool)
            for batch in batches:
                new = NewShards(store.url, frozenset())
                arguments = CATALOGUE.reads, batch, [], []
                made = (
                    rows_of_new(new, shards.rows, *arguments)
                    if folder == "other"
                    else shards.rows(*arguments)
                )
                assert len(made.stored) == (3 if folder == "other" else 0)
                for number, start, end in shards.runs(made.rows["shard"].to_pylist()):
                    writer.merge(number, drop, made.rows.slice(start, end - start))
                for number, (name, index) in made.stored.items():
                    writer.take(number, drop, name, index)
            writer.wait()
            indexes[folder] = writer.update_index(INDEX_SCHEMA.empty_table())
    assert names["one"] == names["other"]
    assert len(names["one"]) == 3
    assert indexes["one"] == indexes["other"]
    assert indexes["one"].num_rows == 11


def test_shards_that_are_taken_come_back_as_rows(tmp_path: Path) -> None:
    arguments = CATALOGUE.reads, fetched(*range(6)), [], []
    rows = shards.rows(*arguments).rows
    taken = frozenset(rows["shard"].to_pylist()[:1])
    made = rows_of_new(NewShards(str(tmp_path), taken), shards.rows, *arguments)
    assert (made.rows, made.stored) == (rows, {})
    assert not list(tmp_path.iterdir())
