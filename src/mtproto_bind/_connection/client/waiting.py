"""Time, and what is begun when nothing else is to be done."""

from __future__ import annotations

from ..._events import CallId, NotRun, OutcomeUnknown
from ..._keys import Need, Slot, lacking
from ..._questions import PermanentKeySuspected
from .binding import ask_for_owners_key, build_again, start_binding
from .endings import renewal_unanswered, timed_out
from .exchange import begin_exchange
from .sending import send_ping
from .state import ClientState, Timer

__all__ = ["next_deadline", "pursue", "time_frame", "time_passed"]


def pursue(state: ClientState) -> None:
    """Begin what the goal lacks; called once the owner has every event."""
    if any(slot.end_doubted for slot in state.keys.slots()):
        return
    need = lacking(state.keys, state.config.goal, server_time=state.server_time)
    if need in (Need.PERMANENT_KEY, Need.TEMPORARY_KEY):
        # handshakes follow each other; the first needs a stream to begin
        if state.exchange is None and state.stream is not None and Timer.EXCHANGE_AGAIN not in state.timers:
            begin_exchange(state, need)
    elif need is Need.OWNERS_KEY:
        ask_for_owners_key(state)
    elif need is Need.BINDING and _may_bind(state) and state.keys.next is not None:
        start_binding(state, state.keys.next)


def next_deadline(state: ClientState) -> float | None:
    """When something is due, our unix seconds."""
    if state.closed:
        return None
    offset = state.clock.offset
    by_itself: list[float | None] = []
    for slot in state.keys.slots():
        by_itself.append(slot.expires_at - offset)
        if slot is state.keys.current and state.keys.next is None and slot.renew_at is not None:
            by_itself.append(slot.renew_at - offset)
        if state.stream is not None:
            by_itself.append(slot.session.acks.deadline())
    # what next_event and data_to_send do by themselves needs no waiting once it is due
    ahead = [at for at in by_itself if at is not None and at > state.now]
    timed = [at for at in (state.timers.earliest(), state.calls.deadline()) if at is not None]
    return min([*ahead, *timed], default=None)


def time_passed(state: ClientState) -> None:
    """Do what was due by now."""
    for name in state.timers.take_due(state.now):
        _expired(state, name)
    for call in state.calls.overdue(state.now):
        _give_up(state, call.id)


def time_frame(state: ClientState, midway: bool) -> None:
    """A frame that has begun has to end in time."""
    if midway:
        state.timers.set_if_unset(Timer.FRAME, state.now + state.config.timeouts.frame)
    else:
        state.timers.clear(Timer.FRAME)


def _may_bind(state: ClientState) -> bool:
    """After a refusal the next binding waits for its time, or for the owner's word."""
    return Timer.BIND_AGAIN not in state.timers and not state.asked.open(PermanentKeySuspected)


def _expired(state: ClientState, name: object) -> None:
    if name is Timer.BINDING_REQUIRED and state.keys.next is not None:
        build_again(state, state.keys.next)
    elif isinstance(name, Slot):
        state.lose(name, "its answers did not come after the key was renewed")
    elif state.stream is not None:
        _too_long(state, name)


def _too_long(state: ClientState, name: object) -> None:
    """What was awaited on the present stream has not come."""
    timeouts = state.config.timeouts
    match name:
        case Timer.HANDSHAKE_ANSWER if state.keys.current is not None:
            renewal_unanswered(state)
        case Timer.HANDSHAKE_ANSWER:
            timed_out(state, "answer to the handshake", timeouts.handshake)
        case Timer.BIND_ANSWER:
            timed_out(state, "answer to the binding", timeouts.bind)
        case Timer.FRAME:
            timed_out(state, "rest of a frame", timeouts.frame)
        case Timer.IDLE:
            _idle(state)
        case Timer.STATES:
            for slot in state.keys.slots():
                slot.states_due = True


def _idle(state: ClientState) -> None:
    if state.ping_out or (state.keys.current is not None and not state.keys.current.heard):
        timed_out(state, "sign of life", state.config.timeouts.idle)
    elif state.keys.current is not None:
        send_ping(state, state.keys.current)
        state.timers.set(Timer.IDLE, state.now + state.config.timeouts.idle)


def _give_up(state: ClientState, call_id: CallId) -> None:
    call = state.calls.get(call_id)
    why = "give_up_at has come"
    unsent = call is not None and call.msg_id is None
    state.forget_message(call_id)
    state.tell(state.calls.failed(call_id, NotRun(why) if unsent else OutcomeUnknown(why)))
