"""One TCP or WebSocket byte stream: bytes in, frames out, and back. What is fresh for each stream is here, whole."""

from __future__ import annotations

from typing import Final

from .._crypto import Crypto, Entropy
from .._errors import Check, LocalProtocolError, require
from .._ground import Buffer
from .._limits import Limits
from .detection import Detected, detect
from .framing import FrameCodec, Framing, codec_for
from .obfuscation import HEADER_LENGTH, Accepted, Keystreams, accept_header, make_header
from .strangers import instead_of_answer
from .transport import ServerTransport, Transport

__all__ = ["Stream", "encode_transport_error", "is_no_op", "transport_error"]

_FIRST: Final = 5
"""Bytes of the first answer, enough to know other protocols by; no frame is shorter."""

_SPECIAL: Final = 20
"""Payloads below this are no messages: a transport error, with up to 15 bytes of padding behind it."""


def transport_error(payload: bytes) -> int | None:
    """The negative code, if the payload of a frame is a transport error; else None. Anyone on the path can send one.

    https://core.telegram.org/mtproto/mtproto-transports#transport-errors
    """
    code = _special(payload)
    return code if code < 0 else None


def is_no_op(payload: bytes) -> bool:
    """Whether the payload of a frame says nothing: too short for a message, and it begins with a 0 of 4 bytes."""
    return len(payload) >= 4 and _special(payload) == 0


def encode_transport_error(code: int) -> bytes:
    """The payload, 4 bytes. ``ValueError`` unless the code is negative."""
    if not -(1 << 31) <= code < 0:
        raise ValueError(f"transport error {code}; the codes are negative")
    return code.to_bytes(4, "little", signed=True)


def _special(payload: bytes) -> int:
    """The number with which a payload begins that is too short for a message; 1, which means nothing, for others."""
    return int.from_bytes(payload[:4], "little", signed=True) if 4 <= len(payload) < _SPECIAL else 1


class Stream:
    """Buffer, framing and keystreams of one stream.

    ``transport``: a client's :class:`Transport`; a server takes one too, and then no other. ``dc``: what a client writes
    into an obfuscated header, 0 for nothing.
    """

    def __init__(
        self,
        transport: Transport | ServerTransport,
        *,
        server: bool,
        limits: Limits,
        entropy: Entropy,
        crypto: Crypto,
        dc: int = 0,
    ) -> None:
        self._server = server
        self._limit = limits.frame
        self._entropy = entropy
        self._crypto = crypto
        self._buffer = Buffer()
        self._out: list[bytes] = []
        self._keystreams: Keystreams | None = None
        self._codec: FrameCodec | None = None
        self._first = b""
        self._cut_off = False
        self.framing: Framing | None = None
        """The framing, once it is known."""
        self.dc: int | None = None
        """What a client wrote into its header, numbered as in the handshake. None: without a secret it means nothing."""
        self.quick_ack = False
        """Whether the last frame asked for a quick acknowledgement."""
        if isinstance(transport, ServerTransport):
            if not server:
                raise ValueError("a client must choose its transport")
            self._awaited = transport
        else:
            self._awaited = transport.awaited()
            if not server:
                self._begin(transport, dc)

    @property
    def midway(self) -> bool:
        """Whether the peer owes us bytes: a frame has begun and is not whole, or a client has not begun.

        As of the last :meth:`next_frame`.
        """
        return self._cut_off or self._codec is None

    def receive(self, data: bytes) -> None:
        """Bytes of the peer, in order, however they are cut. They are only kept; see :meth:`next_frame`."""
        if not self._server and len(self._first) < _FIRST:
            self._first += data[: _FIRST - len(self._first)]
        self._buffer.append(self._keystreams.incoming(data) if self._keystreams else data)

    def next_frame(self) -> bytes | None:
        """The payload of the next frame; None until more bytes come.

        :class:`MalformedMessage`, or :class:`SecurityError` with ``FRAME_LIMIT`` or ``DETECTION``: the stream is of no use
        any more.
        """
        codec = self._codec or self._detect()
        if codec is None:
            return None
        if not self._server and not self._is_answer():
            self._cut_off = bool(self._first)
            return None
        frame = codec.decode(self._buffer)
        self._cut_off = frame is None and len(self._buffer) > 0
        if frame is None:
            return None
        self.quick_ack = frame.quick_ack
        return frame.payload

    def send(self, payload: bytes) -> None:
        """Put a message, or a transport error, into the bytes to send.

        :class:`LocalProtocolError` on a server whose client has not begun: how to write to it is not known.
        """
        self._write(self._known().encode(payload, padding=self._draw_padding(payload)))

    def send_quick_ack(self, token: int) -> None:
        """Answer the last frame, if it asked for it. ``token``: :attr:`Opened.quick_ack_token` of what it held."""
        if self.quick_ack:
            self._write(self._known().encode_quick_ack(token))

    def data_to_send(self) -> bytes:
        """Everything since the last time; a client's begins with its tag or header."""
        # of one frame alone, the frame itself: nothing is copied then
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _known(self) -> FrameCodec:
        if self._codec is None:
            raise LocalProtocolError("the transport of this stream is not known yet")
        return self._codec

    def _write(self, frame: bytes) -> None:
        self._out.append(self._keystreams.outgoing(frame) if self._keystreams else frame)

    def _begin(self, transport: Transport, dc: int) -> None:
        if transport.obfuscated:
            header, self._keystreams = make_header(
                transport.framing, dc=dc, secret=transport.key_secret, entropy=self._entropy, crypto=self._crypto
            )
            self._out.append(header)
        else:
            self._out.append(transport.framing.tag)
        self._speak(transport.framing)

    def _speak(self, framing: Framing) -> FrameCodec:
        self.framing = framing
        self._codec = codec_for(framing, server=self._server, limit=self._limit)
        return self._codec

    def _detect(self) -> FrameCodec | None:
        prefix = self._buffer.peek(HEADER_LENGTH)
        found = detect(prefix, self._awaited)
        if found is Detected.NEED_MORE:
            return None
        if isinstance(found, Framing):
            self._buffer.drop(len(found.tag))
            return self._speak(found)
        accepted = self._accept(prefix)
        self._buffer.drop(HEADER_LENGTH)
        self._keystreams = accepted.keystreams
        self.dc = accepted.dc if self._awaited.secrets else None
        self._buffer.append(accepted.keystreams.incoming(self._buffer.take(len(self._buffer))))
        return self._speak(accepted.framing)

    def _accept(self, header: bytes) -> Accepted:
        tried = (accept_header(header, secret=each, crypto=self._crypto) for each in self._awaited.secrets or (None,))
        fitting = [each for each in tried if each is not None and each.framing in self._awaited.framings]
        require(fitting, Check.DETECTION, "64 bytes that begin no transport of ours")
        return fitting[0]

    def _is_answer(self) -> bool:
        """Whether so much has come that we know it for frames; what we know for something else is refused."""
        if len(self._first) < _FIRST:
            return False
        stranger = instead_of_answer(self._first)
        require(stranger is None, Check.FRAME_LIMIT, f"it is {stranger}")
        return True

    def _draw_padding(self, payload: bytes) -> bytes:
        # an error goes out as it is: Telegram Desktop knows one only below 12 bytes; to real clients at most 3
        if self.framing is not Framing.PADDED or len(payload) < _SPECIAL:
            return b""
        size = self._entropy(1)[0] % (4 if self._server else 16)
        return self._entropy(size) if size else b""
