"""Figures of the tables: QC by tag, projects, foraging sessions.

matplotlib is the extra `plot`. Each function returns a new Figure and shares nothing with pyplot,
so servers and threads may call them. The functions that read tables are in `zs_client.acorns`.
"""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zs_client import acorns, read

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with every kind of colour vision tell apart. Each has a
# marker or a hatch of its own as well, for print without colours.
STATUSES = {"Pass": ("#009E73", "o"), "Fail": ("#D55E00", "X"), "Pending": ("#56B4E9", "D")}
OTHER_STATUS = ("#000000", "s")
LEVELS = {"raw": ("#0072B2", ""), "derived": ("#E69F00", "///"), "other": ("#999999", "...")}
_LINE, _MARK = "#0072B2", "#D55E00"
_STAGES = {"Raw data": 0, "Processing": 1, "Analysis": 2}

_WIDTH = 10.0  # inches, as are the next three
_LANE, _STRIP, _EDGE = 0.14, 0.26, 1.6
_NARROWEST_DATES = 5.0
_TEXT = 8  # points
_LONGEST = 44
_TICKS = 5


def plot_qc(subject_id: str | int | None) -> "Figure":
    """Draws the QC status of one subject over time: a strip for each tag, stages first.

    A mark is one status that the data assets of one acquisition have under a tag; several statuses
    of one acquisition lie below one another. Data assets without an acquisition time are in a
    separate column. Days are UTC; the legend counts data assets and tags, not marks.

    Args:
        subject_id: The animal; None for the data assets that have no subject.

    Returns:
        The figure; a sentence in it when the subject has no QC.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: The table is not in this store and version.
        SubjectNotFound: No data asset has that subject.
        ReadError: The table is there and cannot be read.
    """
    figure = _figure()
    rows = acorns.qc_tag_status(subject_id)
    whose = "data assets without a subject" if subject_id is None else f"subject {subject_id}"
    if rows.empty:
        return _without(figure, f"No QC: no data asset of {whose} has a status")
    statuses = rows["status"].map(lambda status: status if status in STATUSES else "other")
    marks = rows.assign(day=_days(rows["timestamp"]), status=statuses)
    marks = marks.drop_duplicates(["tag", "status", "day"])
    dated, undated = marks[marks["day"].notna()], marks[marks["day"].isna()]
    groups = [group for group in (dated, undated) if len(group)]
    first, last = (dated["day"].min(), dated["day"].max()) if len(dated) else (0.0, 0.0)
    # Two marks in one lane are never nearer than this.
    gap = (last - first + 1) * _LANE / _NARROWEST_DATES
    tags = sorted(set(rows["tag"]), key=lambda tag: (_STAGES.get(tag, 3), tag.casefold(), tag))
    lanes = {tag: [_lanes(g[g["tag"] == tag], gap) for g in groups] for tag in tags}
    heights = [
        max(_STRIP, _LANE * (1 + max((p[0] for part in lanes[tag] for p in part), default=0)) + 0.1)
        for tag in tags
    ]
    figure.set_size_inches(_WIDTH, sum(heights) + _EDGE)
    ratios = [10, 1][: len(groups)]
    panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
    top = 0.0
    for index, (tag, height) in enumerate(zip(tags, heights, strict=True)):
        for axes in panels:
            axes.axhspan(top, top + height, color="#F2F2F2" if index % 2 else "#FFFFFF", zorder=0)
        for axes, points in zip(panels, lanes[tag], strict=True):
            _draw(axes, points, top, height)
        top += height
    middles = [sum(heights[:index]) + height / 2 for index, height in enumerate(heights)]
    panels[0].set_yticks(middles, [_short(tag) for tag in tags], fontsize=_TEXT)
    panels[0].set_ylim(top, 0)
    for axes in panels:
        axes.tick_params(length=0, axis="y")
        axes.spines[["top", "right", "left"]].set_visible(False)
    if len(dated):
        _dates(panels[0], first, last)
        panels[0].set_xlabel("acquisition (day, UTC)", fontsize=_TEXT)
    if len(undated):
        panels[-1].set_xlim(-1, 1)
        panels[-1].set_xticks([0], ["no date"], fontsize=_TEXT)
    count = rows["asset_name"].nunique()
    figure.suptitle(f"QC of {whose}: {_counted(count, 'data asset')}, {_counted(len(tags), 'tag')}")
    _status_legend(figure, statuses)
    return figure


