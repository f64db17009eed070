"""Side files, end to end: asked once, from a folder as from S3, no failure taken for none."""

import dataclasses
import json
import os
import pickle
import shutil
import socket
from pathlib import Path
from typing import Any

import boto3
import client_store
import dagster as dg
import pyarrow.parquet as pq
import pytest
from building import FOLDER, document, dump, facts, real, registry, tables, zs_build
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from stores import Watched, every, memory

from zs_client.opening import open_store
from zs_pipeline.acorns import ACORNS, CATALOGUE, behavior_curriculum
from zs_pipeline.orchestration import code_location
from zs_pipeline.settings import sample
from zs_pipeline.shape import values as fields
from zs_pipeline.side_files import answers
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import NotReached, NotThere, Question

# Whose questions these are, and how it asks.
CURRICULUM = ("behavior_curriculum", behavior_curriculum.ACORN.kind)

pytest_plugins = ("stores",)

FROM_FILES = ("behavior_curriculum", "assets_smartspim", "platform_exaspim", "foraging_sessions")
SESSIONS = "aind-behavior-data/foraging_nwb_bonsai_processed/df_sessions.pkl"
MODALITIES = "data_description.modalities"
OLD = "behavior/Logs/.launcher/TrainerState_2024.json"


def rows(store: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(store / FOLDER / f"{table}.pqt").to_pylist()


def corpus_files(corpus: Path, folder: Path) -> Path:
    """The corpus's side files in local buckets, beside data assets of the corpus's documents."""
    states = sorted((corpus / "s3").glob("[tT]rainer*tate*.json"))
    configs = corpus / "s3" / "neuroglancer_config__raw_SPIM_derivatives_old_link.json"
    behavior = 0
    for one in sorted(real(corpus), key=lambda d: d["name"]):
        location = folder / one["location"].removeprefix("s3://")
        modalities = fields.texts(fields.part(one, MODALITIES), "abbreviation") or []
        put: list[tuple[str, Path]] = []
        if any("behavior" in m for m in modalities):
            # Every third one has none, every other one lies at the older place.
            if behavior % 3 < 2:
                state = states[behavior % len(states)]
                put.append((OLD if behavior % 2 else "behavior/trainer_state.json", state))
            behavior += 1
        elif one["name"].startswith("exaSPIM_67"):
            put.append(("process_output.json", corpus / "s3/process_output__dispim.json"))
        elif "SmartSPIM" in one["name"] and "stitched" not in one["name"]:
            put.append(("SPIM/derivatives/neuroglancer_config.json", configs))
        for key, source in put:
            (location / key).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, location / key)
    (folder / SESSIONS).parent.mkdir(parents=True)
    shutil.copy(corpus / "s3/df_sessions__generated.pkl", folder / SESSIONS)
    for bucket in {one["location"].split("/")[2] for one in real(corpus)}:
        (folder / bucket).mkdir(exist_ok=True)
    return folder


def upload(folder: Path) -> None:
    """A folder of local buckets, to the S3 server."""
    for bucket in folder.iterdir():
        boto3.client("s3").create_bucket(Bucket=bucket.name)
        for path in sorted(bucket.rglob("*")):
            if path.is_file():
                key = path.relative_to(bucket).as_posix()
                s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(
                    bucket.name, key, path.read_bytes()
                )


@pytest.fixture
def buckets(s3_server, proxy):
    """Buckets of any name on the S3 server, gone afterwards."""
    yield
    remove_buckets()


def remove_buckets() -> None:
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for name in list(backend.buckets):
        if not name.startswith("bucket-"):
            backend.buckets[name].keys.clear()
            backend.delete_bucket(name)


