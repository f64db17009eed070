"""Pictures: what is in them, that they can be read, and that they are files."""

import itertools
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import client_store
import pytest

from zs_client import SubjectNotFound, asset_basics, cli, foraging_sessions, qc_tag_status
from zs_client.contract import STAGES
from zs_client.drawing import labels
from zs_client.opening import open_store
from zs_client.plots import (
    LEVELS,
    OTHER_STATUS,
    STATUSES,
    plot_animal,
    plot_foraging,
    plot_projects,
    plot_qc,
)

ROOT = Path(__file__).parents[1]
OKABE_ITO = {
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
}  # fmt: skip


@pytest.fixture
def sampled(sample_store, monkeypatch):
    monkeypatch.setenv("ZS_STORE", str(sample_store))


def texts(figure):
    """Every text that is seen, with its box in pixels; of ticks only those within the axes."""
    figure.canvas.draw()
    found = list(figure.texts)
    legends = list(figure.legends)
    for axes in figure.axes:
        found += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        legends += [axes.get_legend()] if axes.get_legend() else []
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            found += [
                part
                for tick in axis.get_major_ticks()
                if min(low, high) <= tick.get_loc() <= max(low, high)
                for part in (tick.label1, tick.label2)
            ]
    for legend in legends:
        found += legend.get_texts()
    if figure._suptitle is not None:
        found.append(figure._suptitle)
    seen = {id(text): text for text in found if text.get_visible() and text.get_text()}
    return [(text.get_text(), text.get_window_extent()) for text in seen.values()]


def overlapping(figure):
    # A pixel of anti-aliasing is none.
    boxes = [(text, box.padded(-1)) for text, box in texts(figure)]
    return [(a[0], b[0]) for a, b in itertools.combinations(boxes, 2) if a[1].overlaps(b[1])]


def outside(figure):
    whole = figure.bbox.padded(2)
    return [
        text
        for text, box in texts(figure)
        if not (whole.x0 <= box.x0 and box.x1 <= whole.x1)
        or not (whole.y0 <= box.y0 and box.y1 <= whole.y1)
    ]


def marks(axes):
    """The marks of each series, in pixels."""
    return [
        (x, y)
        for line in axes.lines
        if line.get_linestyle() == "None"
        for x, y in axes.transData.transform(list(zip(*line.get_data(), strict=True)))
    ]


