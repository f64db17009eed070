"""The declaration of a table: its columns, what it reads of a document, and how it is made.

Types only: what a value of a kind is stands in `zs_pipeline.shape.problems`, how a table of each
kind is built in `zs_pipeline.tables`, which tables there are in `zs_pipeline.acorns`, what
they are together in `zs_pipeline.catalogue`. A declaration that cannot be built is refused when it
is made.
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
# The table that gives the tables by key and by platform a row for each document.
ASSET_BASICS = "asset_basics"

Document: TypeAlias = "dict[str, object]"
Row: TypeAlias = "Mapping[str, object]"
Tables: TypeAlias = "Mapping[str, pa.Table]"
# What side files gave, by the `_id` of the data asset's document; None where they gave nothing.
Answers: TypeAlias = "Mapping[str, object]"
# Of a document as it came, whole; its values may be of any kind.
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
        expected: The kind of value. Places above are objects and lists as the path goes through
            them, unless another read says otherwise. `PRESENCE` asks whether a core file is there.
        whole: Keep all that lies below, and let further reads name kinds below it.
    """

    path: str
    expected: Expected
    whole: bool = False

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.path):
            raise DeclarationError(
                f"{self.path!r} is no path: dotted names are, with [] for each of a list and {{}} "
                "for each value of an object"
            )
        first = self.steps[0]
        if first not in CORE and first not in ENVELOPE:
            raise DeclarationError(
                f"{self.path!r} begins with {first!r}, which is neither a core file "
                f"({', '.join(CORE)}) nor a key of the envelope ({', '.join(ENVELOPE)})"
            )
        if self.expected is Expected.PRESENCE and self.path not in CORE:
            raise DeclarationError(
                f"{self.path!r} is no core file, to be asked whether it is there"
            )

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The names, `[]` and `{}` of the path, in order."""
        return tuple(_STEP.findall(self.path))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the path without `[]` and `{}`."""
        return tuple(step for step in self.steps if step not in ("[]", "{}"))


@dataclass(frozen=True)
class TableRead:
    """Another table that a table looks at, and the columns that it looks at, never all of them."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of an acorn.

    Attributes:
        name: The column's name; the same name has the same type in every table.
        type: One of `zs_client.contract.TYPES`. `time` is a timestamp in microseconds, UTC.
        description: What the value means, as a sentence for a scientist; units and nulls included.
        nullable: False when the store refuses a table with a null in this column.
        reads: Where the value comes from: paths as the table's reads have them, or `table.column`
            of another table, or `file:` and what is read of a side file.
        rule: How the value is made of that, odd forms included, as sentences.
        example: A real value and what it becomes, as a sentence.
        identifies: Whether it says which animal, data asset or kind of data a row is about. A build
            in which many rows say it no longer is refused, as one that lost rows is.
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
    """How a table is split into files.

    Attributes:
        column: The name of the partition, as paths have it.
        values: The values of a fixed list; empty where they are those that the data have.
    """

    column: str
    values: tuple[str, ...] = ()

    @property
    def is_fixed(self) -> bool:
        """Whether every partition exists whatever the data hold."""
        return bool(self.values)


@dataclass(frozen=True)
class OfId:
    """Rows are reused of documents whose `_id` stands in a column."""

    column: str = "_id"


@dataclass(frozen=True)
class OfName:
    """Rows are reused of documents whose name stands in a column."""

    column: str


@dataclass(frozen=True)
class FrameRead:
    """Texts of a pickled pandas frame that a table looks at, beside the tables.

    Attributes:
        file: The frame's address.
        name: Under which `finish` is given them, as a table with one column of that name.
        texts: Takes them out of the frame.
    """

    file: str
    name: str
    texts: "Callable[[pd.DataFrame], Iterable[str]]"


@dataclass(frozen=True)
class ByDocument:
    """A table with rows for each document.

    Attributes:
        rows: Makes the rows of one document.
        reads: What it reads of a document.
        reuse: The column by which rows of unchanged documents are taken over; None computes the
            table whole.
        finish: Makes the final table of all rows, for values that depend on other rows.
        tables: Other tables, which `finish` looks at.
        findings: Says where a value of a document was chosen between readings.
        frame: Texts of a frame, which `finish` looks at.
        notes: Says of the final table what its facts are to tell beside its rows.
    """

    rows: Callable[[Document], Iterable[Row]]
    reads: tuple[Read, ...]
    reuse: OfId | OfName | None
    finish: "Callable[[pa.Table, Tables], pa.Table] | None" = None
    tables: tuple[TableRead, ...] = ()
    findings: "Findings | None" = None
    frame: FrameRead | None = None
    notes: "Callable[[pa.Table, Tables], Mapping[str, object]] | None" = None
    partitioning: ClassVar[None] = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns documents, and side files where it looks at a frame."""
        return ("documents", "files") if self.frame else ("documents",)


