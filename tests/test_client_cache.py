"""The local cache: what is sent, what is read without a network, and what is not believed."""

import hashlib
import json
import os
import pty
import subprocess
import sys
import uuid
from pathlib import Path

import client_store
import pandas as pd
import pytest
import stores
from client_store import LAYOUT, VERSION, WITHOUT_QC
from hypothesis import given
from hypothesis import strategies as st

import zs_client
from zs_client import ReadError, acorns, cli
from zs_client.cache import Cache, from_environment
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_client.place import resolve
from zs_pipeline.acorns import ACORNS
from zs_pipeline.publishing.facts_file import read_facts
from zs_pipeline.publishing.squirrel import publish

ROOT = Path(__file__).parents[1]
TABLES = [name for name, _, split in acorns.TABLES if not split]
ASK = {
    **{name: getattr(zs_client, name) for name in TABLES},
    "qc": lambda **how: zs_client.qc("828418", **how),
    "qc of one without": lambda **how: zs_client.qc(WITHOUT_QC, **how),
    "qc_tag_status": lambda **how: zs_client.qc_tag_status("a/b", **how),
    "platform_qc": lambda **how: zs_client.platform_qc("fib", **how),
    "raw_to_derived": lambda **how: zs_client.raw_to_derived("raw", "ecephys", **how),
    "get_squirrel_info": zs_client.get_squirrel_info,
}
# boto3 is of the pipeline: most readers have none, and it takes long to load.
PLAIN = "import sys\nsys.modules['boto3'] = None\n"
CHILD = f"""{PLAIN}
import json
import zs_client
from zs_client.contract import Layout
said = {{}}
for ask in sys.argv[1:]:
    try:
        found = eval(ask)
        said[ask] = len(found)
    except Exception as error:
        said[ask] = f"{{type(error).__name__}}: {{error}}"
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def filled(s3_server):
    """A store with every acorn behind a proxy, which no test changes."""
    proxy = stores.FaultyProxy(s3_server)
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, proxy.url)
        url = f"s3://{client_store.bucket(s3_server, public=True)}"
        client_store.filled(url)
    yield proxy, url
    proxy.close()


@pytest.fixture
def server(filled, monkeypatch):
    """The proxy before that store, which is the one to be read."""
    proxy, url = filled
    client_store.nobody(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", url)
    proxy.fault = stores.no_fault
    proxy.seen.clear()
    proxy.sent = 0
    yield proxy
    proxy.fault = stores.no_fault


@pytest.fixture
def own(s3_server, monkeypatch):
    """A proxy before an empty bucket of the test's own."""
    proxy = stores.FaultyProxy(s3_server)
    client_store.as_owner(monkeypatch, proxy.url)
    monkeypatch.setenv("ZS_STORE", f"s3://{client_store.bucket(s3_server, public=True)}")
    yield proxy
    proxy.close()


def few(rows=6, metrics=2):
    """A store with a few acorns; returns it."""
    store = open_store(os.environ["ZS_STORE"])
    basics = [{"_id": str(number), "name": f"name {number}"} for number in range(rows)]
    client_store.whole(store, "asset_basics", basics)
    client_store.whole(store, "unique_subject_ids", [{"subject_id": "828418"}])
    client_store.whole(store, "source_data", [{"name": "a"}])
    found = {"828418": client_store.metrics("828418", metrics)}
    client_store.split(store, "quality_control", found)
    return store


def put(proxy, key, body):
    """Put bytes as others do, without a digest."""
    bucket = os.environ["ZS_STORE"].removeprefix("s3://")
    client_store.client(proxy.url).put_object(Bucket=bucket, Key=key, Body=body)


def keys(proxy):
    """What was asked since the last time, without the bucket."""
    found = [
        path.split("/", 2)[-1].removeprefix(f"data-asset-cache/zs-v{VERSION}/")
        for _, path in proxy.seen
    ]
    proxy.seen.clear()
    return found


