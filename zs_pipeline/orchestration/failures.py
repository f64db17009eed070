"""What Dagster shows of a failure, and what the failed table's readers are told of it.

An error is masked here, once, before it leaves an asset, a check or the IO manager; how a table is
marked as stale is in `zs_pipeline.publishing.commit`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from zs_client.contract import Layout
from zs_client.masking import masked
from zs_client.obstore_errors import first_line
from zs_client.store import Store
from zs_pipeline.declaration import Acorn
from zs_pipeline.publishing.facts_file import mark_stale


class Failed(dg.Failure):
    """A step failed for a reason that is a sentence; Dagster shows it, and what it came from below.

    Of any other error Dagster shows its own wrapper first, and ours behind "View full message".
    """

    # Python writes no module before the name of a built-in, so that the sentence comes first.
    __module__ = "builtins"


@contextmanager
def stale_on_failure(store: Store, layout: Layout, acorn: Acorn) -> Iterator[None]:
    """Mark a table as stale, with the reason, when the block fails."""
    with in_our_words():
        try:
            yield
        except Exception as error:
            mark_stale(store, layout, acorn, reason(error))
            raise


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise what fails in the block as `Failed`, without secrets: Dagster's history keeps it."""
    message = ""
    try:
        yield
    except Failed:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        if all(masked(str(cause)) == str(cause) for cause in _causes(error)):
            raise Failed(message) from error
        message = masked(message)
    # Outside, so that the error itself is not kept as its context.
    if message:
        raise Failed(message)


def reason(error: Exception) -> str:
    """Returns an error's type and first line, as a table's facts keep them."""
    return f"{type(error).__name__}: {first_line(error)[:300]}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and those that it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
