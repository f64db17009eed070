"""Rows made by Dask's workers, on this machine or others: `ZS_ENGINE=dask://scheduler:8786`.

Workers run the functions of `zs_pipeline.documents.shards`, as processes beside a build do
(`zs_pipeline.processes`), and read the shards from the store themselves. Dask itself gives the work
of a lost worker to another one. The library is `distributed`, of the extra `dask`.
"""

import atexit
import hashlib
import importlib.util
import io
import pickle
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import zstandard

from zs_client.errors import StoreError
from zs_client.store import Store
from zs_pipeline import scratch, settings

# For an answer of the scheduler, and between two looks whether it has workers.
_CONNECT_SECONDS, _LOOK_SECONDS = 10, 5
# Looks without a worker before a build gives up: one that was lost may be started again.
_LOOKS = 12
# Batches of calls for each thread of the workers, so that none waits for the next one; workers are
# counted anew after a second, since an answer of the scheduler takes as long as a hand-over does.
_AHEAD, _COUNT_SECONDS = 2, 1
# Calls that all threads together have as one batch each, and the bytes at which a batch is full.
# A hand-over takes 2 ms of the build's time, a batch of eight shards no more than one shard.
_TOGETHER, _FULL = 16, 1 << 20
# What makes bytes beside our own code: a file of parquet names the library that wrote it.
_LIBRARIES = ("pyarrow", "orjson")

T = TypeVar("T")


class EngineError(Exception):
    """The workers that `ZS_ENGINE` names cannot be used; the message says why."""


class StoredShard(NamedTuple):
    """A shard that is read where the work is done.

    Attributes:
        url: The store's URL.
        key: The shard's key in the store.
    """

    url: str
    key: str

    def read(self) -> bytes:
        """Returns the bytes of the shard.

        Raises:
            EngineError: The store cannot be read from here.
        """
        try:
            return _store(self.url).get_object(self.key)
        except OSError as error:
            raise EngineError(
                f"{platform.node()} cannot read {self.url}/{self.key}, as a build that ZS_ENGINE "
                f"sends there has to: {error}"
            ) from error


def put_object(url: str, key: str, body: bytes, *, is_read_again: bool = False) -> bool:
    """Put an object into a store where the work is done; see `Store.put_object`.

    Args:
        url: The store's URL.
        key: The object's key.
        body: Its bytes.
        is_read_again: Whether this process may read the object later.

    Raises:
        EngineError: The store cannot be written from here.
    """
    try:
        store = _store(url) if is_read_again else _bare_store(url)
        return store.put_object(key, body)
    except (OSError, StoreError) as error:
        raise EngineError(
            f"{platform.node()} cannot write {url}/{key}, as a build that ZS_ENGINE sends there "
            f"has to: {error}"
        ) from error


@cache
def _bare_store(url: str) -> Store:
    return settings.writable_store(url)


@cache
def _store(url: str) -> Store:
    """Returns a store of this process, which reads each shard once where the store is on S3."""
    if not url.startswith("s3://"):
        return settings.writable_store(url)
    folder = ExitStack()
    atexit.register(folder.close)
    return settings.writable_store(url, object_cache=folder.enter_context(scratch.folder()))


def with_shards(arguments: Iterable[Any]) -> list[Any]:
    """Returns the arguments of a call, with the bytes of each stored shard."""
    return [a.read() if isinstance(a, StoredShard) else a for a in arguments]


def connect(url: str) -> Any:
    """Returns a client of a scheduler, given its URL as `settings.engine` returns it.

    Raises:
        EngineError: There is no such scheduler, or no library to ask it with.
    """
    if importlib.util.find_spec("distributed") is None:
        raise EngineError(f"ZS_ENGINE={url}: install data-asset-cache[dask]")
    from distributed import Client  # noqa: PLC0415 - an extra

    parts = urlsplit(url)
    address = f"tcp://{parts.netloc}" if parts.port else f"tcp://{parts.netloc}:8786"
    try:
        return Client(  # type: ignore[no-untyped-call]
            address, timeout=_CONNECT_SECONDS, set_as_default=False, name="zs-build"
        )
    except OSError as error:
        raise EngineError(
            f"ZS_ENGINE={url}: no Dask scheduler answered within {_CONNECT_SECONDS} s; start one "
            "with `dask scheduler`, or unset ZS_ENGINE to work on this machine alone"
        ) from error


