"""`configure`: what a process reads, and what goes before it."""

import threading
from pathlib import Path

import client_store
import pytest

import zs_client
from zs_client import cli, doctor, place
from zs_client.cache import CachedStore


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    client_store.plain(monkeypatch)
    yield
    zs_client.configure(store=None, cache=None, offline=None)


def test_it_goes_before_variables_in_every_thread(monkeypatch, tmp_path):
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    zs_client.configure(store="sample")
    urls = []
    thread = threading.Thread(target=lambda: urls.append(place.resolve().store.url))
    thread.start()
    thread.join()
    assert urls == ["sample"]
    assert len(zs_client.asset_basics())
    zs_client.configure(store=None)
    assert Path(place.resolve().store.url) == tmp_path.resolve()


def test_arguments_and_blocks_go_before_it(tmp_path):
    zs_client.configure(store="sample", offline=True)
    assert Path(place.resolve(tmp_path).store.url) == tmp_path.resolve()
    with place.asking(url=str(tmp_path)):
        assert Path(place.resolve().store.url) == tmp_path.resolve()
    with zs_client.reading(offline=False):
        remote = place.resolve("s3://any").store
        assert isinstance(remote, CachedStore)
        assert not remote.offline
    assert place.resolve("s3://any").store.offline


def test_what_is_left_out_stays(tmp_path):
    zs_client.configure(cache=tmp_path, offline=True)
    zs_client.configure(store="s3://any")
    remote = place.resolve().store
    assert remote.offline
    assert remote.cache.folder == tmp_path
    zs_client.configure(cache="off")
    assert place.resolve().store.cache is None


def test_commands_about_the_local_cache_are_of_what_was_set(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "variable"))
    zs_client.configure(store="sample", cache=tmp_path / "set")
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'set'}: ")
    assert doctor.tried("local cache", doctor._cache).said == str(tmp_path / "set")
    zs_client.configure(cache="off")
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out.startswith("The local cache is turned off")
    assert doctor._cache() == "turned off"


def test_a_wrong_value_sets_nothing():
    with pytest.raises(TypeError, match="offline="):
        zs_client.configure(store="sample", offline="yes")
    with pytest.raises(TypeError, match="cache="):
        zs_client.configure(cache=3)
    assert place.resolve().store.url != "sample"
