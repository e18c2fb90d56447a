"""How a stream ends for a client, and what that costs."""

from __future__ import annotations

from ..._errors import PeerTimedOut, RemoteProtocolError, Scope, TransportErrorReceived
from ..._events import ConnectionClosed, KeyEnd, TransportEnded
from ..._keys import Backoff, Charge, Circumstances, charge
from .sending import send_ping
from .state import ClientState, Timer

__all__ = ["expire", "renewal_unanswered", "stream_failed", "stream_lost", "timed_out", "transport_error"]


def stream_lost(state: ClientState) -> None:
    """The bytes have ended, and everything that came is read."""
    _end(state, None)


def stream_failed(state: ClientState, error: RemoteProtocolError) -> None:
    """``error`` ends the stream; one of scope EXCHANGE ends the handshake too, and counts as an attempt."""
    if error.scope is Scope.EXCHANGE and state.exchange is not None:
        _exchange_failed(state, error)
    else:
        _end(state, error)


def transport_error(state: ClientState, code: int) -> None:
    """A bare transport error. Nobody has signed it, so it never costs a permanent key."""
    error = TransportErrorReceived(code)
    # an error can be about a key only where nothing left under another
    [key_id] = state.sealed_since_proof if len(state.sealed_since_proof) == 1 else (0,)
    slot = state.keys.find(key_id)
    circumstances = Circumstances(
        handshake_unanswered=state.plain_unanswered or (state.exchange is not None and state.exchange.on_stream),
        sealed_since_proof=slot is not None,
        plain_since_proof=state.plain_since_proof,
        key_age=state.now - slot.made_at if slot is not None else 0.0,
        lost_once=slot is not None and slot.lost_once,
    )
    charged = charge(code, circumstances)
    if charged is Charge.EXCHANGE:
        _exchange_failed(state, error)
        return
    if slot is not None and charged is Charge.TEMPORARY_KEY:
        state.expired(slot, KeyEnd.UNKNOWN, "the server does not know the temporary key", state.now + state.backoff.wait)
    elif slot is not None and code == -404:
        slot.lost_once = True
    _end(state, error)


def timed_out(state: ClientState, waiting_for: str, seconds: float) -> None:
    """The stream is silent where it should not be."""
    _end(state, PeerTimedOut(waiting_for, seconds))


def renewal_unanswered(state: ClientState) -> None:
    """The handshake of a renewal has no answer. The stream carries the key in use, and is worth more: try again later."""
    state.plain_unanswered = state.exchange is not None and state.exchange.on_stream
    state.end_exchange()
    _space(state)


def expire(state: ClientState) -> None:
    """Keys whose time is up, on the server's clock, are gone."""
    for slot in tuple(state.keys.slots()):
        slot.end_doubted = slot.end_doubted and not state.clock.certain
        if slot.end_doubted and not state.ping_out and state.stream is not None:
            send_ping(state, slot)
            state.timers.set(Timer.IDLE, state.now + state.config.timeouts.idle)
        if slot.expires_at <= state.server_time and not slot.end_doubted:
            # a server whose clock makes keys end at once must not keep us making them
            again_at = state.now + state.config.retry.ceiling if slot is state.keys.next else state.now
            if slot is state.keys.next:
                state.timers.set(Timer.EXCHANGE_AGAIN, again_at)
            state.expired(slot, KeyEnd.EXPIRED, "the temporary key has expired", again_at)


def _exchange_failed(state: ClientState, error: RemoteProtocolError) -> None:
    """New nonces on the next stream, unless it was the last attempt."""
    state.end_exchange()
    _space(state)
    attempts = state.config.retry.attempts
    # while a key is in use a renewal may fail as often as it likes
    if attempts is not None and state.attempts >= attempts and state.keys.current is None:
        state.close(ConnectionClosed(error=error))
    else:
        _end(state, error)


def _space(state: ClientState) -> None:
    """Handshakes that fail keep their distance, whatever else goes well meanwhile."""
    wait = Backoff(state.config.retry, failures=state.attempts).failed()
    state.attempts += 1
    state.timers.set(Timer.EXCHANGE_AGAIN, state.now + wait)


def _end(state: ClientState, error: RemoteProtocolError | None) -> None:
    if state.stream is None:
        # arithmetic that was finished between two streams came to a bad end; the owner is about to dial anyway
        return
    retry_at = state.now + state.backoff.failed()
    if state.keys.current is None:
        # the wait for the next stream is the wait for the next handshake
        state.timers.clear(Timer.EXCHANGE_AGAIN)
    state.hang_up()
    state.tell(TransportEnded(error=error, retry_at=retry_at))
