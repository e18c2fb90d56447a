"""The stream inside a WebSocket, client and server, without a socket: https://core.telegram.org/mtproto/transports#websocket.

The stream lies in binary messages; where one ends means nothing. The subprotocol is ``binary``, nothing is compressed, and
whatever happens we close with 1000. Pings are answered. The framing itself is that of ``websockets``.
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, NegotiationError
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from ..carrier import CarrierError

__all__ = ["MESSAGE_CEILING", "PATHS", "ClientCarrier", "ServerCarrier", "parse_url", "shown"]

PATHS: Final = frozenset({"/apiws", "/apiws_test"})
"""Where Telegram's servers speak WebSocket: production and test."""
MESSAGE_CEILING: Final = (1 << 22) + 1024
"""Bytes of one message that is taken: as much as the core takes for one frame."""
HANDSHAKE_CEILING: Final = 1 << 16
"""Bytes before the stream begins; cookies, and pages that explain a refusal, are the most of them."""
MESSAGE_SIZE: Final = 1 << 16
"""Bytes of one message of ours; many peers take a megabyte at most."""
SUBPROTOCOL: Final = Subprotocol("binary")
PROPER: Final = {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD}
TEXT_CEILING: Final = 300
SHOWN: Final = 32
"""Bytes of a stranger's first words that an error shows."""


def parse_url(url: str) -> WebSocketURI:
    """The parts of a ``ws://`` or ``wss://`` URL. ``ValueError`` for others."""
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        # its text has the URL in it, or a part, and that may be a password
        why = error.msg if isinstance(error, InvalidURI) else "host and port cannot be told"
    raise ValueError(f"a URL like wss://host/apiws or ws://host:port/apiws is needed, came {shown(url)}: {why}")


def shown(url: str) -> str:
    """``url`` for people and logs: scheme, host, port and path only, for the rest may be secret. Raises nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        return "something that is no URL"
    if "@" in parts.path + parts.query + parts.fragment:
        # where a password has a sign that means something in URLs, a part of it is taken for the host
        return f"{parts.scheme}://..."
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}{parts.path}"


class _Client(ClientProtocol):
    def fail(self, code: int, reason: str = "") -> None:
        super().fail(_usual(code), reason)

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        if (chosen := super().process_subprotocol(headers)) is None:
            raise NegotiationError("no subprotocol")
        return chosen


class _Server(ServerProtocol):
    def fail(self, code: int, reason: str = "") -> None:
        super().fail(_usual(code), reason)


def _usual(code: int) -> int:
    """1000 for every code that would be sent."""
    return code if code == CloseCode.ABNORMAL_CLOSURE else CloseCode.NORMAL_CLOSURE


class _WebSocket:
    """What both roles have in common."""

    def __init__(self, protocol: _Client | _Server, *, begins: bytes, stranger: str) -> None:
        self.error: CarrierError | None = None
        """Why it has ended; None: it has not, or properly."""
        self.begun = False
        """The handshake is done."""
        self._protocol = protocol
        self._begins = begins
        self._stranger = stranger
        self._ended = False
        self._head = bytearray()
        """What has come before the stream."""

    @property
    def open(self) -> bool:
        """The handshake is done, and neither side has said that nothing follows."""
        return self._protocol.state is State.OPEN and not self.ended

    @property
    def _connecting(self) -> bool:
        return self._protocol.state is State.CONNECTING

    @property
    def ended(self) -> bool:
        """The peer has closed, or did wrong; or it was closed here before it was open."""
        return self._ended or self.error is not None

    def receive(self, data: bytes) -> bytes:
        """Takes what the socket has brought; the payload of binary frames, which may be pieces of a message."""
        if self.ended:
            return b""
        return self._begin(data) if self._connecting else self._feed(data)

    def receive_eof(self) -> None:
        """The socket has ended: an error, unless the peer has closed the WebSocket before."""
        if self.ended:
            return
        self._protocol.receive_eof()
        if isinstance(self._protocol.handshake_exc, InvalidStatus):
            self._end(_told(self._protocol.handshake_exc))
        elif self.begun:
            self._end("the TCP stream ended without a close of the WebSocket (1006)")
        else:
            self._end(f"the TCP stream ended before the WebSocket was open, after {self._first_line()}")

    def send(self, data: bytes) -> None:
        """Carries bytes of the stream, in as many messages as it takes. :class:`CarrierError` where it is not open."""
        if not self.open:
            state = "closed" if self.ended or self.begun else "not open yet"
            raise self.error or CarrierError(f"the WebSocket is {state}")
        for start in range(0, len(data), MESSAGE_SIZE):
            self._protocol.send_binary(data[start : start + MESSAGE_SIZE])

    def close(self) -> None:
        """Closes with 1000; before it is open, gives it up."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
        self._ended |= self._connecting

    def data_to_send(self) -> bytes:
        """What the socket is to be given."""
        return b"".join(self._protocol.data_to_send())

    def _begin(self, data: bytes) -> bytes:
        """Bytes from the beginning on; those of the stream that are in them."""
        self._head += data
        if not self._begins.startswith(self._head[: len(self._begins)]):
            self._refuse(f"{self._stranger}: it begins with {bytes(self._head[:SHOWN])!r}")
            return b""
        found = self._shake(data)
        if not self._connecting:
            self.begun = True
            self._head.clear()
        elif not self.ended and len(self._head) > HANDSHAKE_CEILING:
            self._refuse(f"a WebSocket handshake of more than {HANDSHAKE_CEILING} bytes, which begins with {self._first_line()}")
        return found

    def _shake(self, data: bytes) -> bytes:
        """``data`` goes on with the handshake; the bytes of the stream that came behind it."""
        return self._feed(data)

    def _refuse(self, text: str) -> None:
        """Ends it before it has begun."""
        self._end(text)

    def _feed(self, data: bytes) -> bytes:
        """Bytes for the protocol; what of the stream is in them."""
        self._protocol.receive_data(data)
        found = b"".join(self._take(event) for event in self._protocol.events_received())
        wrong = self._protocol.handshake_exc or self._protocol.parser_exc
        if wrong is not None and not self.ended:
            self._end(_told(wrong))
        return found

    def _take(self, event: Request | Response | Frame) -> bytes:
        """The bytes of the stream in an event."""
        if not isinstance(event, Frame) or self.ended:
            return b""
        if event.opcode is Opcode.TEXT:
            self._protocol.fail(CloseCode.NORMAL_CLOSURE, "binary frames only")
            self._end("the peer sent a text frame, where only binary ones are spoken")
        elif event.opcode is Opcode.CLOSE:
            self._ended = True
            close = Close.parse(event.data)
            if close.code not in PROPER:
                self._end(f"the peer closed the WebSocket with {close}")
        # a continuation belongs to a binary message: with a text frame it would have ended
        return bytes(event.data) if event.opcode in (Opcode.BINARY, Opcode.CONT) else b""

    def _end(self, text: str) -> None:
        shown = "".join(sign if sign.isprintable() else "?" for sign in text)
        self.error = CarrierError(shown[:TEXT_CEILING])

    def _first_line(self) -> str:
        return repr(bytes(self._head.split(b"\r\n", 1)[0][: 2 * SHOWN]))


