"""What a connection is told when it is made. The only module that knows a source of randomness."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from enum import Enum, auto

from attrs import Factory, field, frozen
from attrs.validators import and_, deep_iterable, ge, instance_of, lt, optional

from ._crypto import (
    KNOWN_PRIME,
    Crypto,
    PrivateKey,
    ProvenPrimes,
    PublicKey,
    Secret,
    check_generator,
    check_prime_size,
    default_crypto,
    known_keys,
)
from ._errors import SecurityError
from ._handshake import DataCenter
from ._limits import Limits, Retry, Timeouts
from ._questions import PermanentKey

__all__ = ["ClientConfig", "Entropy", "ExternalKey", "Goal", "InitConnection", "PendingKey", "ServerConfig"]

Entropy = Callable[[int], bytes]
"""Gives that many unpredictable bytes. Called on the thread that drives the connection, for every draw."""
SALT_SECRET = 32
HEADER_DC = 1 << 15
"""The header of an obfuscated stream has 16 bits for the data centre."""
_INT = and_(instance_of(int), ge(0), lt(1 << 31))
_TEXT = instance_of(str)


class Goal(Enum):
    """How far a client connection goes, and stays."""

    PERMANENT_KEY = auto()
    TEMPORARY_KEY = auto()
    """Made, but not bound."""
    BOUND = auto()


@frozen(kw_only=True)
class ExternalKey:
    """A permanent key that lives elsewhere: its bindings are asked for with :class:`BindingRequired`.

    Times in our unix seconds; None: unknown.
    """

    id: int = field(validator=and_(instance_of(int), ge(0), lt(1 << 64)))
    created_at: float | None = None
    last_bound_at: float | None = None


@frozen
class PendingKey:
    """A permanent key that another connection is making: asked for with :class:`PermanentKeyRequired`."""


@frozen(kw_only=True)
class InitConnection:
    """Who calls: https://core.telegram.org/method/initConnection. Sent with the first calls after each binding."""

    layer: int = field(validator=_INT)
    api_id: int = field(validator=_INT)
    device_model: str = field(default="mtproto-bind", validator=_TEXT)
    system_version: str = field(default="1", validator=_TEXT)
    app_version: str = field(default="1", validator=_TEXT)
    system_lang_code: str = field(default="en", validator=_TEXT)
    lang_pack: str = field(default="", validator=_TEXT)
    lang_code: str = field(default="en", validator=_TEXT)


# type checkers see nothing through a bare ``converter=tuple``


