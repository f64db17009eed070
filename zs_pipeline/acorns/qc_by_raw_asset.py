"""qc_by_raw_asset: QC of a raw data asset and of all that was made from it, one partition for each.

A derived document may inherit the metrics of its sources, so one metric stands in many documents:
here each version of a metric has one row.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import orjson
import pyarrow as pa

from zs_pipeline import arrow, quality
from zs_pipeline.acorns import quality_control
from zs_pipeline.declaration import (
    ASSET_BASICS,
    Acorn,
    ByLineage,
    Column,
    Expected,
    Read,
    Row,
    TableRead,
    Tables,
)
from zs_pipeline.lineage import origins
from zs_pipeline.shape.values import as_json, bounded, part, segment, text

_PLACES = pa.schema(
    [
        ("_id", pa.string()),
        ("raw_asset_name", pa.string()),
        ("steps", pa.int32()),
        ("processing_time", pa.string()),
    ]
)


def places(tables: Tables) -> pa.Table:
    """Returns the raw data assets of each document; its own name where none is known.

    A document without a name stands alone.
    """
    basics, sources = tables[ASSET_BASICS], tables["source_data"]
    raw_by_name = origins(basics, sources)
    processed = dict(arrow.values(sources, "name", "processing_time"))
    rows = [
        (document_id, raw, steps, processed.get(name))
        for document_id, name in arrow.values(basics, "_id", "name")
        for raw, steps in raw_by_name.get(name, {name: 0}).items()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(_PLACES)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, _PLACES, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_PLACES)


def rows(document: dict[str, Any], basics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields one row for each metric, curation metrics included, with its `version`."""
    last = quality.last_time(document)
    metrics = part(document, quality.METRICS)
    grouping = as_json(part(document, "quality_control.default_grouping"))
    for index, metric in enumerate(metrics if isinstance(metrics, list) else ()):
        if not isinstance(metric, dict):
            continue
        row = quality.metric_row(metric, basics, last)
        row["description"] = text(metric.get("description"))
        row["object_type"] = text(metric.get("object_type"))
        row["type"] = _type_of(metric)
        row["metric_index"] = index
        row["metric_key"] = _key(row)
        row["metric_json"] = as_json(metric)
        row["default_grouping"] = grouping
        row["asset_location"] = basics["location"]
        row["asset_data_level"] = basics["data_level"]
        row["version"] = _version(metric, row)
        yield row


def _type_of(metric: Mapping[str, Any]) -> str | None:
    """Returns a curation metric's own type, else the type of a value that is an object."""
    return text(metric.get("type")) or text(part(metric, "value.type"))


def _key(row: Mapping[str, Any]) -> str:
    """Returns a digest that all versions of a metric have."""
    # The order of keys in an object of tags says nothing, nor does that of a list.
    same = (row["name"], row["modality"], row["stage"], sorted(row["tags"] or ()))
    return hashlib.sha256(orjson.dumps(same)).hexdigest()[:32]


def _version(metric: Mapping[str, Any], row: Mapping[str, Any]) -> bytes:
    """Returns what tells a version of a metric from its others: the value and the status."""
    value = metric.get("value")
    value = bounded(value) if isinstance(value, dict | list) else row["value"]
    return orjson.dumps((row["value_type"], value, row["status"]), option=orjson.OPT_SORT_KEYS)


def merge(
    documents: Sequence[tuple[Mapping[str, Any], Sequence[Row]]],
) -> Iterator[dict[str, Any]]:
    """Yields one row for each version of a metric in the documents of a raw data asset.

    It is that of the data asset nearest to the raw one, then of the oldest, then of the first name.
    """
    versions: dict[tuple[Any, Any], list[dict[str, Any]]] = defaultdict(list)
    for place, of_document in sorted(documents, key=lambda pair: _rank(pair[0])):
        raw, name = place["raw_asset_name"], place["name"]
        for version, entries in _by_version(of_document).items():
            known = versions[version]
            for entry, first in _matched(entries, known):
                if first is None:
                    new = {**entry, "downstream_asset_names": []}
                    del new["version"]
                    # As a name of a partition, which readers have in place of the column.
                    new["raw_asset_name"] = None if segment(raw) == segment(None) else raw
                    known.append(new)
                elif name not in (None, first["asset_name"], *first["downstream_asset_names"]):
                    first["downstream_asset_names"].append(name)
    for known in versions.values():
        yield from known


