"""Names that are a contract: a segment for every value, versions in the order of their numbers."""

import re
from pathlib import Path

import pytest
from dagster import DynamicPartitionsDefinition, instance_for_test
from declaring import WHOLE
from hypothesis import example, given
from hypothesis import strategies as st

from zs_client import contract
from zs_client.contract import (
    NULL_PARTITION,
    Layout,
    decode_partition,
    encode_partition,
    version_order,
)
from zs_pipeline.declaration import Acorn, Column

# Lone surrogates too: what a document may hold, not only what is Unicode.
any_text = st.text(st.characters(exclude_categories=()))
ODD = (
    "..", "...", ".", "a..b", ".a", "a.", "/", "a/b", "../../x", "%", "%2F", "%2e%2e", "=", "a=b",
    "\0", "\n", " ", " a ", "\\", "C:\\x", "~", "*", "?", "#1", "data.pqt#1", "é", "e\u0301", "🐭",
    "\ud800", "\ud83d\ude00", "\udfff", "__HIVE", "NULL", "", "-", "+", "&", "'", '"', "828418",
)  # fmt: skip


def odd(test):
    for value in ODD:
        test = example(value)(test)
    return test


@given(any_text)
@odd
def test_a_value_comes_back_from_its_segment(value: str) -> None:
    assert decode_partition(encode_partition(value)) == value


@given(any_text)
@odd
def test_a_segment_has_only_safe_characters_and_is_no_way_out_of_a_folder(value: str) -> None:
    segment = encode_partition(value)
    assert re.fullmatch(r"([A-Za-z0-9_.-]|%[0-9A-F]{2})*", segment)
    assert ".." not in segment
    assert not segment.startswith(".")
    assert not segment.endswith(".")
    key = Layout("1.0.0").partition("qc", "subject_id", segment)
    assert key.count("/") == 4
    assert key.startswith("data-asset-cache/zs-v1.0.0/qc/subject_id=")


@given(any_text, any_text)
@example("a/b", "a%2Fb")
@example("..", "%2E%2E")
def test_two_values_have_two_segments(one: str, other: str) -> None:
    assert (encode_partition(one) == encode_partition(other)) == (one == other)


@given(any_text)
@odd
def test_a_segment_of_a_segment_is_another_value_unless_nothing_needed_encoding(value: str) -> None:
    segment = encode_partition(value)
    assert (encode_partition(segment) == segment) == (segment == value)


def test_no_value_is_the_segment_that_hive_has_for_it() -> None:
    assert encode_partition(None) == NULL_PARTITION == "__HIVE_DEFAULT_PARTITION__"
    assert decode_partition(NULL_PARTITION) is None


def test_a_text_that_reads_like_hives_null_is_not_null() -> None:
    assert decode_partition(encode_partition(NULL_PARTITION)) == NULL_PARTITION


def test_a_version_in_other_digits_has_no_folder() -> None:
    with pytest.raises(ValueError, match="is not dotted numbers"):
        Layout("١.٢")  # noqa: RUF001 - what the test is about


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("828418", "828418"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("k=v", "k%3Dv"),
        ("100%", "100%25"),
        ("é", "%C3%A9"),
        ("v1.2", "v1.2"),
        ("..", "%2E%2E"),
        ("a...b", "a%2E%2E%2Eb"),
    ],
)
def test_segments_are_those_that_readers_know(value: str, segment: str) -> None:
    assert encode_partition(value) == segment


def test_dagster_takes_every_segment_as_a_partition_key() -> None:
    keys = sorted({encode_partition(value) for value in ODD if value})
    subjects = DynamicPartitionsDefinition(name="subject_id")
    with instance_for_test() as instance:
        instance.add_dynamic_partitions("subject_id", keys)
        assert sorted(subjects.get_partition_keys(dynamic_partitions_store=instance)) == keys


def test_versions_are_in_the_order_of_their_numbers() -> None:
    folders = ["zs-v0.28.6", "zs-v0.9", "zs-v1.0.0", "zs-v0.28.10", "zs-v10.0", "zs-v2", "other"]
    assert sorted(folders, key=version_order) == [
        "other", "zs-v0.9", "zs-v0.28.6", "zs-v0.28.10", "zs-v1.0.0", "zs-v2", "zs-v10.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "version",
    ["1.0.0rc1", "1.0.0-beta", "v1.0", "", ".", "1.", ".1", "1..0", "1.0\n", " 1", "1/..", "../1"],
)
def test_a_version_that_is_not_dotted_numbers_has_no_folder(version: str) -> None:
    with pytest.raises(ValueError, match="is not dotted numbers"):
        Layout(version)


def test_the_installed_version_has_a_folder() -> None:
    assert Layout(contract.__version__).folder == f"data-asset-cache/zs-v{contract.__version__}"


def test_a_location_is_a_file_or_a_folder_with_a_slash() -> None:
    whole = {"table": "asset_basics", "partition_key": None}
    split = {"table": "qc", "partition_key": "subject_id"}
    start = "s3://bucket/data-asset-cache/zs-v1.2.3"
    assert Layout("1.2.3").location("s3://bucket", whole) == f"{start}/asset_basics.pqt"
    assert Layout("1.2.3").location("s3://bucket", split) == f"{start}/qc/"


def test_a_column_of_an_unknown_type_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match=r"column age: 'int' is not one of"):
        Column("age", "int", "Days.")


def test_a_table_lies_under_its_folder_where_it_has_one() -> None:
    acorn = Acorn("quality_control", "", "asset", (), (), WHOLE, folder="qc")
    assert (acorn.table, Acorn("a", "", "asset", (), (), WHOLE).table) == ("qc", "a")


def test_a_citation_names_the_version_of_the_packages() -> None:
    citation = (Path(__file__).parents[1] / "CITATION.cff").read_text()
    assert f"\nversion: {contract.__version__}\n" in citation
