"""The types of side files: a question, a listed file, a folder, and each way to give nothing.

Types and errors only, with which acorns declare what they ask: nothing here sends a request, and
nothing here loads what would. `zs_pipeline.side_files.files` sends them.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from zs_pipeline.side_files.nights import Schedule


class NotUsable(Exception):
    """A side file that gives nothing; the message says where it would be, and why.

    Attributes:
        seen: Which file it was, for `Question.before`; None where that is not kept.
    """

    outcome: ClassVar[str]
    seen: object = None


class NotThere(NotUsable):
    """Nothing lies there."""

    outcome = "not_there"


class NotReadable(NotUsable):
    """It may not be read, or the location is none: whether anything lies there is not known."""

    outcome = "not_readable"


class NoBucket(NotReadable):
    """There is no such bucket."""


class NotReached(NotReadable):
    """No server answers there at all, as without a network: known before anything is asked."""


class NotParsed(NotUsable):
    """It lies there and is no JSON."""

    outcome = "unparsable"


class OtherShape(NotUsable):
    """It is JSON, but not of the shape that it has elsewhere."""

    outcome = "other_shape"


class Unchanged(Exception):
    """The file is the one that was read before: what it gave stays."""


@dataclass(frozen=True)
class Noted:
    """What a side file gave, with a finding about how it was read.

    Attributes:
        value: What it gave.
        note: The finding, as a sentence that begins with where the file lies.
    """

    value: object
    note: str


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """A file in a listing; the later modified one is the greater, then the greater key.

    Attributes:
        modified: When it was written, in seconds since 1970.
        key: Its key below the location that was asked about.
        etag: Another one means another content; None where the listing does not tell it.
    """

    modified: float
    key: str
    etag: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Folder:
    """What lies directly in a folder, as sorted names."""

    folders: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What an acorn asks about one data asset.

    Attributes:
        id: The document's `_id`; one question for each.
        name: The data asset's name.
        location: Where it lies, as the document has it.
        state: What changes when the data asset does; None when that cannot be told.
        about: Which of an acorn's questions it is, where it has several.
        schedule: When it is asked again in the same state; None for as long as there is nothing.
        before: What was answered in whichever state, where the side files gave it; else None.
    """

    id: str
    name: str
    location: str | None
    state: str | None
    about: str = ""
    schedule: Schedule | None = field(default=None, compare=False)
    before: object = field(default=None, compare=False)


def bucket_of(location: str | None) -> str:
    """Returns the bucket that a location names; empty where it names none."""
    return (location or "").partition("://")[2].partition("/")[0]
