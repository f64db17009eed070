"""An earlier release, run as it was: the code of its wheel in a process of its own.

The wheels in `wheels/` are what `pip wheel --no-deps .` made of each release; what they need is of
this environment. Nothing here is a test. PYTEST_DONT_REWRITE, or pytest warns where a module both
imports this one and names it as a plugin.
"""

import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
# Before each script: what is imported is the release's, whatever is installed.
_IMPORTED = """
import importlib, pathlib, sys
for name in ("zs_client", "zs_pipeline"):
    found = pathlib.Path(importlib.import_module(name).__file__)
    assert pathlib.Path.cwd() in found.parents, f"{name} was imported from {found}"
"""
_READ = """
import pickle
import zs_client, reading
pathlib.Path(sys.argv[2]).write_bytes(pickle.dumps(eval(sys.argv[1])))
"""


@dataclass(frozen=True)
class Earlier:
    """An earlier release.

    Attributes:
        code: The folder with its packages.
        work: An empty folder, for what its processes hand over.
    """

    code: Path
    work: Path

    @property
    def sample(self) -> Path:
        """The sample that came with it."""
        return self.code / "zs_pipeline" / "sample"

    def run(self, script: str, *words: object, **variables: object) -> str:
        """Run a Python script with its packages; returns what it printed.

        Args:
            script: May import `zs_client`, `zs_pipeline`, and `reading` of the tests.
            words: Its `sys.argv`, from the second on.
            variables: Of its environment, beside those that are set.

        Raises:
            AssertionError: It failed; the message has what it said.
        """
        own = {name: str(value) for name, value in variables.items()}
        done = subprocess.run(
            [sys.executable, "-c", _IMPORTED + script, *map(str, words)],
            env={**os.environ, **own, "PYTHONPATH": f"{self.code}{os.pathsep}{TESTS}"},
            cwd=self.code,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def read(self, store: object, expression: str, **variables: object) -> Any:
        """Read a store with its client; returns the value of an expression.

        Args:
            store: The store's URL.
            expression: Of `zs_client` of the release, and of `reading` of the tests.
            variables: As of `run`.
        """
        path = self.work / "read.pickle"
        self.run(_READ, expression, path, ZS_STORE=store, **variables)
        return pickle.loads(path.read_bytes())


@pytest.fixture(scope="session")
def release_1_0_0(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    """The first release."""
    code, work = (tmp_path_factory.mktemp(name) for name in ("release", "read"))
    with zipfile.ZipFile(TESTS / "wheels" / "data_asset_cache-1.0.0-py3-none-any.whl") as wheel:
        wheel.extractall(code)
    return Earlier(code.resolve(), work)
