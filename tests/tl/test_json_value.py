"""Passing over a JSONValue."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.tl_values import JSON, JSON_LEAVES, json_vector
from mtproto_bind._errors import MalformedMessage
from mtproto_bind._tl.codec import Reader, Writer
from mtproto_bind._tl.json_value import DEEPEST, read_json

NULL = bytes.fromhex("687b6d3f")
ARRAY, OBJECT = "f7444763", "99c1d49d"


def string(value: bytes) -> bytes:
    writer = Writer()
    writer.raw(bytes.fromhex("7a761eb7"))
    writer.string(value)
    return writer.to_bytes()


def nested(depth: int, kind: str = ARRAY) -> bytes:
    value = NULL
    for _ in range(depth):
        value = json_vector(kind, [value])
    return value


@given(JSON, st.binary(max_size=8))
def test_a_value_ends_where_it_ends(value: bytes, tail: bytes) -> None:
    reader = Reader(b"head" + value + tail, 4)
    assert read_json(reader) == value
    assert reader.rest() == tail


@pytest.mark.parametrize("value", [string(b""), string(b"text"), json_vector(ARRAY, []), json_vector(OBJECT, [string(b"x")])])
def test_each_kind(value: bytes) -> None:
    assert read_json(Reader(value)) == value


@pytest.mark.parametrize("kind", [ARRAY, OBJECT])
def test_depth_is_bounded(kind: str) -> None:
    assert read_json(Reader(nested(DEEPEST, kind))) == nested(DEEPEST, kind)
    with pytest.raises(MalformedMessage, match="more than 32 deep"):
        read_json(Reader(nested(DEEPEST + 1, kind)))


def test_depth_costs_no_stack() -> None:
    head = bytes.fromhex(ARRAY)[::-1] + bytes.fromhex("15c4b51c01000000")
    with pytest.raises(MalformedMessage):
        read_json(Reader(head * 100_000))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(4), id="unknown"),
        pytest.param(bytes.fromhex("d91bdec0") + bytes(8), id="a member alone"),
        pytest.param(bytes.fromhex("a4dfe02b") + bytes(7), id="half a number"),
        pytest.param(bytes.fromhex("6a5e34c7"), id="no bool"),
        pytest.param(json_vector(ARRAY, [NULL])[:-4], id="no item"),
        pytest.param(json_vector(OBJECT, [NULL])[:-1], id="half an item"),
        pytest.param(json_vector(OBJECT, [NULL]).replace(bytes.fromhex("d91bdec0"), NULL), id="no member"),
        pytest.param(json_vector(ARRAY, [])[:-4] + b"\xff\xff\xff\x7f", id="2^31 - 1 items"),
    ],
)
def test_what_is_refused(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_json(Reader(value))


@given(JSON, st.data())
def test_any_bytes_give_a_value_or_malformed(value: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(value)
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    head = data.draw(st.sampled_from([b"", json_vector(ARRAY, [b""]), json_vector(OBJECT, [b""])]) | JSON_LEAVES)
    reader = Reader(head + bytes(spoilt))
    with contextlib.suppress(MalformedMessage):
        assert len(read_json(reader)) == reader.offset
