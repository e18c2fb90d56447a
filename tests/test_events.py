"""Events are frozen values that keep what passes through out of their repr."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from attrs import fields
from attrs.exceptions import FrozenInstanceError

from kit.sessions import NOW, PERMANENT_KEY, TEMPORARY_KEY
from mtproto_bind import _events
from mtproto_bind._bind import BindEvidence, judge
from mtproto_bind._errors import PeerTimedOut
from mtproto_bind._events import (
    BindRefused,
    CallAnswered,
    CallFailed,
    CallId,
    CallReceived,
    ConnectionClosed,
    KeyBound,
    KeyCreated,
    KeyEnd,
    KeyExpired,
    KeyVerdict,
    NotRun,
    OutcomeUnknown,
    PermanentKeyCreated,
    SessionReset,
    TemporaryKeyCreated,
    TransportEnded,
    UpdateAcknowledged,
    UpdateReceived,
)
from mtproto_bind._handshake import KeyKind
from mtproto_bind._questions import Event, PermanentKey, StoredKey
from mtproto_bind._session import RpcError

BODY = b"what somebody said to somebody"
RECORD = StoredKey(key=TEMPORARY_KEY, kind=KeyKind.TEMPORARY, media=True, created_at=NOW, expires_at=NOW + 60, first_salt=0x5A17)
EVIDENCE = BindEvidence(permanent_key_age=None, since_last_bound=None, clock_certain=True, refusals=1)

EVENTS: list[Event] = [
    TransportEnded(error=PeerTimedOut("sign of life", 60.0), retry_at=NOW),
    TransportEnded(error=None, retry_at=NOW),
    ConnectionClosed(error=None),
    PermanentKeyCreated(key=PermanentKey(key=PERMANENT_KEY)),
    TemporaryKeyCreated(key=TEMPORARY_KEY, expires_at=5, server_salt=0x5A17),
    KeyBound(key_id=1, permanent_key_id=2, expires_at=3),
    BindRefused(verdict=judge(None, EVIDENCE, now=NOW, delay=1.0)),
    KeyExpired(
        key_id=1,
        verdict=KeyVerdict(end=KeyEnd.EXPIRED, why="its time is up", key_age=1.0, clock_certain=True, retry_at=2.0),
    ),
    SessionReset(session_id=1),
    UpdateReceived(body=BODY),
    CallAnswered(call_id=CallId(1), body=BODY),
    CallFailed(call_id=CallId(1), reason=RpcError(400, "NO")),
    CallFailed(call_id=CallId(1), reason=NotRun("why")),
    CallFailed(call_id=CallId(1), reason=OutcomeUnknown("why")),
    KeyCreated(record=RECORD),
    CallReceived(key_id=1, session_id=2, msg_id=3, body=BODY),
    UpdateAcknowledged(key_id=1, session_id=2, body=BODY),
]


def test_every_event_is_among_them() -> None:
    defined = {value for value in vars(_events).values() if inspect.isclass(value) and value.__module__ == _events.__name__}
    assert {type(event) for event in EVENTS} == defined - {NotRun, OutcomeUnknown, KeyEnd, KeyVerdict}
    assert all(issubclass(kind, Event) for kind in map(type, EVENTS))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_are_frozen_and_named_in_full(event: Event) -> None:
    kind: Any = type(event)
    for each in fields(kind):
        assert each.kw_only
        with pytest.raises(FrozenInstanceError):
            setattr(event, each.name, None)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_repr_shows_no_secret(event: Event) -> None:
    """Conduct.SECRETS_HIDDEN."""
    for secret in (repr(BODY), repr(TEMPORARY_KEY.reveal()), repr(PERMANENT_KEY.reveal()), str(0x5A17)):
        assert secret not in repr(event)


def test_what_is_usual_need_not_be_said() -> None:
    received = CallReceived(key_id=1, session_id=2, msg_id=3, body=BODY)
    assert (received.layer, received.after, received.updates) == (None, (), True)
    assert not KeyBound(key_id=1, permanent_key_id=2, expires_at=3).renewal