@dataclass(frozen=True)
class ByKey:
    """A table split by a column of asset_basics, with a file for each value that has rows.

    Attributes:
        key: That column; a document belongs to the partition of its value.
        rows: Makes the rows of one document and its row of asset_basics, whose times are
            microseconds since 1970.
        reads: What it reads of a document.
        basics: The columns of asset_basics that `rows` looks at.
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
        """Returns the key, of whatever values the documents have."""
        return Partitioning(self.key)

    @property
    def tables(self) -> tuple[TableRead, ...]:
        """Returns asset_basics, by whose ids and key documents are given to partitions."""
        return (TableRead(ASSET_BASICS, tuple(dict.fromkeys(("_id", *self.basics, self.key)))),)


@dataclass(frozen=True)
class ByPlatform:
    """A table split by a fixed list of values, each of which has a file, if without rows.

    Attributes:
        column: The partition's name; each row of `rows` tells its value under this key.
        values: The list.
        rows: As of `ByKey`.
        belongs: Returns the values to which a document belongs, from its row of asset_basics.
        reads: What it reads of a document.
        basics: The columns of asset_basics that `rows` looks at.
        reuse: The column by which rows of unchanged documents are taken over.
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
        """Returns the list under the partition's name."""
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
        tables: Those that it looks at.
    """

    rows: "Callable[[Tables], pa.Table]"
    tables: tuple[TableRead, ...]
    reads: ClassVar[tuple[Read, ...]] = ()
    partitioning: ClassVar[None] = None
    sources: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class FromFindings:
    """A table of what did not fit in documents and side files, and of documents set aside.

    Made from no table: from the findings kept with the documents, and from the kept answers of the
    acorns that ask side files.

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
    """A table of what the side files of data assets say.

    Attributes:
        questions: Says which data assets are asked about, and in which state each is.
        ask: Answers one question from the side files and what was listed; the answer is kept.
        rows: Makes the rows of all answers, the tables, and the documents that were asked about.
        tables: The tables that `questions` and `rows` look at.
        listing_prefixes: How the keys begin that are listed below each location and given to `ask`.
        answers_version: To be raised when `ask` returns something else: all is asked again.
        reads: What `rows` reads of the documents; without any, it is given no documents.
    """

    questions: "Callable[[Tables], Sequence[Question]]"
    ask: "Callable[[Files, Question, Sequence[Entry]], object]"
    rows: "Callable[[Answers, Tables, Mapping[str, Document]], Iterable[Row]]"
    tables: tuple[TableRead, ...]
    listing_prefixes: tuple[str, ...] = ()
    answers_version: int = 1
    reads: tuple[Read, ...] = ()
    partitioning: ClassVar[None] = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns side files, and documents where it reads them."""
        return ("files", "documents") if self.reads else ("files",)


@dataclass(frozen=True)
class FromFrame:
    """A table made from one pickled pandas frame.

    Attributes:
        file: The frame's address.
        rows: Makes the rows of the frame.
        problems: Says what of the frame did not fit, as sentences.
        finish: Makes the final table of all rows, for values that depend on other rows; of its
            own former table as well, where the frame is the same.
        tables: Other tables, which `finish` looks at.
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
            first time), a function that gives documents of the old database by `_id`, and copies
            of the stored one that lie elsewhere, the earliest first.
        written: Says of a copy when its latest row was written, in microseconds since 1970; None
            when it does not tell. The copy that was written last is the stored table.
        tables: The other tables.
        old_reads: What is read of documents of the old database, whose values are not checked.
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
    | ByPlatform
    | FromTables
    | FromFindings
    | FromSideFiles
    | FromFrame
    | FromCustomTable
)


def hooks(kind: Kind) -> tuple[Callable[..., object], ...]:
    """Returns the functions that make a table, `rows` among them."""
    found = (getattr(kind, field.name) for field in fields(kind))
    return tuple(value for value in found if callable(value))


def _refusal(kind: Kind, columns: Sequence[str]) -> str:
    """Returns why a table with these columns cannot be made so; empty when it can."""
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
        description: What a row is and how to join it, as sentences.
        type: `metadata` (may be loaded whole), `asset` or `platform`.
        columns: In the order of the file.
        key: The columns that together occur once; a null counts as a value.
        kind: How it is made.
        folder: The table's name in the store, where it is not the acorn's.
        order: The columns by which rows are sorted; the key when empty.
        checks: What is checked of this table beside what is checked of all.
        may_shrink: Whether most of its rows may go in a night, as findings do that were mended.
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
        """The table's name in the store."""
        return self.folder or self.name

    @property
    def partition(self) -> str:
        """The name by which the table is split into files; empty for a table in one file."""
        return self.kind.partitioning.column if self.kind.partitioning else ""

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(c for c in self.columns if c.name == name)
