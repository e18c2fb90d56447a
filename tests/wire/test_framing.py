"""Frames, against the published bytes and in every cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.cuts import same_however_cut
from kit.vectors import load
from mtproto_bind._errors import Check, MalformedMessage, RemoteProtocolError, SecurityError
from mtproto_bind._ground import Buffer
from mtproto_bind._wire.framing import LONGEST_SENT, Frame, FrameCodec, Framing, codec_for

LIMIT = 1 << 20
VECTORS = {entry["name"]: entry for entry in load("transport_framing")}
FRAMINGS = pytest.mark.parametrize("framing", Framing, ids=lambda framing: framing.value)


def codec(framing: Framing, *, server: bool = True, limit: int = LIMIT) -> FrameCodec:
    return codec_for(framing, server=server, limit=limit)


def decode(wire: bytes, framing: Framing, *, server: bool = True, limit: int = LIMIT) -> Frame | None:
    return codec(framing, server=server, limit=limit).decode(Buffer(wire))


ENCODED = {
    "full, empty payload, seq 0": Framing.FULL,
    "full, 128 bytes 00..7f, seq 0": Framing.FULL,
    "abridged first packet, 128 bytes": Framing.ABRIDGED,
    "abridged, 1024 bytes (long form), after the ef tag": Framing.ABRIDGED,
    "abridged, 508 bytes = 127 words (smallest long form)": Framing.ABRIDGED,
    "abridged with quick-ack request, 128 bytes": Framing.ABRIDGED,
    "abridged with quick-ack request, 1024 bytes": Framing.ABRIDGED,
    "intermediate transport error -404": Framing.INTERMEDIATE,
    "padded intermediate, 4 bytes + 6 bytes padding": Framing.PADDED,
}


@pytest.mark.parametrize(("name", "framing"), ENCODED.items(), ids=list(ENCODED))
def test_published_frames(name: str, framing: Framing) -> None:
    entry: dict[str, Any] = VECTORS[name]
    payload, padding = bytes.fromhex(entry["payload"]), bytes.fromhex(entry.get("padding", ""))
    wire = bytes.fromhex(entry["wire"])
    if "first packet" in name:
        assert wire[:1] == framing.tag
        wire = wire[1:]
    quick_ack = "quick-ack" in name
    assert codec(framing, server=False).encode(payload, padding=padding, quick_ack=quick_ack) == wire
    assert decode(wire, framing) == Frame(payload + padding, quick_ack)


def test_a_published_frame_that_only_padding_allows() -> None:
    entry = VECTORS["intermediate, 5-byte payload as parsed by mtcute (lengths not multiple of 4 occur only with padding)"]
    assert decode(bytes.fromhex(entry["wire"]), Framing.PADDED) == Frame(bytes.fromhex(entry["payload"]), False)
    with pytest.raises(MalformedMessage, match="a frame of 5 bytes"):
        decode(bytes.fromhex(entry["wire"]), Framing.INTERMEDIATE)


TOKEN = VECTORS["quick-ack token from server, by transport"]


@pytest.mark.parametrize(
    ("framing", "wire"),
    [
        (Framing.ABRIDGED, TOKEN["abridged_wire"]),
        (Framing.INTERMEDIATE, TOKEN["intermediate_wire"]),
        (Framing.PADDED, TOKEN["padded_intermediate_wire_without_padding"]),
    ],
)
def test_the_token_of_a_quick_acknowledgement(framing: Framing, wire: str) -> None:
    assert codec(framing).encode_quick_ack(int(TOKEN["token_int"], 16)) == bytes.fromhex(wire)


def test_full_frames_know_no_quick_acknowledgement() -> None:
    with pytest.raises(ValueError, match="no quick acknowledgement"):
        codec(Framing.FULL).encode_quick_ack(1 << 31)


@pytest.mark.parametrize(
    ("framing", "wire"),
    [
        (Framing.ABRIDGED, TOKEN["abridged_wire"]),
        (Framing.INTERMEDIATE, TOKEN["intermediate_wire"]),
        (Framing.PADDED, TOKEN["intermediate_wire"]),
        (Framing.PADDED, TOKEN["padded_intermediate_wire_without_padding"]),
        (Framing.PADDED, "10000000ffffffffbbaa9988" + "00" * 8),
    ],
)
def test_a_client_gets_no_token_that_it_did_not_ask_for(framing: Framing, wire: str) -> None:
    with pytest.raises(MalformedMessage, match="quick acknowledgement that was not asked for"):
        decode(bytes.fromhex(wire), framing, server=False)


def test_what_looks_like_a_token_is_one_only_for_a_client_and_only_when_short() -> None:
    short, long = b"\xff" * 8, b"\xff" * 17
    assert decode(b"\x08\0\0\0" + short, Framing.PADDED) == Frame(short, False)
    assert decode(b"\x11\0\0\0" + long, Framing.PADDED, server=False) == Frame(long, False)
    assert decode(b"\x04\0\0\0" + short, Framing.PADDED, server=False) == Frame(short[:4], False)


def test_tags() -> None:
    assert [framing.tag.hex() for framing in Framing] == ["ef", "eeeeeeee", "dddddddd", ""]
    assert [framing.obfuscated_tag.hex() for framing in Framing] == ["efefefef", "eeeeeeee", "dddddddd", ""]


@FRAMINGS
@pytest.mark.parametrize("words", [1, 2, 126, 127, 128, 300])
def test_each_length(framing: Framing, words: int) -> None:
    payload = bytes(range(256)) * 5
    wire = codec(framing, server=False).encode(payload[: 4 * words])
    assert decode(wire, framing) == Frame(payload[: 4 * words], False)
    if framing is Framing.ABRIDGED:
        assert len(wire) == 4 * words + (1 if words < 127 else 4)


@FRAMINGS
def test_any_cut_gives_the_same_frames(framing: Framing) -> None:
    sender = codec(framing, server=False)
    payloads = [bytes([n]) * size for n, size in enumerate((4, 24, 500, 504, 508, 512, 40))]
    wire = b"".join(sender.encode(payload, padding=b"pad" if framing is Framing.PADDED else b"") for payload in payloads)

    def run(pieces: list[bytes]) -> list[bytes]:
        receiver, buffer, found = codec(framing), Buffer(), []
        for piece in pieces:
            buffer.append(piece)
            while (frame := receiver.decode(buffer)) is not None:
                found.append(frame.payload)
        assert len(buffer) == 0
        return found

    padding = b"pad" if framing is Framing.PADDED else b""
    assert same_however_cut(wire, run) == [payload + padding for payload in payloads]


@FRAMINGS
def test_the_ceiling_holds_as_soon_as_the_length_is_there(framing: Framing) -> None:
    limit = 1024
    overhead = 12 if framing is Framing.FULL else 0
    sender = codec(framing, server=False)
    assert decode(sender.encode(bytes(limit - overhead)), framing, limit=limit)
    longer = codec(framing, server=False).encode(bytes(limit - overhead + 4))
    with pytest.raises(SecurityError, match="1028 bytes") as caught:
        decode(longer[:4], framing, limit=limit)
    assert caught.value.check is Check.FRAME_LIMIT


@pytest.mark.parametrize(
    ("framing", "start"),
    [
        (Framing.ABRIDGED, "7fffffff"),
        (Framing.INTERMEDIATE, "ffffff7f"),
        (Framing.PADDED, "ffffff7f"),
        (Framing.FULL, "ffffff7f"),
        # a quick acknowledgement is none of full's affairs: its top bit is part of a number
        (Framing.FULL, "6cfeffff"),
    ],
)
def test_the_longest_lengths(framing: Framing, start: str) -> None:
    with pytest.raises(SecurityError):
        decode(bytes.fromhex(start), framing, server=False)


@pytest.mark.parametrize(
    ("framing", "start"),
    [
        pytest.param(Framing.ABRIDGED, "00", id="abridged, nothing"),
        pytest.param(Framing.ABRIDGED, "80", id="abridged, nothing, quickly"),
        pytest.param(Framing.ABRIDGED, "7f000000", id="abridged, long nothing"),
        pytest.param(Framing.ABRIDGED, "7f7e0000", id="abridged, long form of a short length"),
        pytest.param(Framing.INTERMEDIATE, "00000000", id="intermediate, nothing"),
        pytest.param(Framing.INTERMEDIATE, "06000000", id="intermediate, half words"),
        pytest.param(Framing.PADDED, "03000000", id="padded, less than a word"),
        pytest.param(Framing.FULL, "08000000", id="full, shorter than itself"),
        pytest.param(Framing.FULL, "0e000000", id="full, half words"),
        pytest.param(Framing.FULL, "1000000001000000", id="full, wrong number"),
    ],
)
def test_lengths_that_are_refused_at_once(framing: Framing, start: str) -> None:
    buffer = Buffer(bytes.fromhex(start))
    with pytest.raises(MalformedMessage):
        codec(framing).decode(buffer)
    # nothing is taken, so that the error stays the same
    assert buffer.peek(16).hex() == start


def test_full_frames_are_numbered_and_summed() -> None:
    sender, receiver = codec(Framing.FULL, server=False), codec(Framing.FULL)
    first, second, third = (sender.encode(bytes([n]) * 4) for n in range(3))
    assert [wire[4] for wire in (first, second, third)] == [0, 1, 2]
    assert receiver.decode(Buffer(first)) == Frame(bytes(4), False)
    with pytest.raises(MalformedMessage, match=r"frame 2 where 1 is next \(at byte 4\)"):
        receiver.decode(Buffer(third))
    with pytest.raises(MalformedMessage, match=r"CRC32 .* \(at byte 12\)"):
        receiver.decode(Buffer(second[:8] + b"\xff" + second[9:]))
    assert receiver.decode(Buffer(second)) == Frame(b"\1" * 4, False)


def test_the_number_of_a_full_frame_begins_anew() -> None:
    sender, receiver = codec(Framing.FULL, server=False), codec(Framing.FULL)
    for end in (sender, receiver):
        # four thousand million frames later
        vars(end).update(_sent=(1 << 32) - 1, _received=(1 << 32) - 1)
    last, first = sender.encode(b"last"), sender.encode(b"next")
    assert (last[4:8], first[4:8]) == (b"\xff" * 4, bytes(4))
    assert [receiver.decode(Buffer(wire)) for wire in (last, first)] == [Frame(b"last", False), Frame(b"next", False)]


def test_the_most_that_can_be_framed() -> None:
    """What is announced has to be less than 2**24, whatever is counted in it."""
    longest = bytes((1 << 24) - 4)
    assert len(codec(Framing.ABRIDGED).encode(longest)) == 4 + len(longest)
    assert len(codec(Framing.INTERMEDIATE).encode(longest)) == 4 + len(longest)
    assert len(codec(Framing.PADDED).encode(longest, padding=bytes(3))) == 4 + len(longest) + 3
    assert len(codec(Framing.FULL).encode(longest[:-12])) == len(longest)
    assert codec(Framing.PADDED).encode(b"1234", padding=bytes(15)) == b"\x13\0\0\x001234" + bytes(15)
    for framing, payload, padding in (
        (Framing.ABRIDGED, bytes(1 << 24), b""),
        (Framing.INTERMEDIATE, bytes(1 << 24), b""),
        (Framing.PADDED, longest, bytes(4)),
        (Framing.FULL, longest[:-8], b""),
    ):
        with pytest.raises(ValueError, match=r"payload|padding"):
            codec(framing).encode(payload, padding=padding)


@pytest.mark.parametrize(
    "encode",
    [
        pytest.param(lambda: codec(Framing.ABRIDGED).encode(b""), id="nothing"),
        pytest.param(lambda: codec(Framing.ABRIDGED).encode(b"12345"), id="half words"),
        pytest.param(lambda: codec(Framing.INTERMEDIATE).encode(b"1234", padding=b"x"), id="padding where there is none"),
        pytest.param(lambda: codec(Framing.INTERMEDIATE).encode(bytes(LONGEST_SENT + 1)), id="too long"),
        pytest.param(lambda: codec(Framing.PADDED).encode(b"123"), id="padded half words"),
        pytest.param(lambda: codec(Framing.PADDED).encode(b"1234", padding=bytes(16)), id="too much padding"),
        pytest.param(lambda: codec(Framing.FULL).encode(b"1234", quick_ack=True), id="quick full"),
        pytest.param(lambda: codec(Framing.FULL).encode(b"1234", padding=b"x"), id="padded full"),
        pytest.param(lambda: codec(Framing.FULL).encode(b"123"), id="full half words"),
    ],
)
def test_what_cannot_be_framed(encode: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match=r"payload|padding"):
        encode()


@given(st.sampled_from(Framing), st.booleans(), st.binary(max_size=80))
def test_any_bytes_give_frames_or_an_error_of_ours(framing: Framing, server: bool, data: bytes) -> None:
    receiver, buffer = codec(framing, server=server, limit=1024), Buffer(data)
    taken = 0
    try:
        while (frame := receiver.decode(buffer)) is not None:
            taken += len(frame.payload)
    except RemoteProtocolError:
        pass
    assert taken + len(buffer) <= len(data)
