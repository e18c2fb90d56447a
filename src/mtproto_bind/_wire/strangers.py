"""What the first bytes of other protocols look like: only to say, in an error, what it was that came."""

from __future__ import annotations

from typing import Final

__all__ = ["FORBIDDEN_STARTS", "instead_of_answer", "instead_of_client"]

_REQUEST = "an HTTP request"
_HELLO = "a TLS ClientHello"
_PROXY = "a PROXY protocol header"

FORBIDDEN_STARTS: Final = {
    b"HEAD": _REQUEST,
    b"POST": _REQUEST,
    b"GET ": _REQUEST,
    b"OPTI": _REQUEST,
    b"\x16\x03\x01\x02": _HELLO,
}
"""Four bytes with which no obfuscated stream begins, so that a server may conclude from them."""

# with an obfuscated stream these can be confused once in 2^37 streams, or much more rarely
_STARTS = {
    b"PUT /": _REQUEST,
    b"PATCH /": _REQUEST,
    b"DELETE /": _REQUEST,
    b"TRACE /": _REQUEST,
    b"CONNECT ": _REQUEST,
    b"PRI * HT": "an HTTP/2 preface",
    b"HTTP/": "an HTTP response",
    b"SSH-2": "an SSH banner",
    b"PROXY ": _PROXY,
    b"\r\n\r\n\0\r\nQ": _PROXY,
}


def instead_of_client(start: bytes) -> str | None:
    """What it is that begins with these 8 bytes, where a client should speak; None if we do not know it."""
    if start[:2] == b"\x16\x03" and start[2] <= 4 and start[5:7] == b"\x01\x00":
        return _HELLO
    return _by_start(start)


def instead_of_answer(start: bytes) -> str | None:
    """What it is that begins with these 5 bytes, where a server should answer; None if we do not know it."""
    if start[:2] == b"\x15\x03" and start[2] <= 4 and start[3:5] == b"\x00\x02":
        return "a TLS alert"
    return _by_start(start)


def _by_start(start: bytes) -> str | None:
    return next((name for known, name in _STARTS.items() if start.startswith(known)), None)
