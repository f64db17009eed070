"""What obstore's errors mean, and which requests are repeated after them.

obstore has no error of its own for a missing bucket, a forbidden listing or two writers that met:
the server's message tells them apart.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from zs_client.masking import masked

T = TypeVar("T")

# S3's answer when two conditional writes met; it does not say whether anything lies there.
MET = "409 Conflict"
CUT = ("response body error", "Got invalid ")
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
# obstore's words for it; the address that was requested stands before them.
_SENDING = "error sending request"


class NoAnswer(OSError):
    """A store gave no answer in its time."""


def is_missing_bucket(error: BaseException) -> bool:
    """Returns whether an error says that the bucket is missing, and not a key in it."""
    return "NoSuchBucket" in str(error)


def is_forbidden(error: BaseException) -> bool:
    """Returns whether an error says that the credentials in use do not permit a request."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    kinds = (PermissionError, PermissionDeniedError, UnauthenticatedError)
    message = str(error)
    return isinstance(error, kinds) or "403 Forbidden" in message or "401 Unauthorized" in message


@contextmanager
def refusals_as_permission_errors(what: str = "") -> Iterator[None]:
    """Raise obstore's refusals as PermissionError.

    Args:
        what: The text before the server's message.
    """
    try:
        yield
    # A folder is read without obstore, which takes 2 ms to load.
    except Exception as error:
        from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

        if not isinstance(error, (PermissionDeniedError, UnauthenticatedError)):
            raise
        raise PermissionError(f"{what}{first_line(error)}") from error


def repeated(ask: Callable[[], T], signs: Sequence[str] = (*CUT, MET)) -> T:
    """Returns what `ask` returns; calls it again when a bad connection cut an answer short.

    obstore repeats requests that had no answer; it completes cut answers only for objects.

    Args:
        ask: Makes a request that may be made twice.
        signs: The texts in error messages after which `ask` is called again.
    """
    for pause in PAUSES:
        try:
            return ask()
        except Exception as error:
            from obstore.exceptions import BaseError

            is_cut = any(sign in str(error) for sign in signs)
            if not (is_cut and isinstance(error, BaseError)):
                raise
        wait(pause)
    return ask()


def wait(seconds: float) -> None:
    """Wait for about that long, at random, so that two writers that met do not meet again."""
    import random

    time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def is_unanswered(error: BaseException) -> bool:
    """Returns whether a request had no answer: no network, no server, or a silent one."""
    return isinstance(error, NoAnswer) or _SENDING in str(error)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, without secrets and without obstore's dump.

    Of a request without an answer the server is named, and no address: the caller names the key.
    """
    text = masked(str(error)).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    before, sending, hint = line.partition(_SENDING)
    server = re.search(r"https?://[^/\s]+", before)
    if not sending or not server or "certificate" in hint:
        return line
    return f"{unanswered(server[0])}{hint}"


def unanswered(server: str) -> str:
    """Returns the reason why a request that had no answer failed."""
    return f"there is no network, or {server} does not answer"
