"""A dump of any kind is read in one stream, and nothing in it stops the run."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from zs_pipeline.shape.problems import Problem
from zs_pipeline.source.choice import open_source
from zs_pipeline.source.interface import Lacking, Source, SourceError, Swept

DOCUMENTS = [
    {"_id": f"id{n}", "name": f"n{n}", "_last_modified": f"2026-01-0{n}", "x": n} for n in (1, 2, 3)
]
LINES = b"".join(json.dumps(d).encode() + b"\n" for d in DOCUMENTS)


def opened(path: Path) -> Source:
    return open_source(str(path), ["x"])


def written(folder: Path, content: bytes, name: str = "d.ndjson") -> Source:
    path = folder / name
    path.write_bytes(content)
    return opened(path)


def split(source: Source) -> tuple[list[Swept], list[Problem]]:
    everything = list(source.sweep())
    swept = [one for one in everything if isinstance(one, Swept)]
    problems = [one for one in everything if isinstance(one, Problem)]
    assert all(p.severity == "error" for p in problems)
    return swept, problems


def fetched(source: Source) -> list[dict]:
    return list(source.fetch([s.id for s in split(source)[0]]))


def zstd(content: bytes) -> bytes:
    return zstandard.compress(content[:20]) + zstandard.compress(content[20:])


def gz(content: bytes) -> bytes:
    return gzip.compress(content[:20]) + gzip.compress(content[20:])


# A mark tells the encoding, and without one the zeros around the first brace.
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["d.ndjson", "d.ndjson.gz", "d.ndjson.zst"])
def test_a_dump_is_read_in_any_encoding(tmp_path, encoding, name):
    content = (LINES.decode() + '{"_id": "ü", "x": "学"}\n').encode(encoding)
    pack = {"gz": gz, "zst": zstd}.get(name.rpartition(".")[2], bytes)
    source = written(tmp_path, pack(content), name)
    assert split(source)[1] == []
    assert [(d["_id"], d["x"]) for d in fetched(source)] == [
        ("id1", 1),
        ("id2", 2),
        ("id3", 3),
        ("ü", "学"),
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_folder_holds_documents_in_any_encoding(tmp_path, encoding):
    for name, value in (("a", DOCUMENTS[0]), ("b", DOCUMENTS[1:])):
        (tmp_path / f"{name}.json").write_bytes(json.dumps(value).encode(encoding))
    assert [d["x"] for d in fetched(opened(tmp_path))] == [1, 2, 3]


def test_lines_with_a_mark_of_their_own_are_read(tmp_path):
    marked = b"".join(b"\xef\xbb\xbf" + line for line in LINES.splitlines(keepends=True))
    source = written(tmp_path, marked)
    assert split(source)[1] == []
    assert [d["x"] for d in fetched(source)] == [1, 2, 3]


@pytest.mark.parametrize("begin", [b"\0\0\0\0", b"\xff\xfe\0\0", b"\xff\xfe ab", b"x\0y\0"])
def test_a_damaged_beginning_spoils_no_other_line(tmp_path, begin):
    source = written(tmp_path, begin + b"\n" + LINES)
    swept, problems = split(source)
    assert [one.id for one in swept] == ["id1", "id2", "id3"]
    assert len(problems) == 1


def test_a_dump_in_another_encoding_that_is_cut_off_loses_its_last_document(tmp_path):
    source = written(tmp_path, LINES.decode().encode("utf-16")[:-5])
    swept, problems = split(source)
    assert [one.id for one in swept] == ["id1", "id2"]
    assert "no JSON" in problems[0].reason


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("d.ndjson", bytes),
        ("d.jsonl", bytes),
        ("d.ndjson.gz", gz),
        ("d.ndjson.zst", zstd),
        ("d.jsonl.zst", zstd),
    ],
)
def test_lines_plain_or_compressed(tmp_path: Path, name: str, pack) -> None:
    source = written(tmp_path, pack(LINES), name)
    source.check()
    swept, problems = split(source)
    assert [s.id for s in swept] == ["id1", "id2", "id3"]
    assert [s.modified for s in swept] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert not problems
    gone = Lacking("gone", gone=True, reason="")
    assert list(source.fetch(["id3", "id1", "id3", "gone"])) == [gone, DOCUMENTS[0], DOCUMENTS[2]]


def test_a_folder_holds_documents_and_lists_of_them(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "b.json").write_text(json.dumps(DOCUMENTS[0], indent=2))
    (folder / "a.json").write_text(json.dumps([*DOCUMENTS[1:], 5], indent=2))
    (folder / "c.json").write_text('[{"_id": "nan", "x": NaN}, {"_id": "big", "x": 1e400}]')
    (folder / "d.json").write_text('[{"_id": "cut"')
    (folder / "e.json").write_text("")
    (folder / "notes.txt").write_text("no document")
    (folder / "._b.json").write_bytes(b"\0\5\x16\7")
    source = opened(folder)
    source.check()
    swept, problems = split(source)
    assert [s.id for s in swept] == ["id2", "id3", "id1", "nan", "big"]
    assert [p.reason.rsplit("(file ", 1)[1].rstrip(")") for p in problems] == [
        "a.json, document 3",
        "d.json",
        "e.json",
    ]
    assert {d["_id"]: d.get("x") for d in fetched(source)} == {
        "id1": 1,
        "id2": 2,
        "id3": 3,
        "nan": {"$numberDouble": "NaN"},
        "big": {"$numberDouble": "Infinity"},
    }


def test_what_is_no_document_is_told_with_its_line(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"_id": "bom"}\r',
        b"",
        b"   \r",
        b"no json",
        b"[1]",
        b'{"_id": "utf8", "skipped": "\xff"}',
        b'{"_id": "ok", "x": [NaN, -Infinity, 99999999999999999999, "\\ud800"]}\r',
        b'{"_id": "trunc',
    ]
    source = written(tmp_path, b"\n".join(lines))
    swept, problems = split(source)
    assert [s.id for s in swept] == ["bom", "ok"]
    assert [p.reason.rsplit("(", 1)[1] for p in problems] == [
        "line 4)",
        "line 5)",
        "line 6)",
        "line 8)",
    ]
    nan, infinity = ({"$numberDouble": name} for name in ("NaN", "-Infinity"))
    assert fetched(source) == [
        {"_id": "bom"},
        {"_id": "ok", "x": [nan, infinity, "99999999999999999999", "\ufffd"]},
    ]


@pytest.mark.parametrize(
    ("written_id", "found"),
    [
        ('"a"', "a"),
        ("5", "5"),
        ("-5", "-5"),
        ('{"$oid": "0123456789abcdef01234567"}', "0123456789abcdef01234567"),
        ('{"$numberLong": "7"}', "7"),
        ("99999999999999999999", "99999999999999999999"),
        ('"\\ud800"', "\ufffd"),
        ('"é"', "é"),
    ],
)
def test_a_usable_id(tmp_path: Path, written_id: str, found: str) -> None:
    source = written(tmp_path, f'{{"_id": {written_id}, "x": 1}}'.encode())
    assert [s.id for s in split(source)[0]] == [found]
    assert fetched(source) == [{"_id": found, "x": 1}]


@pytest.mark.parametrize(
    "bad", ["null", '""', "{}", "[]", "true", "1.5", '{"$oid": 5}', '{"$date": 5}']
)
def test_an_unusable_id_sets_the_document_aside(tmp_path: Path, bad: str) -> None:
    swept, problems = split(written(tmp_path, f'{{"_id": {bad}, "name": "n"}}'.encode()))
    assert not swept
    assert [(p.id, p.name, p.field) for p in problems] == [(None, "n", "_id")]
    assert "set aside (line 1)" in problems[0].reason


def test_a_document_without_id_is_set_aside(tmp_path: Path) -> None:
    swept, problems = split(written(tmp_path, b'{"name": "n"}'))
    assert not swept
    assert "missing" in problems[0].reason


def test_of_several_with_one_id_the_latest_counts(tmp_path: Path) -> None:
    times = ["2026-01-01T00:00:00Z", "2026-01-03 00:00:00Z", "2026-01-02T00:00:00Z"]
    documents = [
        {"_id": "a", "name": str(n), "x": n, "_last_modified": t} for n, t in enumerate(times)
    ]
    documents += [{"_id": "b", "x": 1}, {"_id": "b", "x": 2}]
    source = written(tmp_path, b"\n".join(json.dumps(d).encode() for d in documents))
    swept, problems = split(source)
    assert [(s.id, s.modified) for s in swept] == [("a", times[1]), ("b", None)]
    assert [(p.id, p.name) for p in problems] == [("a", "0"), ("a", "2"), ("b", None)]
    assert "line 1 was set aside for line 2" in problems[0].reason
    assert "line 3 was set aside for line 2" in problems[1].reason
    assert sorted(d["x"] for d in fetched(source)) == [1, 2]


def test_the_time_of_older_envelopes_and_of_bson(tmp_path: Path) -> None:
    lines = [
        b'{"_id": "a", "last_modified": "old"}',
        b'{"_id": "b", "_last_modified": null, "last_modified": "old"}',
        b'{"_id": "c", "_last_modified": {"$date": "2026-01-02T03:04:05.6Z"}}',
        b'{"_id": "d", "_last_modified": {"$date": {"$numberLong": "1000"}}}',
        b'{"_id": "e", "_last_modified": 5}',
    ]
    swept, _ = split(written(tmp_path, b"\n".join(lines)))
    assert [s.modified for s in swept] == [
        "old",
        "old",
        "2026-01-02T03:04:05.600Z",
        "1970-01-01T00:00:01.000Z",
        None,
    ]


def test_what_a_dump_lacks_is_gone_unless_it_may_be_hidden(tmp_path: Path) -> None:
    whole = written(tmp_path, LINES)
    split(whole)
    assert list(whole.sweep_again(["other", "another"])) == [
        Lacking("other", gone=True, reason=""),
        Lacking("another", gone=True, reason=""),
    ]
    for nameless in (b'{"_id": "oth', b'{"name": "n"}', b'{"_id": null}', b"\xff", b"[1]"):
        source = written(tmp_path, LINES + nameless, "nameless.ndjson")
        split(source)
        (said,) = source.sweep_again(["other", "another"])
        assert isinstance(said, Problem)
        assert said.severity == "warning"
        assert "lacks 2 documents" in said.reason
        assert "none was removed" in said.reason


LONG = [
    (b'{"x": {"_id": "inner"}, "y": "_id", "_id": "long", "z": "', "long"),
    (b'{"_id" : {"$oid": "0123456789abcdef01234567"}, "z": "', "0123456789abcdef01234567"),
    (b'{"_id": 5, "z": "', "5"),
    (b'{"z": "\\"_id\\": \\"no\\"', None),
    (b"", None),
]


@pytest.mark.parametrize(("start", "found"), LONG)
@pytest.mark.parametrize(
    ("name", "pack"), [("d.ndjson", bytes), ("d.ndjson.gz", gz), ("d.ndjson.zst", zstd)]
)
def test_a_line_that_is_too_long_is_set_aside_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes, found: str, name: str, pack
) -> None:
    monkeypatch.setenv("ZS_LARGEST_DOCUMENT", "100000")
    first, second, third = LINES.splitlines(keepends=True)
    padding = b"z" * 300_000 if start else b" " * 300_000
    lines = first + start + padding + b"\n" + second + start + padding + b"\n\n" + third
    source = written(tmp_path, pack(lines), name)
    swept, problems = split(source)
    assert [s.id for s in swept] == ["id1", "id2", "id3"]
    assert [p.id for p in problems] == [found, found]
    for number, problem in zip((2, 4), problems, strict=True):
        assert "larger than 100,000 bytes" in problem.reason
        assert f"set aside (line {number})" in problem.reason
    assert list(source.fetch(["id1", "id2", "id3"])) == DOCUMENTS
    told = list(source.sweep_again(["other"] if found is None else [found, "other"]))
    assert told == [Lacking("other", gone=True, reason="")] or found is None


def test_the_bound_is_of_one_document_and_not_of_a_file_that_holds_a_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZS_LARGEST_DOCUMENT", "1000")
    folder = tmp_path / "records"
    folder.mkdir()
    some = [{"_id": f"n{n}", "x": n} for n in range(100)]
    (folder / "a.json").write_text(json.dumps([*some, {"_id": "long", "x": "z" * 1000}]))
    (folder / "b.json").write_text(json.dumps({"_id": "alone", "x": "z" * 1000}, indent=1))
    source = opened(folder)
    swept, problems = split(source)
    assert [s.id for s in swept] == [d["_id"] for d in some]
    assert [p.id for p in problems] == ["long", "alone"]
    assert fetched(source) == some


def test_a_bound_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZS_LARGEST_DOCUMENT", "256 MB")
    with pytest.raises(SourceError, match="ZS_LARGEST_DOCUMENT is '256 MB'"):
        opened(Path("d.ndjson"))


MEMORY = """
import resource, sys
from pathlib import Path
from zs_pipeline.source.dump import DumpSource
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = list(DumpSource(Path(sys.argv[1]), ["x"]).sweep())
print(len(told), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("what", [b"z", b"\n", b" \n"])
def test_what_unpacks_to_much_takes_little_memory(tmp_path: Path, what: bytes) -> None:
    many = zstandard.ZstdCompressor().compressobj()
    packed = many.compress(LINES + b'{"_id": "long", "x": "')
    chunk = what * ((1 << 20) // len(what))
    packed += b"".join(many.compress(chunk) for _ in range(600)) + many.flush()
    path = tmp_path / "d.ndjson.zst"
    path.write_bytes(packed)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ZS_LARGEST_DOCUMENT": "10000000"},
    )
    told, megabytes = map(int, done.stdout.split())
    assert told == 4
    assert megabytes < 250


def test_a_fingerprint_is_that_of_the_bytes(tmp_path: Path) -> None:
    first, _ = split(written(tmp_path, LINES, "a.ndjson"))
    crlf, _ = split(written(tmp_path, LINES.replace(b"\n", b"\r\n"), "b.ndjson"))
    other, _ = split(written(tmp_path, LINES.replace(b'"x": 2', b'"x": 4'), "c.ndjson"))
    assert first == crlf
    assert [a == b for a, b in zip(first, other, strict=True)] == [True, False, True]


def test_a_dump_replaced_after_the_sweep_is_read_as_it_was(tmp_path: Path) -> None:
    source = written(tmp_path, LINES)
    split(source)
    (tmp_path / "new").write_bytes(b"nothing")
    (tmp_path / "new").replace(tmp_path / "d.ndjson")
    assert list(source.fetch(["id2"])) == [DOCUMENTS[1]]


def test_a_dump_overwritten_after_the_sweep_is_an_error(tmp_path: Path) -> None:
    source = written(tmp_path, LINES)
    split(source)
    (tmp_path / "d.ndjson").write_bytes(b"x" * len(LINES))
    with pytest.raises(SourceError, match="changed"):
        list(source.fetch(["id2"]))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    source = opened(tmp_path / "none.ndjson")
    for ask in (source.check, lambda: list(source.sweep()), lambda: list(source.fetch(["a"]))):
        with pytest.raises(SourceError, match="No such file"):
            ask()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    source = written(tmp_path, LINES)
    (tmp_path / "d.ndjson").chmod(0)
    with pytest.raises(SourceError, match="Permission"):
        source.check()


def test_a_folder_without_documents_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no \.json file"):
        opened(tmp_path).check()


@pytest.mark.parametrize(("name", "pack"), [("d.ndjson.gz", gz), ("d.ndjson.zst", zstd)])
@pytest.mark.parametrize("damage", [lambda b: b[:-6], lambda b: b"not compressed", lambda b: b[:3]])
def test_a_damaged_compressed_dump_is_told(tmp_path: Path, name: str, pack, damage) -> None:
    source = written(tmp_path, damage(pack(LINES)), name)
    with pytest.raises(SourceError, match="cut off or damaged"):
        list(source.sweep())


def test_an_empty_dump_holds_nothing(tmp_path: Path) -> None:
    for name in ("d.ndjson", "d.ndjson.gz", "d.ndjson.zst"):
        content = {"gz": gzip.compress, "st": zstandard.compress}.get(name[-2:], bytes)(b"")
        assert split(written(tmp_path, content, name)) == ([], [])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.text() | st.sampled_from(["_id", "x", "$oid", "$date"]), children, max_size=3
        )
    ),
    max_leaves=8,
)
documents = st.fixed_dictionaries(
    {}, optional={"_id": st.text() | json_values, "x": json_values, "name": json_values}
)
lines = st.one_of(
    st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")),
    json_values.map(lambda v: json.dumps(v).encode()),
    documents.map(lambda v: json.dumps(v).encode()),
    documents.map(lambda v: json.dumps(v, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    documents.flatmap(
        lambda v: st.integers(0, 30).map(lambda n: json.dumps(v).encode()[: -n or None])
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=6))
@example([b'{"_id":"a","y":1e400}', b'{"_id":"a","x":-0}', b"\xef\xbb\xbf"])
@example([b"", b"\0", b"\0"])
def test_no_line_stops_the_run_and_none_is_lost(tmp_path_factory, content: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("dump")
    source = written(folder, b"\n".join(content))
    swept, problems = split(source)
    # Of zero bytes and line ends alone a dump is blank, as UTF-16 without its mark would be.
    there = [part for part in content if part.removeprefix(b"\xef\xbb\xbf").strip().strip(b"\0")]
    assert len(swept) + len(problems) <= len(content)
    assert len(swept) + len(problems) >= len(there) - 1
    found = list(source.fetch([s.id for s in swept]))
    assert sorted(d["_id"] for d in found) == sorted(s.id for s in swept)
    for document in found:
        json.dumps(document, allow_nan=False).encode()
