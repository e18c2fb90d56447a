"""What both sides of the handshake have in common.

The page is https://core.telegram.org/mtproto/auth_key; "step" below and in the two machines counts as it does.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol, TypeVar

from attrs import field, frozen

from .._crypto import (
    Crypto,
    Entropy,
    PrivateKey,
    ProvenPrimes,
    PublicKey,
    Secret,
    first_salt,
    new_nonce_hash,
    new_nonce_hash_fail,
    same,
    tmp_aes,
)
from .._errors import Check, MalformedMessage, UnexpectedMessage, require
from .._limits import Limits
from .._tl import HANDSHAKE, TLObject

__all__ = [
    "ClientTools",
    "DataCenter",
    "Exchange",
    "Group",
    "KeyKind",
    "Nonces",
    "Offer",
    "Purpose",
    "ServerTools",
    "draw_padding",
    "is_whole_blocks",
    "padding_size",
    "read_front",
    "read_proven",
]

TEST_OFFSET = 10_000
SHA1_SIZE = 20
BLOCK = 16

Message = TypeVar("Message", bound=TLObject)


class KeyKind(Enum):
    """What an authorization key is for."""

    PERMANENT = auto()
    TEMPORARY = auto()


@frozen
class DataCenter:
    """A data centre. ``media``: the part of it that serves files only. ``id`` 0: not named. ValueError for no possible number.

    ``cdn``: one of the delivery network, which knows no users: no key is bound there. The flags are those of a dcOption.
    https://core.telegram.org/mtproto/auth_key#presenting-proof-of-work-server-authentication, https://core.telegram.org/cdn
    """

    id: int
    test: bool = field(default=False, kw_only=True)
    media: bool = field(default=False, kw_only=True)
    cdn: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.cdn and (self.media or not self.id):
            raise ValueError("a CDN data centre has an id, and no part for media: it serves nothing but files")
        smallest = 1 if self.test or self.media else 0
        if self.id < smallest or (not self.test and self.id > TEST_OFFSET):
            raise ValueError(f"no number stands for data centre {self.id}")

    @property
    def number(self) -> int:
        """``dc`` of the inner data: 10000 more for a test server, negative for media (not for a CDN)."""
        number = self.id + TEST_OFFSET * self.test
        return -number if self.media else number

    @classmethod
    def from_number(cls, number: int) -> DataCenter:
        """The inverse of :attr:`number`; any number is some data centre. A number does not tell a CDN."""
        test = abs(number) > TEST_OFFSET
        return cls(abs(number) - TEST_OFFSET * test, test=test, media=number < 0)

    def serves(self, wanted: DataCenter) -> bool:
        """Whether a server here answers a client that wants ``wanted``.

        A client asks for media by the sign alone, and an ordinary data centre has files too; one for media has nothing else.
        """
        return (self.id, self.test) == (wanted.id, wanted.test) and (wanted.media or not self.media)


@frozen
class Purpose:
    """What a handshake is for. ``expires_in``: seconds, with a temporary key and only there."""

    kind: KeyKind
    dc: DataCenter
    expires_in: int | None = field(default=None)

    @expires_in.validator
    def _check_expires_in(self, _attribute: object, value: int | None) -> None:
        if self.dc.cdn and value is not None:
            raise ValueError("a CDN data centre binds no temporary key, so none is made for it")
        if (value is None) != (self.kind is KeyKind.PERMANENT):
            raise ValueError("expires_in belongs to a temporary key, and a temporary key needs it")
        if value is not None and not 0 < value < 1 << 31:
            raise ValueError(f"expires_in must be 1 to 2^31 - 1 seconds, not {value}")


@frozen(kw_only=True)
class ClientTools:
    """What a client's steps work with. ``server_keys`` stand in the order of preference."""

    entropy: Entropy = field(repr=False)
    crypto: Crypto
    server_keys: tuple[PublicKey, ...]
    limits: Limits
    proven_primes: ProvenPrimes


@frozen(kw_only=True)
class ServerTools:
    """What a server's steps work with. ``dc`` None: any; ``now``: unix seconds of this call.

    ``g`` and ``dh_prime`` are taken to be sound; ``old_rsa`` lets the padding of before 2021 in as well.
    """

    entropy: Entropy = field(repr=False)
    crypto: Crypto
    private_keys: tuple[PrivateKey, ...]
    dc: DataCenter | None
    g: int
    dh_prime: int = field(repr=False)
    limits: Limits
    old_rsa: bool
    now: float


@frozen
class Group:
    """The Diffie-Hellman group of a handshake and the server's share."""

    g: int
    dh_prime: int = field(repr=False)
    g_a: int = field(repr=False)


