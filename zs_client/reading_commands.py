"""The commands that read tables: show, sql, describe, values, explain, derived, plot.

Each prints or draws rows, or raises an error, which `zs_client.cli` prints as a sentence.
"""

import argparse
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zs_client.arguments import OF_ALL, OF_SUBJECT, SCREEN_ROWS, resolve, store_url
from zs_client.printing import WIDEST, encoded, fitting

if TYPE_CHECKING:
    import pyarrow as pa

# Sentences are cut at more characters than values in a row.
_LINE = 240
# Arguments of a table's function that are options of their own.
_NO_FILTERS = ("columns", "limit", "offset", "order_by", "others", "lazy", "snapshot", "offline")


def print_rows(given: argparse.Namespace) -> int:
    """Print rows of a table."""
    from zs_client import ordering, provenance, read
    from zs_client.read_requests import read_request
    from zs_client.user_tables import named

    filters: dict[str, Any] = _conditions(given)
    if given.values:
        partition = _partition(given.table)
        filters[partition] = [*filters.get(partition, []), *given.values]
    # Filters such as `acquired_after` and `…_contains` take one value and no list.
    filters = {name: v[0] if len(v) == 1 else v for name, v in filters.items()}
    columns = None if given.columns is None else [c.strip() for c in given.columns.split(",")]
    form, limit = chosen_form(given), given.limit
    is_screen = form == "table" and sys.stdout.isatty() and limit is None
    limit = SCREEN_ROWS + 1 if is_screen else limit
    order = None if given.order_by is None else [c.strip() for c in given.order_by.split(",")]
    cut = {"limit": limit, "offset": given.offset, "order_by": order}
    arguments = {**filters, **cut, "columns": columns}
    at = resolve(given)
    own = named(given.table, at)
    if own is None:
        request = replace(read_request(given.table, arguments, at), suggest=True)
        content = read.rows(request, at)
    elif filters:
        raise ValueError(f"{given.table} is a custom table; zs sql answers with conditions")
    else:
        cut["order_by"] = tuple(order or ())
        content = ordering.in_order(own, read.ReadRequest(given.table, given.table, **cut))
        content = content if columns is None else _selected(content, columns, given.table)
    total = provenance.marks(content)[provenance.TOTAL] if own is None else own.num_rows
    printed = content.slice(0, SCREEN_ROWS) if is_screen else content
    if form == "table" and sys.stdout.isatty() and columns is None:
        printed = fitting(printed, shutil.get_terminal_size().columns)
    write_rows(printed, form)
    omitted = [name for name in content.column_names if name not in printed.column_names]
    if omitted:
        print(
            f"zs show: {len(omitted)} columns more: {', '.join(omitted)}; --columns chooses",
            file=sys.stderr,
        )
    if is_screen and content.num_rows > SCREEN_ROWS:
        print(
            f"zs show: {SCREEN_ROWS} of {total:,} rows; --limit sets another number, --offset "
            "begins later, and --format csv prints all rows",
            file=sys.stderr,
        )
    return 0


def _partition(table: str) -> str:
    from zs_client.read_requests import find

    partition = find(table)[2]
    if not partition:
        raise ValueError(f"{table} is one file and takes no value; --where NAME=VALUE filters it")
    return partition


def _selected(content: "pa.Table", columns: list[str], table: str) -> "pa.Table":
    unknown = [name for name in columns if name not in content.column_names]
    if unknown:
        raise ValueError(
            f"{table} has no column {unknown[0]!r:.80}; it has {', '.join(content.column_names)}"
        )
    return content.select(columns)


def print_answer(given: argparse.Namespace) -> int:
    """Print the answer to a SELECT."""
    from zs_client.query import answer

    write_rows(answer(given.query, at=resolve(given)), chosen_form(given))
    return 0


def print_columns(given: argparse.Namespace) -> int:
    """Print what the columns of a table mean."""
    from zs_client.registry import described

    write_rows(described(given.table, resolve(given)), chosen_form(given), widest=_LINE)
    return 0


def print_values(given: argparse.Namespace) -> int:
    """Print the values of a column, and how many rows have each."""
    from zs_client.column_values import counted

    write_rows(counted(given.table, given.column, resolve(given)), chosen_form(given))
    return 0


def print_explanation(given: argparse.Namespace) -> int:
    """Print what one value was made from."""
    from zs_client.explanation import explained
    from zs_client.place import reading, resolve_current

    with reading(offline=given.offline):
        current = resolve_current(store_url(given), given.version)[0]
    rows = explained(given.name, given.column, resolve(given), current)
    write_rows(rows, chosen_form(given), widest=_LINE)
    return 0


def print_derived(given: argparse.Namespace) -> int:
    """Print the data assets that were derived from a raw one."""
    from zs_client.lineage import derived

    by_name = derived([given.name], given.modality, latest=given.latest, at=resolve(given))
    if given.format is not None:
        import pyarrow as pa

        write(pa.table({"name": pa.array(by_name[given.name], pa.string())}), given)
        return 0
    for name in by_name[given.name]:
        print(name)
    return 0


def _conditions(given: argparse.Namespace) -> dict[str, list[str]]:
    """Returns the values of each filter that `--where` names."""
    filters: dict[str, list[str]] = {}
    for condition in given.where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise ValueError(f"--where {condition}: write NAME=VALUE, such as subject_id=828418")
        if name in _NO_FILTERS:
            raise ValueError(f"--where {condition}: there is no filter {name!r}")
        filters.setdefault(name, []).append(value)
    return filters


def draw(given: argparse.Namespace) -> int:
    """Draw a picture into a file."""
    from zs_client import plots
    from zs_client.place import asking

    function = getattr(plots, f"plot_{given.picture.replace('-', '_')}")
    if Path(given.output).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"-o {given.output}: its end is none of .png, .svg and .pdf")
    if given.of is None and given.picture in OF_SUBJECT:
        raise ValueError(f"{given.picture} needs a subject, such as zs plot {given.picture} 901001")
    if given.of is not None and given.picture in OF_ALL:
        raise ValueError(f"{given.picture} takes no subject; --where subject_id={given.of} filters")
    values = () if given.of is None else (given.of,)
    filters = {name: v[0] if len(v) == 1 else v for name, v in _conditions(given).items()}
    if "subject_id" in filters and given.picture in OF_SUBJECT:
        raise ValueError(f"--where subject_id: {given.picture} is of the subject {given.of}")
    with asking(
        snapshot=given.snapshot, offline=given.offline, url=store_url(given), version=given.version
    ):
        figure = function(*values, **filters)
    try:
        figure.savefig(given.output, dpi=150)
    except OSError as error:
        raise ValueError(f"-o {given.output}: the file could not be written: {error}") from error
    return 0


def chosen_form(given: argparse.Namespace) -> str:
    """Returns the form of `--format`, else a table on a terminal and CSV in a pipe."""
    form: str = given.format or ("table" if sys.stdout.isatty() else "csv")
    if form == "parquet" and sys.stdout.isatty():
        raise ValueError("parquet is nothing to read on a terminal; write it to a file with >")
    return form


def write(content: "pa.Table", given: argparse.Namespace) -> None:
    """Print rows in the form that a command's words ask for."""
    write_rows(content, chosen_form(given), widest=_LINE)


def write_rows(content: "pa.Table", form: str, *, widest: int = WIDEST) -> None:
    """Write rows to standard output in one of `zs_client.printing.FORMS`."""
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    colours = colours and os.environ.get("TERM") != "dumb"
    body = encoded(content, form, colours=colours, widest=widest)
    sys.stdout.flush()
    sys.stdout.buffer.write(body)
    sys.stdout.flush()
