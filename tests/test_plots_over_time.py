"""Pictures over time: marks and bars are those of the rows, ticks are round, filters hold."""

import datetime as dt
import itertools
import math
from pathlib import Path

import client_store
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_plots import marks, microseconds, readable

from zs_client import (
    SubjectNotFound,
    asset_basics,
    behavior_curriculum,
    cli,
    foraging_sessions,
    platform_qc,
    qc_tag_status,
    raw_to_derived,
    snapshots,
    source_data,
)
from zs_client.drawing import round_dates
from zs_client.opening import open_store
from zs_client.plots import (
    plot_animal,
    plot_curriculum,
    plot_foraging,
    plot_growth,
    plot_projects,
    plot_qc,
    plot_qc_over_time,
)

EPOCH = dt.date(1970, 1, 1)
# Of filters that nothing fits.
pytestmark = pytest.mark.filterwarnings("ignore::zs_client.NoSuchValue")


@pytest.fixture
def sampled(sample_store, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(sample_store))


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store that the functions read."""
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    monkeypatch.setenv("ZS_VERSION", client_store.VERSION)
    return open_store(str(tmp_path))


def legend(figure):
    """The numbers of a figure's legend, by what they are of."""
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    split = [text.rpartition(" (") for text in texts]
    return {name: int(number.rstrip(")").replace(",", "")) for name, _, number in split}


def hollow(axes):
    """How many marks of axes are hollow."""
    return sum(
        len(line.get_xdata())
        for line in axes.lines
        if line.get_markerfacecolor() == "white" and line.get_linestyle() == "None"
    )


def strips(figure):
    """The number of marks in each strip of a figure, by the strip's label."""
    axes = figure.axes[0]
    bands = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in axes.patches]
    names = [label.get_text() for label in axes.get_yticklabels()]
    counts = dict.fromkeys(names, 0)
    for panel in figure.axes:
        for line in panel.lines:
            for y in line.get_ydata():
                (place,) = (n for n, (low, high) in enumerate(bands) if low < y < high)
                counts[names[place]] += 1
    return counts


def test_two_versions_of_one_acquisition_have_a_mark_each_and_the_earlier_is_hollow(sampled):
    rows = qc_tag_status("901006")
    assert rows["timestamp"].nunique() == 1
    assert rows["asset_name"].nunique() == 2
    newest = raw_to_derived("SmartSPIM_901006_2024-10-21_14-05-40", latest=True)
    earlier = ~rows["asset_name"].isin(newest)
    figure = plot_qc("901006")
    (axes,) = figure.axes
    assert sum(strips(figure).values()) == len(marks(axes)) == len(rows)
    assert hollow(axes) == earlier.sum() == legend(figure)["earlier version"]
    readable(figure)


@pytest.mark.slow
def test_versions_of_one_status_do_not_hide_each_other(store):
    at = microseconds(dt.datetime(2025, 3, 1, tzinfo=dt.UTC))
    names = ["raw", "raw_sorted_2025-03-02_00-00-00", "raw_sorted_2025-04-02_00-00-00"]
    rows = [
        {"tag": "a", "status": "Pass", "asset_name": name, "subject_id": "1", "timestamp": at}
        for name in names
    ]
    client_store.split(store, "qc_tag_status", {"1": rows})
    # Without the table of sources no version is known to be earlier.
    figure = plot_qc("1")
    assert (strips(figure), hollow(figure.axes[0])) == ({"a": 3}, 0)
    sources = [
        {"name": name, "source_data": "raw", "pipeline_name": "p", "processing_time": name[-19:]}
        for name in names[1:]
    ]
    client_store.whole(store, "source_data", sources)
    figure = plot_qc("1")
    assert (strips(figure), hollow(figure.axes[0])) == ({"a": 3}, 1)


def test_an_animal_has_what_was_acquired_derived_and_checked(sampled):
    rows = asset_basics(subject_id="901006")
    derived = set(source_data()["name"]) & set(rows["name"])
    figure = plot_animal("901006")
    checked = qc_tag_status("901006")["asset_name"].nunique()
    assert strips(figure) == {
        "acquired: SPIM": len(rows) - len(derived),
        "derived: Sample light-sheet pipeline": len(derived),
        "QC": checked,
    }
    # The earlier version is hollow among the derived and in its QC.
    assert hollow(figure.axes[0]) == 2
    days = {
        (EPOCH + dt.timedelta(math.floor(x))).isoformat()
        for line in figure.axes[0].lines
        if line.get_label() == "derived"
        for x in line.get_xdata()
    }
    assert days == {name.rsplit("_", 2)[1] for name in derived}
    told = " ".join(readable(figure))
    assert f"{len(rows)} data assets, {len(rows) - len(derived)} acquired" in told


