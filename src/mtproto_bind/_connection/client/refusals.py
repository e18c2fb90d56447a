"""Messages of ours that the server ignored: https://core.telegram.org/mtproto/service_messages_about_messages."""

from __future__ import annotations

from collections.abc import Iterable

from ..._calls import MANY_REFUSALS
from ..._crypto import Side
from ..._errors import UnexpectedMessage
from ..._events import CallId, SessionReset
from ..._ground import id_from_bytes
from ..._keys import Slot
from ..._session import Item, Message, Session
from ..._tl import BadMsgNotification, DestroySession
from .binding import binding_forgotten, build_again, nothing_ran
from .sending import send_ping
from .state import ClientState

__all__ = ["bad_message", "bad_salt"]

MANY = 10
"""Refusals in a row after which the stream is given up."""
TOO_LOW, TOO_HIGH, SEEN, TOO_OLD = 16, 17, 19, 20
"""Codes of bad_msg_notification about the time, and about a container that came before; the others: numbers went wrong."""


def _count(state: ClientState) -> None:
    """A server that ignores whatever we send must not have us send it at the speed of the line."""
    state.envelope_refusals += 1
    if state.envelope_refusals > MANY:
        state.envelope_refusals = 0
        raise UnexpectedMessage(("an answer",), f"{MANY + 1} refusals in a row")


def bad_salt(state: ClientState, slot: Slot, msg_id: int) -> None:
    """The salt was wrong, and the message (or container) ``msg_id`` was ignored: it leaves again with the new one."""
    for message in slot.session.sent.named_by(msg_id):
        if message.about == slot.request:
            # the same id and the same 104 bytes: the server has not taken them yet
            slot.session.sent.settle(message.msg_id)
        else:
            _once_more(state, slot, message, "refused for its salt")
    _count(state)
    _greet_again(state, slot)


def bad_message(state: ClientState, slot: Slot, thing: BadMsgNotification, server_time: float) -> None:
    """``server_time``: when the notification was made, server unix seconds."""
    refused = slot.session.sent.named_by(thing.bad_msg_id)
    why = f"refused with code {thing.error_code}"
    if thing.error_code in (TOO_LOW, TOO_HIGH):
        state.clock = state.clock.told_by_notification(server_time, state.now)
    if thing.error_code != TOO_OLD or not any(isinstance(message.about, int) and message.times_sent > 1 for message in refused):
        # a call that was sent again ends so, once; and one process of many may say it of all that another had
        _count(state)
    if thing.error_code == TOO_OLD:
        _cannot_tell(state, slot, refused, why)
        return
    if thing.error_code == SEEN:
        # we send no container twice, so this is about a copy: somebody else sent it, and the first one was taken
        return
    for message in refused:
        if message.about == slot.request and slot.request is not None:
            # the id is sealed in the binding, so another id is another binding
            build_again(state, slot)
            nothing_ran(state, slot, why)
        elif thing.error_code == TOO_LOW:
            _once_more(state, slot, message, why)
        elif message.times_sent == 1:
            _take_back(state, slot, message, why)
    if thing.error_code != TOO_LOW:
        _new_session(state, slot, why)
    _greet_again(state, slot)


def _cannot_tell(state: ClientState, slot: Slot, refused: Iterable[Message], why: str) -> None:
    """The server does not know any more whether it took them, or what became of them."""
    for message in refused:
        if message.about == slot.request:
            binding_forgotten(state, slot)
        slot.session.sent.settle(message.msg_id)
        state.abandon(message.about, False, why)


def _once_more(state: ClientState, slot: Slot, message: Message, why: str) -> None:
    """Refused for its age or its salt, ``message`` leaves again under its own id, which the server takes once.

    It may have been a copy that was refused, sent by somebody on the path when the original had run long ago.
    """
    if slot is state.keys.next and message.times_sent == 1:
        # a key that is being bound is too young for that: where the original was taken, so was a copy
        _take_back(state, slot, message, why)
    elif isinstance(message.about, int) and state.calls.refused(CallId(message.about)):
        slot.session.sent.settle(message.msg_id)
        state.abandon(message.about, False, f"{why}, {MANY_REFUSALS + 1} times")
    else:
        slot.again.add(message.msg_id)


def _greet_again(state: ClientState, slot: Slot) -> None:
    """The first ping of a stream may have been what was refused; without its answer nothing leaves again."""
    if slot.greeting is not None and not slot.heard:
        slot.greeting = None
        send_ping(state, slot)


def _take_back(state: ClientState, slot: Slot, message: Message, why: str) -> None:
    """The server ignored the only sending of ``message``: it has surely not run."""
    slot.session.sent.settle(message.msg_id)
    state.abandon(message.about, True, why)


def _new_session(state: ClientState, slot: Slot, why: str) -> None:
    """Ids or numbers went wrong beyond mending. Draws session_id, 8 bytes."""
    old = slot.session
    if slot is state.keys.next:
        build_again(state, slot)
    config = state.config
    slot.session = Session(
        old.key,
        id_from_bytes(config.entropy(8)),
        Side.CLIENT,
        crypto=config.crypto,
        entropy=config.entropy,
        limits=config.limits,
        timeouts=config.timeouts,
    )
    slot.sessions_seen.clear()
    slot.asked_about = slot.salts.asked = None
    slot.again.clear()
    slot.retired.append(old.session_id)
    # the server need not keep for us what waits there
    slot.outbox.append(Item(body=DestroySession(session_id=old.session_id).to_bytes(), content_related=False))
    for message in old.sent.all():
        state.abandon(message.about, False, why)
    state.tell(SessionReset(session_id=old.session_id))
