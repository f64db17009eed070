"""What a build works on: the source, the store, the side files and the version, from variables.

Read when they are asked for, never at import; what is done with them is elsewhere.
"""

import math
import os
import uuid
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

from zs_client.contract import ROOT, Layout, __version__
from zs_client.errors import StoreError
from zs_client.obstore_errors import first_line
from zs_client.opening import local_path, open_store
from zs_client.store import Store

# What is written to find out whether it can be: more than a full disk may still have in a block
# that is begun, and less than a history or a table takes.
_PROBE = 1 << 16
# Some 20 are open before any work, and a build of many documents into S3 has a hundred connections.
_SHORTEST_NIGHT, _LONGEST_NIGHT = 0.05, 100_000
_FEWEST_OPEN_FILES, _OPEN_FILES = 64, 1024


def sample() -> Path:
    """Returns the folder of the sample that ships with the package."""
    return Path(str(files("zs_pipeline"))) / "sample"


def source_url(given: str = "") -> str:
    """Returns where documents come from: as given, `ZS_SOURCE`, or the sample."""
    return given or os.environ.get("ZS_SOURCE") or str(sample() / "documents.ndjson")


def store_url(given: str = "") -> str:
    """Returns where the cache is written: as given, `ZS_STORE`, or the current folder."""
    return given or os.environ.get("ZS_STORE") or "."


def files_url(given: str = "", source: str = "") -> str:
    """Returns where side files are: as given, `ZS_FILES`, the sample's own, or S3."""
    own = sample() / "files"
    default = str(own) if source_url(source) == source_url_of_sample() else "s3://"
    return given or os.environ.get("ZS_FILES") or default


def source_url_of_sample() -> str:
    """Returns the dump of the sample."""
    return str(sample() / "documents.ndjson")


def old_source_url(source: str = "") -> str:
    """Returns where documents of the old database are: `ZS_OLD_SOURCE`, the sample's, or beside.

    The gateway has both databases, told apart by the end of its URL. Empty when there is none.
    """
    url = source_url(source)
    if given := os.environ.get("ZS_OLD_SOURCE"):
        return given
    if url == source_url_of_sample():
        return str(sample() / "old_documents.ndjson")
    head, slash, last = url.rstrip("/").rpartition("/")
    return f"{head}/v1" if slash and last == "v2" and url.startswith("http") else ""


def custom_folder(source: str = "") -> Path | None:
    """Returns the folder of the sample's custom tables, where the sample is what is built."""
    return sample() / "custom" if source_url(source) == source_url_of_sample() else None


def largest_document() -> int:
    """Returns the most bytes of one document in a dump: `ZS_LARGEST_DOCUMENT`, or 256 MB.

    Raises:
        ValueError: It is no number of bytes.
    """
    return _whole("ZS_LARGEST_DOCUMENT", 256_000_000, "bytes")


def refetch_every() -> int:
    """Returns in how many builds a document is fetched again once: `ZS_REFETCH_EVERY`, else 200.

    Never when it is 0.

    Raises:
        ValueError: It is no number of builds.
    """
    return _whole("ZS_REFETCH_EVERY", 200, "builds")


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
    """Returns the layout of a version: as given, of `ZS_VERSION`, or the package's own.

    Raises:
        ValueError: It is not dotted numbers.
    """
    return Layout(version or os.environ.get("ZS_VERSION") or __version__)


def writable_store(url: str, *, object_cache: Path | None = None) -> Store:
    """Returns the store; makes the folder of a local one; arguments as of `open_store`.

    Raises:
        StoreError: The URL is of no known kind.
    """
    if "://" not in url or url.startswith("file://"):
        local_path(url).mkdir(parents=True, exist_ok=True)
    return open_store(url, object_cache=object_cache)


def check_writable(store: Store) -> None:
    """Find out with one small write, before any work, whether a store takes any.

    Raises:
        StoreError: It takes none, or its server does not honour conditional writes.
    """
    if not store.is_local:
        store.check_writes()
    key = f"{ROOT}/_probe/{uuid.uuid4().hex}"
    try:
        store.put(key, bytes(_PROBE))
        store.delete([key])
    except Exception as error:
        # What was written of it before the disk was full goes as well.
        with suppress(Exception):
            store.delete([key])
        raise StoreError(
            f"{store.url}: nothing can be written there: {first_line(error)}; make room, or ask "
            "for permission to write"
        ) from error


def check_history(home: str) -> None:
    """Find out with one small write whether Dagster's history can be kept.

    Raises:
        OSError: It cannot.
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
    """Raise the limit of open files as far as is allowed where it is low.

    Raises:
        OSError: It stays too low for a build.
    """
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < _FEWEST_OPEN_FILES:
        raise OSError(
            f"only {wanted} files may be open at a time, and a build needs {_FEWEST_OPEN_FILES}: "
            "raise the limit, as with `ulimit -n 1024`"
        )
