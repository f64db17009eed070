"""The benchmark: its documents, its stand-ins beside what they stand for, what it tells."""

import json
import os
import socket
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

import boto3
import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.exceptions import BaseError
from obstore.store import S3Store

from bench import __main__ as bench
from bench import catalogue, corpus, measure, report, scenarios, server
from bench.gateway import CHANGE
from bench.s3 import SIDE_FILES, Bucket
from zs_client import arguments
from zs_client.contract import __version__
from zs_pipeline import settings
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.choice import open_source

ROOT = Path(__file__).parents[1]

SIZE = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, corpus.write(folder, SIZE)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_documents_and_another_one_others(made, tmp_path):
    folder, told = made
    for name, seed in (("same", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        again = corpus.write(tmp_path / name, SIZE, seed)
        assert (again == told) == (seed == 0)
        assert (files(tmp_path / name) == files(folder)) == (seed == 0)


def test_the_documents_have_the_size_and_the_odd_forms_that_are_told():
    every = [document for document, _ in corpus.documents(800)]
    metrics = [len((d.get("quality_control") or {}).get("metrics") or [None]) - 1 for d in every]
    assert len(every) == 800
    assert {4, 60} <= set(metrics) <= {0, *range(4, 61)}
    subjects = [(d["subject"] or {}).get("subject_id") for d in every]
    assert 190 <= subjects.count(corpus.BIG_SUBJECT) <= 202
    assert None in subjects
    assert any("/" in subject for subject in subjects if subject)
    assert {type(tags) for d in every for tags in _tags(d)} == {dict, list}
    assert sum("last_modified" in d and "_last_modified" not in d for d in every) > 1
    assert max(Counter(d["name"] for d in every).values()) > 1


def _tags(document):
    found = document.get("quality_control") or {"metrics": []}
    return [metric["tags"] for metric in found["metrics"] if "tags" in metric]


def test_a_change_is_of_the_share_that_is_told_and_the_same_for_a_seed(made, tmp_path):
    folder, _ = made
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / corpus.DUMP).hardlink_to(folder / corpus.DUMP)
        assert corpus.change(tmp_path / name, 0.1) == round(0.1 * (SIZE - len(corpus.ASIDE)))
        found.append(files(tmp_path / name))
    assert found[0] == found[1]
    before = (folder / corpus.DUMP).read_bytes().splitlines()
    after = found[0][corpus.DUMP].splitlines()
    assert [line for line in after if line not in before] == found[0][corpus.CHANGED].splitlines()


def test_what_is_written_into_a_folder_is_what_is_new_there(tmp_path, made):
    folder, _ = made
    cache = tmp_path / "store" / "data-asset-cache"
    (cache / "_staging").mkdir(parents=True)
    (cache / "stays.pqt").write_bytes(b"123")
    (cache / "changes.json").write_bytes(b"123")
    with scenarios._local(folder, tmp_path, scenarios.Latency()) as place:
        assert place.variables["ZS_STORE"] == str(tmp_path / "store")
        before = place.look()
        for name in ("new.pqt", "changes.json", "_staging/half"):
            (cache / f"{name}.new").write_bytes(b"1234")
            (cache / f"{name}.new").replace(cache / name)
        found = scenarios.Measured("", 0, 0, 0, 0, 0)
        place.tell(before, place.look(), found)
    assert (found.objects_written, found.parquet_written, found.bytes_written) == (2, 1, 8)


def test_the_gateway_tells_what_the_dump_tells_and_what_changed(made, tmp_path, monkeypatch):
    folder, _ = made
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    dump = open_source(str(folder / corpus.DUMP), CATALOGUE.reads.paths)
    (tmp_path / corpus.DUMP).hardlink_to(folder / corpus.DUMP)
    with server.started("bench.gateway", str(folder / corpus.DUMP)) as address:
        gateway = open_source(f"{address}/v2", CATALOGUE.reads.paths)
        assert content(gateway) == content(dump)
        corpus.change(tmp_path, 0.1)
        server.post(f"{address}{CHANGE}", str(tmp_path / corpus.CHANGED))
        changed = open_source(str(tmp_path / corpus.DUMP), CATALOGUE.reads.paths)
        assert content(gateway) == content(changed) != content(dump)
        stats = server.stats(address)
    assert stats.requests == {"GET": gateway.requests}
    assert stats.sent == gateway.bytes


def content(source):
    """What a source tells and gives; of what is set aside only how much."""
    told = list(source.sweep())
    swept = {one.id: (one.modified, one.subject_id) for one in told if not isinstance(one, Problem)}
    documents = {one["_id"]: one for one in source.fetch(sorted(swept))}
    return swept, documents, len(told) - len(swept)


def test_the_stand_in_answers_as_moto(s3_server, monkeypatch):
    with server.started("bench.s3", "--bucket", "made-up") as address:
        boto(s3_server).create_bucket(Bucket="made-up")
        told = [transcript(s3_server), transcript(address)]
        stats = server.stats(address)
    assert told[1] == told[0]
    kinds = {"DELETE", "GET", "HEAD", "LIST", "POST", "PUT"}
    # Those to a bucket that is missing are no store's.
    assert {kind for kind in stats.requests if not kind.startswith(SIDE_FILES)} == kinds
    assert stats.wrote == {"objects": 9, "parquet": 1}


def boto(address):
    return boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="made",
        aws_secret_access_key="up",
    )