def kept():
    return [path for path, _ in from_environment().files() if path.parent.parent.name == "contents"]


def digest(store, table="asset_basics"):
    return read_facts(store, LAYOUT, table)["sha256"]


def same(one, other):
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    else:
        assert one == other


def child(*asks, **variables):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *asks],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | variables,
        cwd=ROOT,
        timeout=60,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


# What is sent


def test_a_table_that_is_the_same_costs_one_question_and_no_content(server):
    first = zs_client.asset_basics()
    sha256 = digest(open_store(os.environ["ZS_STORE"]))
    server.seen.clear()
    server.sent = 0
    same(first, zs_client.asset_basics())
    assert keys(server) == ["asset_basics.json"]
    assert server.sent == 0
    assert hashlib.sha256(Cache(from_environment().folder).path(sha256, ".pqt").read_bytes())


def test_a_partition_that_is_the_same_costs_one_question_and_no_content(server):
    first = zs_client.qc("828418")
    assert sorted(keys(server)) == ["qc/subject_id%3D828418/data.pqt", "squirrel.json"]
    server.sent = 0
    same(first, zs_client.qc("828418"))
    assert keys(server) == ["qc/subject_id%3D828418/data.pqt"]
    assert server.sent == 0


def test_an_answer_that_nothing_changed_writes_no_link_until_its_time_is_old(server, tmp_path):
    zs_client.asset_basics()
    links = list(from_environment().folder.glob("links/*/*.json"))
    assert links
    kept = {path: (path.stat().st_ino, path.read_bytes()) for path in links}
    zs_client.asset_basics()
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in links} == kept

    cache = Cache(tmp_path / "own")
    cache.tie("a", "0" * 64, "tag")
    for time in ("2020-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00", "2020-01-01", ""):
        link = {"sha256": "0" * 64, "tag": "tag", "checked_at": time}
        cache.confirm("a", link)
        renewed = cache.link("a")
        assert renewed == link | {"checked_at": renewed["checked_at"]}
        assert renewed["checked_at"] != time
        cache.tie("a", "1" * 64, "other")


def test_what_changed_is_read_anew(own):
    store = few()
    assert len(zs_client.asset_basics()) == 6
    assert len(zs_client.qc("828418")) == 2
    client_store.whole(store, "asset_basics", [{"_id": "new", "name": "new"}])
    client_store.split(store, "quality_control", {"828418": client_store.metrics("828418", 5)})
    assert zs_client.asset_basics()["name"].tolist() == ["new"]
    assert len(zs_client.qc("828418")) == 5
    assert len(zs_client.qc("828418", offline=True)) == 5


def test_a_partition_that_is_gone_is_gone_offline_as_well(own):
    store = few()
    assert len(zs_client.qc("828418")) == 2
    client_store.split(store, "quality_control", {"828418": []})
    for offline in (False, True):
        assert len(zs_client.qc("828418", offline=offline)) == 0


def test_while_a_table_is_placed_the_one_that_the_facts_name_is_read(own):
    store = few()
    store.put(LAYOUT.table("asset_basics"), b"begun and not stated")
    assert len(zs_client.asset_basics()) == 6


def test_one_bucket_on_two_servers_is_two(server, monkeypatch):
    zs_client.source_data()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(ReadError, match="not in the local cache"):
        zs_client.source_data(offline=True)


@pytest.mark.parametrize("url", ["memory://cache", ""])
def test_a_store_that_is_not_remote_is_read_as_it_is(url, tmp_path, monkeypatch):
    url = url or str(tmp_path)
    store = client_store.filled(url)
    monkeypatch.setenv("ZS_STORE", url)
    assert len(zs_client.asset_basics()) == 6
    client_store.whole(store, "asset_basics", [{"_id": "new"}])
    assert len(zs_client.asset_basics(offline=True)) == 1
    assert not Path(os.environ["ZS_CACHE"]).exists()


# Offline


