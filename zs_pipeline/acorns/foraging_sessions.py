"""foraging_sessions: the sessions of the foraging team's own table.

`zs_pipeline.side_files.pickled_frame` reads the frame; its columns are picked here by name,
whatever their order. Only the trainer's display name is computed, by the map of all people.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from zs_pipeline import arrow, people
from zs_pipeline.declaration import Acorn, Column, FromFrame, TableRead, Tables
from zs_pipeline.shape.values import LONGEST_NUMBER, day, text, trimmed

FRAME = "s3://aind-behavior-data/foraging_nwb_bonsai_processed/df_sessions.pkl"
# The columns of asset_basics that name people.
_PEOPLE = ("experimenters", "investigators")
LEVELS = ("subject_id", "session_date", "session", "nwb_suffix")
_SOURCES = {
    "rig": ("metadata", "rig"),
    "trainer": ("metadata", "user_name"),
    "task": ("metadata", "task"),
    "curriculum_name": ("auto_train", "curriculum_name"),
    "curriculum_version": ("auto_train", "curriculum_version"),
    "current_stage_actual": ("auto_train", "current_stage_actual"),
    "foraging_eff": ("session_stats", "foraging_eff"),
    "foraging_eff_random_seed": ("session_stats", "foraging_eff_random_seed"),
    "finished_trials": ("session_stats", "finished_trials"),
    "finished_rate": ("session_stats", "finished_rate"),
    "total_trials": ("session_stats", "total_trials"),
    "bias_naive": ("session_stats", "bias_naive"),
}


class OtherFrame(ValueError):
    """The frame is not the table of sessions: an index level or all columns are not there."""


def rows(frame: Any) -> Iterator[dict[str, Any]]:
    """Yields one row for each row of the frame, in its order; `finish` normalises trainers.

    Args:
        frame: The pandas frame; its row index has `LEVELS`, its columns two levels.

    Raises:
        OtherFrame: A level of the row index is missing, or the columns are others altogether.
    """
    columns = {
        name: [_READ[name](value) if _is_given(value) else None for value in values]
        for name, values in _columns(frame).items()
    }
    for values in zip(*columns.values(), strict=True):
        yield dict.fromkeys(_NAMES) | dict(zip(columns, values, strict=True))


def finish(table: pa.Table, tables: Tables) -> pa.Table:
    """Normalise the trainers, by one map over the trainers and the people of asset_basics."""
    written = table["trainer"].to_pylist()
    names = {name for name in written if name}
    mapping = people.map_over(people.alike(arrow.values(tables["asset_basics"], *_PEOPLE)), names)
    final = {name: next(iter(people.normalize([name], mapping) or ()), None) for name in names}
    index = table.schema.get_field_index("trainer_normalized")
    values = pa.array([final.get(name) for name in written], pa.string())
    return table.set_column(index, table.schema.field(index), values)


def trainers(frame: Any) -> list[str]:
    """Returns the trainers of a frame, each once, sorted.

    Raises:
        OtherFrame: As `rows`.
    """
    written = _columns(frame).get("trainer") or ()
    return sorted({name for value in written if _is_given(value) and (name := _text(value))})


def problems(frame: Any) -> list[str]:
    """Returns values that became null, and sessions that are there twice, as sentences.

    Raises:
        OtherFrame: As `rows`.
    """
    columns = _columns(frame)
    sentences = [
        f"column {source} is not there: {name} is null in every row"
        for name, source in _SOURCES.items()
        if name not in columns
    ]
    for name, values in columns.items():
        lost = [v for v in values if _is_given(v) and _READ[name](v) is None]
        if lost:
            example = f"{type(lost[0]).__name__} {_shortened(lost[0])}"
            sentences.append(
                f"{len(lost)} values of {name} do not fit, such as {example}; taken as null"
            )
    counts = Counter(tuple(row[level] for level in LEVELS) for row in rows(frame))
    twice = [session for session, count in counts.items() if count > 1]
    if twice:
        sentences.append(
            f"{len(twice)} sessions have several rows, such as {twice[0]}; all are kept"
        )
    return sentences


def _shortened(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        return f"of {value.bit_length():,} bits"
    return repr(str(value)[:60])


def _columns(frame: Any) -> dict[str, list[Any]]:
    """Returns the values by column, index levels first; without columns that the frame lacks."""
    levels = list(frame.index.names)
    missing = [level for level in LEVELS if level not in levels]
    if missing:
        raise OtherFrame(
            f"the frame's row index has no level {', '.join(missing)}; it has "
            f"{', '.join(map(repr, levels))}, wanted are {', '.join(LEVELS)} in any order"
        )
    pairs = list(frame.columns)
    # By position: a name that occurs twice would give a frame, not a column.
    positions = {name: pairs.index(pair) for name, pair in _SOURCES.items() if pair in pairs}
    if not positions:
        raise OtherFrame(
            f"the frame has none of the columns {', '.join(map(str, _SOURCES.values()))}; it has "
            f"{', '.join(map(str, pairs[:8]))}{' and more' if len(pairs) > 8 else ''}"
        )
    index = {level: frame.index.get_level_values(levels.index(level)).tolist() for level in LEVELS}
    return index | {name: frame.iloc[:, at].tolist() for name, at in positions.items()}


def _is_given(value: Any) -> bool:
    """Returns False for None, a blank text, NaN, NaT and NA, which do not equal themselves."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return False
    try:
        return bool(value == value)  # noqa: PLR0124
    except (TypeError, ValueError):
        # NA raises; an array compares value by value, and is no value here.
        return isinstance(value, list | tuple | dict) or hasattr(value, "shape")


