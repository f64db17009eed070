"""What lies in deploy/: every way starts the same processes, and these make and show a night."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from source_servers import free_port

from zs_client import asset_basics, get_squirrel_info, status
from zs_pipeline.orchestration.run_tags import FOLLOWS

pytest_plugins = ("postgres",)

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
SERVICES = ("code", "webserver", "daemon")
# Programs of this environment; a deployment has them in one of its own.
PROGRAMS = Path(sys.executable).parent


def compose() -> dict[str, Any]:
    """Returns the compose file."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def values() -> dict[str, Any]:
    """Returns the values for Dagster's Helm chart."""
    return yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())


def units() -> dict[str, list[str]]:
    """Returns the command of each systemd unit, by the process that it starts."""
    commands = {}
    for path in sorted((DEPLOY / "systemd").glob("*.service")):
        (line,) = [one for one in path.read_text().splitlines() if one.startswith("ExecStart=")]
        commands[path.stem.removeprefix("data-asset-cache-")] = line.partition("=")[2].split()
    return commands


def test_every_way_starts_the_same_processes():
    by_compose = {name: compose()[name]["command"] for name in SERVICES}
    by_systemd = {name: [Path(words[0]).name, *words[1:]] for name, words in units().items()}
    one_host = {"0.0.0.0": "127.0.0.1"}
    assert by_systemd == {
        name: [one_host.get(word, word) for word in words] for name, words in by_compose.items()
    }
    task = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())
    by_task = {
        container["name"]: container["command"] for container in task["containerDefinitions"]
    }
    assert by_task == by_compose
    # The chart has the commands of webserver and daemon itself.
    (server,) = values()["dagster-user-deployments"]["deployments"]
    words = ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", str(server["port"])]
    assert [*words, *server["codeServerArgs"]] == by_compose["code"]
    image = (DEPLOY / "Containerfile").read_text().splitlines()[-1]
    assert json.loads(image.removeprefix("CMD ")) == by_compose["code"]
    workspace = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())
    (server,) = (entry["grpc_server"] for entry in workspace["load_from"])
    assert str(server["port"]) in by_compose["code"]


def test_a_deployment_differs_from_a_checkout_in_its_storage_alone():
    files = DEPLOY / "dagster.yaml", ROOT / "dagster.yaml"
    deployed, local = (yaml.safe_load(path.read_text()) for path in files)
    assert deployed.keys() - local.keys() == {"storage", "compute_logs"}
    assert {key: deployed[key] for key in local} == local


def test_on_ecs_the_instance_differs_in_its_launcher_alone():
    files = DEPLOY / "ecs" / "dagster.yaml", DEPLOY / "dagster.yaml"
    on_ecs, deployed = (yaml.safe_load(path.read_text()) for path in files)
    assert on_ecs.pop("run_launcher")["class"] == "EcsRunLauncher"
    assert on_ecs == deployed


def test_on_kubernetes_the_instance_has_the_same_settings():
    deployed, chart = yaml.safe_load((DEPLOY / "dagster.yaml").read_text()), values()
    postgres = deployed["storage"]["postgres"]["postgres_db"]
    assert chart["postgresql"]["postgresqlScheme"] == postgres["scheme"]
    assert chart["postgresql"]["enabled"] is False
    logs = chart["computeLogManager"]
    assert logs["type"] == deployed["compute_logs"]["class"]
    assert _snake(logs["config"]["s3ComputeLogManager"]) == deployed["compute_logs"]["config"]
    coordinator = chart["dagsterDaemon"]["runCoordinator"]
    assert coordinator["type"] == deployed["run_coordinator"]["class"]
    limits = _snake(coordinator["config"]["queuedRunCoordinator"])
    assert limits == deployed["run_coordinator"]["config"] | deployed["concurrency"]["runs"]
    assert _snake(chart["dagsterDaemon"]["runMonitoring"]) == deployed["run_monitoring"]
    assert _snake(chart["dagsterDaemon"]["runRetries"]) == deployed["run_retries"]
    assert _snake(chart["retention"]) == {"enabled": True, **deployed["retention"]}
    assert chart["telemetry"] == deployed["telemetry"]
    # Names and secrets come from two secrets, in each process and in each run.
    processes = [chart[name] for name in ("dagsterWebserver", "dagsterDaemon")]
    processes += chart["dagster-user-deployments"]["deployments"]
    assert [one["envSecrets"] for one in processes] == [[{"name": "data-asset-cache"}]] * 3
    assert "postgresqlPassword" not in chart["postgresql"]


