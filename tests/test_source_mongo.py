"""MongoDB: the types of BSON, the names in the URL, and connections that break."""

import contextlib
import socket
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from bson import Binary, Decimal128, Int64, ObjectId, Regex
from pymongo import MongoClient, common
from secantus import SecantusDBServer

from zs_pipeline.shape.problems import Problem
from zs_pipeline.source import asking, mongo
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Lacking, SourceError, Swept

OID = ObjectId("0123456789abcdef01234567")
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with SecantusDBServer(storage_path=str(tmp_path_factory.mktemp("mongo"))) as running:
        yield running.uri.rstrip("/")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo, "random", SimpleNamespace(uniform=lambda *_: 0))
    monkeypatch.setattr(asking, "PAUSE", 0)
    # pymongo looks for a server that it lost no more often than twice a second.
    monkeypatch.setattr(common, "MIN_HEARTBEAT_INTERVAL", 0.01)


def filled(server: str, documents: list[dict], database: str, collection: str) -> None:
    with MongoClient(server, uuidRepresentation="standard") as client:
        client.drop_database(database)
        client[database][collection].insert_many(documents)


class Proxy:
    """A TCP proxy before the server that breaks connections after so many bytes of answers."""

    def __init__(self, port: int, breaks: list[int]) -> None:
        self.target, self.breaks = port, breaks
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, collection: str) -> str:
        """The address of a collection through the proxy.

        pymongo waits beside for news of the server. That connection breaks as well, and each one
        after it is then a second late; asking twice a second is not.
        """
        options = "directConnection=true&serverMonitoringMode=poll&heartbeatFrequencyMS=500"
        return f"mongodb://127.0.0.1:{self.port}/{collection}?{options}"

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self.pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, True), daemon=True).start()

    def pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        passed = 0
        try:
            while data := source.recv(65536):
                passed += len(data)
                if answers and self.breaks and passed > self.breaks[0]:
                    self.breaks.pop(0)
                    break
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def test_the_url_names_database_and_collection(server: str) -> None:
    filled(server, [{"_id": "default"}], "metadata_index", "data_assets")
    filled(server, [{"_id": "other"}], "db", "data_assets")
    with MongoClient(server) as client:
        client["db"]["coll.x"].insert_one({"_id": "third"})
    for path, expected in {"": "default", "/db": "other", "/db.coll.x": "third"}.items():
        source = open_source(f"{server}{path}", ["x"])
        source.check()
        assert [s.id for s in source.sweep()] == [expected]
        found = list(source.fetch(["default", "other", "third"]))
        assert [d["_id"] for d in found if isinstance(d, dict)] == [expected]
        assert sum(isinstance(d, Lacking) and d.gone for d in found) == 2
        assert source.requests > 0


def test_ids_of_every_type_are_told_and_fetched(server: str) -> None:
    ids = [
        1,
        Int64(2),
        "1",
        "a",
        OID,
        str(OID),
        {"k": 1},
        True,
        None,
        1.5,
        datetime(2026, 1, 1, tzinfo=UTC),
    ]
    filled(server, [{"_id": i, "name": f"n{n}"} for n, i in enumerate(ids)], "ids", "c")
    source = open_source(f"{server}/ids.c", ["x"])
    told = list(source.sweep())
    swept = [s.id for s in told if isinstance(s, Swept)]
    assert sorted(swept) == sorted(["1", "2", "a", str(OID)])
    problems = [p for p in told if isinstance(p, Problem)]
    assert len(problems) == 7
    assert sorted(p.id for p in problems if p.id) == sorted(["1", str(OID)])
    assert all(p.name for p in problems)
    found = {d["_id"]: d["name"] for d in source.fetch(swept)}
    assert found == {"1": "n0", "2": "n1", "a": "n3", str(OID): "n5"}


def test_values_of_bson_become_plain(server: str) -> None:
    document = {
        "_id": "a",
        "_last_modified": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "x": [
            OID,
            UUID,
            Decimal128("1.50"),
            b"ab",
            Binary(b"ab", 5),
            Int64(5),
            float("nan"),
            float("-inf"),
            Regex("a.b"),
            {"y": datetime(1, 1, 1, tzinfo=UTC)},
        ],
    }
    filled(server, [document], "bson", "c")
    source = open_source(f"{server}/bson.c", ["x"])
    assert [s.modified for s in source.sweep()] == ["2026-01-02T03:04:05.678Z"]
    (found,) = source.fetch(["a"])
    assert found["x"] == [
        str(OID),
        str(UUID),
        "1.50",
        "YWI=",
        "YWI=",
        5,
        {"$numberDouble": "NaN"},
        {"$numberDouble": "-Infinity"},
        {"$regularExpression": {"pattern": "a.b", "options": ""}},
        {"y": "0001-01-01T00:00:00.000Z"},
    ]
    assert type(found["x"][5]) is int