def opened(address, bucket="made-up"):
    return S3Store(
        bucket,
        endpoint=address,
        region="us-east-1",
        access_key_id="made",
        secret_access_key="up",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


class Asked:
    """An S3 server that is asked step by step; what it says is kept, errors included."""

    def __init__(self, address):
        self.address = address
        self.store = opened(address)
        self.said = []

    def step(self, name, do, *words, **more):
        try:
            self.said.append((name, do(*words, **more)))
        except (BaseError, FileNotFoundError) as error:
            self.said.append((name, type(error).__name__))
        return self.said[-1][1]

    def replace(self, mode, body=b"x", key="a/one.json"):
        return obstore.put(self.store, key, body, mode=mode, use_multipart=False)["e_tag"]

    def read(self, key, **options):
        found = obstore.get(self.store, key, options=options or None)
        meta = {name: found.meta[name] for name in ("path", "size", "e_tag")}
        attributes = {str(k).lower(): v for k, v in found.attributes.items()}
        return meta, attributes.get("cache-control"), bytes(found.bytes())

    def head(self, key):
        found = obstore.head(self.store, key)
        return found["size"], found["e_tag"]

    def range(self, key, start, end):
        return bytes(obstore.get_range(self.store, key, start=start, end=end))

    def names(self, prefix=None, **more):
        pages = obstore.list(self.store, prefix, **more)
        return [(one["path"], one["size"], one["e_tag"]) for page in pages for one in page]

    def folder(self, prefix=None):
        found = obstore.list_with_delimiter(self.store, prefix)
        return sorted(found["common_prefixes"]), sorted(o["path"] for o in found["objects"])

    def pages(self, **more):
        client, found, token = boto(self.address), [], {}
        while True:
            page = client.list_objects_v2(Bucket="made-up", MaxKeys=2, **more, **token)
            found.append([one["Key"] for one in page.get("Contents", ())])
            found.append([one["Prefix"] for one in page.get("CommonPrefixes", ())])
            if not page["IsTruncated"]:
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}


def transcript(address):
    """What obstore and boto3 are told by a server."""
    asked = Asked(address)
    step, store = asked.step, asked.store
    tag = step("create", asked.replace, "create")
    step("create again", asked.replace, "create")
    now = step("replace", asked.replace, {"e_tag": tag}, b"y")
    step("replace what was replaced", asked.replace, {"e_tag": tag}, b"z")
    step("replace what is not there", asked.replace, {"e_tag": tag}, b"z", "a/none.json")
    step("read", asked.read, "a/one.json")
    step("read what is not there", asked.read, "a/none.json")
    step("read the same", asked.read, "a/one.json", if_none_match=now)
    step("read another", asked.read, "a/one.json", if_match=tag)
    attributes = {"Content-Type": "application/json", "Cache-Control": "max-age=60"}
    for key in ("a/b/two.pqt", "a=b/c%2Fd é&<x>", "c.json", "d/1", "d/2", "a/one"):
        obstore.put(store, key, key.encode(), attributes=attributes)
        step("read with attributes", asked.read, key)
    large = bytes(range(256)) * 24 * 1024
    obstore.put(store, "large", large)
    step("head of what came in parts", asked.head, "large")
    step("head of what is not there", asked.head, "none")
    step("range", asked.range, "large", 3, 9)
    step("range at the end", asked.range, "large", len(large) - 4, len(large))
    step("range behind the end", asked.range, "d/1", 90, 99)
    step("the end", lambda: asked.read("large", range={"suffix": 5})[2])
    for prefix in (None, "a", "a/b", "none"):
        step("list", asked.names, prefix)
        step("folder", asked.folder, prefix)
    step("list from", asked.names, offset="a/one.json")
    step("pages", asked.pages)
    step("pages of folders", asked.pages, Delimiter="/")
    step("pages below", asked.pages, Prefix="a", StartAfter="a/one")
    step("delete", obstore.delete, store, "c.json")
    step("delete several", obstore.delete, store, ["d/1", "d/2", "a=b/c%2Fd é&<x>"])
    step("what is left", asked.names)
    missing = opened(address, f"missing-{uuid.uuid4().hex}")
    step("no bucket", obstore.list_with_delimiter, missing)
    step("nothing in no bucket", obstore.get, missing, "a")
    step("to no bucket", obstore.put, missing, "a", b"a")
    boto(address).delete_object(Bucket="made-up", Key="large")
    step("in the end", asked.names)
    return asked.said


