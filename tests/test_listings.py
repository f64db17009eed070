"""Listing many data assets: each is told what one listing of it tells, with far fewer requests."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from stores import FaultyProxy, every, memory

from zs_pipeline.acorns import behavior_curriculum
from zs_pipeline.side_files import answers, buckets
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import NoBucket, NoLocation, NotReadable, NotUsable, Question

# Whose questions these are, and how it asks.
CURRICULUM = ("behavior_curriculum", behavior_curriculum.ACORN.kind)

pytest_plugins = ("stores",)

PLACES = behavior_curriculum.ACORN.kind.listing_prefixes
STATE = "behavior/trainer_state.json"
OLD = "behavior/Logs/.launcher/TrainerState_1.json"


def bucket_of(keys: Any) -> str:
    """A new bucket with these keys, and nothing in them."""
    name = f"files-{uuid.uuid4().hex[:12]}"
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(name, "us-east-1")
    fill(name, keys)
    return name


def fill(bucket: str, keys: Any) -> None:
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.buckets[bucket].keys.clear()
    for key in keys:
        # Ten times as fast as over HTTP.
        backend.put_object(bucket, key, b"{}")


def told(
    files: Files, bucket: str, names: Any, prefixes: Any = PLACES, **more: Any
) -> dict[str, Any]:
    """What is listed of each, as keys; of what is not listed, the kind of its outcome."""
    found = files.listings([f"s3://{bucket}/{name}" for name in names], prefixes, **more)
    return {
        location.removeprefix(f"s3://{bucket}/"): type(one)
        if isinstance(one, NotUsable)
        else [entry.key for entry in one]
        for location, one in found.items()
    }


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes pages of any size, on the server as for who asks it."""

    def make(size: int) -> None:
        monkeypatch.setattr(buckets, "_PAGE", size)
        monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", str(size))

    return make


# What sorts beside a slash, and what two ways of sorting text sort otherwise.
names = st.sampled_from(("a", "a-", "a-b", "a_", "a0", "-a", "b", "\uffff", "\U0001f600"))
folders = names | st.tuples(names, names).map("/".join) | st.just("")
PREFIXES = ("t", "t-", "t/", "t/A", "t/A_", "a", "b/t")
keys = st.tuples(
    folders, st.sampled_from(PREFIXES) | names, st.sampled_from(("", "/", "0", "-0", "/0", "_/0/"))
).map(lambda parts: "/".join((parts[0], "".join(parts[1:]))).lstrip("/").replace("//", "/"))


@pytest.fixture
def empty(proxy: FaultyProxy) -> tuple[Files, str]:
    """An empty bucket, and who has asked it before."""
    files, bucket = Files("s3://"), bucket_of(())
    assert files.listing(f"s3://{bucket}", "none") == []
    return files, bucket


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    there=st.sets(keys | keys.map("/{}".format), max_size=25),
    asked=st.lists(folders, min_size=1, max_size=8),
    prefixes=st.lists(st.sampled_from(PREFIXES), min_size=1, max_size=3, unique=True),
    page=st.integers(1, 5),
)
# A folder's own key loses its slash, and is then no longer where it was in the order.
@example(there={"a/t-0", "a/t/", "b/t"}, asked=["", "a"], prefixes=["t", "a/t-"], page=2)
@example(there={"a/t/", "a/t0", "b/t-0"}, asked=["a", "b"], prefixes=["t-"], page=1)
@example(there={"/a/t0", "a-/t0", "b/t0"}, asked=["-a", "a", "a-", "b"], prefixes=["t"], page=2)
def test_each_is_told_what_one_listing_of_it_tells(
    small_pages, empty, there, asked, prefixes, page
):
    small_pages(page)
    files, bucket = empty
    fill(bucket, there)
    begun = files.count["requests"]
    together = told(files, bucket, asked, prefixes)
    between = files.count["requests"]
    assert together == {name: told(files, bucket, [name], prefixes)[name] for name in asked}
    one_by_one = files.count["requests"] - between
    begins = {
        name: [(f"{name}/" if name else "") + prefix for prefix in prefixes] for name in asked
    }
    paths = {key.removesuffix("/") for key in there}
    for name, found in together.items():
        wanted = {p for p in paths for one in begins[name] if p.startswith(one) and p != one}
        assert found == sorted(path.removeprefix(f"{name}/") for path in wanted)
    in_steps: dict[str, Any] = {}
    while left := set(asked) - in_steps.keys():
        step = told(files, bucket, sorted(left), prefixes, streams=1)
        assert step
        in_steps |= step
    assert in_steps == together
    # A page may end with the last key that begins so. That a folder ends there as well is told to
    # who lists that folder alone.
    ends = {one for two in begins.values() for one in two if any(k.startswith(one) for k in there)}
    assert between - begun <= one_by_one + len(ends)