def _snake(value: Any) -> Any:
    """Returns a value of the chart as it is named in `dagster.yaml`."""
    if not isinstance(value, dict):
        return value
    return {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", k): _snake(v) for k, v in value.items()}


def test_units_are_what_systemd_understands(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not installed")
    for path in (DEPLOY / "systemd").glob("*.service"):
        # Their programs are not there.
        text = path.read_text().replace("/opt/data-asset-cache/bin", str(PROGRAMS))
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *sorted(tmp_path.glob("*.service"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("hadolint", ["deploy/Containerfile"]),
        (
            "check-jsonschema",
            ["--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"],
        ),
        (
            "check-jsonschema",
            ["--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml"],
        ),
    ],
)
def test_files_are_what_their_linters_understand(program, words):
    path = shutil.which(program, path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run([path, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_task_is_what_ecs_registers(s3_server):
    task = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "testtest"}
    ecs = boto3.client("ecs", endpoint_url=s3_server, region_name="us-west-2", **keys)
    registered = ecs.register_task_definition(**task)["taskDefinition"]
    assert [one["name"] for one in registered["containerDefinitions"]] == list(SERVICES)


def test_a_run_on_ecs_has_what_it_needs_from_the_containers(s3_server, tmp_path, monkeypatch):
    task = json.loads((DEPLOY / "ecs" / "task-definition.json").read_text())
    containers = {container["name"]: container for container in task["containerDefinitions"]}
    variables = {
        name: {entry["name"]: entry["value"] for entry in container["environment"]}
        for name, container in containers.items()
    }
    # A run has the variables of the daemon, and the image that the code server names.
    assert {"ZS_STORE", "ZS_SOURCE", "ZS_LOG_BUCKET"} <= variables["daemon"].keys()
    assert variables["code"]["DAGSTER_CURRENT_IMAGE"] == containers["code"]["image"]
    assert {one["DAGSTER_HOME"] for one in variables.values()} == {"/opt/dagster/ecs"}
    image = (DEPLOY / "Containerfile").read_text()
    assert "COPY deploy/ecs/dagster.yaml /opt/dagster/ecs/" in image
    launcher = yaml.safe_load((DEPLOY / "ecs" / "dagster.yaml").read_text())["run_launcher"]
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_launcher": launcher}))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.run_launcher).__name__ == launcher["class"]


def test_policies_and_cors_are_what_aws_takes(s3_server):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "testtest"}
    client = partial(boto3.client, endpoint_url=s3_server, region_name="us-east-1", **keys)
    page = (ROOT / "docs" / "deploy.md").read_text()
    building, reading, starting, cors = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    policies = {"building": building, "reading": reading, "starting": starting}
    for name, policy in policies.items():
        client("iam").create_policy(PolicyName=name, PolicyDocument=policy)
    assert "s3:PutObject" in building
    assert "s3:PutObject" not in reading
    s3 = client("s3")
    s3.create_bucket(Bucket="with-cors")
    s3.put_bucket_cors(Bucket="with-cors", CORSConfiguration=json.loads(cors))
    (rule,) = s3.get_bucket_cors(Bucket="with-cors")["CORSRules"]
    assert rule["AllowedMethods"] == ["GET", "HEAD"]


def test_what_is_installed_is_imported_or_configured():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[^\w-]", requirement)[0] for requirement in needed}
    # A driver is named by the history's scheme; zones are read by the standard library.
    names -= {"psycopg2-binary", "tzdata"}
    files = [*(ROOT / "zs_client").rglob("*.py"), *(ROOT / "zs_pipeline").rglob("*.py")]
    text = "\n".join(path.read_text() for path in files)
    imported = {
        word.partition(".")[0]
        for word in re.findall(r"^\s*(?:import|from) ([\w.]+)", text, re.MULTILINE)
    }
    configured = "\n".join(path.read_text() for path in DEPLOY.rglob("*") if path.is_file())
    for name in sorted(names):
        is_module = f"module: {name.replace('-', '_')}." in configured
        is_program = any(name in service.get("command", ()) for service in compose().values())
        is_storage = name == "dagster-postgres" and "\n  postgres:" in configured
        used = name.replace("-", "_") in imported or is_module or is_program or is_storage
        assert used, f"{name} is imported by nothing, and no file of deploy/ configures it"


def test_every_variable_of_the_configuration_is_on_the_page():
    page = (ROOT / "docs" / "deploy.md").read_text()
    configured = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())

    def variables(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "env" in value:
                yield value["env"]
            for inner in value.values():
                yield from variables(inner)

    named = set(variables(configured))
    assert named >= {"ZS_POSTGRES_PASSWORD", "ZS_LOG_BUCKET"}
    assert [name for name in sorted(named) if f"`{name}`" not in page] == []


class Deployment:
    """The three processes of a deployment, each in a group of its own."""

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        self._home = home
        self._variables = variables
        self._ports = {"4000": str(free_port()), "3000": str(free_port())}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        text = (DEPLOY / "workspace.yaml").read_text()
        (home / "workspace.yaml").write_text(text.replace("4000", self._ports["4000"]))
        shutil.copy(DEPLOY / "dagster.yaml", home)

    def start(self, service: str) -> None:
        """Start a process by the command of the compose file."""
        places = {"0.0.0.0": "127.0.0.1", "/opt/dagster/workspace.yaml": "workspace.yaml"}
        words = [(places | self._ports).get(w, w) for w in compose()[service]["command"]]
        with (self._home / f"{service}.log").open("ab") as log:
            self._running[service] = subprocess.Popen(
                [PROGRAMS / words[0], *words[1:]],
                cwd=self._home,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, service: str) -> None:
        """Kill a process and what it started."""
        process = self._running.pop(service)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Kill all of them."""
        for service in [*self._running]:
            self.kill(service)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Returns what the web server answers to a query of GraphQL."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._ports['3000']}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def listens(self, port: str) -> bool:
        """Returns whether a process listens at a port of the compose file."""
        with socket.create_connection(("127.0.0.1", int(self._ports[port])), timeout=5):
            return True

    def logs(self) -> str:
        """Returns the last lines of what each process wrote."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self._home.glob("*.log")
        )

    def wait(self, what: str, ready: Callable[[], Any], seconds: int = 180) -> Any:
        """Wait until something is so; the test fails with the logs when it never is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if outcome := ready():
                    return outcome
            except (OSError, AssertionError, KeyError):
                pass
            time.sleep(0.5)
        raise AssertionError(f"waited in vain: {what}\n{self.logs()}")


LAUNCH = """
mutation ($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector}) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}"""
RUNS = "{ runsOrError { ... on Runs { results { runId jobName status tags { key value } } } } }"
SELECTOR = {"repositoryLocationName": "data-asset-cache", "repositoryName": "__repository__"}
START = """
mutation ($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) {
    __typename
    ... on ScheduleStateResult { scheduleState { id } }
    ... on PythonError { message }
  }
}"""
STOP = """
mutation ($id: String!) {
  stopRunningSchedule(id: $id) { __typename ... on PythonError { message } }
}"""
LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }
"""


