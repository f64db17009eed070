"""`zs open`: where a data asset's files lie, and the command that fetches them."""

import json
import shlex

import client_store
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_client import cli
from zs_client.location_commands import lines
from zs_client.opening import open_store

PREFIX = "s3://sample-open-data/a_2025-01-01_00-00-00"


@pytest.fixture
def zs(tmp_path, monkeypatch, capsys):
    """Run a command on a store with some locations; its exit code, and what it wrote."""
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    monkeypatch.setenv("ZS_VERSION", client_store.VERSION)
    named = [
        *[("a", PREFIX), ("twice", f"{PREFIX}/1"), ("twice", f"{PREFIX}/2"), ("twice", PREFIX)],
        *[("none", None), ("folder", "/allen/data/x"), ("odd", "s3://bucket/x\x1b[2J; rm -rf ~")],
        *[("shell", "s3://bucket/$(rm -rf ~)'"), ("same", PREFIX), ("same", PREFIX)],
    ]
    rows = [
        {"_id": f"{number}", "name": name, "location": location}
        for number, (name, location) in enumerate(named)
    ]
    client_store.whole(open_store(str(tmp_path)), "asset_basics", rows)

    def run(*words):
        code = cli.main(words)
        out, err = capsys.readouterr()
        return code, out.splitlines(), err

    return run


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a", [PREFIX, f"aws s3 sync {PREFIX} ./a"]),
        ("same", [PREFIX, f"aws s3 sync {PREFIX} ./same"]),
        (
            "twice",
            [
                *(f"{PREFIX}/1", f"aws s3 sync {PREFIX}/1 ./twice"),
                *(f"{PREFIX}/2", f"aws s3 sync {PREFIX}/2 ./twice"),
                *(PREFIX, f"aws s3 sync {PREFIX} ./twice"),
            ],
        ),
        ("folder", ["/allen/data/x"]),
        ("odd", [r"'s3://bucket/x\x1b[2J; rm -rf ~'"]),
    ],
)
def test_a_location_is_printed_with_the_command_for_a_bucket(zs, name, said):
    assert zs("open", name) == (0, said, "")


def test_programs_read_locations_as_json(zs):
    code, out, _ = zs("open", "folder", "--format", "json")
    assert (code, json.loads("".join(out))) == (
        0,
        [{"location": "/allen/data/x", "command": None}],
    )
    command = f"aws s3 sync {PREFIX} ./a"
    assert zs("open", "a", "--format", "csv")[1] == ["location,command", f"{PREFIX},{command}"]


def test_what_cannot_be_opened_is_an_error_with_the_names_that_are_alike(zs):
    assert zs("open", "none") == (2, [], "zs open: the document of none has no location\n")
    code, out, err = zs("open", "twise")
    assert (code, out) == (2, [])
    assert err == "zs open: there is no data asset 'twise'; alike: twice\n"
    _, _, err = zs("open", "0")
    assert err.endswith("'0'; zs show asset_basics --where name_contains=…\n")


def test_a_shell_takes_a_location_as_one_word(zs):
    _, (location, command), _ = zs("open", "shell")
    assert shlex.split(command) == ["aws", "s3", "sync", location, "./shell"]


@given(st.text(), st.text())
def test_whatever_a_document_says_a_shell_gets_one_command_and_a_terminal_no_sequence(name, rest):
    for line in lines(name, f"s3://bucket/{rest}"):
        assert line.isprintable()
        if line.startswith("aws "):
            words = shlex.split(line)
            assert words[:4] == ["aws", "s3", "sync", f"s3://bucket/{rest}"]
            assert len(words) == 5
            assert words[4].startswith("./")
            assert "/" not in words[4][2:]
            assert words[4][2:].strip(".")
