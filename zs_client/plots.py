"""Figures of the tables: QC by tag, one animal, projects, foraging sessions.

matplotlib is the extra `plot`. Each function returns a new Figure and shares nothing with pyplot,
so servers and threads may call them. The functions that read tables are in `zs_client.acorns`, the
figures of many animals over time in `zs_client.plots_over_time`; import all of them from here.
"""

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from zs_client import acorns, read
from zs_client.contract import STAGES
from zs_client.drawing import (
    EDGE,
    LEVELS,
    LINE,
    MARK,
    OTHER,
    OTHER_STATUS,
    STATUS_STYLES,
    STATUSES,
    STRIP,
    TEXT,
    WIDTH,
    counted,
    days,
    draw_strips,
    labels,
    new_figure,
    say,
    set_dates,
    short,
    status_style,
    style_legend,
    without,
)
from zs_client.errors import AcornNotFound
from zs_client.place import reading
from zs_client.plots_over_time import plot_curriculum, plot_growth, plot_qc_over_time
from zs_client.read_requests import read_request
from zs_client.shapes import pandas
from zs_client.unknown import unknown_subject

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "LEVELS",
    "OTHER_STATUS",
    "STATUSES",
    "plot_animal",
    "plot_curriculum",
    "plot_foraging",
    "plot_growth",
    "plot_projects",
    "plot_qc",
    "plot_qc_over_time",
]

_OF_PROJECTS = ("project_name", "data_level", "acquisition_start_time")
_ORIGIN = ("pipeline_name", "processing_time")
_ACQUIRED, _DERIVED = "acquired", "derived"
# Of the statuses of one data asset, the first of these counts.
_WORST = ("Fail", OTHER, "Pending", "Pass")


def plot_qc(
    subject_id: str | int | None,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    **filters: Any,
) -> "Figure":
    """Draws the QC status of one subject over time: a strip for each tag, stages first.

    A mark is the status of one data asset under a tag; marks of one acquisition lie below one
    another. One that a later data asset of the same source and pipeline took the place of is
    hollow. Data assets without an acquisition time are in a separate column. Days are UTC; the
    legend counts marks.

    Args:
        subject_id: The animal; None for the data assets that have no subject.
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `qc_tag_status`, such as `status="Fail"`.

    Returns:
        The figure; a sentence in it when the subject has no QC, or none that fits.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: The table is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ReadError: The table is there and cannot be read.
        ValueError: There is no such filter.
    """
    figure = new_figure()
    with reading(snapshot=snapshot, offline=offline):
        rows = acorns.qc_tag_status(subject_id, **filters)
        earlier = _earlier(rows["asset_name"])
    whose = "data assets without a subject" if subject_id is None else f"subject {subject_id}"
    if rows.empty:
        fits = " that fits" if filters else ""
        return without(figure, f"No QC: no data asset of {whose} has a status{fits}")
    marks = rows.assign(
        day=days(rows["timestamp"]),
        style=rows["status"].map(status_style),
        is_earlier=rows["asset_name"].isin(earlier),
    ).drop_duplicates(["tag", "style", "day", "asset_name"])
    keys = set(rows["tag"])
    tags = [stage for stage in STAGES if stage in keys]
    tags += sorted(keys.difference(STAGES), key=lambda tag: (tag.casefold(), tag))
    strips = {tag: marks[marks["tag"] == tag] for tag in tags}
    draw_strips(figure, strips, STATUS_STYLES, "acquisition (day, UTC)")
    count = rows["asset_name"].nunique()
    figure.suptitle(f"QC of {whose}: {counted(count, 'data asset')}, {counted(len(tags), 'tag')}")
    style_legend(figure, marks["style"], STATUS_STYLES, int(marks["is_earlier"].sum()))
    return figure


