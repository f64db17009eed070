"""Stores for the client's tests, filled through the pipeline's own commit: folder, memory, S3.

Nothing here is a test.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from zs_client.contract import VERSIONS_INDEX, Layout, encode_partition
from zs_client.opening import open_store
from zs_client.store import Store
from zs_pipeline import arrow
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.commit import commit
from zs_pipeline.publishing.facts_file import read_facts
from zs_pipeline.publishing.squirrel import publish
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate

if TYPE_CHECKING:
    from zs_pipeline.declaration import Acorn

VERSION = "1.0.0"
LAYOUT = Layout(VERSION)
STATE = {"documents": ""}
BY_NAME = {acorn.name: acorn for acorn in ACORNS}

# Subjects as people write them, and as nobody should.
ODD = ("a/b", "k=v", "100%", "..", "…", "a..b", " ", "é", "__HIVE", "it's", "[1]*?", "00123", "%2F")
SUBJECTS = ("828418", "M2501", *ODD)
WITHOUT_QC = "700000"

TIME = 1_770_000_000_000_000

# A bucket on the S3 servers of this process, which has what others are filled with.
FILLED = "bucket-filled"

# For each request the server lists its 180 folders, a fifth of what the request costs.
backends.list_of_moto_modules = cache(partial(list, backends.list_of_moto_modules()))


def whole(store: Store, name: str, rows: list[dict[str, Any]], version: str = VERSION) -> None:
    """Commit a table that is not partitioned."""
    acorn = BY_NAME[name]
    content = arrow.table(acorn, rows)
    commit(store, Layout(version), acorn, TableUpdate([PartitionUpdate("", content)], STATE, "1"))


def split(
    store: Store,
    name: str,
    rows: dict[str | None, list[dict[str, Any]]],
    version: str = VERSION,
    state: dict[str, str] | None = STATE,
) -> None:
    """Commit the partitions of a table."""
    acorn = BY_NAME[name]
    parts = [
        PartitionUpdate(encode_partition(value), arrow.table(acorn, found), f"made from {value}")
        for value, found in rows.items()
    ]
    commit(store, Layout(version), acorn, TableUpdate(parts, state, "1"), accept_shrink=True)


def metrics(subject: str | None, count: int = 2) -> list[dict[str, Any]]:
    """Rows of quality_control: each data asset of the subject has one metric."""
    return [
        {
            "name": f"metric {number}",
            "value": '{"value": 1}',
            "status": "Pass",
            "asset_name": f"{subject}_asset{number}",
            "subject_id": subject,
            "timestamp": TIME + number,
            "tags": ["probe:A", "b"],
        }
        for number in range(count)
    ]


def fill(store: Store) -> None:
    """Every acorn, with a few rows; committed once in a process for each kind of store."""
    if store.url.startswith("s3://"):
        _fill_on_s3(store)
    else:
        for key, body in _committed().items():
            store.put(key, body)
    publish(store, LAYOUT, ACORNS)


@cache
def _committed() -> dict[str, bytes]:
    """Every object of a store with all tables, before the registry, which names its store."""
    store = open_store(f"memory://{uuid.uuid4().hex}")
    _commit(store)
    return {entry["path"]: store.get(entry["path"]) for entry in store.walk("data-asset-cache")}


def _fill_on_s3(store: Store) -> None:
    """Copy every object and its headers inside the server; 117 requests cost 0.4 s."""
    bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
    server = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    if FILLED in server.buckets:
        for key in list(server.buckets[FILLED].keys.values()):
            server.copy_object(key, bucket, f"{prefix}/{key.name}".removeprefix("/"))
        return
    _commit(store)
    server.create_bucket(FILLED, "us-east-1")
    for key in list(server.buckets[bucket].keys.values()):
        server.copy_object(key, FILLED, key.name.removeprefix(f"{prefix}/"))


def _commit(store: Store) -> None:
    whole(store, "unique_project_names", [{"project_name": "A"}, {"project_name": "B"}])
    known = sorted([*SUBJECTS, WITHOUT_QC])
    whole(store, "unique_subject_ids", [{"subject_id": subject} for subject in known])
    whole(store, "unique_genotypes", [{"genotype": "wt/wt"}])
    whole(
        store,
        "asset_basics",
        [
            {
                "_id": f"id {name}",
                "name": name,
                "modalities": modalities,
                "acquisition_start_time": TIME,
                "age": age,
            }
            for name, modalities, age in (
                ("raw", ["ecephys", "behavior"], 90),
                ("raw_sorted_2026-01-01_00-00-00", ["ecephys"], 90),
                ("raw_sorted_2026-02-01_00-00-00", ["ecephys"], 90),
                ("raw_videos_2026-01-05_00-00-00", ["behavior-videos"], None),
                ("raw_by_hand", None, None),
                ("raw_by_hand_2", [], None),
            )
        ],
    )
    sources = [
        ("raw_sorted_2026-01-01_00-00-00", "raw", "sorting", "2026-01-01_00-00-00"),
        ("raw_sorted_2026-02-01_00-00-00", "raw", "sorting", "2026-02-01_00-00-00"),
        ("raw_videos_2026-01-05_00-00-00", "raw", "videos", "2026-01-05_00-00-00"),
        ("raw_by_hand", "raw", None, None),
        ("raw_by_hand_2", "raw", None, None),
        ("raw_of_nothing", None, "sorting", None),
    ]
    names = ("name", "source_data", "pipeline_name", "processing_time")
    whole(store, "source_data", [dict(zip(names, row, strict=True)) for row in sources])
    whole(store, "metadata_core", [{"_id": "id raw", **dict.fromkeys(_cores(), True)}])
    for name in ("metadata_upgrade", "document_problems", "data_asset_problems"):
        whole(store, name, [])
    split(store, "quality_control", {subject: metrics(subject) for subject in SUBJECTS})
    tags = {
        subject: [
            {"tag": "ecephys", "status": "Pass", "asset_name": "x", "subject_id": subject},
            {"tag": "b", "status": "Fail", "asset_name": "y", "subject_id": subject},
        ]
        for subject in SUBJECTS
    }
    split(store, "qc_tag_status", tags)
    fib = [{"asset_name": "raw", "tag": "a", "status": "Pass", "experimenters_normalized": ["A B"]}]
    platforms = {name: [] for name in BY_NAME["platform_qc"].kind.values}
    split(store, "platform_qc", platforms | {"fib": fib})
    for acorn in ACORNS:
        if read_facts(store, LAYOUT, acorn.table) is None:
            whole(store, acorn.name, [])


def old(store: Store, version: str = "0.28.6") -> None:
    """A version folder as zombie-squirrel left it: tables, a registry, no facts."""
    basics = BY_NAME["asset_basics"]
    content = arrow.table(basics, [{"_id": "1", "name": "from before"}])
    store.put(Layout(version).table("asset_basics"), arrow.encode(content))
    qc = BY_NAME["quality_control"]
    for subject in ("828418", "M2501"):
        key = f"{Layout(version).folder}/qc/subject_id={subject}/data.pqt"
        store.put(key, arrow.encode(arrow.table(qc, metrics(subject))))
    store.put(f"{Layout(version).folder}/qc.json", json.dumps({"columns": ["name"]}).encode())
    entry = {
        "name": "asset_basics",
        "description": "Basics.",
        "location": store.at(Layout(version).table("asset_basics")),
        "partitioned": False,
        "partition_key": None,
        "type": "metadata",
        "columns": [{"name": "_id", "description": "The id."}, "name"],
    }
    registry = json.dumps({"acorns": [entry]}).encode()
    store.put(f"{Layout(version).folder}/squirrel.json", registry)
    store.put(VERSIONS_INDEX, json.dumps([f"zs-v{version}", f"zs-v{VERSION}"]).encode())


def _cores() -> list[str]:
    acorn: Acorn = BY_NAME["metadata_core"]
    return [column.name for column in acorn.columns if column.type == "bool"]


@contextmanager
def s3() -> Iterator[str]:
    """An S3 server over HTTP; the value is its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(address: str) -> Any:
    """A boto3 client of that server, as its owner."""
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-west-2",
        aws_access_key_id="owner",
        aws_secret_access_key="owner",
    )


