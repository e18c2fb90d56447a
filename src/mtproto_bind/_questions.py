"""Questions: events that the machine waits on until ``answer(question, value, now)``.

A question is a value: it may be kept, answered late (then it is ignored) or asked again (it is, on a new stream).
"""

from __future__ import annotations

from collections.abc import Generator
from enum import Enum, auto
from typing import Any, Final, Generic, Literal, TypeVar

from attrs import field, frozen
from attrs.validators import instance_of

from ._bind import BindVerdict
from ._crypto import AuthKey, Crypto, Factor, Powers, ProvePrime, Work, same
from ._ground import id_to_bytes
from ._handshake import KeyKind
from ._wire import SEALED_LENGTH, BindingRequest

__all__ = [
    "NEED_DATA",
    "UNAVAILABLE",
    "BindRequested",
    "Binding",
    "BindingRequired",
    "CallClaimed",
    "Computation",
    "Destruction",
    "DestructionRequested",
    "Event",
    "HandshakeAdvanced",
    "HandshakeNeeded",
    "KeyNeeded",
    "KeyOffered",
    "NeedData",
    "PermanentKey",
    "PermanentKeyRequired",
    "PermanentKeySuspected",
    "Question",
    "Stored",
    "StoredKey",
    "Unavailable",
    "Verdict",
]

T = TypeVar("T")

RSA_BYTES = 256


class Sentinel(Enum):
    """Values that are nothing but themselves."""

    NEED_DATA = auto()
    UNAVAILABLE = auto()


NeedData = Literal[Sentinel.NEED_DATA]
Unavailable = Literal[Sentinel.UNAVAILABLE]
NEED_DATA: Final = Sentinel.NEED_DATA
"""Nothing happens until bytes, time or an answer come."""
UNAVAILABLE: Final = Sentinel.UNAVAILABLE
"""The answer of an owner whose store failed: the stream closes without -404, and the client loses nothing."""


@frozen(kw_only=True)
class Event:
    """Something that has happened."""


@frozen(kw_only=True)
class Question(Event, Generic[T]):
    """Something that the owner has to answer. ``number`` tells the questions of one connection apart."""

    number: int

    def check(self, value: object) -> None:
        """Raise TypeError or ValueError where ``value`` is no answer to this question."""
        raise NotImplementedError


@frozen(kw_only=True)
class Computation(Question[T]):
    """Arithmetic that is due. Pure: it may run anywhere, in slices, or be abandoned; its entropy is drawn already."""

    work: Work[T]
    crypto: Crypto = field(repr=False, eq=False)

    def run(self) -> T:
        """The value, computed here and now."""
        return self.work.run(self.crypto)

    def slices(self) -> Generator[None, None, T]:
        """The value by ``StopIteration.value``, one bounded slice at each step: a modular power or a curve."""
        return self.work.slices(self.crypto)

    def check(self, value: object) -> None:
        _check_computed(self.work, value)


# ---- client ------------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class PermanentKey:
    """A permanent key at hand. Times in our unix seconds; None: unknown, never."""

    key: AuthKey = field(validator=instance_of(AuthKey))
    created_at: float | None = None
    last_bound_at: float | None = None


class Verdict(Enum):
    """The owner's word on a suspected permanent key."""

    KEEP = auto()
    """Go on trying to bind with it."""
    REPLACE = auto()
    """Make a new one (an external key cannot be replaced here: the connection closes)."""


@frozen(kw_only=True)
class BindingRequired(Question[bytes]):
    """An external permanent key has to seal ``request``: the answer is the 104 bytes of ``seal_binding``.

    ``answer_before``: our unix seconds; afterwards it is withdrawn and asked anew.
    """

    request: BindingRequest
    answer_before: float

    def check(self, value: object) -> None:
        _check_type(value, bytes)
        if isinstance(value, bytes) and len(value) != SEALED_LENGTH:
            raise ValueError(f"a sealed binding is {SEALED_LENGTH} bytes, got {len(value)}")
        if isinstance(value, bytes) and not same(value[:8], id_to_bytes(self.request.perm_auth_key_id)):
            raise ValueError("the sealed binding is under another permanent key than the request names")


@frozen(kw_only=True)
class PermanentKeyRequired(Question[PermanentKey]):
    """The temporary key is made; which permanent key shall it be bound to? (``PendingKey``)"""

    def check(self, value: object) -> None:
        _check_type(value, PermanentKey)


@frozen(kw_only=True)
class PermanentKeySuspected(Question[Verdict]):
    """The server does not seem to know the permanent key. Nothing is given up before the answer."""

    permanent_key_id: int
    verdict: BindVerdict
    """The verdict that leads to the question, with its evidence."""

    def check(self, value: object) -> None:
        _check_type(value, Verdict)