def plot_projects() -> "Figure":
    """Draws how many data assets each project has, raw and derived, and when they were acquired.

    Each project has one row, the largest project first. At the right, a line goes from its first
    to its last acquisition (days, UTC). Data assets without a project share a row.

    Returns:
        The figure; a sentence in it when there are no data assets.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `asset_basics` is not in this store and version.
        ReadError: The table is there and cannot be read.
    """
    figure = _figure()
    from matplotlib.ticker import MaxNLocator

    rows = acorns.asset_basics()[["project_name", "data_level", "acquisition_start_time"]]
    if rows.empty:
        return _without(figure, "No data assets")
    rows = rows.assign(
        project=rows["project_name"].map(lambda name: name if isinstance(name, str) else None),
        level=rows["data_level"].map(lambda level: level if level in LEVELS else "other"),
        day=_days(rows["acquisition_start_time"]),
    )
    rows["project"] = rows["project"].fillna("(no project)")
    counts = rows.groupby(["project", "level"]).size().unstack(fill_value=0)
    totals = counts.sum(axis=1)
    names = sorted(totals.index, key=lambda name: (-totals[name], name))
    spans = rows.groupby("project")["day"].agg(["min", "max"])
    figure.set_size_inches(_WIDTH + 2, len(names) * _STRIP + _EDGE)
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
            fontsize=_TEXT,
        )  # fmt: skip
    bars.set_xlim(0, max(left) * 1.18)
    bars.set_yticks(positions, [_short(name) for name in names], fontsize=_TEXT)
    bars.set_ylim(len(names) - 0.5, -0.5)
    bars.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    bars.xaxis.set_major_formatter("{x:,.0f}")
    bars.set_xlabel("data assets", fontsize=_TEXT)
    for position, name in zip(positions, names, strict=True):
        first, last = spans.loc[name]
        if math.isnan(first):
            continue
        times.plot([first, last], [position, position], color=_LINE, marker="|", linewidth=2)
    if rows["day"].notna().any():
        _dates(times, rows["day"].min(), rows["day"].max(), 4)
        times.set_xlabel("first to last acquisition (day, UTC)", fontsize=_TEXT)
    else:
        _say(times, "no acquisition has a time")
    for axes in (bars, times):
        axes.tick_params(axis="x", labelsize=_TEXT)
        axes.tick_params(axis="y", length=0)
        axes.spines[["top", "right"]].set_visible(False)
    projects = rows["project_name"].nunique()
    figure.suptitle(f"{_counted(len(rows), 'data asset')}, {_counted(projects, 'project')}")
    figure.legend(*bars.get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  fontsize=_TEXT, frameon=False)  # fmt: skip
    return figure