def bucket(address: str, *, public: bool, name: str = "") -> str:
    """A bucket, which everybody may read and list, or nobody without credentials."""
    name = name or f"bucket-{uuid.uuid4().hex[:8]}"
    owner = client(address)
    # moto keeps one state for all servers of a process.
    with suppress(owner.exceptions.BucketAlreadyOwnedByYou):
        owner.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
    if public:
        allow(owner, name)
    return name


def allow(owner: Any, name: str) -> None:
    """Let everybody read and list a bucket."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    owner.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))


def as_owner(environment: pytest.MonkeyPatch, address: str) -> None:
    """Set the AWS variables so that S3 is that server, with the owner's credentials."""
    nobody(environment, address)
    environment.setenv("AWS_ACCESS_KEY_ID", "owner")
    environment.setenv("AWS_SECRET_ACCESS_KEY", "owner")


def nobody(environment: pytest.MonkeyPatch, address: str) -> None:
    """Set the AWS variables so that S3 is that server, without credentials."""
    plain(environment)
    environment.setenv("AWS_ENDPOINT_URL", address)
    environment.setenv("AWS_REGION", "us-west-2")


def plain(environment: pytest.MonkeyPatch) -> None:
    """Unset everything that says what to read, or with whose credentials."""
    names = ("ZS_STORE", "ZS_VERSION", "FOREST_TYPE", "AWS_PROFILE", "AWS_SESSION_TOKEN")
    for name in (*names, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"):
        environment.delenv(name, raising=False)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_CONFIG_FILE", "/dev/null")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")


def filled(url: str) -> Store:
    """A store with every acorn in it."""
    store = open_store(url)
    fill(store)
    return store
