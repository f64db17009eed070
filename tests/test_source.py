"""The three sources tell and yield the same for the same documents, whatever is in them."""

import copy
import json
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from secantus import SecantusDBServer
from source_servers import serve

from zs_pipeline.declaration import CORE
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import SourceError, url_for_messages

CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "documents.ndjson"
FIELDS = (
    "subject.subject_id",
    "subject.subject_details.genotype",
    "data_description.modalities.abbreviation",
    "data_description.project_name",
    "procedures.subject_procedures.procedures.implanted_device.name",
    "instrument.instrument_id",
    "acquisition.experimenters",
    "acquisition.data_streams.connections.source_device",
    "processing.data_processes.start_date_time",
    "quality_control.metrics.name",
    "quality_control.status",
    "tags.key",
)
WHOLE = {
    "_id": "whole",
    "name": "a_name",
    "location": "s3://bucket/a_name",
    "_last_modified": "2026-01-02T03:04:05.678Z",
    "subject": {"subject_id": "1", "subject_details": {"genotype": "wt", "sex": "F"}},
    "data_description": {"modalities": [{"abbreviation": "fib", "name": "x"}, "text", None]},
    "procedures": {"subject_procedures": [{"procedures": [{"implanted_device": {"name": "F"}}]}]},
    "instrument": {"instrument_id": "i", "components": [1, 2]},
    "acquisition": {"experimenters": ["A", {"name": "B"}], "data_streams": [{"connections": []}]},
    "processing": {"data_processes": None},
    "quality_control": {"metrics": [{"name": "m", "value": {"$ref": "#/x"}}], "status": {}},
    "tags": [{"key": 1, "other": 2}, "text"],
    "other_identifiers": {"Code Ocean": ["x"]},
    "unwanted": "y",
}
GARBAGE = {
    "null": None,
    "text": "text",
    "empty": "",
    "number": 3,
    "zero": 0,
    "false": False,
    "list": [1],
    "nulls": [None],
    "mixed": [1, "text", {"subject_id": 1, "metrics": [{"name": 2, "x": 1}], "y": 2}, [3]],
    "nothing": [],
    "dict": {},
    "other": {"unwanted": 1},
}


def garbage() -> list[dict]:
    documents = []
    for kind, value in GARBAGE.items():
        for core in CORE:
            document = copy.deepcopy(WHOLE) | {"_id": f"{core}-{kind}", core: value}
            documents.append(document)
        documents.append({"_id": f"every-{kind}"} | dict.fromkeys(CORE, value))
    return [WHOLE, {"_id": "bare"}, *documents]


@pytest.fixture(scope="module")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with SecantusDBServer(storage_path=str(tmp_path_factory.mktemp("mongo"))) as server:
        yield server.uri


def collected(url: str) -> tuple[list, dict[str, dict]]:
    source = open_source(url, FIELDS)
    source.check()
    swept = sorted(s._replace(fingerprint=None) for s in source.sweep())
    documents = list(source.fetch([s.id for s in swept]))
    by_id = {d["_id"]: d for d in documents}
    assert len(by_id) == len(documents)
    return swept, by_id


def assert_same(documents: list[dict], mongo: str, name: str, folder: Path) -> dict[str, dict]:
    dump = folder / "documents.ndjson"
    dump.write_text("".join(json.dumps(d) + "\n" for d in documents))
    with MongoClient(mongo) as client:
        client["sources"][name].insert_many(documents)
    from_dump = collected(str(dump))
    from_mongo = collected(f"{mongo.rstrip('/')}/sources.{name}")
    with serve(documents, cap=300_000) as gateway:
        from_gateway = collected(gateway.url)
    assert from_mongo == from_dump
    assert from_gateway == from_dump
    assert len(from_dump[0]) == len(from_dump[1]) == len(documents)
    return from_dump[1]


def opened_or_refused(url: str) -> str:
    """What a person sees of a source: its URL, or the whole traceback of why there is none."""
    try:
        return open_source(url, FIELDS).url
    except SourceError as error:
        return "".join(traceback.format_exception_only(error)) + str(error.__cause__)


def test_the_three_sources_agree_on_garbage_in_core_files(mongo: str, tmp_path: Path) -> None:
    found = assert_same(garbage(), mongo, "garbage", tmp_path)

    assert found["acquisition-text"]["acquisition"] == "text"
    assert found["acquisition-number"]["acquisition"] == 3
    assert found["acquisition-list"]["acquisition"] == [1]
    assert found["acquisition-dict"]["acquisition"] == {}
    assert "acquisition" not in found["acquisition-null"]
    assert found["subject-mixed"]["subject"] == [1, "text", {"subject_id": 1}, [3]]
    assert found["whole"] == {
        "_id": "whole",
        "name": "a_name",
        "location": "s3://bucket/a_name",
        "_last_modified": "2026-01-02T03:04:05.678Z",
        "other_identifiers": {"Code Ocean": ["x"]},
        "subject": {"subject_id": "1", "subject_details": {"genotype": "wt"}},
        "data_description": {"modalities": [{"abbreviation": "fib"}, "text", None]},
        "procedures": WHOLE["procedures"],
        "instrument": {"instrument_id": "i"},
        "acquisition": WHOLE["acquisition"],
        "processing": {"data_processes": None},
        "quality_control": {"metrics": [{"name": "m"}], "status": {}},
        "tags": [{"key": 1}, "text"],
    }


@pytest.mark.real
def test_the_three_sources_agree_on_real_documents(mongo: str, tmp_path: Path) -> None:
    if not CORPUS.exists():
        pytest.skip(f"no real documents at {CORPUS}")
    documents = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    found = assert_same(documents, mongo, "real", tmp_path)
    assert len(found) == 89


@pytest.mark.parametrize("url", ["", "s3://bucket/x", "documents.csv", "ftp://h/x.ndjson"])
def test_an_unknown_url_is_told_the_three_kinds(url: str) -> None:
    with pytest.raises(SourceError) as error:
        open_source(url, FIELDS)
    for kind in (".ndjson", "mongodb://", "https://"):
        assert kind in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://user:secret@host/db",
        "mongodb://user:sec/secret@host/db",
        "mongodb://user:sec@secret@host/db",
        "mongodb://user:sec%zzsecret@host:port/db",
        "mongodb://user:sec?secret@host/db",
        "mongodb://user:x@host/db?tlsCertificateKeyFilePassword=secret",
        "mongodb://user:x@host/db?tlsCAFile=/nowhere&authMechanismProperties=secret",
        "https://user:secret@host/v2",
        "ftp://user:secret@host/v2",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    assert "secret" not in url_for_messages(url)
    assert "secret" not in opened_or_refused(url)
