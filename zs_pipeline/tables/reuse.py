"""Decides what need not be computed: a whole table, or the rows of unchanged documents.

A document is unchanged if its row in the index is and, for kinds that read asset_basics, its row
there. Partitions by key are compared by fingerprints, in `zs_pipeline.tables.by_key`.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from zs_client.contract import encode_partition
from zs_client.facts import Facts
from zs_pipeline import arrow
from zs_pipeline.declaration import ASSET_BASICS, Acorn, ByDocument, ByPlatform, OfId
from zs_pipeline.documents.state import DocumentState, load_index
from zs_pipeline.publishing.facts_file import FactsFile, read_content
from zs_pipeline.publishing.table_update import PartitionUpdate

# The state of a file that does not exist.
NO_FILE = "not there"


def no_rows(acorn: Acorn) -> PartitionUpdate:
    """Returns the content of a table in one file whose input does not exist."""
    return PartitionUpdate("", arrow.schema(acorn).empty_table())


def is_current(facts: Facts | None, state: dict[str, str], code: str, keys: Iterable[str]) -> bool:
    """Returns whether a table is whole and was made from the same state by the same code.

    Args:
        facts: The facts of the table; None where the store has no table.
        state: The present source state.
        code: The present version of the table's code.
        keys: The keys of the state that have to be the same.
    """
    return (
        facts is not None
        and facts["state"] == "fresh"
        and facts["code_version"] == code
        and all(facts["source_state"].get(key) == state[key] for key in keys)
    )


def rows_to_keep(
    kind: ByDocument, known: FactsFile, documents: DocumentState, code: str
) -> tuple[pa.Table | None, set[str] | None]:
    """Returns (reusable rows, documents to compute); (None, None) to compute all documents.

    Where the name of a document identifies its rows, all documents of a name are computed when any
    of these changed.
    """
    store, facts = known.store, known.facts
    if (
        kind.reuse is None
        or not facts
        or facts["code_version"] != code
        or "index" not in facts["source_state"]
    ):
        return None, None
    try:
        old = load_index(store, facts["source_state"]["index"])
        content = read_content(store, known.layout, known.acorn, facts=facts)
    except FileNotFoundError:
        return None, None
    touched = _touched(old, documents.index)
    # A list's element is called `element` in parquet and `item` here: without the cast the same
    # rows would give other bytes.
    content = content.cast(arrow.schema(known.acorn))
    if isinstance(kind.reuse, OfId):
        return _without(content, kind.reuse.column, touched), touched
    names = _names(touched, old, documents.index)
    return _without(content, kind.reuse.column, names), _named(documents.index, names)


def basics_then(known: FactsFile, basics: pa.Table) -> pa.Table | None:
    """Returns the rows of asset_basics that a table was last made from; None if not kept."""
    before = known.facts["source_state"] if known.facts else {}
    if ASSET_BASICS not in before:
        return None
    key = known.layout.object(ASSET_BASICS, before[ASSET_BASICS])
    try:
        body = known.store.get_object(key)
        return arrow.decode(body, basics.schema.names).cast(basics.schema)
    except (FileNotFoundError, ValueError):
        return None


def rows_to_keep_by_platform(
    kind: ByPlatform, known: FactsFile, documents: DocumentState, changed: set[str], code: str
) -> tuple[dict[str, bytes], set[str] | None]:
    """Returns (packed reusable rows by platform, documents to compute or None for all).

    Args:
        kind: How the table is made.
        known: The table's facts.
        documents: The documents.
        changed: Documents whose rows of asset_basics differ.
        code: The version of the table's code.
    """
    store, layout, acorn, facts = known.store, known.layout, known.acorn, known.facts
    before = facts["source_state"] if facts else {}
    if not facts or facts["code_version"] != code or "index" not in before or facts.get("refused"):
        return {}, None
    try:
        old_index = load_index(store, before["index"])
        touched = _touched(old_index, documents.index) | changed
        names = _names(touched, old_index, documents.index)
        if None in names:
            # Documents without a name cannot be matched with their rows.
            return {}, None
        reusable = {}
        for name in kind.values:
            content = read_content(store, layout, acorn, encode_partition(name), facts=facts)
            content = _without(content.cast(arrow.schema(acorn)), kind.reuse.column, names)
            reusable[name] = arrow.pack(content)
    except (FileNotFoundError, ValueError):
        return {}, None
    return reusable, _named(documents.index, names)


def _touched(old: pa.Table, new: pa.Table) -> set[str]:
    """Returns the documents that differ between two indexes, by existence, name or content."""
    was = old.take(pc.index_in(new["_id"], old["_id"].combine_chunks()))
    named = pc.equal(new["name"], was["name"])
    unnamed = pc.and_(pc.is_null(new["name"]), pc.is_null(was["name"]))
    same = pc.and_(
        pc.equal(new["content"], was["content"]).fill_null(False),  # noqa: FBT003
        pc.or_(named.fill_null(False), unnamed),  # noqa: FBT003
    )
    gone = pc.invert(pc.is_in(old["_id"], new["_id"].combine_chunks()))
    came = new["_id"].filter(pc.invert(same))
    return {*came.to_pylist(), *old["_id"].filter(gone).to_pylist()}


def changed_rows(old: pa.Table, new: pa.Table) -> set[str]:
    """Returns the documents in both tables whose rows of asset_basics differ."""
    places = pc.index_in(new["_id"], old["_id"].combine_chunks())
    both = places.is_valid()
    new, old = new.filter(both), old.take(places.filter(both))
    ids = new["_id"].to_pylist()
    return {
        key
        for name in new.schema.names
        if not new[name].equals(old[name])
        for key, value, former in zip(
            ids, new[name].to_pylist(), old[name].to_pylist(), strict=True
        )
        if value != former
    }


def _names(ids: set[str], *indexes: pa.Table) -> set[str | None]:
    """Returns the names of documents in several indexes."""
    id_array = pa.array(sorted(ids), pa.string())
    return {
        name
        for index in indexes
        for name in index["name"].filter(pc.is_in(index["_id"], id_array)).to_pylist()
    }


def _named(index: pa.Table, names: set[str | None]) -> set[str]:
    """Returns the documents with any of the names."""
    is_named = pc.is_in(index["name"], pa.array(names, pa.string()))
    return set(index["_id"].filter(is_named).to_pylist())


def _without(content: pa.Table, column: str, values: Iterable[str | None]) -> pa.Table:
    """Returns the rows whose column has none of the values; rows with null stay."""
    gone = pa.array(sorted(value for value in values if value is not None), pa.string())
    return content.filter(pc.invert(pc.is_in(content[column], gone)))
