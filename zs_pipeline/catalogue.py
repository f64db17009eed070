"""The tables of a cache together: their reads of a document, and the order of their making.

Made once from the acorns and handed down. One table's declaration is in `zs_pipeline.declaration`;
tables that disagree are refused here, when the catalogue is made.
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
    ByLineage,
    ByPlatform,
    DeclarationError,
    Expected,
    Findings,
    FromFindings,
    FromSideFiles,
    Read,
)

# The reads of the envelope of every document, whichever tables there are.
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
# The kinds of value below which a path may continue with a name or `{}`, and with `[]`.
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
    """The reads of a document by all tables.

    Args:
        reads: The reads of each table, by its name. Those of the envelope are added.
        findings: The functions that yield choices between readings of a document.
        columns: The paths that each column, `table.column`, reads.

    Attributes:
        findings: The same functions.
        expected: The kind of value at each place, by the steps of its path; places above the reads
            are included.
        paths: The paths of core files that sources are asked for, dotted, sorted, beside the
            envelope.
        columns: The column that a place concerns, by path: the first column that reads the place,
            else the first that reads below, else the first that reads the list or object of which
            the place is an entry.
        digest: A name for all places, kinds and columns; findings are made anew when it changes.

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
        all_reads = [
            (table, read)
            for table, of_table in {"the envelope": ENVELOPE_READS, **reads}.items()
            for read in of_table
        ]
        declared: dict[Steps, tuple[str, Expected]] = {}
        for table, read in all_reads:
            if read.expected is not Expected.PRESENCE:
                _agree(declared, read.steps, read.expected, table)
        for core in CORE:
            _agree(declared, (core,), Expected.OBJECT, "every document")
        self.expected = {steps: kind for steps, (_, kind) in declared.items()}
        for table, read in all_reads:
            self._add_above(read, declared, table)
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
        """Yields the path of each place that concerns a column, and the column."""
        first: dict[str, str] = {}
        for column, paths in columns.items():
            for path in paths:
                first.setdefault(path, column)
        for path in map(path_of, self.expected):
            below = (
                c for p, c in first.items() if p.startswith((f"{path}.", f"{path}[", f"{path}{{"))
            )
            # The entries of a list concern the column that the list makes.
            whole = path.rstrip("[]{}")
            column = first.get(path) or next(below, "") or first.get(whole, "")
            if column:
                yield path, column

    def _add_above(
        self, read: Read, declared: Mapping[Steps, tuple[str, Expected]], table: str
    ) -> None:
        """Add the places above a read, as the lists and objects that its path passes."""
        for at in range(1, len(read.steps)):
            above, step = read.steps[:at], read.steps[at]
            implied = Expected.LIST if step == "[]" else Expected.OBJECT
            kind = self.expected.setdefault(above, implied)
            if kind not in (_HAS_ITEMS if step == "[]" else _HAS_KEYS):
                other = declared[above][0] if above in declared else "another table"
                raise DeclarationError(
                    f"{table} reads {read.path!r}, and {other} expects {kind} at "
                    f"{path_of(above)!r}, which cannot hold that"
                )


def _agree(
    declared: dict[Steps, tuple[str, Expected]], steps: Steps, kind: Expected, table: str
) -> None:
    other, known = declared.setdefault(steps, (table, kind))
    if known is not kind:
        raise DeclarationError(
            f"{path_of(steps)!r} is {known} for {other} and {kind} for {table}; it must be one of "
            "them"
        )


def path_of(steps: Steps) -> str:
    """Returns the path that has these steps."""
    return ".".join(steps).replace(".[]", "[]").replace(".{}", "{}")


def projected(reads: Sequence[Read]) -> tuple[str, ...]:
    """Returns the paths of core files, without `[]` and `{}`, that hold the values of all reads.

    Reads below a value that is kept whole add no path, nor do reads above another read.
    """
    whole = {read.names for read in reads if read.whole}
    above = {read.steps[:at] for read in reads for at in range(1, len(read.steps))}
    paths = set()
    for read in reads:
        names = read.names
        if names[0] in ENVELOPE or any(names[:at] in whole for at in range(1, len(names))):
            continue
        if read.expected is Expected.PRESENCE:
            # Every core file has this key, so its presence tells that the file is there.
            paths.add(f"{read.path}.object_type")
        elif read.whole or read.steps not in above:
            paths.add(".".join(names))
    return tuple(sorted(paths))


class Catalogue:
    """The tables of a cache.

    Args:
        acorns: The tables; each has a name of its own, and the tables that it is made from are
            included.
        unbuilt: Tables that are not made; one that a store has from earlier stays as it is.

    Attributes:
        acorns: The tables in the order given.
        unbuilt: The tables that are not made.
        by_name: The tables by name.
        in_order: The tables, each after those that it is made from.
        reads: The reads of a document by all tables.

    Raises:
        DeclarationError: A table cannot be built beside the others as it is declared.
    """

    def __init__(self, acorns: Iterable[Acorn], *, unbuilt: Iterable[Acorn] = ()) -> None:
        self.acorns = tuple(acorns)
        self.unbuilt = tuple(unbuilt)
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
            if isinstance(acorn.kind, ByDocument | ByKey | ByLineage | ByPlatform | FromSideFiles)
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
            key_type = self.by_name[ASSET_BASICS].column(acorn.kind.key).type
            if key_type != "string":
                raise DeclarationError(
                    f"{acorn.name}: it is split by {acorn.kind.key!r}, which is {key_type} in "
                    f"{ASSET_BASICS}; only the values of a string column are names of partitions"
                )

    @cached_property
    def asking(self) -> tuple[Acorn, ...]:
        """Returns the tables that ask side files; their findings are those of data assets."""
        return tuple(acorn for acorn in self.acorns if isinstance(acorn.kind, FromSideFiles))

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Returns the columns of asset_basics by which tables are split."""
        kinds = (acorn.kind for acorn in self.acorns)
        return tuple(dict.fromkeys(kind.key for kind in kinds if isinstance(kind, ByKey)))

    def made_from(self, acorn: Acorn) -> list[str]:
        """Returns the names of the tables that a table is made from."""
        if isinstance(acorn.kind, FromFindings):
            return [asking.name for asking in self.asking]
        return list(dict.fromkeys(read.table for read in acorn.kind.tables))

    def upstream(self, names: Iterable[str]) -> set[str]:
        """Returns these names and the names of all tables that these tables are made from."""
        upstream: set[str] = set()
        for name in names:
            if name not in upstream:
                upstream |= {name, *self.upstream(self.made_from(self.by_name[name]))}
        return upstream
