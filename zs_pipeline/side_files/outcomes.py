"""The types of side files: a question, a listed file, a folder, and the errors of a side file.

Acorns declare their questions with these types. Requests are sent in
`zs_pipeline.side_files.files`, and nothing here imports a client for them.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from zs_pipeline.side_files.nights import Schedule


class NotUsable(Exception):
    """A side file that gives no value; the message has the location and the reason.

    Attributes:
        seen: A value that identifies the file, for `Question.before`; None where none is kept.
    """

    outcome: ClassVar[str]
    seen: object = None


class NotThere(NotUsable):
    """No file lies at the location."""

    outcome = "not_there"


class NotReadable(NotUsable):
    """The file may not be read or the location is invalid: whether a file exists is unknown."""

    outcome = "not_readable"


class NoBucket(NotReadable):
    """There is no such bucket."""


class NoLocation(NotReadable):
    """The document names no location of files, so that no file can be its data asset's."""


class NotReached(NotReadable):
    """No server can be reached, as without a network; this is known before any question."""


class NotParsed(NotUsable):
    """The file is no JSON."""

    outcome = "unparsable"


class OtherShape(NotUsable):
    """The file is JSON of another shape than elsewhere."""

    outcome = "other_shape"


class Unchanged(Exception):
    """The file did not change since it was read: its value stays."""


@dataclass(frozen=True)
class Noted:
    """The value of a side file, with a note about how the file was read.

    The note becomes a finding: a sentence that begins with the location of the file.
    """

    value: object
    note: str


@dataclass(frozen=True, order=True, slots=True)
class Entry:
    """A file in a listing, ordered by time, then by key.

    Attributes:
        modified: The time at which the file was written, in seconds since 1970.
        key: The key below the listed location.
        etag: Changes with the content; None where the listing has no ETags.
    """

    modified: float
    key: str
    etag: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Folder:
    """The sorted names directly in a folder."""

    folders: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A question of an acorn about one data asset.

    Attributes:
        id: The document's `_id`; there is one question for each document.
        name: The data asset's name.
        location: The location of the data asset in the document.
        state: A value that changes with the data asset; None when unknown.
        about: The name of the question, for acorns with several questions.
        schedule: When to ask again in the same state; None means until a file is found.
        before: The last value of the side files, in whatever state; None without a value.
    """

    id: str
    name: str
    location: str | None
    state: str | None
    about: str = ""
    schedule: Schedule | None = field(default=None, compare=False)
    before: object = field(default=None, compare=False)


def bucket_of(location: str | None) -> str:
    """Returns the bucket of a location; empty where the location has none."""
    return (location or "").partition("://")[2].partition("/")[0]
