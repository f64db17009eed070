"""The command line: what `zs status` prints, what `zs build` hands over, and the exit codes."""

import subprocess
import sys
import types
from datetime import timedelta

import client_store
import pytest
from building import MADE
from client_store import BY_NAME, LAYOUT

import zs_client
from zs_client import cli, printing
from zs_client.opening import open_store
from zs_pipeline.publishing.facts_file import mark_stale


@pytest.fixture
def environment(monkeypatch, tmp_path):
    client_store.plain(monkeypatch)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def test_every_acorn_is_a_line(environment, tmp_path, capsys):
    client_store.filled(str(tmp_path))
    assert cli.main(["status", "--store", str(tmp_path)]) == 0
    said = capsys.readouterr()
    head, *lines = said.out.splitlines()
    assert head.split() == ["acorn", "rows", "size", "partitions", "age", "state"]
    assert [line.split()[0] for line in lines] == [name for name, _, _ in MADE]
    assert all(line.endswith("fresh") for line in lines)
    quality = lines[5].split()
    assert quality[:2] == ["quality_control", "30"]
    assert quality[3:5] == ["KB", "15"]
    assert said.err == ""


def test_what_is_stale_or_missing_is_said_and_is_exit_code_1(environment, tmp_path, capsys):
    store = client_store.filled(str(tmp_path))
    mark_stale(store, LAYOUT, BY_NAME["source_data"], "the disk was full")
    assert cli.main(["status", "--store", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "stale: the disk was full" in said.out
    assert f"1 of {len(MADE)} acorns" in said.err
    assert cli.main(["status", "--store", str(tmp_path), "--version", "0.1"]) == 1
    assert "missing" in capsys.readouterr().out


def test_the_store_is_the_variable_then_the_current_folder_then_the_public_bucket(
    environment, tmp_path, capsys
):
    asked = []
    environment.setattr(
        "zs_client.registry.status", lambda url, version: asked.append((url, version)) or []
    )
    cli.main(["status"])
    (tmp_path / "data-asset-cache").mkdir()
    cli.main(["status"])
    environment.setenv("ZS_STORE", "s3://bucket")
    cli.main(["status", "--version", "1.2"])
    cli.main(["status", "--store", "memory://x"])
    assert asked == [(None, None), (".", None), ("s3://bucket", "1.2"), ("memory://x", None)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--store", "nowhere"], "nowhere: no such folder"),
        (["--store", "ftp://x"], "ftp://x"),
        (["--store", ".", "--version", "next"], "dotted numbers"),
        (["--store", "."], "is no JSON"),
    ],
)
def test_an_expected_error_is_one_line_and_exit_code_2(environment, tmp_path, capsys, words, said):
    open_store(tmp_path).put(LAYOUT.registry, b"{")
    assert cli.main(["status", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.startswith("zs status: ")
    assert told.err.count("\n") == 1


def test_a_bucket_that_is_not_there_or_not_ours_is_exit_code_2(environment, capsys):
    with client_store.s3() as server:
        client_store.nobody(environment, server)
        assert cli.main(["status", "--store", "s3://no-such-bucket-anywhere"]) == 2
        assert "no such bucket" in capsys.readouterr().err
        name = client_store.bucket(server, public=False)
        key = LAYOUT.registry
        client_store.client(server).put_object(Bucket=name, Key=key, Body=b"{}")
        assert cli.main(["status", "--store", f"s3://{name}"]) == 2
        assert "credentials" in capsys.readouterr().err


@pytest.fixture
def pipeline(environment):
    """What the pipeline was asked to build."""
    asked = []
    stand_in = types.ModuleType("zs_pipeline.build")
    stand_in.main = lambda **words: asked.append(words) or 7
    environment.setitem(sys.modules, "zs_pipeline.build", stand_in)
    return asked


def test_build_hands_over_what_it_is_given(pipeline):
    urls = ["--source", "a.ndjson", "--store", "s3://b", "--files", "s3://"]
    subjects = ["--subject", "1", "a b", "--subject", "é", "--accept-shrink", "--alert"]
    assert cli.main(["build", *urls, "--select", "qc,asset_basics", *subjects]) == 7
    assert pipeline == [
        {
            "source": "a.ndjson",
            "store": "s3://b",
            "files": "s3://",
            "select": ["qc", "asset_basics"],
            "subjects": ["1", "a b", "é"],
            "accept_shrink": True,
            "alert": True,
        }
    ]


def test_build_leaves_what_it_is_not_given_to_the_pipeline(pipeline):
    for _ in range(2):
        cli.main(["build"])
        cli.main(["build", "--subject", "1"])
    assert [words["subjects"] for words in pipeline] == [[], ["1"], [], ["1"]]
    assert pipeline[0]["source"] is pipeline[0]["store"] is pipeline[0]["files"] is None
    assert pipeline[0]["select"] == []
    assert pipeline[0]["accept_shrink"] is pipeline[0]["alert"] is False


def test_build_without_the_pipeline_says_how_to_install_it(environment, capsys):
    environment.setitem(sys.modules, "zs_pipeline.build", None)
    assert cli.main(["build"]) == 2
    assert "pip install 'data-asset-cache[pipeline]'" in capsys.readouterr().err


def test_an_interrupt_is_exit_code_130(environment, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    environment.setattr("zs_client.registry.status", interrupted)
    assert cli.main(["status"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["squirrel"], ["status", "--bucket", "x"]])
def test_wrong_words_are_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "usage: zs" in capsys.readouterr().err


def test_the_version(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"zs {zs_client.__version__}\n"


def test_it_runs_as_a_program(environment, tmp_path):
    client_store.filled(str(tmp_path))
    words = [sys.executable, "-m", "zs_client.cli", "status", "--store", str(tmp_path)]
    environment.setenv("PYTHONPATH", str(cli.__file__).rsplit("/zs_client", 1)[0])
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "quality_control" in done.stdout


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (999_999, "1 MB"), (54_500, "54.5 KB")],
)
def test_sizes_for_a_person(count, said):
    assert printing.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages_for_a_person(seconds, said):
    assert printing.age(timedelta(seconds=seconds)) == said