def plot_animal(
    subject_id: str | int,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    **filters: Any,
) -> "Figure":
    """Draws the timeline of one animal: what was acquired, what was derived when, and the QC.

    A strip for each modality has the raw data assets at their acquisition. A strip for each
    pipeline has the derived data assets at the time in their name, else when their document was
    made; hollow if a later one of the same source and pipeline took the place. The last strip has
    the QC of each data asset at its acquisition: Fail if any of its statuses is. Days are UTC.

    Args:
        subject_id: The animal.
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `asset_basics`, such as `modality="fib"`.

    Returns:
        The figure; a sentence in it when no data asset of the animal fits.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `asset_basics` is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ReadError: A table is there and cannot be read.
        ValueError: There is no such filter.
    """
    figure = new_figure()
    subject = str(subject_id)
    with reading(snapshot=snapshot, offline=offline):
        words = {"subject_id": subject, **filters}
        rows = pandas(read.rows(read_request("asset_basics", words)))
        if rows.empty:
            _check_subject(subject, set(), "asset_basics: no data asset")
            # Warns of a filter's value that occurs nowhere.
            acorns.asset_basics(**words)
            return without(figure, f"No data asset of subject {subject} fits")
        sources = _sources(rows["name"])
        statuses = _worst_statuses(subject)
        earlier = _earlier(rows["name"])
    rows = rows.assign(
        day=days(rows["acquisition_start_time"]), is_earlier=rows["name"].isin(earlier)
    )
    is_derived = (rows["data_level"] == _DERIVED) | rows["name"].isin(sources)
    raw = rows[~is_derived].assign(style=_ACQUIRED).explode("modalities")
    raw["modalities"] = raw["modalities"].fillna("no modality")
    strips = {f"acquired: {name}": part for name, part in raw.groupby("modalities")}
    derived = rows[is_derived].assign(style=_DERIVED)
    origins = derived["name"].map(sources)
    derived["pipeline"] = origins.map(lambda one: one[0] if isinstance(one, tuple) else None)
    times = origins.map(lambda one: one[1] if isinstance(one, tuple) else None)
    derived["day"] = _processing_days(times).fillna(days(derived["created"]))
    pipelines = derived["pipeline"].fillna("pipeline not known")
    strips |= {f"derived: {name}": part for name, part in derived.groupby(pipelines)}
    checked = rows[rows["name"].isin(statuses)]
    if len(checked):
        strips["QC"] = checked.assign(style=checked["name"].map(statuses))
    styles = {_ACQUIRED: (LINE, "s"), _DERIVED: ("#E69F00", "^"), **STATUS_STYLES}
    draw_strips(figure, strips, styles, "day (UTC)")
    keys = [part["style"] for part in (rows[~is_derived].assign(style=_ACQUIRED), derived)]
    import pandas as pd

    if "QC" in strips:
        keys.append(strips["QC"]["style"])
    style_legend(figure, pd.concat(keys), styles, int(rows["is_earlier"].sum()))
    figure.suptitle(
        f"Subject {subject}: {counted(len(rows), 'data asset')}, "
        f"{len(rows) - len(derived):,} acquired, {len(derived):,} derived, "
        f"{len(checked):,} with QC"
    )
    return figure


def plot_projects(
    *, snapshot: str | None = None, offline: bool | None = None, **filters: Any
) -> "Figure":
    """Draws how many data assets each project has, raw and derived, and when they were acquired.

    Each project has one row, the largest project first. At the right, a line goes from its first
    to its last acquisition (days, UTC). Data assets without a project share a row.

    Args:
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `asset_basics`, such as `modality="fib"`.

    Returns:
        The figure; a sentence in it when there are no data assets, or none that fit.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `asset_basics` is not in this store and version.
        ReadError: The table is there and cannot be read.
        ValueError: There is no such filter.
    """
    figure = new_figure()
    from matplotlib.ticker import MaxNLocator

    with reading(snapshot=snapshot, offline=offline):
        rows = acorns.asset_basics(columns=_OF_PROJECTS, **filters)
    if rows.empty:
        return without(figure, "No data assets fit" if filters else "No data assets")
    rows = rows.assign(
        project=rows["project_name"].map(lambda name: name if isinstance(name, str) else None),
        level=rows["data_level"].map(lambda level: level if level in LEVELS else "other"),
        day=days(rows["acquisition_start_time"]),
    )
    rows["project"] = rows["project"].fillna("(no project)")
    counts = rows.groupby(["project", "level"]).size().unstack(fill_value=0)
    totals = counts.sum(axis=1)
    names = sorted(totals.index, key=lambda name: (-totals[name], name))
    spans = rows.groupby("project")["day"].agg(["min", "max"])
    figure.set_size_inches(WIDTH + 2, len(names) * STRIP + EDGE)
    bars, times = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1])
    positions = range(len(names))
    left = [0] * len(names)
    for level, (colour, hatch) in LEVELS.items():
        if level not in counts.columns:
            continue
        widths = [int(counts.loc[name, level]) for name in names]
        bars.barh(
            positions, widths, left=left, height=0.7, color=colour, hatch=hatch, edgecolor="white",
            label=f"{level} ({sum(widths):,})",
        )  # fmt: skip
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for position, count in zip(positions, left, strict=True):
        bars.annotate(
            f"{count:,}", (count, position), (4, 0), textcoords="offset points", va="center",
            fontsize=TEXT,
        )  # fmt: skip
    bars.set_xlim(0, max(left) * 1.18)
    bars.set_yticks(positions, labels(names), fontsize=TEXT)
    bars.set_ylim(len(names) - 0.5, -0.5)
    bars.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    bars.xaxis.set_major_formatter("{x:,.0f}")
    bars.set_xlabel("data assets", fontsize=TEXT)
    for position, name in zip(positions, names, strict=True):
        first, last = spans.loc[name]
        if math.isnan(first):
            continue
        times.plot([first, last], [position, position], color=LINE, marker="|", linewidth=2,
                   markeredgewidth=2, clip_on=False)  # fmt: skip
    if rows["day"].notna().any():
        set_dates(times, rows["day"].min(), rows["day"].max(), 4)
        times.set_xlabel("first to last acquisition (day, UTC)", fontsize=TEXT)
    else:
        say(times, "no acquisition has a time")
    for axes in (bars, times):
        axes.tick_params(axis="x", labelsize=TEXT)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right"]].set_visible(False)
    projects = rows["project_name"].nunique()
    figure.suptitle(f"{counted(len(rows), 'data asset')}, {counted(projects, 'project')}")
    figure.legend(*bars.get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  fontsize=TEXT, frameon=False)  # fmt: skip
    return figure


