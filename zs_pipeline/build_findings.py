"""What a build says of findings at its end: all kinds of them in a log, their counts on a terminal.

The findings are rows of two tables, which lie in the store by then.
"""

from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from zs_client.contract import Layout
from zs_client.store import Store
from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.publishing.facts_file import read_content, read_facts

SHOWN = 10
_PROBLEMS = ("document_problems", "data_asset_problems")
# What is printed of findings; both readings are left out.
_SHOWN = ("_id", "name", "field", "reason", "severity", "column")
_SEVERITIES = ("error", "warning", "note")


def print_kinds(console: Console, store: Store, layout: Layout) -> None:
    """Say what did not fit or was chosen, how often of each kind, and where to read more of it."""
    tables = _tables(store, layout)
    _print_set_aside(console, tables)
    facts = read_facts(store, layout, _PROBLEMS[0])
    for what, count in (facts.get("notes", {}) if facts else {}).items():
        console.print(f"{count:,} documents: {what}", markup=False, soft_wrap=True)
    for name, findings in tables.items():
        if findings.num_rows:
            said = f"{findings.num_rows:,} findings in zs_client.{name}():"
            console.print(said, style="yellow", soft_wrap=True)
            for line in _kinds(findings):
                console.print(f"  {line}", markup=False, soft_wrap=True)


def print_counts(console: Console, store: Store, layout: Layout) -> None:
    """Say which documents were set aside, and how many findings there are and where."""
    tables = _tables(store, layout)
    _print_set_aside(console, tables)
    for name, findings in tables.items():
        counts = {
            row["values"]: row["counts"] for row in findings["severity"].value_counts().to_pylist()
        }
        said = ", ".join(
            f"{counts[severity]:,} {severity}{'' if counts[severity] == 1 else 's'}"
            for severity in _SEVERITIES
            if severity in counts
        )
        if said:
            console.print(f"{said}: zs show {name}", style="yellow", markup=False, soft_wrap=True)


def _tables(store: Store, layout: Layout) -> dict[str, pa.Table]:
    """Returns the tables of findings that are in the store, by name."""
    tables = {}
    for name in _PROBLEMS:
        if facts := read_facts(store, layout, name):
            acorn = CATALOGUE.by_name[name]
            with suppress(FileNotFoundError):
                tables[name] = read_content(store, layout, acorn, facts=facts, columns=_SHOWN)
    return tables


def _print_set_aside(console: Console, tables: dict[str, pa.Table]) -> None:
    if "document_problems" not in tables:
        return
    problems = tables["document_problems"]
    aside = problems.filter(pc.equal(problems["severity"], "error"))
    if aside.num_rows:
        console.print(
            f"{aside.num_rows} documents were set aside or did not come:",
            style="yellow",
            soft_wrap=True,
        )
        for row in aside.slice(0, SHOWN).to_pylist():
            said = f"  {row['name'] or row['_id'] or ''} {row['reason']}"
            console.print(said, markup=False, soft_wrap=True)


def _kinds(findings: pa.Table) -> Iterator[str]:
    """Yields a line for each kind of finding: how many rows, and one of the reasons."""
    kind = ["severity", "field", "column"]
    groups = findings.group_by(kind).aggregate([("reason", "count"), ("reason", "min")])
    order = [("severity", "ascending"), ("reason_count", "descending"), ("field", "ascending")]
    for row in groups.sort_by(order).to_pylist():
        about = f"{row['column']}: " if row["column"] else ""
        said = f"{row['field']} {row['reason_min']}".strip()
        yield f"{row['reason_count']:>6,} {row['severity']:<7}  {about}{said}"
