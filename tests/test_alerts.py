"""A night that fails is heard, by webhook, e-mail and file, once; and one that is good again."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from alert_servers import MailServer, Webhook, serving
from building import document, dump, zs_build
from client_store import LAYOUT

from zs_client.opening import open_store
from zs_pipeline import alerts
from zs_pipeline.orchestration import code_location
from zs_pipeline.orchestration.run_tags import BY_COMMAND
from zs_pipeline.publishing import night

NAMES = [f"a{n}" for n in range(40)]
REFUSED = {"quality_control", "qc_tag_status", "platform_qc"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(alerts, "PAUSE", 0)
    for name in os.environ:
        if name.startswith("ZS_ALERT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def webhook(monkeypatch) -> Iterator[Webhook]:
    with serving(Webhook()) as server:
        monkeypatch.setenv("ZS_ALERT_WEBHOOK", server.url)
        yield server


@pytest.fixture
def mail(monkeypatch) -> Iterator[MailServer]:
    with serving(MailServer()) as server:
        monkeypatch.setenv("ZS_ALERT_EMAIL", "keepers@example.org, second@example.org")
        monkeypatch.setenv("ZS_ALERT_SMTP", server.url)
        monkeypatch.setenv("ZS_ALERT_FROM", "cache@example.org")
        yield server


@pytest.fixture
def file(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("ZS_ALERT_FILE", str(tmp_path / "alerts.ndjson"))
    return tmp_path / "alerts.ndjson"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


ALERT = alerts.Alert("failed", "it failed", ("failed: qc: why",), "s3://b", "1.0.0", {"qc": "why"})


# The ways.


def test_an_alert_goes_every_way(webhook, mail, file):
    assert alerts.send(alerts.ways(), ALERT) == []
    assert webhook.bodies == [{"text": "it failed\nfailed: qc: why"}]
    ((sender, recipients, message),) = mail.mails
    assert (sender, recipients) == (
        "cache@example.org",
        ["keepers@example.org", "second@example.org"],
    )
    assert message["Subject"] == "it failed"
    assert message.get_content().splitlines() == ["it failed", "failed: qc: why"]
    assert mail.users == ["robot"]
    (line,) = lines(file)
    assert (line["event"], line["failures"], line["stale"]) == ("failed", {"qc": "why"}, [])


def test_a_way_that_fails_does_not_stop_the_others_and_tells_no_secret(
    webhook, mail, file, monkeypatch
):
    monkeypatch.setenv("ZS_ALERT_SMTP", mail.url.replace("correct-horse-9", "wrong-horse-99"))
    webhook.failures = 99
    unsent = alerts.send(alerts.ways(), ALERT)
    assert [line.split(":")[0] for line in unsent] == [
        "the alert could not be sent, ZS_ALERT_WEBHOOK",
        "the alert could not be sent, ZS_ALERT_EMAIL",
    ]
    assert "503" in unsent[0]
    assert "535" in unsent[1]
    assert not [line for line in unsent if "secret-path" in line or "horse" in line]
    assert len(lines(file)) == 1


def test_a_server_that_fails_once_is_asked_again(webhook):
    webhook.failures = 1
    assert alerts.send(alerts.ways(), ALERT) == []
    assert webhook.requests == 2
    assert len(webhook.bodies) == 1


def test_secrets_of_reasons_are_masked_each_way(webhook, mail, file, monkeypatch):
    monkeypatch.setenv("ZS_SOURCE", "mongodb://user:hunter2hunter2@host/x")
    why = "no answer from mongodb://user:hunter2hunter2@host/x"
    leaking = alerts.Alert("failed", why, (why,), failures={"documents": why})
    assert alerts.send(alerts.ways(), leaking) == []
    said = [json.dumps(webhook.bodies), mail.mails[0][2].as_string(), file.read_text()]
    assert not [text for text in said if "hunter2" in text]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"ZS_ALERT_WEBHOOK": "hooks.example.org/x"}, "ZS_ALERT_WEBHOOK is no URL"),
        ({"ZS_ALERT_WEBHOOK": "file:///etc/passwd"}, "ZS_ALERT_WEBHOOK is no URL"),
        ({"ZS_ALERT_EMAIL": "a@b.org"}, "needs a mail server: ZS_ALERT_SMTP"),
        ({"ZS_ALERT_EMAIL": "a@b.org", "ZS_ALERT_SMTP": "http://x"}, "ZS_ALERT_SMTP"),
        ({"ZS_ALERT_EMAIL": "nobody", "ZS_ALERT_SMTP": "smtp://x"}, "nobody: no address"),
    ],
)
def test_a_variable_that_is_no_address_is_refused(variables, said, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=said):
        alerts.ways()


def test_a_password_is_not_sent_in_the_clear(monkeypatch, mail):
    monkeypatch.setattr(alerts, "_LOOPBACK", ())
    (line,) = alerts.send(alerts.ways(), ALERT)
    assert "offers no encryption" in line
    assert mail.users == []


# The sensors, on real runs.


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as found:
        yield found


class Nights:
    """Nights as Dagster's daemon runs them, and its sensors."""

    def __init__(self, instance: dg.DagsterInstance, source: Path, out: Path) -> None:
        self.instance = instance
        self.defs = code_location.definitions(source=str(source), store=str(out))
        self.shrunk = code_location.definitions(
            source=str(source), store=str(out), accept_shrink=True
        )
        self.runs: list[str] = []

    def run(self, job: str, *, accept_shrink: bool = False, **more):
        defs = self.shrunk if accept_shrink else self.defs
        done = defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, raise_on_error=False, **more
        )
        self.runs.append(done.run_id)
        return done

    def hear(self, run_id: str):
        """Evaluate the sensors for a run, as the daemon does."""
        run = self.instance.get_run_by_id(run_id)
        kind = "PIPELINE_SUCCESS" if run.is_success else "PIPELINE_FAILURE"
        (ended,) = (
            entry.dagster_event
            for entry in self.instance.all_logs(run_id)
            if entry.dagster_event and entry.dagster_event.event_type_value == kind
        )
        name = "alert_on_recovery" if run.is_success else "alert_on_failure"
        (sensor,) = (one for one in self.defs.sensors if one.name == name)
        context = dg.build_run_status_sensor_context(name, ended, self.instance, run)
        return sensor(context if run.is_success else context.for_run_failure())

    def night(self, **more):
        for job in ("tables", "platforms", "publish"):
            done = self.run(job, **more)
            if job == "publish" or not done.success:
                self.hear(done.run_id)


