"""The binding of a client: asked, sealed, sent, judged. https://core.telegram.org/api/pfs"""

from __future__ import annotations

from attrs import evolve

from ..._bind import BindEvidence, BindVerdict, NextStep, Refusal, answer_of, judge, request_of
from ..._config import PendingKey
from ..._errors import ExchangeRefused, SecurityError
from ..._events import BindRefused, ConnectionClosed, KeyBound
from ..._ground import id_from_bytes
from ..._keys import Backoff, Slot, SlotState, renewal_time
from ..._questions import BindingRequired, PermanentKey, PermanentKeyRequired, PermanentKeySuspected, Verdict
from ..._session import Item, RpcError
from ..._wire import BindingRequest, seal_binding
from .state import ClientState, Timer

__all__ = ["ask_for_owners_key", "bind_answered", "binding_forgotten", "build_again", "drained", "nothing_ran", "start_binding"]

NOT_BOUND = frozenset({Refusal.ENCRYPTED_MESSAGE_INVALID, Refusal.TEMP_AUTH_KEY_EMPTY, Refusal.EXPIRES_AT_INVALID})
"""The temporary key speaks for nobody."""


def ask_for_owners_key(state: ClientState) -> None:
    """The temporary key is made before the permanent one: another connection is making that."""
    if state.asked.open(PermanentKeyRequired):
        return

    def answered(key: PermanentKey, _now: float) -> None:
        state.keys.permanent = key

    state.ask(PermanentKeyRequired(number=state.asked.next_number()), answered)


def start_binding(state: ClientState, slot: Slot) -> None:
    """Reserve a message id and seal the binding, or have it sealed. Draws: nonce, 8 bytes; with a key at hand 16 and 8 more.

    Nothing else leaves under this key until the binding does.
    """
    permanent = state.keys.known
    msg_id, seq_no = slot.session.reserve(state.server_time)
    request = BindingRequest(
        perm_auth_key_id=state.keys.permanent_id or 0,
        temp_auth_key_id=slot.id,
        temp_session_id=slot.session.session_id,
        nonce=id_from_bytes(state.config.entropy(8)),
        msg_id=msg_id,
        expires_at=slot.expires_at,
    )
    slot.request = request
    slot.move(SlotState.BINDING)

    def sealed(encrypted_message: bytes, _now: float) -> None:
        state.timers.clear(Timer.BINDING_REQUIRED)
        body = request_of(request, encrypted_message).to_bytes()
        slot.binding = Item(body=body, content_related=True, keep=True, about=request, numbered=(msg_id, seq_no))
        # answers under the old key come in first, for a while
        if _in_flight(state.keys.current):
            state.timers.set(Timer.DRAIN, state.now + state.config.timeouts.drain)

    if isinstance(permanent, PermanentKey):
        config = state.config
        sealed(seal_binding(request, permanent.key, entropy=config.entropy, crypto=config.crypto), state.now)
        return
    # an external key: whoever has it sees nothing but the request
    before = state.now + state.config.timeouts.binding_required
    state.timers.set(Timer.BINDING_REQUIRED, before)
    state.ask(BindingRequired(number=state.asked.next_number(), request=request, answer_before=before), sealed)


def build_again(state: ClientState, slot: Slot) -> None:
    """The binding that was reserved or sent is of no use any more: another id needs another binding."""
    if slot.request is not None:
        slot.session.sent.settle(slot.request.msg_id)
        slot.move(SlotState.UNBOUND)
    state.forget_binding(slot)


def nothing_ran(state: ClientState, slot: Slot, why: str) -> None:
    """The server has not bound the key, so the calls that were sent behind the binding have surely not run.

    Unless they left on an earlier stream, where a first sending of the binding may have had another end.
    """
    if slot.resend:
        return
    slot.refused = True
    for message in slot.session.sent.all():
        slot.session.sent.settle(message.msg_id)
        state.abandon(message.about, True, why)


def binding_forgotten(state: ClientState, slot: Slot) -> None:
    """The server cannot tell whether it took the binding: another one, later each time."""
    wait = _delay(state)
    state.refusals += 1
    build_again(state, slot)
    state.timers.set(Timer.BIND_AGAIN, state.now + wait)


