"""What a build says with `ZS_LOG=json`: a line of JSON for each message, without secrets."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from building import document, dump, zs_build

from zs_pipeline.acorns import CATALOGUE

KEYS = ["time", "level", "run", "job", "step", "table", "message"]


@pytest.fixture
def as_json(monkeypatch):
    monkeypatch.setenv("ZS_LOG", "json")
    return monkeypatch


def parsed(text: str) -> list[dict]:
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(list(line) == KEYS for line in lines)
    return lines


def test_a_build_says_each_message_as_a_line_of_json(as_json, tmp_path, capsys):
    names = [f"a{n}" for n in range(40)]
    source, out = dump(tmp_path / "d.ndjson", map(document, names)), tmp_path / "out"
    assert zs_build(source, out) == 0
    said = capsys.readouterr()
    lines = parsed(said.out)
    assert said.err == ""
    tables = {line["table"] for line in lines}
    assert tables - {None} == set(CATALOGUE.by_name)
    (basics,) = (line for line in lines if line["message"].startswith("asset_basics: 40 rows"))
    assert (basics["job"], basics["step"], basics["level"]) == ("tables", "asset_basics", "INFO")
    assert basics["run"]
    assert basics["time"].endswith("Z")
    assert next(line["table"] for line in lines if line["step"] == "documents") is None

    dump(source, [document("a1")])
    assert zs_build(source, out) == 1
    (error,) = parsed(capsys.readouterr().err)
    assert error["level"] == "ERROR"
    assert error["message"].startswith("documents failed: ")


def test_findings_are_lines_as_well(as_json, tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", [document("a"), {"name": "without an id"}])
    assert zs_build(source, tmp_path / "out") == 0
    lines = parsed(capsys.readouterr().out)
    (aside,) = (line for line in lines if "set aside or did not come" in line["message"])
    assert aside["level"] == "WARNING"


def test_secrets_are_masked(as_json, tmp_path, capsys):
    as_json.setenv("OTHER_SOURCE", "mongodb://user:hunter2hunter2@host/x")
    assert zs_build("mongodb://user:hunter2hunter2@127.0.0.1:1/x", tmp_path) == 2
    said = capsys.readouterr()
    assert parsed(said.err)
    assert "hunter2" not in said.out + said.err


def test_another_word_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ZS_LOG", "xml")
    assert zs_build(dump(tmp_path / "d.ndjson", [document("a")]), tmp_path / "out") == 2
    assert "ZS_LOG is 'xml', neither text nor json" in capsys.readouterr().err


@pytest.mark.slow
def test_runs_of_the_code_location_say_the_same(as_json, tmp_path: Path):
    """As the schedule starts them."""
    source = dump(tmp_path / "d.ndjson", [document("a")])
    as_json.setenv("ZS_SOURCE", str(source))
    as_json.setenv("ZS_STORE", str(tmp_path / "out"))
    (tmp_path / "home").mkdir()
    as_json.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    program = (
        "import dagster as dg\n"
        "from zs_pipeline.definitions import defs\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    nightly = next(s for s in defs().schedules if s.name == 'nightly')\n"
        "    context = dg.build_schedule_context(instance)\n"
        "    (request,) = nightly.evaluate_tick(context).run_requests\n"
        "    job = defs().resolve_job_def('tables')\n"
        "    done = job.execute_in_process(instance=instance, run_config=request.run_config)\n"
        "    assert done.success\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert set(CATALOGUE.by_name) - {line["table"] for line in lines} == {"platform_qc"}
    assert {line["job"] for line in lines} == {"tables"}
    assert "STEP_SUCCESS" not in done.stderr