def readable(figure):
    assert overlapping(figure) == []
    assert outside(figure) == []
    return [text for text, _ in texts(figure)]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty store that the functions read."""
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    monkeypatch.setenv("ZS_VERSION", client_store.VERSION)
    return open_store(str(tmp_path))


def microseconds(at):
    return None if at is None else int(at.timestamp() * 1_000_000)


def test_there_is_a_strip_for_each_tag_and_a_mark_for_each_status_of_an_acquisition(sampled):
    rows = qc_tag_status("901001")
    figure = plot_qc("901001")
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(labels) == sorted(rows["tag"].unique())
    assert labels[:3] == ["Raw data", "Processing", "Analysis"]
    drawn = sum(len(line.get_xdata()) for line in axes.lines)
    assert drawn == len(rows)
    counts = rows["status"].value_counts()
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {f"{status} ({count})" for status, count in counts.items()}
    assert "QC of subject 901001" in " ".join(readable(figure))


def test_a_subject_without_qc_is_told_in_the_picture_and_one_that_nobody_knows_is_an_error(sampled):
    assert readable(plot_qc("901007")) == ["No QC: no data asset of subject 901007 has a status"]
    with pytest.raises(SubjectNotFound):
        plot_qc("901099")


@pytest.mark.filterwarnings("error")
def test_an_animal_of_which_nothing_was_derived_is_drawn_without_a_warning(sampled):
    assert "Subject 901019: 1 data asset" in " ".join(readable(plot_animal("901019")))
    assert "data assets without a subject" in " ".join(readable(plot_qc(None)))
    with pytest.raises(SubjectNotFound, match="Alike: 901019"):
        plot_animal("901099")


def test_projects_have_their_counts_and_no_label_lies_on_another(sampled):
    figure = plot_projects()
    bars, times = figure.axes
    counts = asset_basics()["project_name"].value_counts()
    labels = [label.get_text() for label in bars.get_yticklabels()]
    assert set(labels) == set(counts.index)
    numbers = [text.get_text() for text in bars.texts]
    assert [int(number) for number in numbers] == [counts[label] for label in labels]
    assert sum(patch.get_width() for patch in bars.patches) == counts.sum()
    assert len(times.lines) == len(labels)
    # The line of a project with one acquisition has no length.
    assert all(line.get_markeredgewidth() >= 2 for line in times.lines)
    readable(figure)


@pytest.mark.parametrize("subject", ["901002", "901003", "901005", "S2402"])
def test_the_sessions_of_a_subject_are_drawn_and_what_is_null_has_no_mark(sampled, subject):
    rows = foraging_sessions()
    rows = rows[rows["subject_id"] == subject]
    figure = plot_foraging(subject)
    trials, efficiency, bias, stage = figure.axes
    there = [
        rows[name].notna().sum()
        for name in ("total_trials", "finished_trials", "foraging_eff", "foraging_eff_random_seed")
    ]
    lines = [*trials.lines, *efficiency.lines]
    assert [len(line.get_xdata()) for line in lines] == there
    assert len(bias.lines[0].get_xdata()) == rows["bias_naive"].notna().sum()
    told = readable(figure)
    staged = rows["current_stage_actual"].notna().sum()
    assert ("no session has a stage" in told) == (staged == 0)
    assert sum(len(line.get_xdata()) for line in stage.lines) == staged
    assert f"{len(rows)} sessions" in " ".join(told)


@pytest.mark.slow
def test_a_strip_without_values_says_so_and_one_with_some_shows_them(store):
    row = {"subject_id": "1", "session_date": "2025-03-01", "nwb_suffix": 90_000}
    days = [{**row, "session_date": f"2025-03-0{day}", "session": day} for day in (1, 2)]
    known = {"foraging_eff_random_seed": 0.7, "finished_trials": 1, "total_trials": 2}
    client_store.whole(store, "foraging_sessions", [{**day, **known} for day in days])
    told = readable(plot_foraging(1))
    assert told.count("no session has a value") == 1
    assert "foraging_eff_random_seed" in told
    assert any(text.startswith("0.") for text in told)
    client_store.whole(store, "foraging_sessions", days)
    assert readable(plot_foraging("1")).count("no session has a value") == 3


def test_foraging_tells_a_subject_without_sessions_from_one_that_nobody_knows(sampled):
    assert readable(plot_foraging("901001")) == ["No foraging sessions of subject 901001"]
    with pytest.raises(SubjectNotFound, match="S2402"):
        plot_foraging("S2403")


def test_labels_of_names_that_differ_in_their_middle_differ_too():
    node = "experiment1_Record Node {}#Neuropix-PXI-100.ProbeA_recording1"
    names = [node.format(103), node.format(104), "tag:a", "x" * 100, "price: $5"]
    assert labels(names) == [
        "experiment1_Record Nod…e 103#Neuropix-PXI-10",
        "experiment1_Record Nod…e 104#Neuropix-PXI-10",
        "tag:a",
        f"{'x' * 22}…{'x' * 21}",
        r"price: \$5",
    ]


def test_each_status_and_level_has_a_colour_and_a_shape_of_its_own():
    styles = [*STATUSES.values(), OTHER_STATUS]
    assert {colour for colour, _ in styles} <= OKABE_ITO
    for place in (0, 1):
        assert len({style[place] for style in styles}) == len(styles)
        assert len({style[place] for style in LEVELS.values()}) == len(LEVELS)


NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
MANY = [
    (f"a rather long key of a tag:and a rather long value {tag}", status, f"a{day}-{status}",
     NOON + timedelta(days=day))
    for tag in range(30)
    for day in range(0, 400, 7)
    for status in ("Pass", "Fail")
]  # fmt: skip
CASES = {
    "many": MANY,
    "one": [("only", "Pass", "a", NOON)],
    "stages": [(tag, "Pass", "a", NOON) for tag in ("A", "Multi-asset", "Raw data", "m")],
    "no dates": [(tag, "Pending", "a", None) for tag in "abc"],
    "some dates": [("a", "Pass", "a", NOON), ("a", "Fail", "b", None), ("b", None, "b", None)],
    "a day": [("a", "Pass", str(n), NOON + timedelta(minutes=n)) for n in range(20)],
    "odd": [("a $x$ tag_\n{}", "Skipped", "a", NOON), ("$", None, "a", NOON)],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_picture_of_qc_can_be_read_with(case, store):
    rows = [
        {
            "tag": tag,
            "status": status,
            "asset_name": name,
            "subject_id": "1",
            "timestamp": microseconds(at),
        }
        for tag, status, name, at in CASES[case]
    ]
    client_store.split(store, "qc_tag_status", {"1": rows})
    figure = plot_qc("1")
    told = readable(figure)
    tags = {tag for tag, *_ in CASES[case]}
    assert len(figure.axes[0].get_yticks()) == len(tags)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    stages = [stage for stage in STAGES if stage in tags]
    assert labels[: len(stages)] == stages
    rows = {
        (tag, status if status in STATUSES else "other", name, at)
        for tag, status, name, at in CASES[case]
    }
    points = [point for axes in figure.axes for point in marks(axes)]
    assert len(points) == len(rows)
    assert ("no date" in told) == any(at is None for *_, at in CASES[case])
    if len(points) < 100:
        # A mark is 7 points wide.
        nearest = 0.9 * 7 / 72 * figure.dpi
        for (x, y), (a, b) in itertools.combinations(points, 2):
            assert max(abs(x - a), abs(y - b)) >= nearest


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 43])
def test_a_picture_of_projects_can_be_read_with(count, store):
    rows = [
        {
            "_id": f"{project}-{n}",
            "name": f"{project}-{n}",
            "project_name": f"Project {project} of the thalamus and of what is near to it",
            "data_level": ("raw", "derived", None)[n % 3],
            "acquisition_start_time": microseconds(
                NOON + timedelta(40 * project + n) if n else None
            ),
        }
        for project in range(count)
        for n in range(1 + project * 3)
    ]
    rows.append({"_id": "none", "name": "none", "project_name": None})
    client_store.whole(store, "asset_basics", rows)
    told = readable(plot_projects())
    assert "(no project)" in told
    assert f"{len(rows):,} data assets, {count} project{'' if count == 1 else 's'}" in told
    assert ("no acquisition has a time" in told) == (count == 1)


@pytest.mark.parametrize("end", ["png", "svg", "pdf"])
def test_the_command_draws_a_file_of_the_kind_that_its_name_says(sample_store, tmp_path, end):
    path = tmp_path / f"qc.{end}"
    words = ["plot", "qc", "901001", "-o", str(path), "--store", str(sample_store)]
    before = dict(os.environ)
    assert cli.main(words) == 0
    assert dict(os.environ) == before
    body = path.read_bytes()
    if end == "svg":
        assert ET.fromstring(body).tag.endswith("svg")
    else:
        assert body.startswith({"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}[end])
    assert len(body) > 5_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["qc", "-o", "a.png"], "qc needs a subject"),
        (["animal", "-o", "a.png"], "animal needs a subject"),
        (["growth", "901001", "-o", "a.png"], "growth takes no subject"),
        (["qc-over-time", "fibre", "-o", "a.png"], "fibre"),
        (["qc", "901001", "-o", "a.png", "--where", "statu=Fail"], "statu"),
        (["qc", "901001", "-o", "a.png", "--where", "status"], "write NAME=VALUE"),
        (["qc", "901001", "-o", "a.png", "--where", "subject_id=1"], "of the subject 901001"),
        (["projects", "901001", "-o", "a.png"], "projects takes no subject"),
        (["qc", "901001", "-o", "a.gif"], "a.gif: its end is none of .png, .svg and .pdf"),
        (["qc", "901099", "-o", "a.png"], "no data asset"),
        (["foraging", "nobody", "-o", "a.png"], "no session and no data asset"),
        (["qc", "901001", "-o", "nowhere/a.png"], "nowhere"),
        (["projects", "-o", "a.png", "--version", "0.1"], "version 0.1"),
        (["projects", "-o", "a.png", "--snapshot", "0123456789abcdef"], "0123456789abcdef"),
    ],
)
def test_the_command_refuses(sampled, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plot", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("zs plot: ")
    assert said in told
    assert list(tmp_path.iterdir()) == []


def test_threads_draw_at_once_and_pyplot_is_never_loaded(sample_store):
    code = """
import sys, threading
from zs_client.plots import plot_projects, plot_qc
sizes = []
def draw(subject):
    sizes.append(len(plot_qc(subject)._repr_png_()))
threads = [threading.Thread(target=draw, args=(s,)) for s in ("901001", "901006", "901011")]
for each in threads: each.start()
for each in threads: each.join()
assert len(sizes) == 3 and min(sizes) > 1000, sizes
assert "matplotlib.pyplot" not in sys.modules
"""
    done = child(code, sample_store)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_the_error_tells_how_to_get_it(sample_store):
    code = """
import sys
sys.modules["matplotlib"] = None
from zs_client import cli
sys.exit(cli.main(["plot", "projects", "-o", "a.png"]))
"""
    done = child(code, sample_store)
    assert done.returncode == 2
    assert "pip install 'data-asset-cache[plot]'" in done.stderr


def child(code, store):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "ZS_STORE": str(store)},
    )