def plot_foraging(
    subject_id: str | int,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    **filters: Any,
) -> "Figure":
    """Draws the dynamic foraging sessions of one subject over time.

    The figure has four strips: trials (all and finished), efficiency (1 is that of an optimal
    forager), bias from -1 (left) to 1 (right), and the stage of the curriculum. Nulls have no
    mark. Several sessions of a day are in the order of their recording.

    Args:
        subject_id: The animal.
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `foraging_sessions`, such as `session_date_after="2025-03-01"`.

    Returns:
        The figure; a sentence in it when the subject has no sessions, or in a strip without values.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `foraging_sessions` is not in this store and version.
        SubjectNotFound: No data asset and no session has that subject.
        ReadError: The table is there and cannot be read.
        ValueError: There is no such filter.
    """
    figure = new_figure()
    with reading(snapshot=snapshot, offline=offline):
        rows = _sessions_of(str(subject_id), filters)
    if rows.empty:
        fits = " fit" if filters else ""
        return without(figure, f"No foraging sessions of subject {subject_id}{fits}")
    rows = rows.assign(day=_session_days(rows)).sort_values(["day", "nwb_suffix"])
    rows = rows[rows["day"].notna()]
    if rows.empty:
        return without(figure, f"No foraging session of subject {subject_id} has a date")
    stages = _stage_names(rows)
    order = list(dict.fromkeys(stage for stage in stages if stage))
    heights = [1.5, 1.5, 1.5, max(0.8, STRIP * len(order) + 0.3)]
    figure.set_size_inches(WIDTH, sum(heights) + EDGE)
    trials, efficiency, bias, stage = figure.subplots(4, 1, sharex=True, height_ratios=heights)
    _line(trials, rows["day"], rows["total_trials"], "o", "#000000", "all", fill=False)
    _line(trials, rows["day"], rows["finished_trials"], "o", LINE, "finished")
    _line(efficiency, rows["day"], rows["foraging_eff"], "o", LINE, "foraging_eff")
    seeded = "foraging_eff_random_seed"
    _line(efficiency, rows["day"], rows[seeded], "^", "#E69F00", seeded)
    _line(bias, rows["day"], rows["bias_naive"], "D", MARK, "")
    bias.set_ylim(-1.1, 1.1)
    bias.set_yticks([-1, 0, 1], ["-1 left", "0", "1 right"])
    trials.set_ylim(bottom=0)
    titles = ("trials", "efficiency, 1 as an optimal forager", "bias")
    for axes, title in zip((trials, efficiency, bias), titles, strict=True):
        axes.set_title(title, fontsize=TEXT, loc="left")
        if not axes.lines:
            say(axes, "no session has a value")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=TEXT, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    bias.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    points = [(d, order.index(s)) for d, s in zip(rows["day"], stages, strict=True) if s]
    if points:
        stage.plot(*zip(*points, strict=True), marker="s", linestyle="none", color=LINE,
                   clip_on=False)  # fmt: skip
        stage.set_yticks(range(len(order)), [short(name) for name in order])
        stage.set_ylim(-0.6, len(order) - 0.4)
    else:
        say(stage, "no session has a stage")
    curricula = rows["curriculum_name"].dropna().unique()
    whole = f" of {short(curricula[0])}" if len(curricula) == 1 else ""
    stage.set_title(f"stage{whole}", fontsize=TEXT, loc="left")
    set_dates(stage, rows["day"].min(), rows["day"].max())
    stage.set_xlabel("session (day)", fontsize=TEXT)
    for axes in (trials, efficiency, bias, stage):
        axes.tick_params(labelsize=TEXT)
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"Foraging of subject {subject_id}: {counted(len(rows), 'session')}, "
        f"{rows['session_date'].iloc[0]} to {rows['session_date'].iloc[-1]}"
    )
    return figure


