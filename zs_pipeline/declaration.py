"""The declaration of a table: its columns, its reads of a document, and the way it is made.

Types only: kinds of value are defined in `zs_pipeline.shape.problems`, tables built in
`zs_pipeline.tables`, declared in `zs_pipeline.acorns` and brought together in
`zs_pipeline.catalogue`. A declaration that cannot be built is refused when it is made.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from zs_client import contract

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from zs_pipeline.shape.findings import Finding
    from zs_pipeline.side_files.files import Files
    from zs_pipeline.side_files.outcomes import Entry, Question

CORE, ENVELOPE = contract.CORE, contract.ENVELOPE
# The table whose rows the tables by key and by platform have beside each document.
ASSET_BASICS = "asset_basics"

Document: TypeAlias = "dict[str, object]"
Row: TypeAlias = "Mapping[str, object]"
Tables: TypeAlias = "Mapping[str, pa.Table]"
# The answers of side files, by the `_id` of the data asset's document; None for no answer.
Answers: TypeAlias = "Mapping[str, object]"
# Yields the findings of a whole document, whose values may be of any kind.
Findings: TypeAlias = "Callable[[Document], Iterable[Finding]]"

_NAME = r"[^.\[\]{}$\s][^.\[\]{}]*"
_PATH = re.compile(rf"{_NAME}(?:\[\]|\{{\}})*(?:\.{_NAME}(?:\[\]|\{{\}})*)*")
_STEP = re.compile(rf"\[\]|\{{\}}|{_NAME}")


class DeclarationError(ValueError):
    """A table cannot be built as it is declared; the message says which and why."""


class Expected(StrEnum):
    """The kind of value that is expected at a place of a document, in words."""

    ANYTHING = "anything"
    PRESENCE = "presence"
    OBJECT = "an object"
    LIST = "a list"
    TEXT = "a text"
    NUMBER = "a number"
    SUBJECT = "a subject's id"
    TIME = "a time"
    DATE = "a date"
    YEAR = "a year"
    LIST_OR_TEXT = "a list or a text"
    OBJECT_OR_LIST = "an object or a list"
    OBJECT_OR_TEXT = "an object or a text"
    TEXT_OR_PERSON = "a text or a person"


@dataclass(frozen=True)
class Read:
    """One place of a document that a table reads, and the kind of value expected there.

    Attributes:
        path: Dotted names; `[]` goes through a list, `{}` through the values of an object.
        expected: The kind of value. Places above are objects and lists, as the path passes them,
            unless another read says otherwise. `PRESENCE` asks whether a core file is there.
        whole: Whether the value is kept whole; further reads may still declare kinds below it.
    """

    path: str
    expected: Expected
    whole: bool = False

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise DeclarationError(
                f"{self.path!r} is no path: write dotted names, with [] for the items of a list "
                "and {} for the values of an object"
            )
        first = self.steps[0]
        if first not in CORE and first not in ENVELOPE:
            raise DeclarationError(
                f"{self.path!r} begins with {first!r}, which is neither a core file "
                f"({', '.join(CORE)}) nor a key of the envelope ({', '.join(ENVELOPE)})"
            )
        if self.expected is Expected.PRESENCE and self.path not in CORE:
            raise DeclarationError(
                f"{self.path!r} is no core file, and only core files can be read for presence"
            )

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """Returns the names, `[]` and `{}` of the path, in order."""
        return tuple(_STEP.findall(self.path))

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of the path without `[]` and `{}`."""
        return tuple(step for step in self.steps if step not in ("[]", "{}"))


@dataclass(frozen=True)
class TableRead:
    """Another table that a table reads, and the columns that it reads, never all of them."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of an acorn.

    Attributes:
        name: The column's name; the same name has the same type in every table.
        type: One of `zs_client.contract.TYPES`. `time` is a timestamp in microseconds, UTC.
        description: The meaning of the value, with units and nulls, as a sentence for a scientist.
        nullable: False when the store refuses a table with a null in this column.
        reads: The sources of the value: paths as the table's reads have them, `table.column` of
            another table, or `file:` and the name of a side file.
        rule: The rule that makes the value, also of odd input, as sentences.
        example: A real value and its result, as a sentence.
        identifies: Whether the column identifies the animal, data asset or kind of data of a row.
            A build that loses many of its values is refused, as a build that loses rows is.
    """

    name: str
    type: str
    description: str
    nullable: bool = True
    reads: tuple[str, ...] = ()
    rule: str = ""
    example: str = ""
    identifies: bool = False

    def __post_init__(self) -> None:
        if self.type not in contract.TYPES:
            raise DeclarationError(
                f"column {self.name}: {self.type!r} is not one of {contract.TYPES}"
            )


