"""Real readers on a cache that is built from the sample: what each call answers. `make readers`.

Each runs in an environment of its own, under a folder that is gone afterwards, against the stand-in
of S3: zombie-squirrel and biodata-cache by their own functions, DuckDB by its own S3 reader, and
DuckDB-WASM in Chromium the way a website reads. `docs/readers.md` keeps the table.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import server
from bench.measure import environment

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "readers.md"
BEGIN, END = "<!-- readers: begin -->", "<!-- readers: end -->"
SIGNATURES = ROOT / "tests" / "biodata-cache-signatures.json"
CALLS = Path(__file__).with_name("reader_calls.py")
WEBSITE = Path(__file__).with_name("reader_website.js")

# Both packages read the one bucket.
BUCKET, PAGES = "allen-data-views", "pages"
CACHE = "data-asset-cache"
FOLDER = "bdc-v0.42"
ZOMBIE, SUCCESSOR = "zombie-squirrel==0.28.6", "biodata-cache==0.42.26"
# With an extension for S3 as a wheel.
OF_PACKAGES = "1.5.5"
ENGINES = ("1.2.2", "1.4.4", OF_PACKAGES, "")
WASM = "@duckdb/duckdb-wasm@1.28.0"
ESBUILD = "esbuild@0.28.2"
NEWER_WASM = "not run: it fetches its parquet extension from a host that is not always reachable"
NO_TABLE = "not run: this cache has no such table"
ASKS_SOURCE = "not run: it asks the database of documents, whatever the cache has"
NO_NPM = "not run: npm could not install it"
# The beginnings of the names of each part's readers.
PARTS = {
    "packages": ("zombie-squirrel ", "biodata-cache "),
    "drop-in": ("zs_client.",),
    "duckdb": ("DuckDB ",),
    "browser": ("DuckDB-WASM",),
}

SUBJECT = "901001"
RAW = "901001_2024-09-03_17-12-31"
SHARED: tuple[tuple[str, list[Any], dict[str, Any]], ...] = (
    ("unique_project_names", [], {}),
    ("unique_subject_ids", [], {}),
    ("unique_genotypes", [], {}),
    ("asset_basics", [], {}),
    ("source_data", [], {}),
    ("raw_to_derived", [RAW], {}),
    ("raw_to_derived", [RAW], {"latest": True}),
    ("raw_to_derived", [RAW], {"modality": "behavior"}),
    ("platform_qc", ["fib"], {}),
    ("assets_smartspim", [], {}),
    ("platform_fib", [], {}),
    ("behavior_curriculum", [], {}),
    ("metadata_upgrade", [], {}),
    ("custom", ["readers_notes"], {}),
    ("qc_columns", [], {}),
)
OF_ZOMBIE = (
    ("get_squirrel_info", [], {}),
    *SHARED,
    ("foraging_sessions", [], {}),
    ("qc", [SUBJECT], {}),
    ("qc", [SUBJECT], {"asset_names": [RAW]}),
    ("qc", [SUBJECT], {"lazy": True}),
)
OF_SUCCESSOR = (
    ("get_cache_versions", [], {}),
    ("get_cache_registry", [], {}),
    *SHARED,
    ("asset_basics", [], {"modality": "fib", "include_total": True}),
    ("metadata_core", [], {}),
    ("platform_exaspim", [], {}),
    ("platform_dynamic_foraging_sessions", [], {}),
    ("qc", [RAW], {}),
    ("qc", [RAW], {"lazy": True}),
    ("qc_status", [], {}),
    ("time_to_qc", [], {}),
    ("platform_smartspim_fiber_ccf", [], {}),
    ("platform_smartspim_qc_metrics", [], {}),
    ("record_consistency_results", [], {}),
    ("record_consistency_checks", [], {}),
)
# Their tables hold no metadata of data assets.
OF_SCIENCE = (
    "the 27 functions of units, spikes, traces, cells, workshops, logs and storage (docs/moving.md)"
)
# The table that a function reads, where it has another name; none of some.
READS = {
    "assets_smartspim": "platform_smartspim",
    "raw_to_derived": "source_data",
    **dict.fromkeys(("get_cache_versions", "get_cache_registry", "qc_columns", "custom"), ""),
}
HIVE = "hive_partitioning=true, hive_types_autocast=false, union_by_name=true"
QUERIES = {
    "`qc/**`, rows": f"SELECT count(*) FROM read_parquet('{{}}/qc/**', {HIVE})",
    "`qc/**`, one subject": (
        f"SELECT count(*) FROM read_parquet('{{}}/qc/**', {HIVE}) WHERE subject_id = '{SUBJECT}'"
    ),
    "`qc/**` as of old, numeric subjects": (
        "SELECT count(*) FROM read_parquet('{}/qc/**', hive_partitioning=true, union_by_name=true)"
    ),
    "`qc.pqt`, rows": "SELECT count(*) FROM read_parquet('{}/qc.pqt')",
    "`qc.pqt`, one subject": (
        f"SELECT count(*) FROM read_parquet('{{}}/qc.pqt') WHERE subject_id = '{SUBJECT}'"
    ),
    "`asset_basics.pqt` with a list": (
        "SELECT count(*) FROM read_parquet('{}/asset_basics.pqt') "
        "WHERE list_contains(modalities, 'fib')"
    ),
}
# After one ATTACH. The views name the store by its URL, so only over S3.
ATTACH = "ATTACH '{}/tables.duckdb' AS zs (READ_ONLY)"
OF_VIEWS = {
    "`tables.duckdb`, views": (
        "SELECT count(*) FROM duckdb_views() WHERE database_name = 'zs' AND NOT internal"
    ),
    "`tables.duckdb`, columns with a comment": (
        "SELECT count(comment) FROM duckdb_columns() WHERE database_name = 'zs' AND NOT internal"
    ),
    "`zs.qc`, one subject": f"SELECT count(*) FROM zs.qc WHERE subject_id = '{SUBJECT}'",
    "`zs.qc_by_raw_asset`, one data asset": (
        f"SELECT count(*) FROM zs.qc_by_raw_asset WHERE raw_asset_name = '{RAW}'"
    ),
    "`zs.qc` joined with `zs.asset_basics`": (
        "SELECT count(*) FROM zs.qc AS q JOIN zs.asset_basics AS b ON b.name = q.asset_name"
    ),
}


@dataclass(frozen=True)
class Result:
    """What a call of a reader answered.

    Attributes:
        reader: The reader, with its version.
        call: What was asked.
        answer: The answer in a few words.
        failed: Whether it failed.
    """

    reader: str
    call: str
    answer: str
    failed: bool = False


@dataclass(frozen=True)
class Bench:
    """Where readers run.

    Attributes:
        address: The stand-in of S3, which has the built cache.
        folder: A folder for environments, gone afterwards.
    """

    address: str
    folder: Path

    def variables(self, home: Path, **more: str) -> dict[str, str]:
        """Returns what a reader's process is given, nothing of the caller's."""
        return environment(
            home,
            HOME=str(home),
            AWS_ENDPOINT_URL=self.address,
            AWS_ACCESS_KEY_ID="bench",
            AWS_SECRET_ACCESS_KEY="bench",  # noqa: S106 - of the stand-in
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ALLOW_HTTP="true",
            **more,
        )


def build(bench: Bench, version: str) -> None:
    """Build the sample into the stand-in, in our layout and in the successor's."""
    home = bench.folder / "build"
    home.mkdir()
    store = f"s3://{BUCKET}"
    variables = bench.variables(home, ZS_BDC_VERSION=version, ZS_BDC_FILES="1", ZS_STORE=store)
    run([sys.executable, "-m", "zs_client.cli", "build", "--store", store], variables)
    code = (
        "import pandas, zs_client; "
        "zs_client.custom('readers_notes', pandas.DataFrame({'note': ['a', 'b']}))"
    )
    run([sys.executable, "-c", code], variables)


