"""Alerts: tell people that a night failed, and that it is good again, by webhook, e-mail and file.

Where to is named by variables, and read when something is to be told. What failed is in
`zs_pipeline.publishing.night`; who looks after each run is `zs_pipeline.orchestration.alerts`, or
`zs build --alert`.
"""

import json
import os
import smtplib
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

from zs_client import masking, registry
from zs_client.contract import Layout
from zs_client.masking import masked
from zs_client.night import NightFacts, moment, utc_minute
from zs_client.obstore_errors import first_line
from zs_client.store import Store
from zs_pipeline.publishing import night

SECONDS, PAUSE = 10, 1.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# What to do about a reason that has one of these words.
_ADVICE = {
    "ShrinkRefused": "if that much is gone rightly, build once with `zs build --accept-shrink`",
    "No space left": "make room, and build again",
    "Too many open files": "raise the limit of open files, and build again",
}
_DEFAULT_ADVICE = (
    "`zs doctor` looks whether all that is needed is as it must be; then start the job tables in "
    "Dagster, or `zs build`. Readers keep the last good content meanwhile"
)


@dataclass(frozen=True)
class Ways:
    """Where alerts go; empty where they do not.

    Attributes:
        webhook: A URL that takes `{"text": …}`, as Slack's do.
        recipients: Addresses of e-mail.
        smtp: The mail server, `smtp://user:password@host:port` or `smtps://…`.
        sender: The address that mail comes from.
        file: A file that gets a line of JSON for each alert.
    """

    webhook: str = ""
    recipients: tuple[str, ...] = ()
    smtp: str = ""
    sender: str = ""
    file: str = ""

    def __bool__(self) -> bool:
        return bool(self.webhook or self.recipients or self.file)


