"""A client's and a server's end of one stream, over every transport and in every cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.cuts import same_however_cut
from kit.streams import CRYPTO, SECRET, TRANSPORTS, client, describe, frames, numbered, said, server
from kit.vectors import load
from mtproto_bind._errors import LocalProtocolError, RemoteProtocolError
from mtproto_bind._limits import Limits
from mtproto_bind._wire import Framing, Stream, Transport, encode_transport_error, is_no_op, transport_error

OTHER = bytes(16)
EVERY = pytest.mark.parametrize("transport", TRANSPORTS, ids=describe)
PAYLOADS = [bytes([n]) * size for n, size in enumerate((24, 72, 500, 504, 508, 512, 3000), 1)]


def taking(transport: Transport) -> Stream:
    return server(Transport.detect(secrets=[OTHER, SECRET] if transport.secret else []))


def unpadded(found: list[bytes | str]) -> list[bytes | str]:
    """Frames without the padding that cannot be seen from outside."""
    return [next((p for p in PAYLOADS if isinstance(frame, bytes) and frame.startswith(p)), frame) for frame in found]


@EVERY
def test_both_directions_in_any_cut(transport: Transport) -> None:
    question = said(client(transport), PAYLOADS)
    assert unpadded(same_however_cut(question, lambda pieces: frames(taking(transport), pieces))) == PAYLOADS

    listening = taking(transport)
    assert unpadded(frames(listening, [question])) == PAYLOADS
    assert listening.framing is transport.framing
    answer = said(listening, PAYLOADS)

    def run(pieces: list[bytes]) -> list[bytes | str]:
        asking = client(transport)
        said(asking, PAYLOADS)
        return frames(asking, pieces)

    assert unpadded(same_however_cut(answer, run)) == PAYLOADS


@EVERY
def test_a_server_may_be_told_the_transport(transport: Transport) -> None:
    question = said(client(transport), PAYLOADS)
    assert unpadded(frames(server(transport), [question])) == PAYLOADS
    for other in TRANSPORTS:
        if other != transport:
            assert frames(server(other), [question])[-1] not in PAYLOADS


@EVERY
def test_what_is_sent_bit_by_bit_is_sent_once(transport: Transport) -> None:
    once, often = client(transport), client(transport)
    parts = []
    for payload in PAYLOADS:
        often.send(payload)
        parts.append(often.data_to_send())
    assert b"".join(parts) == said(once, PAYLOADS)
    assert often.data_to_send() == b""


def test_a_client_begins_with_its_tag() -> None:
    for framing in Framing:
        stream = client(Transport(framing))
        assert stream.data_to_send() == framing.tag
        assert stream.framing is framing
    assert len(client(Transport(obfuscated=True)).data_to_send()) == 64


def test_streams_do_not_resemble_each_other() -> None:
    one, other = (said(client(Transport(obfuscated=True), label=label), PAYLOADS) for label in ("one", "other"))
    assert one[:8] != other[:8]
    assert one[64:128] != other[64:128]


def test_the_header_names_the_data_centre() -> None:
    header = client(Transport(obfuscated=True), dc=-10002).data_to_send()
    rest = CRYPTO.ctr(header[8:40], header[40:56])(header)
    assert int.from_bytes(rest[60:62], "little", signed=True) == -10002
    stream = Stream(Transport(obfuscated=True), server=False, limits=Limits(), entropy=numbered("client"), crypto=CRYPTO)
    header = stream.data_to_send()
    rest = CRYPTO.ctr(header[8:40], header[40:56])(header)
    # nothing is told unless asked for
    assert rest[60:62] == numbered("client")(64)[60:62]


@EVERY
def test_midway(transport: Transport) -> None:
    question = said(client(transport), PAYLOADS[:2])
    listening = taking(transport)
    assert listening.midway
    assert listening.framing is None
    listening.receive(question[:-1])
    assert listening.next_frame() is not None
    assert not listening.midway
    assert listening.next_frame() is None
    assert listening.midway
    listening.receive(question[-1:])
    assert listening.next_frame() is not None
    assert listening.next_frame() is None
    assert not listening.midway


def test_midway_of_a_client() -> None:
    stream = client(Transport())
    assert not stream.midway
    assert stream.next_frame() is None
    assert not stream.midway
    stream.receive(b"\x04\0\0\0")
    assert stream.next_frame() is None
    assert stream.midway
    stream.receive(encode_transport_error(-404) + b"\x04")
    assert transport_error(stream.next_frame() or b"") == -404
    assert not stream.midway
    assert stream.next_frame() is None
    assert stream.midway


def test_a_quick_acknowledgement_is_reported() -> None:
    listening = server()
    listening.receive(b"\xef\x81abcd\x01efgh")
    assert listening.next_frame() == b"abcd"
    assert listening.quick_ack
    assert listening.next_frame() == b"efgh"
    assert not listening.quick_ack


def test_a_quick_acknowledgement_is_given_where_it_was_asked_for() -> None:
    listening = server()
    listening.receive(b"\xef\x81abcd\x01efgh")
    listening.next_frame()
    listening.send_quick_ack(0x8899AABB)
    assert listening.data_to_send() == bytes.fromhex("8899aabb")
    listening.next_frame()
    listening.send_quick_ack(0x8899AABB)
    assert listening.data_to_send() == b""


def test_a_server_has_nothing_to_say_before_it_knows_how() -> None:
    with pytest.raises(LocalProtocolError, match="not known yet"):
        server().send(b"1234")


def test_a_client_has_to_choose() -> None:
    with pytest.raises(ValueError, match="must choose"):
        Stream(Transport.detect(), server=False, limits=Limits(), entropy=numbered("x"), crypto=CRYPTO)


@pytest.mark.parametrize(
    "transport", [Transport(obfuscated=True), Transport(obfuscated=True, secret=SECRET)], ids=["bare", "secret"]
)
def test_a_secret_is_demanded_where_there_is_one(transport: Transport) -> None:
    question = said(client(transport), PAYLOADS)
    expected = "SecurityError: DETECTION: not so that a stream begins with a transport that we speak (64 bytes that begin no"
    refused = same_however_cut(question, lambda pieces: frames(server(Transport.detect(secrets=[OTHER])), pieces))
    assert [str(each)[: len(expected)] for each in refused] == [expected]


def test_only_configured_framings_are_taken_when_hidden() -> None:
    taken = Transport.detect([Framing.PADDED])
    assert frames(server(taken), [said(client(Transport(Framing.PADDED, obfuscated=True)), PAYLOADS[:1])])
    question = said(client(Transport(Framing.ABRIDGED, obfuscated=True)), PAYLOADS)
    assert "begin no transport of ours" in str(frames(server(taken), [question])[0])


@pytest.mark.parametrize(
    ("start", "text"),
    [
        (b"GET /apiws HTTP/1.1\r\n", "it is an HTTP request"),
        (bytes.fromhex("16030102000100"), "it is a TLS ClientHello"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it is an SSH banner"),
        (bytes.fromhex("0d00000000000000"), "a first full frame of 13 bytes"),
        (b"\x01\x02\x03\x04" * 20, "begin no transport of ours"),
        (b"\xef\x00", "a frame of no bytes"),
        (b"\xee\xee\xee\xee\xff\xff\xff\x7f", "FRAME_LIMIT"),
        (b"\xee\xee\xee\xee\x06\x00\x00\x00", "a frame of 6 bytes"),
    ],
)
def test_what_a_server_refuses_in_any_cut(start: bytes, text: str) -> None:
    (refused,) = same_however_cut(start, lambda pieces: frames(server(), pieces))
    assert text in str(refused)


@EVERY
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it is an HTTP response"),
        (bytes.fromhex("15030300020228"), "it is a TLS alert"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it is an SSH banner"),
    ],
    ids=["http", "tls", "ssh"],
)
def test_a_client_hears_what_it_has_dialled(transport: Transport, answer: bytes, text: str) -> None:
    (refused,) = same_however_cut(answer, lambda pieces: frames(client(transport), pieces))
    assert str(refused).startswith("SecurityError: FRAME_LIMIT")
    assert text in str(refused)


def test_an_error_stays() -> None:
    listening = server()
    listening.receive(b"\xee\xee\xee\xee\xff\xff\xff\x7f")
    texts = set()
    for _ in range(3):
        listening.receive(b"more")
        with pytest.raises(RemoteProtocolError) as caught:
            listening.next_frame()
        texts.add(str(caught.value))
    assert len(texts) == 1


def test_the_ceiling_is_the_configured_one() -> None:
    limits = Limits(frame=100)
    listening = server(limits=limits)
    assert frames(listening, [said(client(Transport()), [bytes(100)])]) == [bytes(100)]
    assert "FRAME_LIMIT" in str(frames(server(limits=limits), [said(client(Transport()), [bytes(104)])])[0])


def test_a_client_pads_by_up_to_15_bytes_and_a_server_by_up_to_3() -> None:
    asking, listening = client(Transport(Framing.PADDED)), server()
    tails = ([], [])
    for _ in range(200):
        question = frames(listening, [said(asking, PAYLOADS[:1])])
        answer = frames(asking, [said(listening, PAYLOADS[:1])])
        for tail, (frame,) in zip(tails, (question, answer), strict=True):
            tail.append(len(frame) - 24)
    assert [set(tail) for tail in tails] == [set(range(16)), set(range(4))]


@pytest.mark.parametrize(("first", "asked"), [(0, [1]), (7, [1, 7]), (16, [1]), (255, [1, 15])])
def test_frame_padding_is_drawn_in_two_steps(first: int, asked: list[int]) -> None:
    draws = []

    def entropy(size: int) -> bytes:
        draws.append(size)
        return bytes([first]) * size

    stream = Stream(Transport(Framing.PADDED), server=False, limits=Limits(), entropy=entropy, crypto=CRYPTO)
    stream.send(PAYLOADS[0])
    assert draws == asked


def test_a_transport_error_is_four_bytes_everywhere() -> None:
    for transport in TRANSPORTS:
        asking, listening = client(transport), taking(transport)
        frames(listening, [said(asking, PAYLOADS)])
        for code in (-404, -429, -444):
            (error,) = frames(asking, [said(listening, [encode_transport_error(code)])])
            assert error == encode_transport_error(code)


ERRORS = [entry for entry in load("transport_framing") if "int32" in entry]


@pytest.mark.parametrize("entry", ERRORS, ids=lambda entry: entry["name"])
def test_published_errors(entry: dict[str, str | int]) -> None:
    payload = bytes.fromhex(str(entry["payload"]))
    assert transport_error(payload) == entry["int32"]
    assert encode_transport_error(int(entry["int32"])) == payload
    assert transport_error(payload + bytes(15)) == entry["int32"]
    assert encode_transport_error(-(1 << 31)) == b"\0\0\0\x80"


@pytest.mark.parametrize("payload", [b"", b"\xff" * 3, bytes(4), b"\xff\xff\xff\x7f", b"\xff" * 20])
def test_what_is_no_error(payload: bytes) -> None:
    assert transport_error(payload) is None


@given(st.integers(-(1 << 31), (1 << 31) - 1), st.binary(max_size=24))
def test_what_is_too_short_for_a_message(number: int, rest: bytes) -> None:
    """Up to 15 bytes of padding may follow; from 20 bytes on it is taken for a message, and then fits none below 24."""
    payload = number.to_bytes(4, "little", signed=True) + rest
    short = len(rest) <= 15
    assert transport_error(payload) == (number if short and number < 0 else None)
    assert is_no_op(payload) == (short and number == 0)


def test_less_than_a_number_is_nothing() -> None:
    for size in range(4):
        assert transport_error(bytes(size)) is None
        assert not is_no_op(bytes(size))


@EVERY
def test_a_server_speaks_no_tag_and_nothing_unasked(transport: Transport) -> None:
    listening = taking(transport)
    assert listening.data_to_send() == b""
    listening.receive(said(client(transport), PAYLOADS[:1]))
    assert listening.next_frame() is not None
    assert listening.data_to_send() == b""


@pytest.mark.parametrize("code", [0, 404, -(1 << 31) - 1])
def test_codes_that_are_none(code: int) -> None:
    with pytest.raises(ValueError, match="the codes are negative"):
        encode_transport_error(code)


@given(st.binary(max_size=200), st.booleans(), st.sampled_from([b"", b"\xef", b"\xee" * 4, b"\xdd" * 4, b"\x20" + bytes(7)]))
def test_any_bytes_give_frames_or_an_error_of_ours(data: bytes, ours: bool, start: bytes) -> None:
    def run(pieces: list[bytes]) -> list[bytes | str]:
        return frames(client(Transport(Framing.PADDED)) if ours else server(), pieces)

    same_however_cut(start + data, run)
