from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._ground import Buffer

PIECES = st.lists(st.binary(max_size=40), max_size=20)


@given(PIECES, st.lists(st.integers(0, 60), max_size=40))
def test_bytes_come_out_as_they_went_in(pieces: list[bytes], sizes: list[int]) -> None:
    buffer, whole, taken = Buffer(), b"", b""
    for piece in pieces:
        buffer.append(piece)
        whole += piece
        for size in sizes[:2]:
            if size <= len(buffer):
                taken += buffer.take(size)
        sizes = sizes[2:]
    assert len(buffer) == len(whole) - len(taken)
    assert taken + buffer.take(len(buffer)) == whole


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(0, 60), st.integers(0, 50))
def test_peek_is_a_slice_and_takes_nothing(data: bytes, size: int, at: int, used: int) -> None:
    buffer = Buffer(data)
    rest = data[len(buffer.take(min(used, len(data)))) :]
    assert buffer.peek(size, at) == rest[at : at + size]
    assert buffer.take(len(rest)) == rest


def test_taking_too_much_takes_nothing() -> None:
    buffer = Buffer(b"abc")
    with pytest.raises(ValueError, match="from 0 to 3 bytes, which are in the buffer, got 4"):
        buffer.take(4)
    assert buffer.take(3) == b"abc"


@pytest.mark.parametrize(("size", "at"), [(-1, 0), (1, -1)])
def test_negative_places_are_refused(size: int, at: int) -> None:
    with pytest.raises(ValueError, match="at least 0"):
        Buffer(b"abc").peek(size, at)


def test_a_negative_size_is_not_taken() -> None:
    buffer = Buffer(b"abc")
    for remove in (buffer.take, buffer.drop):
        with pytest.raises(ValueError, match="from 0 to 3 bytes"):
            remove(-1)
    assert len(buffer) == 3


def test_a_view_is_a_peek_without_a_copy() -> None:
    buffer = Buffer(b"abcdefgh")
    buffer.drop(2)
    with buffer.view(3, 1) as part:
        assert part.tobytes() == buffer.peek(3, 1) == b"def"
        buffer._data[3] = ord("D")
        assert part.tobytes() == b"Def"
    # released: the buffer may grow and shrink again
    buffer.append(b"i")
    assert buffer.take(7) == b"cDefghi"


def test_what_is_dropped_is_gone() -> None:
    buffer = Buffer(b"abcdefgh")
    for size in (0, 1, 2):
        buffer.drop(size)
    with pytest.raises(ValueError, match="from 0 to 5 bytes, which are in the buffer, got 6"):
        buffer.drop(6)
    assert buffer.take(5) == b"defgh"


def test_clear_forgets() -> None:
    buffer = Buffer(b"abc" * 9)
    buffer.take(4)
    buffer.clear()
    assert len(buffer) == 0
    assert buffer.peek(9) == b""
    buffer.append(b"d")
    assert buffer.take(1) == b"d"


def test_contents_are_not_shown() -> None:
    assert repr(Buffer(b"secret")) == "Buffer(<6 bytes>)"


class Counted(bytearray):
    """A bytearray that counts the bytes moved by cutting its front off."""

    moved = 0

    def __delitem__(self, place: object) -> None:
        assert isinstance(place, slice)
        Counted.moved += len(self) - place.stop
        super().__delitem__(place)


def test_small_pieces_do_not_move_the_rest_each_time() -> None:
    size = 1 << 14
    buffer = Buffer()
    buffer._data = Counted(size)
    Counted.moved = 0
    for _ in range(size):
        buffer.take(1)
    assert 0 < Counted.moved + 1 <= size + 1


def test_what_is_used_is_given_back() -> None:
    buffer = Buffer()
    for _ in range(100):
        buffer.append(bytes(1000))
        buffer.take(999)
    assert len(buffer) == 100
    assert len(buffer._data) <= 2 * 1100
