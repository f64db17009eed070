"""A source in this process, and what its snapshot should hold."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from declaring import reads
from stores import memory

from zs_client.store import Store
from zs_pipeline.catalogue import Reads
from zs_pipeline.declaration import CORE, Expected, Read
from zs_pipeline.documents.state import DocumentState, load
from zs_pipeline.documents.update import Changes, update
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.interface import Lacking, Swept

WANTED = (
    Read("subject.subject_id", Expected.SUBJECT),
    Read("quality_control.metrics", Expected.LIST),
)
READS = reads(*WANTED)


class Listed:
    """A source over a list of documents in this process."""

    url = "list://documents"
    requests = 0
    bytes = 0

    def __init__(self, documents: Sequence[dict[str, Any]] = ()) -> None:
        self.documents = list(documents)
        self.fetched: list[str] = []
        # Called between the sweep and each fetch.
        self.meanwhile: Callable[[], None] = lambda: None

    def check(self) -> None:
        """It is always there."""

    def sweep(self) -> Iterator[Swept | Problem]:
        for document in list(self.documents):
            if "_id" not in document:
                yield Problem(None, document.get("name"), "", "has no _id", "error")
                continue
            subject = (document.get("subject") or {}).get("subject_id")
            yield Swept(document["_id"], document.get("_last_modified"), None, subject)

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking]:
        wanted = set(ids)
        for one in self.sweep():
            if isinstance(one, Swept) and one.id in wanted:
                wanted.remove(one.id)
                yield one
        yield from (Lacking(one, gone=True, reason="") for one in sorted(wanted))

    def fetch(self, ids: Sequence[str]) -> Iterator[dict | Lacking]:
        self.meanwhile()
        wanted = set(ids)
        self.fetched.extend(ids)
        for document in self.documents:
            if document.get("_id") in wanted:
                wanted.remove(document["_id"])
                yield {**dict.fromkeys(CORE), **copy.deepcopy(document)}
        yield from (Lacking(one, gone=True, reason="") for one in sorted(wanted))

    def __getitem__(self, document_id: str) -> dict[str, Any]:
        return next(d for d in self.documents if d.get("_id") == document_id)

    def drop(self, *ids: str) -> None:
        self.documents = [d for d in self.documents if d.get("_id") not in ids]


def document(
    document_id: str, subject: str | None = "1", value: Any = 0, at: str | None = "t0"
) -> dict:
    made: dict[str, Any] = {
        "_id": document_id,
        "name": f"name of {document_id}",
        "_last_modified": at,
        "quality_control": {"metrics": [{"name": "m", "value": value}]},
    }
    if subject is not None:
        made["subject"] = {"subject_id": subject}
    return made


def many(count: int, subjects: int = 5) -> Listed:
    return Listed([document(f"d{n:03}", str(n % subjects)) for n in range(count)])


def run(store: Store, source: Listed, reads: Reads = READS, **more: Any) -> Changes:
    source.fetched.clear()
    return update(store, source, reads, **more)[1]


def kept(snapshot: DocumentState) -> dict[str, Any]:
    """What every document holds, by id; none twice."""
    found = [d for shard in snapshot.read() for d in shard]
    assert len({d["_id"] for d in found}) == len(found)
    return {d["_id"]: (d.get("subject"), d["quality_control"]) for d in found}


def assert_is_the_source(store: Store, source: Listed) -> DocumentState:
    """The snapshot is that of a first build now."""
    snapshot = load(store)
    wanted = {
        d["_id"]: (d.get("subject"), d["quality_control"]) for d in source.documents if "_id" in d
    }
    assert kept(snapshot) == wanted
    assert snapshot.index["_id"].to_pylist() == sorted(wanted)
    assert snapshot.head["documents"] == len(wanted)
    fresh, _ = update(memory(), Listed(source.documents), READS)
    assert snapshot.state == fresh.state
    assert sorted(map(str, snapshot.set_aside)) == sorted(map(str, fresh.set_aside))
    return snapshot
