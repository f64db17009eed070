"""What is measured: six builds one after another on one store, in two modes.

`dump` reads a dump and writes a local folder: what the build itself costs. `servers` reads a
gateway and writes S3, both stand-ins that wait before each answer: what the way there costs.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench import corpus, history, measure, server
from bench.gateway import CHANGE
from bench.s3 import OBJECT, PARQUET, SIDE_FILES

DUMP, SERVERS = MODES = ("dump", "servers")
STORE = "made-up-store"
NEW_VERSION = "999.0.0"
_DAGSTER = Path(__file__).parents[1] / "dagster.yaml"


class Scenario(NamedTuple):
    """A build, and what happened since the one before it.

    Attributes:
        name: For people.
        share: The share of documents that changed.
        words: After `zs build`.
        version: The version folder; the package's own when empty.
    """

    name: str
    share: float = 0.0
    words: tuple[str, ...] = ()
    version: str = ""


FIRST = "first build"
SCENARIOS = (
    Scenario(FIRST, share=1.0),
    Scenario("no change"),
    Scenario("1 % changed", share=0.01),
    Scenario("10 % changed", share=0.1),
    Scenario("one subject", words=("--subject", corpus.BIG_SUBJECT)),
    Scenario("new version", version=NEW_VERSION),
)


@dataclass
class Latency:
    """Seconds that each stand-in waits before each answer."""

    gateway: float = 0.05
    s3: float = 0.02


@dataclass
class Measured:
    """What one build took.

    Attributes:
        scenario: Its name.
        share: The share of documents that changed before it; 1 for the first.
        changed: How many documents that was.
        seconds: From the start of the process to its end.
        cpu_seconds: Of the process and those that it started.
        peak_mb: The most memory at a time, in millions of bytes, of all its processes together.
        processes: The most of them at a time.
        documents_fetched: How many documents were read whole.
        documents_set_aside: How many were no usable documents.
        source_requests: To the gateway; 0 for a dump.
        source_bytes: Received from the gateway, or read from the dump.
        s3_requests: To the store, by method, listings apart. Empty for a local store.
        side_file_requests: To the buckets of side files, the same: on a night without a change
            those of data assets whose turn it is to be asked again.
        s3_bytes_sent: Received from S3, side files included.
        objects_written: In the store; a content under two keys counts twice.
        parquet_written: Those of them that are parquet.
        bytes_written: Of all of them.
        event_rows: Rows of Dagster's event log.
        event_bytes: By how much its files grew.
        event_ms_per_partition: What telling Dagster of one partition took; only of a first build.
        gateway_cpu_seconds: Of the gateway's stand-in.
        s3_cpu_seconds: Of the stand-in for S3.
        others_cpu_seconds: Of all else on the machine: with much of it the times are not the
            build's own. None where the kernel does not tell.
    """

    scenario: str
    share: float
    changed: int
    seconds: float
    cpu_seconds: float
    peak_mb: float
    processes: int = 1
    documents_fetched: int = 0
    documents_set_aside: int = 0
    source_requests: int = 0
    source_bytes: int = 0
    s3_requests: dict[str, int] = field(default_factory=dict)
    side_file_requests: dict[str, int] = field(default_factory=dict)
    s3_bytes_sent: int = 0
    objects_written: int = 0
    parquet_written: int = 0
    bytes_written: int = 0
    event_rows: int = 0
    event_bytes: int = 0
    event_ms_per_partition: float | None = None
    gateway_cpu_seconds: float = 0.0
    s3_cpu_seconds: float = 0.0
    others_cpu_seconds: float | None = None


class _Place(NamedTuple):
    """Where builds read and write, and how it is found out what they did there."""

    variables: dict[str, str]
    change: Callable[[], None]
    look: Callable[[], Any]
    tell: Callable[[Any, Any, Measured], None]


def run(  # noqa: PLR0913 - an option of the command is an argument
    mode: str,
    made: Path,
    work: Path,
    *,
    seed: int = 0,
    latency: Latency,
    builds: int | None = None,
    more: Mapping[str, str] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Measure every scenario on documents that were made.

    Args:
        mode: `dump` or `servers`.
        made: The folder that `bench.corpus` wrote; it stays as it is.
        work: An empty folder on the same disk, for what is built.
        seed: Of what changes.
        latency: Of the stand-ins.
        builds: Only so many, from the first; all when None.
        more: Further variables of the builds.
        progress: Told what was measured.

    Raises:
        measure.BuildFailed: A build did not end well.
    """
    home = work / "home"
    home.mkdir()
    shutil.copyfile(_DAGSTER, home / _DAGSTER.name)
    (work / corpus.DUMP).hardlink_to(made / corpus.DUMP)
    found = []
    with _PLACES[mode](made, work, latency) as place:
        variables = measure.environment(home, **place.variables, **more or {})
        for scenario in SCENARIOS[:builds]:
            changed = 0
            if 0 < scenario.share < 1:
                changed = corpus.change(work, scenario.share, seed)
                place.change()
            found.append(_measured(scenario, changed, place, variables, work))
            progress(f"{mode}, {scenario.name}: {found[-1].seconds:.1f} s")
        told = history.documents(home, variables)
    for one, documents in zip(found, told, strict=True):
        one.documents_fetched = documents["fetched"]
        one.documents_set_aside = documents["set_aside"]
        if mode == DUMP:
            one.source_bytes = documents["bytes_received"]
    found[0].changed = found[0].documents_fetched
    return [asdict(one) for one in found]


