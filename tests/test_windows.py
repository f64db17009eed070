"""What Windows does otherwise, as far as it can be tried elsewhere."""

import os
import sys
import types
from pathlib import Path

import client_store
import pandas as pd
import pytest

import zs_client
import zs_pipeline
from zs_client import cli, folder
from zs_client.opening import open_store

# Windows takes 260 letters in all, of which these leave 134 to the folder that holds packages.
LONGEST = 125


class Msvcrt(types.ModuleType):
    """Windows' locks: what is locked by another is an error after a while."""

    LK_LOCK, LK_UNLCK = 1, 0

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.refuse = 2
        self.held: list[int] = []

    def locking(self, number: int, mode: int, count: int) -> None:
        if mode == self.LK_UNLCK:
            self.held.remove(number)
            return
        if self.refuse:
            self.refuse -= 1
            raise OSError(36, "Resource deadlock avoided")
        self.held.append(number)


@pytest.fixture
def windows(monkeypatch):
    """No `fcntl`, locks as on Windows, and no wait between attempts."""
    locks = Msvcrt()
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", locks)
    monkeypatch.setattr(folder, "_PAUSE", 0)
    return locks


def test_packages_can_be_installed_below_a_usual_folder():
    for package in (zs_client, zs_pipeline):
        top = Path(package.__file__).parent
        paths = [path.relative_to(top.parent).as_posix() for path in top.rglob("*")]
        assert [path for path in paths if len(path) > LONGEST] == []


def test_a_folder_is_written_and_read_without_fcntl(windows, tmp_path, monkeypatch):
    client_store.filled(str(tmp_path))
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    zs_client.custom("mine", pd.DataFrame({"a": [1]}))
    assert zs_client.custom("mine")["a"].tolist() == [1]
    assert len(zs_client.asset_basics()) == 6
    assert windows.held == []
    assert windows.refuse == 0


def test_a_file_that_is_read_is_replaced_when_it_is_let_go(monkeypatch, tmp_path):
    staged, target = tmp_path / "staged", tmp_path / "target"
    target.write_text("old")
    staged.write_text("new")
    real, refused = Path.replace, []

    def replace(self, to):
        if len(refused) < 3:
            refused.append(to)
            raise PermissionError(13, "it is used by another process")
        return real(self, to)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(folder, "_PAUSE", 0)
    monkeypatch.setattr(folder.os, "name", "nt")
    try:
        folder.put_in_place(staged, target)
    finally:
        monkeypatch.undo()
    assert target.read_text() == "new"
    assert len(refused) == 3


@pytest.mark.parametrize("name", ["CON", "con", "Aux", "nul.x", "com1", "LPT9.2024", "prn"])
def test_a_custom_table_has_no_name_of_a_device(tmp_path, monkeypatch, name):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    with pytest.raises(ValueError, match="device to Windows"):
        zs_client.custom(name, pd.DataFrame({"a": [1]}))
    assert open_store(tmp_path).folders("") == []


@pytest.mark.parametrize("name", ["console", "com", "com10", "auxiliary"])
def test_other_names_stay(tmp_path, monkeypatch, name):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    assert len(zs_client.custom(name, pd.DataFrame({"a": [1]}))) == 1


def test_einval_is_a_pipe_that_nobody_reads(monkeypatch, capfd):
    def broken(*_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("zs_client.completion.script", broken)
    monkeypatch.setattr(cli.os, "name", "nt")
    monkeypatch.setattr(cli.os, "dup2", lambda *_: None)
    try:
        assert cli.main(["completion", "bash"]) == 141
    finally:
        monkeypatch.undo()
    assert os.name == "posix"