class Numbered(Protocol):
    """Any message that carries both nonces."""

    @property
    def nonce(self) -> bytes: ...
    @property
    def server_nonce(self) -> bytes: ...


@frozen
class Nonces:
    """What names a handshake: 16 bytes from the client, 16 from the server, never turned into numbers."""

    nonce: bytes = field(repr=False)
    server_nonce: bytes = field(repr=False)

    def check(self, message: Numbered) -> None:
        """Every message carries both, as they were first sent."""
        require(same(message.nonce, self.nonce), Check.NONCE)
        require(same(message.server_nonce, self.server_nonce), Check.SERVER_NONCE)

    def echoed(self, inner: Numbered) -> bool:
        """Whether ``inner``, which was encrypted, carries both."""
        nonce, server_nonce = same(inner.nonce, self.nonce), same(inner.server_nonce, self.server_nonce)
        return nonce and server_nonce

    def agree_on(self, new_nonce: bytes) -> Exchange:
        """The same handshake, once ``new_nonce`` (32 bytes) is known to both sides."""
        return Exchange(self.nonce, self.server_nonce, Secret(new_nonce))


@frozen
class Exchange(Nonces):
    """The nonces together with the secret one, and what is made of the three."""

    new_nonce: Secret = field(repr=False)

    def encrypt(self, inner: bytes, padding: bytes, crypto: Crypto) -> bytes:
        """``IGE(SHA1(inner) || inner || padding)`` under the temporary key of the handshake, the same in every round."""
        key, iv = tmp_aes(self.new_nonce.reveal(), self.server_nonce, crypto)
        return crypto.ige_encrypt(crypto.sha1(inner) + inner + padding, key, iv)

    def decrypt(self, data: bytes, crypto: Crypto) -> bytes:
        """The inverse, not yet looked at: see :func:`read_proven`."""
        key, iv = tmp_aes(self.new_nonce.reveal(), self.server_nonce, crypto)
        return crypto.ige_decrypt(data, key, iv)

    def hash(self, number: int, aux_hash: bytes, crypto: Crypto) -> bytes:
        """``new_nonce_hash1``, ``2`` or ``3``: 16 bytes that only one who has the key with this aux hash can know."""
        return new_nonce_hash(self.new_nonce.reveal(), number, aux_hash, crypto)

    def hash_of_failure(self, crypto: Crypto) -> bytes:
        """``new_nonce_hash`` of server_DH_params_fail, when there is no key yet: 16 bytes."""
        return new_nonce_hash_fail(self.new_nonce.reveal(), crypto)

    def first_salt(self) -> int:
        """Step 9: the first salt of the key comes out of the handshake."""
        return first_salt(self.new_nonce.reveal(), self.server_nonce)


@frozen
class Offer:
    """What both sides know once server_DH_params_ok is out; in the client's hands, every check has passed.

    ``server_time``: unix seconds.
    """

    purpose: Purpose
    exchange: Exchange
    group: Group
    server_time: int


def padding_size(inner: bytes) -> int:
    """How many bytes follow ``SHA1(inner) || inner`` up to the next whole block: 0 to 15."""
    return -(SHA1_SIZE + len(inner)) % BLOCK


def draw_padding(inner: bytes, entropy: Entropy) -> bytes:
    """So many random bytes; none are not drawn."""
    size = padding_size(inner)
    return entropy(size) if size else b""


def is_whole_blocks(data: bytes, limit: int) -> bool:
    """Whether ``data`` can be what :meth:`Exchange.encrypt` makes, in at most ``limit`` bytes."""
    return len(data) % BLOCK == 0 and 2 * BLOCK <= len(data) <= limit


def read_front(data: bytes, offset: int = 0) -> tuple[tuple[TLObject, int], ...]:
    """The object that begins at ``offset``, and where it ends; nothing if there is none.

    For what was decrypted: garbage is there to be refused like every other breach, not to be told apart.
    """
    try:
        return (HANDSHAKE.read(data, offset),)
    except (MalformedMessage, UnexpectedMessage):
        return ()


def read_proven(data: bytes, kind: type[Message], crypto: Crypto) -> tuple[tuple[Message, int], ...]:
    """The object of ``kind`` that follows its own SHA-1 in ``data``, and the number of bytes after it; nothing if it does not.

    The hash covers exactly the bytes that the object occupies, so it can be checked only once they are read.
    """
    return tuple(
        (found, len(data) - end)
        for found, end in read_front(data, SHA1_SIZE)
        if same(crypto.sha1(data[SHA1_SIZE:end]), data[:SHA1_SIZE]) and isinstance(found, kind)
    )
