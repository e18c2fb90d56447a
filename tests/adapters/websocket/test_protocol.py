"""The stream inside a WebSocket, with no socket: any cut of it, and every way to do it wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from kit.serving import CONFIG, DC, QUERY, SERVER_KEY
from kit.websocket_peers import Wire, close, frame, pieces, request, response, talk, wires
from mtproto_bind import (
    NEED_DATA,
    CallAnswered,
    CallReceived,
    ClientConnection,
    Computation,
    Question,
    Server,
    ServerConfig,
    Transport,
)
from mtproto_bind_adapters.carrier import Carrier, CarrierError
from mtproto_bind_adapters.clock import Clock
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.websocket import WEBSOCKET_TRANSPORT, ClientCarrier, ServerCarrier, shown
from mtproto_bind_adapters.websocket.protocol import HANDSHAKE_CEILING, MESSAGE_CEILING, MESSAGE_SIZE, TEXT_CEILING

URL = "ws://localhost/apiws"
PLACES = st.lists(st.integers(min_value=0), max_size=8)


def server() -> ServerCarrier:
    """A server that has answered."""
    made = ServerCarrier()
    made.receive(request())
    made.data_to_send()
    return made


def client() -> ClientCarrier:
    """A client that was answered."""
    made = ClientCarrier(URL)
    made.receive(response(made.data_to_send()))
    return made


ROLES: list[tuple[Callable[[], Carrier], bool]] = [(server, True), (client, False)]
EITHER_ROLE = pytest.mark.parametrize(("make", "mask"), ROLES, ids=["server", "client"])
"""Who is tested, and whether frames of its peer are masked."""


def text_of(carrier: Carrier) -> str:
    """What is told of its end."""
    return str(carrier.error)


# ---- what is right


@pytest.mark.parametrize("path", ["/apiws", "/apiws_test", "/apiws?more"])
def test_both_roles_understand_each_other(path: str) -> None:
    ours, theirs = ClientCarrier(f"ws://localhost{path}"), ServerCarrier()
    assert not ours.open
    assert not theirs.open
    talk(ours, theirs)
    assert ours.open
    assert theirs.open
    much = os.urandom(3 * MESSAGE_SIZE + 1)
    ours.send(much)
    theirs.send(b"answer")
    assert talk(ours, theirs) == (b"answer", much)
    assert ours.error is theirs.error is None


def test_the_handshake_says_what_telegram_wants() -> None:
    ours, theirs = ClientCarrier("wss://venus.web.telegram.org/apiws"), ServerCarrier()
    asked = ours.data_to_send().lower()
    assert asked.startswith(b"get /apiws http/1.1\r\nhost: venus.web.telegram.org\r\n")
    assert b"sec-websocket-protocol: binary\r\n" in asked
    assert b"extensions" not in asked
    theirs.receive(request(more="Sec-WebSocket-Extensions: permessage-deflate\r\n"))
    answered = theirs.data_to_send().lower()
    assert answered.startswith(b"http/1.1 101 ")
    assert b"sec-websocket-protocol: binary\r\n" in answered
    assert b"extensions" not in answered


def test_our_messages_are_small_enough_for_anybody() -> None:
    ours = client()
    ours.send(bytes(MESSAGE_SIZE + 1))
    assert len(ours.data_to_send()) == MESSAGE_SIZE + 1 + 14 + 6


@EITHER_ROLE
@given(data=st.data())
def test_messages_of_any_cut_are_one_stream(make: Callable[[], Carrier], mask: bool, data: st.DataObject) -> None:
    carrier = make()
    wire: Wire = data.draw(wires(mask=mask))
    heard = b"".join(carrier.receive(piece) for piece in pieces(wire.frames, data.draw(PLACES)))
    assert heard == wire.payload
    # a pong looks like the ping, but for masks
    assert len(carrier.data_to_send()) == sum(len(ping) + (2 if mask else 6) for ping in wire.pings)
    assert carrier.error is None


@given(wire=wires(mask=True), places=PLACES)
def test_the_first_frames_may_come_with_the_request(wire: Wire, places: list[int]) -> None:
    carrier = ServerCarrier()
    heard = b"".join(carrier.receive(piece) for piece in pieces(request() + wire.frames, places))
    assert heard == wire.payload
    # no pong goes out ahead of the answer
    assert carrier.data_to_send().startswith(b"HTTP/1.1 101 ")


@given(wire=wires(mask=False), places=PLACES)
def test_the_first_frames_may_come_with_the_answer(wire: Wire, places: list[int]) -> None:
    carrier = ClientCarrier(URL)
    answered = response(carrier.data_to_send())
    heard = b"".join(carrier.receive(piece) for piece in pieces(answered + wire.frames, places))
    assert heard == wire.payload
    assert carrier.open


def refragmented(data: bytes, random: Random, *, mask: bool) -> Iterator[bytes]:
    """Frames that hold ``data``: messages of any size, empty ones too, whole or in fragments, with pings between."""
    begun = False
    while data or begun:
        if random.random() < 0.2:
            yield frame(b"?", mask=mask, opcode=Opcode.PING)
        size = random.choice([0, 1, 3, 64, 1000])
        piece, data = data[:size], data[size:]
        more = bool(data) and random.random() < 0.5
        yield frame(piece, mask=mask, opcode=Opcode.CONT if begun else Opcode.BINARY, fin=not more)
        begun = more


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_connection_goes_through_any_cut(seed: int) -> None:
    random = Random(seed)
    client_end, server_end = ClientCarrier(URL), ServerCarrier()
    from_server, from_client = response(client_end.data_to_send()), request()
    now = Clock().now()
    connection = ClientConnection(CONFIG)
    connection.transport_opened(WEBSOCKET_TRANSPORT, now)
    call = connection.call(QUERY * 1000, now)
    store = MemoryStore()
    served = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC)).accept(Transport.detect(obfuscated_only=True), "peer", now)
    answers = []
    while not answers:
        for machine in (connection, served):
            while (event := machine.next_event()) is not NEED_DATA:
                if isinstance(event, Computation):
                    machine.answer(event, event.run(), now)
                elif isinstance(event, Question):
                    machine.answer(event, store.answer(event, now), now)
                elif isinstance(event, CallReceived):
                    served.send_result(event, event.body[::-1], now)
                elif isinstance(event, CallAnswered):
                    answers.append(event)
        from_client += b"".join(refragmented(connection.data_to_send(now), random, mask=True))
        from_server += b"".join(refragmented(served.data_to_send(now), random, mask=False))
        # the first of them come in one piece with the handshake, if at all; of every turn a part comes a turn later
        there, back = random.randint(0, len(from_client)), random.randint(0, len(from_server))
        served.receive_data(server_end.receive(from_client[:there]), now)
        connection.receive_data(client_end.receive(from_server[:back]), now)
        from_client, from_server = from_client[there:], from_server[back:]
    assert answers == [CallAnswered(call_id=call, body=(QUERY * 1000)[::-1])]


# ---- the end


@EITHER_ROLE
@pytest.mark.parametrize("code", [1000, 1001, None])
def test_a_proper_close_is_the_end_of_the_stream(make: Callable[[], Carrier], mask: bool, code: int | None) -> None:
    carrier = make()
    assert carrier.receive(frame(b"last", mask=mask) + close(code, mask=mask) + b"unheard") == b"last"
    assert carrier.ended
    assert carrier.error is None
    assert not carrier.open
    assert carrier.data_to_send()[:1] == b"\x88"
    carrier.receive_eof()
    carrier.close()
    assert carrier.receive(b"unheard") == carrier.data_to_send() == b""
    assert carrier.error is None
    with pytest.raises(CarrierError, match="the WebSocket is closed"):
        carrier.send(b"more")


CODES = [
    (1002, "protocol error"),
    (1003, "unsupported data"),
    (1007, "invalid frame payload data"),
    (1008, "policy violation"),
    (1009, "message too big"),
    (1011, "unexpected error"),
    (4000, "private use"),
]


@EITHER_ROLE
@pytest.mark.parametrize(("code", "name"), CODES)
def test_another_close_is_an_error_that_says_why(make: Callable[[], Carrier], mask: bool, code: int, name: str) -> None:
    carrier = make()
    assert carrier.receive(frame(b"last", mask=mask) + close(code, "404\x1b[2J\n", mask=mask)) == b"last"
    found = text_of(carrier).replace("internal error", "unexpected error")
    assert found.startswith(f"the peer closed the WebSocket with {code} (")
    assert name in found
    assert found.endswith(" 404?[2J?")
    with pytest.raises(CarrierError, match=str(code)):
        carrier.send(b"more")


@EITHER_ROLE
def test_a_stream_that_ends_without_a_close_is_an_error(make: Callable[[], Carrier], mask: bool) -> None:
    carrier = make()
    assert carrier.receive(frame(b"last", mask=mask)) == b"last"
    carrier.receive_eof()
    assert carrier.ended
    assert text_of(carrier) == "the TCP stream ended without a close of the WebSocket (1006)"
    carrier.receive_eof()


@EITHER_ROLE
def test_we_close_with_1000_and_hear_what_was_under_way(make: Callable[[], Carrier], mask: bool) -> None:
    carrier = make()
    carrier.close()
    said = carrier.data_to_send()
    assert said[:2] == (b"\x88\x02" if mask else b"\x88\x82")
    assert not carrier.open
    assert not carrier.ended
    with pytest.raises(CarrierError, match="the WebSocket is closed"):
        carrier.send(b"more")
    carrier.close()
    assert carrier.data_to_send() == b""
    assert carrier.receive(frame(b"late", mask=mask) + close(1000, mask=mask)) == b"late"
    assert carrier.ended
    assert carrier.error is None


@pytest.mark.parametrize("make", [lambda: ClientCarrier(URL), ServerCarrier], ids=["client", "server"])
def test_what_is_not_open_takes_nothing_and_may_be_given_up(make: Callable[[], Carrier]) -> None:
    carrier = make()
    with pytest.raises(CarrierError, match="not open yet"):
        carrier.send(b"early")
    carrier.close()
    assert carrier.ended
    assert carrier.receive(request()) == b""
    assert not carrier.open
    with pytest.raises(CarrierError, match="closed"):
        carrier.send(b"late")


# ---- frames that are wrong


def codes(said: bytes, *, mask: bool) -> list[int]:
    """The close codes in what was said: by a server if frames of the peer are masked."""
    other = ClientCarrier(URL) if mask else ServerCarrier()
    other.receive(response(other.data_to_send()) if mask else request())
    other.receive(said)
    closed = other._protocol.close_rcvd
    return [closed.code] if closed else []


WRONG_FRAMES: list[tuple[Callable[[bool], bytes], str]] = [
    (lambda mask: frame(b"text", mask=mask, opcode=Opcode.TEXT), "a text frame, where only binary ones"),
    (lambda mask: frame(b"te", mask=mask, opcode=Opcode.TEXT, fin=False), "a text frame, where only binary ones"),
    (lambda mask: frame(b"?", mask=not mask), "broke the WebSocket protocol: incorrect masking"),
    (lambda mask: frame(b"?", mask=mask, opcode=Opcode.CONT), "unexpected continuation frame"),
    (lambda mask: frame(b"a", mask=mask, fin=False) + frame(b"b", mask=mask), "expected a continuation frame"),
    (lambda mask: b"\x83" + frame(mask=mask)[1:], "invalid opcode"),
    (lambda mask: b"\xc2" + frame(mask=mask)[1:], "reserved bits must be 0"),
    (lambda mask: b"\x89" + frame(b"?" * 126, mask=mask)[1:], "control frame too long"),
    (lambda mask: b"\x82" + (b"\xff" if mask else b"\x7f") + (MESSAGE_CEILING + 1).to_bytes(8), str(MESSAGE_CEILING)),
    (lambda mask: frame(bytes(MESSAGE_CEILING), mask=mask, fin=False) + frame(b"?", mask=mask, opcode=Opcode.CONT), "byte"),
    (lambda mask: close(999, mask=mask), "invalid status code"),
    (lambda mask: frame(b"?", mask=mask, opcode=Opcode.CLOSE), "close frame too short"),
    (lambda mask: frame(b"\x03\xe8\xff", mask=mask, opcode=Opcode.CLOSE), "utf-8"),
]


@EITHER_ROLE
@pytest.mark.parametrize(("make_wrong", "text"), WRONG_FRAMES, ids=[text for _, text in WRONG_FRAMES])
def test_a_wrong_frame_ends_it_with_1000(
    make: Callable[[], Carrier], mask: bool, make_wrong: Callable[[bool], bytes], text: str
) -> None:
    carrier = make()
    heard = carrier.receive(frame(b"before", mask=mask) + make_wrong(mask) + frame(b"after", mask=mask))
    assert heard.startswith(b"before")
    assert b"after" not in heard
    assert text in text_of(carrier)
    assert not carrier.open
    assert codes(carrier.data_to_send(), mask=mask) == [1000]
    assert carrier.receive(frame(b"after", mask=mask)) == b""


@EITHER_ROLE
def test_a_message_of_the_greatest_size_is_taken(make: Callable[[], Carrier], mask: bool) -> None:
    carrier = make()
    great = os.urandom(MESSAGE_CEILING)
    assert carrier.receive(frame(great, mask=mask)) == great
    assert carrier.error is None


# ---- requests that are wrong


REFUSED = [
    (request(subprotocol=None), b"400", "missing subprotocol"),
    (request(subprotocol="chat"), b"400", "invalid subprotocol; expected one of binary"),
    (request("/"), b"404", "no WebSocket at '/', but at /apiws, /apiws_test"),
    (request("/apiws/more"), b"404", "no WebSocket at '/apiws/more'"),
    (b"GET /apiws HTTP/1.1\r\nHost: localhost\r\n\r\n", b"426", "missing Connection header"),
    (request(more="Sec-WebSocket-Version: 8\r\n"), b"400", "multiple values"),
    (request().replace(b"dGhlIHN", b""), b"400", "Sec-WebSocket-Key"),
    (request(method="POST"), b"400", "the client asks for no WebSocket: it begins with b'POST /apiws HTTP"),
    (b"\xee\xee\xee\xee" + bytes(20), b"400", r"\xee\xee\xee\xee\x00"),
    (b"\xef", b"400", r"\xef\x82"),
    (request(more="".join(f"Header{number}: x\r\n" for number in range(200))), b"431", "handshake"),
    (request("/apiws" + "?" * 9000), b"414", "handshake"),
    (b"GET " + b"?" * HANDSHAKE_CEILING, b"400", "a WebSocket handshake of more than 65536 bytes"),
]


@pytest.mark.parametrize(("asked", "status", "text"), REFUSED, ids=[text for _, _, text in REFUSED])
def test_a_wrong_request_is_answered_and_told(asked: bytes, status: bytes, text: str) -> None:
    carrier = ServerCarrier()
    assert carrier.receive(asked + frame(b"stream", mask=True)) == b""
    assert carrier.data_to_send().startswith(b"HTTP/1.1 " + status)
    assert text in text_of(carrier)
    assert carrier.ended
    assert not carrier.open


@pytest.mark.parametrize("asked", [b"GET \x1b[2J\r\n\r\n", request(more="Content-Length: 5\r\n"), request(more="no header\r\n")])
def test_a_request_that_is_no_http_is_not_answered(asked: bytes) -> None:
    carrier = ServerCarrier()
    assert carrier.receive(asked) == carrier.data_to_send() == b""
    assert "did not receive a valid HTTP request (" in text_of(carrier)
    assert text_of(carrier).isprintable()


def test_other_paths_may_be_served() -> None:
    carrier = ServerCarrier(paths={"/mine"})
    carrier.receive(request("/mine"))
    assert carrier.open
    carrier = ServerCarrier(paths={"/mine"})
    carrier.receive(request())
    assert text_of(carrier).endswith("no WebSocket at '/apiws', but at /mine")


def test_a_client_that_leaves_before_it_was_answered() -> None:
    carrier = ServerCarrier()
    carrier.receive(request()[:50])
    carrier.receive_eof()
    assert text_of(carrier) == "the TCP stream ended before the WebSocket was open, after b'GET /apiws HTTP/1.1'"


# ---- answers that are wrong


def test_an_answer_without_the_subprotocol_is_refused() -> None:
    for subprotocol, text in [(None, "no subprotocol"), ("chat", "unsupported subprotocol: chat"), ("binary, chat", "multiple")]:
        carrier = ClientCarrier(URL)
        assert carrier.receive(response(carrier.data_to_send(), subprotocol=subprotocol) + frame(b"stream", mask=False)) == b""
        assert text in text_of(carrier)
        assert not carrier.open


def test_compression_that_nobody_asked_for_is_refused() -> None:
    carrier = ClientCarrier(URL)
    carrier.receive(response(carrier.data_to_send(), more="Sec-WebSocket-Extensions: permessage-deflate\r\n"))
    assert text_of(carrier) == "the peer broke the WebSocket handshake: no extensions supported"


def test_an_answer_to_another_request_is_refused() -> None:
    carrier = ClientCarrier(URL)
    carrier.receive(response(request()))
    assert "Sec-WebSocket-Accept" in text_of(carrier)


NO_UPGRADES = [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone", "the server answered 404 Not Found to the WebSocket handshake"),
    (b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "answered 302 Found"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "answered 200 OK"),
    (b"HTTP/1.1 999 What\r\n\r\n", "did not receive a valid HTTP response (invalid status code"),
    (b"HTTP/1.0 101 Old\r\n\r\n", "did not receive a valid HTTP response (unsupported protocol"),
    (b"HTTP/1.1 101 Yes\r\n\r\n", "missing Connection header"),
    (b"\xef\xef\xef\xef", r"the server speaks no HTTP, so no WebSocket either: it begins with b'\xef\xef\xef\xef'"),
    (b"SSH-2.0-OpenSSH", "it begins with b'SSH-2.0-OpenSSH'"),
    (b"HTTP/1.1 200 OK\r\n\r\n" + b"?" * HANDSHAKE_CEILING, "of more than 65536 bytes, which begins with b'HTTP/1.1 200 OK'"),
    (b"HTTP/1.1 " + b"?" * 9000, "the peer broke the WebSocket handshake"),
]


@pytest.mark.parametrize(("answered", "text"), NO_UPGRADES, ids=[text for _, text in NO_UPGRADES])
def test_an_answer_that_is_no_upgrade_is_told(answered: bytes, text: str) -> None:
    carrier = ClientCarrier(URL)
    carrier.data_to_send()
    carrier.receive(answered)
    assert text in text_of(carrier)
    assert carrier.ended
    assert carrier.data_to_send() == b""


def test_a_page_of_any_length_is_an_answer_when_it_ends() -> None:
    carrier = ClientCarrier(URL)
    carrier.receive(b"HTTP/1.1 200 OK\r\n\r\n<html>")
    assert not carrier.ended
    carrier.receive_eof()
    assert "answered 200 OK" in text_of(carrier)


@pytest.mark.parametrize(("said", "text"), [(b"", "b''"), (b"HTTP/1.1 101 Swit", "b'HTTP/1.1 101 Swit'")])
def test_a_server_that_leaves_before_it_has_answered(said: bytes, text: str) -> None:
    carrier = ClientCarrier(URL)
    carrier.receive(said)
    carrier.receive_eof()
    assert text_of(carrier) == f"the TCP stream ended before the WebSocket was open, after {text}"


@pytest.mark.parametrize("url", ["", "localhost", "http://localhost/apiws", "ws://", "ws://host/#part", "ws://host:port/"])
def test_what_is_no_url_is_said_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"a URL like wss://host/apiws or ws://host:port/apiws is needed, came .+: "):
        ClientCarrier(url)


SHOWN = [
    ("wss://host/apiws", "wss://host/apiws"),
    ("ws://host:80", "ws://host:80"),
    ("ws://[::1]:8080/apiws", "ws://[::1]:8080/apiws"),
    ("wss://user:hunter2@host:443/apiws?token=hunter2#hunter2", "wss://host:443/apiws"),
    ("ws://hunter2@host/apiws", "ws://host/apiws"),
    ("ws://user:12/hunter2@host/apiws", "ws://..."),
    ("ws://user:12?hunter2@host/apiws", "ws://..."),
    ("ws://user:12#hunter2@host/apiws", "ws://..."),
    ("ws://user:hunter2/@host/apiws", "something that is no URL"),
    ("ws://host:hunter2/apiws", "something that is no URL"),
    ("user:hunter2@host", "something that is no URL"),
    ("ws://[hunter2", "something that is no URL"),
    ("", "something that is no URL"),
]


@pytest.mark.parametrize(("url", "text"), SHOWN)
def test_of_a_url_nothing_is_shown_that_may_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize("url", ["ws://hunter2@host/apiws", "ws://host:hunter2/apiws", "user:hunter2@host", "ws://[hunter2"])
def test_nor_is_it_where_the_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a URL like") as refused:
        ClientCarrier(url)
    assert "hunter2" not in str(refused.value)
    # what was caught on the way would be seen in tracebacks too
    assert refused.value.__context__ is None


# ---- anything


@pytest.mark.parametrize(
    "make", [server, client, ServerCarrier, lambda: ClientCarrier(URL)], ids=["server", "client", "before", "after"]
)
@given(
    start=st.sampled_from([b"", b"GET ", b"HTTP/1.1 ", b"HTTP/1.1 101 Yes\r\n", request()]),
    data=st.binary(max_size=400),
    places=PLACES,
)
def test_no_bytes_raise_anything(make: Callable[[], Carrier], start: bytes, data: bytes, places: list[int]) -> None:
    carrier = make()
    for piece in pieces(start + data, places):
        carrier.receive(piece)
        carrier.data_to_send()
    carrier.receive_eof()
    assert carrier.ended
    assert len(text_of(carrier)) <= TEXT_CEILING
    assert text_of(carrier).isprintable()