def test_offline_every_function_gives_the_same_and_sends_nothing(server):
    online = {name: ask() for name, ask in ASK.items()}
    server.seen.clear()
    for name, ask in ASK.items():
        same(online[name], ask(offline=True))
    with zs_client.reading(offline=True):
        same(online["qc"], zs_client.qc("828418"))
        same(online["qc"], pd.read_parquet(zs_client.qc("828418", lazy=True)))
    assert keys(server) == []


def test_offline_by_variable(server, monkeypatch):
    zs_client.source_data()
    server.seen.clear()
    monkeypatch.setenv("ZS_OFFLINE", "1")
    assert len(zs_client.source_data()) == 6
    assert keys(server) == []
    zs_client.source_data(offline=False)
    assert keys(server) == ["source_data.json"]
    monkeypatch.setenv("ZS_OFFLINE", "perhaps")
    with pytest.raises(ValueError, match=r"ZS_OFFLINE=perhaps.*1 or 0"):
        zs_client.source_data()


@pytest.mark.parametrize("name", ASK)
def test_offline_what_was_never_read_is_an_error_that_says_how(server, name):
    with pytest.raises(ReadError, match=r"not in the local cache at .*read it once without"):
        ASK[name](offline=True)
    assert keys(server) == []


def test_offline_nothing_is_listed_or_written(server):
    with zs_client.reading(offline=True):
        for ask in (zs_client.snapshots, zs_client.custom_tables, zs_client.status):
            with pytest.raises(ReadError, match=r"offline|not in the local cache"):
                ask()
        with pytest.raises((ReadError, zs_client.StoreError), match="offline"):
            zs_client.custom("mine", pd.DataFrame({"a": [1]}))
    assert keys(server) == []


def test_offline_no_credentials_are_looked_for(server, monkeypatch):
    zs_client.source_data()
    monkeypatch.setenv("AWS_PROFILE", "gone")
    assert len(zs_client.source_data(offline=True)) == 6


def test_without_a_network_what_was_read_is_read_and_the_rest_fails_with_its_reason(own, tmp_path):
    few()
    basics, other = "zs_client.asset_basics()", "zs_client.source_data()"
    assert child(basics, "zs_client.qc('828418')") == {basics: 6, "zs_client.qc('828418')": 2}
    own.close()
    offline = f"{basics[:-1]}offline=True)"
    said = child(basics, other, offline, f"{other[:-1]}offline=True)")
    assert said[offline] == 6
    assert "a copy lies in the local cache: offline=True, or ZS_OFFLINE=1" in said[basics]
    assert said[other].startswith("ReadError: s3://")
    assert "check the network" in said[other]
    assert "copy" not in said[other]
    assert "read it once without offline=True" in said[f"{other[:-1]}offline=True)"]
    assert child(basics, "zs_client.qc('828418')", ZS_OFFLINE="1") == {
        basics: 6,
        "zs_client.qc('828418')": 2,
    }


def test_offline_a_custom_table_is_not_the_one_before_the_last_write(own):
    zs_client.custom("mine", pd.DataFrame({"a": [1]}))
    assert zs_client.custom("mine")["a"].tolist() == [1]
    zs_client.custom("mine", pd.DataFrame({"a": [2]}))
    with zs_client.reading(offline=True), pytest.raises(ReadError, match="not in the local cache"):
        zs_client.custom("mine")
    assert zs_client.custom("mine")["a"].tolist() == [2]
    with zs_client.reading(offline=True):
        assert zs_client.custom("mine")["a"].tolist() == [2]


def test_offline_what_this_machine_wrote_since_is_not_the_one_before(own):
    few()
    key = LAYOUT.table("mine")
    store = resolve()[0]
    store.put(key, b"PAR1 one PAR1")
    assert store.get(key) == b"PAR1 one PAR1"
    store.put(key, b"PAR1 two PAR1")
    with zs_client.reading(offline=True), pytest.raises(OSError, match="not in the local cache"):
        resolve()[0].get(key)