def drained(state: ClientState) -> bool:
    """Whether the binding of the next key may leave: it ends the one before."""
    return Timer.DRAIN not in state.timers or not _in_flight(state.keys.current)


def bind_answered(state: ClientState, slot: Slot, result: bytes | RpcError) -> None:
    """The server's answer to the binding of ``slot``."""
    try:
        error = answer_of(result)
    except SecurityError:
        _refused(state, slot, judge(None, _evidence(state), now=state.now, delay=_delay(state)))
        return
    if error is not None:
        _refused(state, slot, judge(error, _evidence(state), now=state.now, delay=_delay(state)))
        return
    _bound(state, slot)


def _bound(state: ClientState, slot: Slot) -> None:
    """Draws 2 bytes, for the jitter of the renewal."""
    config = state.config
    slot.move(SlotState.BOUND)
    slot.refused = False
    slot.heard = True
    slot.bound_after = max((message.msg_id for message in slot.session.sent.all()), default=0)
    slot.renew_at = renewal_time(slot.expires_at, slot.lifetime, config.renew_ahead, config.entropy)
    state.forget_binding(slot)
    state.refusals = 0
    old = state.keys.swap()
    if old is not None:
        state.timers.set(old, state.now + config.timeouts.drain)
    state.keys.permanent = evolve(state.keys.known, last_bound_at=state.now)
    state.tell(
        KeyBound(
            key_id=slot.id,
            permanent_key_id=state.keys.permanent_id or 0,
            expires_at=slot.expires_at,
            renewal=old is not None,
        )
    )


def _refused(state: ClientState, slot: Slot, verdict: BindVerdict) -> None:
    state.refusals += 1
    build_again(state, slot)
    state.tell(BindRefused(verdict=verdict))
    if verdict.refusal in NOT_BOUND:
        nothing_ran(state, slot, "sent behind a binding that was refused")
    if verdict.next_step is NextStep.BIND_AGAIN:
        state.timers.set(Timer.BIND_AGAIN, verdict.retry_at)
    elif verdict.next_step is NextStep.NEW_TEMPORARY_KEY:
        state.lose(slot, "its key could not be bound")
        state.timers.set(Timer.EXCHANGE_AGAIN, verdict.retry_at)
    else:
        _ask_owner(state, slot, verdict)


def _ask_owner(state: ClientState, slot: Slot, verdict: BindVerdict) -> None:
    """Nothing is given up before the owner of the permanent key has spoken."""
    permanent_id = state.keys.permanent_id or 0

    def answered(word: Verdict, now: float) -> None:
        if word is Verdict.KEEP:
            state.timers.set(Timer.BIND_AGAIN, max(now, verdict.retry_at))
        elif isinstance(state.keys.permanent, PermanentKey):
            state.lose(slot, "its permanent key was replaced")
            # made elsewhere again, where that was its origin
            state.keys.permanent = PendingKey() if isinstance(state.config.permanent_key, PendingKey) else None
        else:
            error = ExchangeRefused("the server does not know the external permanent key, and it cannot be replaced here")
            state.close(ConnectionClosed(error=error))

    question = PermanentKeySuspected(number=state.asked.next_number(), permanent_key_id=permanent_id, verdict=verdict)
    state.ask(question, answered)


def _evidence(state: ClientState) -> BindEvidence:
    created, last = state.keys.known.created_at, state.keys.known.last_bound_at
    return BindEvidence(
        # what lies ahead of our clock was noted by another one, and says nothing
        permanent_key_age=None if created is None or created > state.now else state.now - created,
        since_last_bound=None if last is None or last > state.now else state.now - last,
        clock_certain=state.clock.certain,
        refusals=state.refusals + 1,
    )


def _delay(state: ClientState) -> float:
    """Grows with every refusal in a row; other proofs of life do not count."""
    return Backoff(state.config.retry, failures=state.refusals).failed()


def _in_flight(slot: Slot | None) -> bool:
    """Whether calls under ``slot`` wait for their answers."""
    return slot is not None and any(isinstance(message.about, int) for message in slot.session.sent.all())
