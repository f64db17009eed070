"""`zs metrics`: what Prometheus reads of a store, in its text format."""

import re
import subprocess
import sys
from collections import Counter

import client_store
import pytest
from building import MADE, document, dump, zs_build
from client_store import BY_NAME, LAYOUT

from zs_client import cli
from zs_client.metrics import Metric
from zs_client.opening import open_store
from zs_pipeline.publishing import night
from zs_pipeline.publishing.facts_file import mark_stale

# As https://prometheus.io/docs/instrumenting/exposition_formats has them.
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
VALUE = r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf|NaN)"
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ({VALUE})")
HELP = re.compile(rf"# HELP ({NAME}) (?:[^\\\n]|\\[\\n])+")
TYPE = re.compile(rf"# TYPE ({NAME}) gauge")


def parsed(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """The values of each metric by its labels; what is no such text fails."""
    assert text.endswith("\n")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    lines = iter(text[:-1].split("\n"))
    helped = typed = ""
    for line in lines:
        if match := HELP.fullmatch(line):
            helped = match[1]
            assert helped not in found, "one group for each metric"
        elif match := TYPE.fullmatch(line):
            typed = match[1]
            assert typed == helped
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == typed
            labels = tuple(re.findall(LABEL, match[2] or ""))
            of_metric = found.setdefault(typed, {})
            assert labels not in of_metric
            assert not [n for n, c in Counter(x.split("=")[0] for x in labels).items() if c > 1]
            of_metric[labels] = float(match[3])
    return found


@pytest.fixture
def store(tmp_path, monkeypatch):
    client_store.plain(monkeypatch)
    return client_store.filled(str(tmp_path))


def metrics(store, capsys) -> dict[str, dict[tuple[str, ...], float]]:
    assert cli.main(["metrics", "--store", store.url]) == 0
    return parsed(capsys.readouterr().out)


def of(values: dict[tuple[str, ...], float], **labels: str) -> list[float]:
    wanted = {f'{name}="{text}"' for name, text in labels.items()}
    return [value for told, value in values.items() if wanted <= set(told)]


def test_each_table_has_its_age_rows_and_state(store, capsys):
    found = metrics(store, capsys)
    assert len(found["zs_table_age_seconds"]) == len(found["zs_table_rows"]) == len(MADE)
    assert of(found["zs_table_rows"], table="quality_control") == [30]
    assert all(0 <= age < 300 for age in found["zs_table_age_seconds"].values())
    assert of(found["zs_table_state"], table="qc_tag_status", state="fresh") == [1]
    assert list(found["zs_stale_tables"].values()) == [0]
    # Of a store of 1.0.0 nothing is told of nights.
    assert not [name for name in found if name.startswith("zs_night")]

    mark_stale(store, LAYOUT, BY_NAME["source_data"], "the disk was full")
    found = metrics(store, capsys)
    assert list(found["zs_stale_tables"].values()) == [1]
    assert of(found["zs_table_state"], table="source_data", state="stale") == [1]
    assert of(found["zs_table_state"], table="source_data", state="fresh") == [0]


def test_the_last_night_has_its_seconds_bytes_and_documents(tmp_path, capsys):
    documents = [document("a", "1"), {"name": "without an id"}]
    source, out = dump(tmp_path / "d.ndjson", documents), tmp_path / "out"
    assert zs_build(source, out) == 0
    capsys.readouterr()
    store = open_store(out)
    found = metrics(store, capsys)
    assert list(found["zs_night_documents_fetched"].values()) == [1]
    assert list(found["zs_night_documents_set_aside"].values()) == [1]
    assert next(iter(found["zs_night_bytes_written"].values())) > 1000
    assert 0 < next(iter(found["zs_night_seconds"].values())) < 600
    assert of(found["zs_night_state"], state="ended") == [1]

    night.begin(store, LAYOUT, "r")
    during = metrics(store, capsys)
    assert of(during["zs_night_state"], state="publishing") == [1]
    assert during["zs_night_seconds"] == found["zs_night_seconds"]
    night.fail(store, LAYOUT, {"tables": "lost"})
    failed = metrics(store, capsys)
    assert of(failed["zs_night_state"], state="failed") == [1]
    assert len(of(failed["zs_night_failing_since_timestamp_seconds"], part="tables")) == 1
    assert list(failed["zs_stale_tables"].values()) == [len(MADE)]


def test_labels_are_escaped():
    metric = Metric("x", 'a "b" \\ c\nd', [({"store": 'C:\\new "one"\n'}, 1.5), ({}, 2e15)])
    text = "".join(f"{line}\n" for line in metric.lines())
    assert text == (
        '# HELP zs_x a "b" \\\\ c\\nd\n# TYPE zs_x gauge\n'
        'zs_x{store="C:\\\\new \\"one\\"\\n"} 1.5\nzs_x 2e+15\n'
    )
    assert parsed(text)["zs_x"] == {('store="C:\\\\new \\"one\\"\\n"',): 1.5, (): 2e15}


def test_a_large_count_is_told_whole():
    (*_, line) = Metric("x", "X.", [({}, 123_456_789_012_345)]).lines()
    assert line == "zs_x 123456789012345"


def test_nothing_of_the_pipeline_is_loaded(store):
    program = (
        "import sys; from zs_client.cli import main; "
        f"code = main(['metrics', '--store', {store.url!r}]); "
        "print(sorted(m for m in sys.modules if m.split('.')[0] in "
        "('zs_pipeline', 'dagster', 'pandas')), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert parsed(done.stdout)


def test_a_store_that_cannot_be_read_is_exit_code_2(capsys):
    assert cli.main(["metrics", "--store", "nowhere"]) == 2
    assert "nowhere: no such folder" in capsys.readouterr().err
