"""Which rows and columns of a table are wanted: from the words of a call to tests of columns.

`name=` and every other column by its name, `…_contains`, `…_after` and `…_before`. Which table is
read, and from where, is in `zs_client.read`.
"""

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from zs_client import kinds
from zs_client.parquet import File

if TYPE_CHECKING:
    import pyarrow as pa

Value = str | int | float | bool | date | None
# What a filter takes: a value, or several of which one has to fit; None is null. `...`, as when it
# is left out: all rows.
Values = Value | Iterable[Value] | EllipsisType
Text = str | int | None | Iterable[str | int | None] | EllipsisType
Flag = bool | EllipsisType
Time = str | date | EllipsisType
Names = str | Iterable[str] | None

# Words for columns that are called otherwise, or differently in each table.
ALIASES = {
    "modality": ("modalities",),
    "tag": ("tags",),
    "acquired": ("acquisition_start_time", "timestamp"),
}
_SHOWN = 80


@dataclass(frozen=True)
class Test:
    """One test of one column.

    Attributes:
        column: The column.
        mask: For each of its values whether it passes; never null.
        may: Whether a row group with these statistics may have a value that passes.
    """

    column: str
    mask: "Callable[[pa.ChunkedArray], pa.Array]"
    may: Callable[[Any], bool]


def chosen(columns: Names, schema: "pa.Schema", where: str) -> list[str]:
    """The names of the columns that are wanted, in their order.

    Raises:
        ValueError: There is no such column; the message lists those that there are.
    """
    if columns is None:
        return list(schema.names)
    wanted = texts(f"{where}: columns=", columns)
    for name in wanted:
        if name not in schema.names:
            raise ValueError(
                f"{where}: there is no column {short(name)}. {near(name, schema.names)}"
            )
    if not wanted:
        raise ValueError(f"{where}: columns= names no column. {near('', schema.names)}")
    return list(dict.fromkeys(wanted))


def texts(what: str, given: Any) -> list[Any]:
    """The entries of what may be a text or several; what they are is for the caller to see.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(given, str):
        return [given]
    if isinstance(given, Iterable) and not isinstance(given, bytes):
        return list(given)
    raise TypeError(f"{what} takes a text or several, not {short(given)}")


def near(name: Any, names: Sequence[str], close_to: Sequence[str] = ()) -> str:
    """What there is, as a sentence; first what is written like a name, of those or of others."""
    close = difflib.get_close_matches(str(name)[:_SHOWN], [*names, *close_to], n=3, cutoff=0.5)
    rest = [other for other in names if other not in close]
    return f"There are {', '.join([*close, *rest]) or 'none'}"


def tests(filters: Mapping[str, Any], schema: "pa.Schema", where: str) -> list[Test]:
    """The tests that filters stand for.

    Raises:
        ValueError: There is no such filter, or its value does not fit the column; the message
            lists what there is.
        TypeError: A value is of no kind that the column has.
    """
    return [_test(name, value, schema, where) for name, value in filters.items()]


def select(
    file: File, wanted: Sequence[str], asked: Sequence[Test], limit: int | None
) -> "pa.Table":
    """The rows of a file that pass all tests, in its order, no more than the limit.

    Only row groups that may have such rows are read, and of those that have none only the columns
    that are tested.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    groups = [
        group
        for group in file.groups
        if all(test.may(file.statistics(group, test.column)) for test in asked)
    ]
    masks: dict[int, pa.Array | None] = {}
    tested = list(dict.fromkeys(test.column for test in asked))
    if tested:
        content = file.read(groups, tested)
        start = 0
        for group in groups:
            part = content.slice(start, file.rows(group))
            start += part.num_rows
            mask = None
            for test in asked:
                found = test.mask(part[test.column])
                mask = found if mask is None else pc.and_(mask, found)
            if pc.any(mask, min_count=0).as_py():
                masks[group] = mask
    else:
        masks = dict.fromkeys(groups)
    kept, count = [], 0
    for group, mask in masks.items():
        if limit is not None and count >= limit:
            break
        kept.append(group)
        count += file.rows(group) if mask is None else pc.sum(mask).as_py()
    content = file.read(kept, wanted)
    if tested:
        flags = [masks[group] for group in kept]
        content = content.filter(pa.chunked_array(flags, pa.bool_()))
    return content if limit is None else content.slice(0, limit)


