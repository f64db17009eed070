"""What a run keeps until it ends: one scope for the runs inside it, and none that stays behind."""

from pathlib import Path

import dagster as dg
import pytest
from building import document, dump

from zs_client.opening import open_store
from zs_pipeline import run_scope
from zs_pipeline.documents.state import load
from zs_pipeline.orchestration import code_location

URL = "s3://some-bucket"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary folders are made in."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_a_run_inside_of_another_scope_shares_what_it_holds(temporary):
    with run_scope.entered() as outer:
        with run_scope.entered() as inner:
            folder = inner.object_cache(URL)
            assert folder is not None
            assert inner.object_cache(f"{URL}-2") not in (None, folder)
        assert outer.object_cache(URL) == folder
        assert folder.is_dir()
    assert list(temporary.iterdir()) == []


def test_the_scope_ends_with_the_last_run_that_entered_it(temporary):
    first, second = run_scope.entered(), run_scope.entered()
    shared = first.__enter__()
    assert second.__enter__() is shared
    folder = shared.object_cache(URL)
    first.__exit__(None, None, None)
    assert folder.is_dir()
    second.__exit__(None, None, None)
    assert not folder.exists()
    with run_scope.entered() as later:
        assert later is not shared


def test_what_lies_on_this_machine_and_what_finds_no_room_is_read_where_it_is(monkeypatch):
    with run_scope.entered() as scope:
        assert scope.object_cache("somewhere") is None
        monkeypatch.setattr("tempfile.tempdir", "/nowhere/such")
        assert scope.object_cache(URL) is None


def test_a_run_that_dagster_makes_alone_leaves_nothing_open(tmp_path):
    source = dump(tmp_path / "d.ndjson", [document("a", "1")])
    out = tmp_path / "out"
    defs = code_location.definitions(source=str(source), store=str(out))
    before = run_scope.current()
    with dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def("tables").execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey("documents")]
        )
        assert done.success
        assert "_connect" not in vars(instance.event_log_storage)
    assert run_scope.current() is not before
    # Without a run the documents are loaded all the same.
    assert load(open_store(out)).index.num_rows == 1