def keys(bench: Bench, prefix: str) -> list[str]:
    """Returns the keys under a prefix in the cache, as the stand-in lists them."""
    found: list[str] = []
    token = ""
    while True:
        more = f"&continuation-token={token}" if token else ""
        url = f"{bench.address}/{BUCKET}?list-type=2&prefix={CACHE}/{prefix}{more}"
        text = _get(url).decode()
        found += re.findall(r"<Contents><Key>([^<]*)</Key>", text)
        match = re.search(r"<NextContinuationToken>([^<]*)<", text)
        if not match:
            return found
        token = match[1]


def copy(bench: Bench, source: str, target: str) -> None:
    """Copy a folder of the cache under another name, as a reader of that version looks for it."""
    for key in keys(bench, f"{source}/"):
        if "/_objects/" not in key:
            body = _get(f"{bench.address}/{BUCKET}/{key}")
            _put(f"{bench.address}/{BUCKET}/{key.replace(f'/{source}/', f'/{target}/', 1)}", body)


def registry(bench: Bench, folder: str) -> dict[str, Any]:
    """Returns the successor's registry, by table."""
    found = {}
    for key in keys(bench, f"{folder}/cache_registry/"):
        entry = json.loads(_get(f"{bench.address}/{BUCKET}/{key}"))
        found[entry["name"]] = entry
    return found


