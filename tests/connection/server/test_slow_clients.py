"""Clients that take their time before a server knows what they speak, and after."""

from __future__ import annotations

import pytest

from kit.puppet import START, World
from kit.streams import SECRET, TRANSPORTS, client, describe, said
from mtproto_bind import ConnectionClosed, Framing, PeerTimedOut, Timeouts, Transport
from mtproto_bind._tl import ReqPQMulti
from mtproto_bind._wire import pack_plain

MESSAGE = pack_plain(0, ReqPQMulti(nonce=bytes(16)).to_bytes() + bytes(300))
HEADER = 64
EVERY = pytest.mark.parametrize("transport", TRANSPORTS, ids=describe)


def trickled(transport: Transport, seconds: float) -> tuple[World, ConnectionClosed | None]:
    """A client sends a byte a second; what has become of it when its message is whole, or before."""
    world = World(timeouts=Timeouts(frame=seconds))
    line = world.dial(Transport.detect(secrets=[SECRET] if transport.secret else []))
    line.end = client(transport)
    for byte in said(line.end, [MESSAGE]):
        line.write(bytes([byte]))
        world.pass_time(1)
        if line.told(ConnectionClosed):
            [closed] = line.told(ConnectionClosed)
            return world, closed
    return world, None


def ended_after(transport: Transport, seconds: float) -> float:
    world, closed = trickled(transport, seconds)
    assert closed is not None
    assert isinstance(closed.error, PeerTimedOut)
    assert closed.error.waiting_for == "rest of a frame, or beginning of a stream"
    [line] = world.lines
    assert not line.codes
    assert not line.link.wants_data
    return world.now - START


@pytest.mark.parametrize("framing", [Framing.INTERMEDIATE, Framing.PADDED, Framing.FULL])
def test_before_the_first_bytes_have_told_the_framing(framing: Framing) -> None:
    assert ended_after(Transport(framing), 3) == 3


@EVERY
def test_in_the_middle_of_a_header(transport: Transport) -> None:
    if transport.obfuscated:
        assert ended_after(transport, HEADER - 1) == HEADER - 1
        # a header that came just in time, and then a frame that takes too long
        assert ended_after(transport, HEADER) == HEADER + HEADER


@EVERY
def test_in_the_middle_of_the_first_frame(transport: Transport) -> None:
    """The frame has its own time, from its first byte; a full frame is its own beginning."""
    begins = HEADER if transport.obfuscated else len(transport.framing.tag)
    assert ended_after(transport, 100) == begins + 100


@EVERY
def test_who_is_slow_but_in_time_is_answered(transport: Transport) -> None:
    world, closed = trickled(transport, len(MESSAGE) + 100)
    assert closed is None
    assert world.lines[0].link.status.framing is transport.framing
    assert len(world.lines[0].plain) == 1


def test_nobody_is_waited_for_longer_because_he_says_a_little() -> None:
    """Two frames' time is the most that can pass before a message is there, whatever is said in between."""
    for transport in TRANSPORTS:
        for seconds in (1, 2, 5, 9, 63, 64, 65, 90):
            assert ended_after(transport, seconds) <= 2 * seconds
