"""The handshakes of a client connection, one after another: https://core.telegram.org/mtproto/auth_key."""

from __future__ import annotations

from typing import Any

from ..._crypto import Side, same
from ..._errors import Check, require
from ..._events import PermanentKeyCreated, TemporaryKeyCreated
from ..._ground import id_from_bytes
from ..._handshake import (
    ExpectDHAnswer,
    ExpectResPQ,
    ExpectServerDHParams,
    KeyAgreed,
    KeyKind,
    Purpose,
    State,
    WorkState,
    begin,
    deliver,
    resume,
)
from ..._keys import Need, Slot
from ..._questions import PermanentKey
from ..._session import ClientSalts, Session
from ..._wire import pack_plain, unpack_plain
from .state import ClientState, Exchange, Timer

__all__ = ["again", "begin_exchange", "receive_plain", "send_plain"]

Waiting = ExpectResPQ | ExpectServerDHParams | ExpectDHAnswer
"""The states that wait for the server, each with the query that it has been asked."""
LAST_SECOND = (1 << 31) - 1
NONCE = slice(4, 20)
"""Where every answer of the handshake has its nonce."""


def begin_exchange(state: ClientState, need: Need) -> None:
    """Begin the handshake for the key that is lacking."""
    config = state.config
    if need is Need.PERMANENT_KEY:
        purpose = Purpose(KeyKind.PERMANENT, config.dc)
    else:
        purpose = Purpose(KeyKind.TEMPORARY, config.dc, config.temporary_lifetime)
    first = begin(purpose, state.tools)
    state.exchange = Exchange(
        purpose=purpose, state=first, nonce=first.nonce, began_at=state.now, asked_at=state.now, told_at=(state.now, state.now)
    )
    _await_answer(state)


def again(state: ClientState) -> None:
    """A new stream: the last query is sent again, as it was (the server remembers it for ten minutes)."""
    if state.exchange is not None and state.now - state.exchange.began_at > state.config.timeouts.handshake_memory:
        # the server has forgotten it
        state.end_exchange()
    if state.exchange is not None and isinstance(state.exchange.state, Waiting):
        state.exchange.unsent = True
        state.exchange.asked_at = state.now
        _await_answer(state)


def send_plain(state: ClientState) -> None:
    """Frame the query that is due."""
    exchange, stream = state.exchange, state.stream
    if exchange is None or stream is None or not exchange.unsent or not isinstance(exchange.state, Waiting):
        return
    if state.keys.current is not None and not state.keys.current.heard:
        # a -404 has to be about one thing: first whether the server still has the key in use
        return
    msg_id = state.plain_ids.next(state.server_time)
    stream.send(pack_plain(msg_id, exchange.state.request))
    exchange.unsent = False
    exchange.on_stream = True
    state.plain_since_proof = True


def receive_plain(state: ClientState, frame: bytes) -> None:
    """A message in the clear. Raises what the handshake raises; then nothing has changed."""
    msg_id, body = unpack_plain(frame)
    require(msg_id & 1, Check.MSG_ID_PARITY)
    exchange = state.exchange
    # several handshakes follow each other on one stream: answers are told apart by their nonce
    if any(same(body[NONCE], nonce) for nonce in state.finished_nonces):
        state.plain_unanswered = False
        return
    exchange = require(exchange if exchange is not None and exchange.on_stream else None, Check.PLAINTEXT_AWAITED)
    after = deliver(exchange.state, body, state.tools)
    if isinstance(exchange.state, ExpectServerDHParams):
        # the answer is proven now, so the time in it counts
        exchange.told_at = (exchange.asked_at, state.now)
    exchange.on_stream = False
    _go_on(state, exchange, after)


def _go_on(state: ClientState, exchange: Exchange, after: State) -> None:
    exchange.state = after
    state.timers.clear(Timer.HANDSHAKE_ANSWER)
    if isinstance(after, WorkState):
        state.compute(after.work, lambda value, _now: _computed(state, exchange, after, value))
    elif isinstance(after, KeyAgreed):
        _agreed(state, exchange, after)
    else:
        exchange.unsent = True
        exchange.asked_at = state.now
        _await_answer(state)


def _computed(state: ClientState, exchange: Exchange, waiting: WorkState, value: Any) -> None:
    _go_on(state, exchange, resume(waiting, value, state.tools))


def _await_answer(state: ClientState) -> None:
    state.timers.set(Timer.HANDSHAKE_ANSWER, state.now + state.config.timeouts.handshake)


def _agreed(state: ClientState, exchange: Exchange, agreed: KeyAgreed) -> None:
    state.end_exchange()
    state.attempts = 0
    state.backoff.succeeded()
    asked_at, told_at = exchange.told_at
    # the handshake of a renewal knows no better than the messages of the session, unless a clock has jumped since
    told = state.clock.told_by_handshake(agreed.server_time, asked_at, told_at)
    if not state.clock.agrees(told):
        state.clock = told
    if agreed.purpose.expires_in is None:
        state.keys.permanent = key = PermanentKey(key=agreed.key, created_at=state.now)
        state.tell(PermanentKeyCreated(key=key))
        return
    slot = _slot(state, agreed, agreed.purpose.expires_in)
    state.keys.next = slot
    state.tell(TemporaryKeyCreated(key=agreed.key, expires_at=slot.expires_at, server_salt=agreed.first_salt))


def _slot(state: ClientState, agreed: KeyAgreed, expires_in: int) -> Slot:
    """Draws session_id, 8 bytes: each temporary key begins a session of its own, with its own salt."""
    config = state.config
    # expires_in is a duration; the end lies on the server's clock, which may say anything that fits 31 bits
    started = max(agreed.server_time, 0)
    expires_at = min(started + expires_in, LAST_SECOND)
    session = Session(
        agreed.key,
        id_from_bytes(config.entropy(8)),
        Side.CLIENT,
        crypto=config.crypto,
        entropy=config.entropy,
        limits=config.limits,
        timeouts=config.timeouts,
    )
    return Slot(
        session=session,
        salts=ClientSalts(agreed.first_salt, started),
        expires_at=expires_at,
        lifetime=expires_at - started,
        made_at=state.now,
    )