def packages(bench: Bench) -> Iterable[Result]:
    """Yields what the two packages' own functions answer."""
    copy(bench, "zs-v1.0.0", "zs-v0.28.6")
    python = environment_of(bench, ZOMBIE)
    answers = ask(bench, python, "answers", "zombie_squirrel", OF_ZOMBIE, FOREST_TYPE="S3")
    yield from _told(ZOMBIE, OF_ZOMBIE, answers)
    python = environment_of(bench, SUCCESSOR)
    copy_custom(bench, FOLDER)
    tables = registry(bench, FOLDER)
    known = [call for call in _with_tables(tables, READS) if call[0] != "metadata_core"]
    answers = ask(bench, python, "answers", "biodata_cache", known, BIODATA_CACHE_BACKEND="s3")
    yield from _told(SUCCESSOR, known, answers)
    for name, args, words in OF_SUCCESSOR:
        if (name, args, words) not in known:
            # It would ask the source for a table that is not there.
            answer = ASKS_SOURCE if name == "metadata_core" else NO_TABLE
            yield Result(_named(SUCCESSOR), _written(name, args, words), answer)
    yield Result(_named(SUCCESSOR), OF_SCIENCE, NO_TABLE)


def environment_of(bench: Bench, package: str) -> Path:
    """Returns the Python of a new environment with a package, whose DuckDB reads the stand-in."""
    python = _environment(bench, package, f"duckdb=={OF_PACKAGES}", _httpfs(OF_PACKAGES))
    ask(bench, python, "with_httpfs", bench.address)
    return python


def drop_in(bench: Bench) -> Iterable[Result]:
    """Yields what our own module answers to the calls of the successor's package."""
    home = bench.folder / "drop-in"
    home.mkdir()
    own = {**READS, "qc_status": "qc_tag_status", "qc_columns": "qc"}
    calls = _with_tables(registry(bench, FOLDER), own)
    variables = bench.variables(home, ZS_STORE=f"s3://{BUCKET}", ZS_CACHE="off")
    question = json.dumps(["answers", "zs_client.biodata_cache", calls])
    said = run([sys.executable, str(CALLS)], variables, home, question)
    yield from _told("zs_client.biodata_cache", calls, json.loads(said.splitlines()[-1]))
    for call in OF_SUCCESSOR:
        if call not in calls:
            yield Result("zs_client.biodata_cache", _written(*call), NO_TABLE)


def _with_tables(tables: Iterable[str], names: dict[str, str]) -> list[Any]:
    """Returns the calls whose table is there, by the names of the functions' tables."""
    return [call for call in OF_SUCCESSOR if names.get(call[0], call[0]) in {*tables, ""}]


def _named(requirement: str) -> str:
    return requirement.replace("==", " ")


def copy_custom(bench: Bench, folder: str) -> None:
    """Put a custom table where the successor's Python package looks for it."""
    body = _get(f"{bench.address}/{BUCKET}/{CACHE}/custom/readers_notes.pqt")
    _put(f"{bench.address}/{BUCKET}/{CACHE}/{folder}/readers_notes.pqt", body)


def _told(reader: str, calls: Iterable[Any], answers: Iterable[Any]) -> Iterable[Result]:
    for (name, args, words), (answer, failed) in zip(calls, answers, strict=True):
        yield Result(_named(reader), _written(name, args, words), answer, failed)


def _written(name: str, args: Sequence[Any], words: dict[str, Any]) -> str:
    given = [*(repr(arg) for arg in args), *(f"{word}={value!r}" for word, value in words.items())]
    return f"`{name}({', '.join(given)})`"


