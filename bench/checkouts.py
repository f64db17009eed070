"""`make compare BASE=main`: build the same documents with two checkouts, and compare the stores.

Both use this interpreter and its packages, so that only the project's own code differs. How stores
are compared is in `bench.differences`, how a build is run in `bench.measure`.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import corpus, measure
from bench.differences import KEPT_STATE, TABLES, compare, shown
from zs_client.contract import __version__
from zs_pipeline.settings import sample

NEW = Path(__file__).resolve().parents[1]
# The real documents are no part of the project; they lie beside it.
CORPUS = NEW.parent / "shared" / "corpus" / "documents.ndjson"
SIZE = 2_000
PACKAGES = ("zs_client", "zs_pipeline")
_BESIDE = ("pyproject.toml", "dagster.yaml")
_RESULTS = "bench-results"
_DIFFERENT, _NOT_COMPARED = 1, 2
# Any time would do.
_WRITTEN = 1_700_000_000
_BUILD = """
import importlib, pathlib, sys
for name in ("zs_client", "zs_pipeline"):
    folder = pathlib.Path(importlib.import_module(name).__file__).parent
    if folder.resolve() != pathlib.Path(sys.argv[1], name).resolve():
        sys.exit(f"{name} was imported from {folder}, not from the checkout at {sys.argv[1]}")
from zs_client import cli
sys.exit(cli.main(["build"]))
"""


class NotCompared(Exception):
    """The comparison could not be made; the message says why."""


class Input(NamedTuple):
    """Documents and side files that both checkouts build from.

    Attributes:
        name: For people.
        variables: Where the documents and their side files are.
    """

    name: str
    variables: Mapping[str, str]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare what two checkouts build: this one, and a base.

    Args:
        argv: The words after `python -m bench.checkouts`; those of the process when None.

    Returns:
        0 when all is equal, 1 when anything differs, 2 when not all could be compared.
    """
    given = _parser().parse_args(argv)
    try:
        # Not in the system's folder for such, which may lie in memory.
        (NEW / _RESULTS).mkdir(exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=NEW / _RESULTS, prefix="compare-") as folder,
            _base(given.ref, given.base, Path(folder) / "base") as base,
        ):
            work = Path(folder)
            sides = [copied(base, work / "base-code"), copied(NEW, work / "new-code")]
            inputs = _inputs(work, given.documents)
            groups = (TABLES,) if given.tables_only else (TABLES, KEPT_STATE)
            different = [what.name for what in inputs if not _equal(what, sides, work, groups)]
            if given.speed:
                _time(inputs[-1], sides, work, given.speed)
    except (NotCompared, measure.BuildFailed) as error:
        print(f"compare: {error}", file=sys.stderr)
        return _NOT_COMPARED
    if different:
        print(f"\nDIFFERENT: {', '.join(different)}")
        return _DIFFERENT
    if not CORPUS.exists() and not given.without_corpus:
        print(
            "\nNOT ALL COMPARED: the corpus of real documents is not there, and was left out. "
            f"It is sought at {CORPUS}; --without-corpus says that this is meant.",
            file=sys.stderr,
        )
        return _NOT_COMPARED
    print("\nall equal")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.checkouts", description=(main.__doc__ or "").splitlines()[0]
    )
    base = parser.add_mutually_exclusive_group(required=True)
    base.add_argument("ref", nargs="?", metavar="REF", help="the base, as git names it")
    base.add_argument("--base", type=Path, metavar="FOLDER", help="the base, checked out already")
    parser.add_argument(
        "--tables-only",
        action="store_true",
        help="tell of a difference in what is kept of documents and side files, and go on",
    )
    parser.add_argument(
        "--without-corpus",
        action="store_true",
        help="be content without the real documents where they are not there",
    )
    parser.add_argument(
        "--speed", type=int, default=0, metavar="N", help="also time N pairs of first builds"
    )
    parser.add_argument(
        "--documents",
        type=int,
        default=SIZE,
        metavar="N",
        help=f"how many documents are made up (default: {SIZE:,})",
    )
    return parser


@contextmanager
def _base(ref: str | None, folder: Path | None, place: Path) -> Iterator[Path]:
    """The base's checkout: the folder, or a git worktree that is gone afterwards."""
    if folder:
        yield folder.resolve()
        return
    _git("worktree", "add", "--detach", "--quiet", str(place), str(ref))
    try:
        yield place
    finally:
        _git("worktree", "remove", "--force", str(place))