def plot_foraging(subject_id: str | int) -> "Figure":
    """Draws the dynamic foraging sessions of one subject over time.

    The figure has four strips: trials (all and finished), efficiency (1 is that of an optimal
    forager), bias from -1 (left) to 1 (right), and the stage of the curriculum. Nulls have no
    mark. Several sessions of a day are in the order of their recording.

    Args:
        subject_id: The animal.

    Returns:
        The figure; a sentence in it when the subject has no sessions, or in a strip without values.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `foraging_sessions` is not in this store and version.
        SubjectNotFound: No data asset and no session has that subject.
        ReadError: The table is there and cannot be read.
    """
    figure = _figure()
    sessions = acorns.foraging_sessions()
    rows = sessions[sessions["subject_id"] == str(subject_id)]
    if rows.empty:
        _check_subject(str(subject_id), set(sessions["subject_id"].dropna()))
        return _without(figure, f"No foraging sessions of subject {subject_id}")
    rows = rows.assign(day=_session_days(rows)).sort_values(["day", "nwb_suffix"])
    rows = rows[rows["day"].notna()]
    if rows.empty:
        return _without(figure, f"No foraging session of subject {subject_id} has a date")
    stages = _stage_names(rows)
    order = list(dict.fromkeys(stage for stage in stages if stage))
    heights = [1.5, 1.5, 1.5, max(0.8, _STRIP * len(order) + 0.3)]
    figure.set_size_inches(_WIDTH, sum(heights) + _EDGE)
    trials, efficiency, bias, stage = figure.subplots(4, 1, sharex=True, height_ratios=heights)
    _line(trials, rows["day"], rows["total_trials"], "o", "#000000", "all", fill=False)
    _line(trials, rows["day"], rows["finished_trials"], "o", _LINE, "finished")
    _line(efficiency, rows["day"], rows["foraging_eff"], "o", _LINE, "foraging_eff")
    seeded = "foraging_eff_random_seed"
    _line(efficiency, rows["day"], rows[seeded], "^", "#E69F00", seeded)
    _line(bias, rows["day"], rows["bias_naive"], "D", _MARK, "")
    bias.set_ylim(-1.1, 1.1)
    bias.set_yticks([-1, 0, 1], ["-1 left", "0", "1 right"])
    trials.set_ylim(bottom=0)
    titles = ("trials", "efficiency, 1 as an optimal forager", "bias")
    for axes, title in zip((trials, efficiency, bias), titles, strict=True):
        axes.set_title(title, fontsize=_TEXT, loc="left")
        if not axes.lines:
            _say(axes, "no session has a value")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=_TEXT, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    bias.axhline(0, color="#999999", linewidth=0.8, zorder=0)
    points = [(d, order.index(s)) for d, s in zip(rows["day"], stages, strict=True) if s]
    if points:
        stage.plot(*zip(*points, strict=True), marker="s", linestyle="none", color=_LINE)
        stage.set_yticks(range(len(order)), [_short(name) for name in order])
        stage.set_ylim(-0.6, len(order) - 0.4)
    else:
        _say(stage, "no session has a stage")
    curricula = rows["curriculum_name"].dropna().unique()
    whole = f" of {_short(curricula[0])}" if len(curricula) == 1 else ""
    stage.set_title(f"stage{whole}", fontsize=_TEXT, loc="left")
    _dates(stage, rows["day"].min(), rows["day"].max())
    stage.set_xlabel("session (day)", fontsize=_TEXT)
    for axes in (trials, efficiency, bias, stage):
        axes.tick_params(labelsize=_TEXT)
        axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"Foraging of subject {subject_id}: {_counted(len(rows), 'session')}, "
        f"{rows['session_date'].iloc[0]} to {rows['session_date'].iloc[-1]}"
    )
    return figure


