"""The AES-256 block cipher in plain Python, by tables: FIPS 197 (https://csrc.nist.gov/pubs/fips/197/final).

A block is four big-endian 32-bit words. The tables merge the byte substitution with the column mixing, so that a round is
sixteen look-ups. Look-ups by secret bytes can be timed through the cache: this is for where nothing better is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from struct import Struct

__all__ = ["AES256", "Words", "pack_words", "unpack_words"]

Words = tuple[int, int, int, int]

ROUNDS = 14
_KEY = Struct(">8I")
_BLOCK = Struct(">4I")
_Table = list[int]


def unpack_words(data: bytes) -> Iterator[Words]:
    """The blocks of ``data``, whole ones."""
    # struct knows nothing of types
    return ((a, b, c, d) for a, b, c, d in _BLOCK.iter_unpack(data))


def pack_words(blocks: Iterable[Words]) -> bytes:
    """The inverse of :func:`unpack_words`."""
    pack = _BLOCK.pack
    return b"".join([pack(a, b, c, d) for a, b, c, d in blocks])


class AES256:
    """One key of 32 bytes, expanded."""

    __slots__ = ("_backward", "_forward")

    def __init__(self, key: bytes) -> None:
        words = _expand(key)
        self._forward = [_words(words, at) for at in range(0, len(words), 4)]
        self._backward: list[Words] = []

    def encrypt(self, a: int, b: int, c: int, d: int) -> Words:
        """One block."""
        sbox, _, (t0, t1, t2, t3), _ = _tables()
        first, *middle, last = self._forward
        a, b, c, d = a ^ first[0], b ^ first[1], c ^ first[2], d ^ first[3]
        for k0, k1, k2, k3 in middle:
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ k0,
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ k1,
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ k2,
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ k3,
            )
        return (
            (sbox[a >> 24] << 24 | sbox[b >> 16 & 255] << 16 | sbox[c >> 8 & 255] << 8 | sbox[d & 255]) ^ last[0],
            (sbox[b >> 24] << 24 | sbox[c >> 16 & 255] << 16 | sbox[d >> 8 & 255] << 8 | sbox[a & 255]) ^ last[1],
            (sbox[c >> 24] << 24 | sbox[d >> 16 & 255] << 16 | sbox[a >> 8 & 255] << 8 | sbox[b & 255]) ^ last[2],
            (sbox[d >> 24] << 24 | sbox[a >> 16 & 255] << 16 | sbox[b >> 8 & 255] << 8 | sbox[c & 255]) ^ last[3],
        )

    def decrypt(self, a: int, b: int, c: int, d: int) -> Words:
        """The inverse of :meth:`encrypt`, by the equivalent inverse cipher (FIPS 197, 5.3.5)."""
        _, sbox, _, (t0, t1, t2, t3) = _tables()
        self._backward = self._backward or _invert(self._forward)
        first, *middle, last = self._backward
        a, b, c, d = a ^ first[0], b ^ first[1], c ^ first[2], d ^ first[3]
        for k0, k1, k2, k3 in middle:
            a, b, c, d = (
                t0[a >> 24] ^ t1[d >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[b & 255] ^ k0,
                t0[b >> 24] ^ t1[a >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[c & 255] ^ k1,
                t0[c >> 24] ^ t1[b >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[d & 255] ^ k2,
                t0[d >> 24] ^ t1[c >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[a & 255] ^ k3,
            )
        return (
            (sbox[a >> 24] << 24 | sbox[d >> 16 & 255] << 16 | sbox[c >> 8 & 255] << 8 | sbox[b & 255]) ^ last[0],
            (sbox[b >> 24] << 24 | sbox[a >> 16 & 255] << 16 | sbox[d >> 8 & 255] << 8 | sbox[c & 255]) ^ last[1],
            (sbox[c >> 24] << 24 | sbox[b >> 16 & 255] << 16 | sbox[a >> 8 & 255] << 8 | sbox[d & 255]) ^ last[2],
            (sbox[d >> 24] << 24 | sbox[c >> 16 & 255] << 16 | sbox[b >> 8 & 255] << 8 | sbox[a & 255]) ^ last[3],
        )


def _expand(key: bytes) -> list[int]:
    """The 60 words of the key schedule (FIPS 197, 5.2)."""
    words: list[int] = list(_KEY.unpack(key))
    constant = 1 << 24
    for place in range(8, 4 * (ROUNDS + 1)):
        word = words[-1]
        if place % 8 == 0:
            word = _substitute((word << 8 | word >> 24) & 0xFFFFFFFF) ^ constant
            constant <<= 1
        elif place % 8 == 4:
            word = _substitute(word)
        words.append(words[-8] ^ word)
    return words


def _invert(forward: list[Words]) -> list[Words]:
    """Round keys of the inverse cipher in the order of their use; the inner ones with their columns mixed back."""
    _, _, _, (t0, t1, t2, t3) = _tables()

    def unmix(word: int) -> int:
        # the tables substitute backwards first: undo that
        a, b, c, d = _substitute(word).to_bytes(4, "big")
        return t0[a] ^ t1[b] ^ t2[c] ^ t3[d]

    last, *middle, first = forward
    return [first, *((unmix(a), unmix(b), unmix(c), unmix(d)) for a, b, c, d in reversed(middle)), last]


def _substitute(word: int) -> int:
    sbox = _tables()[0]
    return sbox[word >> 24] << 24 | sbox[word >> 16 & 255] << 16 | sbox[word >> 8 & 255] << 8 | sbox[word & 255]


def _words(words: list[int], at: int) -> Words:
    a, b, c, d = words[at : at + 4]
    return a, b, c, d


@cache
def _tables() -> tuple[_Table, _Table, list[_Table], list[_Table]]:
    """The S-box, its inverse, and for each byte of a column its share in the mixed column, forwards and backwards."""
    powers, logs = _field()

    def times(a: int, b: int) -> int:
        return powers[(logs[a] + logs[b]) % 255] if a and b else 0

    sbox = []
    for byte in range(256):
        inverse = powers[-logs[byte] % 255] if byte else 0
        turned = [(inverse << by | inverse >> (8 - by)) & 255 for by in range(5)]
        sbox.append(0x63 ^ turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4])
    inverse_sbox = [0] * 256
    for byte, substitute in enumerate(sbox):
        inverse_sbox[substitute] = byte
    mix = [times(s, 2) << 24 | s << 16 | s << 8 | times(s, 3) for s in sbox]
    unmix = [times(s, 14) << 24 | times(s, 9) << 16 | times(s, 13) << 8 | times(s, 11) for s in inverse_sbox]
    return sbox, inverse_sbox, _turned(mix), _turned(unmix)


def _turned(table: _Table) -> list[_Table]:
    """The table, and it turned right by one, two, three bytes."""
    return [[(word >> 8 * by | word << 32 - 8 * by) & 0xFFFFFFFF for word in table] for by in range(4)]


def _field() -> tuple[_Table, _Table]:
    """Powers of 3, and the exponents of all bytes but 0, in the field of 256 elements (FIPS 197, 4.2)."""
    powers, logs = [0] * 255, [0] * 256
    element = 1
    for exponent in range(255):
        powers[exponent] = element
        logs[element] = exponent
        element ^= element << 1 ^ (0x11B if element & 0x80 else 0)
    return powers, logs
