"""Secrets of MTProxies: https://core.telegram.org/mtproto/mtproto-transports#transport-obfuscation."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final

__all__ = ["key_of", "parse_secret"]

_LENGTH: Final = 16
_PADDED: Final = b"\xdd"
_FAKE_TLS: Final = b"\xee"


def parse_secret(text: str) -> bytes:
    """The secret of an MTProxy as links and people write it: hex, base64url or base64.

    16 bytes; or ``dd`` and 16, which demands padded frames: for :attr:`Transport.secret` as it is. ``ValueError`` for
    anything else; what the text said is not repeated, for it may be a secret all the same.
    """
    refused = ValueError("no proxy secret: 16 bytes are expected, or dd and 16, written in hex, base64url or base64")
    for secret in _readings(text.strip()):
        try:
            key_of(secret)
        except ValueError as error:
            refused = error
        else:
            return secret
    raise refused


def key_of(secret: bytes) -> bytes:
    """The 16 bytes of a secret, which may have ``dd`` in front. ``ValueError`` for others; what they are is not told."""
    if len(secret) == _LENGTH:
        return secret
    if len(secret) == _LENGTH + 1 and secret[:1] == _PADDED:
        return secret[1:]
    if len(secret) > _LENGTH + 1 and secret[:1] == _FAKE_TLS:
        raise ValueError("a secret for fake TLS (ee...), which is not spoken here")
    raise ValueError(f"a secret of {len(secret)} bytes; 16 are needed, or dd and 16")


def _readings(text: str) -> Iterator[bytes]:
    """What the text can mean. In hex and in base64 the lengths of good secrets differ, so at most one is good."""
    for decode in (_from_base64, binascii.unhexlify):
        try:
            yield decode(text)
        except ValueError:
            continue


def _from_base64(text: str) -> bytes:
    """Both alphabets, with or without the signs that fill the last group."""
    digits = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
