"""One ATTACH: the database of views beside the registry, as any DuckDB sees it."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aging
import duckdb
import pytest
from aging import ACORNS, LAYOUT, NAMES, SUBJECTS, VISITS
from building import FOLDER, dump, zs_build
from stores import Crash, Watched

import zs_client
from zs_client.contract import Layout, __version__
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS as ALL
from zs_pipeline.declaration import Acorn, Column
from zs_pipeline.publishing import squirrel, views
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.hold import HeldLayout
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.rollback import release, roll_back
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

pytest_plugins = ("stores",)

OWN = "SELECT view_name FROM duckdb_views() WHERE database_name = 'zs'"


@contextmanager
def attached(store: str | Path, key: str = LAYOUT.views) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that has the tables as `zs`."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{store}/{key}' AS zs (READ_ONLY)")
        yield connection


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def names(store: Store) -> set[str]:
    """The views that there are."""
    with attached(store.url) as connection:
        return {row[0] for row in rows(connection, OWN)}


def publish(store: Store, acorns: tuple[Acorn, ...] = ACORNS, layout: Layout = LAYOUT) -> bool:
    """Publish what was built; returns whether the views were written."""
    return views.publish(store, layout, squirrel.publish(store, layout, acorns).registry)


def registry(store: Store) -> dict[str, Any]:
    return json.loads(store.get(LAYOUT.registry))


@pytest.mark.parametrize("acorn", ALL, ids=lambda acorn: acorn.name)
def test_a_view_has_the_rows_that_the_client_gives(
    acorn: Acorn, sample_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_STORE", str(sample_store))
    expected = zs_client.sql.arrow(f"SELECT * FROM {acorn.table}")
    with attached(sample_store, f"{FOLDER}/tables.duckdb") as connection:
        relation = connection.sql(f"FROM zs.{acorn.table}")
        assert set(relation.columns) == set(expected.column_names)
        # DuckDB gives both, so that times and maps are the same things.
        columns = ", ".join(f'"{name}"' for name in expected.column_names)
        found = relation.project(columns).fetchall()
        assert sorted(map(str, found)) == sorted(
            map(str, connection.from_arrow(expected).fetchall())
        )
        assert found


def test_descriptions_are_comments_and_subject_ids_are_text(sample_store: Path) -> None:
    with attached(sample_store, f"{FOLDER}/tables.duckdb") as connection:
        own = "WHERE database_name = 'zs'"
        tables = dict(rows(connection, f"SELECT view_name, comment FROM duckdb_views() {own}"))
        assert tables == {acorn.table: acorn.description for acorn in ALL}
        found = rows(
            connection,
            f"SELECT table_name, column_name, data_type, comment FROM duckdb_columns() {own}",
        )
    comments = {(table, column): comment for table, column, _, comment in found}
    for acorn in ALL:
        for column in acorn.columns:
            assert comments[acorn.table, column.name] == column.description
    assert comments["platform_qc", "platform"] == "The platform of the partition."
    assert {kind for _, column, kind, _ in found if column == "subject_id"} == {"VARCHAR"}


def test_the_same_declarations_are_the_same_bytes_whatever_the_rows(
    sample_store: Path, tmp_path: Path
) -> None:
    # On S3 the file is that of a place, so it is the same in two folders of one name only.
    made = json.loads((sample_store / FOLDER / "squirrel.json").read_text())
    store = open_store(sample_store)
    body = store.get(Layout(__version__).views)
    again = views.database(views._views(store, Layout(__version__), made["acorns"]))
    assert hashlib.sha256(again).digest() == hashlib.sha256(body).digest()
    assert len(body) < 300_000
    assert b"901001" not in body


def test_a_quiet_night_writes_and_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    documents = [{"_id": "1", "name": "ecephys_1_2024-01-01_00-00-00", "location": "s3://a/b"}]
    source = dump(tmp_path / "d.ndjson", documents)
    assert zs_build(source, out) == 0
    written = (out / FOLDER / "tables.duckdb").stat()
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    assert zs_build(source, out) == 0
    assert (out / FOLDER / "tables.duckdb").stat() == written
    assert json.loads((out / FOLDER / "squirrel.json").read_text())["duckdb"]


def test_new_rows_write_no_views_and_a_declaration_does(folder: Store) -> None:
    aging.build(folder, 0)
    assert publish(folder)
    aging.build(folder, 1)
    watched = Watched(folder)
    registry_written = squirrel.publish(folder, LAYOUT, ACORNS).registry
    assert not views.publish(watched, LAYOUT, registry_written)
    assert watched.done == []
    changed = replace(NAMES, description='It\'s another "one".')
    whole = [PartitionUpdate("", aging.content(NAMES, 2), "2")]
    commit(folder, LAYOUT, changed, TableUpdate(whole, {"documents": "2"}, "d"))
    assert publish(folder, (changed, VISITS))
    with attached(folder.url) as connection:
        query = "SELECT comment FROM duckdb_views() WHERE view_name = 'names'"
        assert rows(connection, query) == [(changed.description,)]
    assert not publish(folder, (changed, VISITS))


def test_a_column_that_comes_breaks_no_view_before_its_publication(folder: Store) -> None:
    aging.build(folder, 0)
    publish(folder)
    more = replace(NAMES, columns=(*NAMES.columns, Column("more", "string", "More.")))
    content = arrow.table(more, [{"name": "a", "value": 1, "more": "b"}])
    update = TableUpdate([PartitionUpdate("", content, "2")], {"documents": "2"}, "d")
    commit(folder, LAYOUT, more, update, accept_shrink=True)
    with attached(folder.url) as connection:
        assert rows(connection, "FROM zs.names") == [("a", 1)]
    assert publish(folder, (more, VISITS))
    with attached(folder.url) as connection:
        assert rows(connection, "FROM zs.names") == [("a", 1, "b")]


def test_there_are_views_of_tables_that_exist(folder: Store) -> None:
    whole = [PartitionUpdate("", aging.content(NAMES, 0), "0")]
    commit(folder, LAYOUT, NAMES, TableUpdate(whole, {"documents": "0"}, "c"))
    parts = [PartitionUpdate("a", aging.content(VISITS, 0), "0")]
    # Its first build has not ended.
    commit(folder, LAYOUT, VISITS, TableUpdate(parts, None, "c"))
    assert publish(folder)
    assert names(folder) == {"names"}
    aging.build(folder, 0)
    assert publish(folder)
    assert names(folder) == {"names", "visit"}
    with attached(folder.url) as connection:
        found = rows(connection, "SELECT DISTINCT subject_id FROM zs.visit ORDER BY subject_id")
    assert found == [(subject,) for subject in SUBJECTS]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_a_write_the_next_publication_mends_it(
    folder: Store, number: int, after: bool
) -> None:
    aging.build(folder, 0)
    published = squirrel.publish(folder, LAYOUT, ACORNS).registry
    with pytest.raises(Crash):
        views.publish(Watched(folder, number, after=after), LAYOUT, published)
    # A file that is there is whole, and the registry names none that is not.
    assert folder.exists(LAYOUT.views) >= ("duckdb" in registry(folder))
    publish(folder)
    assert names(folder) == {"names", "visit"}
    assert registry(folder)["duckdb"]["location"] == f"{folder.url}/{LAYOUT.views}"
    assert not publish(folder)


def test_a_registry_that_another_build_published_meanwhile_stays(folder: Store) -> None:
    aging.build(folder, 0)
    earlier = squirrel.publish(folder, LAYOUT, ACORNS).registry
    aging.build(folder, 1)
    later = squirrel.publish(folder, LAYOUT, ACORNS).registry
    assert later["snapshot"] != earlier["snapshot"]
    assert views.publish(folder, LAYOUT, earlier)
    assert registry(folder) == {**later, "duckdb": registry(folder)["duckdb"]}


def test_paths_that_look_like_patterns_or_partitions_are_paths(tmp_path: Path) -> None:
    place = tmp_path / "it's [a] x=1?"
    place.mkdir()
    store = open_store(place)
    aging.build(store, 0)
    publish(store)
    with duckdb.connect() as connection:
        quoted = str(place / LAYOUT.views).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS zs (READ_ONLY)")
        assert rows(connection, "SELECT count(*) FROM zs.visit") == [(12,)]
        assert connection.sql("FROM zs.names").columns == ["name", "value"]


def test_on_s3_a_view_names_the_url_and_no_table_is_asked_for(s3: Store, tmp_path: Path) -> None:
    aging.build(s3, 0)
    published = squirrel.publish(s3, LAYOUT, ACORNS).registry
    watched = Watched(s3)
    assert views.publish(watched, LAYOUT, published)
    assert watched.written() == [LAYOUT.views, LAYOUT.registry]
    assert {*watched.asked("get")} == {LAYOUT.registry}
    (tmp_path / "tables.duckdb").write_bytes(s3.get(LAYOUT.views))
    with attached(tmp_path, "tables.duckdb") as connection:
        made = dict(
            rows(connection, "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal")
        )
    assert f"'{s3.url}/{LAYOUT.table('visit')}'" in made["visit"]
    assert f"'{s3.url}/{LAYOUT.table('names')}'" in made["names"]


def test_a_rollback_shows_the_columns_of_its_snapshot_and_builds_behind_it_write_none(
    folder: Store,
) -> None:
    aging.build(folder, 0)
    publish(folder)
    first = registry(folder)["snapshot"]
    more = replace(NAMES, columns=(*NAMES.columns, Column("more", "string", "More.")))
    content = arrow.table(more, [{"name": f"n{n}", "value": n, "more": "b"} for n in range(3)])
    update = TableUpdate([PartitionUpdate("", content, "2")], {"documents": "2"}, "d")
    commit(folder, LAYOUT, more, update)
    publish(folder, (more, VISITS))
    roll_back(folder, LAYOUT, (more, VISITS), first)
    assert names(folder) == {"names", "visit"}
    with attached(folder.url) as connection:
        assert connection.sql("FROM zs.names").columns == ["name", "value"]
        assert rows(connection, "SELECT count(*) FROM zs.visit") == [(12,)]
    body = folder.get(LAYOUT.views)
    held = HeldLayout(LAYOUT.version)
    assert not publish(folder, (more, VISITS), held)
    assert folder.get(LAYOUT.views) == body
    release(folder, LAYOUT, (more, VISITS))
    with attached(folder.url) as connection:
        assert connection.sql("FROM zs.names").columns == ["name", "value", "more"]


def test_a_rollback_to_the_same_declarations_leaves_the_file(folder: Store) -> None:
    aging.build(folder, 0)
    publish(folder)
    first = registry(folder)["snapshot"]
    aging.build(folder, 1)
    publish(folder)
    watched = Watched(folder)
    roll_back(watched, LAYOUT, ACORNS, first)
    release(watched, LAYOUT, ACORNS)
    assert LAYOUT.views not in watched.written()
    assert not publish(folder)


def test_a_prune_leaves_it(folder: Store) -> None:
    aging.nights(folder, 3)
    publish(folder)
    body = folder.get(LAYOUT.views)
    aging.age(folder, timedelta(days=400))
    prune(folder, LAYOUT)
    assert folder.get(LAYOUT.views) == body
    assert not publish(folder)
