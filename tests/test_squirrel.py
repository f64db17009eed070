"""The registry says what there is, and a version is listed when all of it is there."""

import json
import threading
from typing import Any

import pytest
from declaring import BY_SUBJECT, WHOLE, by_platform
from stores import Watched, contents, memory, stamps

from zs_client.contract import VERSIONS_INDEX, Layout
from zs_client.errors import Conflict
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.declaration import Acorn, Column
from zs_pipeline.documents.keys import DOCUMENTS_HEAD
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import mark_stale
from zs_pipeline.publishing.squirrel import publish
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

pytest_plugins = ("stores",)

VERSION = "1.2.0"
LAYOUT = Layout(VERSION)
COLUMNS = (
    Column("name", "string", "The name of a data asset.", nullable=False),
    Column("value", "int64", "A number."),
)


def declared(name: str, **more: Any) -> Acorn:
    return Acorn(
        name=name,
        description=f"What {name} is. Join others on name.",
        type=more.pop("type", "metadata"),
        columns=COLUMNS,
        key=("name",),
        kind=more.pop("kind", WHOLE),
        **more,
    )


BASICS = declared("basics")
QC = declared("quality", folder="qc", kind=BY_SUBJECT, type="asset")
FIB = declared("fib", kind=by_platform("fib"), type="platform")
ACORNS = (BASICS, QC, FIB)


def build(
    store: Store, acorn: Acorn, count: int = 2, state: str = "", version: str = VERSION
) -> None:
    content = arrow.table(acorn, [{"name": f"n{n}", "value": n} for n in range(count)])
    segment = {"": "", "subject_id": "a%2Fb", "platform": "fib"}[acorn.partition]
    parts = [PartitionUpdate(segment, content, "i")]
    commit(
        store,
        Layout(version),
        acorn,
        TableUpdate(parts, {"documents": state}, "c1"),
        accept_shrink=True,
    )


def build_all(store: Store, state: str = "", version: str = VERSION) -> None:
    for acorn in ACORNS:
        build(store, acorn, state=state, version=version)


def documents_are_in(store: Store, state: str) -> None:
    store.put(DOCUMENTS_HEAD, json.dumps({"state": state}).encode())


def registry(store: Store, version: str = VERSION) -> dict[str, Any]:
    return json.loads(store.get(Layout(version).registry))


def index(store: Store) -> list[str]:
    return json.loads(store.get(VERSIONS_INDEX))


# The shape that readers rely on.


def test_every_entry_has_what_the_website_wants(store: Store) -> None:
    build_all(store)
    publish(store, LAYOUT, ACORNS)
    found = registry(store)["acorns"]
    assert [entry["name"] for entry in found] == ["basics", "quality", "fib"]
    for entry, acorn in zip(found, ACORNS, strict=True):
        assert entry["description"] == acorn.description
        assert entry["type"] == acorn.type
        assert isinstance(entry["columns"], list)
        for column, wanted in zip(entry["columns"], COLUMNS, strict=True):
            assert column["name"] == wanted.name
            assert column["description"] == wanted.description
        assert entry["partitioned"] is bool(acorn.partition)
        assert entry["partition_key"] == (acorn.partition or None)
        assert entry["rows"] == 2
    start = f"{store.url}/data-asset-cache/zs-v1.2.0"
    assert [entry["location"] for entry in found] == [
        f"{start}/basics.pqt",
        f"{start}/qc/",
        f"{start}/fib/",
    ]


def test_on_s3_a_location_is_an_s3_url_of_something_that_is_there(s3: Store) -> None:
    build_all(s3)
    publish(s3, LAYOUT, ACORNS)
    keys = list(contents(s3))
    for entry in registry(s3)["acorns"]:
        assert entry["location"].startswith(f"{s3.url}/")
        assert entry["location"].startswith("s3://")
        key = entry["location"].removeprefix(f"{s3.url}/")
        assert any(k == key or (key.endswith("/") and k.startswith(key)) for k in keys)


# Listing.