@pytest.fixture(scope="module")
def corpus_built(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    files, out = corpus_files(corpus, folder / "files"), folder / "out"
    assert zs_build(corpus / "documents.ndjson", out, files=files) == 0
    return files, out


def test_the_sample_gives_rows_in_every_acorn(tmp_path):
    assert zs_build(sample() / "documents.ndjson", tmp_path) == 0
    found = {entry["name"]: entry["rows"] for entry in registry(tmp_path)["acorns"]}
    assert set(found) == {acorn.name for acorn in ACORNS}
    assert all(found[name] for name in (*FROM_FILES, "platform_fib")), found


@pytest.mark.real
def test_real_documents_with_side_files_give_what_those_say(corpus_built):
    _, out = corpus_built
    curriculum = {row["asset_name"]: row for row in rows(out, "behavior_curriculum")}
    assert len(curriculum) == 53
    filled = [row for row in curriculum.values() if row["curriculum_name"]]
    assert {row["stage_node_id"] for row in filled} == {0, 1, 2, 3, None}
    assert len(rows(out, "foraging_sessions")) == 28
    smartspim = rows(out, "assets_smartspim")
    assert all("/SPIM/derivatives/" in r["raw_link"] for r in smartspim if r["raw_link"])
    assert sum(r["raw_link"] is not None for r in smartspim) == 9
    links = {r["raw_name"]: r["raw_link"] for r in rows(out, "platform_exaspim")}
    assert sum(link is not None for link in links.values()) == 2
    unexpected = [
        r for r in rows(out, "document_problems") if r["field"] == "file:behavior_curriculum"
    ]
    assert unexpected
    assert all("is no trainer state" in r["reason"] for r in unexpected)
    assert all(r["_id"] and r["severity"] == "warning" for r in unexpected)


@pytest.mark.real
def test_a_folder_and_s3_give_the_same_bytes_and_503_changes_nothing(
    corpus, corpus_built, buckets, proxy, tmp_path
):
    files, out = corpus_built
    wanted = tables(out)
    upload(files)
    assert zs_build(corpus / "documents.ndjson", tmp_path / "s3", files="s3://") == 0
    # What is said of a broken side file names its place.
    assert differing(wanted, tables(tmp_path / "s3")) <= {"document_problems.pqt"}
    with proxy.failing(every(5, "503")):
        assert zs_build(corpus / "documents.ndjson", tmp_path / "faulty", files="s3://") == 0
    assert tables(tmp_path / "faulty") == tables(tmp_path / "s3")


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def asked(proxy: Any) -> set[str]:
    """The data assets that requests were about."""
    return {
        part
        for _, path in proxy.seen
        for part in path.replace("%2F", "/").replace("=", "/").split("/")
        if part.startswith("one-")
    }


def three() -> list[dict[str, Any]]:
    behavior = {"modalities": [{"abbreviation": "behavior"}], "data_level": "raw"}
    return [document(f"one-{n}", data_description=behavior) for n in "abc"]


def state(stage: str) -> bytes:
    return json.dumps({"curriculum": {"name": "C"}, "stage": {"name": stage}}).encode()


def put(name: str, body: bytes, key: str = "behavior/trainer_state.json") -> None:
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object("sample-open-data", f"{name}/{key}", body)


def make_buckets() -> None:
    """Buckets with side files of two data assets."""
    for bucket in ("sample-open-data", "aind-behavior-data"):
        boto3.client("s3").create_bucket(Bucket=bucket)
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(
        "aind-behavior-data",
        SESSIONS.split("/", 1)[1],
        (sample() / "files" / SESSIONS).read_bytes(),
    )
    put("one-a", state("A"))
    put("one-b", state("B"))


@pytest.fixture(scope="module")
def built_on_s3(s3_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("on-s3")
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, s3_server)
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        make_buckets()
        source = dump(folder / "d.ndjson", three())
        assert zs_build(source, folder / "out", files="s3://") == 0
        remove_buckets()
    return folder


@pytest.fixture
def on_s3(built_on_s3, buckets, proxy, tmp_path):
    """Three data assets on S3, the first two with a trainer state; the source and the store."""
    make_buckets()
    shutil.copytree(built_on_s3, tmp_path, dirs_exist_ok=True)
    proxy.seen.clear()
    return tmp_path / "d.ndjson", tmp_path / "out"


def stages(out: Path) -> dict[str, str | None]:
    return {row["asset_name"]: row["stage_name"] for row in rows(out, "behavior_curriculum")}


def test_a_second_build_asks_only_for_what_had_no_state_and_says_how_many(on_s3, proxy, capsys):
    source, out = on_s3
    assert stages(out) == {"one-a": "A", "one-b": "B", "one-c": None}
    assert zs_build(source, out, files="s3://") == 0
    assert asked(proxy) == {"one-c"}
    # The frame is asked for by its own table and for the names of people, and the open bucket's
    # folders are listed.
    assert len(proxy.seen) == 1 + 3
    said = " ".join(capsys.readouterr().out.split())
    assert "behavior_curriculum: 1 side files asked for, 2 reused, 1 requests; 2 found" in said
    assert ", 1 not there" in said


def test_what_comes_later_is_found(on_s3):
    source, out = on_s3
    put("one-c", state("C"))
    assert zs_build(source, out, files="s3://") == 0
    assert stages(out)["one-c"] == "C"


def test_a_data_asset_that_changed_is_asked_again_and_no_other(on_s3, proxy):
    source, out = on_s3
    for name in ("one-a", "one-b"):
        put(name, state("later"))
    documents = three()
    documents[0]["_last_modified"] = "2025-06-01T00:00:00.000Z"
    dump(source, documents)
    assert zs_build(source, out, files="s3://") == 0
    assert stages(out) == {"one-a": "later", "one-b": "B", "one-c": None}
    # The page that is listed for the first one tells of the last as well.
    assert asked(proxy) == {"one-a"}
    assert len(proxy.seen) == 2 + 3


def test_a_new_version_asks_for_nothing_that_is_known(on_s3, proxy, monkeypatch):
    source, out = on_s3
    monkeypatch.setenv("ZS_VERSION", "1.0.1")
    assert zs_build(source, out, files="s3://") == 0
    assert asked(proxy) == {"one-c"}
    new = pq.read_table(out / "data-asset-cache/zs-v1.0.1/behavior_curriculum.pqt")
    assert new.equals(pq.read_table(out / FOLDER / "behavior_curriculum.pqt"))


def test_a_data_asset_that_is_gone_leaves_the_table_and_the_answers(on_s3):
    source, out = on_s3
    dump(source, three()[1:])
    assert zs_build(source, out, files="s3://") == 0
    assert set(stages(out)) == {"one-b", "one-c"}
    kept = answers._load(open_store(out), *CURRICULUM, {})[0]
    assert set(kept) == {"id-one-b", "id-one-c"}


def test_the_pickled_frame_is_not_downloaded_again_while_it_is_the_same(on_s3, proxy, capsys):
    source, out = on_s3
    assert zs_build(source, out, files="s3://", select=["foraging_sessions"]) == 0
    assert "df_sessions.pkl, asset_basics did not" in " ".join(capsys.readouterr().out.split())
    assert len(proxy.seen) == 2


@pytest.mark.slow
def test_s3_that_fails_leaves_the_last_content_and_the_other_tables_are_built(on_s3, proxy, capsys):
    source, out = on_s3
    documents = three()
    documents[0]["_last_modified"] = "2025-06-01T00:00:00.000Z"
    dump(source, documents)
    before = stages(out)
    with proxy.failing(lambda method, number: "503"):
        assert zs_build(source, out, files="s3://") == 1
    assert "behavior_curriculum failed" in capsys.readouterr().err
    assert stages(out) == before
    states = {entry["name"]: entry["state"] for entry in registry(out)["acorns"]}
    assert (states["behavior_curriculum"], states["asset_basics"]) == ("stale", "fresh")
    assert zs_build(source, out, files="s3://") == 0
    assert {entry["state"] for entry in registry(out)["acorns"]} == {"fresh"}


def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 at an address where nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")


def touched(count: int, when: str) -> list[dict[str, Any]]:
    """The three documents, the first of them changed since."""
    documents = three()
    for one in documents[:count]:
        one["_last_modified"] = when
    return documents


def test_a_night_on_which_no_bucket_answers_makes_tables_stale_and_loses_nothing(
    on_s3, monkeypatch, capsys, proxy
):
    source, out = on_s3
    before = tables(out)
    dump(source, touched(3, "2025-06-01T00:00:00.000Z"))
    nowhere(monkeypatch)
    # Twice: the first such night does not make the second one's answer.
    for _ in range(2):
        assert zs_build(source, out, files="s3://") == 1
        said = capsys.readouterr().err
        assert "NotReached: none of 3 side files was answered for" in said
        assert stages(out) == {"one-a": "A", "one-b": "B", "one-c": None}
        states = {entry["name"]: entry["state"] for entry in registry(out)["acorns"]}
        assert (states["behavior_curriculum"], states["asset_basics"]) == ("stale", "fresh")
        assert tables(out)["document_problems.pqt"] == before["document_problems.pqt"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    put("one-c", state("C"))
    assert zs_build(source, out, files="s3://") == 0
    assert stages(out) == {"one-a": "A", "one-b": "B", "one-c": "C"}
    assert {entry["state"] for entry in registry(out)["acorns"]} == {"fresh"}


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_refusal_is_an_answer_if_it_is_the_only_one(on_s3, proxy, status):
    source, out = on_s3
    dump(source, touched(3, "2025-06-01T00:00:00.000Z"))
    with proxy.failing(lambda method, number: status):
        zs_build(source, out, files="s3://")
    states = {entry["name"]: entry["state"] for entry in registry(out)["acorns"]}
    assert states["behavior_curriculum"] == "fresh"


def about(count: int, state: str, bucket: str = "sample-open-data") -> list[Question]:
    return [Question(f"id-{n}", f"n-{n}", f"s3://{bucket}/n-{n}", state) for n in range(count)]


@pytest.mark.parametrize("form", [CURRICULUM[1].answers_version, 99])
def test_which_buckets_answered_is_known_of_questions_of_another_form_too(on_s3, monkeypatch, form):
    store, files = memory(), Files("s3://")
    answers.update(store, *CURRICULUM, about(3, "then"), files)
    nowhere(monkeypatch)
    name, kind = CURRICULUM
    other = dataclasses.replace(kind, answers_version=form)
    with pytest.raises(NotReached):
        answers.update(store, name, other, about(3, "now"), Files("s3://"))


@pytest.mark.parametrize(("count", "bucket"), [(2, "sample-open-data"), (9, "a-new-bucket")])
def test_two_requests_or_a_bucket_that_never_answered_are_no_outage(
    on_s3, monkeypatch, count, bucket
):
    store = memory()
    answers.update(store, *CURRICULUM, about(count, "then"), Files("s3://"))
    nowhere(monkeypatch)
    told = answers.update(store, *CURRICULUM, about(count, "now", bucket), Files("s3://"))
    assert told.counts["not_readable"] == count


def local(folder: Path, *states: tuple[str, bytes]) -> Path:
    """Local buckets with the sample's sessions, and trainer states by data asset."""
    (folder / SESSIONS).parent.mkdir(parents=True)
    shutil.copy(sample() / "files" / SESSIONS, folder / SESSIONS)
    for name, body in states:
        path = folder / "sample-open-data" / name / "behavior/trainer_state.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(body)
    return folder


def test_what_cannot_be_used_is_counted_told_and_no_error(tmp_path):
    source = dump(tmp_path / "d.ndjson", [*three(), *elsewhere()])
    files = local(tmp_path / "f", ("one-a", b"{cut"), ("one-b", b"[]"))
    defs = code_location.definitions(
        source=str(source), store=str(tmp_path / "out"), files=str(files)
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = defs.resolve_job_def("tables").execute_in_process(instance=instance)
    (event,) = result.asset_materializations_for_node("behavior_curriculum")
    told = {key: event.metadata[key].value for key in ("asked", "reused", *answers.OUTCOMES)}
    assert told == {
        "asked": 5,
        "reused": 0,
        "found": 0,
        "not_there": 1,
        "not_readable": 2,
        "unparsable": 1,
        "other_shape": 1,
    }
    assert event.metadata["dagster/row_count"].value == 5
    problems = {row["name"]: row for row in rows(tmp_path / "out", "document_problems")}
    assert set(problems) == {"one-a", "one-b", "one-closed", "one-nowhere"}
    assert "is no JSON" in problems["one-a"]["reason"]
    assert "no such folder for a bucket" in problems["one-closed"]["reason"]
    assert {row["severity"] for row in problems.values()} == {"warning"}
    assert problems["one-b"]["_id"] == "id-one-b"


def elsewhere() -> list[dict[str, Any]]:
    """Data assets of which one lies in a bucket that is not there, and one nowhere."""
    behavior = {"modalities": [{"abbreviation": "behavior-videos"}]}
    return [
        document("one-closed", location="s3://no-bucket/x", data_description=behavior),
        document("one-nowhere", location="/data/x", data_description=behavior),
    ]


def test_a_lost_permission_takes_nothing_away(tmp_path):
    source = dump(tmp_path / "d.ndjson", three())
    files = local(tmp_path / "f", ("one-a", state("A")))
    assert zs_build(source, tmp_path / "out", files=files) == 0
    (files / "sample-open-data").rename(files / "hidden")
    documents = three()
    documents[0]["_last_modified"] = "2025-06-01T00:00:00.000Z"
    dump(source, documents)
    for _ in range(2):
        assert zs_build(source, tmp_path / "out", files=files) == 0
        assert stages(tmp_path / "out")["one-a"] == "A"
    (files / "hidden").rename(files / "sample-open-data")
    (files / "sample-open-data/one-a/behavior/trainer_state.json").write_bytes(state("new"))
    assert zs_build(source, tmp_path / "out", files=files) == 0
    assert stages(tmp_path / "out")["one-a"] == "new"


def test_sessions_that_were_never_there_are_an_empty_table_that_says_why(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", three())
    for files in (tmp_path / "none", tmp_path / "bucket"):
        files.mkdir()
    (tmp_path / "bucket" / "aind-behavior-data").mkdir()
    outcomes = {"none": "not readable", "bucket": "not there"}
    for name, outcome in outcomes.items():
        assert zs_build(source, tmp_path / "out", files=tmp_path / name) == 0
        assert facts(tmp_path / "out", "foraging_sessions")["rows"] == 0
        said = " ".join(capsys.readouterr().out.split())
        wanted = f"foraging_sessions: 1 side files asked for, 0 reused, 1 requests; 1 {outcome}"
        assert wanted in said
    files = local(tmp_path / "there")
    assert zs_build(source, tmp_path / "out", files=files) == 0
    assert facts(tmp_path / "out", "foraging_sessions")["rows"] == 12


def test_sessions_that_are_gone_or_evil_leave_the_last_ones(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", three())
    files, out = local(tmp_path / "f"), tmp_path / "out"
    assert zs_build(source, out, files=files) == 0
    before = tables(out)["foraging_sessions.pqt"]
    (files / SESSIONS).write_bytes(pickle.dumps(os.system))
    assert zs_build(source, out, files=files) == 1
    assert "foraging_sessions failed" in capsys.readouterr().err
    (files / SESSIONS).unlink()
    assert zs_build(source, out, files=files) == 1
    assert "the table keeps its rows" in " ".join(capsys.readouterr().err.split())
    assert tables(out)["foraging_sessions.pqt"] == before
    states = {entry["name"]: entry["state"] for entry in registry(out)["acorns"]}
    assert (states.pop("foraging_sessions"), set(states.values())) == ("stale", {"fresh"})


def test_a_wrong_folder_of_side_files_is_refused_before_any_work(tmp_path, capsys):
    source = dump(tmp_path / "d.ndjson", three())
    for files, said in ((tmp_path / "none", "no such folder"), ("ftp://x", "read from s3://")):
        assert zs_build(source, tmp_path / "out", files=files) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out/data-asset-cache").exists()


def test_the_graph_shows_who_asks_side_files_and_who_tells_of_them():
    assets = code_location.definitions().resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in assets.get(key).parent_keys}
        for key in assets.get_all_asset_keys()
    }
    assert parents["foraging_sessions"] == {"asset_basics", "files"}
    assert parents["asset_basics"] == {"documents", "files"}
    assert parents["behavior_curriculum"] == {"asset_basics", "files"}
    assert parents["assets_smartspim"] == {"documents", "asset_basics", "source_data", "files"}
    assert parents["document_problems"] >= {"documents", *FROM_FILES[:3]}
    assert CATALOGUE.upstream(["document_problems"]) >= set(FROM_FILES[:3])


# What is kept


def questions(count: int, state: str | None = "1") -> list[Question]:
    return [Question(f"id-{n}", f"n-{n}", None, state) for n in range(count)]


def asking(ask: Any, form: int = 1) -> Any:
    """The kind, with something else to ask, of which nothing is listed."""
    from dataclasses import replace

    return replace(
        behavior_curriculum.ACORN.kind, ask=ask, listing_prefixes=(), answers_version=form
    )


def counted(store: Any, kind: Any, asked: list[Question], files: Path) -> tuple[int, int]:
    told = answers.update(store, "behavior_curriculum", kind, asked, Files(str(files)))
    return told.counts["asked"], told.counts["reused"]


def test_only_what_cannot_change_is_not_asked_again(tmp_path):
    def ask(files, question, listed):
        if question.id == "id-0":
            raise NotThere("nothing there")
        return question.name

    store, kind = memory(), asking(ask)
    assert counted(store, kind, questions(4), tmp_path) == (4, 0)
    assert counted(store, kind, questions(4), tmp_path) == (1, 3)
    assert counted(store, kind, questions(4, "2"), tmp_path) == (4, 0)
    assert counted(store, asking(ask, form=2), questions(4, "2"), tmp_path) == (4, 0)
    assert counted(store, asking(ask, form=2), questions(4, None), tmp_path) == (4, 0)
    assert counted(store, asking(ask, form=2), questions(4, None), tmp_path) == (4, 0)


def test_the_same_answers_are_not_written_again(tmp_path):
    store = Watched(memory())
    kind = asking(lambda files, question, listed: {"a": 1})
    first = answers.update(store, "behavior_curriculum", kind, questions(3), Files(str(tmp_path)))
    store.done.clear()
    second = answers.update(store, "behavior_curriculum", kind, questions(3), Files(str(tmp_path)))
    assert (first.content, first.values) == (second.content, second.values)
    assert store.written() == []


def test_answers_are_kept_on_the_way_only_when_enough_are_new(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "KEEP_EVERY", 2)
    store = Watched(memory())
    # Without a state all are asked each time.
    same, other = (
        asking(lambda files, question, listed, v=v: [question.id, v]) for v in ("same", "other")
    )
    mixed = asking(lambda files, q, listed: [q.id, "other" if q.id == "id-2" else "same"])

    def kept_and_looked(kind):
        store.done.clear()
        assert counted(store, kind, questions(7, None), tmp_path) == (7, 0)
        of_manifest = [name for name, key in store.done if key.endswith(".json")]
        return of_manifest.count("replace"), of_manifest.count("get")

    assert kept_and_looked(same)[0] == 4
    assert kept_and_looked(same) == (0, 1)
    assert kept_and_looked(mixed)[0] == 1
    # One of the second two is known, so that both wait for the next.
    assert kept_and_looked(other)[0] == 3


def test_what_was_asked_before_a_failure_is_kept(tmp_path):
    def ask(files, question, listed):
        if question.id == "id-7":
            raise TimeoutError("no answer")
        return 1

    store = memory()
    with pytest.raises(TimeoutError):
        answers.update(
            store, "behavior_curriculum", asking(ask), questions(8), Files(str(tmp_path))
        )
    known = answers._load(store, "behavior_curriculum", asking(ask), {})[0]
    assert known
    assert "id-7" not in known
    fine = asking(lambda files, question, listed: 1)
    assert counted(store, fine, questions(8), tmp_path) == (8 - len(known), len(known))


def test_two_builds_that_ask_at_once_both_keep_their_answers(tmp_path):
    store = memory()
    kind = asking(lambda files, question, listed: question.name)
    watched = Watched(store)
    done = []

    def other_build(name, key):
        if name == "replace" and not done:
            done.append(key)
            counted(store, kind, questions(3), tmp_path)

    watched.before = other_build
    assert counted(watched, kind, questions(5), tmp_path) == (5, 0)
    assert done
    assert counted(store, kind, questions(5), tmp_path) == (0, 5)


def test_former_answers_are_forgotten_after_a_while(tmp_path):
    store = memory()
    for number in range(answers.KEPT_CONTENTS + 4):
        kind = asking(lambda files, question, listed, number=number: number)
        answers.update(
            store, "behavior_curriculum", kind, questions(1, str(number)), Files(str(tmp_path))
        )
    kept = [e["path"] for e in store.walk("data-asset-cache/_files")]
    assert len([path for path in kept if path.endswith(".pqt")]) == answers.KEPT_CONTENTS


def test_many_are_asked_at_once(tmp_path):
    import threading

    together = threading.Barrier(32, timeout=20)
    kind = asking(lambda files, question, listed: together.wait() >= 0)
    told = answers.update(memory(), "behavior_curriculum", kind, questions(64), Files("s3://"))
    assert told.counts["asked"] == 64
