"""`zs show`, `sql`, `describe`, `derived` and `completion`: what is printed, and the exit codes."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import client_store
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from client_store import LAYOUT, VERSION
from hypothesis import given
from hypothesis import strategies as st

from zs_client import cli
from zs_client.printing import WIDEST, aligned, encoded
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import mark_stale
from zs_pipeline.publishing.squirrel import publish


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return client_store.filled(str(tmp_path_factory.mktemp("store")))


@pytest.fixture
def zs(store, monkeypatch, capfdbinary):
    """Run a command; its exit code, and what it wrote to stdout and stderr."""
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", store.url)

    def run(*words):
        code = cli.main(words)
        out, err = capfdbinary.readouterr()
        return code, out, err.decode()

    return run


def test_rows_are_csv_in_a_pipe(zs):
    code, out, err = zs(
        "show", "asset_basics", "--where", "modality=ecephys", "--columns", "name, age"
    )
    assert (code, err) == (0, "")
    assert out.decode().splitlines() == [
        "name,age",
        "raw,90",
        "raw_sorted_2026-01-01_00-00-00,90",
        "raw_sorted_2026-02-01_00-00-00,90",
    ]


def test_rows_in_each_form(zs):
    words = ("show", "qc", "--where", "subject_id=it's", "--limit", "1", "--format")
    row = json.loads(zs(*words, "json")[1])[0]
    assert (row["subject_id"], row["tags"], row["stage"]) == ("it's", ["probe:A", "b"], None)
    assert row["timestamp"] == "2026-02-02T02:40:00Z"
    found = next(csv.DictReader(io.StringIO(zs(*words, "csv")[1].decode())))
    assert (found["tags"], found["stage"]) == ('["probe:A", "b"]', "")
    content = pq.read_table(io.BytesIO(zs(*words, "parquet")[1]))
    assert content["subject_id"].to_pylist() == ["it's"]
    head, line = zs(*words, "table")[1].decode().splitlines()
    assert head.split()[:2] == ["name", "stage"]
    assert "it's" in line


def test_a_name_twice_is_either_value(zs):
    words = ("--where", "name=raw", "--where", "name=raw_by_hand", "--columns", "name")
    assert zs("show", "asset_basics", *words)[1] == b"name\nraw\nraw_by_hand\n"
    words = ("--where", "subject_id=M2501", "--where", "subject_id=828418")
    assert zs("show", "qc", *words, "--columns", "subject_id")[1].split() == [
        *(b"subject_id", b"M2501", b"M2501", b"828418", b"828418")
    ]
    assert zs("show", "platform_qc", "--columns", "platform")[1] == b"platform\nfib\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "asset_basic"), "There are asset_basics, "),
        (("show", "asset_basics", "--where", "nam=x"), "no filter 'nam'. There are name, "),
        (("show", "asset_basics", "--where", "nam"), "write NAME=VALUE"),
        (("show", "asset_basics", "--where", "limit=1"), "no filter 'limit'"),
        (("show", "asset_basics", "--where", "age=old"), "age takes a whole number"),
        (("show", "asset_basics", "--columns", "nmae"), "There are name, "),
        (("show", "asset_basics", "--limit", "-1"), "limit= is a number of rows"),
        (("show", "asset_basics", "--version", "0.1"), f"Versions there: {VERSION}"),
        (("show", "asset_basics", "--store", "/nowhere/at/all"), "no such folder"),
        (("show", "qc"), "needs a subject_id"),
        (("show", "qc", "--where", "subject_id=828419"), "Alike: 828418"),
        (("show", "platform_qc", "--where", "platform=fob"), "dynamic_foraging"),
        (("show", "platform_qc", "--where", "subject_id=828418"), "no filter 'subject_id'"),
        (("show", "platform_qc", "--where", "asset_names=raw"), "no filter 'asset_names'"),
        (("show", "platform_qc", "--where", "parts=fib"), "no filter 'parts'"),
        (("show", "qc", "--where", "subject_id=M2501", "--where", "platform=x"), "'platform'"),
        (("sql", "selec"), "cannot be understood"),
        (("sql", "SELECT * FROM asset_basic"), "There are asset_basics, "),
        (("describe", "x" * 10_000), "10,002 characters"),
        (("derived", "raw", "--store", "ftp://x"), "a store is"),
    ],
)
def test_what_cannot_be_done_is_exit_code_2_and_one_line(zs, words, message):
    code, out, err = zs(*words)
    assert (code, out) == (2, b"")
    assert err.startswith(f"zs {words[0]}: ")
    assert message in err
    assert len(err) < 1500


def test_a_query_is_answered(zs):
    query = "SELECT count(*) AS n FROM quality_control WHERE subject_id = '%2F'"
    assert zs("sql", query) == (0, b"n\n2\n", "")


def test_a_table_is_described(zs):
    code, out, _ = zs("describe", "asset_basics", "--format", "json")
    found = {row["column"]: row for row in json.loads(out)}
    assert code == 0
    assert found["age"]["type"] == "int32"
    assert found["age"]["nulls"] == 0.5
    table = zs("describe", "asset_basics", "--format", "table")[1].decode()
    assert found["age"]["description"] in table


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("show", "qc", "--frmat", "json"), "no option or argument --frmat json; see zs show -h\n"),
        (("show",), "the following arguments are required: TABLE\n"),
    ],
)
def test_a_wrong_option_is_said_below_the_usage_of_its_command(capsys, words, end):
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    said = capsys.readouterr().err
    assert said.startswith("usage: zs show ")
    assert said.endswith(end)


def test_what_was_derived_is_a_line_each(zs):
    code, out, _ = zs("derived", "raw", "--modality", "ecephys", "--latest")
    assert (code, out) == (0, b"raw_sorted_2026-02-01_00-00-00\n")
    advice = "asset_basics(name_contains=…) looks for one"
    said = f"zs: raw_to_derived: no data asset has the name 'nobody; rm'; {advice}\n"
    assert zs("derived", "nobody; rm") == (0, b"", said)


def test_a_stale_table_is_a_line_on_stderr(zs, store):
    mark_stale(store, LAYOUT, client_store.BY_NAME["platform_fib"], "the disk was full")
    publish(store, LAYOUT, ACORNS)
    code, out, err = zs("show", "platform_fib", "--columns", "fiber")
    assert (code, out) == (0, b"fiber\n")
    assert err.startswith("zs: platform_fib of ")
    assert "the disk was full" in err


def on_a_terminal(store, *words):
    """What a program writes to a terminal, and its exit code."""
    main, its = pty.openpty()
    environment = {**os.environ, "ZS_STORE": store.url, "TERM": "xterm"}
    environment["PYTHONPATH"] = str(Path(cli.__file__).parents[1])
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "zs_client.cli", *words], stdout=its, stderr=its, env=environment
    ) as child:
        os.close(its)
        said = b""
        while True:
            try:
                said += os.read(main, 65536)
            except OSError:
                break
    os.close(main)
    return said.decode().replace("\r\n", "\n"), child.returncode


def test_a_terminal_gets_a_table_with_a_bold_head_and_the_first_rows(store):
    rows = [{"subject_id": f"{number:03}"} for number in range(30)]
    client_store.whole(store, "unique_subject_ids", rows)
    said, code = on_a_terminal(store, "show", "unique_subject_ids")
    lines = said.splitlines()
    assert code == 0
    assert lines[0] == "\x1b[1msubject_id\x1b[0m"
    assert lines[1:21] == [f"{number:03}" for number in range(20)]
    assert lines[21].startswith("zs show: 20 of 30 rows; --limit sets another")
    said, _ = on_a_terminal(store, "show", "asset_basics", "--limit", "1")
    head, row, note = said.splitlines()
    assert max(len(head) - len("\x1b[1m\x1b[0m"), len(row)) <= 80
    assert "modalities" in head
    assert note.startswith("zs show: 18 columns more: subject_id, ")
    assert note.endswith("created, acquisition_date; --columns chooses")
    said, code = on_a_terminal(store, "show", "unique_subject_ids", "--format", "parquet")
    assert code == 2
    assert "nothing to read on a terminal" in said


def test_nobody_who_reads_is_no_error(store):
    words = [sys.executable, "-m", "zs_client.cli", "show", "asset_basics"]
    environment = {**os.environ, "ZS_STORE": store.url}
    environment["PYTHONPATH"] = str(Path(cli.__file__).parents[1])
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        words, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_has_every_command_and_table(zs, shell):
    code, out, err = zs("completion", shell)
    script = out.decode()
    assert (code, err) == (0, "")
    for word in ("show", "sql", "describe", "derived", "status", "build", "completion"):
        assert word in script
    for acorn in ACORNS:
        assert acorn.name in script


def test_bash_completes_words(zs):
    script = zs("completion", "bash")[1].decode()

    def completed(*words):
        line = " ".join(f"'{word}'" for word in words)
        code = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _zs zs '' ''\n"
        done = subprocess.run(
            ["bash", "-c", f"{code}printf '%s\\n' \"${{COMPREPLY[@]}}\""],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed("zs", "des") == ["describe"]
    assert completed("zs", "show", "asset_b") == ["asset_basics"]
    assert completed("zs", "show", "qc", "--li") == ["--limit"]
    assert completed("zs", "show", "asset_basics", "--where", "proj") == ["project_name="]
    assert completed("zs", "show", "asset_basics", "--format", "p") == ["parquet"]


# How rows look


@given(st.lists(st.tuples(st.text(), st.none() | st.text(), st.lists(st.text())), max_size=5))
def test_no_value_breaks_a_form(rows):
    names = ["a", "b", "c"]
    kinds = [pa.string(), pa.string(), pa.list_(pa.string())]
    listed = [dict(zip(names, row, strict=True)) for row in rows]
    content = pa.Table.from_pylist(listed, pa.schema(zip(names, kinds, strict=True)))
    assert json.loads(encoded(content, "json")) == listed
    lines = encoded(content, "table").decode().removesuffix("\n").split("\n")
    assert len(lines) == len(rows) + 1
    assert all(c.isprintable() for line in lines for c in line)
    found = list(csv.DictReader(io.StringIO(encoded(content, "csv").decode(), newline="")))
    assert [row["a"] for row in found] == [row["a"] for row in listed]
    assert pq.read_table(io.BytesIO(encoded(content, "parquet"))).to_pylist() == listed


def test_cells_are_cut_and_numbers_are_at_the_right():
    content = pa.table(
        {"text": ["x" * 100, "\x1b[31m日本"], "number": [1, 1000], "share": [0.5, 1 / 3]}
    )
    head, first, second = encoded(content, "table").decode().splitlines()
    assert head == f"{'text':60}  number   share"
    assert first == f"{'x' * (WIDEST - 1)}…       1     0.5"
    assert second.startswith("\\x1b[31m日本 ")
    assert second.endswith("1000  0.3333")
    assert aligned([("日本", "b"), ("a", "b")], []) == ["日本  b", "a     b"]
