"""source_data: which data asset was made from which, one row for each pair."""

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    Column,
    Expected,
    NamesDocuments,
    OfName,
    Read,
    Tables,
)
from zs_pipeline.fields import part, text, texts

_PROCESSED_AT = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)\s*$", re.ASCII)


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each source of a derived data asset, one with a null when it names none."""
    description = document["data_description"]
    named = part(description, "source_data")
    sources = [named] if isinstance(named, str) and named else texts(named) or []
    name = text(document.get("name"))
    # Some stitched and NWB exports say raw and name a source all the same.
    if name is None or not (sources or part(description, "data_level") == "derived"):
        return
    pipelines = part(document, "processing.pipelines")
    first = pipelines[0] if isinstance(pipelines, list) and pipelines else None
    for source in dict.fromkeys(sources) or (None,):
        yield {
            "name": name,
            "source_data": source,
            "pipeline_name": text(part(first, "name")),
            "processing_time": processing_time(name),
        }


def processing_time(name: str) -> str | None:
    """The time at the end of a derived data asset's name, as it is written there."""
    found = _PROCESSED_AT.search(name)
    return found[1] if found else None


def finish(table: pa.Table, _: Tables) -> pa.Table:
    """One row for a name and source that several documents share: one with a pipeline comes first.

    A document that names no source says nothing where another one of that name does.
    """
    ordered = table.sort_by(
        [(name, "ascending") for name in ("name", "source_data", "pipeline_name")]
    )
    seen: set[tuple[str, str | None]] = set()
    named: set[str] = set()
    keep = []
    # Nulls are sorted last, so the sources of a name are known when its null comes.
    for name, source in zip(
        ordered["name"].to_pylist(), ordered["source_data"].to_pylist(), strict=True
    ):
        keep.append((name, source) not in seen and (source is not None or name not in named))
        seen.add((name, source))
        named.add(name)
    return ordered.filter(pa.array(keep, pa.bool_()))


ACORN = Acorn(
    name="source_data",
    description=(
        "Which data asset was made from which: one row per derived data asset and source. Join "
        "asset_basics.name on name (the derived one) or on source_data (its source)."
    ),
    type="metadata",
    key=("name", "source_data"),
    order=("name", "source_data"),
    kind=ByDocument(
        rows=rows,
        reuse=OfName("name"),
        finish=finish,
        reads=(
            Read("data_description.data_level", Expected.TEXT),
            Read("data_description.source_data", Expected.LIST_OR_TEXT),
            Read("data_description.source_data[]", Expected.TEXT),
            Read("processing.pipelines[].name", Expected.TEXT),
        ),
    ),
    checks=(
        NamesDocuments(
            "sources_known",
            "source_data",
            "Every source that a derived data asset names has a document.",
        ),
    ),
    columns=(
        Column("name", "string", "The derived data asset's name.", nullable=False),
        Column(
            "source_data",
            "string",
            "The name of a data asset it was made from; null when the document names none.",
        ),
        Column(
            "pipeline_name",
            "string",
            "The pipeline that made it; null when the document names none.",
        ),
        Column(
            "processing_time",
            "string",
            "When it was made, as at the end of its name: YYYY-MM-DD_HH-MM-SS; null when the name "
            "does not end in a time.",
        ),
    ),
)
