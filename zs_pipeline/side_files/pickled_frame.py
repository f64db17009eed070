"""A pickled pandas frame, read without running anything that the pickle asks for.

`read_frame` is the only function for others. A frame is built from the notes that
`zs_pipeline.side_files.pickled_calls` makes of the pickle. Acorns know where the bytes come from
and what the columns mean.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zs_pipeline.side_files.pickled_calls import (
    Call,
    RefusedPickle,
    UnreadableFrame,
    described,
    expect,
    is_call,
    is_name,
    load_calls,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

LARGEST = 512 << 20
_DEEPEST = 20
# A cell takes at least one bit in a pickle, in an Arrow array of bools.
_CELLS_A_BYTE = 8
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
_PLAIN = frozenset((str, int, float, bool, complex, bytes, type(None)))


def read_frame(body: bytes) -> "pd.DataFrame":
    """Returns the pandas frame in a pickle, as `DataFrame.to_pickle` of pandas 2 and 3 writes it.

    Columns may be numbers, bools, texts, times, categories, pandas' nullable and Arrow types, and
    objects of those; the row index may have levels of the same types. Other properties of the frame
    (`attrs`, flags, an index's frequency) are dropped.

    Args:
        body: The pickle, not compressed.

    Raises:
        RefusedPickle: The pickle has a name that no frame needs; the message has the name.
        UnreadableFrame: The bytes are no pickle, damaged, too large, or no frame.
    """
    if len(body) > LARGEST:
        raise UnreadableFrame(
            f"a pickle of {len(body):,} bytes is not read: the limit is {LARGEST:,}"
        )
    defect = (
        f"{len(body):,} bytes that are no whole pickle (compressed, cut off or another format?)"
    )
    with _as_unreadable(defect):
        call = load_calls(body)
    if not is_call(call, "frame"):
        raise UnreadableFrame(f"the pickle holds no pandas frame but {described(call)}")
    with _as_unreadable("the pickle holds a frame whose parts do not fit each other"):
        return _Builder(len(body)).frame(call)


@contextmanager
def _as_unreadable(defect: str) -> Iterator[None]:
    try:
        yield
    except (RefusedPickle, UnreadableFrame):
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        raise UnreadableFrame(f"{defect}: {reason}") from error


class _Builder:
    """Builds a frame from calls, with pandas' public constructors, which check their arguments."""

    def __init__(self, size: int) -> None:
        import numpy as np  # noqa: PLC0415 - with pandas
        import pandas as pd  # noqa: PLC0415 - half a second, for one table

        self.numpy: Any = np
        self.pandas: Any = pd
        self.size = size
        self.seen: dict[int, Any] = {}
        self.scalars: Mapping[str, Callable[[Call], Any]] = {
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

    def frame(self, call: Call) -> "pd.DataFrame":
        manager = expect(call.state["_mgr"], "manager")
        blocks, axes = manager.args[:2]
        columns, index = (self.index(axis) for axis in axes)
        by_position: dict[int, Any] = {}
        for block in blocks:
            values, placement = expect(block, "block").args[:2]
            positions = self.positions(placement, len(columns))
            count = len(positions)
            if count > self.size or count * len(index) > _CELLS_A_BYTE * self.size:
                raise UnreadableFrame(f"a block of {count} columns is larger than the pickle")
            for position, column in zip(positions, self.columns(values, count), strict=True):
                if position in by_position:
                    raise UnreadableFrame(f"column {position} is there twice")
                by_position[position] = self.pandas.Series(
                    column, index=index, dtype=column.dtype, copy=False
                )
        count = len(by_position)
        if count != len(columns) or count * len(index) > _CELLS_A_BYTE * self.size:
            raise UnreadableFrame(f"{count} columns of values for {len(columns)} names")
        frame = self.pandas.DataFrame(dict(sorted(by_position.items())), index=index)
        frame.columns = columns
        return frame

    def positions(self, call: Any, count: int) -> range | list[int]:
        if is_call(call, "slice"):
            cut = slice(*(None if a is None else self.whole(a) for a in call.args))
            return range(count)[cut]
        positions: list[int] = self.array(call).tolist()
        if not all(type(p) is int and 0 <= p < count for p in positions):
            raise UnreadableFrame(f"a column placed outside of the {count} that there are")
        return positions

    def columns(self, call: Any, count: int) -> list[Any]:
        """Returns the columns of a block; columns of numpy types and of times share an array."""
        if is_call(call, "array", "array of a buffer"):
            values = self.array(call)
            wrap = None
        elif is_call(call, "backed") and not is_name(call.args[0], "Categorical"):
            dtype, values, wrap = self.backed(call)
        else:
            return [self.values(call)]
        if values.ndim == 1:
            values = values.reshape(1, -1)
        if values.ndim != 2 or len(values) != count:
            raise UnreadableFrame(f"an array of shape {values.shape} for {count} columns")
        return [row if wrap is None else wrap(row, dtype) for row in values]

    def values(self, call: Any) -> Any:
        """Returns values in one dimension, as a numpy array or an array of pandas."""
        if is_call(call, "array", "array of a buffer"):
            return self.array(call)
        if is_call(call, "backed"):
            dtype, values, wrap = self.backed(call)
            return wrap(values, dtype)
        arrays = self.pandas.arrays
        masked = {
            "IntegerArray": arrays.IntegerArray,
            "FloatingArray": arrays.FloatingArray,
            "BooleanArray": arrays.BooleanArray,
        }
        call = expect(call, "backed", "ArrowStringArray", "ArrowExtensionArray", *masked)
        if call.kind in masked:
            # The constructors do not copy the arrays, and arrays of a buffer are read-only.
            data, mask = (self.array(call.state[key]).copy() for key in ("_data", "_mask"))
            return masked[call.kind](data, mask)
        content = self.arrow(call.state["_pa_array"])
        if call.kind == "ArrowStringArray":
            return self.strings(content.to_pylist(), call.state.get("_dtype"))
        return arrays.ArrowExtensionArray(content)

    def backed(self, call: Call) -> tuple[Any, Any, Callable[[Any, Any], Any]]:
        """Returns (dtype, numpy array, function that wraps such an array) of a pandas array."""
        state = call.state if call.state is not None else call.args[2]
        dtype, values = state[0], self.array(state[1])
        wraps = {
            "DatetimeArray": self.times,
            "TimedeltaArray": self.times,
            "Categorical": self.categories,
            "StringArray": self.strings,
        }
        for kind, wrap in wraps.items():
            if is_name(call.args[0], kind):
                return dtype, values, wrap
        raise UnreadableFrame(f"{described(call.args[0])} in the place of a pandas array")

    def times(self, values: "np.ndarray", dtype: Any) -> Any:
        if values.dtype.kind not in "mM":
            raise UnreadableFrame(f"an array of {values.dtype} in the place of times")
        if is_call(dtype, "dtype"):
            return values
        zone = self.zone(expect(dtype, "DatetimeTZDtype").state["tz"])
        index = self.pandas.DatetimeIndex(values)
        return index.tz_localize("UTC").tz_convert(zone).array

    def categories(self, values: "np.ndarray", dtype: Any) -> Any:
        state = expect(dtype, "CategoricalDtype").state
        return self.pandas.Categorical.from_codes(
            values, categories=self.index(state["categories"]), ordered=state["ordered"] is True
        )

    def strings(self, values: Iterable[Any], dtype: Any) -> Any:
        """Returns texts in their dtype, or as objects where this pandas does not have the dtype."""
        pd = self.pandas
        storage, *missing = expect(dtype, "StringDtype").args or ("python",)
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

    def index(self, call: Any) -> "pd.Index":
        pd = self.pandas
        cls, state = expect(call, "new index").args
        if is_name(cls, "MultiIndex"):
            codes = [self.array(c) for c in state["codes"]]
            names = [self.label(name) for name in state["names"]]
            return pd.MultiIndex(
                [self.index(level) for level in state["levels"]], codes, names=names
            )
        name = self.label(state["name"])
        if is_name(cls, "RangeIndex"):
            return pd.RangeIndex(
                *(self.whole(state[k]) for k in ("start", "stop", "step")), name=name
            )
        if not is_name(cls, "Index", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex"):
            raise UnreadableFrame(f"{described(cls)} in the place of an index")
        values = self.values(state["data"])
        if values.ndim != 1:
            raise UnreadableFrame(f"an index of {values.ndim} dimensions")
        # pandas hashes every element: lists of lists could take for ever.
        if values.dtype == object and any(isinstance(v, _CONTAINERS) for v in values):
            raise UnreadableFrame("an index of lists, tuples or dicts")
        return pd.Index(values, dtype=values.dtype, name=name)

    def label(self, name: Any) -> Any:
        words = name if isinstance(name, tuple) else (name,)
        if not all(type(word) in _PLAIN for word in words):
            raise UnreadableFrame(f"{described(name)} in the place of a name")
        return name

    def array(self, call: Any) -> "np.ndarray":
        np = self.numpy
        call = expect(call, "array", "array of a buffer")
        axes = None
        if call.kind == "array":
            _, shape, code, fortran, content = call.state
            order = "F" if fortran else "C"
        else:
            content, code, shape, order, *more = call.args
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
            raise UnreadableFrame(f"{described(content)} in the place of a list of objects")
        array = self.numpy.empty(len(content), dtype=object)
        for position, value in enumerate(content):
            array[position] = value if type(value) in _PLAIN else self.scalar(value)
        return array.reshape(shape, order=order)  # type: ignore[no-any-return]

    def dtype(self, call: Any) -> "np.dtype":
        call = expect(call, "dtype")
        code, state = call.args[0], call.state
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise UnreadableFrame(f"{described(code)} in the place of a numpy type")
        if code[0] == "O":
            return self.numpy.dtype(object)  # type: ignore[no-any-return]
        order = ">" if state is not None and state[1] == ">" else "<"
        if code[0] in "mM":
            unit = self.octets(state[8][1][0]).decode("ascii")
            if not _UNIT.fullmatch(unit) or state[8][1][1] != 1:
                raise UnreadableFrame(f"times in {unit[:20]!r} are not read")
            code = f"{code[0]}8[{unit}]"
        return self.numpy.dtype(order + code)  # type: ignore[no-any-return]

    def octets(self, call: Any) -> bytes:
        """Returns bytes; protocols 2 to 4 write some bytes as a call, protocol 2 as a text."""
        if is_call(call, "bytes"):
            if not call.args:
                return b""
            call = call.args[0]
            return call.encode("latin-1") if isinstance(call, str) else self.octets(call)
        if not isinstance(call, bytes | bytearray):
            raise UnreadableFrame(f"{described(call)} in the place of bytes")
        return bytes(call)

    def arrow(self, call: Any) -> "pa.Array":
        import pyarrow as pa  # noqa: PLC0415 - only for frames that have such columns

        kind, length, _, offset, buffers, children, dictionary = expect(call, "arrow array").args[0]
        if children or dictionary is not None:
            raise UnreadableFrame("an Arrow array of arrays is not read")
        kind = expect(kind, "arrow type", "arrow timestamp")
        if kind.kind == "arrow type":
            if kind.args[0] not in _ARROW_TYPES:
                raise UnreadableFrame(f"an Arrow array of {described(kind.args[0])} is not read")
            type_ = pa.type_for_alias(kind.args[0])
        else:
            unit, *zone = kind.args
            type_ = pa.timestamp(unit, self.zone_name(zone[0]) if zone and zone[0] else None)
        data = [
            None if b is None else pa.py_buffer(self.octets(expect(b, "arrow buffer").args[0]))
            for b in buffers
        ]
        array = pa.Array.from_buffers(type_, self.whole(length), data, offset=self.whole(offset))
        array.validate(full=True)
        return array

    def scalar(self, value: Any, depth: int = 0) -> Any:
        """Returns a value of an object column, with the values inside lists and dicts."""
        if type(value) in _PLAIN:
            return value
        if is_name(value, "NA"):
            return self.pandas.NA
        if depth > _DEEPEST:
            raise UnreadableFrame(f"values lie in each other more than {_DEEPEST} deep")
        # A shared value is made once: a small pickle can hold a list of lists of any size.
        if id(value) not in self.seen:
            self.seen[id(value)] = self._copied(value, depth + 1)
        return self.seen[id(value)]

    def _copied(self, value: Any, depth: int) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(self.scalar(item, depth) for item in value)
        if isinstance(value, dict):
            return {k: self.scalar(v, depth) for k, v in value.items() if type(k) in _PLAIN}
        return self.scalars[expect(value, *self.scalars).kind](value)

    def whole(self, value: Any) -> int:
        number = self.scalar(value)
        if isinstance(number, bool) or not isinstance(number, int | self.numpy.integer):
            raise UnreadableFrame(f"{described(value)} in the place of a whole number")
        return int(number)

    def numpy_scalar(self, call: Call) -> Any:
        dtype = self.dtype(call.args[0])
        if dtype.kind == "O":
            raise UnreadableFrame("a numpy scalar that holds an object")
        return self.numpy.frombuffer(self.octets(call.args[1]), dtype)[0]

    def timestamp(self, call: Call) -> Any:
        value, _, zone, *resolution = call.args
        unit = _RESOLUTIONS[self.whole(resolution[0]) if resolution else 10]
        time = self.pandas.Timestamp(self.numpy.datetime64(self.whole(value), unit))
        return time if zone is None else time.tz_localize("UTC").tz_convert(self.zone(zone))

    def datetime(self, call: Call) -> dt.datetime:
        time = dt.datetime(self.octets(call.args[0]))  # type: ignore[arg-type,call-arg]  # noqa: DTZ001
        if len(call.args) < 2:
            return time
        zone = self.zone(call.args[1])
        if isinstance(zone, str):
            import zoneinfo  # noqa: PLC0415 - reads files

            zone = zoneinfo.ZoneInfo(zone)
        return time.replace(tzinfo=zone)

    def zone(self, call: Any) -> dt.tzinfo | str:
        """Returns a fixed offset, or the checked name of a time zone."""
        call = expect(call, "timezone", "ZoneInfo", "pytz zone", "pytz UTC", "pytz offset")
        if call.kind == "timezone":
            return dt.timezone(self.scalar(expect(call.args[0], "timedelta")))
        if call.kind == "pytz offset":
            return dt.timezone(dt.timedelta(minutes=self.whole(call.args[0])))
        return "UTC" if call.kind == "pytz UTC" else self.zone_name(call.args[0])

    def zone_name(self, name: Any) -> str:
        # A name is a path in the folder of time zones.
        if not isinstance(name, str) or not _ZONE.fullmatch(name):
            raise UnreadableFrame(f"{described(name)} in the place of a time zone's name")
        return name