def map_ordered(
    client: Any, function: Callable[..., T], work: Iterable[tuple[Any, ...]]
) -> Iterator[T]:
    """Yields the results of a function, in the order of `work`; see `processes.map_ordered`.

    Args:
        client: A client of the scheduler.
        function: A function that a worker can import.
        work: The arguments of each call; drawn when there is room for them.

    Raises:
        EngineError: The workers have other code, or there is none.
    """
    sent: deque[Any] = deque()
    threads, counted = 1, 0.0
    batch = _Batch()
    try:
        for arguments in work:
            if time.monotonic() - counted > _COUNT_SECONDS:
                threads, counted = _threads(client), time.monotonic()
            batch.add(function, arguments)
            if batch.count < max(1, _TOGETHER // threads) and batch.size < _FULL:
                continue
            sent.append(batch.submit(client))
            batch = _Batch()
            while sent and (sent[0].done() or len(sent) > _AHEAD * threads):
                yield from _result(client, sent.popleft())
        if batch.count:
            sent.append(batch.submit(client))
        while sent:
            yield from _result(client, sent.popleft())
    finally:
        client.cancel(list(sent))


class _Batch:
    """Calls that are handed over as one; what they share is sent once.

    Attributes:
        count: The number of calls.
    """

    def __init__(self) -> None:
        self.count = 0
        self._calls = io.BytesIO()
        self._pickler = pickle.Pickler(self._calls, pickle.HIGHEST_PROTOCOL)

    @property
    def size(self) -> int:
        """The number of bytes of all calls."""
        return self._calls.tell()

    def add(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._pickler.dump((function, arguments))
        self.count += 1

    def submit(self, client: Any) -> Any:
        """Returns the future of the results."""
        # As bytes, so that a worker looks at the version before it imports what is in them.
        # Documents become a sixth; they pass through the scheduler's memory as well.
        calls = zstandard.compress(self._calls.getbuffer(), 1)
        return client.submit(_run, code_version(), self.count, calls, pure=False)


def _threads(client: Any) -> int:
    """Returns the number of the workers' threads; one where there is no worker yet."""
    return max(1, int(sum(worker["nthreads"] for worker in _workers(client).values())))


def _workers(client: Any) -> dict[str, Any]:
    return dict(client.scheduler_info(n_workers=-1)["workers"])


def _result(client: Any, future: Any) -> Any:
    from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - an extra
    from distributed import TimeoutError as NotYet  # noqa: PLC0415 - an extra

    looks = 0
    while True:
        try:
            return future.result(timeout=_LOOK_SECONDS)
        except NotYet as error:
            # An error of the function itself is no wait.
            if future.status == "error":
                raise
            looks = 0 if _workers(client) else looks + 1
            if looks >= _LOOKS:
                raise EngineError(
                    f"the scheduler of ZS_ENGINE has had no worker for {_LOOKS * _LOOK_SECONDS} s; "
                    "start some with `dask worker`, and build again, it goes on where it was"
                ) from error
        except (CancelledError, OSError) as error:
            # Of a call whose scheduler is gone; an OSError of the function itself stays one.
            if future.status == "error":
                raise
            raise EngineError(
                "the scheduler of ZS_ENGINE was lost; start it again, and build again: it goes on "
                f"where it was ({type(error).__name__})"
            ) from error
        except KilledWorker as error:
            raise EngineError(
                f"several workers of ZS_ENGINE ended by the same work, perhaps for want of memory: "
                f"{error}"
            ) from error
        except ModuleNotFoundError as error:
            raise EngineError(
                f"a worker of ZS_ENGINE lacks {error.name}: install "
                "data-asset-cache[pipeline,dask] there, in the version of this build"
            ) from error


def _run(code: str, count: int, calls: bytes) -> list[Any]:
    """Returns the results of so many pickled calls, on a worker.

    Raises:
        EngineError: The worker has other code, whose rows may differ.
    """
    if code != code_version():
        raise EngineError(
            f"a worker on {platform.node()} has other code than this build, {code_version()} and "
            f"not {code}: install the same data-asset-cache and libraries there"
        )
    # Of the build that this worker serves.
    unpickler = pickle.Unpickler(io.BytesIO(zstandard.decompress(calls)))  # noqa: S301
    results = []
    for _ in range(count):
        function, arguments = unpickler.load()
        results.append(function(*with_shards(arguments)))
    return results


@cache
def code_version() -> str:
    """Returns a digest of what makes the bytes of files: both packages, libraries and Python."""
    root = Path(__file__).parents[1]
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    digest = hashlib.sha256(f"{libraries}, {platform.python_version_tuple()[:2]}".encode())
    for package in ("zs_client", "zs_pipeline"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
