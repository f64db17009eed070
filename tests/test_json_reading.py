"""JSON in every encoding, and with what no JSON should hold; nothing but a ValueError is raised."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline.shape.json_reading import careless, encoding_of, read

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")


@given(value=values, encoding=st.sampled_from(ENCODINGS), ascii_only=st.booleans())
def test_the_value_is_the_same_in_every_encoding(value, encoding, ascii_only):
    text = json.dumps([value], ensure_ascii=ascii_only)
    assert read(text.encode(encoding)) == [value]
    assert encoding_of(text.encode(encoding)) == (
        None if encoding in ("utf-8", "utf-8-sig") else encoding
    )


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[NaN, Infinity, -Infinity, 1.5]", [None, None, None, 1.5]),
        (b"[1e999, NaN]", [None, None]),
        (b'["NaN", NaN]', ["NaN", None]),
        (rb'["\ud800", "\ud83d\ude00"]', ["\ufffd", "\U0001f600"]),
        (b"[NaN, 123456789012345678901]", [None, "123456789012345678901"]),
        (b"\xef\xbb\xbf {} ", {}),
    ],
)
def test_what_no_table_can_hold_is_null_or_replaced(body, value):
    assert read(body) == value
    orjson.dumps(read(body))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"\xff", b"\xef\xbb\xbf", b"[" * 100_000, b"nan", b"\0"]
)
def test_what_is_no_json_is_a_value_error(body):
    with pytest.raises(ValueError):  # noqa: PT011 - of any text
        read(body)


@given(st.binary(max_size=30))
def test_whatever_the_bytes_nothing_else_is_raised(body):
    try:
        value = read(body)
    except ValueError:
        return
    orjson.dumps(value)


def test_a_caller_says_what_nan_is():
    assert careless(b"[NaN]", str) == ["NaN"]
