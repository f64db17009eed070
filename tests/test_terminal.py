"""What a person sees of a build on a terminal, and what a pipe gets instead."""

import fcntl
import json
import logging
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest
from building import registry, zs_build

from zs_pipeline import build
from zs_pipeline.acorns import ACORNS
from zs_pipeline.settings import sample

ROOT = Path(__file__).parents[1]
WIDTH = 80
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SHOW, HIDE = "\x1b[?25h", "\x1b[?25l"


class Terminal:
    """A build that a terminal of 80 columns shows.

    Attributes:
        text: All that was written to it, with its control sequences.
        code: The exit code.
        is_sane: Whether its modes are as they were before, and its cursor is there.
    """

    def __init__(self, store: Path, *words: str, interrupt_at: str = "", **variables: str) -> None:
        main, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
        before = termios.tcgetattr(main)
        self.text = ""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **variables}
        with subprocess.Popen(
            [sys.executable, "-m", "zs_client.cli", "build", "--store", store, *words],
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            preexec_fn=hear_its_keys,  # noqa: PLW1509 - one thread runs here
            env=environment,
        ) as child:
            os.close(its)
            # Reading fails once nobody has the terminal open.
            with suppress(OSError):
                while True:
                    self.text += os.read(main, 65536).decode(errors="replace")
                    if interrupt_at and interrupt_at in self.text:
                        os.write(main, b"\x03")
                        interrupt_at = ""
        self.code = child.returncode
        is_cursor_there = self.text.rfind(SHOW) >= self.text.rfind(HIDE)
        self.is_sane = termios.tcgetattr(main) == before and is_cursor_there
        os.close(main)

    @property
    def lines(self) -> list[str]:
        """The lines that were written, live ones among them, without control sequences."""
        return [SEQUENCE.sub("", line) for line in re.split(r"[\r\n]+", self.text)]


def hear_its_keys() -> None:
    """Take the terminal on stdin as one's own, so that Ctrl-C is an interrupt."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def kept(lines: list[str]) -> dict[str, str]:
    """The lines that stay, by the table's name; the last one of each."""
    split = [line.split(None, 1) for line in lines if "━" not in line]
    return {line[0]: line[1] for line in split if len(line) == 2}


def test_a_table_is_a_live_line_and_then_one_that_stays_and_a_short_summary_ends(tmp_path):
    seen = Terminal(tmp_path)
    assert (seen.code, seen.is_sane) == (0, True)
    lines = kept(seen.lines)
    for entry in registry(tmp_path)["acorns"]:
        assert lines[entry["name"]].startswith(f"{entry['rows']:,} rows; ")
    bars = [line for line in seen.lines if "━" in line]
    assert {line.split()[0] for line in bars} >= {"documents", "all"}
    assert max(map(len, bars)) < WIDTH
    assert any(line.endswith(f"{len(ACORNS)} tables are left") for line in bars)
    assert any(line.endswith("1 table is left") for line in bars)
    end = [line for line in seen.lines if line][-5:]
    assert re.fullmatch(rf"{len(ACORNS)} tables in \d+ s: {len(ACORNS)} with new content", end[0])
    assert end[1] == "1 documents were set aside or did not come:"
    assert end[-2:] == [
        "1 error, 7 warnings, 9 notes: zs show document_problems",
        "3 errors, 11 warnings: zs show data_asset_problems",
    ]
    again = Terminal(tmp_path, "--select", "qc")
    assert again.code == 0
    assert any(re.fullmatch(r"2 tables in \d+ s: 2 as before", line) for line in again.lines)


def test_what_failed_and_what_was_skipped_for_it_are_said(tmp_path):
    files = tmp_path / "files"
    shutil.copytree(sample() / "files", files)
    (pickle,) = files.rglob("df_sessions.pkl")
    pickle.write_bytes(b"no pickle")
    store = tmp_path / "store"
    store.mkdir()
    seen = Terminal(store, "--files", str(files))
    assert (seen.code, seen.is_sane) == (1, True)
    assert f"{'foraging_sessions':<22} failed" in seen.lines
    assert any(
        re.search(r" tables in \d+ s: \d+ with new content, 1 failed", line) for line in seen.lines
    )
    assert "foraging_sessions failed: " in seen.text


@pytest.mark.parametrize("moment", ["17 tables are left", "9 tables are left"])
def test_ctrl_c_leaves_the_terminal_as_it_was(moment, tmp_path):
    seen = Terminal(tmp_path, interrupt_at=moment)
    assert (seen.code, seen.is_sane) == (130, True)
    assert [line for line in seen.lines if line][-1] == "zs: interrupted"
    assert " failed" not in seen.text


@pytest.mark.parametrize("variables", [{"ZS_LOG": "json"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_that_shall_not_be_redrawn_gets_lines(variables, tmp_path):
    seen = Terminal(tmp_path, "--select", "asset_basics", **variables)
    assert seen.code == 0
    assert "\x1b" not in seen.text
    assert "━" not in seen.text
    lines = [line for line in seen.lines if line]
    if "ZS_LOG" in variables:
        lines = [json.loads(line)["message"] for line in lines]
    assert "asset_basics: 45 rows; 1 files written, 0 removed (1 computed)" in lines


def test_a_pipe_gets_each_line_once_though_colours_are_forced(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "zs_client.cli", "build", "--store", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "━" not in done.stdout
    assert HIDE not in done.stdout
    lines = [SEQUENCE.sub("", line) for line in done.stdout.splitlines()]
    for entry in registry(tmp_path)["acorns"]:
        start = f"{entry['name']}: {entry['rows']:,} rows; "
        assert sum(line.startswith(start) for line in lines) == 1
    assert "17 findings in zs_client.document_problems():" in lines


def test_an_interrupt_before_the_first_step_is_heard(tmp_path, monkeypatch):
    class Interrupts(logging.Handler):
        """Interrupts this process when a run makes its resources."""

        def emit(self, record: logging.LogRecord) -> None:
            event = record.dagster_meta["dagster_event"]
            if event and event.event_type_value == "RESOURCE_INIT_STARTED":
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(build, "_handler", lambda _: Interrupts(logging.DEBUG))
    with pytest.raises(KeyboardInterrupt):
        zs_build(sample() / "documents.ndjson", tmp_path)
