"""What a night asks of the store when nothing changed, counted at S3: no more than it needs."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import client_store
import pytest
from building import FOLDER, document, dump
from stores import FaultyProxy

from zs_client.contract import (
    DOCUMENTS,
    SUCCESSOR_INDEX,
    VERSIONS_INDEX,
    Layout,
    SuccessorLayout,
)
from zs_client.store import Store
from zs_pipeline import build, recent_reads, run_scope
from zs_pipeline.acorns import FULL_CATALOGUE
from zs_pipeline.settings import sample

pytest_plugins = ("stores",)

# Its facts, and the day's file, of which Dagster shows the first rows where it is the whole table.
OF_A_TABLE = 2
# Documents, answers, custom tables, the registry, findings that are shown at the end.
# One more lists what the documents name, two look at the state of the night, and each run and the
# command look for a rollback.
OF_THE_REST = 40
SECOND = SuccessorLayout("0.99")
# Those of a build that writes the second layout as well.
ACORNS = FULL_CATALOGUE.acorns


@pytest.fixture(scope="module")
def asked(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    """Method and key of all that a night asked for after one of the same documents."""
    documents = [document(f"a{n}", str(n // 2)) for n in range(20)]
    source = dump(tmp_path_factory.mktemp("asked") / "d.ndjson", documents)
    proxy = FaultyProxy(s3_server)
    store = f"s3://{client_store.bucket(s3_server, public=False)}"
    with pytest.MonkeyPatch.context() as environment:
        client_store.as_owner(environment, proxy.url)
        # However slow the machine is.
        environment.setattr(run_scope, "SECONDS", 3600)
        environment.setenv("ZS_BDC_VERSION", SECOND.version)
        environment.setenv("ZS_BDC_FILES", "1")
        environment.setattr(recent_reads, "FEW_SECONDS", 3600)
        for _ in range(2):
            proxy.seen.clear()
            assert build.main(source=str(source), store=store, files=str(sample() / "files")) == 0
    proxy.close()
    paths = [(method, urlsplit(path).path.split("/", 2)) for method, path in proxy.seen]
    return Counter((method, unquote("".join(path[2:]))) for method, path in paths)


def test_a_night_without_a_change_reads_what_it_needs_once(asked: Counter) -> None:
    got = Counter({key: count for (method, key), count in asked.items() if method == "GET"})
    assert got.total() <= OF_A_TABLE * len(ACORNS) + OF_THE_REST
    # Nothing is made, so that no document and no other table's rows are looked at.
    assert not [key for key in got if key.startswith(f"{DOCUMENTS}/shards/")]
    assert len([key for key in got if key.endswith("/data.pqt")]) == len(
        [acorn for acorn in ACORNS if acorn.partition]
    )
    # What never changes is fetched once, whichever of the three runs looks at it: the first of the
    # partitions of a table, two tables that others are made from, two that are shown at the end.
    kinds = ("/_objects/", "/index/", "/set_aside/")
    objects = {key: count for key, count in got.items() if any(kind in key for kind in kinds)}
    assert set(objects.values()) == {1}
    assert len(objects) == len([acorn for acorn in ACORNS if acorn.partition]) + 6
    # That the others are there is asked alone.
    there = [key for method, key in asked if method == "HEAD" and "/_objects/" in key]
    assert len(there) == len(ACORNS)
    # By the table itself, by those made from it, for the registry and for what is shown at the end.
    assert {acorn.name: got[Layout("1.0.0").facts(acorn.table)] for acorn in ACORNS} == {
        acorn.name: 1 for acorn in ACORNS
    }


def test_a_night_without_a_change_reads_two_small_files_of_the_second_layout(
    asked: Counter,
) -> None:
    """Before any work and when it publishes; another test has what it writes."""
    of_second = {key: count for (_, key), count in asked.items() if SECOND.folder in key}
    assert of_second == {SECOND.record: 2}
    assert asked["GET", SUCCESSOR_INDEX] == 1
    # The command looks for a rollback, and its three runs together.
    assert asked["GET", Layout("1.0.0").rollback] == 2


def test_a_first_build_reads_no_document_and_no_row_that_it_has_written(
    proxy: FaultyProxy, s3: Store, tmp_path: Path
) -> None:
    """The second run of a night reads what the first has written, and finds it near by."""
    source = dump(tmp_path / "d.ndjson", [document(f"a{n}", str(n)) for n in range(5)])
    proxy.seen.clear()
    assert build.main(source=str(source), store=s3.url, files=str(sample() / "files")) == 0
    got = [path for method, path in proxy.seen if method == "GET"]

    assert Layout("1.0.0").facts("platform_qc") in "".join(got)
    assert not [path for path in got if "/shards/" in path or "/_objects/" in path]


def test_a_night_without_a_change_writes_the_registry_and_when_it_looked(asked: Counter) -> None:
    written = {key for method, key in asked if method in ("PUT", "POST", "DELETE")}

    # Before any work one small write; what it wrote is removed by a request to the bucket.
    probed = {key for key in written if not key or "/_probe/" in key}
    assert len(probed) == 2
    looked = {Layout("1.0.0").registry, f"{FOLDER}/metadata_upgrade.json"}
    assert written - probed == {*looked, Layout("1.0.0").night}
    assert asked["PUT", Layout("1.0.0").night] == asked["GET", Layout("1.0.0").night] == 2
    assert VERSIONS_INDEX not in written


def test_a_build_loads_pandas_for_what_is_pickled_alone(tmp_path: Path) -> None:
    """Which pyarrow would load for every list, to find out that it is no series."""
    source = dump(tmp_path / "d.ndjson", [document("a")])
    program = (
        "import sys; from zs_client.cli import main; sys.argv = ['zs', 'build']; code = main();"
        "print('pandas' in sys.modules);"
        "import pyarrow; print(pyarrow.table({'a': [1, 2]}).to_pandas()['a'].sum());"
        "sys.exit(code)"
    )
    where = {"ZS_SOURCE": str(source), "ZS_STORE": str(tmp_path / "out")}
    nights = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **where},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-2:]
        for _ in range(2)
    ]
    assert nights == [["True", "3"], ["False", "3"]]
