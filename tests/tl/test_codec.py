"""TL primitives: https://core.telegram.org/mtproto/serialize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.tl_values import INTS, LONGS
from kit.vectors import load
from mtproto_bind._errors import MalformedMessage
from mtproto_bind._tl.codec import LONGEST_STRING, Reader, Writer

VECTORS = {entry["name"]: entry for entry in load("tl_primitives")}


def written(write: Callable[[Writer], None]) -> bytes:
    writer = Writer()
    write(writer)
    return writer.to_bytes()


def test_vector_int() -> None:
    encoded = bytes.fromhex(VECTORS["int -404"]["encoded"])
    assert Reader(encoded).int32() == -404
    assert written(lambda w: w.int32(-404)) == encoded


def test_vector_long() -> None:
    encoded = bytes.fromhex(VECTORS["long 2^40+1"]["encoded"])
    assert Reader(encoded).long() == (1 << 40) + 1
    assert written(lambda w: w.long((1 << 40) + 1)) == encoded


STRINGS = [entry for name, entry in VECTORS.items() if name.startswith("string")]


@pytest.mark.parametrize("entry", STRINGS, ids=lambda entry: entry["name"])
def test_vector_strings(entry: dict[str, Any]) -> None:
    value = b"A" * entry["value"]
    assert written(lambda w: w.string(value)).hex() == entry["encoded"]
    reader = Reader(bytes.fromhex(entry["encoded"]))
    assert reader.string() == value
    assert reader.remaining == 0


def test_vector_of_longs() -> None:
    encoded = bytes.fromhex(VECTORS["Vector<long> [1,-1]"]["encoded"])
    assert Reader(encoded).longs() == (1, (1 << 64) - 1)
    assert written(lambda w: w.longs((1, (1 << 64) - 1))) == encoded


def test_vector_bare_and_empty() -> None:
    encoded = bytes.fromhex(VECTORS["bare vector of future_salt, 0 elements (count only)"]["encoded"])
    assert Reader(encoded).vector(Reader.long, smallest=8, boxed=False) == ()
    assert written(lambda w: w.vector((), Writer.long, boxed=False)) == encoded


@given(INTS, st.integers(0, (1 << 32) - 1), LONGS, st.binary(max_size=300), st.lists(LONGS, max_size=5))
def test_what_is_written_is_read(number: int, natural: int, long: int, string: bytes, longs: list[int]) -> None:
    writer = Writer()
    writer.int32(number)
    writer.uint32(natural)
    writer.string(string)
    writer.long(long)
    writer.int128(bytes(16))
    writer.int256(bytes(range(32)))
    writer.longs(tuple(longs))
    writer.raw(b"rest")
    reader = Reader(writer.to_bytes())
    assert (reader.int32(), reader.uint32(), reader.string(), reader.long()) == (number, natural, string, long)
    assert (reader.int128(), reader.int256()) == (bytes(16), bytes(range(32)))
    assert (reader.longs(), reader.rest(), reader.remaining) == (tuple(longs), b"rest", 0)


def test_a_string_of_any_length_fills_words() -> None:
    for length in (*range(10), *range(250, 262)):
        encoded = written(lambda w, n=length: w.string(b"s" * n))
        assert len(encoded) % 4 == 0
        assert Reader(encoded).string() == b"s" * length


def test_the_longest_string() -> None:
    longest = bytes(LONGEST_STRING)
    assert Reader(written(lambda w: w.string(longest))).string() == longest
    with pytest.raises(ValueError, match="at most 16777215"):
        written(lambda w: w.string(longest + b"x"))


@pytest.mark.parametrize("encoded", ["fe03000041424300", "03414243", "034142430000", "fe030000414243ff"])
def test_a_long_form_and_any_filling_are_read(encoded: str) -> None:
    assert Reader(bytes.fromhex(encoded)).string() == b"ABC"


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param("", id="nothing"),
        pytest.param("024142", id="filling cut off"),
        pytest.param("05414243", id="short form beyond the end"),
        pytest.param("feffffff41424344", id="16 MiB announced in 8 bytes"),
        pytest.param("fe0000", id="long form cut off"),
        pytest.param("ff00000000000000" + "00" * 16, id="seven-byte length"),
        pytest.param("ff" * 300, id="seven-byte length, and bytes enough"),
    ],
)
def test_strings_that_are_refused(encoded: str) -> None:
    with pytest.raises(MalformedMessage):
        Reader(bytes.fromhex(encoded)).string()


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param("15c4b51c", id="no count"),
        pytest.param("16c4b51c00000000", id="not a vector"),
        pytest.param("15c4b51cffffffff", id="negative"),
        pytest.param("15c4b51cffffff7f" + "00" * 64, id="2^31 - 1 items in 64 bytes"),
        pytest.param("15c4b51c02000000" + "00" * 15, id="one byte short"),
    ],
)
def test_vectors_that_are_refused_before_anything_is_read(encoded: str) -> None:
    def read_item(reader: Reader) -> int:
        raise AssertionError("an item was read")

    with pytest.raises(MalformedMessage):
        Reader(bytes.fromhex(encoded)).longs()
    with pytest.raises(MalformedMessage):
        Reader(bytes.fromhex(encoded)).vector(read_item, smallest=8)


def test_an_error_says_where() -> None:
    reader = Reader(bytes(20), 10)
    reader.long()
    with pytest.raises(MalformedMessage, match=r"8 bytes expected, 2 left \(at byte 18\)") as caught:
        reader.long()
    assert caught.value.offset == 18


def test_reading_stays_within_its_part() -> None:
    reader = Reader(bytes(range(16)), 4, 8)
    assert reader.remaining == 4
    assert reader.raw(4) == b"\4\5\6\7"
    assert reader.since(6) == b"\6\7"
    with pytest.raises(MalformedMessage):
        reader.raw(1)


@pytest.mark.parametrize(("offset", "end"), [(-1, None), (5, None), (0, 5), (3, 2)])
def test_a_part_that_does_not_exist(offset: int, end: int | None) -> None:
    with pytest.raises(ValueError, match="do not lie within 4 bytes"):
        Reader(bytes(4), offset, end)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda w: w.int32(1 << 31), id="int"),
        pytest.param(lambda w: w.int32(-(1 << 31) - 1), id="negative int"),
        pytest.param(lambda w: w.uint32(-1), id="natural"),
        pytest.param(lambda w: w.long(-1), id="negative long"),
        pytest.param(lambda w: w.long(1 << 64), id="long"),
        pytest.param(lambda w: w.int128(bytes(15)), id="int128"),
        pytest.param(lambda w: w.int256(bytes(33)), id="int256"),
    ],
)
def test_what_does_not_fit_is_not_written(write: Callable[[Writer], None]) -> None:
    with pytest.raises(ValueError, match=r"no (un)?signed number|belong"):
        written(write)


@given(st.binary(max_size=64), st.lists(st.sampled_from(["int32", "long", "string", "longs", "int128", "rest"]), max_size=6))
def test_any_bytes_give_values_or_malformed(data: bytes, steps: list[str]) -> None:
    reader = Reader(data)
    try:
        for step in steps:
            getattr(reader, step)()
    except MalformedMessage:
        pass
    assert 0 <= reader.offset <= len(data)
