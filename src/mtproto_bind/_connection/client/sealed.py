"""What comes under a temporary key: https://core.telegram.org/mtproto/service_messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ..._errors import Check, RemoteProtocolError, Scope, SecurityError, require
from ..._events import KeyEnd, SessionReset, UpdateReceived
from ..._keys import Slot
from ..._session import Item, Received, Unrolled, constructor_id, time_of, unpacked, unroll
from ..._tl import (
    SERVICE,
    BadMsgNotification,
    BadServerSalt,
    FutureSalts,
    MsgDetailedInfo,
    MsgNewDetailedInfo,
    MsgResendReq,
    MsgsAllInfo,
    MsgsStateInfo,
    MsgsStateReq,
    NewSessionCreated,
    Ping,
    Pong,
    RpcResult,
    TLObject,
)
from ..._wire import key_id_of
from .refusals import bad_message, bad_salt
from .results import result_came
from .sending import send_ping
from .state import ClientState

__all__ = ["receive_sealed"]

UNKNOWN, RECEIVED = 1, 4
KIND, IN_WORK, ANSWERED = 7, 32, 64
"""Parts of a byte of msgs_state_info."""
OLDEST, NEWEST = 300, 30
"""Seconds before and after the server's time."""
EXEMPT = frozenset({BadServerSalt.constructor.id, BadMsgNotification.constructor.id})
"""How a client learns the time."""

Thing = TypeVar("Thing", bound=TLObject)
HANDLERS: dict[type[TLObject], Callable[..., None]] = {}


def on(
    kind: type[Thing],
) -> Callable[[Callable[[ClientState, Slot, Received, Thing], None]], Callable[[ClientState, Slot, Received, Thing], None]]:
    """The function below takes messages of this kind."""

    def register(
        handler: Callable[[ClientState, Slot, Received, Thing], None],
    ) -> Callable[[ClientState, Slot, Received, Thing], None]:
        HANDLERS[kind] = handler
        return handler

    return register


def receive_sealed(state: ClientState, frame: bytes) -> None:
    """A sealed message. Raises SecurityError of scope STREAM for one that cannot be the server's."""
    key_id = key_id_of(frame)
    if key_id in state.gone_keys:
        # an answer that comes late, when its key has drained
        return
    slot = require(state.keys.find(key_id), Check.KEY_KNOWN)
    opened = slot.session.open(frame, also=slot.retired)
    if opened.session_id != slot.session.session_id:
        # an answer in a session that was given up: its calls have been told
        return
    unrolled = unroll(opened, state.config.limits)
    # a server's ids are odd, so that nobody can send us back what we sent
    for msg_id in (opened.msg_id, *(message.msg_id for message in unrolled.messages)):
        require(msg_id & 1, Check.MSG_ID_PARITY)
    try:
        # what comes at the wrong time is not remembered: it may come again
        _check_time(state, unrolled)
        _check_double(slot, opened.msg_id, opened.seq_no, state.now)
        state.proven()
    except SecurityError as error:
        state.drop(error)
        return
    state.clock = state.clock.told_by_message(time_of(opened.msg_id), state.now)
    _act(state, slot, unrolled)
    # a key that drains is bound no more, and its answers still come
    if slot.refused and slot is state.keys.current:
        # every call in the message has been told first
        state.expired(slot, KeyEnd.NOT_BOUND, "the server does not hold the key for bound")


def _act(state: ClientState, slot: Slot, unrolled: Unrolled) -> None:
    """Act upon each message; one that breaks a rule of its own is dropped alone."""
    grown = 0
    for message in unrolled.messages:
        try:
            if unrolled.is_container:
                _check_double(slot, message.msg_id, message.seq_no, state.now)
            grown += _receive(state, slot, message)
            require(grown <= state.config.limits.unpacked, Check.GZIP, "one frame unpacks to too much")
        except RemoteProtocolError as error:
            if isinstance(error, SecurityError) and error.scope is Scope.MESSAGE:
                state.drop(error)
                continue
            _forget(slot, unrolled.msg_id)
            _forget(slot, message.msg_id)
            raise


