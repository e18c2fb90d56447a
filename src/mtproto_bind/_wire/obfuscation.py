"""The 64-byte header and the keystreams of an obfuscated stream.

https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation. It hides the protocol from a glance and secures
nothing: both keys lie in the open unless there is a proxy secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from .._crypto import Crypto, Entropy
from .framing import Framing
from .strangers import FORBIDDEN_STARTS

__all__ = ["HEADER_LENGTH", "Accepted", "Keystreams", "accept_header", "make_header"]

HEADER_LENGTH: Final = 64

_DRAWS: Final = 64
"""One header in 250 must be drawn again; entropy that fails so often gives always the same."""

_BY_TAG: Final = {framing.obfuscated_tag: framing for framing in Framing if framing.tag}


class Keystreams(NamedTuple):
    """What our bytes go through, and what the peer's do."""

    outgoing: Callable[[bytes], bytes]
    incoming: Callable[[bytes], bytes]


class Accepted(NamedTuple):
    """What a header says: framing, data centre (signed 16 bits; anything unless the client goes to a proxy), keystreams."""

    framing: Framing
    dc: int
    keystreams: Keystreams


def make_header(framing: Framing, *, dc: int, secret: bytes | None, entropy: Entropy, crypto: Crypto) -> tuple[bytes, Keystreams]:
    """The 64 bytes to send first, and the client's keystreams after them.

    ``dc``: the number of the data centre as the handshake has it, -32768 to 32767; 0 leaves the field random. ``secret``:
    16 bytes or None. Draws 64 bytes, again until they resemble no other transport; ``ValueError`` if they always do.
    """
    for _ in range(_DRAWS):
        drawn = entropy(HEADER_LENGTH)
        if not _resembles(drawn):
            break
    else:
        raise ValueError("entropy gives nothing but the beginnings of other transports")
    field = dc.to_bytes(2, "little", signed=True) if dc else drawn[60:62]
    header = drawn[:56] + framing.obfuscated_tag + field + drawn[62:]
    keystreams = _keystreams(header, secret, crypto)
    # the whole header passes through, so that the keystream goes on at byte 64, but only its end is sent encrypted
    return header[:56] + keystreams.outgoing(header)[56:], keystreams


def accept_header(header: bytes, *, secret: bytes | None, crypto: Crypto) -> Accepted | None:
    """What the 64 bytes of a client mean under ``secret`` (16 bytes or None); None where they mean nothing."""
    mirrored = _keystreams(header, secret, crypto)
    plain = mirrored.outgoing(header)
    framing = _BY_TAG.get(plain[56:60])
    if framing is None:
        return None
    dc = int.from_bytes(plain[60:62], "little", signed=True)
    return Accepted(framing, dc, Keystreams(outgoing=mirrored.incoming, incoming=mirrored.outgoing))


def _resembles(drawn: bytes) -> bool:
    """Whether a server could take these bytes for another transport."""
    start = drawn[:4]
    tags = (Framing.INTERMEDIATE.tag, Framing.PADDED.tag)
    return drawn[:1] == Framing.ABRIDGED.tag or start in tags or start in FORBIDDEN_STARTS or drawn[4:8] == bytes(4)


def _keystreams(header: bytes, secret: bytes | None, crypto: Crypto) -> Keystreams:
    """As the client has them: what it sends under bytes 8 to 56, what it receives under the same bytes reversed."""
    forth, back = header[8:56], header[55:7:-1]
    return Keystreams(*(crypto.ctr(_key(each[:32], secret, crypto), each[32:]) for each in (forth, back)))


def _key(key: bytes, secret: bytes | None, crypto: Crypto) -> bytes:
    return key if secret is None else crypto.sha256(key + secret)
