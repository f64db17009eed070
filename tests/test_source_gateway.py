"""The gateway: pages of its own size, faults that pass, and errors that say what to do."""

import itertools

import pytest
from source_servers import Gateway, serve

from zs_pipeline.problems import Problem
from zs_pipeline.source import SourceError, Swept, gateway, open_source

FIELDS = ("subject.subject_id", "acquisition.experimenters", "x")
MANY = [
    {
        "_id": f"{n:08d}-0000-0000-0000-000000000000",
        "subject": {"subject_id": n},
        "acquisition": {"experimenters": ["A"]},
        "x": "y" * 50,
    }
    for n in range(700)
]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = gateway._RETRY.new(backoff_factor=0.001, backoff_jitter=0.001)
    monkeypatch.setattr(gateway, "_RETRY", quick)
    monkeypatch.setattr(gateway, "_CHECK", quick.new(total=2))
    monkeypatch.setattr(gateway.GatewaySource._find, "__defaults__", (quick,))


def ids(served: Gateway) -> list[str]:
    source = open_source(served.url, FIELDS)
    return [s.id for s in source.sweep() if isinstance(s, Swept)]


def test_a_page_may_hold_less_than_asked_for() -> None:
    with serve(MANY, cap=5_000) as served:
        source = open_source(served.url, FIELDS)
        assert [s.id for s in source.sweep()] == [d["_id"] for d in MANY]
        assert [d["_id"] for d in source.fetch([d["_id"] for d in MANY])] == [
            d["_id"] for d in MANY
        ]
        assert source.requests == served.count
        assert source.bytes > 0
        assert served.longest < gateway.URL_LENGTH


def test_documents_with_little_in_them_do_not_make_long_urls() -> None:
    bare = [{"_id": d["_id"]} for d in MANY]
    every = tuple(f"{core}.x" for core in ("subject", "procedures", "instrument", "acquisition"))
    with serve(bare) as served:
        source = open_source(served.url, every)
        assert len(list(source.fetch([d["_id"] for d in bare]))) == len(bare)
        assert served.longest < gateway.URL_LENGTH


def test_a_whole_page_costs_one_request() -> None:
    with serve(MANY[:50]) as served:
        source = open_source(served.url, FIELDS)
        assert len(list(source.fetch([d["_id"] for d in MANY[:50]]))) == 50
        assert served.count == 1


def test_documents_that_vanished_are_left_out() -> None:
    with serve(MANY[::2]) as served:
        found = [d["_id"] for d in open_source(served.url, FIELDS).fetch([d["_id"] for d in MANY])]
        assert sorted(found) == [d["_id"] for d in MANY[::2]]


def test_a_fetch_that_is_not_read_to_its_end_stops() -> None:
    with serve(MANY) as served:
        found = open_source(served.url, FIELDS).fetch([d["_id"] for d in MANY])
        assert next(found)["_id"] == MANY[0]["_id"]
        found.close()
        assert served.count < 10


def test_ids_of_every_type_are_told_and_fetched() -> None:
    oid = {"$oid": "0123456789abcdef01234567"}
    mixed = [{"_id": i} for i in (None, 1, 2, 3, "1", "a", "b", {"k": 1}, oid, True)]
    with serve(mixed, cap=50) as served:
        source = open_source(served.url, FIELDS)
        told = list(source.sweep())
        good = [s.id for s in told if isinstance(s, Swept)]
        assert sorted(good) == ["0123456789abcdef01234567", "1", "2", "3", "a", "b"]
        problems = [p for p in told if isinstance(p, Problem)]
        assert sorted(str(p.id) for p in problems) == ["1", "None", "None", "None"]
        assert sorted(d["_id"] for d in source.fetch(good)) == sorted(good)
        fresh = open_source(served.url, FIELDS)
        assert sorted(d["_id"] for d in fresh.fetch(["1", "2", "a"])) == ["1", "2", "a"]


@pytest.mark.parametrize("fault", ["503", "429", "drop", "cut"])
def test_a_fault_that_passes_is_got_over(fault: str) -> None:
    with serve(MANY, cap=20_000, every=3, fault=fault) as served:
        found = ids(served)
        assert found == [d["_id"] for d in MANY]
        source = open_source(served.url, FIELDS)
        assert len(list(source.fetch(found))) == len(MANY)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("503", "503.*try again later"),
        ("drop", "check the URL and the network"),
        ("garbage", "no JSON.*maintenance"),
        ("message", "no list of documents.*Forbidden"),
        ("403", "403.*Forbidden.*check the URL and the access"),
    ],
)
def test_a_fault_that_stays_names_the_operation_and_what_to_do(fault: str, said: str) -> None:
    with serve(MANY, every=1, fault=fault) as served:
        source = open_source(served.url, FIELDS)
        asks = (source.check, lambda: list(source.sweep()), lambda: list(source.fetch(["a"])))
        for ask in asks:
            with pytest.raises(SourceError, match=f"GET {served.url}/.*{said}"):
                ask()


def test_a_url_without_version_is_told() -> None:
    with serve(MANY) as served, pytest.raises(SourceError, match="such as /v2"):
        open_source(served.url.removesuffix("/v2"), FIELDS).check()


def test_an_unknown_host_is_told() -> None:
    source = open_source("http://no-such-host.invalid/v2", FIELDS)
    with pytest.raises(SourceError, match="check the URL and the network"):
        source.check()


def test_documents_written_during_a_sweep_do_not_break_it() -> None:
    documents = [dict(d) for d in MANY]
    with serve(documents, cap=20_000) as served:
        sweep = open_source(served.url, FIELDS).sweep()
        begun = list(itertools.islice(sweep, 10))
        documents.insert(0, {"_id": "0"})
        documents.append({"_id": "z"})
        del documents[5:7]
        told = [s.id for s in (*begun, *sweep)]
        assert len(set(told)) == len(told)
        assert "z" in told
        assert {d["_id"] for d in MANY[10:]} <= set(told)
