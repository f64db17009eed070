"""What pictures have in common: colours, strips of marks over time, ticks on round dates, legends.

The pictures are in `zs_client.plots` and `zs_client.plots_over_time`.
"""

import io
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with every kind of colour vision tell apart. Each has a
# marker or a hatch of its own as well, for print without colours.
STATUSES = {"Pass": ("#009E73", "o"), "Fail": ("#D55E00", "X"), "Pending": ("#56B4E9", "D")}
OTHER_STATUS = ("#000000", "s")
LEVELS = {"raw": ("#0072B2", ""), "derived": ("#E69F00", "///"), "other": ("#999999", "...")}
LINE, MARK = "#0072B2", "#D55E00"
OTHER = "other"
STATUS_STYLES = {**STATUSES, OTHER: OTHER_STATUS}
# Without their yellow, which is hardly seen on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

WIDTH = 10.0  # inches, as are the next four
LANE, STRIP, EDGE = 0.14, 0.26, 1.6
_NARROWEST_DATES = 5.0
TEXT = 8  # points
_SIZE = 7
_LONGEST = 44
# Of alike labels, the characters before the difference.
_BEFORE = 6
_TICKS = 5
_EPOCH = date(1970, 1, 1)
# Steps between ticks: so many days from Thursday 1 January 1970, or so many months.
_DAYS = ((1, 0), (2, 0), (7, 4), (14, 4))
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)


