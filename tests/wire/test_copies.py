"""What a long frame costs: how much memory at once, and how many bytes are moved however small the pieces are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from kit.streams import SECRET, TRANSPORTS, client, describe, said, server
from mtproto_bind import Transport
from mtproto_bind._ground import Buffer
from mtproto_bind._wire import Stream

EVERY = pytest.mark.parametrize("transport", TRANSPORTS, ids=describe)
FRAME = 1 << 20
PAYLOAD = bytes(range(256)) * (FRAME // 256)
READ = 1 << 16
"""What drivers read at once."""
SLACK = 0.1
"""Frames: what a buffer keeps in reserve, and small things."""


def pieces(wire: bytes, size: int) -> Iterator[bytes]:
    return (wire[at : at + size] for at in range(0, len(wire), size))


def peak_of(run: Callable[[], bytes | None]) -> float:
    """The most memory that ``run`` held at once, in frames; what it gives is part of it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result is not None
    assert len(result) >= FRAME
    return (peak - before) / FRAME


def both_ends(transport: Transport) -> tuple[Stream, Stream]:
    """A client and a server that have begun."""
    asking, listening = client(transport), server(Transport.detect(secrets=[SECRET] if transport.secret else []))
    for one, other in ((asking, listening), (listening, asking)):
        other.receive(said(one, [bytes(24)]))
        assert other.next_frame() is not None
    return asking, listening


def receive(stream: Stream, wire: Iterator[bytes]) -> bytes | None:
    found = None
    for piece in wire:
        stream.receive(piece)
        found = stream.next_frame() or found
    return found


@EVERY
@pytest.mark.parametrize("end", [0, 1], ids=["client", "server"])
def test_sending_makes_a_copy_and_where_hidden_another(transport: Transport, end: int) -> None:
    sender = both_ends(transport)[end]
    assert peak_of(lambda: said(sender, [PAYLOAD])) <= (2 if transport.obfuscated else 1) + SLACK


@EVERY
@pytest.mark.parametrize("end", [0, 1], ids=["to the server", "to the client"])
def test_receiving_collects_and_makes_a_copy(transport: Transport, end: int) -> None:
    ends = both_ends(transport)
    sender, receiver = ends[end], ends[1 - end]
    wire = said(sender, [PAYLOAD])
    assert peak_of(lambda: receive(receiver, pieces(wire, READ))) <= 2 + SLACK


@EVERY
def test_nor_is_the_first_frame_dearer(transport: Transport) -> None:
    """All at once, so that it lies behind a header that is still to be recognised."""
    wire = said(client(transport), [PAYLOAD])
    listening = server(Transport.detect(secrets=[SECRET] if transport.secret else []))
    assert peak_of(lambda: receive(listening, iter([wire]))) <= 2 + SLACK


class CountedBytes(bytearray):
    """A bytearray that counts the bytes moved by cutting its front off."""

    moved = 0

    def __delitem__(self, place: object) -> None:
        assert isinstance(place, slice)
        self.moved += len(self) - place.stop
        super().__delitem__(place)


class CountedBuffer(Buffer):
    """A buffer that counts the bytes that go in, are looked at or come out."""

    __slots__ = ("_counted", "_moved")

    def __init__(self) -> None:
        super().__init__()
        self._data = self._counted = CountedBytes()
        self._moved = 0

    @property
    def moved(self) -> int:
        return self._moved + self._counted.moved

    def append(self, data: bytes) -> None:
        self._moved += len(data)
        super().append(data)

    def view(self, size: int, at: int = 0) -> memoryview:
        part = super().view(size, at)
        self._moved += len(part)
        return part


@EVERY
@pytest.mark.parametrize("end", [0, 1], ids=["to the server", "to the client"])
@pytest.mark.parametrize("size", [64, 1000])
def test_pieces_however_small_move_each_byte_three_times_at_most(transport: Transport, end: int, size: int) -> None:
    """Into the buffer, past the check sum, out. Beside that each piece costs a look at the length, a few bytes."""
    ends = both_ends(transport)
    sender, receiver = ends[end], ends[1 - end]
    wire = said(sender, [PAYLOAD])
    receiver._buffer = buffer = CountedBuffer()
    found = receive(receiver, pieces(wire, size))
    assert found is not None
    assert found.startswith(PAYLOAD)
    assert buffer.moved <= 3 * len(wire) + 16 * -(-len(wire) // size)


@EVERY
def test_many_frames_in_one_piece_are_not_moved_again_and_again(transport: Transport) -> None:
    asking, listening = both_ends(transport)
    count, small = 4096, bytes(256)
    wire = said(asking, [small] * count)
    listening._buffer = buffer = CountedBuffer()
    listening.receive(wire)
    for _ in range(count):
        assert listening.next_frame() is not None
    assert listening.next_frame() is None
    # what is left is moved as often as half of it has been taken: once more in all
    assert buffer.moved <= 4 * len(wire) + 16 * count
