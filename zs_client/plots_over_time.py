"""Figures of many animals over time: how projects grow, QC of platforms and rigs, curricula.

They are imported from `zs_client.plots`.
"""

from collections.abc import Iterable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

from zs_client import acorns
from zs_client.drawing import (
    COLOURS,
    EDGE,
    MARKERS,
    STATUS_STYLES,
    TEXT,
    WIDTH,
    counted,
    days,
    draw_strips,
    labels,
    new_figure,
    set_dates,
    short,
    status_style,
    style_legend,
    without,
)
from zs_client.place import reading

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OF_GROWTH = ("project_name", "acquisition_start_time")
# A bar for each of these periods in days, so that there are at most so many bars.
_PERIODS = {1: "a day", 7: "a week", 28: "four weeks", 91: "13 weeks", 364: "52 weeks"}
_MOST_BARS = 60
_MONDAY = 4  # 5 January 1970
_MOST_PANELS = 12
_MOST_ANIMALS = 60
_PANEL = 1.3  # inches
# In the order in which a status of a data asset counts, with the hatch of its bars.
_HATCHES = {"Fail": "xxx", "other": "...", "Pending": "///", "Pass": ""}


def plot_growth(
    *, snapshot: str | None = None, offline: bool | None = None, **filters: Any
) -> "Figure":
    """Draws how projects grow: the data assets of each that were acquired up to a day (UTC).

    The largest seven projects have a colour each, all others a thin grey line. A data asset
    without an acquisition time is in no line, and counted in the title.

    Args:
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `asset_basics`, such as `data_level="raw"` or `project_name=[…]`.

    Returns:
        The figure; a sentence in it when no data asset with a time fits.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `asset_basics` is not in this store and version.
        ReadError: The table is there and cannot be read.
        ValueError: There is no such filter.
    """
    figure = new_figure()
    from matplotlib.ticker import MaxNLocator

    with reading(snapshot=snapshot, offline=offline):
        rows = acorns.asset_basics(columns=_OF_GROWTH, **filters)
    rows = rows.assign(
        day=days(rows["acquisition_start_time"]),
        project=rows["project_name"].astype(object).where(rows["project_name"].notna(), None),
    )
    rows["project"] = rows["project"].fillna("(no project)")
    dated = rows[rows["day"].notna()].sort_values("day")
    if dated.empty:
        return without(figure, f"No data asset with an acquisition time{_fits(filters)}")
    figure.set_size_inches(WIDTH, 5)
    axes = figure.subplots()
    first, last = dated["day"].min(), dated["day"].max()
    sizes = dated["project"].value_counts()
    names = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    largest, others = names[: len(COLOURS)], names[len(COLOURS) :]
    dashes = cycle(("-", "--", "-.", ":"))
    looks: dict[str, dict[str, Any]] = {
        name: {"color": colour, "linestyle": dash, "linewidth": 1.6,
               "label": f"{label} ({sizes[name]:,})"}
        for name, label, colour, dash in zip(
            largest, labels(largest), COLOURS, dashes, strict=False
        )
    }  # fmt: skip
    looks |= {name: {"color": "#BBBBBB", "linewidth": 0.8, "zorder": 1} for name in others}
    if others:
        label = f"{counted(len(others), 'other project')} ({sizes[others].sum():,})"
        looks[others[0]]["label"] = label
    for name, look in looks.items():
        times = dated.loc[dated["project"] == name, "day"].tolist()
        # Each line begins at nothing and goes on to the last day of all.
        counts = [*range(len(times) + 1), len(times)]
        axes.step([times[0], *times, last], counts, where="post", **look)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel("data assets up to the day", fontsize=TEXT)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.6)
    set_dates(axes, first, last)
    axes.set_xlabel("acquisition (day, UTC)", fontsize=TEXT)
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=TEXT, frameon=False)
    undated = len(rows) - len(dated)
    without_time = f", {undated:,} more without a time" if undated else ""
    projects = rows["project_name"].nunique()
    figure.suptitle(
        f"{counted(len(dated), 'data asset')}, {counted(projects, 'project')}{without_time}"
    )
    return figure


