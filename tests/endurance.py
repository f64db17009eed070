"""What is tried at length by hand (`make endurance`), and a tenth of it in every run of the tests.

Builds killed at random moments beside sources that change at random; objects lost at random from a
store; prunes killed beside builds and a reader; the size of a store over many nights; publications
killed between the writes of the two layouts. After each round every path is readable, after the
last one the store is that of a first build. Seeds are fixed, and printed where a round fails.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import two_layouts
from aging import LAYOUT, age
from building import document, dump, tables, zs_build
from test_interrupted import assert_agree, assert_readable

from zs_client import SnapshotNotFound, snapshot_index
from zs_client.contract import ROOT
from zs_client.opening import open_store
from zs_client.pinned import snapshot_entries, state_of
from zs_client.store import Store
from zs_pipeline import keeping
from zs_pipeline.documents.retention import KEPT_STATES
from zs_pipeline.publishing import snapshot_list
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep
from zs_pipeline.settings import sample

ROUNDS = 60
SEED = 16
_ZS = "import sys; from zs_client.cli import main; sys.exit(main(sys.argv[1:]))"
_READER = """
import os, sys, time
os.environ["ZS_STORE"] = sys.argv[1]
import zs_client
until = time.monotonic() + 3
while time.monotonic() < until:
    zs_client.asset_basics()
    zs_client.qc("3")
    for one in zs_client.snapshots()[:2]:
        try:
            zs_client.asset_basics(snapshot=one.id)
        except (zs_client.SnapshotNotFound, zs_client.ReadError) as error:
            assert "pruned" in str(error), error