def test_an_animal_of_several_modalities_has_a_strip_for_each_and_the_worst_status(sampled):
    rows = asset_basics(subject_id="901001")
    figure = plot_animal("901001")
    counts = strips(figure)
    raw = rows[rows["data_level"] == "raw"].explode("modalities")
    for modality, group in raw.groupby("modalities"):
        assert counts[f"acquired: {modality}"] == len(group)
    statuses = qc_tag_status("901001").groupby("asset_name")["status"].agg(set)
    fails = sum("Fail" in group for group in statuses)
    assert legend(figure)["Fail"] == fails
    assert counts["QC"] == len(statuses)
    readable(figure)
    only = plot_animal("901001", data_level="raw", acquired_before="2024-09-05")
    assert "derived" not in " ".join(strips(only))
    assert readable(plot_animal("901001", modality="SPIM")) == [
        "No data asset of subject 901001 fits"
    ]
    with pytest.raises(SubjectNotFound, match="901099"):
        plot_animal("901099")


def test_the_growth_of_projects_ends_at_their_numbers(sampled):
    rows = asset_basics()
    dated = rows[rows["acquisition_start_time"].notna()]
    counts = dated["project_name"].value_counts()
    figure = plot_growth()
    (axes,) = figure.axes
    assert sorted(line.get_ydata()[-1] for line in axes.lines) == sorted(counts)
    for line in axes.lines:
        heights = list(line.get_ydata())
        assert heights == sorted(heights)
        # From nothing, a step for each data asset, and on to the last day of all.
        assert len(heights) == heights[-1] + 2
    named = legend(figure)
    assert sum(named.values()) == len(dated)
    assert named["2 other projects"] == counts.sort_values().iloc[:2].sum()
    told = " ".join(readable(figure))
    assert f"{len(dated)} data assets, {counts.size} projects, 1 more without a time" in told
    few = plot_growth(project_name=["Sample foraging", "Sample slices"], data_level="raw")
    assert set(legend(few)) == {"Sample foraging", "Sample slices"}
    assert readable(plot_growth(project_name=None)) == [
        "No data asset with an acquisition time fits"
    ]


def heights(figure):
    """The sum of the bars of each panel by the panel's title."""
    return {
        axes._left_title.get_text(): sum(bar.get_height() for bar in axes.patches)
        for axes in figure.axes
    }


def test_qc_over_time_counts_each_data_asset_once_by_its_worst_status(sampled):
    rows = platform_qc()
    figure = plot_qc_over_time()
    sizes = rows.groupby("platform")["asset_name"].nunique()
    assert heights(figure) == {
        f"{name} ({size} data asset{'' if size == 1 else 's'})": size
        for name, size in sizes.items()
    }
    groups = rows.groupby(["platform", "asset_name"])["status"].agg(set)
    worst = groups.map(lambda found: next(s for s in ("Fail", "Pending", "Pass") if s in found))
    assert legend(figure) == worst.value_counts().to_dict()
    readable(figure)


def test_qc_over_time_of_a_platform_has_a_panel_for_each_instrument(sampled):
    rows = platform_qc("dynamic_foraging")
    figure = plot_qc_over_time("dynamic_foraging")
    sizes = rows.groupby("instrument_id_normalized")["asset_name"].nunique()
    panels = {title.split(": ")[1].split(" (")[0]: n for title, n in heights(figure).items()}
    assert panels == sizes.to_dict()
    readable(figure)
    fails = plot_qc_over_time(["fib", "spim"], status="Fail")
    assert set(legend(fails)) == {"Fail"}
    assert readable(plot_qc_over_time("fib", acquired_after="2030-01-01")) == [
        "No QC status with an acquisition time fits"
    ]
    with pytest.raises(ValueError, match="fibre"):
        plot_qc_over_time("fibre")