def _by_version(
    of_document: Iterable[Mapping[str, Any]],
) -> dict[tuple[Any, Any], list[Mapping[str, Any]]]:
    """Returns the entries of a document by version, each text that people see once.

    Of 1,308 real metrics 25 are of one version with another one in the same document, and are not
    the same: checks of several devices, which only their descriptions name.
    """
    by_version: dict[tuple[Any, Any], dict[tuple[Any, ...], Mapping[str, Any]]] = defaultdict(dict)
    for row in of_document:
        by_version[row["metric_key"], row["version"]].setdefault(_seen(row), row)
    return {version: list(entries.values()) for version, entries in by_version.items()}


def _seen(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns what tells apart metrics of one version in one document."""
    return row["description"], row["reference"], tuple(row["evaluated_assets"] or ())


def _matched(
    entries: Sequence[Mapping[str, Any]], known: Sequence[dict[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], dict[str, Any] | None]]:
    """Yields each entry of a version with the row that it repeats, if any: first one that is alike.

    Args:
        entries: The entries of one document.
        known: The rows of the version in documents before.
    """
    left = list(known)
    rest = []
    for entry in entries:
        alike = next((row for row in left if _seen(row) == _seen(entry)), None)
        if alike is None:
            rest.append(entry)
        else:
            left.remove(alike)
            yield entry, alike
    yield from zip_longest(rest, left[: len(rest)])


def _rank(place: Mapping[str, Any]) -> tuple[Any, ...]:
    """Returns the order of documents: the nearest, the oldest, the first by name and id."""
    created = place["created"]
    return (
        place["steps"],
        # As for the latest derived data asset, one without a time is the oldest.
        place["processing_time"] or "",
        (created is not None, created or 0),
        place["name"] or "",
        place["_id"],
    )


_METRIC = quality.METRICS + "[]"
_VERSION = (
    "Two entries of the documents are the same metric where name, modality, stage and tags are "
    "equal, in whichever order tags are listed, and the same version where value and status are "
    "equal too; entries of one document that differ in description, reference or evaluated_assets "
    "are not. A version has one row, taken from the data asset that is the fewest steps of "
    "source_data away from the raw one; of several from the oldest, by processing_time in "
    "source_data and then by created in asset_basics, where one without a time comes first; then "
    "from the first by name."
)
_OF_QUALITY_CONTROL = {column.name: column for column in quality_control.ACORN.columns}
_NAME = _OF_QUALITY_CONTROL.pop("name")

ACORN = Acorn(
    name="qc_by_raw_asset",
    description=(
        "Quality control of a raw data asset and of everything that was made from it, one row per "
        "version of a metric, in one file per raw data asset. Metrics that derived data assets "
        "inherit have one row. Join asset_basics.name on asset_name or raw_asset_name. Only builds "
        "with ZS_BDC_VERSION make it."
    ),
    type="asset",
    key=(),
    order=("timestamp", "asset_name", "metric_index"),
    # It would be written anew each night with all the JSON, and readers ask for one data asset.
    has_one_file=False,
    kind=ByLineage(
        column="raw_asset_name",
        places=places,
        rows=rows,
        merge=merge,
        basics=(
            *("name", "subject_id", "acquisition_start_time"),
            *("location", "data_level", "created"),
        ),
        tables=(
            TableRead(
                ASSET_BASICS,
                (
                    *("_id", "name", "subject_id", "acquisition_start_time"),
                    *("location", "data_level", "created"),
                ),
            ),
            TableRead("source_data", ("name", "source_data", "processing_time")),
        ),
        reads=(
            # The whole metric is one of the columns.
            Read(quality.METRICS, Expected.LIST, whole=True),
            Read(f"{_METRIC}.description", Expected.TEXT),
            Read(f"{_METRIC}.type", Expected.TEXT),
            Read("quality_control.default_grouping", Expected.LIST, whole=True),
        ),
    ),
    columns=(
        Column(
            "name",
            "string",
            "The metric's name.",
            reads=_NAME.reads,
            rule="The name is taken as it is written. Curation metrics, which quality_control "
            f"leaves out, have rows; object_type tells. {_VERSION}",
            example="`probe drift` with the status `Pass` in a raw and in its sorted data asset "
            "has one row, that of the raw one; with `Fail` in the sorted one it has two.",
        ),
        *_OF_QUALITY_CONTROL.values(),
        Column(
            "raw_asset_name",
            "string",
            "The raw data asset from which the data asset of the metric was made, or itself.",
            reads=("asset_basics.name", "asset_basics.data_level", "source_data.source_data"),
            rule="Sources are followed over any number of steps. A raw data asset has a document, "
            "names no source, and its level is not derived. A data asset with several stands under "
            "each, and one without any under its own name, also where its sources have no document "
            "or were made from each other. Null for a document without a name, and for a name too "
            "long for a folder; these rows lie in the partition "
            "`raw_asset_name=__HIVE_DEFAULT_PARTITION__`.",
            example="`ecephys_834691_2026-02-17_10-49-35_sorted_2026-03-19_08-41-58` stands under "
            "`ecephys_834691_2026-02-17_10-49-35`.",
            identifies=True,
        ),
        Column(
            "description",
            "string",
            "What the metric is about.",
            reads=(f"{_METRIC}.description",),
            rule="The description is taken as it is written; an empty one becomes null.",
            example="`Drift of the probe over the session` stays as it is.",
        ),
        Column(
            "object_type",
            "string",
            "QC metric or Curation metric.",
            reads=(f"{_METRIC}.object_type",),
            rule="The type is taken as it is written.",
            example="`Curation metric` stays `Curation metric`.",
        ),
        Column(
            "type",
            "string",
            "The kind of control that shows the value, such as dropdown or checkbox, or a curation "
            "metric's own type.",
            reads=(f"{_METRIC}.type", f"{_METRIC}.value"),
            rule="A type of the metric itself is taken, else that in a value that is an object. "
            "Null where there is neither.",
            example='`{"value": "", "type": "dropdown"}` gives `dropdown`.',
        ),
        Column(
            "metric_index",
            "int32",
            "The metric's place in its document, from 0.",
            nullable=False,
            reads=(quality.METRICS,),
            rule="The place in quality_control.metrics is counted, whatever stands at the others.",
            example="The first metric has 0.",
        ),
        Column(
            "metric_key",
            "string",
            "A digest that is the same for all versions of a metric.",
            nullable=False,
            reads=(
                *(f"{_METRIC}.name", f"{_METRIC}.modality.abbreviation"),
                *(f"{_METRIC}.stage", f"{_METRIC}.tags"),
            ),
            rule="The digest of name, modality, stage and the sorted tags, as these columns have "
            "them.",
            example="A metric with `Pending` and the same with `Pass` have the same key.",
        ),
        Column(
            "metric_json",
            "string",
            "The whole metric as JSON text.",
            nullable=False,
            reads=(quality.METRICS,),
            rule="The metric becomes compact JSON text, with the keys in the document's order. NaN "
            "and infinities become null.",
            example='`{"name": "drift"}` becomes `{"name":"drift"}`.',
        ),
        Column(
            "default_grouping",
            "string",
            "The tags by which the document's metrics are grouped, as JSON text.",
            reads=("quality_control.default_grouping",),
            rule="The list becomes compact JSON text. Null where the document has none.",
            example='`["probe", "modality"]` becomes `["probe","modality"]`.',
        ),
        Column(
            "downstream_asset_names",
            "[string]",
            "Other data assets that carry this version, the nearest to the raw one first; empty "
            "for none.",
            nullable=False,
            reads=("asset_basics.name", "source_data.source_data"),
            rule="The names of the data assets of this raw one that have the version too, in the "
            "order in which the row's own is chosen, each once.",
            example="The sorted data asset, where it inherits the metric of the raw one.",
        ),
        Column(
            "asset_location",
            "string",
            "Where the files of the metric's data asset lie.",
            reads=("asset_basics.location",),
            rule="The location in asset_basics is taken.",
            example="`s3://aind-open-data/behavior_901003_2024-10-21_13-02-48` stays as it is.",
        ),
        Column(
            "asset_data_level",
            "string",
            "The level of the metric's data asset, raw or derived.",
            reads=("asset_basics.data_level",),
            rule="The level in asset_basics is taken.",
            example="`derived` stays `derived`.",
        ),
    ),
)