@dataclass(frozen=True)
class Alert:
    """What people are told.

    Attributes:
        event: `failed` or `recovered`.
        subject: In one line.
        lines: All of it.
        store: The store's URL.
        version: The number of the version folder.
        failures: By what failed, why.
        stale: The tables that are stale for readers.
    """

    event: Literal["failed", "recovered"]
    subject: str
    lines: tuple[str, ...]
    store: str = ""
    version: str = ""
    failures: Mapping[str, str] = field(default_factory=dict)
    stale: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The subject and all lines, without secrets."""
        return masked("\n".join((self.subject, *self.lines)))


def ways() -> Ways:
    """Returns where alerts go, as `ZS_ALERT_…` say.

    Raises:
        ValueError: A variable is no address, or one is lacking that another needs.
    """
    webhook = os.environ.get("ZS_ALERT_WEBHOOK", "")
    smtp = os.environ.get("ZS_ALERT_SMTP", "")
    given = os.environ.get("ZS_ALERT_EMAIL", "").split(",")
    recipients = tuple(address.strip() for address in given if address.strip())
    # The path of a webhook is its password.
    masking.know(webhook, urlsplit(webhook).path)
    if webhook and not _is_url(webhook, ("http", "https")):
        raise ValueError("ZS_ALERT_WEBHOOK is no URL such as https://hooks.slack.com/services/…")
    if recipients and not _is_url(smtp, ("smtp", "smtps")):
        raise ValueError(
            "ZS_ALERT_EMAIL needs a mail server: ZS_ALERT_SMTP=smtp://user:password@host:port, or "
            "smtps://…"
        )
    unfit = [address for address in recipients if "@" not in address or not address.isprintable()]
    if unfit:
        raise ValueError(f"ZS_ALERT_EMAIL: {', '.join(unfit)}: no address of e-mail")
    sender = os.environ.get("ZS_ALERT_FROM", "") or (recipients[0] if recipients else "")
    return Ways(webhook, recipients, smtp, sender, os.environ.get("ZS_ALERT_FILE", ""))


def tell_failure(
    to: Ways,
    store: Store,
    layout: Layout,
    reasons: Mapping[str, str],
    *,
    run_id: str = "",
    started: datetime | None = None,
    unmade: Sequence[str] = (),
) -> list[str] | None:
    """Keep that a night failed, and tell people, once for a run.

    The store may be what failed: people are told all the same.

    Args:
        to: Where to; nowhere when empty.
        store: The store.
        layout: The layout of the version.
        reasons: By what failed, why.
        run_id: The run that failed, in Dagster.
        started: When it started.
        unmade: Tables that the run was to make and did not.

    Returns:
        What could not be done, a line for each; None when a later night has begun.
    """
    problems: list[str] = []
    stale = dict.fromkeys(unmade)
    facts: NightFacts | None = night.unkept(reasons)
    with _saying(problems, "the state of the night could not be kept"):
        facts = night.fail(store, layout, reasons, run_id=run_id, started=started)
    if facts is None:
        return None
    if not to or (run_id and run_id in facts.get("alerted_runs", ())):
        return problems
    with _saying(problems, "which tables are stale could not be read"):
        stale |= dict.fromkeys(stale_tables(store, layout))
    unsent = send(to, failure(store, layout, facts, tuple(stale), run_id))
    if len(unsent) < len(_senders(to)):
        with _saying(problems, "that people were told could not be kept"):
            night.keep_alerted(store, layout, run_id)
    return [*problems, *unsent]


@contextmanager
def _saying(problems: list[str], what: str) -> Iterator[None]:
    """Add a line about what fails in the block, which does not stop what follows."""
    try:
        yield
    # Whatever a store or its library raises: people are told of the night.
    except Exception as error:  # noqa: BLE001
        problems.append(masked(f"{what}: {type(error).__name__}: {first_line(error)}"))


def tell_recovery(to: Ways, store: Store, layout: Layout) -> list[str] | None:
    """Tell once that all is well after a failure that people were told of.

    Returns:
        Why ways did not work, a line for each; None when there was nothing to tell.
    """
    facts = night.load(store, layout)
    alerted, ended = moment(facts.get("alerted_at")), moment(facts["ended_at"])
    if not alerted or not ended:
        return None
    alert = Alert(
        "recovered",
        f"data-asset-cache: good again at {store.url}, version {layout}",
        (
            f"The night ended well at {utc_minute(ended)}.",
            f"It had failed; that was first told at {utc_minute(alerted)}.",
        ),
        store.url,
        str(layout),
    )
    unsent = send(to, alert)
    if len(unsent) < len(_senders(to)):
        night.clear_alerted(store, layout)
    return unsent


def ways_of_build() -> Ways:
    """Returns where `zs build --alert` tells of a failure.

    Raises:
        ValueError: No variable says where, or one of them is no address.
    """
    if not (to := ways()):
        raise ValueError(
            "--alert needs to know where to: set ZS_ALERT_WEBHOOK, ZS_ALERT_EMAIL or ZS_ALERT_FILE"
        )
    return to


def tell_build(to: Ways, store: Store, layout: Layout, lines: Sequence[str]) -> list[str]:
    """Keep what of a build failed, and tell people where alerts are to be sent.

    Args:
        to: Where to; nowhere when empty.
        store: The store that was built.
        layout: The layout of the version.
        lines: `name failed: reason` for each asset that failed.

    Returns:
        Why ways did not work, a line for each.
    """
    cut = (line.partition(" failed: ") for line in lines)
    failures = {name: reason for name, word, reason in cut if word}
    if failures:
        return tell_failure(to, store, layout, failures) or []
    return (to and tell_recovery(to, store, layout)) or []


def failure(
    store: Store, layout: Layout, facts: NightFacts, stale: tuple[str, ...], run_id: str
) -> Alert:
    """Returns what failed, since when, what is stale for readers and what to do."""
    failures = {name: failure["reason"] for name, failure in facts["failures"].items()}
    since = {name: moment(failure["since"]) for name, failure in facts["failures"].items()}
    lines = [
        f"failed: {name}: {reason} (since {utc_minute(at)})"
        for name, reason in failures.items()
        if (at := since[name])
    ]
    lines.append(f"stale for readers: {', '.join(stale) or 'none'}")
    advice = {text for word, text in _ADVICE.items() for r in failures.values() if word in r}
    lines += [f"what to do: {text}" for text in sorted(advice) or [_DEFAULT_ADVICE]]
    if run_id:
        lines.append(f"run: {run_id}")
    names = ", ".join(failures)
    subject = f"data-asset-cache: {names} failed at {store.url}, version {layout}"
    return Alert("failed", subject, tuple(lines), store.url, str(layout), failures, stale)


def refusal(reason: str) -> Alert:
    """Returns what is told of a build that could not begin."""
    lines = (f"failed: {reason}", f"what to do: {_DEFAULT_ADVICE}")
    return Alert("failed", "data-asset-cache: a build could not begin", lines)


def stale_tables(store: Store, layout: Layout) -> tuple[str, ...]:
    """Returns the tables that are stale or missing for readers, each by its own facts."""
    return tuple(a.name for a in registry.own_statuses(store, layout) if a.state != "fresh")


def send(to: Ways, alert: Alert) -> list[str]:
    """Send an alert each way; one that fails does not stop the others.

    Returns:
        Why ways did not work, a line for each.
    """
    unsent: list[str] = []
    for name, sender in _senders(to).items():
        with _saying(unsent, f"the alert could not be sent, {name}"):
            _attempt(sender, to, alert)
    return unsent


def _senders(to: Ways) -> dict[str, Callable[[Ways, Alert], None]]:
    """Returns the ways that are set, by the variable that names each."""
    every = {
        "ZS_ALERT_FILE": (to.file, _append),
        "ZS_ALERT_WEBHOOK": (to.webhook, _post),
        "ZS_ALERT_EMAIL": (to.recipients, _mail),
    }
    return {name: sender for name, (given, sender) in every.items() if given}


def _attempt(sender: Callable[[Ways, Alert], None], to: Ways, alert: Alert) -> None:
    """Send an alert one way, once more after a pause when the network or the server failed."""
    try:
        sender(to, alert)
    except OSError:
        time.sleep(PAUSE)
        sender(to, alert)


def _append(to: Ways, alert: Alert) -> None:
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "event": alert.event,
        "store": alert.store,
        "version": alert.version,
        "failures": {name: masked(reason) for name, reason in alert.failures.items()},
        "stale": list(alert.stale),
        "text": alert.text,
    }
    with Path(to.file).open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(line, ensure_ascii=False)}\n")


def _post(to: Ways, alert: Alert) -> None:
    # `ways` takes http and https alone.
    request = urllib.request.Request(  # noqa: S310
        to.webhook,
        json.dumps({"text": alert.text}).encode(),
        {"Content-Type": "application/json", "User-Agent": "data-asset-cache"},
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        answer.read(1 << 16)


def _mail(to: Ways, alert: Alert) -> None:
    message = EmailMessage()
    message["Subject"] = masked(" ".join(alert.subject.split()))
    message["From"], message["To"] = to.sender, ", ".join(to.recipients)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="data-asset-cache")
    message.set_content(alert.text)
    server = urlsplit(to.smtp)
    host, tls = server.hostname or "", ssl.create_default_context()
    if server.scheme == "smtps":
        with smtplib.SMTP_SSL(host, server.port or 0, timeout=SECONDS, context=tls) as session:
            _hand_over(session, server, message)
        return
    with smtplib.SMTP(host, server.port or 0, timeout=SECONDS) as session:
        session.ehlo()
        if session.has_extn("starttls"):
            session.starttls(context=tls)
        elif server.username and host not in _LOOPBACK:
            raise ValueError(
                f"{host} offers no encryption, and the password would be readable on the way; use "
                "smtps://, or leave user and password out"
            )
        _hand_over(session, server, message)


def _hand_over(session: smtplib.SMTP, server: SplitResult, message: EmailMessage) -> None:
    if server.username:
        session.login(unquote(server.username), unquote(server.password or ""))
    session.send_message(message)


def _is_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.hostname)
