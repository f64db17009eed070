"""The subject of a document: where it is read, in a sweep as in a shard."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from building import document, dump
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient
from secantus import SecantusDBServer
from source_servers import serve

from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.documents import shards
from zs_pipeline.shape import values as fields
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Swept
from zs_pipeline.source.plain import head, parse

ids = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([])
cores = st.none() | st.just("text") | st.just([{"subject_id": "1"}])
cores = cores | st.fixed_dictionaries({"subject_id": ids})
named = st.fixed_dictionaries(dict.fromkeys(("subject", "data_description", "acquisition"), cores))


def subject_of(subject: Any, described: Any, acquired: Any = "3") -> str | None:
    return fields.subject_of(
        {
            "subject": subject,
            "data_description": {"subject_id": described},
            "acquisition": {"subject_id": acquired},
        }
    )


@pytest.mark.parametrize("subject", [None, {}, {"subject_id": None}, {"subject_id": ""}, [], "1"])
def test_without_a_subject_the_data_descriptions_counts(subject: Any) -> None:
    assert subject_of(subject, "2") == "2"
    assert subject_of(subject, 2) == "2"


def test_a_subject_counts_before_the_data_descriptions() -> None:
    assert subject_of({"subject_id": "1"}, "2") == "1"
    assert subject_of({"subject_id": 1}, None) == "1"
    assert subject_of({"subject_id": "M2501"}, "2") == "M2501"


@pytest.mark.parametrize("blank", ["", None, True, [], {}, "9" * 300])
def test_what_is_no_id_gives_none_and_the_acquisitions_never_counts(blank: Any) -> None:
    assert subject_of({"subject_id": blank}, "2") == "2"
    assert subject_of({"subject_id": blank}, blank) is None


@given(named)
def test_a_sweep_tells_the_subject_that_the_shard_will_have(cores: dict[str, Any]) -> None:
    raw = json.dumps({"_id": "a", **cores})
    swept = head(json.loads(raw))
    assert isinstance(swept, Swept)
    body = orjson.dumps(parse(raw.encode()))
    rows, *_ = shards.rows(CATALOGUE.reads, [(body, None, None)], [], [])
    assert rows["subject_id"].to_pylist() == [swept.subject_id]
    assert rows["shard"].to_pylist() == [shards.shard_of(swept.subject_id)]


MANY = {
    "1": document("both", "1", data_description={"subject_id": "2"}),
    "700002": document("number", None, data_description={"subject_id": 700002}),
    "M2501": document("text", None, data_description={"subject_id": "M2501"}),
    "700003": document("empty", "", data_description={"subject_id": "700003"}),
    "700004": document("gone", data_description={"subject_id": "700004"}) | {"subject": None},
    None: document("nowhere", None, acquisition={"subject_id": "700005"}),
}
TOLD = {one["_id"]: subject for subject, one in MANY.items()}


def told(url: str) -> dict[str, str | None]:
    swept = open_source(url, []).sweep()
    return {one.id: one.subject_id for one in swept if isinstance(one, Swept)}


def test_all_sources_tell_the_same_subjects(tmp_path: Path) -> None:
    assert told(str(dump(tmp_path / "d.ndjson", MANY.values()))) == TOLD
    with serve([*MANY.values()]) as gateway:
        assert told(gateway.url) == TOLD
    with SecantusDBServer(storage_path=str(tmp_path / "database")) as server:
        with MongoClient(server.uri) as client:
            client["sources"]["subjects"].insert_many(MANY.values())
        assert told(f"{server.uri.rstrip('/')}/sources.subjects") == TOLD


@pytest.mark.parametrize(
    "described",
    ['{"subject_id": 123456789012345678901234}', '{"x": NaN, "subject_id": "1"}', "[]", "NaN"],
)
def test_a_dump_tells_it_whatever_the_data_description_holds(
    tmp_path: Path, described: str
) -> None:
    line = f'{{"_id": "a", "data_description": {described}, "subject": null}}'
    (tmp_path / "d.ndjson").write_text(line)
    expected = fields.subject_of(parse(line.encode()))
    assert told(str(tmp_path / "d.ndjson")) == {"a": expected}