@dataclass(frozen=True)
class Partitioning:
    """The split of a table into files.

    Attributes:
        column: The name of the partition, as paths have it.
        values: The values of a fixed list; empty where the data decide.
    """

    column: str
    values: tuple[str, ...] = ()

    @property
    def is_fixed(self) -> bool:
        """Returns whether every partition exists, whatever the data."""
        return bool(self.values)


@dataclass(frozen=True)
class OfId:
    """Reuse of rows by the `_id` of their document, in a column."""

    column: str = "_id"


@dataclass(frozen=True)
class OfName:
    """Reuse of rows by the name of their document, in a column."""

    column: str


@dataclass(frozen=True)
class FrameRead:
    """Texts of a pickled pandas frame that a table reads, beside the tables.

    Attributes:
        file: The frame's address.
        name: The name of the table, and of its column, in which `finish` gets the texts.
        texts: Returns the texts of the frame.
    """

    file: str
    name: str
    texts: "Callable[[pd.DataFrame], Iterable[str]]"


@dataclass(frozen=True)
class FoldersRead:
    """The names of the folders directly in a bucket that a table reads, beside the tables.

    Attributes:
        location: The bucket's address.
        name: The name of the table, and of its column, in which `finish` gets the names. Where the
            bucket cannot be listed, these are the names in the note `name` of the last build.
    """

    location: str
    name: str


@dataclass(frozen=True)
class ByDocument:
    """A table with rows for each document.

    Attributes:
        rows: Makes the rows of one document.
        reads: The places of a document that `rows` reads.
        reuse: The column by which rows of unchanged documents are reused; None computes the table
            whole.
        finish: Makes the final table of all rows, for values that depend on other rows.
        tables: Other tables, which `finish` reads.
        findings: Yields the choices between readings of a document.
        frame: Texts of a frame, which `finish` reads.
        folders: Names of folders in a bucket, which `finish` reads.
        notes: Returns notes on the final table for its facts.
    """

    rows: Callable[[Document], Iterable[Row]]
    reads: tuple[Read, ...]
    reuse: OfId | OfName | None
    finish: "Callable[[pa.Table, Tables], pa.Table] | None" = None
    tables: tuple[TableRead, ...] = ()
    findings: "Findings | None" = None
    frame: FrameRead | None = None
    folders: FoldersRead | None = None
    notes: "Callable[[pa.Table, Tables], Mapping[str, object]] | None" = None
    partitioning: ClassVar[None] = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns `documents`, and `files` where the table reads a frame or a bucket's folders."""
        return ("documents", "files") if self.frame or self.folders else ("documents",)


@dataclass(frozen=True)
class ByKey:
    """A table split by a column of asset_basics, with a file for each value that has rows.

    Attributes:
        key: That column; a document belongs to the partition of its value.
        rows: Makes the rows of one document and its row of asset_basics, whose times are
            microseconds since 1970.
        reads: The places of a document that `rows` reads.
        basics: The columns of asset_basics that `rows` reads.
        findings: As of `ByDocument`.
    """

    key: str
    rows: Callable[[Document, Row], Iterable[Row]]
    reads: tuple[Read, ...]
    basics: tuple[str, ...]
    findings: "Findings | None" = None
    sources: ClassVar[tuple[str, ...]] = ("documents",)

    @property
    def partitioning(self) -> Partitioning:
        """Returns the partitioning by the key, with the values of the documents."""
        return Partitioning(self.key)

    @property
    def tables(self) -> tuple[TableRead, ...]:
        """Returns asset_basics, whose ids and key tell the partition of a document."""
        return (TableRead(ASSET_BASICS, tuple(dict.fromkeys(("_id", *self.basics, self.key)))),)


@dataclass(frozen=True)
class ByLineage:
    """A table split by the origins of documents, of which a document may have several.

    The rows of a partition are made from the rows of all its documents together.

    Attributes:
        column: The partition's name, and the column of its value.
        places: Returns the origins of each document: its `_id`, the origin in `column`, null where
            the document stands alone, and what `merge` needs to know of the document there.
        rows: As of `ByKey`.
        merge: Makes the rows of one origin from pairs of a document's place, with its row of
            asset_basics, and its rows; in any order of the documents.
        reads: As of `ByKey`.
        basics: The columns of asset_basics that `rows` and `merge` read.
        tables: The tables that `places` and `basics` read.
        findings: As of `ByDocument`.
    """

    column: str
    places: "Callable[[Tables], pa.Table]"
    rows: Callable[[Document, Row], Iterable[Row]]
    merge: Callable[[Sequence[tuple[Row, Sequence[Row]]]], Iterable[Row]]
    reads: tuple[Read, ...]
    basics: tuple[str, ...]
    tables: tuple[TableRead, ...]
    findings: "Findings | None" = None
    sources: ClassVar[tuple[str, ...]] = ("documents",)

    @property
    def partitioning(self) -> Partitioning:
        """Returns the partitioning by origin, with the origins of the documents."""
        return Partitioning(self.column)