def test_neighbours_with_few_files_take_one_request(proxy):
    names = [f"{n:03}_2024" for n in range(300)]
    bucket = bucket_of(f"{name}/{key}" for name in names for key in (STATE, "behavior/a", "z"))
    proxy.seen.clear()
    files = Files("s3://")
    assert told(files, bucket, names) == {name: [STATE] for name in names}
    assert files.count["requests"] == len(proxy.seen) == 1


def test_what_lies_between_is_jumped_over(proxy, small_pages):
    small_pages(100)
    names = [f"{n}_2024" for n in range(5)]
    between = [f"behavior_videos/{n:03}" for n in range(350)]
    bucket = bucket_of(f"{name}/{key}" for name in names for key in (OLD, STATE, *between))
    proxy.seen.clear()
    files = Files("s3://")
    assert told(files, bucket, names) == {name: [OLD, STATE] for name in names}
    assert files.count["requests"] == len(proxy.seen) == 5


def test_what_begins_so_for_several_pages_is_listed_whole(proxy, small_pages):
    small_pages(10)
    many = [f"behavior/trainer_state_{n:02}.json" for n in range(35)]
    bucket = bucket_of([*(f"b/{key}" for key in many), f"a/{STATE}", f"c/{STATE}"])
    proxy.seen.clear()
    assert told(Files("s3://"), bucket, "abcd") == {"a": [STATE], "b": many, "c": [STATE], "d": []}
    assert len(proxy.seen) == 4


def test_a_folder_is_listed_without_what_sorts_before_its_slash(proxy, small_pages):
    small_pages(5)
    bucket = bucket_of(["a/x/in", "b/x/in", *(f"{n}/x-{i:02}" for n in "ab" for i in range(20))])
    proxy.seen.clear()
    assert told(Files("s3://"), bucket, "ab", ["x/"]) == {"a": ["x/in"], "b": ["x/in"]}
    assert len(proxy.seen) == 2


def test_a_folder_of_buckets_says_the_same_as_s3(proxy, tmp_path):
    there = [f"a/{STATE}", f"a/{OLD}", f"a_b/{STATE}", "a/b/behavior/trainer_state/x", "c/d"]
    bucket = bucket_of(there)
    for key in there:
        path = tmp_path / bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    asked = ("a", "a/b", "a_b", "c", "none", "a/")
    assert told(Files(str(tmp_path)), bucket, asked) == told(Files("s3://"), bucket, asked)


@pytest.mark.parametrize("fault", ["503", "429", "drop", "lost"])
def test_one_failure_in_five_changes_nothing(proxy, small_pages, fault):
    small_pages(4)
    names = [f"{n:02}" for n in range(20)]
    bucket = bucket_of(f"{name}/{key}" for name in names for key in (OLD, STATE, "z"))
    with proxy.failing(every(5, fault)):
        found = told(Files("s3://"), bucket, names)
    assert found == {name: [OLD, STATE] for name in names}


# What may not be listed


def test_a_bucket_that_may_not_be_listed_tells_so_of_each(proxy):
    bucket = bucket_of([f"a/{STATE}"])
    files = Files("s3://")
    asked = [f"s3://{bucket}/a", f"s3://{bucket}/b", None, "nonsense", f"s3://{bucket}/a//b"]
    with proxy.failing(lambda method, number: "403"):
        found = files.listings(asked, PLACES)
    assert {location: (type(one), str(one)) for location, one in found.items()} == {
        asked[0]: (NotReadable, f"{asked[0]}/{PLACES[0]}: may not be read"),
        asked[1]: (NotReadable, f"{asked[1]}/{PLACES[0]}: may not be read"),
        None: (NoLocation, "the document names no location"),
        "nonsense": (NoLocation, "'nonsense' is no location such as s3://bucket/prefix"),
        asked[4]: (NoLocation, f"{asked[4]!r} is no location such as s3://bucket/prefix"),
    }


def test_a_bucket_that_is_not_there_is_asked_once(proxy):
    files = Files("s3://")
    found = files.listings([f"s3://no-such-bucket/{n}" for n in range(9)], PLACES)
    assert {type(one) for one in found.values()} == {NoBucket}
    assert str(found["s3://no-such-bucket/3"]).startswith(f"s3://no-such-bucket/3/{PLACES[0]}: ")
    assert files.count["requests"] == 1


def refused(proxy: FaultyProxy, allowed: str) -> Any:
    """403 for what lists anything but below that folder."""
    return lambda method, number: "" if f"prefix={allowed}" in proxy.seen[-1][1] else "403"


def test_a_folder_that_is_open_in_a_closed_bucket_is_listed(proxy):
    bucket = bucket_of(f"{name}/{STATE}" for name in "abc")
    with proxy.failing(refused(proxy, "b%2F")):
        found = told(Files("s3://"), bucket, "abc")
    assert found == {"a": NotReadable, "b": [STATE], "c": NotReadable}


def test_what_was_listed_before_a_refusal_stays(proxy, small_pages):
    small_pages(2)
    bucket = bucket_of(f"{name}/{STATE}" for name in "abcdef")
    proxy.seen.clear()
    with proxy.failing(lambda method, number: "403" if number > 2 else ""):
        found = told(Files("s3://"), bucket, "abcdef")
    listed = {name: one for name, one in found.items() if one != NotReadable}
    assert listed == {name: [STATE] for name in "abc"}


