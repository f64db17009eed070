"""Tables made from a table that users store, former rows, and documents of the old database.

A function in `Surroundings` reads the copies of the stored table.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter

import orjson
import pyarrow as pa

from zs_client.contract import ROOT, layouts
from zs_client.errors import AcornNotFound
from zs_pipeline import arrow
from zs_pipeline.catalogue import projected
from zs_pipeline.code import of_table
from zs_pipeline.declaration import FromCustomTable
from zs_pipeline.publishing.facts_file import FactsFile
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.side_files import nights
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import documents_of
from zs_pipeline.tables.inputs import CustomCopy, Inputs, Surroundings
from zs_pipeline.tables.reuse import NO_FILE, is_current, no_rows

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_OLD_DOCUMENTS = (
    "names of documents that were not upgraded are not known without the old database; "
    "ZS_OLD_SOURCE names it"
)


def plan(
    kind: FromCustomTable, known: FactsFile, inputs: Inputs, around: Surroundings
) -> TableUpdate:
    """Plan the update of a table made from a table that users store.

    Raises:
        AcornNotFound: The stored table is gone, and the table has rows of it.
        ReadError: The stored table cannot be read.
    """
    store, acorn, facts = known.store, known.acorn, known.facts
    code = of_table(acorn)
    old = open_source(around.old_url, projected(kind.old_reads)) if around.old_url else None
    counts: dict[str, int | str] = {"old_documents": old.url if old else "none"}
    problems = [] if old else [_NO_OLD_DOCUMENTS]
    notes: dict[str, int | str] = {}
    others: list[pa.Table] = []
    try:
        copies = _newest_first(around.custom_copies(store, kind.custom), kind.written)
    except AcornNotFound as error:
        samples = around.custom_samples
        sample = samples / f"{kind.custom}.ndjson" if samples else None
        if sample is None or not sample.exists():
            if facts and facts["rows"]:
                message = (
                    f"the table keeps its rows, since what they were made from is gone: {error}"
                )
                raise type(error)(message) from error
            empty, state = no_rows(acorn), {"custom": NO_FILE}
            return TableUpdate((empty,), state, code, str(error), counts=counts, problems=problems)
        body = sample.read_bytes()
        content = pa.Table.from_pylist([orjson.loads(line) for line in body.splitlines()])
        digest = hashlib.sha256(body).hexdigest()
    else:
        (written, newest), *older = copies
        content, digest = newest.table, newest.state
        others = [copy.table for _, copy in reversed(older)]
        if others:
            states = "\n".join(copy.state for _, copy in copies)
            digest = hashlib.sha256(states.encode()).hexdigest()
        notes = {"copy": newest.key, "copy_time": written.isoformat()}
        counts |= {**notes, "copies": len(copies)}
        days = (nights.today() - written.date()).days
        around.progress(
            f"{acorn.name}: made from {newest.key} of {written:%Y-%m-%d}, {days:,} days old; "
            f"{len(copies)} different copies"
        )
    state = {**inputs.state(), "custom": digest, "old_documents": str(counts["old_documents"])}
    if is_current(facts, state, code, state):
        reason = f"neither {kind.custom} nor {', '.join(inputs)} changed"
        return TableUpdate((), state, code, reason, counts=counts, problems=problems, notes=notes)

    def partitions() -> Iterator[PartitionUpdate]:
        fetch = partial(documents_of, old) if old else lambda _: iter(())
        yield PartitionUpdate("", kind.rows(content, inputs, _rows_before(known), fetch, others))

    return TableUpdate(partitions(), state, code, counts=counts, problems=problems, notes=notes)


def _newest_first(
    copies: Iterable[CustomCopy], written: Callable[[pa.Table], int | None]
) -> list[tuple[datetime, CustomCopy]]:
    """Returns (time, copy) of the distinct copies of a stored table, the newest first.

    A copy has the time that is written in it, or else the time of its object. Copies with equal
    times keep their order.
    """
    distinct: dict[str, tuple[datetime, CustomCopy]] = {}
    timed = ((_time_of(copy, written(copy.table)), copy) for copy in copies)
    for time, copy in sorted(timed, key=itemgetter(0), reverse=True):
        distinct.setdefault(copy.state, (time, copy))
    return list(distinct.values())


def _time_of(copy: CustomCopy, microseconds: int | None) -> datetime:
    return copy.modified if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _rows_before(known: FactsFile) -> pa.Table | None:
    """Returns the rows of a table in this version, or in the newest former version that has it."""
    of_store = layouts([*known.store.folders(ROOT), known.layout.name])
    for layout in of_store[of_store.index(known.layout) :]:
        try:
            return arrow.decode(known.store.get(layout.table(known.acorn.table)))
        except FileNotFoundError:
            continue
    return None
