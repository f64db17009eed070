"""Tests whether a server honours conditional writes, without which a writer could lose its work.

A process tests each server and bucket once, before its first write. `zs_client.store` writes.
"""

import time
import uuid
from contextlib import suppress
from typing import Any

from zs_client import objects, remembered, work
from zs_client.contract import ROOT
from zs_client.obstore_errors import is_missing_bucket

PROBES = f"{ROOT}/_probe"
_ATTEMPTS = 5
_WRONG = '"00000000000000000000000000000000"'
# Answers of a server that does not know the header: a clear one, and two with other causes too.
_UNKNOWN = "501 Not Implemented"
_UNCLEAR = ("400 Bad Request", "405 Method Not Allowed")

_lock = work.Lock()


class _Unknown(Exception):
    """The server answered that it does not know conditional writes."""


def refusal(bucket: Any) -> str:
    """Returns why a bucket must not be written to, as a sentence; empty if it may be.

    Args:
        bucket: obstore's view of the bucket.

    Raises:
        obstore.exceptions.BaseError: The server could not be reached.
        FileNotFoundError: There is no such bucket.
    """
    config = bucket.config
    name = config.get("endpoint", ""), config["bucket"]
    with _lock:
        if name not in remembered.refusals:
            first, other = (f"{PROBES}/{uuid.uuid4().hex}" for _ in range(2))
            try:
                fault = _fault(bucket, first, other)
            # After an interrupt the probes stay, since the server may not answer.
            except Exception:
                _remove(bucket, [first, other])
                raise
            _remove(bucket, [first, other])
            remembered.refusals[name] = fault and (
                f"the server {name[0] or 'of S3'} {fault}, so that of two writers one would lose "
                "its work unheard, and nothing is written; use a server or a newer release of it "
                "that honours If-Match and If-None-Match on PUT, or build into a local folder"
            )
        return remembered.refusals[name]


def _fault(bucket: Any, first: str, other: str) -> str:
    """Returns what the server does wrong with conditional writes; empty if nothing."""
    try:
        _create(bucket, first)
        if _written(bucket, first, "create"):
            return "writes over what is there in spite of If-None-Match"
        if _written(bucket, first, {"e_tag": _WRONG}):
            return "writes over what was changed in spite of If-Match"
        if _written(bucket, other, {"e_tag": _WRONG}):
            return "writes what is not there in spite of If-Match"
    except _Unknown as error:
        return f"knows no conditional writes ({error})"
    return ""


def _create(bucket: Any, key: str) -> None:
    for attempt in range(_ATTEMPTS):
        if _written(bucket, key, "create"):
            return
        # If the key is there, only the answer was lost; else two conditional writes collided.
        with suppress(FileNotFoundError):
            objects.head(bucket, key)
            return
        time.sleep(0.1 * 2**attempt)
    raise _Unknown(f"{_ATTEMPTS} times what is not there was said to be")


def _written(bucket: Any, key: str, mode: Any) -> bool:
    """Returns whether the server took a conditional write, tried again if it fails."""
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    body = uuid.uuid4().hex.encode()
    # Without retries first: obstore would retry an unknown header for minutes.
    for view in (_without_retries(bucket), bucket):
        try:
            objects.put(view, key, body, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        except FileNotFoundError as error:
            if is_missing_bucket(error):
                raise
            return False
        except BaseError as error:
            if _UNKNOWN in str(error):
                raise _Unknown(_UNKNOWN) from error
            unclear = next((answer for answer in _UNCLEAR if answer in str(error)), "")
            if unclear and _takes_unconditional(view, key, body):
                raise _Unknown(unclear) from error
            if view is bucket or unclear:
                raise
        else:
            return True
    return False


def _takes_unconditional(bucket: Any, key: str, body: bytes) -> bool:
    """Returns whether the server takes the same write without a condition."""
    from obstore.exceptions import BaseError

    try:
        objects.put(bucket, key, body, use_multipart=False)
    except BaseError:
        return False
    return True


def _without_retries(bucket: Any) -> Any:
    return type(bucket)(
        config=bucket.config,
        client_options=bucket.client_options,
        credential_provider=bucket.credential_provider,
        prefix=bucket.prefix,
        retry_config={"max_retries": 0},
    )


def _remove(bucket: Any, keys: list[str]) -> None:
    """Remove the probes; a writer without the right to remove leaves them."""
    from obstore.exceptions import BaseError

    for key in keys:
        with suppress(BaseError, OSError):
            objects.delete(bucket, key)
