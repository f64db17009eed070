"""The client and the sample on every Python that is here, with the oldest and newest libraries.

Each in an environment of its own, under a folder that is gone afterwards. `make matrix` runs it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "support.md"
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
# What is run, and what is only resolved: a Python that is not here, or that Dagster refuses.
RUN, RESOLVED = ("3.11", "3.12", "3.13"), ("3.14", "3.15")
LOWEST, NEWEST, LOCKED = "lowest", "newest", "locked"
SHOWN = ("pyarrow", "pandas", "obstore", "duckdb", "polars", "dagster", "pymongo")
CLIENT = ("test_client_*.py", "test_contract.py", "test_cli_*.py", "test_custom.py")
# What whoever calls this has set does not reach what is run.
UNSET = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "DAGSTER_HOME", "ZS_STORE", "ZS_SOURCE")
GOOD, BAD, NONE = "passes", "FAILS", ""


@dataclass
class Row:
    """One environment, and what was found in it.

    Attributes:
        python: The Python's version as it is asked for, such as `3.11`.
        libraries: `lowest`, `newest` or `locked`.
        stages: What to run in it: `resolution`, `sample`, `client`, `readme`.
        results: What became of each stage.
        release: The Python's whole version; empty where it is not on this machine.
        versions: The versions of the libraries, by name.
        seconds: How long all of it took.
    """

    python: str
    libraries: str
    stages: tuple[str, ...]
    results: dict[str, str] = field(default_factory=dict)
    release: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0

    @property
    def failed(self) -> bool:
        """Whether a stage did not pass."""
        return BAD in self.results.values()


ALL = ("resolution", "sample", "client", "readme")


def rows(*, short: bool) -> list[Row]:
    """The environments to try."""
    if short:
        return [
            Row("3.11", LOWEST, ("resolution", "sample", "client")),
            Row("3.12", NEWEST, ("resolution", "sample")),
            Row("3.13", NEWEST, ("resolution", "sample", "client")),
        ]
    run = [Row(python, kind, ALL) for python in RUN for kind in (LOWEST, NEWEST, LOCKED)]
    return [*run, *(Row(python, NEWEST, ("resolution",)) for python in RESOLVED)]


def resolve(python: str, libraries: str, into: Path) -> subprocess.CompletedProcess[str]:
    """Write what an environment holds, with everything that the project's extras name.

    Args:
        python: For which Python; it need not be on this machine.
        libraries: `lowest` takes the lowest of what the project itself names that have a wheel for
            the Python, `newest` the newest.
        into: The file to write.
    """
    resolution = "lowest-direct" if libraries == LOWEST else "highest"
    words = ["pip", "compile", "pyproject.toml", "--all-extras", "--group", "dev"]
    words += ["--no-config", "--quiet", "--python-version", python, "--resolution", resolution]
    if libraries == LOWEST:
        # orjson 3.10.0 has no wheel for 3.13, and its source cannot be built with today's tools.
        words += ["--only-binary", ":all:"]
    return _uv(*words, "--no-annotate", "--output-file", str(into))


def run(row: Row, folder: Path, wheel: Path) -> None:
    """Make a row's environment and run its stages."""
    began = time.monotonic()
    for stage in row.stages:
        row.results[stage] = NONE
    listed = ROOT / "constraints.txt" if row.libraries == LOCKED else folder / "requirements.txt"
    if row.libraries != LOCKED:
        row.results["resolution"] = _told(row, resolve(row.python, row.libraries, listed))
    else:
        row.results["resolution"] = GOOD
    if not row.failed and len(row.stages) > 1:
        _try(row, folder, wheel, listed)
    row.seconds = time.monotonic() - began


def _try(row: Row, folder: Path, wheel: Path, listed: Path) -> None:
    python = folder / "env" / "bin" / "python"
    found = interpreter(row.python)
    if not found:
        # What is not here is not tried, and the table says so.
        for stage in row.stages[1:]:
            row.results[stage] = "not here"
        return
    install = ("pip", "install", "--no-config", "--quiet", "--python", str(python))
    for words in (
        ("venv", "--no-config", "--quiet", "--python", found, str(folder / "env")),
        (*install, "--no-deps", "-r", str(listed)),
        (*install, "--no-deps", str(wheel)),
    ):
        done = _uv(*words)
        if done.returncode:
            row.results["resolution"] = _told(row, done)
            return
    row.versions, row.release = _versions(python)
    commands = {
        "sample": lambda: _sample(python, folder),
        "client": lambda: _tests(python, *CLIENT),
        "readme": lambda: _tests(python, "test_readme.py"),
    }
    for stage in row.stages[1:]:
        row.results[stage] = _told(row, commands[stage]())


def interpreter(version: str) -> str:
    """The path of a Python on this machine; empty where there is none that runs."""
    name = f"python{version}"
    of_pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for path in (shutil.which(name), *sorted(of_pyenv.glob(f"{version}.*/bin/{name}"))):
        # A shim of pyenv is there for what is not chosen as well.
        if path and _command(str(path), "-c", "import venv").returncode == 0:
            return str(path)
    return ""