def _hear(state: ClientState, slot: Slot) -> None:
    """The server has the key, and what it says of the session has been read."""
    if not slot.heard:
        slot.heard = True
        # one key after another, so that a -404 is about one of them
        for other in state.keys.draining:
            if not other.heard:
                send_ping(state, other)


def _forget(slot: Slot, msg_id: int) -> None:
    """What could not be read has not been acted upon: on the next stream it may come again."""
    slot.session.doubles.forget(msg_id)
    slot.session.acks.drop(msg_id)


def _receive(state: ClientState, slot: Slot, message: Received) -> int:
    """Act upon one message. Returns by how much it grew as it was unpacked, bytes."""
    if message.content_related:
        slot.session.acks.add(message.msg_id, state.now)
    body = unpacked(message.body, state.config.limits)
    grown = max(0, len(body) - len(message.body))
    if SERVICE.name_of(body) is None:
        state.tell(UpdateReceived(body=body))
        return grown
    thing = SERVICE.read_whole(body)
    handler = HANDLERS.get(type(thing))
    if handler is not None:
        handler(state, slot, message, thing)
    return grown


def _check_time(state: ClientState, unrolled: Unrolled) -> None:
    """The window holds once the clock is known; a notification is how we learn it, and names a message of ours instead."""
    if state.clock.certain and not any(constructor_id(message.body) in EXEMPT for message in unrolled.messages):
        late, unsure = state.server_time - time_of(unrolled.msg_id), state.clock.uncertainty or 0.0
        if late < -NEWEST - unsure:
            # it is the server's own: our idea of its clock is behind, and the next message tells better
            state.clock = state.clock.doubted()
        require(-NEWEST - unsure <= late <= OLDEST + unsure, Check.MSG_ID_WINDOW, f"{late:.0f} s old")


def _check_double(slot: Slot, msg_id: int, seq_no: int, now: float) -> None:
    doubles = slot.session.doubles
    if doubles.seen(msg_id) and seq_no & 1:
        # the acknowledgement may have been lost
        slot.session.acks.add(msg_id, now)
    require(not doubles.seen(msg_id), Check.MSG_ID_SEEN)
    doubles.add(msg_id, seq_no)


@on(RpcResult)
def _on_rpc_result(state: ClientState, slot: Slot, _message: Received, thing: RpcResult) -> None:
    result_came(state, slot, thing)


@on(BadServerSalt)
def _on_bad_server_salt(state: ClientState, slot: Slot, _message: Received, thing: BadServerSalt) -> None:
    require(slot.session.sent.lately(thing.bad_msg_id), Check.NOTIFICATION_TARGET)
    slot.salts.told(thing.new_server_salt, state.server_time)
    bad_salt(state, slot, thing.bad_msg_id)


@on(BadMsgNotification)
def _on_bad_msg_notification(state: ClientState, slot: Slot, message: Received, thing: BadMsgNotification) -> None:
    require(slot.session.sent.lately(thing.bad_msg_id), Check.NOTIFICATION_TARGET)
    bad_message(state, slot, thing, time_of(message.msg_id))


@on(NewSessionCreated)
def _on_new_session_created(state: ClientState, slot: Slot, _message: Received, thing: NewSessionCreated) -> None:
    """The server knew no such session. What was sent before its first message may be lost, or may have run."""
    if thing.unique_id in slot.sessions_seen:
        return
    first = not slot.sessions_seen
    slot.sessions_seen.append(thing.unique_id)
    slot.salts.told(thing.server_salt, state.server_time)
    for message in slot.session.sent.all():
        if message.msg_id < thing.first_msg_id:
            # a binding that is settled so leaves once more
            slot.session.sent.settle(message.msg_id)
            state.abandon(message.about, False, "the server began the session anew")
    if not first:
        state.tell(SessionReset(session_id=slot.session.session_id))


