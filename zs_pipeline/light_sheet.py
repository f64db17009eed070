"""Which documents are of SmartSPIM and exaSPIM data assets, and the status of their metrics.

HCR and BARseq share their modality. As in assets_smartspim and platform_exaspim, a word in the name
or the instrument tells them; here the instrument's own file counts as well.
"""

from collections.abc import Mapping
from typing import Any

from zs_pipeline import quality
from zs_pipeline.declaration import Column, Expected, Read
from zs_pipeline.shape.values import part, text, texts, time

SMARTSPIM, EXASPIM = "smartspim", "exa"
_MODALITIES = "data_description.modalities"
_INSTRUMENTS = ("acquisition.instrument_id", "instrument.instrument_id")

READS = (
    Read(f"{_MODALITIES}[]", Expected.OBJECT_OR_TEXT),
    Read(f"{_MODALITIES}[].abbreviation", Expected.TEXT),
    *(Read(path, Expected.TEXT) for path in _INSTRUMENTS),
)
_METRIC = f"{quality.METRICS}[]"
_HISTORY = f"{_METRIC}.status_history"
METRIC_READS = (
    Read(f"{_METRIC}.name", Expected.TEXT),
    Read(f"{_METRIC}.value", Expected.ANYTHING),
    Read(_HISTORY, Expected.LIST, whole=True),
    Read(f"{_HISTORY}[].status", Expected.TEXT),
    Read(f"{_HISTORY}[].evaluator", Expected.TEXT),
    Read(f"{_HISTORY}[].timestamp", Expected.TIME),
)
PLACES = ("name", f"{_MODALITIES}[].abbreviation", *_INSTRUMENTS)


def belongs(document: Mapping[str, Any], *words: str) -> bool:
    """Returns whether a document has the modality SPIM, and a word in its name or instrument.

    Args:
        document: The document.
        words: The words, of which one is enough, in any case.
    """
    if "SPIM" not in (texts(part(document, _MODALITIES), "abbreviation") or ()):
        return False
    places = (document.get("name"), *(part(document, path) for path in _INSTRUMENTS))
    written = [(text(place) or "").lower() for place in places]
    return any(word in place for place in written for word in words)


def status_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns of a status, from the entry of the history that holds the status."""
    return {
        "status": text(entry.get("status")),
        "evaluator": text(entry.get("evaluator")),
        "status_timestamp": time(entry.get("timestamp")),
    }


def status_columns(noun: str, description: str) -> tuple[Column, ...]:
    """Returns the declarations of the columns of `status_of`.

    Args:
        noun: What has the status, such as metric.
        description: The description of the status.
    """
    return (
        _of_status(
            "status",
            "string",
            description,
            "The status is taken as it is written.",
            "`Pending` of 2026-04-02 and `Pass` of 2026-04-03 become `Pass`.",
        ),
        _of_status(
            "evaluator",
            "string",
            f"Who gave the {noun} that status.",
            "The name is taken as it is written.",
            "`Automated` stays `Automated`.",
        ),
        _of_status(
            "status_timestamp",
            "time",
            f"When the {noun} got that status.",
            "A time without a zone is UTC.",
            "`2026-04-03 10:00:00-07:00` becomes 17:00 UTC.",
        ),
    )


def _of_status(name: str, kind: str, description: str, rule: str, example: str) -> Column:
    return Column(
        name,
        kind,
        description,
        reads=(f"{_HISTORY}[].{name.removeprefix('status_')}", f"{_HISTORY}[].timestamp"),
        rule=f"Of the entry that holds the metric's status in quality_control. {rule}",
        example=example,
    )