def new_figure() -> "Figure":
    """Returns an empty figure that pyplot does not know.

    Raises:
        ImportError: matplotlib is not installed.
    """
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

    figure = Picture(figsize=(WIDTH, 2), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def without(figure: "Figure", why: str) -> "Figure":
    """Returns the figure with a sentence in place of a picture."""
    figure.text(0.5, 0.5, why, ha="center", va="center", wrap=True)
    return figure


def say(axes: "Axes", what: str) -> None:
    """Write a sentence in the middle of axes that have no values."""
    axes.text(
        0.5, 0.5, what, ha="center", va="center", transform=axes.transAxes, fontsize=TEXT,
        color="#666666",
    )  # fmt: skip
    # Ticks may be shared with other axes.
    axes.tick_params(axis="y", labelleft=False, length=0)


def days(times: "pd.Series") -> "pd.Series":
    """Returns times as days since 1970, NaN for null."""
    import pandas as pd

    since = pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")
    return since / pd.Timedelta(days=1)


def short(text: str, middle: int | None = None) -> str:
    """Returns a text as a one-line label with `$` escaped, without its middle or what follows it.

    Args:
        text: The text.
        middle: Keep the characters from this one on, in place of the last ones.
    """
    text = " ".join(text.split())
    if len(text) > _LONGEST:
        end = len(text) - (_LONGEST // 2 - 1) if middle is None else middle
        text = f"{text[: _LONGEST // 2]}…{text[end : end + _LONGEST // 2 - 1]}"
    # matplotlib would set the text between two dollar signs as a formula.
    return text.replace("$", r"\$")


def labels(names: Iterable[str]) -> list[str]:
    """Returns a label for each name, cut so that names which differ in their middle do, too."""
    names = list(names)
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(short(name), []).append(" ".join(name.split()))
    middles = {label: _difference(group) for label, group in alike.items() if len(group) > 1}
    return [short(name, middles.get(short(name))) for name in names]


def _difference(texts: list[str]) -> int:
    """Returns where texts begin to differ, and a few characters before it where those are cut."""
    same = takewhile(lambda each: len({*each}) == 1, zip(*texts, strict=False))
    return max(_LONGEST // 2, sum(1 for _ in same) - _BEFORE)


def counted(count: int, noun: str) -> str:
    """Returns a number with its noun: `1 tag`, `1,200 tags`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def status_style(status: object) -> str:
    """Returns the key of a status in `STATUS_STYLES`."""
    return status if isinstance(status, str) and status in STATUSES else OTHER


def round_dates(first: float, last: float, most: int = _TICKS) -> list[tuple[int, str]]:
    """Returns ticks from one day to another, in days since 1970, with their labels.

    They are days, Mondays, or first days of months or years, at most one more than `most`.
    """
    begin, end = math.floor(first), math.floor(last)
    for step, offset in _DAYS:
        ticks = list(range(begin + (offset - begin) % step, end + 1, step))
        if len(ticks) <= most + 1:
            return [(day, f"{_date(day)}") for day in ticks or [begin]]
    for months in _MONTHS:
        firsts = list(_firsts(begin, end, months))
        if len(firsts) <= most + 1:
            form = "%Y" if months >= 12 else "%Y-%m"
            return [((day - _EPOCH).days, f"{day:{form}}") for day in firsts]
    raise ValueError(f"no ticks from day {begin} to day {end}")


def _date(day: int) -> date:
    return _EPOCH + timedelta(day)


def _firsts(begin: int, end: int, months: int) -> Iterator[date]:
    """Yields the first days of every so many months, counted from the year 0."""
    start = _date(begin)
    count = start.year * 12 + start.month - 1
    count += -count % months
    while (day := date(count // 12, count % 12 + 1, 1)) <= _date(end):
        if day >= start:
            yield day
        count += months


def set_dates(axes: "Axes", first: float, last: float, most: int = _TICKS) -> None:
    """Set round dates as ticks, so that their labels do not overlap, and room at both ends."""
    ticks = round_dates(first, last, most)
    axes.set_xticks([day for day, _ in ticks], [name for _, name in ticks], fontsize=TEXT)
    begin, end = math.floor(first), math.floor(last) + 1
    room = (end - begin) * 0.06
    axes.set_xlim(begin - room, end + room)


def draw_strips(
    figure: "Figure",
    strips: Mapping[str, "pd.DataFrame"],
    styles: Mapping[str, tuple[str, str]],
    label: str,
) -> None:
    """Draw marks over time, a strip for each kind; marks that would overlap lie in lanes.

    Args:
        figure: An empty figure, whose height is set.
        strips: The marks by the strip's name: `day`, NaN if not known; `style`, a key of `styles`;
            `is_earlier`, for a mark that is hollow.
        styles: The colour and marker of each style, in the order of the lanes.
        label: What the days are.
    """
    import pandas as pd

    marks = pd.concat(strips.values(), ignore_index=True)
    dated = marks[marks["day"].notna()]
    groups = [known for known in (True, False) if (marks["day"].notna() == known).any()]
    first, last = (dated["day"].min(), dated["day"].max()) if len(dated) else (0.0, 0.0)
    # Two marks in one lane are never nearer than this.
    gap = (last - first + 1) * LANE / _NARROWEST_DATES
    order = list(styles)
    lanes = {
        name: [_lanes(part[part["day"].notna() == known], gap, order) for known in groups]
        for name, part in strips.items()
    }
    deepest = {
        name: max((lane for part in parts for lane, *_ in part), default=0)
        for name, parts in lanes.items()
    }
    heights = {name: max(STRIP, LANE * (1 + lane) + 0.1) for name, lane in deepest.items()}
    figure.set_size_inches(WIDTH, sum(heights.values()) + EDGE)
    ratios = [10, 1][: len(groups)]
    panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
    top, middles = 0.0, []
    for index, (name, height) in enumerate(heights.items()):
        for axes, points in zip(panels, lanes[name], strict=True):
            colour = "#F2F2F2" if index % 2 else "#FFFFFF"
            axes.axhspan(top, top + height, color=colour, zorder=0)
            _draw(axes, points, styles, top, height)
        middles.append(top + height / 2)
        top += height
    panels[0].set_yticks(middles, labels(strips), fontsize=TEXT)
    panels[0].set_ylim(top, 0)
    for axes in panels:
        axes.tick_params(length=0, axis="y")
        axes.spines[["top", "right", "left"]].set_visible(False)
    if len(dated):
        set_dates(panels[0], first, last)
        panels[0].set_xlabel(label, fontsize=TEXT)
    if len(dated) < len(marks):
        panels[-1].set_xlim(-1, 1)
        panels[-1].set_xticks([0], ["no date"], fontsize=TEXT)


def _lanes(
    marks: "pd.DataFrame", gap: float, order: list[str]
) -> list[tuple[int, float, str, bool]]:
    """Returns the lane, day, style and hollowness of each mark; it takes the first free lane."""
    ends: list[float] = []
    lanes = []
    ordered = sorted(
        zip(marks["day"].fillna(0.0), marks["style"], marks["is_earlier"], strict=True),
        key=lambda mark: (mark[0], not mark[2], order.index(mark[1])),
    )
    for day, style, is_earlier in ordered:
        lane = next((n for n, end in enumerate(ends) if end + gap <= day), len(ends))
        ends[lane : lane + 1] = [day]
        lanes.append((lane, day, style, bool(is_earlier)))
    return lanes


def _draw(
    axes: "Axes",
    points: list[tuple[int, float, str, bool]],
    styles: Mapping[str, tuple[str, str]],
    top: float,
    height: float,
) -> None:
    lane_count = 1 + max((lane for lane, *_ in points), default=0)
    first_lane = top + (height - (lane_count - 1) * LANE) / 2
    for style, (colour, marker) in styles.items():
        for is_earlier in (False, True):
            chosen = [
                (day, first_lane + lane * LANE) for lane, day, *kind in points
                if kind == [style, is_earlier]
            ]  # fmt: skip
            if chosen:
                axes.plot(
                    *zip(*chosen, strict=True), linestyle="none", label=style, clip_on=False,
                    **_mark(colour, marker, is_earlier=is_earlier),
                )  # fmt: skip


def _mark(colour: str, marker: str, *, is_earlier: bool) -> dict[str, Any]:
    """Returns how a mark looks: hollow for an earlier version."""
    if is_earlier:
        return {"marker": marker, "color": colour, "markersize": _SIZE - 1.5,
                "markerfacecolor": "white", "markeredgewidth": 1.2}  # fmt: skip
    return {"marker": marker, "color": colour, "markersize": _SIZE,
            "markeredgecolor": "white", "markeredgewidth": 0.4}  # fmt: skip


def style_legend(
    figure: "Figure",
    keys: "pd.Series",
    styles: Mapping[str, tuple[str, str]],
    earlier: int = 0,
) -> None:
    """Draw a legend of the styles that there are, with how often; `earlier` counts hollow marks."""
    from matplotlib.lines import Line2D

    counts = keys.value_counts()
    handles = [
        Line2D([], [], linestyle="none", label=f"{short(style)} ({counts[style]:,})",
               **_mark(colour, marker, is_earlier=False))
        for style, (colour, marker) in styles.items()
        if style in counts
    ]  # fmt: skip
    if earlier:
        handles.append(
            Line2D([], [], linestyle="none", label=f"earlier version ({earlier:,})",
                   **_mark("#666666", "o", is_earlier=True))
        )  # fmt: skip
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, fontsize=TEXT, frameon=False
    )