KEYS = st.sets(st.text("ab/é&", min_size=1, max_size=5), max_size=12)


@given(KEYS, st.text("ab/", max_size=3), st.sampled_from(("", "/")), st.integers(1, 4))
def test_the_pages_of_a_listing_are_the_whole(keys, prefix, delimiter, most):
    bucket = Bucket()
    for key in keys:
        bucket.put(key, b"", "", {})
    query = {"prefix": prefix, "delimiter": delimiter, "max-keys": str(most)}
    found, token = [], {}
    while True:
        page = ET.fromstring(bucket.listing("made-up", query | token))
        texts = {node.tag.rpartition("}")[2]: node.text for node in page}
        paths = "{*}Contents/{*}Key", "{*}CommonPrefixes/{*}Prefix"
        here = [node.text for path in paths for node in page.iterfind(path)]
        assert len(here) == int(texts["KeyCount"]) <= most
        found += here
        if texts["IsTruncated"] == "false":
            break
        token = {"continuation-token": texts["NextContinuationToken"]}
    wanted = set()
    for key in keys:
        if key.startswith(prefix):
            below, cut, _ = key[len(prefix) :].partition(delimiter or "\0")
            wanted.add(prefix + below + cut if delimiter and cut else key)
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_a_bench_tells_all_that_it_measured_and_sets_aside_what_is_meant_to_be(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"# Benchmarks\n\n{report.NEWEST}\n\nThe end.\n")
    words = f"--size {SIZE} --mode servers --builds 1 --gateway-ms 0 --s3-ms 0"
    assert bench.main([*words.split(), f"--results={tmp_path}", f"--markdown={page}"]) == 0
    (path,) = tmp_path.glob("*.json")
    results = json.loads(path.read_text())
    (run,) = results["runs"]
    (first,) = run["scenarios"]
    assert set(first) == set(scenarios.Measured.__dataclass_fields__)
    sound = SIZE - len(corpus.ASIDE)
    assert (first["documents_fetched"], first["changed"]) == (sound, sound)
    assert first["documents_set_aside"] == run["corpus"]["set_aside"] == len(corpus.ASIDE)
    assert first["objects_written"] > first["parquet_written"] > len(ACORNS)
    assert first["s3_requests"]["PUT"] >= first["objects_written"]
    assert first["side_file_requests"].keys() == {"GET", "LIST"}
    assert all(value for name, value in first.items() if name != "others_cpu_seconds"), first
    assert 0.1 < first["cpu_seconds"] / first["seconds"] < 8
    assert results["machine"]["cores"] >= 1
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    text = page.read_text()
    assert report.markdown(results) in text
    assert report.replaced(text, results) == text
    assert text.endswith("\n\nThe end.\n")
    assert capsys.readouterr().out.startswith(f"## {results['version']}\n")
    for told in (path.read_text(), text):
        assert not {str(tmp_path), socket.gethostname(), str(Path.home())} & set(told.split('"'))
        assert str(tmp_path) not in told
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".md", ".png"]


def test_the_catalogue_s_pages_keep_their_budgets(sample_store, tmp_path, monkeypatch):
    if not catalogue.installed():
        pytest.skip("Chromium or Playwright is not on this machine")
    monkeypatch.setattr(corpus, "BIG_SUBJECT", "901001")
    # Hard links lie on the disk of the store.
    views = catalogue.measured(sample_store, 0, repeat=1)
    assert all(view["requests"] and view["bytes"] and view["seconds"] for view in views)
    first, one = (views[at] for at in (0, 5))
    assert 10_000 < first["bytes"] < one["bytes"] < catalogue.FIRST_VIEW
    assert first["requests"] < one["requests"] < 30
    # No test depends on the speed of the machine.
    quick = [{**view, "seconds": 0.1} for view in views]
    assert not catalogue.missed(quick)
    slow = [{**view, "seconds": 1.25, "bytes": 2_000_001} for view in views]
    assert catalogue.missed(slow) == [
        "the first view took 1.25 s, over 1",
        "the first view had 2,000,001 bytes, over 300,000",
        "a data asset had 2,000,001 bytes, over 2,000,000",
    ]
    run = {"mode": "dump", "size": SIZE, "latency": {"s3": 0.02}, "catalogue": quick}
    text = "\n".join(report._catalogue({"runs": [run]}))
    assert "| a data asset" in text
    assert "waits 20 ms" in text