# What is not believed


def spoil(proxy, how, part, times=1_000):
    """Alter the first answers to whatever has that in its path."""
    left = [how] * times
    return lambda method, number: left.pop() if left and part in proxy.seen[-1][1] else ""


@pytest.mark.parametrize("how", ["short", "altered"])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("asset_basics", "_objects/asset_basics"),
        ("asset_basics", "asset_basics.json"),
        ("qc", "data.pqt"),
        ("get_squirrel_info", "squirrel.json"),
    ],
)
def test_a_download_that_came_otherwise_is_refused_and_asked_again(server, how, name, part):
    right = ASK[name]()
    from_environment().clear()
    server.seen.clear()
    with server.failing(spoil(server, how, part, 2)):
        same(right, ASK[name]())
    assert len([path for _, path in server.seen if part in path]) == 3
    same(right, ASK[name](offline=True))
    from_environment().clear()
    with server.failing(spoil(server, how, part)):
        with pytest.raises(ReadError, match=r"not what the store has: .* bytes.* 3 times"):
            ASK[name]()
        with pytest.raises(ReadError, match="not in the local cache"):
            ASK[name](offline=True)


def test_a_download_is_compared_without_a_cache_as_well(server, monkeypatch):
    monkeypatch.setenv("ZS_CACHE", "off")
    with (
        server.failing(spoil(server, "altered", "asset_basics")),
        pytest.raises(ReadError, match="not what the store has"),
    ):
        zs_client.asset_basics()


def test_an_object_that_was_altered_in_the_store_is_refused(own):
    store = few()
    key = LAYOUT.object("asset_basics", digest(store))
    store.put(key, stores.spoilt("altered", store.get(key)))
    with pytest.raises(ReadError, match="not what the store has"):
        zs_client.asset_basics()
    assert not [path for path in kept() if path.suffix == ".pqt"]


@pytest.mark.parametrize("how", ["short", "altered", "empty", "gone"])
@pytest.mark.parametrize("name", ["asset_basics", "qc", "get_squirrel_info"])
def test_a_copy_that_is_not_what_was_kept_is_fetched_again(server, how, name):
    right = ASK[name]()
    for path in kept():
        body = path.read_bytes()
        path.unlink() if how == "gone" else path.write_bytes(
            b"" if how == "empty" else stores.spoilt(how, body)
        )
    with pytest.raises(ReadError, match="not in the local cache"):
        ASK[name](offline=True)
    same(right, ASK[name]())
    same(right, ASK[name](offline=True))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"sha256": 1}',
        b"\xff",
        b'{"sha256": "../precious", "tag": "", "checked_at": ""}',
    ],
)
def test_a_link_that_is_none_is_asked_again(server, text):
    right = zs_client.source_data()
    precious = Path(os.environ["ZS_CACHE"]).parent / "precious.json"
    precious.write_text("mine")
    for path, _ in from_environment().files():
        if path.parent.parent.name == "links":
            path.write_bytes(text)
    same(right, zs_client.source_data())
    assert precious.read_text() == "mine"


def test_what_others_wrote_without_a_digest_is_kept_when_it_looks_whole(own, monkeypatch):
    store = open_store(os.environ["ZS_STORE"])
    client_store.old(store)
    monkeypatch.setenv("ZS_VERSION", "0.28.6")
    key = Layout("0.28.6").table("asset_basics")
    put(own, key, store.get(key))
    assert len(zs_client.asset_basics()) == 1
    own.seen.clear()
    own.sent = 0
    assert len(zs_client.asset_basics()) == 1
    assert key in own.seen[-1][1]
    assert own.sent < len(store.get(key))
    put(own, key, b"PAR1 and no more")
    with pytest.raises(ReadError, match="no readable parquet"):
        zs_client.asset_basics()
    assert b"PAR1 and no more" not in [path.read_bytes() for path in kept()]


# The folder