def _public_keys(keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
    return tuple(keys)


def _keys_for(config: ClientConfig) -> tuple[PublicKey, ...]:
    # what is no data centre is refused by its validator, which comes later
    dc: object = config.dc
    if not isinstance(dc, DataCenter):
        return known_keys(test=False)
    # a CDN has keys of its own, and other owners
    return () if dc.cdn else known_keys(test=dc.test)


def _private_keys(keys: Iterable[PrivateKey]) -> tuple[PrivateKey, ...]:
    return tuple(keys)


@frozen(kw_only=True)
class ClientConfig:
    """What a :class:`ClientConnection` is told."""

    dc: DataCenter = field(default=DataCenter(2), validator=instance_of(DataCenter))
    server_keys: tuple[PublicKey, ...] = field(
        default=Factory(_keys_for, takes_self=True),
        converter=_public_keys,
        validator=deep_iterable(instance_of(PublicKey)),
    )
    """Trusted RSA keys, the preferred one first. Default: Telegram's current key for ``dc``; a CDN has none."""
    permanent_key: PermanentKey | ExternalKey | PendingKey | None = field(
        default=None, validator=optional(instance_of((PermanentKey, ExternalKey, PendingKey)))
    )
    """None: make one."""
    goal: Goal = field(default=Goal.BOUND, validator=instance_of(Goal))
    temporary_lifetime: int = field(default=86400, validator=instance_of(int))
    """Seconds."""
    renew_ahead: float = field(default=3600.0)
    """Seconds before the end of the temporary key; at most a tenth of its life is used."""
    api: InitConnection | None = field(default=None, validator=optional(instance_of(InitConnection)))
    pipeline: bool = False
    """Send the first calls right behind the binding instead of after its answer: one round trip fewer.

    Off, because nobody has measured what Telegram's servers do with a call that overtakes the answer to the binding. One that
    refuses it costs a round trip more, and the call leaves again.
    """
    limits: Limits = field(factory=Limits, validator=instance_of(Limits))
    timeouts: Timeouts = field(factory=Timeouts, validator=instance_of(Timeouts))
    retry: Retry = field(factory=Retry, validator=instance_of(Retry))
    entropy: Entropy = field(default=secrets.token_bytes, repr=False)
    crypto: Crypto = field(factory=default_crypto, repr=False)
    proven_primes: ProvenPrimes = field(factory=ProvenPrimes, repr=False)

    @dc.validator
    def _fits(self, _attribute: object, value: DataCenter) -> None:
        if abs(value.number) >= HEADER_DC:
            raise ValueError(f"data centre {value.number} does not fit 16 bits")
        if value.cdn and self.goal is not Goal.PERMANENT_KEY:
            why = "it answers CDN_METHOD_INVALID to auth.bindTempAuthKey, and is used without forward secrecy"
            raise ValueError(f"no key is bound on a CDN data centre: {why}; goal=Goal.PERMANENT_KEY makes a key for it")

    @server_keys.validator
    def _some_key(self, _attribute: object, value: tuple[PublicKey, ...]) -> None:
        if not value and self.dc.cdn:
            raise ValueError("a CDN data centre has RSA keys of its own: give server_keys, from help.getCdnConfig")
        if not value:
            raise ValueError("server_keys is empty: no server could be trusted")

    @temporary_lifetime.validator
    def _lives(self, _attribute: object, value: int) -> None:
        if not 0 < value < 1 << 31:
            raise ValueError(f"temporary_lifetime has to be at least 1 second and fit 31 bits, got {value}")

    @renew_ahead.validator
    def _ahead(self, _attribute: object, value: float) -> None:
        if value < 0:
            raise ValueError(f"renew_ahead has to be 0 seconds or more, got {value}")


@frozen(kw_only=True)
class ServerConfig:
    """What a :class:`Server` is told."""

    private_keys: tuple[PrivateKey, ...] = field(converter=_private_keys, validator=deep_iterable(instance_of(PrivateKey)))
    dc: DataCenter | None = field(default=None, validator=optional(instance_of(DataCenter)))
    """The data centre that clients have to ask for; media or not is theirs to say. None: any."""
    dh_group: tuple[int, int] = field(default=(3, KNOWN_PRIME))
    """g and dh_prime, a safe prime: clients prove it, and refuse any other."""
    old_rsa: bool = False
    """Accept the SHA-1 padding of before 2021 too (Telethon, kurigram): it weakens every client that could do better."""
    share_handshakes: bool = False
    """A handshake may begin on one process and end on another: the owner is asked HandshakeNeeded and HandshakeAdvanced."""
    share_calls: bool = False
    """Several processes serve the same keys: each call is claimed (CallClaimed) before it is handed on, so that none runs twice.

    What the owner said of a key is believed for ``Timeouts.drain`` only: another process may bind or destroy it.
    """
    plain_padding: bool = False
    """Append random bytes to handshake answers, as Telegram's servers do."""
    limits: Limits = field(factory=Limits, validator=instance_of(Limits))
    timeouts: Timeouts = field(factory=Timeouts, validator=instance_of(Timeouts))
    entropy: Entropy = field(default=secrets.token_bytes, repr=False)
    crypto: Crypto = field(factory=default_crypto, repr=False)
    salt_secret: Secret | None = field(default=None, repr=False, validator=optional(instance_of(Secret)))
    """32 bytes from which all salts follow; processes that serve the same keys share it. None: drawn."""

    @private_keys.validator
    def _some_key(self, _attribute: object, value: tuple[PrivateKey, ...]) -> None:
        if not value:
            raise ValueError("private_keys is empty: no client could be answered")

    @dh_group.validator
    def _fits(self, _attribute: object, value: tuple[int, int]) -> None:
        g, dh_prime = value
        try:
            check_prime_size(dh_prime)
            check_generator(g, dh_prime)
        except SecurityError as error:
            raise ValueError(f"dh_group is none that clients accept: {error}") from None

    @salt_secret.validator
    def _is_secret(self, _attribute: object, value: Secret | None) -> None:
        if value is not None and len(value) != SALT_SECRET:
            raise ValueError(f"salt_secret has to be {SALT_SECRET} bytes, got {len(value)}")