def engines(bench: Bench) -> Iterable[Result]:
    """Yields what releases of DuckDB answer: over S3 where a wheel has that, else a folder."""
    local = bench.folder / "copy"
    for key in keys(bench, "zs-v1.0.0/"):
        if "/_objects/" not in key:
            path = local / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_get(f"{bench.address}/{BUCKET}/{key}"))
    for version in ENGINES:
        if version:
            python = _environment(bench, f"duckdb=={version}", _httpfs(version))
            release = ask(bench, python, "with_httpfs", bench.address).removeprefix("v")
            root, place = f"s3://{BUCKET}/{CACHE}/zs-v1.0.0", "S3"
        else:
            python = _environment(bench, "duckdb")
            code = "import duckdb; print(duckdb.__version__)"
            release = run([str(python), "-c", code], bench.variables(bench.folder)).strip()
            root, place = str(local / CACHE / "zs-v1.0.0"), "a folder"
        queries = [query.format(root) for query in QUERIES.values()]
        answers = ask(bench, python, "queried", queries, [])
        for call, (answer, failed) in zip(QUERIES, answers, strict=True):
            yield Result(f"DuckDB {release}, {place}", call, answer, failed)
        if version:
            attached = ask(bench, python, "queried", [*OF_VIEWS.values()], [ATTACH.format(root)])
            for call, (answer, failed) in zip(OF_VIEWS, attached, strict=True):
                yield Result(f"DuckDB {release}, {place}", call, answer, failed)