def test_of_twenty_processes_at_once_one_good_copy_is_left(server):
    body = os.urandom(3_000_000)
    sha256 = hashlib.sha256(body).hexdigest()
    key = LAYOUT.object("asset_basics", sha256)
    put(server, key, body)
    code = (
        f"{PLAIN}import hashlib\nfrom zs_client.place import resolve\nstore = resolve()[0]\n"
        "print('ready', flush=True)\nsys.stdin.readline()\n"
        f"print(hashlib.sha256(store.get({key!r})).hexdigest())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(20)
    ]
    assert [one.stdout.readline() for one in started] == ["ready\n"] * 20
    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    assert [one.communicate(timeout=60)[0] for one in started] == [f"{sha256}\n"] * 20
    assert [path.name for path in kept()] == [f"{sha256}.pqt"]
    assert kept()[0].read_bytes() == body
    assert not [path for path in kept()[0].parent.iterdir() if path.suffix == ".part"]


def test_what_was_not_read_for_longest_goes_first(tmp_path):
    cache = Cache(tmp_path / "cache", 1_000)
    digests = [cache.keep(os.urandom(300), ".pqt") for _ in range(3)]
    for place, sha256 in enumerate(digests):
        os.utime(cache.path(sha256, ".pqt"), (place, place))
    assert cache.content(digests[0], ".pqt") is not None
    new = cache.keep(os.urandom(300), ".pqt")
    there = [sha256 for sha256 in (*digests, new) if cache.path(sha256, ".pqt").exists()]
    assert there == [digests[0], digests[2], new]


def test_the_size_is_held_over_many_tables_and_reading_goes_on(server, monkeypatch):
    monkeypatch.setenv("ZS_CACHE_SIZE", "20 KB")
    for ask in ASK.values():
        ask()
    assert sum(found.st_size for _, found in from_environment().files()) <= 20_000
    assert len(zs_client.asset_basics()) == 6


def test_what_a_killed_process_began_is_removed_later(tmp_path):
    cache = Cache(tmp_path)
    begun = [tmp_path / "contents" / "ab" / f".{uuid.uuid4().hex}.part" for _ in range(2)]
    begun[0].parent.mkdir(parents=True)
    for path in begun:
        path.write_bytes(b"half")
    os.utime(begun[0], (1, 1))
    cache.keep(b"whole", ".pqt")
    assert [path.exists() for path in begun] == [False, True]