def _figure() -> "Figure":
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f"pictures need matplotlib, which cannot be imported ({error}); install the extra "
            "plot: pip install 'data-asset-cache[plot]'"
        ) from error

    class Picture(Figure):
        """A Figure that a notebook shows without pyplot."""

        def _repr_png_(self) -> bytes:
            body = io.BytesIO()
            self.savefig(body, format="png", dpi=80)
            return body.getvalue()

    figure = Picture(figsize=(_WIDTH, 2), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _without(figure: "Figure", why: str) -> "Figure":
    figure.text(0.5, 0.5, why, ha="center", va="center", wrap=True)
    return figure


def _say(axes: "Axes", what: str) -> None:
    axes.text(
        0.5, 0.5, what, ha="center", va="center", transform=axes.transAxes, fontsize=_TEXT,
        color="#666666",
    )  # fmt: skip
    # Ticks may be shared with other axes.
    axes.tick_params(axis="y", labelleft=False, length=0)


def _days(times: "pd.Series") -> "pd.Series":
    """Returns times as days since 1970, NaN for null."""
    import pandas as pd

    since = pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")
    return since / pd.Timedelta(days=1)


def _session_days(rows: "pd.DataFrame") -> "pd.Series":
    """Returns the day of each session, plus the fraction of the day that the suffix tells."""
    import pandas as pd

    suffix = rows["nwb_suffix"].fillna(0)
    hours = suffix // 10_000 + suffix // 100 % 100 / 60
    return _days(pd.to_datetime(rows["session_date"], errors="coerce")) + hours.clip(0, 23.9) / 24


def _dates(axes: "Axes", first: float, last: float, most: int = _TICKS) -> None:
    """Set at most `most` + 1 whole days as ticks, so that their labels do not overlap."""
    import pandas as pd

    first, last = math.floor(first), math.floor(last) + 1
    step = max(1, math.ceil((last - first) / most))
    ticks = list(range(first, last, step))
    names = [f"{pd.Timestamp(day, unit='D'):%Y-%m-%d}" for day in ticks]
    axes.set_xticks(ticks, names, fontsize=_TEXT)
    room = (last - first) * 0.06
    axes.set_xlim(first - room, last + room)


def _lanes(marks: "pd.DataFrame", gap: float) -> list[tuple[int, float, str]]:
    """Returns the lane, day and status of each mark; a mark takes the first free lane."""
    ends: list[float] = []
    lanes = []
    order = [*STATUSES, "other"]
    ordered = sorted(
        zip(marks["day"].fillna(0.0), marks["status"], strict=True),
        key=lambda mark: (mark[0], order.index(mark[1])),
    )
    for day, status in ordered:
        lane = next((n for n, end in enumerate(ends) if end + gap <= day), len(ends))
        ends[lane : lane + 1] = [day]
        lanes.append((lane, day, status))
    return lanes


def _draw(
    axes: "Axes", points: Sequence[tuple[int, float, str]], top: float, height: float
) -> None:
    lane_count = 1 + max((lane for lane, _, _ in points), default=0)
    first_lane = top + (height - (lane_count - 1) * _LANE) / 2
    for status, (colour, marker) in {**STATUSES, "other": OTHER_STATUS}.items():
        chosen = [(day, first_lane + lane * _LANE) for lane, day, s in points if s == status]
        if chosen:
            axes.plot(
                *zip(*chosen, strict=True), marker=marker, color=colour, markersize=7,
                markeredgecolor="white", markeredgewidth=0.4, linestyle="none", label=status,
            )  # fmt: skip


def _status_legend(figure: "Figure", statuses: "pd.Series") -> None:
    from matplotlib.lines import Line2D

    counts = statuses.value_counts()
    handles = [
        Line2D(
            [], [], color=colour, marker=marker, linestyle="none", markersize=7,
            label=f"{status} ({counts[status]:,})",
        )
        for status, (colour, marker) in {**STATUSES, "other": OTHER_STATUS}.items()
        if status in counts
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, fontsize=_TEXT, frameon=False
    )


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
    )  # fmt: skip


def _stage_names(rows: "pd.DataFrame") -> list[str | None]:
    """Returns the stage of each session, with its curriculum's name if there are several."""
    several = rows["curriculum_name"].nunique() > 1
    pairs = zip(rows["curriculum_name"], rows["current_stage_actual"], strict=True)
    texts = [[part if isinstance(part, str) else None for part in pair] for pair in pairs]
    return [f"{whole}: {part}" if several and whole and part else part for whole, part in texts]


def _check_subject(subject: str, others: set[str]) -> None:
    subjects = acorns.unique_subject_ids()
    if subject not in subjects:
        who = "foraging_sessions: no session and no data asset"
        raise read.unknown_subject(who, subject, sorted(others.union(subjects)))


def _short(text: str) -> str:
    """Returns a text as a one-line label, shortened in the middle, with `$` escaped."""
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]}…{text[-(_LONGEST // 2 - 1) :]}"
    # matplotlib would set the text between two dollar signs as a formula.
    return text.replace("$", r"\$")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
