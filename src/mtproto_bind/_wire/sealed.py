"""Encrypted messages, MTProto 2.0: https://core.telegram.org/mtproto/description."""

from __future__ import annotations

from struct import Struct
from typing import Final

from attrs import field, frozen

from .._crypto import AuthKey, Crypto, Entropy, Side, aes_v2, msg_key_large_v2, same
from .._errors import Check, MalformedMessage, require
from .._ground import id_from_bytes, id_to_bytes

__all__ = ["LEAST_PADDING", "MOST_PADDING", "Opened", "draw_padding", "key_id_of", "open_sealed", "seal"]

LEAST_PADDING: Final = 12
MOST_PADDING: Final = 1024

_CLEAR: Final = 8 + 16
"""auth_key_id and msg_key, before the ciphertext."""

_INNER: Final = Struct("<QQQii")
"""salt, session_id, msg_id, seq_no, message_data_length."""

_BLOCK: Final = 16

_SMALLEST_FRAME: Final = 24
"""A message in the clear with a constructor id alone; a sealed one has 72 bytes at least."""

_SHORTEST: Final = 48
"""Bytes of ciphertext around the smallest body, one constructor id."""


@frozen
class Opened:
    """A message whose ``msg_key`` holds.

    ``body``: one boxed object, exactly. ``quick_ack_token``: what a quick acknowledgement of it would say.
    """

    salt: int
    session_id: int
    msg_id: int
    seq_no: int
    body: bytes = field(repr=lambda body: f"<{len(body)} bytes>")
    quick_ack_token: int


def key_id_of(frame: bytes) -> int:
    """``auth_key_id``, the first 8 bytes: 0 for a message in the clear. :class:`MalformedMessage` for what is no message."""
    if len(frame) < _SMALLEST_FRAME:
        raise MalformedMessage(f"a message of {len(frame)} bytes; the smallest has {_SMALLEST_FRAME}", len(frame))
    return id_from_bytes(frame[:8])


def draw_padding(length_of_body: int, entropy: Entropy) -> bytes:
    """Random padding for a body of that many bytes: 12 to 27 to fill the block, and 0 to 15 blocks more.

    Draws one byte for the number of blocks, then the padding.
    """
    fewest = LEAST_PADDING + -(_INNER.size + length_of_body + LEAST_PADDING) % _BLOCK
    return entropy(fewest + _BLOCK * (entropy(1)[0] % 16))


def seal(
    key: AuthKey,
    side: Side,
    *,
    salt: int,
    session_id: int,
    msg_id: int,
    seq_no: int,
    body: bytes,
    padding: bytes,
    crypto: Crypto,
) -> bytes:
    """The whole encrypted message. ``side``: who we are. ``padding``: see :func:`draw_padding`.

    ``ValueError`` where body or padding have a length that the specification forbids.
    """
    if not body or len(body) % 4:
        raise ValueError(f"a body of {len(body)} bytes")
    whole_blocks = (_INNER.size + len(body) + len(padding)) % _BLOCK == 0
    if not LEAST_PADDING <= len(padding) <= MOST_PADDING or not whole_blocks:
        raise ValueError(f"{len(padding)} bytes of padding for a body of {len(body)} bytes")
    plaintext = b"".join((_INNER.pack(salt, session_id, msg_id, seq_no, len(body)), body, padding))
    msg_key = msg_key_large_v2(key, plaintext, side, crypto)[8:24]
    return id_to_bytes(key.id) + msg_key + crypto.ige_encrypt(plaintext, *aes_v2(key, msg_key, side, crypto))


def open_sealed(frame: bytes, key: AuthKey, side: Side, crypto: Crypto) -> Opened:
    """The message in ``frame``. ``side``: who wrote it.

    Up to 15 bytes that fill no block are dropped: a padded frame has them, and nothing that is used lies in them.
    :class:`SecurityError`: ``MSG_KEY`` for everything that is wrong before the message is proven, alike, so that nobody
    learns from the answer what became of forged blocks; then ``MESSAGE_LENGTH`` or ``MESSAGE_PADDING``.
    """
    encrypted = frame[_CLEAR : len(frame) - (len(frame) - _CLEAR) % _BLOCK]
    require(len(encrypted) >= _SHORTEST and same(frame[:8], id_to_bytes(key.id)), Check.MSG_KEY)
    msg_key = frame[8:_CLEAR]
    plaintext = crypto.ige_decrypt(encrypted, *aes_v2(key, msg_key, side, crypto))
    # over the whole plaintext, padding included, and before any field is looked at
    msg_key_large = msg_key_large_v2(key, plaintext, side, crypto)
    require(same(msg_key_large[8:24], msg_key), Check.MSG_KEY)
    salt, session_id, msg_id, seq_no, length = _INNER.unpack_from(plaintext)
    space = len(plaintext) - _INNER.size
    fits = 4 <= length <= space and length % 4 == 0
    require(fits, Check.MESSAGE_LENGTH, f"{length} bytes in {space}")
    padding = space - length
    require(LEAST_PADDING <= padding <= MOST_PADDING, Check.MESSAGE_PADDING, f"{padding} bytes")
    body = plaintext[_INNER.size : _INNER.size + length]
    token = int.from_bytes(msg_key_large[:4], "little") | 0x80000000
    return Opened(salt, session_id, msg_id, seq_no, body, token)