"""
_FEW = {
    "keep_nightly": 3,
    "keep_weekly": 2,
    "keep_named": True,
    "dry_run": False,
    "version": None,
}
_BUILD = "import sys; from building import zs_build; sys.exit(zs_build(*sys.argv[1:], files={!r}))"


def night(chance: random.Random, documents: dict[str, dict[str, Any]], number: int) -> None:
    """Let documents come, change and go, fewer than is taken for an outage."""
    for _ in range(chance.randint(0, 6)):
        made = document(f"asset-{number}-{chance.random():.6f}", str(chance.randint(0, 12)))
        documents[made["_id"]] = made
    for key in chance.sample(sorted(documents), chance.randint(0, len(documents) // 3)):
        documents[key]["_last_modified"] = f"2025-03-01T00:00:00.{number:03}Z"
        documents[key]["quality_control"]["metrics"][0]["name"] = f"metric {number}"
    for key in chance.sample(sorted(documents), chance.randint(0, len(documents) // 20)):
        del documents[key]


def kills(rounds: int, seed: int, folder: Path) -> int:
    """Kill builds at random moments; returns how many were killed before they ended."""
    chance, out, source = random.Random(seed), folder / "out", folder / "d.ndjson"
    documents = {one["_id"]: one for one in (document(f"a{n}", str(n % 12)) for n in range(60))}
    out.mkdir()
    killed = 0
    for number in range(rounds):
        night(chance, documents, number)
        dump(source, documents.values())
        program = [sys.executable, "-c", _BUILD.format(str(sample() / "files"))]
        child = subprocess.Popen(
            [*program, str(source), str(out)],
            cwd=Path(__file__).parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # A moment of a build, however long one takes on this machine.
        begun, wanted, before = time.monotonic(), chance.randint(1, 60), -1
        while wanted and child.poll() is None and time.monotonic() - begun < 120:
            now = sum(len(names) + len(folders) for _, folders, names in os.walk(out))
            wanted -= now != before
            before = now
            time.sleep(chance.random() / 50)
        child.kill()
        killed += child.wait() == -signal.SIGKILL
        assert_readable(out)
    assert zs_build(source, out, accept_shrink=True) == 0
    assert_agree(out)
    assert zs_build(source, folder / "full") == 0
    assert tables(out) == tables(folder / "full")
    return killed


def losses(rounds: int, seed: int, folder: Path) -> int:
    """Lose objects of a store at random; returns how many were lost."""
    chance, out, source = random.Random(seed), folder / "out", folder / "d.ndjson"
    documents = {one["_id"]: one for one in (document(f"a{n}", str(n % 12)) for n in range(60))}
    lost = 0
    assert zs_build(dump(source, documents.values()), out) == 0
    for number in range(rounds):
        store = open_store(out)
        # What it remembers has no source; what it stops is another test.
        there = sorted(
            entry["path"]
            for entry in store.walk("data-asset-cache")
            if "metadata_upgrade" not in entry["path"] and "_staging" not in entry["path"]
        )
        gone = chance.sample(there, chance.randint(1, 4))
        store.delete(gone)
        lost += len(gone)
        night(chance, documents, number)
        dump(source, documents.values())
        assert zs_build(source, out, accept_shrink=True) == 0, (seed, number, gone)
        assert_readable(out)
        assert_agree(out)
    assert zs_build(source, folder / "full") == 0
    assert tables(out) == tables(folder / "full")
    return lost


def prunes(rounds: int, seed: int, folder: Path) -> int:
    """Kill prunes at random moments, beside two builds and a reader; returns how many were killed.

    Before each the store becomes days older, so that there is always something to remove.
    """
    chance, out, source = random.Random(seed), folder / "out", folder / "d.ndjson"
    documents = {one["_id"]: one for one in (document(f"a{n}", str(n % 12)) for n in range(60))}
    killed = 0
    assert zs_build(dump(source, documents.values()), out) == 0
    store = open_store(out)
    for number in range(rounds // 2):
        night(chance, documents, number)
        dump(source, documents.values())
        assert zs_build(source, out, accept_shrink=True) == 0
        redate(store, timedelta(days=2))
        age(store, timedelta(days=2))
        night(chance, documents, number)
        dump(source, documents.values())
        builds = [start([_BUILD.format(str(sample() / "files")), source, out]) for _ in range(2)]
        prune_words = (_ZS, "prune", "--keep-nightly", "3", "--keep-weekly", "2", "--store", out)
        child = start(prune_words)
        reader = start((_READER, out))
        # A moment of a prune: it takes about a second, of which half are imports.
        time.sleep(chance.uniform(0.2, 1.5))
        child.kill()
        assert child.wait() in (0, -signal.SIGKILL), (seed, number)
        killed += child.returncode == -signal.SIGKILL
        assert [build.wait() for build in builds] == [0, 0], (seed, number)
        assert reader.wait() == 0, (seed, number)
        assert_readable(out)
        assert_agree(out)
        assert_snapshots(out)
    assert keeping.run_prune(**_FEW, store=str(out)) == 0
    assert_snapshots(out)
    assert zs_build(source, out, accept_shrink=True) == 0
    assert_agree(out)
    assert zs_build(source, folder / "full") == 0
    assert tables(out) == tables(folder / "full")
    return killed


def start(words: Iterable[object]) -> subprocess.Popen[bytes]:
    """Start a Python script with its words, beside what goes on."""
    script, *rest = map(str, words)
    return subprocess.Popen(
        [sys.executable, "-c", script, *rest],
        cwd=Path(__file__).parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def redate(store: Store, by: timedelta) -> None:
    """Date the list of snapshots back, as `age` does with files."""

    def earlier(listed: dict[str, Any]) -> None:
        for entry in listed["snapshots"]:
            entry["date"] = f"{datetime.fromisoformat(entry['date']) - by}"

    snapshot_list.update(store, LAYOUT, earlier)


def assert_snapshots(out: Path) -> None:
    """Every snapshot that is listed is whole; one that was pruned says so."""
    store = open_store(out)
    there = {entry["path"] for entry in store.walk(LAYOUT.objects)}
    for id_ in snapshot_entries(store, LAYOUT):
        if id_ in snapshot_index.load(store, LAYOUT).pruned:
            # A kill between the list and the file.
            continue
        state = state_of(store, LAYOUT, id_)
        for name, entry in state.tables.items():
            for sha256 in state.contents(name).values():
                assert LAYOUT.object(entry["table"], sha256) in there, (id_, name)
    for id_ in snapshot_index.load(store, LAYOUT).pruned:
        if not store.exists(LAYOUT.snapshot(id_)):
            with pytest.raises(SnapshotNotFound, match=r"is gone .* since"):
                state_of(store, LAYOUT, id_)


def growth(rounds: int, seed: int, folder: Path) -> int:
    """Sixty nights with 5 % changed, pruned after each; returns the snapshots that were kept.

    From night 31 on the store is within 10 % of its size then.
    """
    chance, out, source = random.Random(seed), folder / "out", folder / "d.ndjson"
    documents = {one["_id"]: one for one in (document(f"a{n}", str(n // 3)) for n in range(300))}
    sizes: list[int] = []
    # Documents keep 14 states, whatever is pruned.
    measured = ROOT if rounds // 2 > KEPT_STATES else LAYOUT.folder
    for number in range(rounds):
        changed = chance.sample(sorted(documents), len(documents) // 20) if number else ()
        for key in changed:
            documents[key]["_last_modified"] = f"2025-03-01T00:00:00.{number:03}Z"
            documents[key]["quality_control"]["metrics"][0]["name"] = f"metric {number}"
            documents[key]["data_description"]["project_name"] = f"Project {number}"
        assert zs_build(dump(source, documents.values()), out) == 0
        store = open_store(out)
        redate(store, timedelta(days=1))
        age(store, timedelta(days=1, hours=1))
        keep = Keep(nightly=rounds // 2, weekly=0)
        prune(store, LAYOUT, keep)
        sizes.append(sum(entry["size"] for entry in store.walk(measured)))
        assert_snapshots(out)
    steady = sizes[rounds // 2 :]
    assert max(steady) <= 1.1 * steady[0], sizes
    assert min(steady) >= 0.9 * steady[0], sizes
    index = snapshot_index.load(store, LAYOUT)
    assert len(index.dates) == rounds // 2
    assert len(index.pruned) == rounds - rounds // 2
    assert zs_build(source, folder / "full") == 0
    assert tables(out) == tables(folder / "full")
    sys.stdout.write(f"growth: {steady[0]:,} to {steady[-1]:,} bytes\n")
    return len(index.dates)


def layouts(rounds: int, seed: int, folder: Path) -> int:
    """Kill publications between the writes of the two layouts; returns how many were killed.

    A third of the rounds are moments, spread evenly over the first publication and one that changes
    every table; the first moment of each is another with another seed.
    """
    moments, killed = max(3, rounds // 3), 0
    last = [two_layouts.operations(folder / "whole", number) for number in (0, 1)]
    of_whole = two_layouts.contents_of(open_store(folder / "whole"))
    for number in range(moments):
        out, state = folder / str(number), number % 2
        for before in range(state):
            two_layouts.operations(out, before)
        moment = 1 + (seed + number * last[state] // moments) % last[state]
        killed += two_layouts.killed(out, state, moment)
        store = open_store(out)
        two_layouts.assert_whole(store)
        two_layouts.operations(out, 1)
        two_layouts.assert_whole(store)
        assert two_layouts.contents_of(store) == of_whole, (seed, number, moment)
    return killed


TRIALS = {
    "kills": kills,
    "losses": losses,
    "prunes": prunes,
    "growth": growth,
    "layouts": layouts,
}


def main() -> None:
    """Run the trials whole, or with the rounds and the seed that are given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=TRIALS)
    given = parser.parse_args()
    for name, trial in TRIALS.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                count = trial(given.rounds, given.seed, Path(folder))
            sys.stdout.write(
                f"{name}: {given.rounds} rounds with seed {given.seed}, {count} {name}: held\n"
            )


if __name__ == "__main__":
    main()
