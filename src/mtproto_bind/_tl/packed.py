"""What ``gzip_packed`` holds. https://core.telegram.org/mtproto/service_messages#packed-object"""

from __future__ import annotations

import zlib

from .._errors import Check, require

__all__ = ["pack", "unpack"]

_EITHER = 32 + zlib.MAX_WBITS
_GZIP = 16 + zlib.MAX_WBITS


def unpack(packed: bytes, *, limit: int) -> bytes:
    """The data of one gzip stream (RFC 1952), or of one zlib stream, which TDLib sends.

    ``SecurityError`` with ``Check.GZIP`` where it is neither, does not end, is followed by anything, or is longer than
    ``limit`` bytes; at most one byte more is ever unpacked.
    """
    stream = zlib.decompressobj(wbits=_EITHER)
    try:
        data = stream.decompress(packed, limit + 1)
    except zlib.error:
        # the checks below say the same of a stream that is not whole
        data = b""
    require(len(data) <= limit, Check.GZIP, f"more than {limit} bytes")
    require(stream.eof and not stream.unused_data, Check.GZIP, "not one whole stream")
    return data


def pack(data: bytes) -> bytes:
    """One gzip stream, the same for the same data: its head names no time."""
    stream = zlib.compressobj(wbits=_GZIP)
    return stream.compress(data) + stream.flush()
