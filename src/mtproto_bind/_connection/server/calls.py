"""API queries: unwrapped, let through or not, and handed to the owner; or a binding."""

from __future__ import annotations

from functools import partial

from ..._errors import Check, MalformedMessage, SecurityError, UnexpectedMessage, require
from ..._events import CallReceived
from ..._handshake import KeyKind
from ..._questions import StoredKey
from ..._session import Received, RpcError, constructor_id
from ..._tl import API, BindTempAuthKey
from .binding import Asker, bind
from .claims import claim, taken_elsewhere
from .link import Link
from .queries import ALLOWED_UNBOUND, Query, peel
from .sessions import ServerSession

__all__ = ["receive_query"]

NOT_BOUND = RpcError(401, "AUTH_KEY_PERM_EMPTY")
TOO_MUCH = RpcError(420, "FLOOD_WAIT_1")
"""So many calls of this session are unanswered that no more are handed on."""
NOT_READABLE = RpcError(400, "INPUT_FETCH_ERROR")


def receive_query(connection: Link, record: StoredKey, one: ServerSession, message: Received) -> None:
    """One API query, in whatever wrappers it came, under the key of ``record``."""
    try:
        query = peel(message.body, connection.server.config.limits)
        request = _read_binding(query)
    except (MalformedMessage, UnexpectedMessage, SecurityError):
        # this query only: what stands around it was in order
        one.answer(message.msg_id, NOT_READABLE.to_bytes())
        return
    if request is not None:
        bind(connection, Asker(record, one, message), request)
        return
    known = connection.server.current(record)
    if _may_call(known, query) and connection.server.trusts(known, connection.now):
        _hand_on_once(connection, record, one, message, query)
        return

    def found(answer: StoredKey | None) -> None:
        # another process may have bound or replaced the key since it was remembered here, or destroyed it
        current = require(answer, Check.KEY_KNOWN, "the owner does not have the key any more")
        try:
            require(_may_call(current, query), Check.UNBOUND_CALL)
        except SecurityError as error:
            connection.dropped[error.check] += 1
            one.answer(message.msg_id, NOT_BOUND.to_bytes())
            return
        one.undecided.discard(message.msg_id)
        one.session.acks.add(message.msg_id, connection.now)
        _hand_on_once(connection, record, one, message, query)

    # what is not decided is not acknowledged
    one.hold(message.msg_id)
    connection.ask_for_key(record.key.id, found, undo=partial(one.forget, message.msg_id))


def _hand_on_once(connection: Link, record: StoredKey, one: ServerSession, message: Received, query: Query) -> None:
    """Unless another process has it."""
    claim(
        connection,
        record,
        one,
        message,
        ours=partial(_hand_on, connection, record, one, message, query),
        others=partial(taken_elsewhere, connection, one, message),
    )


def _hand_on(connection: Link, record: StoredKey, one: ServerSession, message: Received, query: Query) -> None:
    """To the owner, unless he has too many of this session already."""
    if len(one.running) >= connection.server.config.limits.unacknowledged:
        one.answer(message.msg_id, TOO_MUCH.to_bytes())
        return
    one.running[message.msg_id] = None
    connection.tell(
        CallReceived(
            key_id=record.key.id,
            session_id=one.session.session_id,
            msg_id=message.msg_id,
            body=query.body,
            layer=query.layer,
            after=query.after,
            updates=query.updates,
        )
    )


def _read_binding(query: Query) -> BindTempAuthKey | None:
    if constructor_id(query.body) != BindTempAuthKey.constructor.id:
        return None
    request = API.read_whole(query.body)
    return request if isinstance(request, BindTempAuthKey) else None


def _may_call(record: StoredKey, query: Query) -> bool:
    """A temporary key that is not bound calls only what it may, whatever it is wrapped in."""
    bound = record.kind is KeyKind.PERMANENT or record.bound_to is not None
    return bound or constructor_id(query.body) in ALLOWED_UNBOUND
