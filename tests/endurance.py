"""What is tried at length by hand (`make endurance`), and a tenth of it in every run of the tests.

Two trials: builds killed at random moments beside sources that change at random, and objects lost
at random from a store. After each round every path is readable, after the last one the store is
that of a first build. Seeds are fixed, and printed where a round fails.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from building import document, dump, tables, zs_build
from test_interrupted import assert_agree, assert_readable

from zs_client.opening import open_store
from zs_pipeline.settings import sample

ROUNDS = 60
SEED = 16
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
        # What it remembers has no source, and that it stops its own table alone is another test.
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


TRIALS = {"kills": kills, "losses": losses}


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