def plot_qc_over_time(
    platform: str | Iterable[str] | None = None,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    **filters: Any,
) -> "Figure":
    """Draws QC over time: for each platform, or for each instrument of some platforms.

    A bar is a day, a week or longer, by the acquisition (UTC); in it each data asset counts once,
    as Fail if any of its statuses is, else as Pending if any is. The largest eleven instruments
    have a panel each, all others share one. A data asset without an acquisition time has no bar.

    Args:
        platform: Such as `fib`, or several, for their instruments; None compares all platforms.
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `platform_qc`, such as `tag="probe:A"` or `acquired_after="2025-01-01"`.

    Returns:
        The figure; a sentence in it when no status with a time fits.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `platform_qc` is not in this store and version.
        ReadError: The table is there and cannot be read.
        ValueError: There is no such platform or filter.
    """
    figure = new_figure()
    with reading(snapshot=snapshot, offline=offline):
        rows = acorns.platform_qc(... if platform is None else platform, **filters)
    rows = rows.assign(day=days(rows["timestamp"]), style=rows["status"].map(status_style))
    rows = rows[rows["day"].notna()]
    if rows.empty:
        return without(figure, f"No QC status with an acquisition time{_fits(filters)}")
    rows["panel"] = rows["platform"]
    if platform is not None:
        rig = rows["instrument_id_normalized"].astype(object)
        rows["panel"] = rows["platform"] + ": " + rig.where(rig.notna(), "no instrument")
    rows["rank"] = rows["style"].map(list(_HATCHES).index)
    data_assets = rows.sort_values("rank").drop_duplicates(["panel", "asset_name"])
    sizes = data_assets["panel"].value_counts()
    names = sorted(sizes.index, key=lambda name: (-sizes[name], name))
    if len(names) > _MOST_PANELS:
        others = names[_MOST_PANELS - 1 :]
        label = counted(len(others), "other instrument")
        data_assets["panel"] = data_assets["panel"].where(~data_assets["panel"].isin(others), label)
        names = [*names[: _MOST_PANELS - 1], label]
    first, last = data_assets["day"].min(), data_assets["day"].max()
    step = next((n for n in _PERIODS if (last - first) / n <= _MOST_BARS), max(_PERIODS))
    data_assets["bar"] = ((data_assets["day"] - _MONDAY) // step) * step + _MONDAY
    figure.set_size_inches(WIDTH, _PANEL * len(names) + EDGE)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, names, strict=True):
        _draw_bars(axes, data_assets[data_assets["panel"] == name], step)
        axes.set_title(f"{short(name)} ({counted(_count(data_assets, name), 'data asset')})",
                       fontsize=TEXT, loc="left")  # fmt: skip
    set_dates(panels[-1], data_assets["bar"].min(), data_assets["bar"].max() + step)
    panels[-1].set_xlabel(f"acquisition (UTC), each bar {_PERIODS[step]}", fontsize=TEXT)
    whose = "of all platforms" if platform is None else f"by instrument, {_listing(platform)}"
    figure.suptitle(f"QC over time {whose}: {counted(rows['asset_name'].nunique(), 'data asset')}")
    _bar_legend(figure, data_assets["style"])
    return figure


