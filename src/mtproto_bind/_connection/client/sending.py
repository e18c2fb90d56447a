"""What leaves, composed at the moment of writing: ids, salts, acknowledgements and padding are chosen here."""

from __future__ import annotations

from collections.abc import Iterator

from ..._calls import Call, wrap
from ..._events import CallId
from ..._ground import id_from_bytes
from ..._keys import Slot, SlotState
from ..._session import Item
from ..._tl import MsgsAck, Ping
from ..._wire import Stream
from .binding import drained
from .exchange import send_plain
from .state import ClientState, Timer

__all__ = ["compose", "flush_acks", "send_ping"]


def compose(state: ClientState, stream: Stream) -> None:
    """Frame everything that is due."""
    send_plain(state)
    for slot in tuple(state.keys.slots()):
        # the server forgets an expired key at the same moment; nothing leaves under it
        if slot.expires_at > state.server_time:
            for items in _due(state, slot):
                _send(state, stream, slot, items)


def flush_acks(state: ClientState, stream: Stream) -> None:
    """The connection closes: acknowledge what has come, so that the server does not repeat it."""
    for slot in tuple(state.keys.slots()):
        if len(slot.session.acks) and slot.expires_at > state.server_time:
            _send(state, stream, slot, [_acks(slot)])


def send_ping(state: ClientState, slot: Slot) -> None:
    """Ask whether the server is still there. Draws 8 bytes."""
    ping = Ping(ping_id=id_from_bytes(state.config.entropy(8)))
    slot.outbox.append(Item(body=ping.to_bytes(), content_related=False))
    state.ping_out = True


def _send(state: ClientState, stream: Stream, slot: Slot, items: list[Item]) -> None:
    for frame in slot.session.seal(items, salt=slot.salt, server_time=state.server_time):
        stream.send(frame)
        state.sealed_since_proof.add(slot.id)
        state.timers.set_if_unset(Timer.IDLE, state.now + state.config.timeouts.idle)


def _due(state: ClientState, slot: Slot) -> Iterator[list[Item]]:
    """What leaves together, in one message or container."""
    binding, leaves = slot.binding, False
    if binding is not None and not slot.bind_left and state.settled and drained(state):
        # in a message of its own: every server finds it there
        slot.introduced, leaves = False, True
        state.timers.set(Timer.BIND_ANSWER, state.now + state.config.timeouts.bind)
        yield [binding]
    if slot.state is SlotState.UNBOUND or (slot.state is SlotState.BINDING and not slot.bind_left):
        return
    items = [*_again(state, slot, without_binding=leaves), *slot.outbox, *_calls(state, slot)]
    slot.outbox.clear()
    deadline = slot.session.acks.deadline()
    if len(slot.session.acks) and state.settled and (items or (deadline is not None and deadline <= state.now)):
        items.insert(0, _acks(slot))
    if items:
        yield items


def _acks(slot: Slot) -> Item:
    taken = slot.session.acks.take(slot.session.limits.ids)
    return Item(body=MsgsAck(msg_ids=taken).to_bytes(), content_related=False)


def _again(state: ClientState, slot: Slot, *, without_binding: bool) -> Iterator[Item]:
    """After a new stream: what is unanswered, under the same ids, which the server takes once.

    ``without_binding``: it has only just left, on this very stream.
    """
    if not slot.resend:
        return
    slot.resend = False
    for message in slot.session.sent.all():
        if message.about == slot.request:
            if without_binding:
                continue
            state.timers.set(Timer.BIND_ANSWER, state.now + state.config.timeouts.bind)
        yield Item(
            body=message.body,
            content_related=True,
            keep=True,
            about=message.about,
            numbered=(message.msg_id, message.seq_no),
            again=True,
        )


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
        yield Item(body=body, content_related=True, keep=True, about=call.id, numbered=(msg_id, seq_no))


def _waits_for_another_session(state: ClientState, slot: Slot, call: Call) -> bool:
    """A predecessor is under way in the session of a key that drains: invokeAfterMsgs can name only messages of its own."""
    before = [state.calls.get(one) for one in call.after]
    return any(one is not None and one.msg_id is not None and slot.session.sent.get(one.msg_id) is None for one in before)


def _takes_calls(state: ClientState, slot: Slot) -> bool:
    following = state.keys.next
    if slot is following:
        return state.config.pipeline and slot.bind_left and not slot.refused
    return slot is state.keys.current and (following is None or following.binding is None)
