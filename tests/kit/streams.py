"""Streams for tests: made without a word, and fed until they say no more."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from mtproto_bind._crypto import Entropy, default_crypto
from mtproto_bind._errors import RemoteProtocolError
from mtproto_bind._limits import Limits
from mtproto_bind._wire import Framing, ServerTransport, Stream, Transport

CRYPTO = default_crypto()
SECRET = bytes(range(16))
TRANSPORTS = [
    Transport(framing, obfuscated=obfuscated, secret=secret)
    for framing in Framing
    for obfuscated, secret in [(False, None), (True, None), (True, SECRET)]
    if not (obfuscated and framing is Framing.FULL)
]
"""Every framing in the open, hidden, and hidden under a secret."""


def numbered(label: str) -> Entropy:
    """Entropy that is the same in every run."""
    count = 0

    def draw(size: int) -> bytes:
        nonlocal count
        count += 1
        return b"".join(sha256(f"{label} {count} {part}".encode()).digest() for part in range(-(-size // 32)))[:size]

    return draw


def client(transport: Transport, *, label: str = "client", limits: Limits | None = None, dc: int = 0) -> Stream:
    return Stream(transport, server=False, limits=limits or Limits(), entropy=numbered(label), crypto=CRYPTO, dc=dc)


def server(transport: Transport | ServerTransport | None = None, *, limits: Limits | None = None) -> Stream:
    taken = transport or Transport.detect()
    return Stream(taken, server=True, limits=limits or Limits(), entropy=numbered("server"), crypto=CRYPTO)


def frames(stream: Stream, pieces: Iterable[bytes]) -> list[bytes | str]:
    """Every frame that the pieces give, and the text of the error that ended it, if one did."""
    found: list[bytes | str] = []
    for piece in pieces:
        stream.receive(piece)
        try:
            while (frame := stream.next_frame()) is not None:
                found.append(frame)
        except RemoteProtocolError as error:
            return [*found, f"{type(error).__name__}: {error}"]
    return found


def describe(transport: Transport) -> str:
    """A name for a test."""
    return f"{transport.framing.value}{' obfuscated' * transport.obfuscated}{' secret' * (transport.secret is not None)}"


def said(stream: Stream, payloads: Iterable[bytes]) -> bytes:
    """The bytes of these frames."""
    for payload in payloads:
        stream.send(payload)
    return stream.data_to_send()


def asked(stream: Stream, payload: bytes) -> bytes:
    """The bytes of one frame that asks for a quick acknowledgement, which our clients never do."""
    if stream._codec is None:
        raise LookupError("a stream that does not know its framing yet")
    stream._write(stream._codec.encode(payload, quick_ack=True))
    return stream.data_to_send()
