"""The metrics of a store in Prometheus' text format: how old, how large, what the last night did.

They come from the registry, the facts and the state of the night; nothing is counted here, and
nothing of the pipeline is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zs_client import registry
from zs_client.night import Night
from zs_client.place import resolve_current
from zs_client.registry import AcornStatus

_STATES = ("fresh", "stale", "missing")
_NIGHT_STATES = ("publishing", "failed", "ended")
_OF_NIGHT = {
    "seconds": "How long the last night that ended took, in seconds.",
    "files_written": "Files that the last night that ended wrote.",
    "bytes_written": "Bytes of parquet that the last night that ended wrote.",
    "documents_fetched": "Documents that the last night that ended fetched.",
    "documents_removed": "Documents that were gone in the last night that ended.",
    "documents_set_aside": "Documents that the last night set aside: they are in no table.",
}


@dataclass(frozen=True)
class Metric:
    """One metric, a gauge.

    Attributes:
        name: Its name, without the prefix of all.
        help: What it tells, in a sentence.
        samples: A value for each set of labels.
    """

    name: str
    help: str
    samples: Sequence[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yields the lines of the text format; none where there is no value."""
        if not self.samples:
            return
        name = f"zs_{self.name}"
        yield f"# HELP {name} {_escaped(self.help, quoted=False)}"
        yield f"# TYPE {name} gauge"
        for labels, value in self.samples:
            pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            yield f"{name}{{{pairs}}} {value:.15g}" if pairs else f"{name} {value:.15g}"


def text(store_url: str | Path | None = None, version: str | None = None) -> str:
    """Returns the metrics of a version of a store; arguments and errors as of `status`."""
    store, layout = resolve_current(store_url, version)
    standing = registry.standing(store, layout)
    place = {"store": store.url, "version": layout.version}
    metrics = [
        *_of_tables(standing.acorns, place),
        *_of_registry(standing.registry, place),
        *_of_night(standing.night, place),
    ]
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def _of_tables(acorns: Sequence[AcornStatus], place: Mapping[str, str]) -> Iterator[Metric]:
    ages = [(a.name, None if a.age is None else a.age.total_seconds()) for a in acorns]
    every = (
        ("age_seconds", "Seconds since a table was last known to be as the documents are.", ages),
        ("rows", "Rows of a table.", [(a.name, a.rows) for a in acorns]),
        ("bytes", "Bytes of parquet of a table.", [(a.name, a.bytes) for a in acorns]),
    )
    for name, text, values in every:
        samples = [({**place, "table": table}, v) for table, v in values if v is not None]
        yield Metric(f"table_{name}", text, samples)
    yield Metric(
        "table_state",
        "1 for the state that a table is in, 0 for the others.",
        [
            ({**place, "table": acorn.name, "state": state}, float(acorn.state == state))
            for acorn in acorns
            for state in _STATES
        ],
    )
    stale = sum(acorn.state == "stale" for acorn in acorns)
    missing = sum(acorn.state == "missing" for acorn in acorns)
    yield Metric("stale_tables", "How many tables are stale.", [(place, stale)])
    yield Metric("missing_tables", "How many tables were never built.", [(place, missing)])


def _of_registry(
    published: registry.SquirrelInfo | None, place: Mapping[str, str]
) -> Iterator[Metric]:
    if published and published.published_at:
        yield Metric(
            "published_timestamp_seconds",
            "When the registry was published, in seconds since 1970.",
            [(place, published.published_at.timestamp())],
        )
    if published and published.expected_every_hours:
        yield Metric(
            "expected_every_seconds",
            "How often a night is expected, in seconds.",
            [(place, published.expected_every_hours * 3600)],
        )


def _of_night(night: Night | None, place: Mapping[str, str]) -> Iterator[Metric]:
    if night is None:
        return
    yield Metric(
        "night_state",
        "1 for the state of the last night or the one under way, 0 for the others.",
        [({**place, "state": state}, float(night.state == state)) for state in _NIGHT_STATES],
    )
    yield Metric(
        "night_changed_timestamp_seconds",
        "Since when the night is in its state, in seconds since 1970.",
        [(place, night.changed_at.timestamp())],
    )
    yield Metric(
        "night_failing_since_timestamp_seconds",
        "Since when a part of the night fails, in seconds since 1970.",
        [({**place, "part": name}, at.timestamp()) for name, at in night.since.items()],
    )
    for name, text in _OF_NIGHT.items():
        if isinstance(night.counts.get(name), int | float):
            yield Metric(f"night_{name}", text, [(place, night.counts[name])])


def _escaped(value: str, *, quoted: bool = True) -> str:
    value = value.replace("\\", "\\\\").replace("\n", "\\n")
    return value.replace('"', '\\"') if quoted else value