def test_a_stage_is_a_mark_in_its_animals_strip(sampled):
    rows = behavior_curriculum()
    rows = rows[rows["stage_name"].notna()].merge(
        asset_basics(columns=["name", "subject_id"]), left_on="asset_name", right_on="name"
    )
    figure = plot_curriculum()
    assert strips(figure) == rows["subject_id"].value_counts().to_dict()
    assert sum(legend(figure).values()) == len(rows)
    readable(figure)
    one = plot_curriculum("901001")
    assert set(strips(one)) == {"901001"}
    assert set(legend(one)) == {"one_patch", "two_patches", "two_patches_drifting", "graduated"}
    assert (
        sum(strips(plot_curriculum(stage_name="two_patches")).values())
        == (rows["stage_name"] == "two_patches").sum()
    )
    assert readable(plot_curriculum("901006")) == [
        "No data asset with a stage of a curriculum fits"
    ]


def test_filters_and_snapshots_hold_in_every_picture(sampled):
    fails = plot_qc("901001", status="Fail")
    assert set(legend(fails)) == {"Fail"}
    assert readable(plot_qc("901001", status="Skipped")) == [
        "No QC: no data asset of subject 901001 has a status that fits"
    ]
    bars, _ = plot_projects(modality="SPIM").axes
    assert sum(bar.get_width() for bar in bars.patches) == len(asset_basics(modality="SPIM"))
    rows = foraging_sessions(subject_id="901002", session_date_after="2024-10-11")
    some = plot_foraging("901002", session_date_after="2024-10-11")
    assert f"{len(rows)} sessions" in some._suptitle.get_text()
    state = snapshots()[0].id
    assert strips(plot_qc("901001", snapshot=state)) == strips(plot_qc("901001"))
    with pytest.raises(ValueError, match="statu"):
        plot_qc("901001", statu="Fail")


def test_no_mark_is_cut_at_an_edge(sampled):
    figures = [plot_qc("901001"), plot_animal("901001"), plot_foraging("901002"), plot_curriculum()]
    for figure in figures:
        for axes in figure.axes:
            for line in axes.lines:
                if line.get_marker() not in ("None", "", None) and len(line.get_xdata()) > 0:
                    assert not line.get_clip_on()


@given(st.integers(-20_000, 60_000), st.integers(0, 40_000), st.integers(2, 8))
def test_ticks_are_few_and_stand_at_round_dates(first, span, most):
    ticks = round_dates(first, first + span, most)
    assert 1 <= len(ticks) <= most + 1
    assert all(first <= day <= first + span for day, _ in ticks)
    for day, name in ticks:
        date = EPOCH + dt.timedelta(day)
        assert date.isoformat().startswith(name)
        assert date.isoformat()[len(name) :] in ("", "-01", "-01-01")
    steps = {after - before for (before, _), (after, _) in itertools.pairwise(ticks)}
    by_day = [name for _, name in ticks if len(name) == 10]
    if len(by_day) > 1:
        assert len(steps) == 1
        assert steps <= {1, 2, 7, 14}


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        ("2025-03-01", "2025-03-01", ["2025-03-01"]),
        ("2025-03-01", "2025-03-20", ["2025-03-03", "2025-03-10", "2025-03-17"]),
        ("2025-01-15", "2025-05-20", ["2025-02", "2025-03", "2025-04", "2025-05"]),
        ("2022-06-07", "2026-05-04", ["2023", "2024", "2025", "2026"]),
    ],
)
def test_ticks_are_days_mondays_months_or_years(first, last, names):
    days = [(dt.date.fromisoformat(day) - EPOCH).days for day in (first, last)]
    assert [name for _, name in round_dates(*days)] == names


@pytest.mark.parametrize(
    "words",
    [
        ["animal", "901001", "--where", "data_level=raw"],
        ["growth", "--where", "modality=behavior", "--where", "modality=fib"],
        ["qc-over-time"],
        ["qc-over-time", "fib"],
        ["curriculum"],
        ["curriculum", "901001"],
        ["qc", "901001", "--where", "status=Fail"],
    ],
    ids=" ".join,
)
def test_the_command_draws_each(sampled, tmp_path: Path, words):
    path = tmp_path / "picture.png"
    assert cli.main(["plot", *words, "-o", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
