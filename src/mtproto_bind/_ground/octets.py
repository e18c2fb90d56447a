"""Bytes to numbers and back.

Big numbers are big-endian in the protocol, ids little-endian: https://core.telegram.org/mtproto/serialize
"""

from __future__ import annotations

__all__ = ["id_from_bytes", "id_to_bytes", "to_fixed", "to_int", "to_minimal", "xor"]

ID_LENGTH = 8


def xor(a: bytes, b: bytes) -> bytes:
    """The bitwise sum of two strings of one length. ValueError if the lengths differ."""
    if len(a) != len(b):
        raise ValueError(f"xor takes two strings of one length, got {len(a)} and {len(b)} bytes")
    # whole-buffer numbers are the fastest xor that the standard library has
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def to_int(octets: bytes) -> int:
    """The big-endian number; 0 for no bytes at all."""
    return int.from_bytes(octets, "big")


def to_fixed(number: int, width: int) -> bytes:
    """The number as exactly ``width`` bytes, big-endian, zeros on the left. ValueError if it does not fit."""
    if number < 0 or number.bit_length() > 8 * width:
        raise ValueError(f"expected a number of 0 to {8 * width} bits, got {_size(number)}")
    return number.to_bytes(width, "big")


def to_minimal(number: int) -> bytes:
    """The number big-endian without leading zeros; 0 is no bytes at all. ValueError below 0."""
    if number < 0:
        raise ValueError("expected a number of at least 0, got a negative one")
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def id_to_bytes(number: int) -> bytes:
    """An id as the 8 little-endian bytes of a TL long. ValueError outside 0 to 2^64 - 1."""
    if number < 0 or number.bit_length() > 8 * ID_LENGTH:
        raise ValueError(f"expected an id of 0 to 64 bits, got {_size(number)}")
    return number.to_bytes(ID_LENGTH, "little")


def id_from_bytes(octets: bytes) -> int:
    """The id, 0 to 2^64 - 1, in 8 little-endian bytes. ValueError on another length."""
    if len(octets) != ID_LENGTH:
        raise ValueError(f"expected an id of 8 bytes, got {len(octets)}")
    return int.from_bytes(octets, "little")


def _size(number: int) -> str:
    # never the number itself: it may be a secret
    return "a negative one" if number < 0 else f"{number.bit_length()} bits"