def browser(bench: Bench) -> Iterable[Result]:
    """Yields what DuckDB-WASM in Chromium answers, the way a website reads both layouts."""
    name = (
        WASM.lstrip("@").partition("/")[2].replace("@", " ").replace("duckdb-wasm", "DuckDB-WASM")
    )
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    npm = shutil.which("npm")
    reader = f"{name} in Chromium"
    newer = Result("DuckDB-WASM, newer", "", NEWER_WASM)
    if not chromium or not npm:
        yield Result(reader, "", f"not run: there is no {'npm' if chromium else 'Chromium'} here")
        yield newer
        return
    try:
        _page(bench, npm)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        yield Result(reader, "", NO_NPM)
        yield newer
        return
    home = bench.folder / "chromium"
    # It stays open for whoever asks at its debugging port, until it is ended here.
    words = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    words += ["--remote-debugging-port=0", f"--user-data-dir={home}"]
    process = subprocess.Popen(
        [*words, f"{bench.address}/{PAGES}/index.html"],
        env=bench.variables(bench.folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        found = _awaited(f"{bench.address}/{PAGES}/result.json")
    finally:
        process.kill()
        process.wait()
    if found is None:
        yield Result(reader, "", "no answer in two minutes", failed=True)
    for call, answer, failed in found or []:
        yield Result(reader, call, answer, failed)
    yield newer


def _page(bench: Bench, npm: str) -> None:
    """Put the page and all that it loads beside the cache, so that no other host is asked."""
    folder = bench.folder / "page"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    variables = {**bench.variables(folder), "npm_config_cache": str(folder / "npm")}
    words = ["install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", WASM, ESBUILD]
    run([npm, *words], variables, folder)
    shutil.copy(WEBSITE, folder / "website.js")
    esbuild = folder / "node_modules" / ".bin" / "esbuild"
    run([str(esbuild), "website.js", "--bundle", "--outfile=bundle.js"], variables, folder)
    wasm = folder / "node_modules" / "@duckdb" / "duckdb-wasm" / "dist"
    kinds = {".js": "text/javascript", ".wasm": "application/wasm"}
    for path in (
        *(folder / "bundle.js", wasm / "duckdb-eh.wasm"),
        wasm / "duckdb-browser-eh.worker.js",
    ):
        url = f"{bench.address}/{PAGES}/{path.name}"
        _put(url, path.read_bytes(), kinds[path.suffix])
    page = b"<!doctype html><meta charset=utf-8><script src=bundle.js></script>"
    _put(f"{bench.address}/{PAGES}/index.html", page, "text/html")


def _awaited(url: str) -> Any:
    for _ in range(240):
        try:
            return json.loads(_get(url))
        except OSError:
            time.sleep(0.5)
    return None


def ask(bench: Bench, python: Path, *question: Any, **variables: str) -> Any:
    """Returns what `bench.reader_calls` answers in an environment, whose home is its folder."""
    home = python.parents[2]
    given = {**bench.variables(home, **variables), "PYTHONPATH": ""}
    told = run([str(python), str(CALLS)], given, home, json.dumps(question))
    return json.loads(told.splitlines()[-1])


def _httpfs(version: str) -> str:
    return f"duckdb-extension-httpfs=={version}"


def _environment(bench: Bench, *requirements: str) -> Path:
    """Returns the Python of a new environment.

    Raises:
        RuntimeError: A requirement cannot be installed.
    """
    folder = Path(tempfile.mkdtemp(dir=bench.folder)) / "env"
    run([sys.executable, "-m", "venv", str(folder)], dict(os.environ))
    python = folder / "bin" / "python"
    words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([str(python), *words, *filter(None, requirements)], dict(os.environ))
    return python


def run(
    words: Sequence[str], variables: dict[str, str], folder: Path = ROOT, text: str = ""
) -> str:
    """Returns what a command prints.

    Raises:
        RuntimeError: It failed.
    """
    done = subprocess.run(
        words, env=variables, cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise RuntimeError(f"{Path(words[0]).name} ended with {done.returncode}:\n{said}")
    return done.stdout


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(url: str) -> bytes:
    with _OPENER.open(url, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def _put(url: str, body: bytes, kind: str = "application/octet-stream") -> None:
    request = urllib.request.Request(  # noqa: S310 - the stand-in's
        url, data=body, method="PUT", headers={"Content-Type": kind}
    )
    _OPENER.open(request, timeout=60).close()


def write_signatures() -> None:
    """Write the signatures of the successor's functions, which tests compare ours with."""
    with tempfile.TemporaryDirectory(prefix="zs-readers-") as made:
        bench = Bench("", Path(made))
        python = _environment(bench, SUCCESSOR)
        signatures = ask(bench, python, "signatures", "biodata_cache")
    SIGNATURES.write_text(f"{json.dumps(signatures, indent=1)}\n", encoding="utf-8")


def table(results: Iterable[Result]) -> str:
    """Returns results as a table in Markdown, without addresses or paths of this machine."""
    lines = [["reader", "call", "result"], ["---"] * 3]
    for result in results:
        answer = re.sub(r"(https?://|/tmp/)[^\s'\"]+", "…", result.answer)
        answer = " ".join(answer.replace("|", "\\|").split())
        answer = f"FAILS: {answer}" if result.failed else answer
        lines.append([result.reader, result.call or "all", answer])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def written(page: str, results: str) -> str:
    """Returns a page with the lines of results; parts that were not run keep theirs."""
    head, begin, rest = page.partition(BEGIN)
    before, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    lines = results.splitlines()[:2]
    for names in PARTS.values():
        of_part = tuple(f"| {name}" for name in names)
        new, old = (
            [line for line in text.splitlines() if line.startswith(of_part)]
            for text in (results, before)
        )
        lines += new or old
    return "\n".join([f"{head}{BEGIN}", *lines, f"{END}{tail}"])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the readers; returns 0 when no call failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.readers", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table to docs/readers.md")
    parser.add_argument(
        "--parts", nargs="+", choices=tuple(PARTS), default=tuple(PARTS), help="only these"
    )
    parser.add_argument(
        "--signatures", action="store_true", help="only write the signatures that tests compare"
    )
    given = parser.parse_args(argv)
    if given.signatures:
        write_signatures()
        return 0
    functions: dict[str, Callable[[Bench], Iterable[Result]]] = {
        "packages": packages,
        "drop-in": drop_in,
        "duckdb": engines,
        "browser": browser,
    }
    results: list[Result] = []
    buckets = ("--bucket", BUCKET, "--bucket", PAGES)
    with (
        tempfile.TemporaryDirectory(prefix="zs-readers-", ignore_cleanup_errors=True) as made,
        server.started("bench.s3", *buckets) as address,
    ):
        bench = Bench(address, Path(made))
        build(bench, FOLDER.removeprefix("bdc-v"))
        for part in given.parts:
            began = time.monotonic()
            results += functions[part](bench)
            print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(results))
    if given.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(results)), encoding="utf-8")
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    sys.exit(main())