def plot_curriculum(
    subject_id: str | int | Iterable[str | int] | None = None,
    *,
    snapshot: str | None = None,
    offline: bool | None = None,
    **filters: Any,
) -> "Figure":
    """Draws at which stage of a curriculum animals were over time: a strip for each animal.

    A mark is a data asset with a stage; each stage has a colour and a marker. Of more than sixty
    animals those that were trained last are drawn, and the title says of how many. Days are UTC.

    Args:
        subject_id: The animal, or several; None for all.
        snapshot: Draw what was published then, an id of `snapshots()`.
        offline: Send nothing and read the local cache.
        filters: Those of `behavior_curriculum`, such as `curriculum_name="…"`.

    Returns:
        The figure; a sentence in it when no data asset with a stage fits.

    Raises:
        ImportError: matplotlib is not installed.
        AcornNotFound: `behavior_curriculum` or `asset_basics` is not in this store and version.
        ReadError: A table is there and cannot be read.
        ValueError: There is no such filter.
    """
    figure = new_figure()
    of_animals: dict[str, Any] = {}
    if subject_id is not None:
        one = isinstance(subject_id, str | int)
        of_animals["subject_id"] = [str(subject_id)] if one else [str(s) for s in subject_id]  # type: ignore[union-attr]
    with reading(snapshot=snapshot, offline=offline):
        stages = acorns.behavior_curriculum(**filters)
        columns = ["name", "subject_id", "acquisition_start_time"]
        basics = acorns.asset_basics(columns=columns, **of_animals)
    stages = stages[stages["stage_name"].notna()]
    # Of several documents with one name, one.
    rows = stages.merge(
        basics.drop_duplicates("name"), left_on="asset_name", right_on="name", how="inner"
    )
    if rows.empty:
        fits = _fits(filters or of_animals)
        return without(figure, f"No data asset with a stage of a curriculum{fits}")
    rows = rows.assign(day=days(rows["acquisition_start_time"]), is_earlier=False)
    rows["subject_id"] = rows["subject_id"].astype(object).fillna("no subject")
    rows["style"] = _stages(rows)
    order = rows.sort_values(["stage_node_id", "day"])["style"].unique()
    styles = dict(zip(order, _styles(), strict=False))
    ends = rows.groupby("subject_id")["day"].max().sort_values(ascending=False)
    animals = sorted(ends.index[:_MOST_ANIMALS])
    strips = {name: rows[rows["subject_id"] == name] for name in animals}
    draw_strips(figure, strips, styles, "acquisition (day, UTC)")
    drawn = rows[rows["subject_id"].isin(animals)]
    style_legend(figure, drawn["style"], styles)
    of = f" of {len(ends):,}" if len(animals) < len(ends) else ""
    names = rows["curriculum_name"].dropna().unique()
    whole = f" of {short(names[0])}" if len(names) == 1 else ""
    figure.suptitle(
        f"Stages{whole}: {len(animals):,}{of} animal{'' if len(ends) == 1 else 's'}, "
        f"{counted(len(drawn), 'data asset')}"
    )
    return figure


def _fits(filters: Mapping[str, Any]) -> str:
    """Returns the end of a sentence of what is not there, if filters may be the reason."""
    return " fits" if filters else ""


def _draw_bars(axes: "Axes", data_assets: "pd.DataFrame", step: int) -> None:
    from matplotlib.ticker import MaxNLocator

    counts = data_assets.groupby(["bar", "style"]).size().unstack(fill_value=0)
    left = [0] * len(counts)
    for style, hatch in _HATCHES.items():
        if style in counts.columns:
            heights = counts[style].tolist()
            axes.bar(
                counts.index, heights, step, left, align="edge", color=STATUS_STYLES[style][0],
                edgecolor="white", linewidth=0.5, label=style, hatch=hatch,
            )  # fmt: skip
            left = [below + height for below, height in zip(left, heights, strict=True)]
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=3))
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


def _bar_legend(figure: "Figure", styles: "pd.Series") -> None:
    from matplotlib.patches import Patch

    counts = styles.value_counts()
    handles = [
        Patch(facecolor=STATUS_STYLES[style][0], hatch=hatch, edgecolor="white",
              label=f"{style} ({counts[style]:,})")
        for style, hatch in _HATCHES.items()
        if style in counts
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="outside lower center", ncols=4, fontsize=TEXT, frameon=False
    )


def _count(data_assets: "pd.DataFrame", name: str) -> int:
    return int((data_assets["panel"] == name).sum())


def _listing(names: str | Iterable[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)


def _stages(rows: "pd.DataFrame") -> "pd.Series":
    """Returns the stage of each row, with its curriculum's name if there are several."""
    if rows["curriculum_name"].nunique() < 2:
        return rows["stage_name"]
    return rows["curriculum_name"].astype(object).fillna("?") + ": " + rows["stage_name"]


def _styles() -> Iterable[tuple[str, str]]:
    """Yields pairs of a colour and a marker, all different."""
    for shift in range(len(MARKERS)):
        for place, colour in enumerate(COLOURS):
            yield colour, MARKERS[(place + shift) % len(MARKERS)]