class ClientCarrier(_WebSocket):
    """The client's end of a WebSocket at ``url``. ``ValueError`` for what is none. TLS, which ``wss`` wants, lies below."""

    def __init__(self, url: str) -> None:
        protocol = _Client(parse_url(url), subprotocols=[SUBPROTOCOL], max_size=MESSAGE_CEILING)
        super().__init__(protocol, begins=b"HTTP/", stranger="the server speaks no HTTP, so no WebSocket either")
        protocol.send_request(protocol.connect())


class ServerCarrier(_WebSocket):
    """The server's end of a WebSocket, at one of ``paths``."""

    def __init__(self, *, paths: Collection[str] = PATHS) -> None:
        protocol = _Server(subprotocols=[SUBPROTOCOL], max_size=MESSAGE_CEILING)
        super().__init__(protocol, begins=b"GET ", stranger="the client asks for no WebSocket")
        self._server = protocol
        self._paths = paths

    def _shake(self, data: bytes) -> bytes:
        end = self._head.find(b"\r\n\r\n", max(0, len(self._head) - len(data) - 3)) + 4
        if end < 4:
            return b""
        request, rest = bytes(self._head[:end]), bytes(self._head[end:])
        # what is behind the request must wait for the answer, or a pong would be sent ahead of it
        self._server.receive_data(request)
        for asked in [event for event in self._server.events_received() if isinstance(event, Request)]:
            self._answer(asked)
        if self._server.handshake_exc is not None and not self.ended:
            self._end(_told(self._server.handshake_exc))
        return self._feed(rest) if self.open else b""

    def _answer(self, request: Request) -> None:
        path = request.path.partition("?")[0]
        if path in self._paths:
            response = self._server.accept(request)
            reason = str(self._server.handshake_exc)
        else:
            reason = f"no WebSocket at {path!r}, but at {', '.join(sorted(self._paths))}"
            response = self._server.reject(HTTPStatus.NOT_FOUND, reason + "\n")
        self._server.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._end(f"the client was answered {response.status_code} {response.reason_phrase}: {reason}")

    def _refuse(self, text: str) -> None:
        refusal = "an obfuscated stream in a WebSocket (GET, subprotocol binary) is spoken here\n"
        self._server.send_response(self._server.reject(HTTPStatus.BAD_REQUEST, refusal))
        self._end(text)


def _told(error: Exception) -> str:
    """What the peer did wrong, in a sentence."""
    if isinstance(error, InvalidStatus):
        answer = f"{error.response.status_code} {error.response.reason_phrase}"
        return f"the server answered {answer} to the WebSocket handshake: are host and path right?"
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    what = "handshake" if isinstance(error, InvalidHandshake) else "protocol"
    return f"the peer broke the WebSocket {what}: {error}{cause}"