@on(Ping)
def _on_ping(_state: ClientState, slot: Slot, message: Received, thing: Ping) -> None:
    slot.outbox.append(_service(Pong(msg_id=message.msg_id, ping_id=thing.ping_id)))


@on(Pong)
def _on_pong(state: ClientState, slot: Slot, _message: Received, thing: Pong) -> None:
    state.envelope_refusals = 0
    if thing.ping_id == slot.greeting:
        _hear(state, slot)


@on(FutureSalts)
def _on_future_salts(_state: ClientState, slot: Slot, _message: Received, thing: FutureSalts) -> None:
    msg_id, count = slot.salts.asked or (None, 0)
    require(thing.req_msg_id == msg_id and len(thing.salts) <= count, Check.FUTURE_SALTS_ASKED)
    slot.salts.promised(thing.salts)


@on(MsgsStateReq)
def _on_msgs_state_req(_state: ClientState, slot: Slot, message: Received, thing: MsgsStateReq) -> None:
    _tell_states(slot, message.msg_id, thing.msg_ids)


def _tell_states(slot: Slot, asked_by: int, msg_ids: Sequence[int]) -> None:
    info = bytes(RECEIVED if slot.session.doubles.knows(msg_id) else UNKNOWN for msg_id in msg_ids)
    slot.outbox.append(_service(MsgsStateInfo(req_msg_id=asked_by, info=info)))


@on(MsgsStateInfo)
def _on_msgs_state_info(_state: ClientState, slot: Slot, _message: Received, thing: MsgsStateInfo) -> None:
    asked_by, msg_ids = slot.asked_about or (None, ())
    require(thing.req_msg_id == asked_by and len(thing.info) == len(msg_ids), Check.RESULT_TARGET)
    slot.asked_about = None
    _told_states(slot, msg_ids, thing.info)


@on(MsgsAllInfo)
def _on_msgs_all_info(_state: ClientState, slot: Slot, _message: Received, thing: MsgsAllInfo) -> None:
    _told_states(slot, thing.msg_ids, thing.info)


def _told_states(slot: Slot, msg_ids: Sequence[int], info: bytes) -> None:
    """What is not surely in work leaves again under the same id: taken once, or answered again.

    Another id is given to none of them, not even to what has not been received: it may be under way all the same.
    """
    for msg_id, state in zip(msg_ids, info, strict=False):
        waits = state & KIND == RECEIVED and state & IN_WORK and not state & ANSWERED
        if not waits and slot.session.sent.get(msg_id) is not None:
            slot.again.add(msg_id)


@on(MsgDetailedInfo)
def _on_msg_detailed_info(state: ClientState, slot: Slot, _message: Received, thing: MsgDetailedInfo) -> None:
    _there_is(state, slot, thing.answer_msg_id)


@on(MsgNewDetailedInfo)
def _on_msg_new_detailed_info(state: ClientState, slot: Slot, _message: Received, thing: MsgNewDetailedInfo) -> None:
    _there_is(state, slot, thing.answer_msg_id)


def _there_is(state: ClientState, slot: Slot, msg_id: int) -> None:
    """A large answer is there: acknowledge it if it came, else ask for it."""
    if slot.session.doubles.knows(msg_id):
        slot.session.acks.add(msg_id, state.now)
    else:
        slot.outbox.append(_service(MsgResendReq(msg_ids=(msg_id,))))


@on(MsgResendReq)
def _on_msg_resend_req(_state: ClientState, slot: Slot, message: Received, thing: MsgResendReq) -> None:
    if all(slot.session.sent.get(msg_id) is not None for msg_id in thing.msg_ids):
        slot.again.update(thing.msg_ids)
    else:
        _tell_states(slot, message.msg_id, thing.msg_ids)


def _service(thing: TLObject) -> Item:
    return Item(body=thing.to_bytes(), content_related=False)
