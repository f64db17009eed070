"""The settings of a build from environment variables: source, store, side files and version.

Variables are read when a function is called, never at import.
"""

import math
import os
import uuid
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from zs_client.contract import ROOT, Layout, SuccessorLayout, __version__
from zs_client.errors import StoreError
from zs_client.obstore_errors import first_line
from zs_client.opening import local_path, open_store
from zs_client.sample import SAMPLE
from zs_client.store import Store
from zs_pipeline.acorns import CATALOGUE, FULL_CATALOGUE
from zs_pipeline.catalogue import Catalogue

# Bytes of a probe: more than a full disk may have left in its last block, and less than a history
# or a table takes.
_PROBE = 1 << 16
# Some 20 are open before any work, and a build of many documents into S3 has a hundred connections.
_SHORTEST_NIGHT, _LONGEST_NIGHT = 0.05, 100_000
_FEWEST_OPEN_FILES, _OPEN_FILES = 64, 1024


def sample() -> Path:
    """Returns the folder of the sample that ships with the package."""
    return Path(str(files("zs_pipeline"))) / "sample"


def source_url(given: str = "") -> str:
    """Returns the source of documents: `given`, else `ZS_SOURCE`, else the sample."""
    return given or os.environ.get("ZS_SOURCE") or source_url_of_sample()


def store_url(given: str = "") -> str:
    """Returns the store to write: `given`, else `ZS_STORE`, else the current folder."""
    return given or os.environ.get("ZS_STORE") or "."


def files_url(given: str = "", source: str = "") -> str:
    """Returns the root of side files: `given`, else `ZS_FILES`, else the sample's own or S3."""
    is_sample = source_url(source) == source_url_of_sample()
    default = str(sample() / "files") if is_sample else "s3://"
    return given or os.environ.get("ZS_FILES") or default


def source_url_of_sample() -> str:
    """Returns the dump of the sample."""
    return str(sample() / "documents.ndjson")


def old_source_url(source: str = "") -> str:
    """Returns the source of the old database's documents; empty when there is none.

    It is `ZS_OLD_SOURCE`, else the sample's, else that of the gateway, which has both databases
    under URLs with different ends.
    """
    if given := os.environ.get("ZS_OLD_SOURCE"):
        return given
    url = source_url(source)
    if url == source_url_of_sample():
        return str(sample() / "old_documents.ndjson")
    head, slash, last = url.rstrip("/").rpartition("/")
    return f"{head}/v1" if slash and last == "v2" and url.startswith("http") else ""


def custom_folder(source: str = "") -> Path | None:
    """Returns the folder of the sample's custom tables; None for a build of another source."""
    return sample() / "custom" if source_url(source) == source_url_of_sample() else None


def engine() -> str:
    """Returns the URL of the workers that make rows, `ZS_ENGINE`; empty for those of this machine.

    Raises:
        ValueError: It is neither `local` nor `dask://host:port`.
    """
    given = os.environ.get("ZS_ENGINE", "")
    if given in ("", "local"):
        return ""
    parts = urlsplit(given)
    if parts.scheme != "dask" or not parts.hostname:
        raise ValueError(f"ZS_ENGINE is {given!r}, neither local nor dask://host:port")
    return given


def largest_document() -> int:
    """Returns the most bytes of one document in a dump: `ZS_LARGEST_DOCUMENT`, else 256 MB.

    Raises:
        ValueError: The variable is no number of bytes.
    """
    return _whole("ZS_LARGEST_DOCUMENT", 256_000_000, "bytes")


def refetch_every() -> int:
    """Returns how many builds pass until a document is fetched again; 0 stands for never.

    It is `ZS_REFETCH_EVERY`, else 200.

    Raises:
        ValueError: The variable is no number of builds.
    """
    return _whole("ZS_REFETCH_EVERY", 200, "builds")


def nightly_cron() -> str:
    """Returns when a night begins, as a cron expression in UTC: `ZS_NIGHTLY_CRON`, else 09:00."""
    return os.environ.get("ZS_NIGHTLY_CRON") or "0 9 * * *"


