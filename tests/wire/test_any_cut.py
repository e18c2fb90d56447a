"""What a stream means does not depend on how it is cut: any transport, secret, frames and requests, in any pieces."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from kit.streams import SECRET, TRANSPORTS, asked, client, said, server
from mtproto_bind import Framing, RemoteProtocolError, SecurityError, Transport
from mtproto_bind._wire import Stream
from mtproto_bind._wire.detection import Detected, detect

OTHER = bytes(16)
QUESTIONS = st.lists(st.tuples(st.integers(6, 140), st.booleans()), min_size=1, max_size=5)
"""Words of a message, and whether it asks for a quick acknowledgement."""
TOKEN = 0x8899AABB


def written(transport: Transport, questions: list[tuple[int, bool]]) -> bytes:
    asking = client(transport)
    data = b""
    for number, (words, quick) in enumerate(questions):
        payload = bytes([number]) * 4 * words
        # full frames cannot ask
        data += asked(asking, payload) if quick and transport.framing is not Framing.FULL else said(asking, [payload])
    return data


def pieces(data: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[one:other] for one, other in pairwise(at)]


def answered(listening: Stream, cut: list[bytes]) -> list[object]:
    """What a server makes of the pieces: framing, frames, requests; and everything that it answers, byte by byte."""
    seen: list[object] = []
    for piece in cut:
        listening.receive(piece)
        while (frame := listening.next_frame()) is not None:
            seen.append((listening.framing, frame, listening.quick_ack))
            listening.send_quick_ack(TOKEN)
            listening.send(frame[: len(frame) // 4 * 4])
            seen.append(listening.data_to_send())
    return seen


def taking(transport: Transport) -> Stream:
    return server(Transport.detect(secrets=[OTHER, SECRET] if transport.secret else []))


CUTS = st.lists(st.integers(0, 4000), max_size=12)
EVERY_BYTE = list(range(4000))


@given(st.sampled_from(TRANSPORTS), QUESTIONS, CUTS)
@example(TRANSPORTS[0], [(6, True), (140, True)], EVERY_BYTE)
@example(TRANSPORTS[-1], [(6, True), (140, True)], EVERY_BYTE)
def test_a_server_answers_the_same_in_any_pieces(
    transport: Transport, questions: list[tuple[int, bool]], places: list[int]
) -> None:
    data = written(transport, questions)
    whole = answered(taking(transport), [data])
    assert len(whole) == 2 * len(questions)
    assert [seen[2] for seen in whole[::2]] == [quick and transport.framing is not Framing.FULL for _, quick in questions]
    assert {seen[0] for seen in whole[::2]} == {transport.framing}
    assert answered(taking(transport), pieces(data, places)) == whole


@given(st.sampled_from(TRANSPORTS), QUESTIONS, CUTS)
def test_a_client_reads_the_same_in_any_pieces(
    transport: Transport, questions: list[tuple[int, bool]], places: list[int]
) -> None:
    payloads = [bytes([number]) * 4 * words for number, (words, _) in enumerate(questions)]

    def read(places: list[int]) -> list[bytes]:
        asking, listening = client(transport), taking(transport)
        listening.receive(said(asking, payloads[:1]))
        assert listening.next_frame() is not None
        data = said(listening, payloads)
        found = []
        for piece in pieces(data, places):
            asking.receive(piece)
            while (frame := asking.next_frame()) is not None:
                found.append(frame)
        return found

    whole = read([])
    assert [frame[: len(payload)] for frame, payload in zip(whole, payloads, strict=True)] == payloads
    assert read(places) == whole


@given(st.binary(min_size=64, max_size=80), st.booleans(), st.booleans())
def test_64_bytes_decide(data: bytes, plain: bool, hidden: bool) -> None:
    """A transport, or that it is none: no byte more is looked at."""
    takes = Transport.detect(obfuscated_only=not plain) if hidden else Transport().awaited()
    answers = []
    for prefix in (data[:64], data):
        try:
            answers.append(detect(prefix, takes))
        except SecurityError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
    assert answers[0] is not Detected.NEED_MORE


@given(st.sampled_from(TRANSPORTS), st.binary(max_size=64))
def test_after_64_bytes_a_stream_has_a_framing_or_an_end(transport: Transport, noise: bytes) -> None:
    """Whoever it is: a client of ours, or what begins like one and goes on otherwise."""
    start = (written(transport, [(30, False)])[: 64 - len(noise)] + noise)[:64]
    listening = taking(transport)
    try:
        for byte in start:
            listening.receive(bytes([byte]))
            listening.next_frame()
    except RemoteProtocolError:
        return
    assert listening.framing is not None
