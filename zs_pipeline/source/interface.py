"""What every source of documents offers, and the errors that each of them raises.

How a source reads is in `dump`, `mongo` and `gateway` beside this module, which of them a URL names
in `choice`; how a value becomes plain JSON in `plain`.
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
    """What a sweep tells of one document.

    Attributes:
        id: The document's `_id` as text.
        modified: `_last_modified`, or `last_modified` of older envelopes, as it is written;
            ``YYYY-MM-DDTHH:MM:SS.mmmZ`` when it was a BSON datetime, None when it is no text.
        fingerprint: A hash of the bytes of the document in a dump; None for servers.
        subject_id: The document's subject, by `fields.subject_of`; None where it has none.
    """

    id: str
    modified: str | None
    fingerprint: str | None
    subject_id: str | None


def version_of(document: Mapping[str, Any]) -> str | None:
    """Returns what `Swept.modified` is of a document in plain JSON."""
    for key in ("_last_modified", "last_modified"):
        found = document.get(key)
        if isinstance(found, str) and found:
            return found
    return None


class Lacking(NamedTuple):
    """What is known of a document that was asked for and did not come.

    Attributes:
        id: Its `_id` as text.
        gone: Whether the source shows that there is no such document. It is there, or nobody
            knows, when False.
        reason: What came in its place, the same each time; empty when it is gone.
    """

    id: str
    gone: bool
    reason: str


class Source(Protocol):
    """A place that documents are read from.

    Attributes:
        url: For people: without user, password and options.
        requests: Requests sent so far, retries included; 0 for a dump.
        bytes: Bytes received so far; 0 where the driver does not tell.
    """

    url: str
    requests: int
    bytes: int

    def check(self) -> None:
        """Ask for the least that shows that the source can be read.

        Raises:
            SourceError: It cannot; the message says what to do.
        """

    def sweep(self) -> Iterator[Swept | Problem]:
        """Pass over the ids once; yields a `Problem` for each thing that is no usable document.

        Raises:
            SourceError: The source could not be read to its end.
        """

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """Ask by `_id` for documents that the last sweep lacks: a short answer is no deletion.

        Args:
            ids: Documents that were there before.

        Yields:
            What a sweep tells of each that is there after all, and `Lacking` for the others; a
            `Problem` where the source cannot tell what is gone. Of an id that is not mentioned
            nothing is known.

        Raises:
            SourceError: The source could not be read.
        """

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """Yields the documents of these ids as plain JSON, trimmed to the paths that are read.

        In any order, each id at most once; `Lacking` for one that does not come. Of an id that is
        not mentioned nothing is known.

        Raises:
            SourceError: The source could not be read.
        """


def documents_of(source: Source, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yields the documents of these ids; those that the source does not have are left out.

    Raises:
        SourceError: The source could not be read, or did not hand one out.
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