def test_a_newer_version_comes_first_and_the_others_stay():
    results = {"machine": report.machine(), "runs": []}
    page = f"{report.NEWEST}\n"
    for version in ("1.0.0", "1.1.0", "1.0.0"):
        page = report.replaced(page, {"version": version, **results})
    assert [line for line in page.splitlines() if line[:3] == "## "] == ["## 1.1.0", "## 1.0.0"]
    with pytest.raises(ValueError, match="newest first"):
        report.replaced("# Benchmarks\n", {"version": "1.0.0", **results})


def test_results_of_another_machine_are_left_behind(tmp_path):
    path = tmp_path / "results.json"
    results = report.read(path, "1.0.0")
    report.add(results, {"mode": "dump", "size": 2000})
    report.add(results, {"mode": "dump", "size": 60})
    report.add(results, {"mode": "dump", "size": 60, "again": True})
    report.write(results, path)
    assert [one["size"] for one in report.read(path, "1.0.0")["runs"]] == [60, 2000]
    assert report.read(path, "1.0.0")["runs"][0]["again"]
    assert report.read(path, "1.1.0")["runs"] == []
    results["machine"]["cores"] += 1
    report.write(results, path)
    assert report.read(path, "1.0.0")["runs"] == []


def test_the_builds_are_commands_that_zs_understands():
    parser = arguments.parser()
    given = [parser.parse_args(["build", *one.words]) for one in scenarios.SCENARIOS]
    assert [one.subject for one in given if one.subject] == [[corpus.BIG_SUBJECT]]
    assert {settings.layout(one.version).version for one in scenarios.SCENARIOS} == {
        __version__,
        scenarios.NEW_VERSION,
    }


def test_a_build_that_fails_is_no_measurement(tmp_path):
    variables = measure.environment(tmp_path, ZS_SOURCE=str(tmp_path / "none.ndjson"))
    with pytest.raises(measure.BuildFailed, match=r"(?s)ended with 2.*none\.ndjson"):
        measure.build([], variables, tmp_path)


# Each fills 200 MB, says so to the other, and waits until it was looked at.
SEVERAL = {
    "own": """
import os, time
ready, full = os.pipe()
child = os.fork()
held = b"x" * 200_000_000
if child:
    os.read(ready, 1)
    time.sleep(1)
    os.kill(child, 9)
    os.wait()
else:
    os.write(full, b"x")
    time.sleep(60)
""",
    "shared": """
import os, time
held = b"x" * 200_000_000
child = os.fork()
time.sleep(1)
if child:
    os.wait()
""",
    "grandchild": """
import os, time
child = os.fork()
held = b"x" * 200_000_000 if child else b""
if not child:
    child = os.fork()
    held = b"" if child else b"x" * 200_000_000
time.sleep(1)
if child:
    os.wait()
""",
}


def measured(code: str, folder: Path) -> measure.Usage:
    """What a program takes, measured by a process that is small: the kernel counts its size too."""
    by = (
        "import json, os, sys; from pathlib import Path; from bench.measure import run; "
        "found = run('it', [sys.executable, '-c', sys.argv[1]], dict(os.environ), Path('.')); "
        "print(json.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", by, code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return measure.Usage(*json.loads(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="others tell it of each process alone")
@pytest.mark.parametrize(
    ("name", "processes", "least"), [("own", 2, 400), ("shared", 2, 200), ("grandchild", 3, 400)]
)
def test_the_peak_is_that_of_all_processes_and_what_they_share_counts_once(
    name, processes, least, tmp_path
):
    found = measured(SEVERAL[name], tmp_path)
    assert found.processes == processes
    assert least <= found.peak_mb < least + 100


def test_a_process_alone_has_the_peak_that_the_kernel_tells(tmp_path):
    found = measured("held = b'x' * 200_000_000; del held", tmp_path)
    assert found.processes == 1
    assert 200 <= found.peak_mb < 300


def test_a_table_tells_the_processes_and_nothing_of_builds_that_were_not_counted():
    one = asdict(scenarios.Measured(scenarios.FIRST, 1, 60, 2, 1, 300, processes=3))
    run = {"mode": "dump", "size": SIZE, "scenarios": [one]}
    column = report._heads("dump").index("processes")
    assert report._rows(run, "dump")[0][column - 1 : column + 1] == ["300", "3"]
    del one["processes"]
    assert report._rows(run, "dump")[0][column - 1 : column + 1] == ["300", ""]