def pythons() -> str:
    """Which of the Pythons that are tried are on this machine, as a line."""
    found = [python for python in (*RUN, *RESOLVED) if interpreter(python)]
    missing = [python for python in RUN if python not in found]
    said = f"Pythons here: {', '.join(found) or 'none'}"
    return f"{said}; not here, and so not tried: {', '.join(missing)}" if missing else said


def _sample(python: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the sample and read it, from the wheel: no file of the checkout is in the way."""
    store = folder / "store"
    store.mkdir()
    reads = (
        "import zs_client, zs_pipeline; assert len(zs_client.asset_basics()); "
        "print(zs_client.__file__)"
    )
    done = None
    for words in (
        [python.parent / "zs", "build", "--store", store],
        [python.parent / "zs", "status", "--store", store],
        [python, "-c", reads],
    ):
        done = _command(*map(str, words), cwd=store, ZS_STORE=str(store))
        if done.returncode:
            return done
    assert done is not None  # noqa: S101 - of three commands
    return done


def _tests(python: Path, *patterns: str) -> subprocess.CompletedProcess[str]:
    names = [str(path) for pattern in patterns for path in sorted((ROOT / "tests").glob(pattern))]
    return _command(
        str(python), "-m", "pytest", "-n", "auto", "--dist", "worksteal", "-p", "no:cacheprovider",
        *names,
    )  # fmt: skip


def _told(row: Row, done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode == 0:
        return GOOD
    print(f"--- Python {row.python}, {row.libraries}: {' '.join(map(str, done.args))[:300]}")
    print("\n".join((done.stdout + done.stderr).splitlines()[-40:]), flush=True)
    return BAD


def _versions(python: Path) -> tuple[dict[str, str], str]:
    code = (
        "import importlib.metadata as m, platform; print(platform.python_version());"
        f"[print(n, m.version(n)) for n in {SHOWN!r}]"
    )
    first, *rest = _command(str(python), "-c", code).stdout.splitlines()
    return dict(line.split() for line in rest), first


def _uv(*words: str) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent / "uv"
    return _command(str(beside) if beside.exists() else "uv", *words)


def _command(*words: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    return subprocess.run(
        words,
        cwd=cwd,
        env={**kept, "DAGSTER_DISABLE_TELEMETRY": "1", **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def table(tried: Sequence[Row]) -> str:
    """What was found, as a table in Markdown."""
    head = ["Python", "libraries", *ALL, *SHOWN]
    lines = [head, ["---"] * len(head)]
    for row in tried:
        told = [row.results.get(stage, "") or "not run" for stage in ALL]
        versions = [row.versions.get(name, "") for name in SHOWN]
        lines.append([row.release or row.python, row.libraries, *told, *versions])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def written(page: str, tried: str) -> str:
    """Returns a page whose table has the lines that were tried; other environments keep theirs."""
    pattern = re.compile(f"{re.escape(BEGIN)}(.*?){re.escape(END)}", re.DOTALL)
    block = pattern.search(page)
    if not block:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    lines = _lines(block[1]) | _lines(tried)
    head = tried.splitlines()[:2]
    known = [(row.python, row.libraries) for row in rows(short=False)]
    content = "\n".join([*head, *(lines[key] for key in known if key in lines)])
    return pattern.sub(lambda _: f"{BEGIN}\n{content}\n{END}", page)


def _lines(page: str) -> dict[tuple[str, str], str]:
    """Returns the lines of a table by (Python without its last number, libraries)."""
    line = re.compile(r"^\| (\d+\.\d+)[\d.]* \| (\w+) \|.*", re.MULTILINE)
    return {(match[1], match[2]): match[0] for match in line.finditer(page)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix; returns 0 when nothing that could be tried failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.matrix", description=__doc__)
    parser.add_argument("--short", action="store_true", help="three environments")
    parser.add_argument("--write", action="store_true", help="write the table to docs/support.md")
    parser.add_argument("--python", metavar="3.12", help="only this one")
    parser.add_argument("--libraries", choices=(LOWEST, NEWEST, LOCKED), help="only these")
    parser.add_argument("--stages", nargs="+", choices=ALL[1:], default=ALL[1:], help="only these")
    given = parser.parse_args(argv)
    chosen = [
        replace(row, stages=tuple(s for s in row.stages if s in (ALL[0], *given.stages)))
        for row in rows(short=given.short)
        if given.python in (None, row.python) and given.libraries in (None, row.libraries)
    ]
    print(pythons(), flush=True)
    with tempfile.TemporaryDirectory(prefix="zs-matrix-") as made:
        folder = Path(made)
        built = _command(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", made)
        if built.returncode:
            print(built.stdout + built.stderr)
            return 1
        (wheel,) = folder.glob("*.whl")

        def one(row: Row) -> Row:
            place = folder / f"{row.python}-{row.libraries}"
            place.mkdir()
            run(row, place, wheel)
            # Each is 700 MB.
            shutil.rmtree(place)
            found = ", ".join(f"{stage} {told}" for stage, told in row.results.items())
            print(
                f"Python {row.release or row.python}, {row.libraries}: {found}; "
                f"{row.seconds:.0f} s",
                flush=True,
            )
            return row

        tried = [one(row) for row in chosen]
    print(table(tried))
    if given.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(tried)), encoding="utf-8")
    return int(any(row.failed for row in tried))


if __name__ == "__main__":
    sys.exit(main())
