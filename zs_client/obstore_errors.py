"""What obstore's errors mean, which are told apart here alone; and what is asked again after them.

obstore has no error of its own for a missing bucket, a forbidden listing or two writers that met:
they are known by what the server said.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from zs_client.masking import masked

T = TypeVar("T")

# S3's answer where two conditional writes met: neither what lies there nor that nothing does.
MET = "409 Conflict"
CUT = ("response body error", "Got invalid ")
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)


def is_missing_bucket(error: BaseException) -> bool:
    """Returns whether it is the bucket that is not there, and not a key in it."""
    return "NoSuchBucket" in str(error)


def is_forbidden(error: BaseException) -> bool:
    """Returns whether the credentials in use may not do that."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    kinds = (PermissionError, PermissionDeniedError, UnauthenticatedError)
    said = str(error)
    return isinstance(error, kinds) or "403 Forbidden" in said or "401 Unauthorized" in said


@contextmanager
def refusals_as_permission_errors(what: str = "") -> Iterator[None]:
    """Raise obstore's refusals as PermissionError, which they are not.

    Args:
        what: What the message says before the server's words.
    """
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise PermissionError(f"{what}{first_line(error)}") from error


def repeated(ask: Callable[[], T], signs: Sequence[str] = (*CUT, MET)) -> T:
    """Returns what `ask` gives; it is called again when a bad connection cut an answer short.

    obstore repeats requests that had no answer, and only of objects what is lacking of an answer.

    Args:
        ask: Reads, or writes what is the same when it is written twice.
        signs: What stands in the errors after which it is called again.
    """
    from obstore.exceptions import BaseError

    for pause in PAUSES:
        try:
            return ask()
        except BaseError as error:
            if not any(sign in str(error) for sign in signs):
                raise
        wait(pause)
    return ask()


def wait(seconds: float) -> None:
    """Wait for about that long: of writers that met, one is earlier the next time."""
    time.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 - no secret


def first_line(error: BaseException) -> str:
    """Returns an error's first line without secrets; obstore's messages have a dump after it."""
    text = masked(str(error)).strip()
    return text.splitlines()[0] if text else type(error).__name__