# ---- server ------------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class StoredKey:
    """What a server keeps of a key. Times in the server's unix seconds.

    ``expires_at``: None for a permanent key. ``first_salt`` serves until half an hour after ``created_at``.
    ``bound_to``: the permanent key of a bound temporary one.
    """

    key: AuthKey
    kind: KeyKind
    media: bool
    created_at: float
    expires_at: float | None
    first_salt: int = field(repr=False)
    bound_to: int | None = None


class Stored(Enum):
    """What became of an offered key."""

    KEPT = auto()
    TAKEN = auto()
    """Its id belongs to another key: the client is told dh_gen_retry."""


class Binding(Enum):
    """What became of a verified binding."""

    MADE = auto()
    REFUSED = auto()


class Destruction(Enum):
    """What became of a permanent key that a client wants destroyed."""

    DONE = auto()
    NONE = auto()
    """There was no such key."""
    FAILED = auto()
    """It is still there, and goes on to be good."""


@frozen(kw_only=True)
class KeyNeeded(Question["StoredKey | None"]):
    """The key with this id, or None: there is none."""

    key_id: int

    def check(self, value: object) -> None:
        _check_type(value, StoredKey | None)
        if isinstance(value, StoredKey) and value.key.id != self.key_id:
            raise ValueError(f"asked for key {self.key_id:016x}, got {value.key.id:016x}")


@frozen(kw_only=True)
class KeyOffered(Question[Stored]):
    """A new key to be stored before the client is told that it counts.

    KEPT too where this very record is stored already: a client whose stream was lost asks again.
    """

    record: StoredKey

    def check(self, value: object) -> None:
        _check_type(value, Stored)


@frozen(kw_only=True)
class BindRequested(Question[Binding]):
    """A verified binding: in one step the owner frees the temporary key bound before (of the same ``media``), and binds this."""

    temporary_key_id: int
    permanent_key_id: int
    media: bool
    expires_at: int
    """Server unix seconds."""

    def check(self, value: object) -> None:
        _check_type(value, Binding)


@frozen(kw_only=True)
class DestructionRequested(Question[Destruction]):
    """A client wants its permanent key destroyed, as after a log-out: in one step, with the temporary keys bound to it.

    Unless it FAILED, the client is answered and this ``Server`` forgets the keys with their sessions. Other processes that
    serve the same keys are to be told: ``Server.forget_key``.
    """

    permanent_key_id: int

    def check(self, value: object) -> None:
        _check_type(value, Destruction)


@frozen(kw_only=True)
class HandshakeNeeded(Question["bytes | None"]):
    """With ``share_handshakes``: what :class:`HandshakeAdvanced` stored for these nonces, or None."""

    nonce: bytes = field(repr=False)
    server_nonce: bytes = field(repr=False)

    def check(self, value: object) -> None:
        _check_type(value, bytes | None)


@frozen(kw_only=True)
class HandshakeAdvanced(Question[bool]):
    """With ``share_handshakes``: replace ``before`` by ``after`` (both up to 1 KiB; secret) if ``before`` is what is stored.

    None: nothing is stored, or nothing shall be. Asked before the answer leaves.
    """

    nonce: bytes = field(repr=False)
    server_nonce: bytes = field(repr=False)
    before: bytes | None = field(repr=False)
    after: bytes | None = field(repr=False)

    def check(self, value: object) -> None:
        _check_type(value, bool)


@frozen(kw_only=True)
class CallClaimed(Question[bool]):
    """With ``share_calls``: a call is about to be handed on. True: it is ours to run; False: another process has taken it.

    The first ``claimant`` of these three ids has it; it is told True however often it asks, and all others False. To be kept for
    600 seconds: no copy of a message is taken for new after 330, nor is a call asked about that is older than 540.
    """

    key_id: int
    session_id: int
    msg_id: int
    claimant: int
    """64 bits that tell this session of this process from all others of its id."""

    def check(self, value: object) -> None:
        _check_type(value, bool)


def _check_computed(work: object, value: object) -> None:
    match work:
        case Factor():
            fits = value is None or _are_numbers(value, 2, below=1 << 64)
        case ProvePrime():
            fits = isinstance(value, bool)
        case Powers():
            fits = _are_numbers(value, len(work.bases), below=work.modulus)
        case _:
            fits = isinstance(value, bytes) and len(value) == RSA_BYTES
    if not fits:
        raise TypeError(f"that is not what {type(work).__name__} computes: answer with what run() returns")


def _are_numbers(value: object, count: int, *, below: int) -> bool:
    return isinstance(value, tuple) and len(value) == count and all(isinstance(each, int) and 0 <= each < below for each in value)


def _check_type(value: object, expected: Any) -> None:
    if not isinstance(value, expected):
        # a union has a name of its own from Python 3.14 on, which is that of no alternative
        name = expected.__name__ if isinstance(expected, type) else str(expected)
        raise TypeError(f"expected {name} for an answer, got {type(value).__name__}")
