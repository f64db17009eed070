"""The facts of a table as the pipeline reads and changes them, and the files that they name.

The content of a change is in `zs_pipeline.publishing.table_update`; the order in which files and
facts are written is in `zs_pipeline.publishing.commit`.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa

from zs_client.contract import Layout
from zs_client.facts import Facts, FileFacts, differing
from zs_client.masking import masked
from zs_client.store import Store
from zs_pipeline import arrow, run_scope
from zs_pipeline.declaration import Acorn
from zs_pipeline.stored_json import parsed, serialized, sorted_json


class HeldBack(Exception):
    """A build may not publish a table: an earlier snapshot is published in its place."""


class FactsFile:
    """A table's facts as they were last read or written; changed by compare-and-set.

    Attributes:
        facts: The facts; None where the table has none.
        lost: Segments whose content the store lost, both the object and the fixed path.
    """

    def __init__(self, store: Store, layout: Layout, acorn: Acorn) -> None:
        self.store = store
        self.layout = layout
        self.acorn = acorn
        self.lost: set[str] = set()
        key = self.layout.facts(self.acorn.table)
        self._file = run_scope.current().recent_reads.get_if_there(self.store, key)
        self.facts: Facts | None = parsed(self.store, key, self._file[0])

    def update(self, apply: Callable[[Facts], None], *, code_version: str | None = None) -> Facts:
        """Change the facts; where another writer was faster, change the facts that it wrote.

        Args:
            apply: Changes the facts in place.
            code_version: The version of the table's code; None outside of a build, where the
                declaration in the facts stays.

        Raises:
            HeldBack: The table was rolled back, and a build may not change its facts.
        """

        def change(body: bytes | None) -> bytes | None:
            if body is not self._file[0]:
                self.facts = parsed(self.store, key, body)
            if code_version is not None and self.facts and self.facts.get("held"):
                raise HeldBack(
                    f"{self.acorn.name} was rolled back while this build ran, which publishes "
                    "nothing of it; the next build goes on"
                )
            old = sorted_json(self.facts)
            facts = self.facts = self.facts or _empty_facts(self.acorn, code_version or "")
            state, files = facts["sha256"], dict(facts["partitions"])
            apply(facts)
            if code_version is not None:
                _declare(self.acorn, facts)
            _note_behind(facts, state, files)
            if body is not None and sorted_json(facts) == old:
                return None
            facts["checked_at"] = now_text()
            return serialized(facts)

        key = self.layout.facts(self.acorn.table)
        advice = "is another build running?"
        self._file = self.store.update(key, change, known=self._file, advice=advice)
        run_scope.current().recent_reads.note(self.store, key, self._file)
        return cast("Facts", self.facts)


def _empty_facts(acorn: Acorn, code_version: str) -> Facts:
    facts: dict[str, Any] = {
        "name": acorn.name,
        "table": acorn.table,
        "partition_key": acorn.partition or None,
        "rows": 0,
        "rows_before": 0,
        "bytes": 0,
        "sha256": "",
        "inputs": "",
        "built_at": "",
        "checked_at": "",
        "code_version": code_version,
        "source_state": {},
        "state": "stale",
        "reason": "the first build has not ended",
        "partitions": {},
        "empty": {},
        "pending": {},
    }
    # `_declare` adds the declaration before the facts are written.
    return cast("Facts", facts)


def _declare(acorn: Acorn, facts: Facts) -> None:
    """Set the declaration, and the sums over partitions."""
    facts["description"] = acorn.description
    facts["type"] = acorn.type
    facts["key"] = list(acorn.key)
    facts["columns"] = [
        {
            "name": c.name,
            "type": c.type,
            "description": c.description,
            "nullable": c.nullable,
            "reads": list(c.reads),
            "rule": c.rule,
            "example": c.example,
        }
        for c in acorn.columns
    ]
    if acorn.partition:
        files = facts["partitions"] = dict(sorted(facts["partitions"].items()))
        facts["rows"] = sum(e["rows"] for e in files.values())
        facts["bytes"] = sum(e["bytes"] for e in files.values())
        facts["built_at"] = max((e["built_at"] for e in files.values()), default=facts["built_at"])
        names = "".join(f"{segment}={e['sha256']}\n" for segment, e in files.items())
        facts["sha256"] = hashlib.sha256(names.encode()).hexdigest()


def _note_behind(facts: Facts, state: str, files: dict[str, FileFacts]) -> None:
    """Note which partitions changed, since the one file of the table does not have them.

    Args:
        facts: The facts after a change.
        state: The table's digest before it.
        files: The partitions before it.
    """
    one_file = facts.get("one_file")
    if one_file is None or one_file["behind_of"] == facts["sha256"]:
        return
    if one_file["behind_of"] != state:
        # A writer that knows no one file changed partitions, and nobody can tell which.
        del facts["one_file"]
        return
    changed = differing(files, facts["partitions"])
    one_file["behind"] = sorted({*one_file["behind"], *changed})
    one_file["behind_of"] = facts["sha256"]


def read_facts(
    store: Store, layout: Layout, table: str, *, within: float | None = None
) -> Facts | None:
    """Returns a table's facts, or None where the table has none.

    Args:
        store: Where the table lies.
        layout: The layout of the version.
        table: The table's name in the store.
        within: The seconds since a run has read them, at most; see `RecentReads.get_if_there`.

    Raises:
        ValueError: The facts cannot be read.
    """
    key = layout.facts(table)
    body, _ = run_scope.current().recent_reads.get_if_there(store, key, within=within)
    facts: Facts | None = parsed(store, key, body)
    return facts


def entries(facts: Facts | None) -> dict[str, FileFacts]:
    """Returns the facts of every file by segment; the segment of a table in one file is empty."""
    if facts is None:
        return {}
    if facts["partition_key"]:
        return dict(facts["partitions"])
    if not facts["sha256"]:
        return {}
    of_file = (*FileFacts.__required_keys__, "values")
    return {"": cast("FileFacts", {key: value for key, value in facts.items() if key in of_file})}


def segments(facts: Facts | None) -> set[str]:
    """Returns the encoded values of a table's partitions, including those without rows."""
    return {*facts["partitions"], *facts["empty"]} if facts else set()