@dataclass(frozen=True)
class ByPlatform:
    """A table split by a fixed list of values, with a file for each value, even without rows.

    Attributes:
        column: The partition's name; each row of `rows` has its value under this key.
        values: The list.
        rows: As of `ByKey`.
        belongs: Returns the values to which a document belongs, from its row of asset_basics.
        reads: The places of a document that `rows` reads.
        basics: The columns of asset_basics that `rows` reads.
        reuse: The column by which rows of unchanged documents are reused.
        findings: As of `ByDocument`.
    """

    column: str
    values: tuple[str, ...]
    rows: Callable[[Document, Row], Iterable[Row]]
    belongs: Callable[[Row], Iterable[str]]
    reads: tuple[Read, ...]
    basics: tuple[str, ...]
    reuse: OfName
    findings: "Findings | None" = None
    sources: ClassVar[tuple[str, ...]] = ("documents",)

    @property
    def partitioning(self) -> Partitioning:
        """Returns the partitioning by the list."""
        return Partitioning(self.column, self.values)

    @property
    def tables(self) -> tuple[TableRead, ...]:
        """Returns asset_basics, whose rows belong to documents by their ids."""
        return (TableRead(ASSET_BASICS, ("_id", *self.basics)),)


@dataclass(frozen=True)
class FromTables:
    """A table made from whole other tables.

    Attributes:
        rows: Makes the table.
        tables: The tables that `rows` reads.
    """

    rows: "Callable[[Tables], pa.Table]"
    tables: tuple[TableRead, ...]
    reads: ClassVar[tuple[Read, ...]] = ()
    partitioning: ClassVar[None] = None
    sources: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class FromFindings:
    """A table of findings in documents and side files, and of documents set aside.

    Made from the findings stored with the documents, and from the stored answers of the acorns
    that ask side files, not from tables.

    Attributes:
        rows: Makes the rows of all findings.
    """

    rows: Callable[[Iterable[Row]], Iterable[Row]]
    reads: ClassVar[tuple[Read, ...]] = ()
    tables: ClassVar[tuple[TableRead, ...]] = ()
    partitioning: ClassVar[None] = None
    sources: ClassVar[tuple[str, ...]] = ("documents",)


