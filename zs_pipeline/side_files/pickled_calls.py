"""Reads a pickle as notes of the calls that it asks for, without importing or running anything.

This module lists the names that a pickle of a pandas frame may hold, and refuses all others. Frames
are built from the notes in `zs_pipeline.side_files.pickled_frame`.
"""

import io
import pickle
import pickletools
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

# The names that a pickle of a frame may have. They are never imported: a stand-in notes its
# arguments, and the frame is then built from checked values. Real classes would be unsafe. numpy
# 2.4.6 takes `ndarray((1,), "O", b"AAAAAAAA")`, and an ndarray's state whose dtype lies about its
# flags: bytes of the pickle become pointers. pandas trusts a block's placement, and pyarrow a
# string's offsets, in the same way.
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
    # A time index may have a frequency, which is dropped.
    "frequency": tuple(
        f"pandas._libs.tslibs.offsets:{unit}"
        for unit in ("Day", "Hour", "Minute", "Second", "Milli", "Micro", "Nano")
    ),
    "ndarray": ("numpy:ndarray",),
    "dtype": ("numpy:dtype",),
    # numpy 2 renamed numpy.core; each reads what the other wrote.
    "array": ("numpy.core.multiarray:_reconstruct", "numpy._core.multiarray:_reconstruct"),
    "array of a buffer": ("numpy.core.numeric:_frombuffer", "numpy._core.numeric:_frombuffer"),
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
    # The data of such an array already has the dtype.
    "dtype of its data": (
        "pandas:ArrowDtype",
        "pandas.core.dtypes.dtypes:ArrowDtype",
        "pandas:BooleanDtype",
        "pandas.core.arrays.boolean:BooleanDtype",
        *(
            f"{module}:{kind}{bits}Dtype"
            for module in ("pandas", "pandas.core.arrays.integer")
            for kind in ("Int", "UInt")
            for bits in (8, 16, 32, 64)
        ),
        *(
            f"{module}:Float{bits}Dtype"
            for module in ("pandas", "pandas.core.arrays.floating")
            for bits in (32, 64)
        ),
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
    # A ZoneInfo is pickled in this way; no other attribute is allowed, see `Call.__new__`.
    "getattr": ("builtins:getattr", "__builtin__:getattr"),
    "bytes": ("builtins:bytearray", "__builtin__:bytearray", "__builtin__:bytes", "_codecs:encode"),
}
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


class RefusedPickle(ValueError):
    """The pickle asks for a name that no pickle of a frame needs; nothing was run."""


class UnreadableFrame(ValueError):
    """The bytes are no pickle, a damaged pickle, or a pickle of another object than a frame."""


class Call:
    """A call that a pickle asks for, with the state that the pickle sets on the result."""

    __slots__ = ("args", "state")
    kind: ClassVar[str] = ""
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Any:
        """Note the call; getattr(ZoneInfo, "_unpickle") returns the stand-in for ZoneInfo."""
        if cls.kind == "getattr":
            if len(args) == 2 and args[0] is _STAND_INS["zoneinfo:ZoneInfo"]:  # noqa: SIM102
                if args[1] == "_unpickle":
                    return args[0]
            names = ", ".join(described(a) for a in args)
            raise RefusedPickle(_refusal(f"builtins.getattr({names})"))
        call = super().__new__(cls)
        call.args, call.state = args, None
        return call

    def __setstate__(self, state: Any) -> None:
        self.state = state


_STAND_INS: Mapping[str, type[Call]] = {
    name: type("_Stand", (Call,), {"__slots__": (), "kind": kind})
    for kind, names in _ALLOWED.items()
    for name in names
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        """Returns the stand-in for an allowed name; the whole dotted name must be allowed."""
        stand_in = _STAND_INS.get(f"{module}:{name}")
        if stand_in is None:
            raise RefusedPickle(_refusal(f"{module}.{name}"))
        return stand_in

    def persistent_load(self, pid: Any, /) -> NoReturn:
        """Refuse objects outside the pickle."""
        raise RefusedPickle(_refusal(f"the persistent id {described(pid)}"))


def load_calls(body: bytes) -> Any:
    """Returns the object in a pickle, with a `Call` in place of each call that the pickle asks for.

    Raises:
        RefusedPickle: The pickle has a name that no pickle of a frame needs.
        UnreadableFrame: The pickle is damaged in a harmful way; other errors mean no pickle.
    """
    _check_opcodes(body)
    return _Unpickler(io.BytesIO(body)).load()


def _check_opcodes(body: bytes) -> None:
    """Refuse harmful opcodes before unpickling, by following the stack.

    For each value on the stack only this is known: whether the value is a plain constant; None is a
    mark.
    """
    stack: list[bool | None] = []
    memo: dict[int, bool | None] = {}
    for code, value, at in pickletools.genops(body):
        name = code.name
        if name.startswith("EXT"):
            # An extension comes from a cache of the process and bypasses `find_class`.
            raise RefusedPickle(_refusal(f"the extension code {value} (at byte {at})"))
        if name in _SETS:
            raise UnreadableFrame("a set is not read")
        if name == "MEMOIZE" or name in _PUTS:
            number = len(memo) if value is None else int(value)
            # The C unpickler allocates memory for twice the highest number.
            if number > len(body):
                raise UnreadableFrame(f"memo number {number} in a pickle of {len(body):,} bytes")
            memo[number] = stack[-1]
        elif name in _GETS:
            stack.append(memo[int(value or 0)])
        else:
            taken = _taken(stack, code)
            # CPython 3.11 crashes when it hashes a tuple that is a million deep.
            if name in _INTO_DICT and not all(taken[::2]):
                raise UnreadableFrame("a dict with a key that is no text or number")
            stack += [_CONSTANTS.get(after, False) for after in code.stack_after]


def _taken(stack: list[bool | None], code: pickletools.OpcodeInfo) -> list[bool | None]:
    """Pop the operands of an opcode from the stack; return those for its container."""
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


def _refusal(name: str) -> str:
    return (
        f"refused: the pickle asks for {name}, which a pandas frame of numbers, texts and times "
        "does not need; nothing was run. If the file is to be trusted, whoever writes it can leave "
        "out the column that needs it"
    )


def is_call(value: Any, *kinds: str) -> bool:
    """Returns whether a value is a call of one of these kinds."""
    return isinstance(value, Call) and value.kind in kinds


def is_name(value: Any, *kinds: str) -> bool:
    """Returns whether a value is an allowed name of one of these kinds, not a call of the name."""
    return isinstance(value, type) and issubclass(value, Call) and value.kind in kinds


def described(value: Any) -> str:
    """Returns a description for an error, without the content of containers, which may be large."""
    if isinstance(value, Call):
        return value.kind
    if isinstance(value, type) and issubclass(value, Call):
        return f"the name {value.kind}"
    if isinstance(value, str | bytes | bool | float | None):
        return repr(value[:60] if isinstance(value, str | bytes) else value)
    return f"a {type(value).__name__}"


def expect(value: Any, *kinds: str) -> Call:
    """Returns a value that is a call of one of these kinds; raises `UnreadableFrame` otherwise."""
    if not isinstance(value, Call) or value.kind not in kinds:
        raise UnreadableFrame(f"{described(value)} in the place of {' or '.join(kinds)}")
    return value
