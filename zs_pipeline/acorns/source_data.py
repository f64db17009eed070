"""source_data: derived data assets and their sources, one row for each pair."""

import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from zs_pipeline import arrow
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    Column,
    Document,
    Expected,
    NamesDocuments,
    OfName,
    Read,
    Tables,
)
from zs_pipeline.shape.findings import Finding
from zs_pipeline.shape.values import part, parts, text, texts, time, trimmed

# What `is_derived` reads.
DERIVED_READS = (
    Read("data_description.data_level", Expected.TEXT),
    Read("data_description.source_data", Expected.LIST_OR_TEXT),
    Read("data_description.source_data[]", Expected.TEXT),
)
_PROCESSED_AT = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)\s*$", re.ASCII)


def rows(document: Document) -> Iterator[dict[str, Any]]:
    """Yields one row for each source of a derived data asset, or one row with a null."""
    name, sources = text(document.get("name")), _sources(document)
    if name is None or sources is None:
        return
    pipeline = pipeline_name(document)
    for source in dict.fromkeys(sources) or (None,):
        yield {
            "name": name,
            "source_data": source,
            "pipeline_name": pipeline,
            "processing_time": processing_time(name),
        }


def findings(document: Document) -> Iterator[Finding]:
    """Yields a finding for a derived data asset without a known pipeline."""
    has_rows = text(document.get("name")) is not None and _sources(document) is not None
    if has_rows and pipeline_name(document) is None:
        yield Finding(
            "processing.data_processes[].pipeline_name",
            "source_data.pipeline_name",
            "is not given for the latest data process, and processing.pipelines has none of its "
            "own; the pipeline's name is null",
        )


def is_derived(document: Document) -> bool:
    """Returns whether a data asset is derived: it names a source, or its level is derived."""
    return _sources(document) is not None


def _sources(document: Document) -> list[str] | None:
    """Returns the sources of a derived data asset; None for a raw one."""
    value = part(document, "data_description.source_data")
    single_source = text(value)
    sources = [single_source] if single_source else texts(value) or []
    # Some stitched and NWB exports have the level raw and name a source all the same.
    is_derived = sources or part(document, "data_description.data_level") == "derived"
    return sources if is_derived else None


def pipeline_name(document: Document) -> str | None:
    """Returns the pipeline of the latest data process, else the last one that no process names.

    A derived document inherits its sources' processes and pipelines, which stand first.
    """
    processes = list(parts(document, "processing.data_processes"))
    names = [trimmed(process.get("pipeline_name")) for process in processes]
    starts = [time(process.get("start_date_time")) for process in processes]
    latest = max(
        range(len(processes)),
        key=lambda at: (starts[at] is not None, starts[at] or 0, at),
        default=None,
    )
    if latest is not None and names[latest]:
        return names[latest]
    pipelines = [trimmed(p.get("name")) for p in parts(document, "processing.pipelines")]
    return next((name for name in reversed(pipelines) if name and name not in names), None)


def processing_time(name: str) -> str | None:
    """Returns the time at the end of a derived data asset's name, as written there."""
    match = _PROCESSED_AT.search(name)
    return match[1] if match else None


def finish(table: pa.Table, _: Tables) -> pa.Table:
    """Returns one row for each name and source; a row with a pipeline comes before one without.

    A row without a source is dropped where another document of the name has a source.
    """
    ordered = table.sort_by(
        [(name, "ascending") for name in ("name", "source_data", "pipeline_name")]
    )
    seen: set[tuple[str, str | None]] = set()
    seen_names: set[str] = set()
    keep = []
    # Nulls are sorted last, so the sources of a name are known when its null comes.
    for name, source in arrow.values(ordered, "name", "source_data"):
        keep.append((name, source) not in seen and (source is not None or name not in seen_names))
        seen.add((name, source))
        seen_names.add(name)
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
            *DERIVED_READS,
            Read("processing.data_processes[].pipeline_name", Expected.TEXT),
            Read("processing.data_processes[].start_date_time", Expected.TIME),
            Read("processing.pipelines[].name", Expected.TEXT),
        ),
        findings=findings,
    ),
    checks=(
        NamesDocuments(
            "sources_known",
            "source_data",
            "Every source that a derived data asset names has a document.",
        ),
    ),
    columns=(
        Column(
            "name",
            "string",
            "The derived data asset's name.",
            nullable=False,
            reads=("name", "data_description.data_level", "data_description.source_data"),
            rule=(
                "A data asset has rows when its level is derived, or when it names a source: some "
                "stitched and NWB exports say raw. A document without a name has no row. Of "
                "several documents with one name and source there is one row, of those with a "
                "pipeline the first by its name."
            ),
            example=(
                "A document of level `raw` that names a source has a row; one of level `raw` that "
                "names none has no row."
            ),
        ),
        Column(
            "source_data",
            "string",
            "The name of a data asset it was made from; null when the document names none.",
            reads=("data_description.source_data", "data_description.source_data[]"),
            rule=(
                "Each name in the list makes a row; repeats make none. A text or number in place "
                "of the list is a list of one. Without any name there is one row, with null, "
                "unless another document of the same name has sources."
            ),
            example=(
                '`[]` becomes one row with null; `["a", "b", "a"]` becomes two rows, `a` and `b`.'
            ),
        ),
        Column(
            "pipeline_name",
            "string",
            "The pipeline that made it; null when the document names none.",
            reads=(
                "processing.data_processes[].pipeline_name",
                "processing.data_processes[].start_date_time",
                "processing.pipelines[].name",
            ),
            rule=(
                "The name in the latest data process counts. The latest is the one with the "
                "greatest start; one whose start cannot be read comes before all others, and of "
                "equal ones the last in the list is the latest. A start without a zone is UTC. "
                "Where the latest process names no pipeline, the last of processing.pipelines "
                "that no data process names counts, since a derived document inherits the "
                "processes and pipelines of its sources, which stand first. Without one of these "
                "the name is null, which is a finding. An empty text is no name."
            ),
            example=(
                "With `transform_and_upload_v2` as the pipeline of the first process and "
                "`aind-ephys-pipeline` as that of the latest, it becomes `aind-ephys-pipeline`."
            ),
        ),
        Column(
            "processing_time",
            "string",
            "When it was made, as at the end of its name: YYYY-MM-DD_HH-MM-SS; null when the name "
            "does not end in a time.",
            reads=("name",),
            rule=(
                "The text is taken as it is written, and is no time of any zone. Digits before it "
                "make it none; blanks after it count for nothing."
            ),
            example=(
                "`990002_2026-06-01_10-00-00_sorted_2026-06-02_12-00-00` becomes "
                "`2026-06-02_12-00-00`."
            ),
        ),
    ),
)