@pytest.fixture
def deployment(postgres, bucket, tmp_path, monkeypatch) -> Iterator[Deployment]:
    """A deployment on Postgres and S3, and a reader's variables for its store."""
    boto3.client("s3").create_bucket(Bucket="deployment-logs")
    home = tmp_path / "dagster"
    home.mkdir()
    postgres.run("create database deployment")
    monkeypatch.setenv("ZS_STORE", bucket)
    named = {
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "ZS_CODE_HOST": "127.0.0.1",
        "ZS_POSTGRES_HOST": "127.0.0.1",
        "ZS_POSTGRES_PORT": str(postgres.port),
        "ZS_POSTGRES_USER": "dagster",
        "ZS_POSTGRES_PASSWORD": "secret",
        "ZS_POSTGRES_DATABASE": "deployment",
        "ZS_LOG_BUCKET": "deployment-logs",
        "ZS_NIGHTLY_CRON": "* * * * *",
    }
    running = Deployment(home, {**os.environ, **named})
    try:
        yield running
    finally:
        running.stop()


def _launch(deployment: Deployment) -> str:
    """Start a night as the UI does; returns the id of its first run."""
    selector = {**SELECTOR, "pipelineName": "tables"}
    launched = deployment.ask(LAUNCH, selector=selector)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["runId"]