@pytest.fixture
def nights(instance, tmp_path) -> Nights:
    source = dump(tmp_path / "d.ndjson", map(document, NAMES))
    return Nights(instance, source, tmp_path / "out")


def lose_the_metrics(nights: Nights, tmp_path: Path) -> None:
    dump(
        tmp_path / "d.ndjson",
        [document(name, quality_control={"metrics": []}) for name in NAMES],
    )


def test_a_failure_and_the_recovery_are_told_once(nights, webhook, file, tmp_path):
    nights.night()
    assert lines(file) == []
    lose_the_metrics(nights, tmp_path)
    nights.night()
    # One message for each run that failed.
    failed = lines(file)
    assert [set(line["failures"]) for line in failed] == [REFUSED - {"platform_qc"}, REFUSED]
    assert failed[0]["event"] == "failed"
    assert failed[0]["store"] == str(tmp_path / "out")
    text = webhook.bodies[0]["text"]
    assert "failed: quality_control: ShrinkRefused" in text
    assert "(since 20" in text
    assert "stale for readers: quality_control, qc_tag_status" in text
    assert "--accept-shrink" in text
    assert "Traceback" not in text
    for run_id in nights.runs:
        nights.hear(run_id)
    assert [line["event"] for line in lines(file)] == ["failed"] * len(lines(file))

    nights.night(accept_shrink=True)
    nights.hear(nights.runs[-1])
    assert [line["event"] for line in lines(file)].count("recovered") == 1
    assert "good again" in webhook.bodies[-1]["text"]
    assert night.load(open_store(tmp_path / "out"), LAYOUT)["alerted_at"] is None


def test_a_lost_worker_is_told_with_the_tables_that_it_left(nights, file, tmp_path):
    nights.night()
    run = nights.instance.create_run_for_job(nights.defs.resolve_job_def("tables"))
    nights.instance.report_run_failed(run, "the run worker went away")
    nights.hear(run.run_id)
    (line,) = lines(file)
    assert line["failures"] == {"tables": "the run worker went away"}
    assert {"asset_basics", "quality_control"} <= set(line["stale"])
    assert "platform_qc" not in line["stale"]


