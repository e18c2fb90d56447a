"""What a client connection shows of itself."""

from __future__ import annotations

from attrs import field, frozen

from ..._crypto import AuthKey
from ..._errors import Check, LocalProtocolError
from ..._session import ServerClock
from .state import ClientState

__all__ = ["BoundKey", "Status", "bound_key", "status"]


@frozen(kw_only=True)
class BoundKey:
    """A bound key for another library to go on with. It has to use this session, and to say initConnection first.

    ``time_offset``: seconds to add to our clock. ``next_seq_no``: of its first content-related message.
    ``expires_at``, ``renew_at``: server unix seconds.
    """

    key: AuthKey
    permanent_key_id: int
    server_salt: int = field(repr=False)
    time_offset: float
    session_id: int
    next_seq_no: int
    last_msg_id: int
    expires_at: int
    renew_at: float


@frozen(kw_only=True)
class Status:
    """A look inside, for logs and bug reports. No secrets."""

    stream_open: bool
    handshake: str | None
    permanent_key_id: int | None
    temporary_key_id: int | None
    temporary_key_state: str | None
    next_key_state: str | None
    expires_at: int | None
    clock: ServerClock
    calls: int
    open_questions: int
    attempts: int
    dropped: dict[Check, int]
    closed: bool


def bound_key(state: ClientState) -> BoundKey:
    """Raises LocalProtocolError where no key is bound."""
    slot = state.keys.current
    if slot is None or slot.renew_at is None:
        raise LocalProtocolError("no temporary key is bound yet: wait for KeyBound")
    return BoundKey(
        key=slot.session.key,
        permanent_key_id=state.keys.permanent_id or 0,
        server_salt=slot.salts.at(state.server_time),
        time_offset=state.clock.offset,
        session_id=slot.session.session_id,
        next_seq_no=2 * slot.session.numbers.content_related + 1,
        last_msg_id=slot.session.ids.last,
        expires_at=slot.expires_at,
        renew_at=slot.renew_at,
    )


def status(state: ClientState) -> Status:
    """How things stand."""
    current, following = state.keys.current, state.keys.next
    shown = current or following
    return Status(
        stream_open=state.stream is not None and not state.lost,
        handshake=None if state.exchange is None else type(state.exchange.state).__name__,
        permanent_key_id=state.keys.permanent_id,
        temporary_key_id=None if shown is None else shown.id,
        temporary_key_state=None if shown is None else shown.state.name,
        next_key_state=None if following is None else following.state.name,
        expires_at=None if shown is None else shown.expires_at,
        clock=state.clock,
        calls=len(state.calls.all()),
        open_questions=len(state.asked),
        attempts=state.attempts,
        dropped=dict(state.dropped),
        closed=state.closed,
    )