@pytest.mark.parametrize("variable", [{"ZS_CACHE": "off"}, {"ZS_CACHE_SIZE": "0"}])
def test_it_can_be_turned_off(server, monkeypatch, capsys, variable):
    folder = Path(os.environ["ZS_CACHE"])
    for name, value in variable.items():
        monkeypatch.setenv(name, value)
    assert len(zs_client.asset_basics()) == 6
    assert sorted(keys(server)) == ["asset_basics.pqt", "squirrel.json"]
    assert not folder.exists()
    with pytest.raises(ReadError, match=r"turned off.*ZS_CACHE"):
        zs_client.asset_basics(offline=True)
    assert cli.main(["cache"]) == 0
    assert "turned off" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_no_hindrance(server, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZS_CACHE", str(tmp_path / "file" / "cache"))
    for ask in ASK.values():
        same(ask(), ask())
    assert cli.main(["cache"]) == 1
    assert "nothing can be written" in capsys.readouterr().err


def test_the_command_shows_and_clears_what_it_made_and_nothing_else(server, capsys):
    zs_client.asset_basics()
    folder = Path(os.environ["ZS_CACHE"])
    strange = [folder / "thesis.txt", folder / "contents" / "notes.txt", kept()[0].parent / "x.pqt"]
    for path in strange:
        path.write_text("mine")
    assert cli.main(["cache"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{folder}: ")
    assert "KB of 2 GB, 5 files" in said
    assert cli.main(["cache", "--clear"]) == 0
    assert "5 files removed" in capsys.readouterr().out
    assert [path.read_text() for path in strange] == ["mine"] * 3
    with pytest.raises(ReadError, match="not in the local cache"):
        zs_client.asset_basics(offline=True)


def test_without_a_variable_it_lies_where_caches_lie(monkeypatch, tmp_path):
    monkeypatch.delenv("ZS_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    own = "Library/Caches" if sys.platform == "darwin" else ".cache"
    assert from_environment().folder == tmp_path / own / "data-asset-cache"
    if sys.platform != "darwin":
        monkeypatch.setenv("XDG_CACHE_HOME", "/var/caches")
        assert from_environment().folder == Path("/var/caches/data-asset-cache")


def test_a_size_is_bytes_with_or_without_a_unit(monkeypatch):
    for text, size in (("500", 500), ("2 GB", 2_000_000_000), ("1.5k", 1_500), ("3MB", 3_000_000)):
        monkeypatch.setenv("ZS_CACHE_SIZE", text)
        assert from_environment().size == size


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_another_size_is_an_error_that_names_the_variable(text):
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ZS_CACHE_SIZE", text)
        try:
            found = from_environment()
        except ValueError as error:
            assert "ZS_CACHE_SIZE" in str(error)  # noqa: PT017 - most texts are no size
        else:
            assert found is None or found.size > 0


@given(st.lists(st.text(), unique=True, min_size=1, max_size=5))
def test_any_name_is_kept_inside_the_folder_and_apart_from_others(tmp_path_factory, names):
    outer = tmp_path_factory.mktemp("names")
    cache = Cache(outer / "cache")
    for place, name in enumerate(names):
        cache.tie(name, cache.keep(str(place).encode(), ".pqt"), f'"{place}"')
    for place, name in enumerate(names):
        link = cache.link(name)
        assert link["tag"] == f'"{place}"'
        assert cache.content(link["sha256"], ".pqt") == str(place).encode()
    assert [path.name for path in outer.iterdir()] == ["cache"]
    assert cache.clear() == 2 * len(names)


@pytest.mark.skipif(os.name != "posix", reason="a terminal is asked for as POSIX has it")
def test_a_large_download_is_seen_on_a_terminal_and_nowhere_else(server):
    body = os.urandom(9_000_000)
    key = LAYOUT.object("asset_basics", hashlib.sha256(body).hexdigest())
    put(server, key, body)
    code = f"{PLAIN}from zs_client.place import resolve\nresolve()[0].get({key!r})"
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", code], check=True, stderr=theirs, cwd=ROOT, timeout=60)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "\rasset_basics: 9 of 9 MB" in said
    assert said.endswith("\r\x1b[K")
    from_environment().clear()
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT, timeout=60
    )
    assert done.stderr == done.stdout == b""


def test_what_is_asked_for_by_several_settings_is_the_innermost(server):
    store = resolve()[0]
    with zs_client.reading(offline=True):
        assert resolve()[0].offline
        with zs_client.reading(offline=False):
            assert not resolve()[0].offline
        assert resolve()[0].offline
    assert not store.offline
    assert not resolve()[0].offline


def test_publishing_again_leaves_what_is_the_same_on_this_machine(own):
    store = few()
    assert len(zs_client.asset_basics()) == 6
    publish(store, LAYOUT, ACORNS)
    store.put(LAYOUT.facts("asset_basics"), store.get(LAYOUT.facts("asset_basics")) + b" ")
    own.seen.clear()
    assert len(zs_client.asset_basics()) == 6
    assert keys(own) == ["asset_basics.json"]
    store.delete([LAYOUT.partition("qc", "subject_id", "828418")])
    assert len(zs_client.qc("828418")) == 2


def test_a_folder_of_a_user_that_there_is_not_is_an_error(monkeypatch):
    monkeypatch.setenv("ZS_CACHE", "~nobody-of-that-name/cache")
    with pytest.raises(ValueError, match="ZS_CACHE=~nobody"):
        from_environment()
