"""PEM and as much of DER as RSA keys need: whole numbers in sequences.

PKCS#1 (RFC 8017, appendix A.1), SubjectPublicKeyInfo (RFC 5280, 4.1) and PKCS#8 (RFC 5208), armoured as RFC 7468 says.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

__all__ = ["armour", "private_numbers", "public_numbers", "sequence_of_integers"]

PKCS1_PUBLIC = "RSA PUBLIC KEY"
PKCS1_PRIVATE = "RSA PRIVATE KEY"
PUBLIC_INFO = "PUBLIC KEY"
PKCS8 = "PRIVATE KEY"

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_LINE = 64
_INTEGER, _BITS, _OCTETS, _SEQUENCE = 0x02, 0x03, 0x04, 0x30
# the object identifier 1.2.840.113549.1.1.1 (rsaEncryption), then NULL
_RSA_ALGORITHM = bytes.fromhex("06092a864886f70d01010105 00".replace(" ", ""))


def public_numbers(text: str) -> tuple[int, int]:
    """(n, e) of the public RSA key in a PEM text, of either form. ValueError says what was found instead."""
    label, der = _unwrap(text, "a PEM public key", (PKCS1_PUBLIC, PUBLIC_INFO))
    if label == PUBLIC_INFO:
        outer = _Der(der).sequence()
        _check_algorithm(outer)
        der = outer.bits()
        outer.finish()
    n, e = _integers(der, 2)
    return n, e


def private_numbers(text: str) -> tuple[int, int, int, int, int]:
    """(n, e, d, p, q) of the private RSA key in a PEM text, of either form. ValueError says what was found instead."""
    label, der = _unwrap(text, "a PEM private key", (PKCS1_PRIVATE, PKCS8))
    if label == PKCS8:
        outer = _Der(der).sequence()
        _check_version(outer.integer())
        _check_algorithm(outer)
        der = outer.octets()  # attributes may follow
    version, n, e, d, p, q, *_ = _integers(der, 9)
    _check_version(version)
    return n, e, d, p, q


def armour(label: str, der: bytes) -> str:
    """The PEM text, with a line feed at its end."""
    body = b64encode(der).decode("ascii")
    lines = [body[at : at + _LINE] for at in range(0, len(body), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def sequence_of_integers(*numbers: int) -> bytes:
    """The DER of a sequence of numbers, none negative."""
    # one bit more than the number has, for the sign
    return _element(_SEQUENCE, b"".join(_element(_INTEGER, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers))


def _element(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _unwrap(text: str, expected: str, labels: tuple[str, ...]) -> tuple[str, bytes]:
    match = _BLOCK.search(text)
    if match is None:
        raise ValueError(f"expected {expected} (-----BEGIN {labels[0]}-----), got no PEM text")
    label, body = match.groups()
    if label not in labels:
        raise ValueError(f"expected {expected} (-----BEGIN {labels[0]}-----), got {_describe(label)}")
    if "ENCRYPTED" in body:
        raise ValueError(f"expected {expected} in the clear, got an encrypted one: decrypt it first")
    try:
        return label, b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise ValueError(f"expected base64 between the lines of {expected}, got something else") from None


def _describe(label: str) -> str:
    if "CERTIFICATE" in label:
        return "a certificate: extract its public key first"
    if label == f"ENCRYPTED {PKCS8}":
        return "an encrypted private key: decrypt it first"
    if label in (PKCS1_PRIVATE, PKCS8):
        return "a private key"
    if label in (PKCS1_PUBLIC, PUBLIC_INFO):
        return "a public key"
    return f"a block of another kind ({label})"


def _integers(der: bytes, count: int) -> list[int]:
    reader = _Der(der)
    inner = reader.sequence()
    reader.finish()
    numbers = [inner.integer() for _ in range(count)]
    inner.finish()
    return numbers


def _check_version(version: int) -> None:
    if version != 0:
        raise ValueError(f"expected version 0 of the key format, got {version}")


def _check_algorithm(reader: _Der) -> None:
    if reader.element(_SEQUENCE) != _RSA_ALGORITHM:
        raise ValueError("expected an RSA key, got a key of another algorithm")


class _Der:
    """Reads DER elements one after another. ValueError at the first thing that is not as it should be."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def element(self, tag: int) -> bytes:
        """The contents of the next element, which has this tag."""
        if self._octet() != tag:
            raise ValueError(f"expected a DER element 0x{tag:02x}, got 0x{self._data[self._at - 1]:02x}")
        size = self._octet()
        if size >= 0x80:
            size = int.from_bytes(self._raw(size & 0x7F), "big")
        return self._raw(size)

    def sequence(self) -> _Der:
        return _Der(self.element(_SEQUENCE))

    def octets(self) -> bytes:
        return self.element(_OCTETS)

    def bits(self) -> bytes:
        unused, *_ = body = self.element(_BITS) or b"\xff"
        if unused:
            raise ValueError("expected a whole number of octets in a bit string, got something else")
        return body[1:]

    def integer(self) -> int:
        body = self.element(_INTEGER)
        if not body or body[0] & 0x80:
            raise ValueError("expected a number of at least 0, got something else")
        return int.from_bytes(body, "big")

    def finish(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._data):
            raise ValueError(f"expected the end of a DER element, got {len(self._data) - self._at} bytes more")

    def _octet(self) -> int:
        return self._raw(1)[0]

    def _raw(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ValueError(f"expected {size} bytes of DER, got {len(self._data) - self._at}")
        self._at += size
        return self._data[self._at - size : self._at]