@dataclass(frozen=True)
class FromSideFiles:
    """A table of the answers that the side files of data assets give.

    Attributes:
        questions: Returns a question for each data asset, with the state of its document.
        ask: Answers one question from the side files and the listed keys; the answer is stored.
        rows: Makes the rows of all answers, the tables, and the documents of the questions.
        tables: The tables that `questions` and `rows` read.
        listing_prefixes: The prefixes of the keys that are listed below each location for `ask`.
        answers_version: To be raised when the answers of `ask` change: all is asked again.
        reads: The places of documents that `rows` reads; `rows` gets no documents when empty.
        findings: As of `ByDocument`.
    """

    questions: "Callable[[Tables], Sequence[Question]]"
    ask: "Callable[[Files, Question, Sequence[Entry]], object]"
    rows: "Callable[[Answers, Tables, Mapping[str, Document]], Iterable[Row]]"
    tables: tuple[TableRead, ...]
    listing_prefixes: tuple[str, ...] = ()
    answers_version: int = 1
    reads: tuple[Read, ...] = ()
    findings: "Findings | None" = None
    partitioning: ClassVar[None] = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns `files`, and `documents` where the table reads them."""
        return ("files", "documents") if self.reads else ("files",)


@dataclass(frozen=True)
class FromFrame:
    """A table made from one pickled pandas frame.

    Attributes:
        file: The frame's address.
        rows: Makes the rows of the frame.
        problems: Returns the misfits of the frame, as sentences.
        finish: Makes the final table of all rows, for values that depend on other rows; of the
            former table where the frame is the same.
        tables: Other tables, which `finish` reads.
    """

    file: str
    rows: "Callable[[pd.DataFrame], Iterable[Row]]"
    problems: "Callable[[pd.DataFrame], Sequence[str]]"
    finish: "Callable[[pa.Table, Tables], pa.Table] | None" = None
    tables: tuple[TableRead, ...] = ()
    reads: ClassVar[tuple[Read, ...]] = ()
    partitioning: ClassVar[None] = None
    sources: ClassVar[tuple[str, ...]] = ("files",)


OldDocuments: TypeAlias = Callable[[Sequence[str]], Iterable[Document]]


@dataclass(frozen=True)
class FromCustomTable:
    """A table made from one that users store, and from the database before the upgrade.

    Attributes:
        custom: The name of the stored table.
        rows: Makes the table of the stored one, the other tables, its own former rows (None the
            first time), a function that gives documents of the old database by `_id`, and other
            copies of the stored table, the earliest first.
        written: Returns the time of a copy's latest row, in microseconds since 1970; None when it
            is not known. The copy that was written last is the stored table.
        tables: The other tables.
        old_reads: The reads of documents of the old database, whose values are not checked.
    """

    custom: str
    rows: (
        "Callable[[pa.Table, Tables, pa.Table | None, OldDocuments, Sequence[pa.Table]], pa.Table]"
    )
    written: "Callable[[pa.Table], int | None]"
    tables: tuple[TableRead, ...]
    old_reads: tuple[Read, ...]
    reads: ClassVar[tuple[Read, ...]] = ()
    partitioning: ClassVar[None] = None
    sources: ClassVar[tuple[str, ...]] = ("custom", "old_documents")


Kind: TypeAlias = (
    ByDocument
    | ByKey
    | ByLineage
    | ByPlatform
    | FromTables
    | FromFindings
    | FromSideFiles
    | FromFrame
    | FromCustomTable
)


def hooks(kind: Kind) -> tuple[Callable[..., object], ...]:
    """Returns the functions that make a table, `rows` among them."""
    values = (getattr(kind, field.name) for field in fields(kind))
    return tuple(value for value in values if callable(value))


def _refusal(kind: Kind, columns: Sequence[str]) -> str:
    """Returns the reason why a table with these columns cannot be of this kind; empty for none."""
    for hook in hooks(kind):
        name = getattr(hook, "__qualname__", repr(hook))
        if not inspect.isfunction(hook) or "<" in name:
            return f"{name} is no function of a module, so other processes cannot import it"
    reason = ""
    match kind:
        case ByDocument(reuse=OfId(by) | OfName(by)) | ByPlatform(reuse=OfName(by)) if (
            by not in columns
        ):
            reason = f"rows are reused by {by!r}, which is none of its columns"
        case ByDocument(finish=None, tables=(_, *_)) | FromFrame(finish=None, tables=(_, *_)):
            reason = "it names other tables and has no finish, which alone looks at them"
        case ByLineage(column=column) if column not in columns:
            reason = f"it is split by {column!r}, which is none of its columns"
        case ByLineage(basics=basics, tables=tables) if not {"_id", *basics} <= {
            name for read in tables if read.table == ASSET_BASICS for name in read.columns
        }:
            reason = f"its rows read columns of {ASSET_BASICS} that are not among its tables'"
        case FromTables(tables=()):
            reason = "it is made from other tables and names none"
        case ByPlatform(values=()):
            reason = f"it is split by {kind.column!r} and names no values"
        case ByPlatform(column=column) if column in columns:
            reason = f"{column!r} is its partition, and also one of its columns"
    return reason


@dataclass(frozen=True)
class ColumnCheck:
    """A check of one column of a table, beside those of every table; nulls do not count.

    Attributes:
        name: The check's name.
        column: The column.
        description: What passes, as a sentence.
    """

    name: str
    column: str
    description: str


class Once(ColumnCheck):
    """No two rows have the same value."""


class NamesDocuments(ColumnCheck):
    """Every value is the name of a document."""


class Settled(ColumnCheck):
    """No night gave most documents other names, or brought most of them twice."""


@dataclass(frozen=True)
class Acorn:
    """One table of the cache.

    Attributes:
        name: The acorn's name in Dagster and in the registry.
        description: The meaning of a row and the columns to join by, as sentences.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: The columns, in the order of the file.
        key: The columns that together occur once; a null counts as a value.
        kind: The way the table is made.
        folder: The table's name in the store, where it is not the acorn's.
        order: The columns by which rows are sorted; the key when empty.
        checks: The checks of this table beside those of all tables.
        has_one_file: Whether a partitioned table has a file of all its rows beside the partitions.
        may_shrink: Whether most of its rows may go in a night, as findings that were mended do.
    """

    name: str
    description: str
    type: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    kind: Kind
    folder: str = ""
    order: tuple[str, ...] = ()
    checks: tuple[ColumnCheck, ...] = ()
    may_shrink: bool = False
    has_one_file: bool = True

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DeclarationError(f"{self.name}: the column {twice[0]!r} is declared twice")
        of_checks = (check.column for check in self.checks)
        for name in (*self.key, *self.order, *of_checks):
            if name not in names:
                raise DeclarationError(f"{self.name}: {name!r} is none of its columns")
        reason = _refusal(self.kind, names)
        if reason:
            raise DeclarationError(f"{self.name}: {reason}")

    @property
    def table(self) -> str:
        """Returns the table's name in the store."""
        return self.folder or self.name

    @property
    def partition(self) -> str:
        """Returns the name of the partitioning column; empty for a table in one file."""
        return self.kind.partitioning.column if self.kind.partitioning else ""

    def column(self, name: str) -> Column:
        """Returns the column of that name."""
        return next(c for c in self.columns if c.name == name)
