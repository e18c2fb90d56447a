"""Service messages of a client: https://core.telegram.org/mtproto/service_messages."""

from __future__ import annotations

from functools import partial

from ..._events import UpdateAcknowledged
from ..._handshake import KeyKind
from ..._questions import Destruction, DestructionRequested, StoredKey
from ..._session import REPLY, Item, Received
from ..._tl import (
    DestroyAuthKey,
    DestroyAuthKeyFail,
    DestroyAuthKeyNone,
    DestroyAuthKeyOk,
    DestroySession,
    DestroySessionNone,
    DestroySessionOk,
    FutureSalts,
    GetFutureSalts,
    MsgResendReq,
    MsgsAck,
    MsgsStateInfo,
    MsgsStateReq,
    Ping,
    PingDelayDisconnect,
    Pong,
    RpcAnswerDropped,
    RpcAnswerDroppedRunning,
    RpcAnswerUnknown,
    RpcDropAnswer,
    TLObject,
)
from .link import Link
from .sessions import AnswerTo, ServerSession, Update

__all__ = ["receive_service"]

MOST_SALTS = 64
UNKNOWN, NOT_RECEIVED, TOO_HIGH, RECEIVED = 1, 2, 3, 4
"""Bytes of msgs_state_info."""
ACKNOWLEDGED, NEEDS_NO_ACK, IN_WORK, ANSWERED, KNOWN_THERE = 8, 16, 32, 64, 128
"""What is added to RECEIVED."""
DESTROYED = {
    Destruction.DONE: DestroyAuthKeyOk(),
    Destruction.NONE: DestroyAuthKeyNone(),
    Destruction.FAILED: DestroyAuthKeyFail(),
}


def receive_service(connection: Link, record: StoredKey, one: ServerSession, message: Received, thing: TLObject) -> None:
    """Act on one service message; those that only a server sends are ignored, and what a client tells of our messages."""
    key_id = record.key.id
    match thing:
        case MsgsAck():
            _acknowledge(connection, key_id, one, thing)
        case Ping() | PingDelayDisconnect():
            if isinstance(thing, PingDelayDisconnect):
                connection.disconnect_after(thing.disconnect_delay)
            _say(one, Pong(msg_id=message.msg_id, ping_id=thing.ping_id))
        case GetFutureSalts():
            one.session.acks.drop(message.msg_id)
            salts = one.salts.future(min(max(thing.num, 1), MOST_SALTS), connection.now)
            _say(one, FutureSalts(req_msg_id=message.msg_id, now=int(connection.now), salts=salts))
        case MsgsStateReq():
            _tell_states(one, message.msg_id, thing.msg_ids)
        case MsgResendReq():
            _resend(one, message.msg_id, thing)
        case RpcDropAnswer():
            one.answer(message.msg_id, _drop(one, thing.req_msg_id).to_bytes())
        case DestroySession():
            _say(one, _destroy(connection, key_id, one, thing))
        case DestroyAuthKey():
            _destroy_key(connection, record, one, message)
        case _:
            pass


def _acknowledge(connection: Link, key_id: int, one: ServerSession, thing: MsgsAck) -> None:
    for msg_id in thing.msg_ids:
        message = one.session.sent.settle(msg_id)
        if message is not None and isinstance(message.about, Update):
            connection.tell(UpdateAcknowledged(key_id=key_id, session_id=one.session.session_id, body=message.about.body))
        elif message is not None and isinstance(message.about, AnswerTo):
            one.finish(message.about.msg_id)


def _tell_states(one: ServerSession, asked_by: int, msg_ids: tuple[int, ...]) -> None:
    one.session.acks.drop(asked_by)
    _say(one, MsgsStateInfo(req_msg_id=asked_by, info=bytes(_state(one, msg_id) for msg_id in msg_ids)))


def _state(one: ServerSession, msg_id: int) -> int:
    # the one that asks has come, so there is a range
    lowest, highest = one.session.doubles.range() or (msg_id, msg_id)
    if one.session.doubles.knows(msg_id):
        return RECEIVED | _flags(one, msg_id)
    if msg_id > highest:
        return TOO_HIGH
    return NOT_RECEIVED if msg_id > lowest else UNKNOWN


def _flags(one: ServerSession, msg_id: int) -> int:
    """What else we know of a message that came; a flag that is not set says nothing."""
    flags = 0
    if not one.session.doubles.seq_no(msg_id) % 2:
        flags |= NEEDS_NO_ACK
    elif not (msg_id in one.undecided or msg_id in one.elsewhere or msg_id in one.session.acks):
        flags |= ACKNOWLEDGED
    answered = msg_id in one.done or one.answer_kept(msg_id)
    if answered or msg_id in one.running or msg_id in one.undecided:
        flags |= IN_WORK
    return flags | ANSWERED * answered | KNOWN_THERE * (msg_id in one.done)


def _resend(one: ServerSession, asked_by: int, thing: MsgResendReq) -> None:
    """Where one of the messages is not here any more, what we know of all of them is told instead."""
    if all(one.session.sent.get(msg_id) is not None for msg_id in thing.msg_ids):
        one.again.update(thing.msg_ids)
    else:
        _tell_states(one, asked_by, thing.msg_ids)


def _drop(one: ServerSession, msg_id: int) -> TLObject:
    """The client gives the answer to ``msg_id`` up: what became of it."""
    answer = one.kept_answer(msg_id)
    if answer is not None:
        one.session.sent.settle(answer.msg_id)
        return RpcAnswerDropped(msg_id=answer.msg_id, seq_no=answer.seq_no, length=len(answer.body))
    if msg_id in one.running and msg_id not in one.dropped:
        one.dropped.add(msg_id)
        # the query is answered with the same words
        one.answer(msg_id, RpcAnswerDroppedRunning().to_bytes())
        return RpcAnswerDroppedRunning()
    return RpcAnswerUnknown()


def _destroy(connection: Link, key_id: int, one: ServerSession, thing: DestroySession) -> TLObject:
    other = thing.session_id != one.session.session_id
    if other and connection.server.sessions.end(key_id, thing.session_id):
        return DestroySessionOk(session_id=thing.session_id)
    return DestroySessionNone(session_id=thing.session_id)


def _destroy_key(connection: Link, record: StoredKey, one: ServerSession, message: Received) -> None:
    """The permanent key behind ``record`` is to exist no more."""
    known = connection.server.current(record)
    permanent_key_id = known.key.id if known.kind is KeyKind.PERMANENT else known.bound_to
    if permanent_key_id is None:
        # nobody has proven that any permanent key is his
        _say(one, DestroyAuthKeyFail())
        return

    def decided(word: Destruction, now: float) -> None:
        one.undecided.discard(message.msg_id)
        if message.content_related:
            one.session.acks.add(message.msg_id, now)
        _say(one, DESTROYED[word])
        if word is Destruction.FAILED:
            return
        # the last words under these keys
        if one.stream is not None:
            one.stream.compose(last=True)
        connection.server.destroy_key(permanent_key_id)

    # what is not decided is not acknowledged
    one.hold(message.msg_id)
    question = DestructionRequested(number=connection.asked.next_number(), permanent_key_id=permanent_key_id)
    connection.ask(question, decided, undo=partial(one.forget, message.msg_id))


def _say(one: ServerSession, thing: TLObject) -> None:
    one.say(Item(body=thing.to_bytes(), content_related=False, remainder=REPLY))
