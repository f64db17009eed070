"""The commands about whole tables: `zs tables` lists them, `zs pull` brings them for offline use.

Rows are printed by `zs_client.reading_commands`.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from zs_client.arguments import resolve, store_url
from zs_client.printing import size
from zs_client.reading_commands import write

if TYPE_CHECKING:
    import pyarrow as pa


def print_tables(given: argparse.Namespace) -> int:
    """Print the tables of a store: name, rows, and what a row is."""
    from zs_client.place import reading, resolve_current

    with reading(offline=given.offline):
        current = resolve_current(store_url(given), given.version)[0]
        write(_tables(given, current.url), given)
    return 0


def _tables(given: argparse.Namespace, url: str) -> "pa.Table":
    import pyarrow as pa

    from zs_client.place import asking
    from zs_client.registry import get_squirrel_info
    from zs_client.user_tables import custom_tables

    with asking(url=url, version=given.version, snapshot=given.snapshot, offline=given.offline):
        acorns = get_squirrel_info().acorns
        # Custom tables are listed by the store, which nobody can ask offline.
        own = [] if given.offline else custom_tables()
    rows = [(acorn.name, acorn.rows, _first_sentence(acorn.description)) for acorn in acorns]
    rows += [(table.name, table.rows, "A custom table.") for table in own]
    fields = (("table", pa.string()), ("rows", pa.int64()), ("description", pa.string()))
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    arrays = [pa.array(values, kind) for values, (_, kind) in zip(columns, fields, strict=True)]
    return pa.table(arrays, names=[name for name, _ in fields])


def _first_sentence(text: str) -> str:
    sentence, dot, _ = text.partition(". ")
    return sentence + "." if dot else text


def pull(given: argparse.Namespace) -> int:
    """Bring tables into the local cache, so that they are read offline."""
    from zs_client.pulling import pulled

    place = resolve(given)
    total_files = total_bytes = 0
    for table, files, count in pulled(given.tables, place):
        total_files, total_bytes = total_files + files, total_bytes + count
        print(f"{table}: {files:,} files, {size(count)}", file=sys.stderr, flush=True)
    print(f"{total_files:,} files, {size(total_bytes)}; ZS_OFFLINE=1 reads them")
    return 0
