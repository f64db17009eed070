"""A pickled pandas frame, read without running anything that the pickle asks for.

`read_frame` is all there is: bytes in, frame out. Where the bytes come from, and what the columns
mean, is for the acorns.
"""

import datetime as dt
import io
import pickle
import pickletools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

LARGEST = 512 << 20
_DEEPEST = 20
# The least that a cell takes in a pickle is a bit, in an Arrow array of bools.
_CELLS_A_BYTE = 8

# What a pickle of a frame may name. The thing itself is never looked up: a stand-in notes what it
# was given, and the frame is then built here, from checked pieces. To allow the real ones would not
# do. numpy 2.4.6 takes `ndarray((1,), "O", b"AAAAAAAA")`, and an ndarray's state whose dtype lies
# about its flags: bytes of the pickle become pointers. pandas trusts a block's placement, and
# pyarrow a string's offsets, in the same way.
_ALLOWED = {
    "frame": ("pandas:DataFrame", "pandas.core.frame:DataFrame"),
    "manager": ("pandas.core.internals.managers:BlockManager",),
    "block": ("pandas._libs.internals:_unpickle_block",),
    "slice": ("builtins:slice", "__builtin__:slice"),
    "new index": (
        "pandas.core.indexes.base:_new_Index",
        "pandas.core.indexes.datetimes:_new_DatetimeIndex",
    ),
    "Index": ("pandas:Index", "pandas.core.indexes.base:Index"),
    "MultiIndex": ("pandas:MultiIndex", "pandas.core.indexes.multi:MultiIndex"),
    "RangeIndex": ("pandas:RangeIndex", "pandas.core.indexes.range:RangeIndex"),
    "CategoricalIndex": (
        "pandas:CategoricalIndex",
        "pandas.core.indexes.category:CategoricalIndex",
    ),
    "DatetimeIndex": ("pandas:DatetimeIndex", "pandas.core.indexes.datetimes:DatetimeIndex"),
    "TimedeltaIndex": ("pandas:TimedeltaIndex", "pandas.core.indexes.timedeltas:TimedeltaIndex"),
    # A time index may have one; it is dropped.
    "frequency": tuple(
        f"pandas._libs.tslibs.offsets:{unit}"
        for unit in ("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano")
    ),
    "ndarray": ("numpy:ndarray",),
    "dtype": ("numpy:dtype",),
    # numpy 2 renamed numpy.core; each reads what the other wrote.
    "array": (
        "numpy.core.multiarray:_reconstruct",
        "numpy._core.multiarray:_reconstruct",
    ),
    "array of a buffer": (
        "numpy.core.numeric:_frombuffer",
        "numpy._core.numeric:_frombuffer",
    ),
    "scalar": ("numpy.core.multiarray:scalar", "numpy._core.multiarray:scalar"),
    "backed": ("pandas._libs.arrays:__pyx_unpickle_NDArrayBacked",),
    "DatetimeArray": ("pandas.arrays:DatetimeArray", "pandas.core.arrays.datetimes:DatetimeArray"),
    "TimedeltaArray": (
        "pandas.arrays:TimedeltaArray",
        "pandas.core.arrays.timedeltas:TimedeltaArray",
    ),
    "Categorical": ("pandas:Categorical", "pandas.core.arrays.categorical:Categorical"),
    "StringArray": ("pandas.arrays:StringArray", "pandas.core.arrays.string_:StringArray"),
    "IntegerArray": ("pandas.arrays:IntegerArray", "pandas.core.arrays.integer:IntegerArray"),
    "FloatingArray": ("pandas.arrays:FloatingArray", "pandas.core.arrays.floating:FloatingArray"),
    "BooleanArray": ("pandas.arrays:BooleanArray", "pandas.core.arrays.boolean:BooleanArray"),
    "ArrowStringArray": (
        "pandas.arrays:ArrowStringArray",
        "pandas.core.arrays.string_arrow:ArrowStringArray",
        "pandas.core.arrays.string_arrow:ArrowStringArrayNumpySemantics",
    ),
    "ArrowExtensionArray": (
        "pandas.arrays:ArrowExtensionArray",
        "pandas.core.arrays.arrow.array:ArrowExtensionArray",
    ),
    "DatetimeTZDtype": ("pandas:DatetimeTZDtype", "pandas.core.dtypes.dtypes:DatetimeTZDtype"),
    "CategoricalDtype": ("pandas:CategoricalDtype", "pandas.core.dtypes.dtypes:CategoricalDtype"),
    "StringDtype": ("pandas:StringDtype", "pandas.core.arrays.string_:StringDtype"),
    # The arrays of these are of the dtype of their data.
    "dtype of its data": (
        "pandas:ArrowDtype",
        "pandas.core.dtypes.dtypes:ArrowDtype",
        "pandas:BooleanDtype",
        "pandas.core.arrays.boolean:BooleanDtype",
        *(f"pandas:{kind}{bits}Dtype" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)),
        *(
            f"pandas.core.arrays.integer:{kind}{bits}Dtype"
            for kind in ("Int", "UInt")
            for bits in (8, 16, 32, 64)
        ),
        *(f"pandas:Float{bits}Dtype" for bits in (32, 64)),
        *(f"pandas.core.arrays.floating:Float{bits}Dtype" for bits in (32, 64)),
    ),
    "arrow array": ("pyarrow.lib:_restore_array",),
    "arrow buffer": ("pyarrow.lib:py_buffer",),
    "arrow type": ("pyarrow.lib:type_for_alias",),
    "arrow timestamp": ("pyarrow.lib:timestamp",),
    "NA": ("pandas:NA", "pandas._libs.missing:NA"),
    "NaT": (
        "pandas._libs.tslibs.nattype:__nat_unpickle",
        "pandas._libs.tslibs.nattype:_nat_unpickle",
    ),
    "Timestamp": ("pandas._libs.tslibs.timestamps:_unpickle_timestamp",),
    "date": ("datetime:date",),
    "datetime": ("datetime:datetime",),
    "timedelta": ("datetime:timedelta",),
    "timezone": ("datetime:timezone",),
    "ZoneInfo": ("zoneinfo:ZoneInfo",),
    "pytz zone": ("pytz:_p",),
    "pytz UTC": ("pytz:_UTC",),
    "pytz offset": ("pytz:FixedOffset",),
    # How a ZoneInfo is pickled; nothing else may be got, see `_Asked.__new__`.
    "getattr": ("builtins:getattr", "__builtin__:getattr"),
    "bytes": ("builtins:bytearray", "__builtin__:bytearray", "__builtin__:bytes", "_codecs:encode"),
}
_ARROW_TYPES = frozenset(
    (
        *("null", "bool", "float", "double", "string", "large_string", "date32"),
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    )
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*|[+-]\d\d:\d\d", re.ASCII)
_CODE = re.compile(r"[?biufcmMO]\d{0,2}", re.ASCII)
_UNIT = re.compile(r"(s|ms|us|ns)", re.ASCII)
_RESOLUTIONS = {7: "s", 8: "ms", 9: "us", 10: "ns"}
_CONTAINERS = (list, tuple, dict)
_SETS = frozenset(("EMPTY_SET", "ADDITEMS", "FROZENSET"))
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_INTO_DICT = frozenset(("SETITEM", "SETITEMS", "DICT"))
_CONSTANTS: Mapping[pickletools.StackObject, bool | None] = {
    pickletools.markobject: None,
    **dict.fromkeys(
        (
            pickletools.pyint,
            pickletools.pylong,
            pickletools.pyinteger_or_bool,
            pickletools.pybool,
            pickletools.pyfloat,
            pickletools.pybytes_or_str,
            pickletools.pybytes,
            pickletools.pyunicode,
            pickletools.pynone,
        ),
        True,
    ),
}
_PLAIN = frozenset((str, int, float, bool, complex, bytes, type(None)))


class RefusedPickle(ValueError):
    """The pickle asks for something that no pickle of a frame needs; nothing of it was run."""


class UnreadableFrame(ValueError):
    """The bytes are no pickle, a damaged one, or one of something else than a frame."""


def read_frame(body: bytes) -> "pd.DataFrame":
    """The pandas frame in a pickle, as `DataFrame.to_pickle` of pandas 2 and 3 writes it.

    Columns may be numbers, bools, texts, times, categories, pandas' nullable and Arrow types, and
    objects of those; the row index may have any levels of them. What hangs on the frame besides
    (`attrs`, flags, an index's frequency) is dropped.

    Args:
        body: The pickle, not compressed.

    Raises:
        RefusedPickle: It names anything else; the message says what.
        UnreadableFrame: It is no pickle, damaged, too large, or no frame.
    """
    if len(body) > LARGEST:
        raise UnreadableFrame(
            f"a pickle of {len(body):,} bytes is not read: the limit is {LARGEST:,}"
        )
    try:
        _check_opcodes(body)
        asked = _Unpickler(io.BytesIO(body)).load()
    except (RefusedPickle, UnreadableFrame):
        raise
    except Exception as error:
        raise UnreadableFrame(
            f"{len(body):,} bytes that are no whole pickle (compressed, cut off or another "
            f"format?): {_said(error)}"
        ) from error
    if not _is(asked, "frame"):
        raise UnreadableFrame(f"the pickle holds no pandas frame but {_shown(asked)}")
    try:
        return _Builder(len(body)).frame(asked)
    except UnreadableFrame:
        raise
    except Exception as error:
        raise UnreadableFrame(
            f"the pickle holds a frame whose parts do not fit each other: {_said(error)}"
        ) from error


class _Asked:
    """The note of a call that a pickle asked for, and of the state that it set on the result."""

    __slots__ = ("args", "state")
    kind: ClassVar[str] = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Any:
        """Note the call; only getattr(ZoneInfo, "_unpickle") is answered, with ZoneInfo's note."""
        if cls.kind == "getattr":
            if len(args) == 2 and args[0] is _STAND_INS["zoneinfo:ZoneInfo"]:  # noqa: SIM102
                if args[1] == "_unpickle":
                    return args[0]
            wanted = ", ".join(_shown(a) for a in args)
            raise RefusedPickle(_refusal(f"builtins.getattr({wanted})"))
        made = super().__new__(cls)
        made.args, made.state = args, None
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state


_STAND_INS: Mapping[str, type[_Asked]] = {
    name: type("_Stand", (_Asked,), {"__slots__": (), "kind": kind})
    for kind, names in _ALLOWED.items()
    for name in names
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """The stand-in for a name; the whole name must be in the list, dots and all."""
        found = _STAND_INS.get(f"{module}:{name}")
        if found is None:
            raise RefusedPickle(_refusal(f"{module}.{name}"))
        return found

    def persistent_load(self, pid: Any, /) -> NoReturn:
        """Refuse what lies outside the pickle."""
        raise RefusedPickle(_refusal(f"the persistent id {_shown(pid)}"))


def _check_opcodes(body: bytes) -> None:
    """Refuse what harms before a name is looked up, by following what lies on the stack.

    Of each value on it only this is known: whether it is a plain constant; None is a mark.
    """
    stack: list[bool | None] = []
    memo: dict[int, bool | None] = {}
    for code, value, at in pickletools.genops(body):
        name = code.name
        if name.startswith("EXT"):
            # Looked up in a cache of the process, past `find_class`.
            raise RefusedPickle(_refusal(f"the extension code {value} (at byte {at})"))
        if name in _SETS:
            raise UnreadableFrame("a set is not read")
        if name == "MEMOIZE" or name in _PUTS:
            number = len(memo) if value is None else int(value)
            # The C unpickler makes room for twice the highest number, whatever it is.
            if number > len(body):
                raise UnreadableFrame(f"memo number {number} in a pickle of {len(body):,} bytes")
            memo[number] = stack[-1]
        elif name in _GETS:
            stack.append(memo[int(value or 0)])
        else:
            taken = _taken(stack, code)
            # CPython 3.11 dies of hashing a tuple that is a million deep.
            if name in _INTO_DICT and not all(taken[::2]):
                raise UnreadableFrame("a dict with a key that is no text or number")
            stack += [_CONSTANTS.get(after, False) for after in code.stack_after]


def _taken(stack: list[bool | None], code: pickletools.OpcodeInfo) -> list[bool | None]:
    """Take from the stack what an opcode does; what it puts into a container."""
    before = code.stack_before
    if pickletools.markobject in before:
        mark = len(stack) - 1
        while stack[mark] is not None:
            mark -= 1
        below = mark - before.index(pickletools.markobject)
        taken = stack[mark + 1 :]
    else:
        below = len(stack) - len(before)
        taken = stack[below + (code.name == "SETITEM") :] if before else []
    if below < 0:
        raise UnreadableFrame(f"{code.name} without anything to work on")
    del stack[below:]
    return taken


def _refusal(what: str) -> str:
    return (
        f"refused: the pickle asks for {what}, which a pandas frame of numbers, texts and times "
        "does not need; nothing was run. If the file is to be trusted, whoever writes it can leave "
        "out the column that needs it"
    )


def _is(value: Any, *kinds: str) -> bool:
    return isinstance(value, _Asked) and value.kind in kinds


def _names(value: Any, kind: str) -> bool:
    """Whether a value is the allowed name itself, not a call of it."""
    return isinstance(value, type) and issubclass(value, _Asked) and value.kind == kind


def _shown(value: Any) -> str:
    """A value for an error; never a container's content, which may be of any size."""
    if isinstance(value, _Asked):
        return value.kind
    if isinstance(value, type) and issubclass(value, _Asked):
        return f"the name {value.kind}"
    if isinstance(value, str | bytes | bool | float | None):
        return repr(value[:60] if isinstance(value, str | bytes) else value)
    return f"a {type(value).__name__}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _wanted(value: Any, *kinds: str) -> _Asked:
    if not isinstance(value, _Asked) or value.kind not in kinds:
        raise UnreadableFrame(f"{_shown(value)} in the place of {' or '.join(kinds)}")
    return value


class _Builder:
    """Builds a frame from notes, with pandas' public constructors, which check what they get."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen: dict[int, Any] = {}
        self.scalars: Mapping[str, Callable[[_Asked], Any]] = {
            "array": self.array,
            "array of a buffer": self.array,
            "bytes": self.octets,
            "scalar": self.numpy_scalar,
            "NaT": lambda _: self.pandas.NaT,
            "Timestamp": self.timestamp,
            "date": lambda a: dt.date(self.octets(a.args[0])),  # type: ignore[arg-type,call-arg]
            "datetime": self.datetime,
            "timedelta": lambda a: dt.timedelta(*map(self.whole, a.args)),
        }

    @property
    def pandas(self) -> Any:
        import pandas as pd  # noqa: PLC0415 - half a second, for one table

        return pd

    @property
    def numpy(self) -> Any:
        import numpy as np  # noqa: PLC0415 - with pandas

        return np

    def frame(self, asked: _Asked) -> "pd.DataFrame":
        manager = _wanted(asked.state["_mgr"], "manager")
        blocks, axes = manager.args[:2]
        columns, index = (self.index(axis) for axis in axes)
        found: dict[int, Any] = {}
        for block in blocks:
            values, placement = _wanted(block, "block").args[:2]
            places = self.places(placement, len(columns))
            if len(places) > self.size or len(places) * len(index) > _CELLS_A_BYTE * self.size:
                raise UnreadableFrame(f"a block of {len(places)} columns is larger than the pickle")
            for place, column in zip(places, self.columns(values, len(places)), strict=True):
                if place in found:
                    raise UnreadableFrame(f"column {place} is there twice")
                found[place] = self.pandas.Series(
                    column, index=index, dtype=column.dtype, copy=False
                )
        if len(found) != len(columns) or len(found) * len(index) > _CELLS_A_BYTE * self.size:
            raise UnreadableFrame(f"{len(found)} columns of values for {len(columns)} names")
        frame = self.pandas.DataFrame(dict(sorted(found.items())), index=index)
        frame.columns = columns
        return frame

    def places(self, asked: Any, count: int) -> range | list[int]:
        if _is(asked, "slice"):
            cut = slice(*(None if a is None else self.whole(a) for a in asked.args))
            return range(count)[cut]
        places: list[int] = self.array(asked).tolist()
        if not all(type(p) is int and 0 <= p < count for p in places):
            raise UnreadableFrame(f"a column placed outside of the {count} that there are")
        return places

    def columns(self, asked: Any, count: int) -> list[Any]:
        """The one or more columns of a block; those of numpy and of times share an array."""
        if _is(asked, "array", "array of a buffer"):
            values = self.array(asked)
            wrap = None
        elif _is(asked, "backed") and not _names(asked.args[0], "Categorical"):
            dtype, values, wrap = self.backed(asked)
        else:
            return [self.values(asked)]
        if values.ndim == 1:
            values = values.reshape(1, -1)
        if values.ndim != 2 or len(values) != count:
            raise UnreadableFrame(f"an array of shape {values.shape} for {count} columns")
        return [row if wrap is None else wrap(row, dtype) for row in values]

    def values(self, asked: Any) -> Any:
        """One dimension of values: a numpy array, or one of pandas' own kinds of arrays."""
        if _is(asked, "array", "array of a buffer"):
            return self.array(asked)
        if _is(asked, "backed"):
            dtype, values, wrap = self.backed(asked)
            return wrap(values, dtype)
        arrays = self.pandas.arrays
        masked = {
            "IntegerArray": arrays.IntegerArray,
            "FloatingArray": arrays.FloatingArray,
            "BooleanArray": arrays.BooleanArray,
        }
        asked = _wanted(asked, "backed", "ArrowStringArray", "ArrowExtensionArray", *masked)
        if asked.kind in masked:
            # The constructors take the arrays as they are, and those of a buffer are read-only.
            data, mask = (self.array(asked.state[key]).copy() for key in ("_data", "_mask"))
            return masked[asked.kind](data, mask)
        content = self.arrow(asked.state["_pa_array"])
        if asked.kind == "ArrowStringArray":
            return self.strings(content.to_pylist(), asked.state.get("_dtype"))
        return arrays.ArrowExtensionArray(content)

    def backed(self, asked: _Asked) -> tuple[Any, Any, Callable[[Any, Any], Any]]:
        """The dtype and the numpy array of a pandas array, and what makes one of them."""
        state = asked.state if asked.state is not None else asked.args[2]
        dtype, values = state[0], self.array(state[1])
        wraps = {
            "DatetimeArray": self.times,
            "TimedeltaArray": self.times,
            "Categorical": self.categories,
            "StringArray": self.strings,
        }
        for kind, wrap in wraps.items():
            if _names(asked.args[0], kind):
                return dtype, values, wrap
        raise UnreadableFrame(f"{_shown(asked.args[0])} in the place of a pandas array")

    def times(self, values: "np.ndarray", dtype: Any) -> Any:
        if values.dtype.kind not in "mM":
            raise UnreadableFrame(f"an array of {values.dtype} in the place of times")
        if _is(dtype, "dtype"):
            return values
        zone = self.zone(_wanted(dtype, "DatetimeTZDtype").state["tz"])
        index = self.pandas.DatetimeIndex(values)
        return index.tz_localize("UTC").tz_convert(zone).array

    def categories(self, values: "np.ndarray", dtype: Any) -> Any:
        state = _wanted(dtype, "CategoricalDtype").state
        return self.pandas.Categorical.from_codes(
            values, categories=self.index(state["categories"]), ordered=state["ordered"] is True
        )

    def strings(self, values: Iterable[Any], dtype: Any) -> Any:
        """Texts of the dtype that they had, as objects where this pandas does not know it."""
        pd = self.pandas
        storage, *missing = _wanted(dtype, "StringDtype").args or ("python",)
        is_nan = storage == "pyarrow_numpy" or bool(missing and missing[0] != missing[0])
        storage = "python" if storage == "python" else "pyarrow"
        texts = [v if isinstance(v, str) else None for v in values]
        if not is_nan:
            return pd.array(texts, dtype=pd.StringDtype(storage))
        try:
            return pd.array(texts, dtype=pd.StringDtype(storage, na_value=float("nan")))
        except TypeError:
            plain = [float("nan") if t is None else t for t in texts]
            return self.objects(plain, (len(plain),), "C")

    def index(self, asked: Any) -> "pd.Index":
        pd = self.pandas
        cls, state = _wanted(asked, "new index").args
        if _names(cls, "MultiIndex"):
            codes = [self.array(c) for c in state["codes"]]
            names = [self.label(name) for name in state["names"]]
            return pd.MultiIndex([self.index(one) for one in state["levels"]], codes, names=names)
        name = self.label(state["name"])
        if _names(cls, "RangeIndex"):
            return pd.RangeIndex(
                *(self.whole(state[k]) for k in ("start", "stop", "step")), name=name
            )
        if not any(
            _names(cls, kind)
            for kind in ("Index", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex")
        ):
            raise UnreadableFrame(f"{_shown(cls)} in the place of an index")
        values = self.values(state["data"])
        if values.ndim != 1:
            raise UnreadableFrame(f"an index of {values.ndim} dimensions")
        # Hashed by pandas, each as often as it is there: lists of lists could take for ever.
        if values.dtype == object and any(isinstance(v, _CONTAINERS) for v in values):
            raise UnreadableFrame("an index of lists, tuples or dicts")
        return pd.Index(values, dtype=values.dtype, name=name)

    def label(self, name: Any) -> Any:
        words = name if isinstance(name, tuple) else (name,)
        if not all(type(word) in _PLAIN for word in words):
            raise UnreadableFrame(f"{_shown(name)} in the place of a name")
        return name

    def array(self, asked: Any) -> "np.ndarray":
        np = self.numpy
        asked = _wanted(asked, "array", "array of a buffer")
        axes = None
        if asked.kind == "array":
            _, shape, code, fortran, content = asked.state
            order = "F" if fortran else "C"
        else:
            content, code, shape, order, *more = asked.args
            axes = more[0] if more and order == "K" else None
            order = "F" if order == "F" else "C"
        shape = tuple(map(self.whole, shape))
        dtype = self.dtype(code)
        if dtype.kind == "O":
            return self.objects(content, shape, order)
        array = np.frombuffer(self.octets(content), dtype).reshape(shape, order=order)
        turned: Any = array if axes is None else array.transpose(axes)
        return turned  # type: ignore[no-any-return]

    def objects(self, content: Any, shape: tuple[int, ...], order: Any) -> "np.ndarray":
        if not isinstance(content, list):
            raise UnreadableFrame(f"{_shown(content)} in the place of a list of objects")
        array = self.numpy.empty(len(content), dtype=object)
        for place, value in enumerate(content):
            array[place] = value if type(value) in _PLAIN else self.scalar(value)
        return array.reshape(shape, order=order)  # type: ignore[no-any-return]

    def dtype(self, asked: Any) -> "np.dtype":
        asked = _wanted(asked, "dtype")
        code, state = asked.args[0], asked.state
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise UnreadableFrame(f"{_shown(code)} in the place of a numpy type")
        if code[0] == "O":
            return self.numpy.dtype(object)  # type: ignore[no-any-return]
        order = ">" if state is not None and state[1] == ">" else "<"
        if code[0] in "mM":
            unit = self.octets(state[8][1][0]).decode("ascii")
            if not _UNIT.fullmatch(unit) or state[8][1][1] != 1:
                raise UnreadableFrame(f"times in {unit[:20]!r} are not read")
            code = f"{code[0]}8[{unit}]"
        return self.numpy.dtype(order + code)  # type: ignore[no-any-return]

    def octets(self, asked: Any) -> bytes:
        """Bytes; protocols 2 to 4 write some of them as a call, protocol 2 as a text."""
        if _is(asked, "bytes"):
            if not asked.args:
                return b""
            asked = asked.args[0]
            return asked.encode("latin-1") if isinstance(asked, str) else self.octets(asked)
        if not isinstance(asked, bytes | bytearray):
            raise UnreadableFrame(f"{_shown(asked)} in the place of bytes")
        return bytes(asked)

    def arrow(self, asked: Any) -> "pa.Array":
        import pyarrow as pa  # noqa: PLC0415 - only for frames that have such columns

        kind, length, _, offset, buffers, children, dictionary = _wanted(asked, "arrow array").args[
            0
        ]
        if children or dictionary is not None:
            raise UnreadableFrame("an Arrow array of arrays is not read")
        kind = _wanted(kind, "arrow type", "arrow timestamp")
        if kind.kind == "arrow type":
            if kind.args[0] not in _ARROW_TYPES:
                raise UnreadableFrame(f"an Arrow array of {_shown(kind.args[0])} is not read")
            wanted = pa.type_for_alias(kind.args[0])
        else:
            unit, *zone = kind.args
            wanted = pa.timestamp(unit, self.zone_name(zone[0]) if zone and zone[0] else None)
        parts = [
            None if b is None else pa.py_buffer(self.octets(_wanted(b, "arrow buffer").args[0]))
            for b in buffers
        ]
        array = pa.Array.from_buffers(wanted, self.whole(length), parts, offset=self.whole(offset))
        array.validate(full=True)
        return array

    def scalar(self, value: Any, depth: int = 0) -> Any:
        """A value of an object column; a list or dict with its values made, too."""
        if type(value) in _PLAIN:
            return value
        if _names(value, "NA"):
            return self.pandas.NA
        if depth > _DEEPEST:
            raise UnreadableFrame(f"values lie in each other more than {_DEEPEST} deep")
        # What is shared is made once: a small pickle can hold a list of lists of any size.
        if id(value) not in self.seen:
            self.seen[id(value)] = self._made(value, depth + 1)
        return self.seen[id(value)]

    def _made(self, value: Any, depth: int) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(self.scalar(item, depth) for item in value)
        if isinstance(value, dict):
            return {k: self.scalar(v, depth) for k, v in value.items() if type(k) in _PLAIN}
        return self.scalars[_wanted(value, *self.scalars).kind](value)

    def whole(self, value: Any) -> int:
        number = self.scalar(value)
        if isinstance(number, bool) or not isinstance(number, int | self.numpy.integer):
            raise UnreadableFrame(f"{_shown(value)} in the place of a whole number")
        return int(number)

    def numpy_scalar(self, asked: _Asked) -> Any:
        dtype = self.dtype(asked.args[0])
        if dtype.kind == "O":
            raise UnreadableFrame("a numpy scalar that holds an object")
        return self.numpy.frombuffer(self.octets(asked.args[1]), dtype)[0]

    def timestamp(self, asked: _Asked) -> Any:
        value, _, zone, *resolution = asked.args
        unit = _RESOLUTIONS[self.whole(resolution[0]) if resolution else 10]
        made = self.pandas.Timestamp(self.numpy.datetime64(self.whole(value), unit))
        return made if zone is None else made.tz_localize("UTC").tz_convert(self.zone(zone))

    def datetime(self, asked: _Asked) -> dt.datetime:
        made = dt.datetime(self.octets(asked.args[0]))  # type: ignore[arg-type,call-arg]  # noqa: DTZ001
        if len(asked.args) < 2:
            return made
        zone = self.zone(asked.args[1])
        return made.replace(tzinfo=zone) if isinstance(zone, dt.tzinfo) else self._in(made, zone)

    def _in(self, made: dt.datetime, zone: str) -> dt.datetime:
        import zoneinfo  # noqa: PLC0415 - reads files

        return made.replace(tzinfo=zoneinfo.ZoneInfo(zone))

    def zone(self, asked: Any) -> dt.tzinfo | str:
        """A fixed offset, or the checked name of a time zone."""
        asked = _wanted(asked, "timezone", "ZoneInfo", "pytz zone", "pytz UTC", "pytz offset")
        if asked.kind == "timezone":
            return dt.timezone(self.scalar(_wanted(asked.args[0], "timedelta")))
        if asked.kind == "pytz offset":
            return dt.timezone(dt.timedelta(minutes=self.whole(asked.args[0])))
        return "UTC" if asked.kind == "pytz UTC" else self.zone_name(asked.args[0])

    def zone_name(self, name: Any) -> str:
        # A name is a path in the folder of time zones.
        if not isinstance(name, str) or not _ZONE.fullmatch(name):
            raise UnreadableFrame(f"{_shown(name)} in the place of a time zone's name")
        return name