def _plain(value: Any) -> Any:
    """Returns a numpy value of an object column as Python's own."""
    return value.item() if getattr(value, "shape", None) == () else value


def _text(value: Any) -> str | None:
    return text(_plain(value))


def _subject(value: Any) -> str | None:
    return trimmed(_plain(value))


def _date(value: Any) -> str | None:
    """Returns the calendar date of a text, or of an object with `isoformat`."""
    written = value.strip() if isinstance(value, str) else getattr(value, "isoformat", str)()
    date = day(written)
    return date.isoformat() if date else None


def _number(value: Any) -> float | None:
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    # To read a text of millions of digits takes many seconds.
    if isinstance(value, str) and len(value) > LONGEST_NUMBER:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if number == number else None  # noqa: PLR0124 - NaN


def _whole(bits: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        value = _plain(value)
        # A float has no room for all of int64.
        exact = value.strip() if isinstance(value, str) else value
        if isinstance(exact, str) and exact.lstrip("+-").isdecimal() and len(exact) < 25:
            exact = int(exact)
        if not isinstance(exact, int) or isinstance(exact, bool):
            number = _number(value)
            if number is None or not number.is_integer():
                return None
            exact = int(number)
        return exact if -(1 << bits - 1) <= exact < 1 << bits - 1 else None

    return read


_FRAME = "file:df_sessions.pkl"
_WORDS = "The text as it is written; a number is text. None, NaN and blanks are null."
_WHOLE = (
    "A whole number, be it written as 5, 5.0 or a text; NaN is null, and so is what is no whole "
    "number or does not fit, which the build tells."
)
_REAL = (
    "The number, be it written as a text; NaN is null, and so is what is no number, which the "
    "build tells."
)


def _at(column: str) -> tuple[str, ...]:
    """Returns a column's name in the frame: a level of the row index, or both column levels."""
    return (f"{_FRAME} {', '.join(_SOURCES.get(column, (column,)))}",)


ACORN = Acorn(
    name="foraging_sessions",
    description=(
        "Dynamic foraging sessions as the foraging team's own table has them: who, where, which "
        "stage of which curriculum, how it went. One row per session. Join asset_basics on "
        "subject_id and session_date = acquisition_date, the date where the rig stands, never on "
        "the date of a time in UTC: an evening in Seattle is the next day in UTC. One animal can "
        "have several sessions on a day."
    ),
    type="metadata",
    # A second recording of a day has no session number, and the source promises no unique rows.
    key=(),
    order=("subject_id", "session_date", "session", "nwb_suffix"),
    kind=FromFrame(
        file=FRAME,
        rows=rows,
        problems=problems,
        finish=finish,
        tables=(TableRead("asset_basics", _PEOPLE),),
    ),
    columns=(
        Column(
            "subject_id",
            "string",
            "The animal, always as text: not all ids are numbers.",
            reads=_at("subject_id"),
            rule="A whole number is text; outer blanks are removed.",
            example="The number 697929 becomes `697929`.",
            identifies=True,
        ),
        Column(
            "session_date",
            "string",
            "The calendar date of the session, YYYY-MM-DD, where the rig stands.",
            reads=_at("session_date"),
            rule=(
                "The date as it is written, also of a time; no zone is applied. What is no such "
                "date is null, which the build tells."
            ),
            example="The timestamp `2024-03-01 17:14:00` becomes `2024-03-01`.",
        ),
        Column(
            "session",
            "int32",
            "The animal's session number, from 1; null for further recordings of the same day.",
            reads=_at("session"),
            rule=_WHOLE,
            example="3.0 becomes 3, and NaN becomes null.",
        ),
        Column(
            "nwb_suffix",
            "int64",
            "The number at the end of the NWB file's name, mostly the time of day as HHMMSS; 0 "
            "when the name has none.",
            reads=_at("nwb_suffix"),
            rule=_WHOLE,
            example="93015 stays 93015: the file was begun at 09:30:15.",
        ),
        Column(
            "rig",
            "string",
            "The rig, as written.",
            reads=_at("rig"),
            rule=_WORDS,
            example="`447-1-D` stays `447-1-D`, and `NA` stays `NA`.",
        ),
        Column(
            "trainer",
            "string",
            "Who ran the session, as written.",
            reads=_at("trainer"),
            rule=_WORDS,
            example="`ada.example` stays `ada.example`.",
        ),
        Column(
            "trainer_normalized",
            "string",
            "Who ran the session, with one spelling for each person over this table and "
            "asset_basics; null when nobody is named.",
            reads=(
                "foraging_sessions.trainer",
                "asset_basics.experimenters",
                "asset_basics.investigators",
            ),
            rule=(
                "The display name, as of asset_basics.experimenters_normalized and by the same "
                "map, which the facts of asset_basics have. A single word that is the first name "
                "of exactly one longer name in either table becomes that name."
            ),
            example="`ada.example` becomes `Ada Example`, and so does `Ada` where no other Ada is.",
        ),
        Column(
            "task",
            "string",
            "The task, such as Uncoupled Baiting.",
            reads=_at("task"),
            rule=_WORDS,
            example="`Coupled Baiting` stays `Coupled Baiting`.",
        ),
        Column(
            "curriculum_name",
            "string",
            "The automatic training's curriculum; null when the session had none.",
            reads=_at("curriculum_name"),
            rule=_WORDS,
            example="NaN becomes null.",
        ),
        Column(
            "curriculum_version",
            "string",
            "The curriculum's version, as text.",
            reads=_at("curriculum_version"),
            rule=_WORDS,
            example="The number 2.3 becomes `2.3`; `2.3.1rwdDelay159` stays as it is.",
        ),
        Column(
            "current_stage_actual",
            "string",
            "The stage that the animal was in; null without a curriculum.",
            reads=_at("current_stage_actual"),
            rule=_WORDS,
            example="`STAGE_1_WARMUP` stays `STAGE_1_WARMUP`.",
        ),
        Column(
            "foraging_eff",
            "float64",
            "Foraging efficiency: rewards relative to those of an optimal forager, 1 being as "
            "good; can exceed 1; null when it could not be computed.",
            reads=_at("foraging_eff"),
            rule=_REAL,
            example="NaN becomes null.",
        ),
        Column(
            "foraging_eff_random_seed",
            "float64",
            "Foraging efficiency, the optimal forager having met the session's own random "
            "numbers; null when those are not known.",
            reads=_at("foraging_eff_random_seed"),
            rule=_REAL,
            example="NaN becomes null.",
        ),
        Column(
            "finished_trials",
            "int64",
            "Trials in which the animal made a choice.",
            reads=_at("finished_trials"),
            rule=_WHOLE,
            example="412.0 becomes 412.",
        ),
        Column(
            "finished_rate",
            "float64",
            "Finished trials per trial, 0 to 1; null for a session without trials.",
            reads=_at("finished_rate"),
            rule=_REAL,
            example="NaN becomes null.",
        ),
        Column(
            "total_trials",
            "int64",
            "Trials, without those with automatic water.",
            reads=_at("total_trials"),
            rule=_WHOLE,
            example="500.0 becomes 500.",
        ),
        Column(
            "bias_naive",
            "float64",
            "Side bias from the choices alone, -1 (always left) to 1 (always right); null without "
            "finished trials.",
            reads=_at("bias_naive"),
            rule=_REAL,
            example="NaN becomes null.",
        ),
    ),
)

_NAMES = tuple(column.name for column in ACORN.columns)
_BY_TYPE: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "int32": _whole(32),
    "int64": _whole(64),
    "float64": _number,
}
_READ = {column.name: _BY_TYPE[column.type] for column in ACORN.columns} | {
    "subject_id": _subject,
    "session_date": _date,
}
