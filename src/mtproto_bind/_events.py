"""Events: what has happened, told once and in order.

What an event announces has not been acted upon on the wire before the next ``next_event()``.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NewType

from attrs import field, frozen

from ._bind import BindVerdict
from ._crypto import AuthKey
from ._errors import RemoteProtocolError
from ._questions import Event, PermanentKey, StoredKey
from ._session import RpcError

__all__ = [
    "BindRefused",
    "CallAnswered",
    "CallFailed",
    "CallId",
    "CallReceived",
    "ConnectionClosed",
    "KeyBound",
    "KeyCreated",
    "KeyEnd",
    "KeyExpired",
    "KeyVerdict",
    "NotRun",
    "OutcomeUnknown",
    "PermanentKeyCreated",
    "SessionReset",
    "TemporaryKeyCreated",
    "TransportEnded",
    "UpdateAcknowledged",
    "UpdateReceived",
]

CallId = NewType("CallId", int)
"""Names a call of one connection."""


@frozen(kw_only=True)
class TransportEnded(Event):
    """The stream is of no more use: send what ``data_to_send`` gives once, close it, dial again at ``retry_at``.

    ``error``: why; None: the stream was lost. ``retry_at``: our unix seconds.
    """

    error: RemoteProtocolError | None
    retry_at: float


@frozen(kw_only=True)
class ConnectionClosed(Event):
    """Send what ``data_to_send`` gives once and close the stream. Nothing follows. ``error``: None: as you wished."""

    error: RemoteProtocolError | None


# ---- client ------------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class PermanentKeyCreated(Event):
    """The server knows this key. Save it now: it is used only after the next ``next_event()``."""

    key: PermanentKey


@frozen(kw_only=True)
class TemporaryKeyCreated(Event):
    """A temporary key is made and not yet bound. ``expires_at``: server unix seconds. ``server_salt``: its first salt."""

    key: AuthKey
    expires_at: int
    server_salt: int = field(repr=False)


@frozen(kw_only=True)
class KeyBound(Event):
    """A temporary key is bound. ``expires_at``: server unix seconds. ``renewal`` (client): another one was bound before."""

    key_id: int
    permanent_key_id: int
    expires_at: int
    renewal: bool = False


@frozen(kw_only=True)
class BindRefused(Event):
    """The server did not bind; the verdict says why and what comes next."""

    verdict: BindVerdict


class KeyEnd(Enum):
    """What ended a temporary key."""

    EXPIRED = auto()
    """Its time is up, on the server's clock."""
    UNKNOWN = auto()
    """-404: the server does not know it."""
    NOT_BOUND = auto()
    """401 AUTH_KEY_PERM_EMPTY: the server knows it, and does not hold it for bound any more."""


@frozen(kw_only=True)
class KeyVerdict:
    """Why a temporary key is given up, on which evidence; what comes next is another key, from ``retry_at`` on (ours)."""

    end: KeyEnd
    why: str
    key_age: float
    """Seconds since it was made."""
    clock_certain: bool
    """Whether something authenticated has told the server's time since our own clock last jumped."""
    retry_at: float


@frozen(kw_only=True)
class KeyExpired(Event):
    """A temporary key has ended, by its time or because the server has lost it; the verdict says which, and why."""

    key_id: int
    verdict: KeyVerdict


@frozen(kw_only=True)
class SessionReset(Event):
    """The server began this session anew; updates may have been missed."""

    session_id: int


@frozen(kw_only=True)
class UpdateReceived(Event):
    """A message of the server's own accord; ``body`` is a TL object."""

    body: bytes = field(repr=False)


@frozen(kw_only=True)
class CallAnswered(Event):
    """``body`` is the TL object of the result."""

    call_id: CallId
    body: bytes = field(repr=False)


@frozen
class NotRun:
    """The call has surely not run."""

    why: str


@frozen
class OutcomeUnknown:
    """The call may have run or not."""

    why: str


@frozen(kw_only=True)
class CallFailed(Event):
    """The call has no result."""

    call_id: CallId
    reason: RpcError | NotRun | OutcomeUnknown


# ---- server ------------------------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class KeyCreated(Event):
    """A client has a new key; ``record`` is what :class:`KeyOffered` stored."""

    record: StoredKey


@frozen(kw_only=True)
class CallReceived(Event):
    """An API call, out of its wrappers. Answer with ``send_result`` or ``send_error``, whenever you like."""

    key_id: int
    session_id: int
    msg_id: int
    body: bytes = field(repr=False)
    layer: int | None = None
    """From invokeWithLayer, if it was there."""
    after: tuple[int, ...] = ()
    """The message ids that have to be done before, from invokeAfterMsg(s)."""
    updates: bool = True
    """False: invokeWithoutUpdates."""


@frozen(kw_only=True)
class UpdateAcknowledged(Event):
    """The client has an update that ``send_update`` sent."""

    key_id: int
    session_id: int
    body: bytes = field(repr=False)
