"""Which transport a client has begun with: https://core.telegram.org/mtproto/mtproto-transports.

Looked at, not consumed; every answer depends on the fewest bytes that decide it, so that it is the same however the stream
is cut.
"""

from __future__ import annotations

from enum import Enum, auto

from .._errors import Check, require
from .framing import Framing
from .obfuscation import HEADER_LENGTH
from .strangers import FORBIDDEN_STARTS, instead_of_client
from .transport import ServerTransport

__all__ = ["Detected", "detect"]


class Detected(Enum):
    """An answer that is not yet a framing."""

    NEED_MORE = auto()
    OBFUSCATED = auto()
    """64 bytes are there that may be a header; only their keystream tells."""


def detect(prefix: bytes, transport: ServerTransport) -> Framing | Detected:
    """The transport of a stream whose first bytes (64 at most are needed) are ``prefix``.

    :class:`SecurityError` with ``Check.DETECTION`` for what is not spoken here; the text says what it is.
    """
    if prefix[:1] == Framing.ABRIDGED.tag:
        return _plain(Framing.ABRIDGED, transport)
    if len(prefix) < 4:
        return Detected.NEED_MORE
    for framing in (Framing.INTERMEDIATE, Framing.PADDED):
        if prefix[:4] == framing.tag:
            return _plain(framing, transport)
    _refuse(FORBIDDEN_STARTS.get(prefix[:4]))
    if len(prefix) < 8:
        return Detected.NEED_MORE
    _refuse(instead_of_client(prefix[:8]))
    # a full frame has no tag, but the first one is number 0, and no obfuscated header has these zeros
    if prefix[4:8] == bytes(4):
        size = int.from_bytes(prefix[:4], "little")
        require(size >= 12 and size % 4 == 0, Check.DETECTION, f"a first full frame of {size} bytes")
        return _plain(Framing.FULL, transport)
    require(transport.obfuscated, Check.DETECTION, "it is none of the plain transports")
    return Detected.OBFUSCATED if len(prefix) >= HEADER_LENGTH else Detected.NEED_MORE


def _plain(framing: Framing, transport: ServerTransport) -> Framing:
    require(transport.plain, Check.DETECTION, f"{framing.value} without obfuscation")
    require(framing in transport.framings, Check.DETECTION, framing.value)
    return framing


def _refuse(stranger: str | None) -> None:
    require(stranger is None, Check.DETECTION, f"it is {stranger}")