def _line(
    axes: "Axes",
    days: "pd.Series",
    values: "pd.Series",
    marker: str,
    colour: str,
    label: str,
    *,
    fill: bool = True,
) -> None:
    has_value = values.notna()
    if not has_value.any():
        return
    axes.plot(
        days[has_value], values[has_value].astype(float), marker=marker, color=colour, markersize=5,
        linewidth=1, label=label or None, markerfacecolor=colour if fill else "white",
        clip_on=False,
    )  # fmt: skip


def _stage_names(rows: "pd.DataFrame") -> list[str | None]:
    """Returns the stage of each session, with its curriculum's name if there are several."""
    several = rows["curriculum_name"].nunique() > 1
    pairs = zip(rows["curriculum_name"], rows["current_stage_actual"], strict=True)
    texts = [[part if isinstance(part, str) else None for part in pair] for pair in pairs]
    return [f"{whole}: {part}" if several and whole and part else part for whole, part in texts]


def _check_subject(subject: str, others: set[str], who: str) -> None:
    subjects = acorns.unique_subject_ids()
    if subject not in subjects:
        raise unknown_subject(who, subject, sorted(others.union(subjects)))


def _session_days(rows: "pd.DataFrame") -> "pd.Series":
    """Returns the day of each session, plus the fraction of the day that the suffix tells."""
    import pandas as pd

    suffix = rows["nwb_suffix"].fillna(0)
    hours = suffix // 10_000 + suffix // 100 % 100 / 60
    return days(pd.to_datetime(rows["session_date"], errors="coerce")) + hours.clip(0, 23.9) / 24


def _sessions_of(subject: str, filters: dict[str, Any]) -> "pd.DataFrame":
    """Returns an animal's sessions that fit; raises an error if nobody knows the animal."""
    sessions = acorns.foraging_sessions(**filters)
    rows = sessions[sessions["subject_id"] == subject]
    if rows.empty:
        everyone = acorns.foraging_sessions(columns="subject_id") if filters else sessions
        others = set(everyone["subject_id"].dropna())
        if subject not in others:
            _check_subject(subject, others, "foraging_sessions: no session and no data asset")
    return rows


def _sources(names: "pd.Series") -> dict[str, tuple[str | None, str | None]]:
    """Returns the pipeline and the processing time of each derived data asset among some."""
    try:
        rows = _source_rows(set(names), ["name", *_ORIGIN])
    except AcornNotFound:
        return {}
    texts = rows[list(_ORIGIN)].astype(object).where(rows[list(_ORIGIN)].notna(), None)
    return dict(zip(rows["name"], texts.itertuples(index=False, name=None), strict=True))


def _source_rows(names: set[str], columns: list[str]) -> "pd.DataFrame":
    """Returns rows of `source_data`, without a warning of raw data assets, which have none."""
    return pandas(read.rows(read_request("source_data", {"name": names, "columns": columns})))


def _earlier(names: "pd.Series") -> set[str]:
    """Returns the names that `raw_to_derived(latest=True)` leaves out, for a later one is there.

    Where the store has no `source_data`, there is none.
    """
    from zs_client.lineage import raw_to_derived

    with suppress(AcornNotFound):
        ours = _source_rows(set(names.dropna()), ["name", "source_data"])
        sources = sorted(set(ours["source_data"].dropna()))
        newest = raw_to_derived(sources, latest=True)
        kept = {name for group in newest.values() for name in group}
        return set(ours.loc[ours["source_data"].notna(), "name"]) - kept
    return set()


def _worst_statuses(subject: str) -> dict[str, str]:
    """Returns the status of each data asset of an animal that counts most."""
    try:
        rows = acorns.qc_tag_status(subject)
    except AcornNotFound:
        return {}
    styles = rows["status"].map(status_style).groupby(rows["asset_name"]).agg(set)
    return {name: next(s for s in _WORST if s in group) for name, group in styles.items()}


def _processing_days(times: "pd.Series") -> "pd.Series":
    """Returns the days that texts as `2025-01-15_03-22-09` say, which are of no zone."""
    import pandas as pd

    return days(pd.to_datetime(times, format="%Y-%m-%d_%H-%M-%S", errors="coerce"))