def test_a_refusal_of_credentials_within_a_listing_repeats_nothing(proxy, small_pages):
    small_pages(3)
    many = [f"behavior/trainer_state_{n}.json" for n in range(9)]
    bucket = bucket_of([*(f"b/{key}" for key in many), f"a/{STATE}", f"c/{STATE}"])
    proxy.seen.clear()
    with proxy.failing(lambda method, number: "403" if number == 3 else ""):
        found = told(Files("s3://"), bucket, "abc")
    assert found == {"a": [STATE], "b": many, "c": [STATE]}


@pytest.mark.parametrize("odd", ["b//c", "b/behavior/s//c", "b/\n", "b/../c"])
def test_a_key_that_cannot_be_asked_for_spoils_no_other_data_asset(proxy, odd):
    bucket = bucket_of([odd, *(f"{name}/{STATE}" for name in "abc")])
    found = told(Files("s3://"), bucket, "abc")
    assert (found["a"], found["c"]) == ([STATE], [STATE])
    assert found["b"] == (NotReadable if "behavior" in odd else [STATE])


# Who asks


def questions(locations: Any) -> list[Question]:
    return [Question(f"id-{n}", f"n-{n}", one, "1") for n, one in enumerate(locations)]


def test_300_data_assets_take_a_handful_of_listings(proxy):
    names = [f"{n:03}_2024" for n in range(300)]
    state = b'{"curriculum": {"name": "C"}}'
    bucket = bucket_of(f"{name}/behavior/{n}.csv" for name in names for n in range(5))
    for name in names[::3]:
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, f"{name}/{STATE}", state)
    proxy.seen.clear()
    asked = questions(f"s3://{bucket}/{name}" for name in reversed(names))
    counts = answers.update(memory(), *CURRICULUM, asked, Files("s3://")).counts
    assert (counts["found"], counts["not_there"]) == (100, 200)
    lists = [path for _, path in proxy.seen if "list-type" in path]
    assert len(lists) <= 8
    assert counts["requests"] == len(proxy.seen) == len(lists) + 100


def test_data_assets_far_apart_are_listed_by_more_and_more_threads(monkeypatch):
    together = threading.Barrier(32, timeout=20)

    def listings(files, locations, prefixes, *, streams):
        # Four parts of 1,024 are 32 of at most 128 after three cuts, where a request reaches one.
        if len(locations) <= 128:
            together.wait()
            return {location: [] for location in locations}
        return {locations[0]: []}

    monkeypatch.setattr(Files, "listings", listings)
    asked = questions(f"s3://some-bucket/{n}" for n in range(4096))
    told = answers.update(memory(), *CURRICULUM, asked, Files("s3://"))
    assert told.counts["not_there"] == len(asked)


def test_what_was_asked_before_a_listing_failed_is_kept(tmp_path, monkeypatch):
    for n in range(6):
        (tmp_path / f"some-bucket/{n}/behavior").mkdir(parents=True)
        (tmp_path / f"some-bucket/{n}/{STATE}").write_bytes(b'{"stage": null}')
    others = threading.Event()
    get, listings = Files.json, Files.listings
    got = []

    def json(files: Files, location: Any, key: str) -> Any:
        found = get(files, location, key)
        got.append(location)
        if len(got) == 4:
            others.set()
        return found

    def failing(files: Files, locations: Any, prefixes: Any, **more: Any) -> Any:
        if "s3://some-bucket/0" in locations:
            assert others.wait(20)
            raise TimeoutError("no answer")
        return listings(files, locations, prefixes, **more)

    monkeypatch.setattr(answers, "LEAST", 2)
    monkeypatch.setattr(Files, "json", json)
    monkeypatch.setattr(Files, "listings", failing)
    store, asked = memory(), questions(f"s3://some-bucket/{n}" for n in range(6))
    with pytest.raises(TimeoutError):
        answers.update(
            store,
            "behavior_curriculum",
            behavior_curriculum.ACORN.kind,
            asked,
            Files(str(tmp_path)),
        )
    known = answers._load(store, *CURRICULUM, {})[0]
    assert {"id-0", "id-1"}.isdisjoint(known)
    assert len(known) >= 3


def test_two_data_assets_at_one_location_are_both_told(tmp_path: Path):
    (tmp_path / "some-bucket/a/behavior").mkdir(parents=True)
    (tmp_path / f"some-bucket/a/{STATE}").write_bytes(b'{"curriculum": {"name": "C"}}')
    asked = questions(["s3://some-bucket/a", "s3://some-bucket/a/", "s3://some-bucket/a", None])
    told = answers.update(memory(), *CURRICULUM, asked, Files(str(tmp_path)))
    found = [told.values[question.id] for question in asked]
    assert [one and one["curriculum"] for one in found] == ["C", "C", "C", None]
    assert told.counts["not_readable"] == 1
