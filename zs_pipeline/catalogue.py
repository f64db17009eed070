"""The tables of a cache together: what they read of a document, and which is made from which.

Made once from the acorns and handed down. What one table says of itself is in
`zs_pipeline.declaration`; that tables disagree is refused here, when the catalogue is made.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from zs_pipeline.declaration import (
    ASSET_BASICS,
    CORE,
    ENVELOPE,
    Acorn,
    ByDocument,
    ByKey,
    ByPlatform,
    DeclarationError,
    Expected,
    Findings,
    FromFindings,
    FromSideFiles,
    Read,
)

# What is read of the envelope of every document, whichever tables there are.
ENVELOPE_READS = (
    Read("name", Expected.TEXT),
    Read("location", Expected.TEXT),
    Read("_created", Expected.TIME),
    Read("created", Expected.TIME),
    Read("_last_modified", Expected.TIME),
    Read("last_modified", Expected.TIME),
    Read("other_identifiers", Expected.OBJECT),
    Read("other_identifiers.Code Ocean", Expected.LIST_OR_TEXT),
    Read("other_identifiers.Code Ocean[]", Expected.TEXT),
)
# The kinds of value below which a path may go on with a name or `{}`, and with `[]`.
_HAS_KEYS = frozenset(
    (
        Expected.ANYTHING,
        Expected.OBJECT,
        Expected.OBJECT_OR_LIST,
        Expected.OBJECT_OR_TEXT,
        Expected.TEXT_OR_PERSON,
    )
)
_HAS_ITEMS = frozenset(
    (Expected.ANYTHING, Expected.LIST, Expected.LIST_OR_TEXT, Expected.OBJECT_OR_LIST)
)

Steps = tuple[str, ...]


class Reads:
    """All that is read of a document, by whichever table.

    Args:
        reads: The reads of each table, by its name. Those of the envelope are added.
        findings: The functions that say where a value of a document was chosen between readings.
        columns: What is made of which path: columns, `table.column`, each with its paths.

    Attributes:
        findings: The same functions.
        expected: The kind of value at each place, by its path's steps; places above those that are
            read are among them.
        paths: What of the core files is asked of a source, dotted, sorted; the envelope is always.
        columns: The column that a place concerns, by path: the first that reads it, else that reads
            below it.
        digest: A name for all places, kinds and columns; another one means other findings.

    Raises:
        DeclarationError: Two tables expect different kinds of value in one place.
    """

    def __init__(
        self,
        reads: Mapping[str, Sequence[Read]],
        findings: Iterable[Findings] = (),
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.findings = tuple(findings)
        given = {"the envelope": ENVELOPE_READS, **reads}
        named: dict[Steps, tuple[str, Expected]] = {}
        for table, of_table in given.items():
            for read in of_table:
                if read.expected is not Expected.PRESENCE:
                    _agree(named, read.steps, read.expected, table)
        for core in CORE:
            _agree(named, (core,), Expected.OBJECT, "every document")
        self.expected = {steps: kind for steps, (_, kind) in named.items()}
        for table, of_table in given.items():
            for read in of_table:
                self._add_above(read, named, table)
        self.expected = dict(sorted(self.expected.items()))
        self.paths = projected([read for of_table in reads.values() for read in of_table])
        self.columns = dict(self._concerned(columns or {}))
        lines = (
            f"{path_of(steps)}={kind}{self.columns.get(path_of(steps), '')}\n"
            for steps, kind in self.expected.items()
        )
        self.digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reads) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.digest, self.paths))

    def _concerned(self, columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
        """Returns each place that is read and the column that it concerns, where one does."""
        first: dict[str, str] = {}
        for column, paths in columns.items():
            for path in paths:
                first.setdefault(path, column)
        for path in map(path_of, self.expected):
            below = (
                c for p, c in first.items() if p.startswith((f"{path}.", f"{path}[", f"{path}{{"))
            )
            column = first.get(path) or next(below, "")
            if column:
                yield path, column

    def _add_above(
        self, read: Read, named: Mapping[Steps, tuple[str, Expected]], table: str
    ) -> None:
        """Add the places above a read as what its path goes through: lists and objects."""
        for at in range(1, len(read.steps)):
            above, step = read.steps[:at], read.steps[at]
            implied = Expected.LIST if step == "[]" else Expected.OBJECT
            found = self.expected.setdefault(above, implied)
            if found not in (_HAS_ITEMS if step == "[]" else _HAS_KEYS):
                by = named[above][0] if above in named else "another table"
                raise DeclarationError(
                    f"{table} reads {read.path!r}, and {by} expects {found} at "
                    f"{path_of(above)!r}, in which that cannot be"
                )


def _agree(
    named: dict[Steps, tuple[str, Expected]], steps: Steps, kind: Expected, table: str
) -> None:
    by, known = named.setdefault(steps, (table, kind))
    if known is not kind:
        raise DeclarationError(
            f"{path_of(steps)!r} is {known} for {by} and {kind} for {table}; it must be one of them"
        )


def path_of(steps: Steps) -> str:
    """Returns the path that has these steps."""
    return ".".join(steps).replace(".[]", "[]").replace(".{}", "{}")


def projected(reads: Sequence[Read]) -> tuple[str, ...]:
    """Returns the paths of the core files, without `[]` and `{}`, that hold all that is read.

    What lies below a value that is kept whole narrows nothing. A place that only says what lies
    above a read asks for nothing of its own.
    """
    whole = {read.names for read in reads if read.whole}
    above = {read.steps[:at] for read in reads for at in range(1, len(read.steps))}
    found = set()
    for read in reads:
        names = read.names
        if names[0] in ENVELOPE or any(names[:at] in whole for at in range(1, len(names))):
            continue
        if read.expected is Expected.PRESENCE:
            # A key that every core file has: asked for alone, it tells that the file is there.
            found.add(f"{read.path}.object_type")
        elif read.whole or read.steps not in above:
            found.add(".".join(names))
    return tuple(sorted(found))


class Catalogue:
    """The tables of a cache.

    Args:
        acorns: The tables; each is named once, and what it is made from is among them.

    Attributes:
        acorns: The tables in the order given.
        by_name: The same by name.
        in_order: The same, each after those that it is made from.
        reads: All that they read of a document.

    Raises:
        DeclarationError: A table cannot be built beside the others as it is declared.
    """

    def __init__(self, acorns: Iterable[Acorn]) -> None:
        self.acorns = tuple(acorns)
        self.by_name = {acorn.name: acorn for acorn in self.acorns}
        if len({acorn.table for acorn in self.acorns}) < len(self.acorns):
            raise DeclarationError("two tables have the same name or the same folder")
        for acorn in self.acorns:
            self._refuse(acorn)
        made_from = {acorn.name: self.made_from(acorn) for acorn in self.acorns}
        try:
            self.in_order = tuple(
                self.by_name[name] for name in TopologicalSorter(made_from).static_order()
            )
        except CycleError as error:
            circle = " from ".join(error.args[1])
            raise DeclarationError(f"a table would be made from itself: {circle}") from error
        hooks = (
            acorn.kind.findings
            for acorn in self.acorns
            if isinstance(acorn.kind, ByDocument | ByKey | ByPlatform)
        )
        self.reads = Reads(
            {acorn.name: acorn.kind.reads for acorn in self.acorns},
            [hook for hook in hooks if hook is not None],
            {f"{a.name}.{column.name}": column.reads for a in self.acorns for column in a.columns},
        )

    def _refuse(self, acorn: Acorn) -> None:
        for read in acorn.kind.tables:
            other = self.by_name.get(read.table)
            if other is None:
                raise DeclarationError(f"{acorn.name}: there is no table {read.table!r}")
            names = [column.name for column in other.columns]
            for column in read.columns:
                if column not in names:
                    raise DeclarationError(
                        f"{acorn.name}: {column!r} is no column of {read.table}, which has "
                        f"{', '.join(names)}"
                    )
        if isinstance(acorn.kind, ByKey):
            kept = self.by_name[ASSET_BASICS].column(acorn.kind.key).type
            if kept != "string":
                raise DeclarationError(
                    f"{acorn.name}: it is split by {acorn.kind.key!r}, which is {kept} in "
                    f"{ASSET_BASICS}; only the values of a string column are names of partitions"
                )

    @cached_property
    def asking(self) -> tuple[Acorn, ...]:
        """Returns the tables that ask side files; their findings are those of data assets."""
        return tuple(acorn for acorn in self.acorns if isinstance(acorn.kind, FromSideFiles))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Returns the columns of asset_basics by which tables are split."""
        found = (acorn.kind.key for acorn in self.acorns if isinstance(acorn.kind, ByKey))
        return tuple(dict.fromkeys(found))

    def made_from(self, acorn: Acorn) -> list[str]:
        """Returns the names of the tables that a table is made from."""
        if isinstance(acorn.kind, FromFindings):
            return [asking.name for asking in self.asking]
        return list(dict.fromkeys(read.table for read in acorn.kind.tables))

    def upstream(self, names: Iterable[str]) -> set[str]:
        """Returns the tables of these names and all that they are made from."""
        found: set[str] = set()
        for name in names:
            if name not in found:
                found |= {name, *self.upstream(self.made_from(self.by_name[name]))}
        return found
