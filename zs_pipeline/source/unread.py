"""A document as it lies in a source, which is read where its rows are made.

Reading documents of a dump took a fifth of the time of a build that hands its work to others.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from zs_pipeline.shape.projection import Tree, trim
from zs_pipeline.source.interface import Lacking, SourceError
from zs_pipeline.source.plain import parse


class Unread(NamedTuple):
    """A document as it lies in a source.

    Attributes:
        id: The document's `_id` as text.
        raw: Its bytes, JSON.
        place: Where it lies, for messages.
    """

    id: str
    raw: bytes
    place: str

    def read(self, tree: Tree) -> dict[str, Any]:
        """Returns the document as plain JSON, trimmed to the paths of a tree.

        Raises:
            SourceError: The bytes are no longer those of a document.
        """
        try:
            document = parse(self.raw)
        except ValueError as error:
            raise self._changed() from error
        if not isinstance(document, dict):
            raise self._changed()
        document["_id"] = self.id
        return trim(document, tree)

    def _changed(self) -> SourceError:
        return SourceError(f"{self.place} changed while the dump was read; start again")


@runtime_checkable
class UnreadSource(Protocol):
    """A source that can leave the reading of its documents to others.

    Attributes:
        tree: The paths that are read, for `Unread.read`.
    """

    tree: Tree

    def fetch_unread(self, ids: Sequence[str]) -> Iterator[Unread | Lacking]:
        """Yields the documents of these ids as they are; see `Source.fetch`."""