def _measured(
    scenario: Scenario, changed: int, place: _Place, variables: dict[str, str], work: Path
) -> Measured:
    home = work / "home"
    version = {"ZS_VERSION": scenario.version} if scenario.version else {}
    rows, size, before = history.rows(home), history.size(home), place.look()
    busy = measure.machine_seconds()
    used = measure.build(scenario.words, {**variables, **version}, work)
    busy_after = measure.machine_seconds()
    found = Measured(scenario.name, scenario.share, changed, *used)
    place.tell(before, place.look(), found)
    if busy is not None and busy_after is not None:
        known = found.cpu_seconds + found.gateway_cpu_seconds + found.s3_cpu_seconds
        found.others_cpu_seconds = max(0.0, busy_after - busy - known)
    found.event_rows = history.rows(home) - rows
    found.event_bytes = history.size(home) - size
    if scenario.name == FIRST:
        found.event_ms_per_partition = history.milliseconds_per_partition(home)
    return found


@contextmanager
def _local(made: Path, work: Path, _: Latency) -> Iterator[_Place]:
    store = work / "store"

    def tell(before: Any, after: Any, found: Measured) -> None:
        done = measure.written(before, after)
        found.objects_written, found.parquet_written, found.bytes_written = done

    variables = {
        "ZS_SOURCE": str(work / corpus.DUMP),
        "ZS_STORE": str(store),
        "ZS_FILES": str(made / corpus.FILES),
    }
    yield _Place(variables, lambda: None, lambda: measure.state(store), tell)


@contextmanager
def _remote(made: Path, work: Path, latency: Latency) -> Iterator[_Place]:
    files, slow = str(made / corpus.FILES), str(latency.s3)
    with (
        server.started("bench.s3", "--bucket", STORE, "--files", files, "--latency", slow) as s3,
        server.started(
            "bench.gateway", str(made / corpus.DUMP), "--latency", str(latency.gateway)
        ) as gateway,
    ):

        def change() -> None:
            server.post(f"{gateway}{CHANGE}", str((work / corpus.CHANGED).resolve()))

        def tell(before: Any, after: Any, found: Measured) -> None:
            source, objects = (now.since(then) for now, then in zip(after, before, strict=True))
            found.source_requests = sum(source.requests.values())
            found.source_bytes = source.sent
            found.gateway_cpu_seconds = source.cpu_seconds
            for kind, count in objects.requests.items():
                of_side_files = kind.startswith(SIDE_FILES)
                counts = found.side_file_requests if of_side_files else found.s3_requests
                counts[kind.removeprefix(SIDE_FILES)] = count
            found.s3_bytes_sent = objects.sent
            found.s3_cpu_seconds = objects.cpu_seconds
            found.objects_written = objects.wrote.get(OBJECT, 0)
            found.parquet_written = objects.wrote.get(PARQUET, 0)
            found.bytes_written = objects.received

        variables = {
            "ZS_SOURCE": f"{gateway}/v2",
            "ZS_STORE": f"s3://{STORE}",
            "ZS_FILES": "s3://",
            "AWS_ENDPOINT_URL": s3,
            "AWS_ACCESS_KEY_ID": "made",
            "AWS_SECRET_ACCESS_KEY": "up",
            "AWS_DEFAULT_REGION": "us-west-2",
        }
        yield _Place(variables, change, lambda: (server.stats(gateway), server.stats(s3)), tell)


_PLACES = {DUMP: _local, SERVERS: _remote}
