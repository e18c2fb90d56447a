"""What leaves, composed at the moment of writing: ids, salts, acknowledgements and padding are chosen here."""

from __future__ import annotations

from collections.abc import Iterator

from ..._calls import Call, wrap
from ..._events import CallId
from ..._ground import id_from_bytes
from ..._keys import Slot, SlotState
from ..._session import Item, Message, time_of
from ..._tl import GetFutureSalts, MsgsAck, MsgsStateReq, Ping
from ..._wire import Stream
from .binding import drained
from .exchange import send_plain
from .state import ClientState, Timer

__all__ = ["compose", "flush_acks", "send_ping"]


def compose(state: ClientState, stream: Stream) -> None:
    """Frame everything that is due."""
    send_plain(state)
    for slot in tuple(state.keys.slots()):
        # the server forgets an expired key at the same moment; nothing leaves under it but the question whether it has
        if slot.end_doubted:
            _send(state, stream, slot, list(_ping(state, slot)))
        elif slot.expires_at > state.server_time:
            for items in _due(state, slot):
                _send(state, stream, slot, items)


def flush_acks(state: ClientState, stream: Stream) -> None:
    """The connection closes: acknowledge what has come, so that the server does not repeat it."""
    for slot in tuple(state.keys.slots()):
        if len(slot.session.acks) and slot.expires_at > state.server_time:
            _send(state, stream, slot, [_acks(slot)])


def send_ping(state: ClientState, slot: Slot) -> None:
    """Ask whether the server is still there, with what leaves next."""
    slot.ping_due = state.ping_out = True


def _send(state: ClientState, stream: Stream, slot: Slot, items: list[Item]) -> None:
    for frame in slot.session.seal(items, salt=slot.salts.at(state.server_time), server_time=state.server_time):
        stream.send(frame)
        state.sealed_since_proof.add(slot.id)
        state.timers.set_if_unset(Timer.IDLE, state.now + state.config.timeouts.idle)


def _due(state: ClientState, slot: Slot) -> Iterator[list[Item]]:
    """What leaves together, in one message or container."""
    binding = slot.binding
    if binding is not None and not slot.bind_left and state.settled and drained(state):
        # in a message of its own: every server finds it there
        slot.introduced = False
        state.timers.set(Timer.BIND_ANSWER, state.now + state.config.timeouts.bind)
        yield [binding]
    if slot.state is SlotState.UNBOUND or (slot.state is SlotState.BINDING and not slot.bind_left):
        return
    items = [*_ping(state, slot), *_ask_for_states(state, slot), *_again(state, slot), *slot.outbox, *_calls(state, slot)]
    slot.outbox.clear()
    if items and slot is state.keys.current:
        items.extend(_ask_for_salts(state, slot))
    deadline = slot.session.acks.deadline()
    if len(slot.session.acks) and state.settled and (items or (deadline is not None and deadline <= state.now)):
        items.insert(0, _acks(slot))
    if items:
        yield items


def _ping(state: ClientState, slot: Slot) -> Iterator[Item]:
    """Draws 8 bytes where one is due."""
    if slot.ping_due:
        slot.ping_due = False
        ping = Ping(ping_id=id_from_bytes(state.config.entropy(8)))
        slot.greeting = ping.ping_id if slot.greeting is None else slot.greeting
        yield Item(body=ping.to_bytes(), content_related=False)


def _ask_for_states(state: ClientState, slot: Slot) -> Iterator[Item]:
    """Ask what became of the calls that are long without an answer: /mtproto/service_messages_about_messages."""
    due, slot.states_due = slot.states_due, False
    calls = [message.msg_id for message in slot.session.sent.all() if isinstance(message.about, int)] if due else []
    old = [msg_id for msg_id in calls if state.server_time - time_of(msg_id) >= state.config.timeouts.answer]
    if old:
        ids = tuple(old[: state.config.limits.ids])
        msg_id, seq_no = slot.session.reserve(state.server_time, content_related=False)
        slot.asked_about = (msg_id, ids)
        yield Item(body=MsgsStateReq(msg_ids=ids).to_bytes(), content_related=False, numbered=(msg_id, seq_no))
    if calls:
        state.timers.set_if_unset(Timer.STATES, state.now + state.config.timeouts.answer)


