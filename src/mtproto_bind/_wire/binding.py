"""The message inside ``auth.bindTempAuthKey``, encrypted under the permanent key as MTProto 1.0 was.

https://core.telegram.org/method/auth.bindTempAuthKey. The only use that a permanent key has.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, Self

from attrs import astuple, field, frozen
from attrs.validators import and_, ge, instance_of, lt

from .._crypto import AuthKey, Crypto, Entropy, Side, aes_v1, msg_key_v1, same
from .._errors import Check, require
from .._ground import id_to_bytes
from .._tl import BindAuthKeyInner, Reader

__all__ = ["SEALED_LENGTH", "BindingInner", "BindingRequest", "open_binding", "seal_binding"]

SEALED_LENGTH: Final = 104

_VERSION: Final = 1
_REQUEST: Final = Struct("<BQQQQQI")

_HEAD: Final = Struct("<QII")
"""msg_id, seq_no, length, after the 16 random bytes that stand where salt and session_id do elsewhere."""

_PLAINTEXT: Final = 72
_INNER_LENGTH: Final = 40


_ID = and_(instance_of(int), ge(0), lt(1 << 64))
_TIME = and_(instance_of(int), ge(0), lt(1 << 31))


@frozen
class BindingRequest:
    """What a vault needs to know to seal a binding: no secret, so it may travel.

    ``msg_id``: of the message that will hold the request. ``expires_at``: unix seconds of the server. ``TypeError`` and
    ``ValueError`` for what is no such number.
    """

    perm_auth_key_id: int = field(validator=_ID)
    temp_auth_key_id: int = field(validator=_ID)
    temp_session_id: int = field(validator=_ID)
    nonce: int = field(validator=_ID)
    msg_id: int = field(validator=_ID)
    expires_at: int = field(validator=_TIME)

    def to_bytes(self) -> bytes:
        """A version byte, the five ids (8 bytes each, little endian), ``expires_at`` (4): 45 bytes."""
        return _REQUEST.pack(_VERSION, *astuple(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The inverse. ``ValueError`` for another length or version, or a time after 2038."""
        if data and data[0] != _VERSION:
            raise ValueError(f"no binding request of version {_VERSION}: this is version {data[0]}")
        if len(data) != _REQUEST.size:
            raise ValueError(f"no binding request of version {_VERSION}: {_REQUEST.size} bytes are expected, got {len(data)}")
        return cls(*_REQUEST.unpack(data)[1:])


@frozen
class BindingInner:
    """What an ``encrypted_message`` turned out to say. Nothing of it is compared with the request yet."""

    perm_auth_key_id: int
    temp_auth_key_id: int
    temp_session_id: int
    nonce: int
    msg_id: int
    expires_at: int
    seq_no: int


def seal_binding(request: BindingRequest, permanent_key: AuthKey, *, entropy: Entropy, crypto: Crypto) -> bytes:
    """``encrypted_message``, 104 bytes: key id, msg_key, five blocks. Draws 16 bytes, then 8.

    ``ValueError`` if the key is not the one that the request names.
    """
    if permanent_key.id != request.perm_auth_key_id:
        raise ValueError("the request names another permanent key")
    inner = BindAuthKeyInner(
        nonce=request.nonce,
        temp_auth_key_id=request.temp_auth_key_id,
        perm_auth_key_id=request.perm_auth_key_id,
        temp_session_id=request.temp_session_id,
        expires_at=request.expires_at,
    ).to_bytes()
    # the one message whose seq_no is 0 although it is a query
    plaintext = entropy(16) + _HEAD.pack(request.msg_id, 0, len(inner)) + inner
    msg_key = msg_key_v1(plaintext, crypto)
    # 72 bytes are hashed; the 8 that fill the fifth block are not
    encrypted = crypto.ige_encrypt(plaintext + entropy(8), *aes_v1(permanent_key, msg_key, Side.CLIENT, crypto))
    return id_to_bytes(permanent_key.id) + msg_key + encrypted


def open_binding(sealed: bytes, permanent_key: AuthKey, *, crypto: Crypto) -> BindingInner:
    """What ``encrypted_message`` says, proven to come from a holder of the permanent key.

    :class:`SecurityError`: ``BIND_LENGTH``, ``BIND_KEY_ID``, ``BIND_MSG_KEY``, ``BIND_SEQ_NO``, ``BIND_INNER_LENGTH`` or
    ``BIND_CONSTRUCTOR``. A server answers all of them alike.
    """
    require(len(sealed) == SEALED_LENGTH, Check.BIND_LENGTH, f"{len(sealed)} bytes")
    require(same(sealed[:8], id_to_bytes(permanent_key.id)), Check.BIND_KEY_ID)
    msg_key = sealed[8:24]
    plaintext = crypto.ige_decrypt(sealed[24:], *aes_v1(permanent_key, msg_key, Side.CLIENT, crypto))[:_PLAINTEXT]
    require(same(msg_key_v1(plaintext, crypto), msg_key), Check.BIND_MSG_KEY)
    msg_id, seq_no, length = _HEAD.unpack_from(plaintext, 16)
    require(seq_no == 0, Check.BIND_SEQ_NO)
    require(length == _INNER_LENGTH, Check.BIND_INNER_LENGTH, f"{length} bytes")
    reader = Reader(plaintext, 16 + _HEAD.size)
    require(reader.uint32() == BindAuthKeyInner.constructor.id, Check.BIND_CONSTRUCTOR)
    inner = BindAuthKeyInner.read_fields(reader)
    return BindingInner(
        inner.perm_auth_key_id, inner.temp_auth_key_id, inner.temp_session_id, inner.nonce, msg_id, inner.expires_at, seq_no
    )
