"""Frames that are shorter than any message: a server looks nothing up for them, and answers -404."""

from __future__ import annotations

import pytest

from kit.puppet import Line, World
from mtproto_bind import ConnectionClosed, Framing, KeyNeeded, MalformedMessage
from mtproto_bind._wire import codec_for

EVERY = pytest.mark.parametrize("framing", Framing, ids=lambda framing: framing.value)


def framed(framing: Framing, payload: bytes) -> Line:
    world = World()
    world.hold = (KeyNeeded,)
    line = world.dial(framing=framing)
    # without the padding that a client's end draws
    line.end._write(codec_for(framing, server=False, limit=100).encode(payload))
    line.write(line.end.data_to_send())
    return line


@EVERY
@pytest.mark.parametrize("fill", [b"\0", b"\7", b"\xff"], ids=bytes.hex)
@pytest.mark.parametrize("size", range(4, 24, 4))
def test_what_is_no_message(framing: Framing, fill: bytes, size: int) -> None:
    line = framed(framing, fill * size)
    [closed] = line.told(ConnectionClosed)
    assert isinstance(closed.error, MalformedMessage)
    assert line.codes == [-404]
    assert not line.held


@EVERY
def test_from_24_bytes_on_it_may_be_one(framing: Framing) -> None:
    line = framed(framing, b"\7" * 24)
    assert [type(question) for question in line.held] == [KeyNeeded]
    assert not line.told(ConnectionClosed)
