"""`zs doctor`: one line for each thing that is needed, and an exit code."""

import os
import re

import client_store
import pytest
import stores

from zs_client import cli
from zs_pipeline.acorns import ACORNS


class Careless(stores.FaultyProxy):
    """A server that passes over the conditions of writing."""

    def _forward(self, request, body):
        for name in ("If-Match", "If-None-Match"):
            del request.headers[name]
        return super()._forward(request, body)


@pytest.fixture
def doctor(environment, capsys):
    """Run it; the exit code, and the state and the words of each line."""

    def run(*words):
        code = cli.main(["doctor", *words])
        lines = capsys.readouterr().out.splitlines()[1:]
        told = [re.split(r" {2,}", line, maxsplit=2) for line in lines]
        return code, {what: (state, said) for what, state, said in told}

    return run


def wrong(found):
    return {what for what, (state, _) in found.items() if state == "WRONG"}


def test_what_is_as_it_must_be(doctor, sample_store):
    code, found = doctor("--store", str(sample_store))
    assert (code, wrong(found)) == (0, set())
    assert found["writing"][0] == "not tried"
    assert found["tables"][1] == f"{len(ACORNS)} are fresh"
    assert {"zs", "local cache", "store", "reading", "source", "history"} <= found.keys()


def test_a_store_that_may_be_written_is_tried_and_left_as_it_was(doctor, tmp_path, s3_server):
    client_store.filled(str(tmp_path))
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    _, found = doctor("--store", str(tmp_path), "--write")
    assert found["conditions"][0] == found["writing"][0] == "good"
    after = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert [path for path in after if path.suffix != ".lock"] == [
        path for path in before if path.suffix != ".lock"
    ]


def test_a_server_that_passes_over_conditions_is_named(doctor, s3_server, environment):
    proxy = Careless(s3_server)
    client_store.as_owner(environment, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=False)}"
    client_store.filled(url)
    code, found = doctor("--store", url, "--write")
    assert (code, wrong(found) & {"conditions"}) == (code, set())
    environment.setenv("AWS_ENDPOINT_URL", proxy.url)
    code, found = doctor("--store", url, "--write")
    assert code == 1
    assert "If-Match" in found["conditions"][1]
    proxy.close()


@pytest.mark.parametrize(
    ("variables", "words", "what", "said"),
    [
        ({}, ["--store", "/no/such/folder"], "store", "no such folder"),
        ({"AWS_ENDPOINT_URL": "nowhere"}, ["--store", "s3://b"], "store", "http://"),
        ({"ZS_CACHE": "/dev/null/x"}, [], "local cache", "ZS_CACHE"),
        ({}, ["--source", "nowhere.ndjson"], "source", "nowhere.ndjson"),
        ({"DAGSTER_HOME": "/no/such/home"}, [], "history", "no such folder"),
        ({"DAGSTER_HOME": "home"}, [], "history", "absolute"),
        ({"ZS_VERSION": "9.9"}, [], "reading", "version 9.9"),
    ],
)
def test_what_is_not_is_named_with_exit_code_1(
    doctor, sample_store, environment, variables, words, what, said
):
    environment.setenv("ZS_STORE", str(sample_store))
    for name, value in variables.items():
        environment.setenv(name, value)
    code, found = doctor(*words)
    assert code == 1
    assert what in wrong(found)
    assert said in found[what][1]


def test_who_may_not_read_is_told_so(doctor, environment, s3_server):
    client_store.as_owner(environment, s3_server)
    url = f"s3://{client_store.bucket(s3_server, public=False)}"
    client_store.filled(url)
    client_store.nobody(environment, s3_server)
    code, found = doctor("--store", url)
    assert code == 1
    assert "may not be read" in found["reading"][1]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_may_not_be_written(doctor, tmp_path):
    client_store.filled(str(tmp_path))
    tmp_path.chmod(0o555)
    code, found = doctor("--store", str(tmp_path), "--write")
    tmp_path.chmod(0o755)
    assert code == 1
    assert wrong(found) == {"writing"}
