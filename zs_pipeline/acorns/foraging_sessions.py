"""foraging_sessions: what the foraging team's own table says of each session.

The frame is read by `zs_pipeline.frames`; its columns are picked here by name, whatever their
order. Nothing of it is computed anew but the trainer's display name.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from zs_pipeline import people
from zs_pipeline.declaration import Acorn, Column, FromFrame
from zs_pipeline.fields import day, text, trimmed

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
    """One row for each row of the frame, in its order.

    Args:
        frame: The pandas frame; its row index has `LEVELS`, its columns two levels.

    Raises:
        OtherFrame: A level of the row index is missing, or the columns are others altogether.
    """
    columns = {
        name: [_READ[name](value) if _is_given(value) else None for value in values]
        for name, values in _columns(frame).items()
    }
    trainers = columns["trainer"] = columns.get("trainer") or [None] * len(frame)
    mapping = people.first_name_map([name] for name in trainers if name)
    shown = {name: people.normalize([name], mapping) for name in set(trainers) if name}
    columns["trainer_normalized"] = [
        next(iter(shown.get(name) or ()), None) if name else None for name in trainers
    ]
    for values in zip(*columns.values(), strict=True):
        yield dict.fromkeys(_NAMES) | dict(zip(columns, values, strict=True))


def problems(frame: Any) -> list[str]:
    """What of the frame became null, and sessions that are there twice, as sentences.

    Raises:
        OtherFrame: As `rows`.
    """
    columns = _columns(frame)
    found = [
        f"column {source} is not there: {name} is null in every row"
        for name, source in _SOURCES.items()
        if name not in columns
    ]
    for name, values in columns.items():
        lost = [v for v in values if _is_given(v) and _READ[name](v) is None]
        if lost:
            shown = f"{type(lost[0]).__name__} {str(lost[0])[:60]!r}"
            found.append(f"{len(lost)} values of {name} do not fit, such as {shown}; taken as null")
    count = Counter(tuple(row[level] for level in LEVELS) for row in rows(frame))
    twice = [session for session, times in count.items() if times > 1]
    if twice:
        found.append(f"{len(twice)} sessions have several rows, such as {twice[0]}; all are kept")
    return found


def _columns(frame: Any) -> dict[str, list[Any]]:
    """The values by column, those of the row index first; an absent column is left out."""
    levels = list(frame.index.names)
    missing = [level for level in LEVELS if level not in levels]
    if missing:
        raise OtherFrame(
            f"the frame's row index has no level {', '.join(missing)}; it has "
            f"{', '.join(map(repr, levels))}, wanted are {', '.join(LEVELS)} in any order"
        )
    there = list(frame.columns)
    # By place: a name that is there twice would give a frame, not a column.
    places = {name: there.index(pair) for name, pair in _SOURCES.items() if pair in there}
    if not places:
        raise OtherFrame(
            f"the frame has none of the columns {', '.join(map(str, _SOURCES.values()))}; it has "
            f"{', '.join(map(str, there[:8]))}{' and more' if len(there) > 8 else ''}"
        )
    found = {level: frame.index.get_level_values(levels.index(level)).tolist() for level in LEVELS}
    return found | {name: frame.iloc[:, place].tolist() for name, place in places.items()}


def _is_given(value: Any) -> bool:
    """False for None, a blank text, NaN, NaT and NA: the last three do not equal themselves."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return False
    try:
        return bool(value == value)  # noqa: PLR0124
    except (TypeError, ValueError):
        # NA refuses to say; an array says it once for each of its values, and is no value here.
        return isinstance(value, list | tuple | dict) or hasattr(value, "shape")


def _plain(value: Any) -> Any:
    """A numpy value of an object column as Python's own."""
    return value.item() if getattr(value, "shape", None) == () else value


def _text(value: Any) -> str | None:
    return text(_plain(value))


def _subject(value: Any) -> str | None:
    return trimmed(_plain(value))


def _date(value: Any) -> str | None:
    """The calendar date of a text, or of anything that has a date in the ISO form."""
    written = value.strip() if isinstance(value, str) else getattr(value, "isoformat", str)()
    found = day(written)
    return found.isoformat() if found else None


def _number(value: Any) -> float | None:
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if found == found else None  # noqa: PLR0124 - NaN


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


ACORN = Acorn(
    name="foraging_sessions",
    description=(
        "Dynamic foraging sessions as the foraging team's own table has them: who, where, which "
        "stage of which curriculum, how it went. One row per session. Join asset_basics on "
        "subject_id and the date of its acquisition_start_time; one animal can have several "
        "sessions on a day."
    ),
    type="metadata",
    # A second recording of a day has no session number, and the source promises no unique rows.
    key=(),
    order=("subject_id", "session_date", "session", "nwb_suffix"),
    kind=FromFrame(
        file="s3://aind-behavior-data/foraging_nwb_bonsai_processed/df_sessions.pkl",
        rows=rows,
        problems=problems,
    ),
    columns=(
        Column(
            "subject_id",
            "string",
            "The animal, always as text: not all ids are numbers.",
            identifies=True,
        ),
        Column("session_date", "string", "The calendar date of the session, YYYY-MM-DD."),
        Column(
            "session",
            "int32",
            "The animal's session number, from 1; null for further recordings of the same day.",
        ),
        Column(
            "nwb_suffix",
            "int64",
            "The number at the end of the NWB file's name, mostly the time of day as HHMMSS; 0 "
            "when the name has none.",
        ),
        Column("rig", "string", "The rig, as written."),
        Column("trainer", "string", "Who ran the session, as written."),
        Column(
            "trainer_normalized",
            "string",
            "Who ran the session, with one spelling for each person over the whole table; null "
            "when nobody is named.",
        ),
        Column("task", "string", "The task, such as Uncoupled Baiting."),
        Column(
            "curriculum_name",
            "string",
            "The automatic training's curriculum; null when the session had none.",
        ),
        Column("curriculum_version", "string", "The curriculum's version, as text."),
        Column(
            "current_stage_actual",
            "string",
            "The stage that the animal was in; null without a curriculum.",
        ),
        Column(
            "foraging_eff",
            "float64",
            "Foraging efficiency: rewards relative to those of an optimal forager, 1 being as "
            "good; can exceed 1; null when it could not be computed.",
        ),
        Column(
            "foraging_eff_random_seed",
            "float64",
            "Foraging efficiency, the optimal forager having met the session's own random "
            "numbers; null when those are not known.",
        ),
        Column("finished_trials", "int64", "Trials in which the animal made a choice."),
        Column(
            "finished_rate",
            "float64",
            "Finished trials per trial, 0 to 1; null for a session without trials.",
        ),
        Column("total_trials", "int64", "Trials, without those with automatic water."),
        Column(
            "bias_naive",
            "float64",
            "Side bias from the choices alone, -1 (always left) to 1 (always right); null without "
            "finished trials.",
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
