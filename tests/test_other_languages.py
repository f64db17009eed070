"""The pages' examples for JavaScript and R: one is run, the other is parsed."""

import shutil
import subprocess
from pathlib import Path

import client_store
import pytest
from building import document, dump, zs_build
from test_readme import ROOT, fenced

PAGE = (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
PUBLIC = "https://allen-data-views.s3.amazonaws.com"
PACKAGES = ("hyparquet@1.31", "hyparquet-compressors@1.1")
NEEDS_NODE = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="there is no Node with npm"
)


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder in which Node finds what the example imports."""
    folder = tmp_path_factory.mktemp("node")
    options = ("--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=20000")
    done = run("npm", "install", *options, *PACKAGES, cwd=folder)
    if done.returncode:
        pytest.skip(f"npm could not install {' '.join(PACKAGES)}: {done.stderr.strip()[-300:]}")
    return folder


@pytest.fixture
def public(s3_server, environment, tmp_path):
    """The URL of a public bucket's root with tables of two animals, one with a slash in its id."""
    environment.setenv("ZS_CACHE", "off")
    client_store.as_owner(environment, s3_server)
    bucket = client_store.bucket(s3_server, public=True)
    text, odd = document("text", "a/b"), document("odd", "700001")
    (metric,) = text["quality_control"]["metrics"]
    values = ["as it is", None, 5, {"value": [1]}]
    text["quality_control"]["metrics"] = [{**metric, "value": value} for value in values]
    source = dump(tmp_path / "d.ndjson", [text, odd])
    assert zs_build(source, f"s3://{bucket}") == 0
    return f"{s3_server}/{bucket}"


@NEEDS_NODE
@pytest.mark.slow
def test_the_example_for_javascript_runs_under_node(packages, public):
    (code,) = fenced(PAGE, "javascript")
    assert code.count(PUBLIC) == code.count("828418") == 1
    example = packages / "example.mjs"
    example.write_text(code.replace(PUBLIC, public).replace("828418", "a/b"), encoding="utf-8")
    done = run("node", example, cwd=packages)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "2 data assets, 1 of a/b",
        "drift Pass as it is",
        "drift Pass null",
        "drift Pass 5",
        "drift Pass { value: [ 1 ] }",
    ]


@NEEDS_NODE
def test_the_highest_version_is_by_number(tmp_path):
    (code,) = fenced(PAGE, "javascript")
    start, end = code.index("const number"), code.index("const newest")
    versions = '["zs-v1.9.0", "zs-v1.10.0", "zs-v0.28.6", "zs-v1.10"]'
    program = tmp_path / "versions.mjs"
    program.write_text(f"{code[start:end]}console.log({versions}.sort(later).join(' '));")
    done = run("node", program, cwd=tmp_path)
    assert done.stdout.split() == ["zs-v0.28.6", "zs-v1.9.0", "zs-v1.10", "zs-v1.10.0"], done.stderr


@pytest.mark.skipif(not shutil.which("Rscript"), reason="there is no Rscript")
def test_the_example_for_r_can_be_parsed(tmp_path):
    (code,) = fenced(PAGE, "r")
    (tmp_path / "example.R").write_text(code, encoding="utf-8")
    done = run("Rscript", "-e", 'invisible(parse("example.R"))', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
