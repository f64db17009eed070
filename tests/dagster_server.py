"""Dagster as a person runs it: its UI and its daemon in processes, asked by GraphQL."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
LOCATION = {
    "repositoryLocationName": "data-asset-cache",
    "repositoryName": "__repository__",
}
_LAUNCH = """
mutation ($job: ExecutionParams!) { launchRun(executionParams: $job) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } }
} }
"""
_RUNS = """
{ runsOrError { ... on Runs { results {
  runId jobName status creationTime startTime endTime runConfigYaml tags { key value }
  repositoryOrigin { repositoryLocationName repositoryName }
  stepStats { startTime }
} } } }
"""


class Server:
    """A running Dagster.

    Attributes:
        url: Where its UI is.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Returns the answer to a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.url}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, job: str, config: dict[str, Any] | None = None) -> str:
        """Launch a job as the launchpad does; returns the id of its run."""
        selector = {**LOCATION, "jobName": job}
        params = {
            "selector": selector,
            "runConfigData": json.dumps(config or {}),
            "mode": "default",
        }
        launched = self.ask(_LAUNCH, job=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def runs(self) -> list[dict[str, Any]]:
        """Returns the runs, the first one first."""
        return self.ask(_RUNS)["runsOrError"]["results"][::-1]

    def wait(self, is_done: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Returns the runs as soon as they are as they should be; fails after two minutes."""
        until = time.monotonic() + 120
        while not is_done(runs := self.runs()):
            assert time.monotonic() < until, [(r["jobName"], r["status"]) for r in runs]
            time.sleep(0.5)
        return runs


@contextmanager
def dagster_server(home: Path, **environment: str) -> Iterator[Server]:
    """Start Dagster's UI and daemon on a folder for its history."""
    home.mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "dagster.yaml", home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"PYTHONPATH": str(REPOSITORY), "DAGSTER_HOME": str(home), **environment}
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "-p", str(port), "-w", "workspace.yaml"],
            cwd=REPOSITORY,
            env={**os.environ, **told},
            start_new_session=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        until = time.monotonic() + 90
        while time.monotonic() < until:
            with suppress(OSError, AssertionError):
                server.ask("{ version }")
                break
            time.sleep(0.5)
        yield server
    finally:
        # All of them: what is started in the background may not hear an interrupt.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
