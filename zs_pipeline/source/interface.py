"""The methods of a source of documents, and the errors that sources raise.

How a source reads is in `dump`, `mongo` and `gateway`; which source a URL names is in `choice`; how
a value becomes plain JSON is in `plain`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from zs_client.masking import masked
from zs_pipeline.shape.problems import Problem


class SourceError(Exception):
    """The source cannot be read; the message says what was tried and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(masked(message))


class Swept(NamedTuple):
    """A document's id, version and subject, as a sweep reads them.

    Attributes:
        id: The document's `_id` as text.
        modified: `_last_modified`, or `last_modified` of older envelopes, as written;
            ``YYYY-MM-DDTHH:MM:SS.mmmZ`` for a BSON datetime, None for a value that is no text.
        fingerprint: A hash of the document's bytes in a dump; None for servers.
        subject_id: The subject by `fields.subject_of`; None for a document without a subject.
    """

    id: str
    modified: str | None
    fingerprint: str | None
    subject_id: str | None


def version_of(document: Mapping[str, Any]) -> str | None:
    """Returns the version of a document in plain JSON; see `Swept.modified`."""
    for key in ("_last_modified", "last_modified"):
        version = document.get(key)
        if isinstance(version, str) and version:
            return version
    return None


class Lacking(NamedTuple):
    """A requested document that did not come.

    Attributes:
        id: The document's `_id` as text.
        gone: Whether the source shows that the document does not exist. When False, it may exist.
        reason: Why the document did not come, with the same text each time; empty when gone.
    """

    id: str
    gone: bool
    reason: str


class Source(Protocol):
    """A place that documents are read from.

    Attributes:
        url: The URL for people, without user, password and options.
        requests: The number of requests so far, with retries; 0 for a dump.
        bytes: The number of bytes received so far; 0 where the driver does not count them.
    """

    url: str
    requests: int
    bytes: int

    def check(self) -> None:
        """Send the smallest request that shows that the source can be read.

        Raises:
            SourceError: The source cannot be read; the message says what to do.
        """

    def sweep(self) -> Iterator[Swept | Problem]:
        """Pass over the ids once; yields a `Problem` for each document that cannot be used.

        Raises:
            SourceError: The source could not be read to its end.
        """

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """Ask by `_id` for documents that the last sweep lacks: a short answer is no deletion.

        Args:
            ids: Documents that existed before.

        Yields:
            `Swept` for each document that exists after all and `Lacking` for the others; a
            `Problem` where the source cannot tell what is gone. An id without a result is unknown.

        Raises:
            SourceError: The source could not be read.
        """

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """Yields the documents of these ids as plain JSON, trimmed to the paths that are read.

        The order is any, and each id comes at most once. A document that does not come is
        `Lacking`; an id without a result is unknown.

        Raises:
            SourceError: The source could not be read.
        """


def documents_of(source: Source, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yields the documents of these ids, without those that the source does not have.

    Raises:
        SourceError: The source could not be read, or did not return a document that may exist.
    """
    for document in source.fetch(ids):
        if not isinstance(document, Lacking):
            yield document
        elif not document.gone:
            raise SourceError(
                f"{source.url} does not hand out the document {document.id}, also when it is "
                f"asked for alone: {document.reason}"
            )


def url_for_messages(url: str) -> str:
    """Returns a URL without user, password, options and fragment."""
    if "://" not in url:
        return url
    # Up to the last @: an unescaped password may itself hold a slash or an @.
    return re.sub(r"(?<=://).*@", "", url, flags=re.DOTALL).split("?")[0].split("#")[0]