def test_a_version_is_not_listed_before_all_its_acorns_are_there(store: Store) -> None:
    for number, acorn in enumerate(ACORNS):
        done = publish(store, LAYOUT, ACORNS)
        assert not done.listed
        assert len(done.missing) == 3 - number
        assert len(registry(store)["acorns"]) == number
        assert not store.exists(VERSIONS_INDEX)
        build(store, acorn)
    done = publish(store, LAYOUT, ACORNS)
    assert (done.listed, done.missing) == (True, ())
    assert index(store) == ["zs-v1.2.0"]


def test_an_acorn_whose_first_build_did_not_end_is_missing(store: Store) -> None:
    build_all(store)
    other = declared("other", kind=BY_SUBJECT)
    content = arrow.table(other, [{"name": "a"}])
    commit(store, LAYOUT, other, TableUpdate([PartitionUpdate("1", content)], None, "c"))
    done = publish(store, LAYOUT, (*ACORNS, other))
    assert done.missing == ("other",)
    assert not store.exists(VERSIONS_INDEX)


def test_versions_are_listed_by_number_and_once(store: Store) -> None:
    for version in ("0.28.6", "0.9", "0.28.10", "2.0", "10.0", "0.28.6"):
        build_all(store, version=version)
        publish(store, Layout(version), ACORNS)
    wanted = ["zs-v0.9", "zs-v0.28.6", "zs-v0.28.10", "zs-v2.0", "zs-v10.0"]
    assert index(store) == wanted


def test_folders_that_others_listed_stay_listed(store: Store) -> None:
    store.put(VERSIONS_INDEX, b'["zs-v0.28.6", "zs-v0.30.0"]')
    build_all(store)
    publish(store, LAYOUT, ACORNS)
    assert index(store) == ["zs-v0.28.6", "zs-v0.30.0", "zs-v1.2.0"]


@pytest.mark.parametrize(
    "body",
    [b"\xff\xfe garbage", b"", b'["zs-v1', b'{"zs-v1.0": 1}', b"[1, 2]", b'["a", null]', b'"zs"'],
    ids=repr,
)
def test_an_index_that_cannot_be_read_is_an_error_and_is_left_as_it_is(
    store: Store, body: bytes
) -> None:
    store.put(VERSIONS_INDEX, body)
    before = stamps(store)[VERSIONS_INDEX]
    build_all(store)
    with pytest.raises(ValueError, match=r"zombie-squirrels\.json.*left as it is.*not listed"):
        publish(store, LAYOUT, ACORNS)
    assert store.get(VERSIONS_INDEX) == body
    assert stamps(store)[VERSIONS_INDEX] == before


def test_an_index_that_could_not_be_asked_for_is_an_error_and_is_left_as_it_is(
    s3: Store, proxy: Any
) -> None:
    s3.put(VERSIONS_INDEX, b'["zs-v0.1"]')
    build_all(s3)

    def forbid_the_index(method: str, number: int) -> str:
        return "403" if proxy.seen[-1][1].endswith("zombie-squirrels.json") else ""

    with proxy.failing(forbid_the_index), pytest.raises(PermissionError):
        publish(s3, LAYOUT, ACORNS)
    assert index(s3) == ["zs-v0.1"]


