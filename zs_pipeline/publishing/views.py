"""The database of views beside the registry, `tables.duckdb`: one `ATTACH` shows all tables.

Each table has a view over its fixed path, a partitioned one over its one file or, where it has
none, over its partitions, with the table's description and those of its columns as comments. DuckDB
keeps a view as SQL, so the file holds no row, and only a declaration changes it: the registry has
the digest of the declarations, and a night on which they are the same asks nothing.
"""

import glob
import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from zs_client.contract import Layout
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.publishing.hold import HeldLayout
from zs_pipeline.publishing.successor import with_partition
from zs_pipeline.stored_json import parsed, serialized

if TYPE_CHECKING:
    import fsspec

# The registry's key, and what it names: the file, and what the file was made of.
KEY = "duckdb"
# A change of how the file is made reaches stores by another number.
_FORM = 1
# Read by DuckDB from 1.0 on. DuckDB 1.2.2, 1.4.4 and 1.5.5 were tried with a file of 2.0.0.
_STORAGE_VERSION = "v1.0.0"
# Nothing is fetched from elsewhere: the paths of views are bound to files in memory.
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "1",
}


@dataclass(frozen=True)
class View:
    """A view of a table.

    Attributes:
        name: The table's name in the store, under which the client has it.
        address: The address of the file that is read, or a pattern of those of all partitions.
        description: The table's description.
        columns: The name, the type and the description of each column.
        partition: The column in the paths of a pattern; empty for one file.
    """

    name: str
    address: str
    description: str
    columns: tuple[tuple[str, str, str], ...]
    partition: str = ""


def publish(store: Store, layout: Layout, registry: Mapping[str, Any]) -> bool:
    """Write the database of views, where a declaration changed since it was written.

    It is written before the registry names it, so that a killed publication writes it again.

    Args:
        store: The store.
        layout: The layout of the registry. Builds behind a rollback publish no views.
        registry: The registry as it was published.

    Returns:
        Whether it was written.
    """
    if isinstance(layout, HeldLayout):
        return False
    views = _views(store, layout, registry["acorns"])
    content = json.dumps([_FORM, *map(asdict, views)])
    own = {
        "location": f"{store.url}/{layout.views}",
        "made_of": hashlib.sha256(content.encode()).hexdigest(),
    }
    if registry.get(KEY) == own:
        return False
    store.put(layout.views, database(views))

    def with_views(body: bytes | None) -> bytes:
        # Another build may have published a later registry since.
        return serialized({**(parsed(store, layout.registry, body) or registry), KEY: own})

    store.update(layout.registry, with_views)
    return True


def database(views: Sequence[View]) -> bytes:
    """Returns a DuckDB database of views. The same version of DuckDB makes the same bytes again."""
    import duckdb  # noqa: PLC0415 - it and its work take 87 MB, which no quiet night needs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tables.duckdb")
        with duckdb.connect(config=_CLOSED) as connection:
            for scheme in {view.address.partition("://")[0] for view in views}:
                connection.register_filesystem(_stand_in(scheme, views))
            options = f"(STORAGE_VERSION '{_STORAGE_VERSION}')"
            connection.execute(f"ATTACH {_text(str(path))} AS zs {options}")
            connection.execute("USE zs")
            # Each transaction waits for the disk.
            connection.begin()
            for view in views:
                for statement in _statements(view):
                    connection.execute(statement)
            connection.commit()
            connection.execute("USE memory")
            connection.execute("DETACH zs")
        return path.read_bytes()


def _views(store: Store, layout: Layout, entries: Iterable[Mapping[str, Any]]) -> list[View]:
    """Returns the views of tables, by their one file where there is one."""
    views = []
    for entry in entries:
        table, key = entry["table"], entry["partition_key"]
        columns = tuple(
            (column["name"], column.get("type", "string"), column["description"])
            for column in with_partition(entry)
        )
        is_split = bool(key) and "one_file" not in entry
        if is_split:
            # A pattern: what else in the path looks like one is written as what it is.
            folder = glob.escape(_address(f"{store.url}/{layout.table_folder(table)}"))
            address = f"{folder}/{key}=*/data.pqt"
        else:
            address = _address(f"{store.url}/{layout.table(table)}")
        views.append(View(table, address, entry["description"], columns, key if is_split else ""))
    return views


def _address(place: str) -> str:
    """Returns a URL; for a file in a folder, that of its absolute path as DuckDB reads it."""
    if "://" in place:
        return place
    path = Path(place).as_posix()
    return f"file://{path if path.startswith('/') else f'/{path}'}"


def _statements(view: View) -> Iterable[str]:
    # By name: a file may have a column more before its view has. A folder of the path may look
    # like a partition's.
    columns = ", ".join(_name(name) for name, _, _ in view.columns)
    # With the values in paths a question about one partition reads that one alone.
    hive = "true, hive_types_autocast=false" if view.partition else "false"
    source = f"read_parquet({_text(view.address)}, hive_partitioning={hive})"
    yield f"CREATE VIEW {_name(view.name)} AS SELECT {columns} FROM {source}"  # noqa: S608 - quoted
    yield f"COMMENT ON VIEW {_name(view.name)} IS {_text(view.description)}"
    for name, _, description in view.columns:
        place = f"{_name(view.name)}.{_name(name)}"
        yield f"COMMENT ON COLUMN {place} IS {_text(description)}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _stand_in(scheme: str, views: Iterable[View]) -> "fsspec.AbstractFileSystem":
    """Returns a file system in memory that has an empty file of the declared columns for each view.

    DuckDB reads a view's files when the view is made. So no store is asked, and the views are
    those of the declarations, whatever the files have at that moment.
    """
    from fsspec.implementations.memory import MemoryFile, MemoryFileSystem  # noqa: PLC0415

    files = {view.address: _empty_file(view) for view in views}

    class StandIn(MemoryFileSystem):  # type: ignore[misc]
        protocol = scheme
        cachable = False

        def glob(self, path: str, **_: Any) -> list[str]:
            return [path]

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": len(files[path]), "type": "file"}

        def modified(self, path: str) -> datetime:  # noqa: ARG002
            return datetime.fromtimestamp(0, UTC)

        def open(self, path: str, *_: Any, **__: Any) -> MemoryFile:
            return MemoryFile(None, path, files[path])

    return StandIn()


def _empty_file(view: View) -> bytes:
    fields = [pa.field(name, arrow.TYPES[type_]) for name, type_, _ in view.columns]
    return arrow.encode(pa.schema(fields).empty_table())