def read_content(
    store: Store,
    layout: Layout,
    acorn: Acorn,
    segment: str = "",
    *,
    facts: Facts | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Returns the rows of a table or of one partition, from the object that the facts name.

    Args:
        store: Where the table lies.
        layout: The layout of the version.
        acorn: The declaration.
        segment: The partition's encoded value; empty for a table that is not partitioned.
        facts: The table's facts; read when None.
        columns: The columns to return; all when None.

    Raises:
        FileNotFoundError: There is no such table or partition.
    """
    facts = facts or read_facts(store, layout, acorn.table)
    return arrow.decode(_body(store, layout, acorn, segment, facts), columns)


def read_head(
    store: Store, layout: Layout, acorn: Acorn, segment: str, *, facts: Facts, rows: int
) -> pa.Table:
    """Returns the first rows of a table or of one partition; see `read_content`."""
    return arrow.head(_body(store, layout, acorn, segment, facts), rows)


def _body(store: Store, layout: Layout, acorn: Acorn, segment: str, facts: Facts | None) -> bytes:
    entry = entries(facts).get(segment)
    if entry is None:
        raise FileNotFoundError(
            f"{acorn.name}{'/' + segment if segment else ''} is not in {store.url}; build it first"
        )
    return store.get_object(layout.object(acorn.table, entry["sha256"]))


def path(layout: Layout, acorn: Acorn, segment: str) -> str:
    """Returns the fixed path of a table or of one of its partitions."""
    if acorn.partition:
        return layout.partition(acorn.table, acorn.partition, segment)
    return layout.table(acorn.table)


def mark_stale(store: Store, layout: Layout, acorn: Acorn, reason: str) -> None:
    """Note in a table's facts that the table stays on its last good content, and why."""

    def apply(facts: Facts) -> None:
        facts["state"], facts["reason"] = "stale", masked(reason)

    file = FactsFile(store, layout, acorn)
    # What is published of a table that was rolled back has nothing to do with a build.
    if file.facts is not None and not file.facts.get("held"):
        file.update(apply)


def now_text() -> str:
    """Returns the present time as facts write it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
