"""A value becomes plain JSON in one way, wherever it was decoded."""

import json
import math
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId, json_util
from bson.datetime_ms import DatetimeMS
from hypothesis import given, settings
from hypothesis import strategies as st

from zs_pipeline.source.plain import load, parse, plain


@pytest.mark.parametrize(
    ("extended", "expected"),
    [
        ('{"$oid": "0123456789ABCDEF01234567"}', "0123456789abcdef01234567"),
        ('{"$date": "2026-01-02T03:04:05.6Z"}', "2026-01-02T03:04:05.600Z"),
        ('{"$date": "2026-01-02T03:04:05+01:00"}', "2026-01-02T02:04:05.000Z"),
        ('{"$date": 1500}', "1970-01-01T00:00:01.500Z"),
        ('{"$date": {"$numberLong": "-1"}}', "1969-12-31T23:59:59.999Z"),
        ('{"$date": {"$numberLong": "1152921504606846976"}}', "1152921504606846976"),
        ('{"$numberLong": "5"}', 5),
        ('{"$numberInt": "5"}', 5),
        ('{"$numberDouble": "1.5"}', 1.5),
        ('{"$numberDouble": "-Infinity"}', {"$numberDouble": "-Infinity"}),
        ('{"$numberDouble": "NaN"}', {"$numberDouble": "NaN"}),
        ('"NaN"', "NaN"),
        ('{"$numberDecimal": "1.50"}', "1.50"),
        (
            '{"$uuid": "12345678-1234-5678-1234-567812345678"}',
            "12345678-1234-5678-1234-567812345678",
        ),
        ('{"$binary": {"base64": "YWI=", "subType": "00"}}', "YWI="),
        ('{"$binary": "YWI=", "$type": "00"}', "YWI="),
        ('{"$oid": 5}', {"$oid": 5}),
        ('{"$oid": "short"}', {"$oid": "short"}),
        ('{"$numberLong": 5}', {"$numberLong": 5}),
        ('{"$numberDecimal": "x"}', {"$numberDecimal": "x"}),
        ('{"$date": "yesterday"}', {"$date": "yesterday"}),
        ('{"$ref": "#/definitions/x"}', {"$ref": "#/definitions/x"}),
        ('{"$date": 5, "more": 1}', {"$date": 5, "more": 1}),
    ],
)
def test_extended_json(extended: str, expected: Any) -> None:
    assert parse(f'{{"a": [{extended}]}}'.encode()) == {"a": [expected]}
    assert parse(extended.encode()) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            "[NaN, Infinity, -Infinity, 1e400]",
            [{"$numberDouble": name} for name in ("NaN", "Infinity", "-Infinity", "Infinity")],
        ),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", "9223372036854775808"),
        ("-9223372036854775809", "-9223372036854775809"),
        (
            "[0.1234567890123456789, 12345678901234567890]",
            [0.1234567890123456789, "12345678901234567890"],
        ),
        ("1" * 5000, "1" * 5000),
        (r'{"\ud800k": "a\udc00b"}', {"\ufffdk": "a\ufffdb"}),
        (r'"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_careless_json(raw: str, expected: Any) -> None:
    assert parse(raw.encode()) == expected


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"nan", b"1 2", b"[" * 100_000])
def test_what_is_no_json_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds, with the parser's message
        parse(raw)


def test_json_without_oddities_is_not_walked() -> None:
    assert load(b'{"a": [1, 0.12345678901234567890, "100 $"]}')[1]
    assert not load(b'{"a": {"$oid": "0123456789abcdef01234567"}}')[1]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.uuids()
    | st.datetimes(timezones=st.none())
    | st.datetimes(timezones=st.just(UTC))
    | st.binary(min_size=12, max_size=12).map(ObjectId)
    | st.integers(-(1 << 63), (1 << 63) - 1).map(Int64)
    | st.integers(-(1 << 62), 1 << 62).map(DatetimeMS)
    | st.decimals(
        places=3, allow_nan=False, allow_infinity=False, max_value=1e9, min_value=-1e9
    ).map(Decimal128)
)
keys = st.text(st.characters()) | st.sampled_from(["$oid", "$date", "$numberLong", "$binary"])
values = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(keys, children, max_size=4),
    max_leaves=20,
)


def assert_plain(value: Any) -> None:
    assert type(value) in (type(None), bool, int, float, str, list, dict)
    if isinstance(value, float):
        assert math.isfinite(value)
    if isinstance(value, list):
        for one in value:
            assert_plain(one)
    if isinstance(value, dict):
        for key, one in value.items():
            assert type(key) is str
            assert_plain(one)


@settings(max_examples=400, deadline=None)
@given(values)
def test_any_value_becomes_plain_json(value: Any) -> None:
    found = plain(value)
    assert_plain(found)
    assert orjson.loads(orjson.dumps(found)) == found


bson_scalars = (
    st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text()
    | st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1)).map(  # noqa: DTZ001
        lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000, tzinfo=UTC)
    )
    | st.binary(min_size=12, max_size=12).map(ObjectId)
    | st.binary().map(Binary)
    | st.uuids(version=4).map(Binary.from_uuid)
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text("abc", min_size=1), bson_scalars, max_size=4),
    st.sampled_from(["CANONICAL", "RELAXED", "LEGACY"]),
)
def test_a_value_is_the_same_from_bson_and_from_its_extended_json(
    document: dict[str, Any], mode: str
) -> None:
    options = getattr(json_util, f"{mode}_JSON_OPTIONS")
    dumped = json_util.dumps(document, json_options=options)
    decoded = {
        k: v.as_uuid() if isinstance(v, Binary) and v.subtype == 4 else v
        for k, v in document.items()
    }
    assert parse(dumped.encode()) == plain(decoded)


def test_deep_values_are_walked_without_recursion() -> None:
    deep: Any = uuid.UUID(int=0)
    for _ in range(5_000):
        deep = [deep]
    found = plain(deep)
    while isinstance(found, list):
        (found,) = found
    assert found == str(uuid.UUID(int=0))


def test_json_is_read_as_the_standard_library_reads_it() -> None:
    raw = '{"a": [1, 2.5, "x", null, true, {"é": "ü"}], "b": {}}'
    assert parse(raw.encode()) == json.loads(raw)
