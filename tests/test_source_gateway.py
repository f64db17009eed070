"""The gateway: pages of its own size, faults that pass, and errors that say what to do."""

import itertools
from collections.abc import Callable

import orjson
import pytest
from source_servers import Gateway, Status, serve

from bench.gateway import find
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source import asking, gateway
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Lacking, SourceError, Swept

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
    once = gateway._ONCE.new(backoff_factor=0.001, backoff_jitter=0.001)
    monkeypatch.setattr(gateway, "_ONCE", once)
    monkeypatch.setattr(asking, "PAUSE", 0)


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
    some = MANY[:30]
    with serve(some[::2]) as served:
        asked = list(open_source(served.url, FIELDS).fetch([d["_id"] for d in some]))
        found = [d["_id"] for d in asked if isinstance(d, dict)]
        assert sorted(found) == [d["_id"] for d in some[::2]]
        lacking = [one for one in asked if isinstance(one, Lacking)]
        assert sorted(lacking) == [Lacking(d["_id"], gone=True, reason="") for d in some[1::2]]


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


# Answers that are shorter than the question, and answers to another one.

HUGE = {**MANY[10], "quality_control": {"metrics": ["z" * 50_000]}}
WITH_HUGE = [*MANY[:10], HUGE, *MANY[11:40]]
WANTED = (*FIELDS, "quality_control.metrics")
# What a gateway does with a document that does not fit into its answer.
HOW = ("end", "skip", "413", "502")


def narrow(served: Gateway, how: str, limit: int = 40_000) -> None:
    """Let no answer be longer than so many bytes, in one of the ways in which gateways do that."""

    def find_in(query: dict) -> bytes:
        page: list[bytes] = []
        size = 2
        for document in orjson.loads(find(served.documents, query, 1 << 40)):
            body = orjson.dumps(document)
            size += len(body) + 1
            if size <= limit:
                page.append(body)
            elif how == "skip":
                size -= len(body) + 1
            elif how == "end":
                break
            else:
                raise Status(int(how))
        return b"[" + b",".join(page) + b"]"

    served.find = find_in


def asked_by_id(served: Gateway, answer: Callable[[dict, list[dict]], list[dict]]) -> None:
    """Let a fetch be answered with something else."""
    before = served.find

    def find_in(query: dict) -> bytes:
        page = orjson.loads(before(query))
        wanted = (query.get("filter") or {}).get("_id") or {}
        return orjson.dumps(answer(query, page) if "$in" in wanted else page)

    served.find = find_in


@pytest.mark.parametrize("how", HOW)
def test_a_document_too_large_for_an_answer_is_told_and_its_neighbours_come(how: str) -> None:
    every = [d["_id"] for d in WITH_HUGE]
    with serve(WITH_HUGE) as served:
        narrow(served, how)
        source = open_source(served.url, WANTED)
        assert [s.id for s in source.sweep()] == every
        found = list(source.fetch(every))
        came = [d["_id"] for d in found if isinstance(d, dict)]
        assert sorted(came) == [one for one in every if one != HUGE["_id"]]
        (lacking,) = [one for one in found if isinstance(one, Lacking)]
        assert (lacking.id, lacking.gone) == (HUGE["_id"], False)
        assert "the answer" in lacking.reason


@pytest.mark.parametrize("how", HOW)
def test_pages_of_a_sweep_that_are_too_large_are_made_smaller(how: str) -> None:
    with serve(MANY) as served:
        narrow(served, how, 5_000)
        source = open_source(served.url, FIELDS)
        assert {s.id for s in source.sweep()} >= {d["_id"] for d in MANY[:30]}
        found = source.sweep_again([d["_id"] for d in MANY])
        assert sorted(s.id for s in found if isinstance(s, Swept)) == [d["_id"] for d in MANY]


@pytest.mark.parametrize("how", HOW)
def test_a_document_of_which_not_even_a_sweep_fits_hides_none_behind_it(how: str) -> None:
    name = {**MANY[10], "name": "z" * 50_000}
    documents = [*MANY[:10], name, *MANY[11:40]]
    with serve(documents) as served:
        narrow(served, how)
        source = open_source(served.url, FIELDS)
        swept = {s.id for s in source.sweep()}
        assert swept >= {d["_id"] for d in documents} - {name["_id"]}
        (again,) = source.sweep_again([name["_id"]])
        # The size of an answer is no sign that a document is gone.
        assert isinstance(again, Swept) or not again.gone