def expected_every_hours() -> float | None:
    """Returns how often a night is expected: `ZS_EXPECTED_EVERY_HOURS`; None when that is not set.

    Raises:
        ValueError: It is no number of hours.
    """
    name = "ZS_EXPECTED_EVERY_HOURS"
    given = os.environ.get(name, "")
    if not given:
        return None
    try:
        hours = float(given)
    except ValueError:
        hours = math.nan
    # Dagster takes no window below a minute, and no date is ten thousand years from now.
    if not _SHORTEST_NIGHT <= hours <= _LONGEST_NIGHT:
        raise ValueError(f"{name} is {given!r}, no number of hours such as 24")
    return hours


def _whole(name: str, default: int, unit: str) -> int:
    given = os.environ.get(name, "")
    if given and not (given.isascii() and given.isdecimal()):
        raise ValueError(f"{name} is {given!r}, no number of {unit}")
    return int(given) if given else default


def layout(version: str = "") -> Layout:
    """Returns the layout of a version: `version`, else `ZS_VERSION`, else the package's own.

    Raises:
        ValueError: The version is not dotted numbers.
    """
    return Layout(version or os.environ.get("ZS_VERSION") or __version__)


def successor_layout() -> SuccessorLayout | None:
    """Returns the second layout to write, of `ZS_BDC_VERSION`; None where that is not set.

    Raises:
        ValueError: The version is not two numbers.
    """
    given = os.environ.get("ZS_BDC_VERSION", "")
    if successor_files() and not given:
        raise ValueError("ZS_BDC_FILES is set, and ZS_BDC_VERSION names no folder for the files")
    return SuccessorLayout(given) if given else None


def catalogue() -> Catalogue:
    """Returns the tables that a build makes, which depend on `ZS_BDC_VERSION`.

    Raises:
        ValueError: The variable is not two numbers.
    """
    return FULL_CATALOGUE if successor_layout() else CATALOGUE


def successor_files() -> bool:
    """Returns whether the second layout gets copies of our files: `ZS_BDC_FILES`.

    Raises:
        ValueError: The variable is neither 0 nor 1.
    """
    given = os.environ.get("ZS_BDC_FILES", "")
    if given not in ("", "0", "1"):
        raise ValueError(f"ZS_BDC_FILES is {given!r}, neither 0 nor 1")
    return given == "1"


def writable_store(url: str, *, object_cache: Path | None = None) -> Store:
    """Returns the store as `open_store` does, after making the folder of a local store.

    Raises:
        StoreError: The URL is of no known kind.
    """
    if url != SAMPLE and ("://" not in url or url.startswith("file://")):
        local_path(url).mkdir(parents=True, exist_ok=True)
    return open_store(url, object_cache=object_cache)


def check_writable(store: Store) -> None:
    """Check with one small write, before any work, that the store takes writes.

    Raises:
        StoreError: The store takes none, or its server does not honour conditional writes.
    """
    if not store.is_local:
        store.check_writes()
    key = f"{ROOT}/_probe/{uuid.uuid4().hex}"
    try:
        store.put(key, bytes(_PROBE))
        store.delete([key])
    except Exception as error:
        # Remove the part of the probe that was written before the disk was full.
        with suppress(Exception):
            store.delete([key])
        raise StoreError(
            f"{store.url}: nothing can be written there: {first_line(error)}; make room, or ask "
            "for permission to write"
        ) from error


def check_history(home: str) -> None:
    """Check with one small write that Dagster's history can be written.

    Raises:
        OSError: The history cannot be written.
    """
    probe = Path(home) / f".{uuid.uuid4().hex}"
    try:
        try:
            probe.write_bytes(bytes(_PROBE))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(
            f"DAGSTER_HOME={home}: no history can be kept there: {error.strerror or error}; make "
            "room, name another folder, or unset it to build without a history"
        ) from error


def check_open_files() -> None:
    """Raise a low limit of open files as far as is allowed.

    Raises:
        OSError: The limit stays too low for a build.
    """
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit < _FEWEST_OPEN_FILES:
        raise OSError(
            f"only {limit} files may be open at a time, and a build needs {_FEWEST_OPEN_FILES}: "
            "raise the limit, as with `ulimit -n 1024`"
        )
