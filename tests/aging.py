"""A store of many nights, made in a moment: what it has becomes older, and nights publish in it.

Nothing here is a test. Only folders and S3 on this machine can be made older.
"""

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from declaring import BY_SUBJECT, WHOLE
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from zs_client.contract import Layout
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, Column
from zs_pipeline.publishing import snapshot_list, squirrel
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

LAYOUT = Layout("1.0.0")
COLUMNS = (
    Column("name", "string", "The name of a data asset.", nullable=False),
    Column("value", "int64", "A number."),
)


def _declared(name: str, **more: Any) -> Acorn:
    return Acorn(name, "One row per name.", "asset", COLUMNS, key=("name",), **more)


NAMES = _declared("names", kind=WHOLE)
VISITS = _declared("visits", folder="visit", kind=BY_SUBJECT)
ACORNS = (NAMES, VISITS)
SUBJECTS = ("a", "b", "c")


def age(store: Store, by: timedelta, keys: Iterable[str] | None = None) -> None:
    """Make what a store has older, or some keys of it."""
    chosen = None if keys is None else set(keys)
    if store.is_local:
        for path in Path(store.url).rglob("*"):
            key = path.relative_to(store.url).as_posix()
            if path.is_file() and (chosen is None or key in chosen):
                written = path.stat().st_mtime - by.total_seconds()
                os.utime(path, (written, written))
        return
    bucket = store.url.removeprefix("s3://")
    for key in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.values():
        if chosen is None or key.name in chosen:
            key.last_modified -= by


def content(acorn: Acorn, number: int) -> Any:
    """The rows of a table or a partition in a state of a number."""
    rows = range(3 if acorn is NAMES else 4)
    return arrow.table(acorn, [{"name": f"n{n}", "value": number * 10 + n} for n in rows])


def build(store: Store, number: int, layout: Layout = LAYOUT) -> None:
    """Commit both tables: the whole one of that number, and one partition that changes."""
    state = {"documents": f"{number}"}
    whole = [PartitionUpdate("", content(NAMES, number), f"{number}")]
    commit(store, layout, NAMES, TableUpdate(whole, state, "c"))
    changed = SUBJECTS if number == 0 else SUBJECTS[number % 3 : number % 3 + 1]
    parts = [PartitionUpdate(s, content(VISITS, number), f"{number}") for s in changed]
    commit(store, layout, VISITS, TableUpdate(parts, state, "c"))


def publish(store: Store, at: datetime | None = None, layout: Layout = LAYOUT) -> str:
    """Publish what was built, at a time; returns the snapshot's id."""
    text = (at or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
    with pytest.MonkeyPatch.context() as patch:
        for module in (squirrel, snapshot_list):
            patch.setattr(module, "now_text", lambda: text)
        return squirrel.publish(store, layout, ACORNS).snapshot


def nights(store: Store, count: int) -> list[str]:
    """Build and publish on so many nights, the last of them a day ago; returns the snapshots."""
    ids = []
    now = datetime.now(UTC)
    for number in range(count):
        build(store, number)
        ids.append(publish(store, now - timedelta(days=count - number)))
    age(store, timedelta(days=2))
    return ids
