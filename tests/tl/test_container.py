"""Containers: count, bounds, and nothing left over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.tl_values import INTS, LONGS, WORDS
from mtproto_bind._errors import Check, MalformedMessage, RemoteProtocolError, SecurityError
from mtproto_bind._tl.container import ContainedMessage, MsgContainer, is_container, read_container, write_container

MESSAGES = st.lists(st.builds(ContainedMessage, LONGS, INTS, WORDS.filter(bool)), max_size=6)
TWO = (ContainedMessage(4, 1, b"body"), ContainedMessage(8, 3, b"longer body."))
ID = "dcf8f173"


def refused(data: bytes, limit: int = 1024) -> Check:
    with pytest.raises(SecurityError) as caught:
        read_container(data, limit=limit)
    return caught.value.check


@given(MESSAGES)
def test_what_is_written_is_read(messages: list[ContainedMessage]) -> None:
    encoded = write_container(messages)
    assert is_container(encoded)
    assert read_container(encoded, limit=6) == MsgContainer(tuple(messages))
    assert MsgContainer(tuple(messages)).to_bytes() == encoded


def test_on_the_wire() -> None:
    head = ID + "02000000"
    first = "0400000000000000" + "01000000" + "04000000" + b"body".hex()
    second = "0800000000000000" + "03000000" + "0c000000" + b"longer body.".hex()
    assert write_container(TWO).hex() == head + first + second


def test_the_ceiling_of_the_count() -> None:
    encoded = write_container(TWO)
    assert len(read_container(encoded, limit=2).messages) == 2
    assert refused(encoded, limit=1) is Check.CONTAINER_COUNT


@pytest.mark.parametrize("count", [-1, -(1 << 31), 1025, (1 << 31) - 1])
def test_counts_that_are_none(count: int) -> None:
    assert refused(bytes.fromhex(ID) + count.to_bytes(4, "little", signed=True) + bytes(64)) is Check.CONTAINER_COUNT


def message(length: int, body: int) -> bytes:
    return bytes(12) + length.to_bytes(4, "little", signed=True) + bytes(body)


@pytest.mark.parametrize(
    ("count", "messages"),
    [
        pytest.param(3, message(4, 4) * 2, id="no room for the count"),
        pytest.param(2, message(20, 20) + bytes(4), id="no room for the head of the second"),
        pytest.param(2, message(20, 20) + bytes(15), id="no room for all of its head"),
        pytest.param(1, message(0, 4), id="no body"),
        pytest.param(1, message(-4, 4), id="negative"),
        pytest.param(1, message(5, 8), id="not whole words"),
        pytest.param(1, message(8, 4), id="beyond the end"),
        pytest.param(1, message((1 << 31) - 4, 4), id="2 GiB"),
        pytest.param(1, message(4, 8), id="something follows"),
        pytest.param(0, bytes(4), id="something follows nothing"),
    ],
)
def test_messages_fill_the_container_exactly(count: int, messages: bytes) -> None:
    assert refused(bytes.fromhex(ID) + count.to_bytes(4, "little") + messages) is Check.CONTAINER_BOUNDS


@pytest.mark.parametrize("size", range(4))
def test_a_container_without_its_count(size: int) -> None:
    assert refused(bytes.fromhex(ID) + bytes(size)) is Check.CONTAINER_BOUNDS


def test_an_empty_container() -> None:
    assert read_container(bytes.fromhex(ID) + bytes(4), limit=1) == MsgContainer(())


@pytest.mark.parametrize("data", [b"", b"\xdc\xf8\xf1", bytes(64)])
def test_something_else(data: bytes) -> None:
    assert not is_container(data)
    with pytest.raises(MalformedMessage, match="no msg_container"):
        read_container(data, limit=1024)


@pytest.mark.parametrize("body", [b"", b"12345"])
def test_bodies_that_cannot_be_contained(body: bytes) -> None:
    with pytest.raises(ValueError, match="a message of"):
        write_container([ContainedMessage(4, 1, body)])


@given(MESSAGES, st.data())
def test_any_bytes_give_a_container_or_an_error_of_ours(messages: list[ContainedMessage], data: st.DataObject) -> None:
    encoded = bytearray(write_container(messages))
    for _ in range(data.draw(st.integers(0, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    spoilt = bytes(encoded[: data.draw(st.integers(0, len(encoded)))]) + data.draw(st.binary(max_size=8))
    try:
        found = read_container(spoilt, limit=5)
    except RemoteProtocolError:
        return
    assert len(found.messages) <= 5
    assert found.to_bytes() == spoilt