def _test(name: str, value: Any, schema: "pa.Schema", where: str) -> Test:
    import pyarrow as pa

    column, _, kind = name.rpartition("_")
    plain = _column(name, schema)
    if plain is not None and not _is_filter(schema.field(plain).type):
        kind_of = "map" if pa.types.is_map(schema.field(plain).type) else schema.field(plain).type
        raise ValueError(f"{where}: {name} is a {kind_of}, and no filter. {_all(name, schema)}")
    if plain is not None:
        return _equal(name, plain, value, schema.field(plain).type, where)
    found = _column(column, schema)
    typed = None if found is None else schema.field(found).type
    if kind == "contains" and typed is not None and _is_text(typed):
        return _contains(name, str(found), value, typed, where)
    if kind in ("after", "before") and typed is not None and _ordered(typed):
        return _border(name, str(found), value, typed, where)
    raise ValueError(f"{where}: there is no filter {short(name)}. {_all(name, schema)}")


def _all(name: str, schema: "pa.Schema") -> str:
    """What filters there are, as sentences, those first that are written like a name."""
    plain = [field.name for field in schema if _is_filter(field.type)]
    aliases = [alias for alias in ALIASES if alias not in plain and _column(alias, schema)]
    texts = [f"{field.name}_contains" for field in schema if _is_text(field.type)]
    ordered = [f.name for f in schema if _ordered(f.type)] + aliases
    borders = [f"{column}_{kind}" for column in ordered for kind in ("after", "before")]
    acquired = ["acquired_after", "acquired_before"] if "acquired" in aliases else []
    listed = [*plain, *(alias for alias in aliases if alias != "acquired"), *acquired]
    return (
        f"{near(name, listed, texts + borders)}; texts also have …_contains, texts and times "
        "…_after and …_before"
    )


def _column(name: str, schema: "pa.Schema") -> str | None:
    return next((c for c in (name, *ALIASES.get(name, ())) if c in schema.names), None)


def _is_text(kind: "pa.DataType") -> bool:
    """Returns whether a column is asked as text is: also one that has no value in this file."""
    import pyarrow as pa

    return kinds.is_text(kind) or bool(pa.types.is_null(kind))


def _ordered(kind: "pa.DataType") -> bool:
    return _is_text(kind) or kinds.is_time(kind)


def _asked_as(kind: "pa.DataType") -> "pa.DataType":
    """Returns the type in which a column is compared; one without any value has no type."""
    import pyarrow as pa

    return pa.string() if pa.types.is_null(kind) else kind