def _start_schedule(deployment: Deployment) -> str:
    """Turn the nightly schedule on as the UI does; returns the id by which it is turned off."""
    selector = {**SELECTOR, "scheduleName": "nightly"}
    started = deployment.ask(START, selector=selector)["startSchedule"]
    assert started["__typename"] == "ScheduleStateResult", started
    return started["scheduleState"]["id"]


def _stop_schedule(deployment: Deployment, schedule: str) -> bool:
    stopped = deployment.ask(STOP, id=schedule)["stopRunningSchedule"]
    assert stopped["__typename"] == "ScheduleStateResult", stopped
    return True


def _runs(deployment: Deployment) -> list[tuple[str, str, str]]:
    """Returns (id, job, status) of each run, the latest first."""
    found = deployment.ask(RUNS)["runsOrError"]["results"]
    return [(run["runId"], run["jobName"], run["status"]) for run in found]


def _of_schedule(deployment: Deployment) -> str:
    """Returns the id of the first run that the schedule started; an empty text for none."""
    found = deployment.ask(RUNS)["runsOrError"]["results"]
    of_schedule = (r["runId"] for r in found[::-1] if _tag(r, "dagster/schedule_name") == "nightly")
    return next(of_schedule, "")


def _is_published(deployment: Deployment, night: str) -> bool:
    """Returns whether a night's first run has succeeded, and those that followed it."""
    found = deployment.ask(RUNS)["runsOrError"]["results"]
    jobs, latest = [], night
    while run := next((run for run in found if run["runId"] == latest), None):
        if run["status"] != "SUCCESS":
            return False
        jobs.append(run["jobName"])
        latest = next((r["runId"] for r in found if _tag(r, FOLLOWS) == latest), "")
    return jobs == ["tables", "platforms", "publish"]


def _tag(run: dict[str, Any], name: str) -> str:
    return next((tag["value"] for tag in run["tags"] if tag["key"] == name), "")


def _wait_for_graph(deployment: Deployment) -> None:
    deployment.wait("the graph", lambda: "RepositoryLocation" in str(deployment.ask(LOCATIONS)))


@pytest.mark.slow
def test_a_night_of_the_schedule_outlives_each_process_and_is_read_by_the_client(deployment):
    for service in SERVICES:
        deployment.start(service)
    _wait_for_graph(deployment)
    killed = _launch(deployment)
    deployment.wait("a run", lambda: (killed, "tables", "STARTED") in _runs(deployment))
    schedule = _start_schedule(deployment)
    # The run goes with the code server, and nobody tells Dagster. A minute that passes before the
    # daemon is there again is made up for.
    deployment.kill("daemon")
    deployment.kill("code")
    deployment.start("code")
    deployment.wait("the new code server", lambda: deployment.listens("4000"))
    deployment.start("daemon")
    night = deployment.wait("a run of the schedule", lambda: _of_schedule(deployment))
    # The web server finds the new code server when it is asked for it.
    deployment.wait("the schedule's end", lambda: _stop_schedule(deployment, schedule))
    deployment.wait("its tables", lambda: (night, "tables", "SUCCESS") in _runs(deployment))
    deployment.kill("daemon")
    deployment.kill("webserver")
    deployment.start("webserver")
    deployment.start("daemon")
    deployment.wait("the runs that follow", lambda: _is_published(deployment, night))
    assert {acorn.state for acorn in status()} == {"fresh"}
    assert len(asset_basics()) > 40
    # How often a night is expected, for readers to tell an old table.
    assert get_squirrel_info().expected_every_hours == pytest.approx(1 / 60, rel=0.01)
    logs = boto3.client("s3").list_objects_v2(Bucket="deployment-logs")["Contents"]
    assert all(entry["Key"].startswith("data-asset-cache/logs/") for entry in logs)