def test_what_a_sweep_lacks_is_asked_for_by_id() -> None:
    with serve(MANY[:20]) as served:
        source = open_source(served.url, FIELDS)
        wanted = [MANY[3]["_id"], MANY[30]["_id"], MANY[4]["_id"]]
        there, also, gone = sorted(source.sweep_again(wanted), key=str)[::-1]
        assert {there, also} == {Swept(MANY[n]["_id"], None, None, str(n)) for n in (3, 4)}
        assert gone == Lacking(MANY[30]["_id"], gone=True, reason="")


NOTHING: list[tuple[str, list[dict]]] = [
    ("nothing", []),
    ("an error", [{"message": "Internal server error"}]),
    ("errors", [{"error": 1}, {"error": 2}]),
]


@pytest.mark.parametrize("instead", [n[1] for n in NOTHING], ids=[n[0] for n in NOTHING])
def test_a_fetch_answered_with_nothing_is_no_deletion(instead: list[dict]) -> None:
    with serve(MANY) as served:
        asked_by_id(served, lambda query, page: instead)
        few = [d["_id"] for d in MANY[:5]]
        found = list(open_source(served.url, FIELDS).fetch(few))
        assert sorted((one.id, one.gone) for one in found) == [(one, False) for one in few]
        with pytest.raises(SourceError, match=r"each alone, and none came.*try again later"):
            list(open_source(served.url, FIELDS).fetch([d["_id"] for d in MANY]))


def test_one_that_fails_wherever_it_is_asked_for_takes_no_other_with_it() -> None:
    bad = MANY[17]["_id"]

    def answer(query: dict, page: list[dict]) -> list[dict]:
        if bad in query["filter"]["_id"]["$in"]:
            raise Status(500)
        return page

    with serve(MANY) as served:
        asked_by_id(served, answer)
        found = list(open_source(served.url, FIELDS).fetch([d["_id"] for d in MANY]))
        assert [one.id for one in found if isinstance(one, Lacking)] == [bad]
        assert len(found) == len(MANY)


@pytest.mark.parametrize("which", [[MANY[0]["_id"]], [d["_id"] for d in MANY[:50]]])
@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        ({"_id": "foreign-1", "name": "other"}, "foreign-1.*other"),
        ({"name": "other"}, "not asked for.*other"),
        ({"_id": None, "name": "other"}, "null.*other"),
        ({"_id": {"k": 1}}, "not asked for"),
    ],
)
def test_a_fetch_answered_with_another_document_is_an_error_that_says_what_came(
    which: list[str], foreign: dict, said: str
) -> None:
    with serve(MANY) as served:
        for whole in ([foreign], None):
            asked_by_id(served, lambda query, page, all_=whole: all_ or [*page, foreign])
            with pytest.raises(SourceError, match=said):
                list(open_source(served.url, FIELDS).fetch(which))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ([{"message": "Internal server error"}], "Internal server error"),
        ([{"_id": "foreign-1"}], "foreign-1"),
        ([{"_id": "foreign-1"}, {"_id": "foreign-2"}], "foreign-1"),
        ([{"_id": 5}], "_id 5"),
        ([{"_id": {"k": 1}}], "k.*1"),
        ([{"name": "n"}], "twice"),
    ],
)
def test_a_sweep_always_answered_with_the_same_ends(page: list[dict], said: str) -> None:
    with serve([]) as served:
        served.find = lambda query: orjson.dumps(page)
        with pytest.raises(SourceError, match=said):
            list(open_source(served.url, FIELDS).sweep())
        assert served.count < 50


def test_a_foreign_document_in_every_page_ends_a_sweep_with_an_error() -> None:
    with serve(MANY, cap=5_000) as served:
        served.find = lambda query: (
            find(MANY, query, served.cap)[:-1] + b',{"_id":"00000300-foreign"}]'
        )
        with pytest.raises(SourceError, match="00000300-foreign"):
            list(open_source(served.url, FIELDS).sweep())