def test_a_connection_that_breaks_is_made_again(server: str) -> None:
    documents = [{"_id": f"{n:05d}", "x": "y" * 900} for n in range(3000)]
    filled(server, documents, "broken", "c")
    proxy = Proxy(int(server.rsplit(":", 1)[1]), [60_000, 300_000, 30_000])
    source = open_source(proxy.url("broken.c"), ["x"])
    assert [s.id for s in source.sweep()] == [d["_id"] for d in documents]
    assert list(source.fetch([d["_id"] for d in documents])) == documents
    assert not proxy.breaks
    proxy.listener.close()


def test_a_connection_that_breaks_every_time_is_an_error(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FEW", 1)
    filled(server, [{"_id": f"{n:05d}", "x": "y" * 30_000} for n in range(12)], "broken", "d")
    proxy = Proxy(int(server.rsplit(":", 1)[1]), [20_000] * 1000)
    source = open_source(proxy.url("broken.d"), ["x"])
    with pytest.raises(SourceError, match=r"none came \(the connection breaks\); try again later"):
        list(source.fetch([f"{n:05d}" for n in range(12)]))
    proxy.listener.close()


def test_documents_that_vanished_are_left_out_and_batches_join(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stand-in takes 10 ms for each id that is asked for.
    monkeypatch.setattr(mongo, "BATCH", 20)
    documents = [{"_id": f"{n:05d}"} for n in range(mongo.BATCH * 2 + 1)]
    filled(server, documents, "vanish", "c")
    source = open_source(f"{server}/vanish.c", ["x"])
    asked = ["00000-gone", *[d["_id"] for d in documents] * 2, "last"]
    found = list(source.fetch(asked))
    came = [d["_id"] for d in found if isinstance(d, dict)]
    assert sorted(came) == [d["_id"] for d in documents]
    lacking = {one for one in found if isinstance(one, Lacking)}
    assert lacking == {Lacking(one, gone=True, reason="") for one in ("00000-gone", "last")}


def test_what_a_sweep_lacks_is_asked_for_by_id(server: str) -> None:
    filled(server, [{"_id": "a", "subject": {"subject_id": "s"}}, {"_id": OID}], "lacks", "c")
    found = set(open_source(f"{server}/lacks.c", ["x"]).sweep_again(["a", "b", str(OID)]))
    assert found == {
        Swept("a", None, None, "s"),
        Swept(str(OID), None, None, None),
        Lacking("b", gone=True, reason=""),
    }


def test_a_document_that_breaks_its_answer_is_told_and_its_neighbours_come(server: str) -> None:
    documents = [{"_id": f"{n:05d}", "x": "y" * (300_000 if n == 7 else 300)} for n in range(40)]
    filled(server, documents, "large", "c")
    proxy = Proxy(int(server.rsplit(":", 1)[1]), [200_000] * 1000)
    source = open_source(proxy.url("large.c"), ["x"])
    found = list(source.fetch([d["_id"] for d in documents]))
    proxy.listener.close()
    assert [d["_id"] for d in found if isinstance(d, dict)] == [
        d["_id"] for d in documents if d["_id"] != "00007"
    ]
    (lacking,) = [one for one in found if isinstance(one, Lacking)]
    assert lacking == Lacking("00007", gone=False, reason="the connection breaks")


def test_a_collection_that_does_not_exist_is_told(server: str) -> None:
    filled(server, [{"_id": "a"}], "exists", "c")
    with pytest.raises(SourceError, match="no collection nope in database exists"):
        open_source(f"{server}/exists.nope", ["x"]).check()


def test_an_unknown_host_is_told() -> None:
    url = "mongodb://user:secret@127.0.0.1:1/db?serverSelectionTimeoutMS=200"
    with pytest.raises(SourceError, match="check the host") as error:
        open_source(url, ["x"]).check()
    assert "secret" not in str(error.value)


def test_no_permission_is_told(tmp_path) -> None:
    with SecantusDBServer(storage_path=str(tmp_path), require_auth=True) as running:
        with pytest.raises(SourceError, match="the server refused: check user"):
            open_source(running.uri, ["x"]).check()
        url = running.uri.replace("://", "://user:secret@")
        with pytest.raises(SourceError, match="the server refused: check user") as error:
            open_source(url, ["x"]).check()
        assert "secret" not in str(error.value)


def test_time_limits_are_set_unless_the_url_says_otherwise() -> None:
    given = "mongodb://127.0.0.1:1/?socketTimeoutMS=5"
    options = open_source(given, ["x"])._collection.database.client.options
    assert options.pool_options.socket_timeout == 0.005
    assert options.server_selection_timeout == 10