def test_without_variables_a_failure_is_kept_in_the_store_alone(nights, tmp_path):
    nights.night()
    lose_the_metrics(nights, tmp_path)
    done = nights.run("tables")
    assert "no ZS_ALERT_" in nights.hear(done.run_id).skip_message
    assert night.load(open_store(tmp_path / "out"), LAYOUT)["failed_at"]


def test_a_failure_is_kept_in_the_store_that_the_run_was_configured_for(
    nights, file, tmp_path, monkeypatch
):
    nights.night()
    monkeypatch.setenv("ZS_OTHER_STORE", str(tmp_path / "other"))
    cache = {"config": {"url": {"env": "ZS_OTHER_STORE"}}}
    (tmp_path / "d.ndjson").unlink()
    done = nights.run("tables", run_config={"resources": {"cache": cache}})
    nights.hear(done.run_id)
    (line,) = lines(file)
    assert line["store"] == str(tmp_path / "other")
    assert night.load(open_store(tmp_path / "other"), LAYOUT)["failed_at"]
    assert not night.load(open_store(tmp_path / "out"), LAYOUT)["failed_at"]


def test_runs_of_the_command_and_runs_that_are_tried_again_are_not_told_of(nights, file, tmp_path):
    nights.night()
    lose_the_metrics(nights, tmp_path)
    for tags in ({BY_COMMAND: "true"}, {"dagster/will_retry": "true"}):
        done = nights.run("tables", tags=tags)
        assert not done.success
        assert isinstance(nights.hear(done.run_id), dg.SkipReason)
    assert lines(file) == []


def test_a_store_that_is_gone_is_told_of_all_the_same(nights, file, tmp_path):
    nights.night()
    run = nights.instance.create_run_for_job(nights.defs.resolve_job_def("publish"))
    nights.instance.report_run_failed(run, "the run worker went away")
    folder = tmp_path / "out" / LAYOUT.folder
    folder.rename(tmp_path / "away")
    folder.write_text("no folder")
    said = nights.hear(run.run_id).skip_message
    assert "the state of the night could not be kept" in said
    assert "which tables are stale could not be read" in said
    assert [line["failures"] for line in lines(file)] == [{"publish": "the run worker went away"}]


def test_a_way_that_fails_is_said_by_the_sensor(nights, webhook, file, tmp_path):
    nights.night()
    lose_the_metrics(nights, tmp_path)
    webhook.failures = 99
    done = nights.run("tables")
    assert "ZS_ALERT_WEBHOOK" in nights.hear(done.run_id).skip_message
    assert len(lines(file)) == 1


# The command.


def test_a_build_by_hand_tells_nobody_unless_asked_to(tmp_path, file, webhook):
    source, out = dump(tmp_path / "d.ndjson", map(document, NAMES)), tmp_path / "out"
    assert zs_build(source, out, alert=True) == 0
    dump(source, [document("a1")])
    assert zs_build(source, out) == 1
    assert lines(file) == webhook.bodies == []
    assert zs_build(source, out, alert=True) == 1
    (line,) = lines(file)
    assert set(line["failures"]) == {"documents"}
    assert len(line["stale"]) > 10
    assert zs_build(source, out, accept_shrink=True, alert=True) == 0
    assert [line["event"] for line in lines(file)] == ["failed", "recovered"]


def test_a_build_that_cannot_begin_is_told(tmp_path, file, capsys):
    source = dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, "ftp://nowhere", alert=True) == 2
    (line,) = lines(file)
    assert "ftp://nowhere" in line["text"]


def test_alert_without_a_way_is_refused(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", [document("a")])
    assert zs_build(source, tmp_path / "out", alert=True) == 2
    assert "set ZS_ALERT_WEBHOOK, ZS_ALERT_EMAIL or ZS_ALERT_FILE" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_and_the_build_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ZS_ALERT_FILE", str(tmp_path / "nowhere" / "x"))
    source, out = dump(tmp_path / "d.ndjson", map(document, NAMES)), tmp_path / "out"
    assert zs_build(source, out) == 0
    dump(source, [document("a1")])
    assert zs_build(source, out, alert=True) == 1
    assert "the alert could not be sent, ZS_ALERT_FILE" in capsys.readouterr().err