def _git(*words: str) -> None:
    git = shutil.which("git")
    if git is None:
        raise NotCompared("git is needed for a base that is no folder; --base takes a folder")
    done = subprocess.run(
        [git, "-C", str(NEW), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotCompared(f"git {' '.join(words)}: {done.stderr.strip()}")


def _inputs(work: Path, documents: int) -> list[Input]:
    """The inputs, the made-up documents last. Both checkouts get the same files."""
    inputs = [Input("sample", {})]
    if CORPUS.exists():
        files = str(sample() / "files")
        inputs.append(Input("real documents", {"ZS_SOURCE": str(CORPUS), "ZS_FILES": files}))
    made = work / "made"
    made.mkdir()
    corpus.write(made, documents)
    variables = {"ZS_SOURCE": str(made / corpus.DUMP), "ZS_FILES": str(made / corpus.FILES)}
    return [*inputs, Input(f"{documents:,} made-up documents", variables)]


def _equal(what: Input, sides: Sequence[Path], work: Path, groups: Sequence[str]) -> bool:
    """Build an input with both sides, show what differs, and say whether those groups are equal."""
    stores = [work / "base-store", work / "new-store"]
    for code, store in zip(sides, stores, strict=True):
        build(code, what.variables, work, store)
    compared = compare(*stores)
    print(what.name, *shown(compared), sep="\n", flush=True)
    for store in stores:
        shutil.rmtree(store)
    if not compared[TABLES].compared:
        raise NotCompared(f"{what.name}: the builds wrote no tables")
    return not any(compared[group].differences for group in groups)


def _time(what: Input, sides: Sequence[Path], work: Path, pairs: int) -> None:
    """Time first builds by both sides in turn, and show the ratios."""
    store = work / "timed-store"
    ratios = []
    print(f"{what.name}, first builds")
    for pair in range(1, pairs + 1):
        seconds = []
        for code in sides:
            seconds.append(build(code, what.variables, work, store).seconds)
            shutil.rmtree(store)
        before, after = seconds
        ratios.append(after / before)
        print(f"  pair {pair}: base {before:.2f} s, new {after:.2f} s, ratio {ratios[-1]:.3f}")
    print(f"  median of the ratios, new / base: {statistics.median(ratios):.3f}", flush=True)


def copied(checkout: Path, code: Path) -> Path:
    """Copy what a build of a checkout needs; returns where to.

    Every file has the same time: of side files in a folder the newest counts, and a checkout's
    files have the time at which git wrote them.

    Raises:
        NotCompared: It is no checkout of the project.
    """
    missing = [name for name in (*PACKAGES, *_BESIDE) if not (checkout / name).exists()]
    if missing:
        raise NotCompared(f"{checkout} is no checkout: it has no {', '.join(missing)}")
    for package in PACKAGES:
        shutil.copytree(
            checkout / package, code / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in _BESIDE:
        shutil.copyfile(checkout / name, code / name)
    for path in code.rglob("*"):
        os.utime(path, (_WRITTEN, _WRITTEN))
    _tell_entry_points(code)
    return code


def build(code: Path, variables: Mapping[str, str], work: Path, store: Path) -> measure.Usage:
    """Run `zs build` of a checkout into a new store.

    Whatever the checkout, its code lies at the same path meanwhile and it writes to the same path:
    tables and answers tell where stores and side files are.

    Args:
        code: A checkout as `copied` left it.
        variables: Where the documents and their side files are.
        work: A folder for what is needed meanwhile.
        store: Where the store lies afterwards.

    Raises:
        measure.BuildFailed: It did not end well, or was not the checkout's own code.
    """
    running, building, home = (work / name for name in ("code", "store", "home"))
    for folder in (building, home):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    shutil.copyfile(code / "dagster.yaml", home / "dagster.yaml")
    own = {
        "PYTHONPATH": str(running),
        "ZS_STORE": str(building),
        "ZS_VERSION": __version__,
        **variables,
    }
    command = [sys.executable, "-c", _BUILD, str(running)]
    code.rename(running)
    try:
        usage = measure.run("zs build", command, measure.environment(home, **own), work)
    finally:
        running.rename(code)
    building.rename(store)
    return usage


def _tell_entry_points(code: Path) -> None:
    """Write the checkout's entry points beside its code, as those of an installed project.

    Python takes the first that it finds; else they would be those of whatever is installed.
    """
    project = tomllib.loads((code / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    metadata = code / f"data_asset_cache-{__version__}.dist-info"
    metadata.mkdir()
    text = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {__version__}\n"
    (metadata / "METADATA").write_text(text, encoding="utf-8")
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{name} = {target}" for name, target in entries.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