@pytest.mark.parametrize("kind", ["memory", "folder", "s3"])
def test_versions_that_are_listed_at_once_are_all_listed(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store = memory() if kind == "memory" else request.getfixturevalue(kind)
    versions = [f"{n}.0" for n in range(1, 6)]
    for version in versions:
        build(store, BASICS, version=version)
    gate = threading.Barrier(len(versions))

    def list_it(version: str) -> None:
        gate.wait()
        publish(store, Layout(version), (BASICS,))

    threads = [threading.Thread(target=list_it, args=(v,)) for v in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert index(store) == [f"zs-v{v}" for v in versions]


def test_a_listing_that_another_writer_disturbs_adds_to_what_that_one_wrote() -> None:
    store = memory()
    build_all(store)
    watched = Watched(store)

    def disturb(name: str, key: str) -> None:
        if (name, key) == ("replace", VERSIONS_INDEX) and not store.exists(VERSIONS_INDEX):
            store.put(VERSIONS_INDEX, b'["zs-v0.5"]')

    watched.before = disturb
    publish(watched, LAYOUT, ACORNS)
    assert index(store) == ["zs-v0.5", "zs-v1.2.0"]


def test_a_listing_that_never_gets_its_turn_says_so() -> None:
    store = memory()
    build_all(store)
    watched = Watched(store)

    def disturb(name: str, key: str) -> None:
        if (name, key) == ("replace", VERSIONS_INDEX):
            store.put(VERSIONS_INDEX, json.dumps([f"zs-v{len(watched.done)}"]).encode())

    watched.before = disturb
    with pytest.raises(Conflict, match="zombie-squirrels"):
        publish(watched, LAYOUT, ACORNS)


# Snapshots.


def test_the_same_content_is_the_same_snapshot_and_is_not_written_again(store: Store) -> None:
    build_all(store)
    one = publish(store, LAYOUT, ACORNS)
    kept = LAYOUT.snapshot(one.snapshot)
    before = stamps(store)[kept], store.get(kept)
    build_all(store, state="")
    mark_stale(store, LAYOUT, QC, "no reason")
    assert publish(store, LAYOUT, ACORNS).snapshot == one.snapshot
    assert (stamps(store)[kept], store.get(kept)) == before
    assert registry(store)["snapshot"] == one.snapshot


def test_another_content_is_another_snapshot_and_the_first_stays_readable(store: Store) -> None:
    build_all(store)
    one = publish(store, LAYOUT, ACORNS)
    kept = store.get(LAYOUT.snapshot(one.snapshot))
    build(store, QC, 5)
    two = publish(store, LAYOUT, ACORNS)
    assert two.snapshot != one.snapshot
    assert store.get(LAYOUT.snapshot(one.snapshot)) == kept
    # Each names the objects of its time, and these are there.
    sizes = []
    for snapshot in (one, two):
        named = json.loads(store.get(LAYOUT.snapshot(snapshot.snapshot)))["partitions"]
        digest = named["quality"]["a%2Fb"]
        found = arrow.decode(store.get(f"data-asset-cache/zs-v1.2.0/_objects/qc/{digest}.pqt"))
        sizes.append(found.num_rows)
    assert sizes == [2, 5]


# What is stale says why.


def test_a_table_built_from_an_earlier_state_of_the_documents_is_stale(store: Store) -> None:
    documents_are_in(store, "s1")
    build_all(store, "s1")
    assert publish(store, LAYOUT, ACORNS).stale == {}
    documents_are_in(store, "s2")
    build(store, BASICS, state="s2")
    done = publish(store, LAYOUT, ACORNS)
    reason = "built from an earlier state of the documents"
    assert done.stale == {"quality": reason, "fib": reason}
    found = {entry["name"]: entry for entry in registry(store)["acorns"]}
    assert (found["basics"]["state"], found["basics"]["reason"]) == ("fresh", None)
    assert (found["quality"]["state"], found["quality"]["reason"]) == ("stale", reason)
    assert registry(store)["source_state"] == {"documents": "s2"}
    assert done.listed


def test_a_table_that_failed_says_so_in_the_registry_until_it_is_built(store: Store) -> None:
    build_all(store)
    mark_stale(store, LAYOUT, QC, "ValueError: no metric")
    done = publish(store, LAYOUT, ACORNS)
    assert done.stale == {"quality": "ValueError: no metric"}
    assert done.listed
    build(store, QC)
    assert publish(store, LAYOUT, ACORNS).stale == {}


def test_facts_that_cannot_be_read_change_neither_the_registry_nor_the_index(store: Store) -> None:
    build_all(store)
    publish(store, LAYOUT, ACORNS)
    store.put(LAYOUT.facts("qc"), b"garbage")
    before = contents(store)
    with pytest.raises(ValueError, match=r"qc\.json"):
        publish(store, LAYOUT, ACORNS)
    assert contents(store) == before
