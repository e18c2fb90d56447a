"""From good to bad, and no further."""

from __future__ import annotations

import pytest

from mtproto_bind import Check, Limits, SecurityError
from mtproto_bind._tl import SERVICE, GzipPacked, MsgContainer, pack, unpack
from mtproto_bind.testing.hostile import alterations as by

HELD = [(5, 0, 4, b"ackn"), (9, 1, 8, b"answered")]


def test_simple_ones() -> None:
    assert by.to(7)(1, {}) == 7
    assert by.plus(7)(1, {}) == 8
    assert by.plus(b"more")(b"some", {}) == b"somemore"
    assert by.flipped(6, {}) == 7
    assert by.flipped(b"\x00\x01", {}) == b"\x00\x00"
    assert by.cut(b"12345678", {}) == b"1234"
    assert by.twice([b"frame"], {}) == [b"frame", b"frame"]


@pytest.mark.parametrize(("size", "left"), [(12, 12), (15, 15), (16, 0), (27, 11), (32, 0)])
def test_padding_is_shortened_by_whole_blocks(size: int, left: int) -> None:
    assert by.short_padding(bytes(size), {}) == bytes(left)


def test_a_frame_is_too_long_and_whole_words() -> None:
    [frame] = by.frames_too_long([b"1234"], {})
    assert frame.startswith(b"1234")
    assert len(frame) > Limits().frame
    assert len(frame) % 4 == 0


def test_one_field_of_the_last_message() -> None:
    for place, changed in enumerate([(10, 1, 8, b"answered"), (9, 2, 8, b"answered"), (9, 1, 9, b"answered")]):
        assert by.changed(place, by.plus(1))(HELD, {}) == [HELD[0], changed]
    assert by.changed(0, lambda value, earlier: value + earlier["some"])(HELD, {"some": 3})[1][0] == 12


def test_messages_of_a_container() -> None:
    assert by.even_last(HELD, {}) == [HELD[1], (4, 0, 4, b"ackn")]
    assert by.same_ids(HELD, {}) == [HELD[0], (5, 1, 8, b"answered")]
    assert by.nested(HELD, {}) == [(5, 0, 8, MsgContainer(messages=()).to_bytes()), HELD[1]]
    crowd = by.crowded([(4 * 5000 + 1, 0, 4, b"ackn"), (4 * 5001 + 1, 1, 8, b"answered")], {})
    assert len(crowd) == Limits().container_messages + 1
    ids = [msg_id for msg_id, *_ in crowd]
    assert ids == sorted(set(ids))
    assert {msg_id % 4 for msg_id in ids} == {1}


def test_packed_objects() -> None:
    packed = pack(b"some")
    assert unpack(by.packed_twice(packed, {}), limit=1000) == GzipPacked(packed_data=packed).to_bytes()
    wrapped = unpack(by.packed_in_wrapper(packed, {}), limit=1000)
    assert SERVICE.read_whole(wrapped[4:]) == GzipPacked(packed_data=packed)
    with pytest.raises(SecurityError) as caught:
        unpack(by.bomb(packed, {}), limit=Limits().unpacked)
    assert caught.value.check is Check.GZIP