def _acks(slot: Slot) -> Item:
    taken = slot.session.acks.take(slot.session.limits.ids)
    return Item(body=MsgsAck(msg_ids=taken).to_bytes(), content_related=False)


def _ask_for_salts(state: ClientState, slot: Slot) -> Iterator[Item]:
    """Where the salt may end soon the next ones are asked for, along with what leaves anyway."""
    count = slot.salts.wanted(state.server_time, slot.expires_at)
    if count:
        msg_id, seq_no = slot.session.reserve(state.server_time, content_related=False)
        slot.salts.ask(msg_id, count, state.server_time)
        yield Item(body=GetFutureSalts(num=count).to_bytes(), content_related=False, numbered=(msg_id, seq_no))


def _again(state: ClientState, slot: Slot) -> Iterator[Item]:
    """What is unanswered, on a new stream or because it seems lost: under the same ids, which the server takes once.

    But a server that restarted has forgotten which it took; so nothing but a binding leaves again before we hear from it.
    """
    if slot.state is SlotState.BINDING:
        due = _binding_again(state, slot)
    elif slot.heard and (slot.resend or slot.again):
        due = [message for message in slot.session.sent.all() if slot.resend or message.msg_id in slot.again]
        slot.resend = False
        slot.again.clear()
    else:
        return
    for message in due:
        if isinstance(message.about, int):
            state.timers.set_if_unset(Timer.STATES, state.now + state.config.timeouts.answer)
        yield Item(
            body=message.body,
            content_related=True,
            keep=True,
            about=message.about,
            numbered=(message.msg_id, message.seq_no),
            again=True,
        )


def _binding_again(state: ClientState, slot: Slot) -> list[Message]:
    """What was sent behind the binding waits for its answer now: a second sending that is refused may have run the first time."""
    if not slot.resend or Timer.BIND_ANSWER in state.timers:
        return []
    state.timers.set(Timer.BIND_ANSWER, state.now + state.config.timeouts.bind)
    return [message for message in slot.session.sent.all() if message.about == slot.request]


def _calls(state: ClientState, slot: Slot) -> Iterator[Item]:
    """Calls leave under the key in use; they wait from the moment the binding of the next key is ready."""
    if not state.settled or not _takes_calls(state, slot):
        return
    api = None if slot.introduced else state.config.api
    held: set[CallId] = set()
    for call in state.calls.waiting():
        if held.intersection(call.after) or _waits_for_another_session(state, slot, call):
            held.add(call.id)
            continue
        body = wrap(call, state.calls, api)
        msg_id, seq_no = slot.session.reserve(state.server_time)
        state.calls.left(call.id, msg_id)
        state.timers.set_if_unset(Timer.STATES, state.now + state.config.timeouts.answer)
        yield Item(body=body, content_related=True, keep=True, about=call.id, numbered=(msg_id, seq_no))


def _waits_for_another_session(state: ClientState, slot: Slot, call: Call) -> bool:
    """A predecessor is under way in the session of a key that drains: invokeAfterMsgs can name only messages of its own."""
    before = [state.calls.get(one) for one in call.after]
    return any(one is not None and one.msg_id is not None and slot.session.sent.get(one.msg_id) is None for one in before)


def _takes_calls(state: ClientState, slot: Slot) -> bool:
    following = state.keys.next
    if slot is following:
        # a server that has just refused something is not tried again before the next key is bound
        return state.config.pipeline and slot.bind_left and not (slot.refused or slot.resend or state.refusals)
    return slot is state.keys.current and (following is None or following.binding is None)