def _is_filter(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    inner = kind.value_type if kinds.is_list(kind) else kind
    return not (pa.types.is_nested(inner) or pa.types.is_binary(inner))


def _equal(name: str, column: str, value: Any, kind: "pa.DataType", where: str) -> Test:
    import pyarrow as pa
    import pyarrow.compute as pc

    several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    inner = _asked_as(kind.value_type if kinds.is_list(kind) else kind)
    listed = [_fit(name, one, inner, where) for one in (list(value) if several else [value])]
    # As of `raw_to_derived`: abbreviations are written SPIM and spim.
    folded = name == "modality" and kinds.is_text(inner)
    wanted = pa.array(listed, inner)
    if folded:
        wanted = pc.utf8_lower(wanted)

    def flat(found: "pa.ChunkedArray | pa.Array") -> "pa.Array":
        found = found if found.type == inner else found.cast(inner)
        found = pc.utf8_lower(found) if folded else found
        return pc.is_in(found, value_set=wanted, skip_nulls=False)

    def within(found: "pa.ChunkedArray") -> "pa.Array":
        whole = found.combine_chunks()
        hits = pc.list_parent_indices(whole).filter(flat(pc.list_flatten(whole)))
        mask = pc.is_in(pa.array(range(len(whole)), hits.type), value_set=hits)
        return pc.or_(mask, whole.is_null()) if None in listed else mask

    def may(told: Any) -> bool:
        if folded or told is None or not told.has_min_max or not told.has_null_count:
            return True
        return any(
            told.null_count > 0 if one is None else told.min <= one <= told.max for one in listed
        )

    if kinds.is_list(kind):
        # The statistics count an empty list and a null one alike.
        return Test(column, within, (lambda _: True) if None in listed else may)
    if pa.types.is_floating(kind):
        return Test(column, lambda found: _whole(flat(found)), lambda _: True)
    return Test(column, lambda found: _whole(flat(found)), may)


def _contains(name: str, column: str, value: Any, kind: "pa.DataType", where: str) -> Test:
    import pyarrow as pa
    import pyarrow.compute as pc

    several = isinstance(value, Iterable) and not isinstance(value, str | bytes)
    wanted = list(value) if several else [value]
    for one in wanted:
        if not isinstance(one, str):
            raise TypeError(f"{where}: {name} takes a text, not {short(one)}")
        _encodable(name, one, where)

    text = _asked_as(kind)

    def mask(found: "pa.ChunkedArray") -> "pa.Array":
        found = found.cast(text)
        passed = pc.is_in(found, value_set=found.slice(0, 0).combine_chunks())
        # `ignore_case=True` takes seconds for a text of 10,000 characters (pyarrow 26).
        lower = pc.utf8_lower(found)
        for one in wanted:
            hits = pc.match_substring(lower, pc.utf8_lower(pa.scalar(one)).as_py())
            passed = pc.or_(passed, pc.fill_null(hits, fill_value=False))
        return _whole(passed)

    return Test(column, mask, lambda _: True)


def _border(name: str, column: str, value: Any, kind: "pa.DataType", where: str) -> Test:
    import pyarrow as pa
    import pyarrow.compute as pc

    if value is None:
        raise TypeError(f"{where}: {name} takes a time or a text; leave it out for all rows")
    kind = _asked_as(kind)
    border = _fit(name, value, kind, where)
    scalar = pa.scalar(border, kind)
    after = name.endswith("_after")
    compare = pc.greater_equal if after else pc.less

    def may(told: Any) -> bool:
        if told is None or not told.has_min_max:
            return True
        return bool(told.max >= border if after else told.min < border)

    return Test(
        column,
        lambda found: _whole(pc.fill_null(compare(found.cast(kind), scalar), fill_value=False)),
        may,
    )


def _whole(mask: Any) -> "pa.Array":
    return mask.combine_chunks() if hasattr(mask, "combine_chunks") else mask


def _fit(name: str, value: Any, kind: "pa.DataType", where: str) -> Any:
    """A value as the column has it."""
    import pyarrow as pa

    # What pandas has for null is not equal to itself, or says that it cannot tell.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:  # noqa: PLR0124
        return None
    try:
        if kinds.is_text(kind):
            return _encodable(name, value if isinstance(value, str) else _digits(value), where)
        if kinds.is_time(kind):
            return _time(value, kind)
        if kind == pa.bool_():
            return _truth(value)
        if isinstance(value, bool):
            raise TypeError  # noqa: TRY301 - True is 1 to Python
        if pa.types.is_integer(kind):
            found = int(value) if isinstance(value, str) else operator.index(value)
            return pa.scalar(found, kind).as_py()
        exact = pa.types.is_decimal(kind)
        return pa.scalar(Decimal(str(value)), kind).as_py() if exact else float(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        wants = _WANTS.get(str(kind)) or (_WANTS_TIME if kinds.is_time(kind) else kinds.name(kind))
        kind_of = TypeError if isinstance(error, TypeError) else ValueError
        raise kind_of(f"{where}: {name} takes {wants}, not {short(value)}") from None


_WANTS = {
    "string": "a text",
    "bool": "True or False",
    "int32": "a whole number",
    "int64": "a whole number",
    "double": "a number",
    "large_string": "a text",
}
_WANTS_TIME = "a datetime, a date, or a text such as 2026-05-01"


def _digits(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError
    return str(operator.index(value))


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False}[value.lower()] if value.lower() in _TRUTH else _no()
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        raise TypeError
    return bool(value)


_TRUTH = ("true", "false")


def _no() -> bool:
    raise ValueError


def _time(value: Any, kind: "pa.DataType") -> date:
    """Returns a moment as a column has it: a day, in UTC, or without a zone where it has none."""
    import pyarrow as pa

    found = moment(value)
    if pa.types.is_date(kind):
        return found.date()
    return found if kind.tz else found.replace(tzinfo=None)


def moment(value: Any) -> datetime:
    """A time in UTC from a datetime, a date or their text; without a zone it is taken for UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, date):
        raise TypeError
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    found: datetime = value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _encodable(name: str, value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where}: {name} has half a character: {ascii(value)[:_SHOWN]}") from None
    return value


def short(value: Any) -> str:
    """A value for a message, cut when it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
