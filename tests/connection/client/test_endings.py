"""What ends a stream, and what it costs: never more than it must."""

from __future__ import annotations

import pytest

from kit.pairs import OTHER_QUERY, bound_pair, keep_calls, make_pair
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    ConnectionClosed,
    KeyBound,
    KeyEnd,
    KeyExpired,
    OutcomeUnknown,
    PermanentKeyCreated,
    Retry,
    Timeouts,
    TransportEnded,
    TransportErrorReceived,
)
from mtproto_bind.testing import Direction, Fault, FaultKind, Network, Pair


def transport_error(pair: Pair, code: int) -> None:
    payload = code.to_bytes(4, "little", signed=True)
    pair.client.receive_data(b"\x04\0\0\0" + payload, pair.client_now)
    pair.run(0.01)


@pytest.mark.parametrize("code", [-404, -444])
def test_charged_to_the_handshake_whose_query_is_out(code: int) -> None:
    pair = make_pair()
    pair.run(0.01)
    transport_error(pair, code)
    [ended] = pair.events(TransportEnded)
    assert isinstance(ended.error, TransportErrorReceived)
    assert ended.error.code == code
    assert pair.client.status.attempts == 1
    pair.run_until(KeyBound)


def test_a_flood_error_costs_only_the_stream() -> None:
    pair = make_pair()
    pair.run(0.01)
    transport_error(pair, -429)
    assert pair.client.status.attempts == 0
    pair.run_until(KeyBound)


def test_wrong_data_centre_closes_where_one_attempt_is_all() -> None:
    from mtproto_bind import DataCenter

    pair = make_pair(client={"retry": Retry(attempts=1), "dc": DataCenter(3)}, server={"dc": DataCenter(2)})
    closed = pair.run_until(ConnectionClosed)
    assert isinstance(closed, ConnectionClosed)
    assert isinstance(closed.error, TransportErrorReceived)
    assert closed.error.code == -444


def test_an_idle_stream_proves_nothing_against_the_key() -> None:
    """Nothing was sent since the last authenticated message: the error is about something else."""
    pair = bound_pair()
    pair.run(120)
    key = pair.client.bound_key().key
    transport_error(pair, -404)
    pair.run(5)
    assert pair.client.bound_key().key == key
    assert not pair.events(KeyExpired)


def test_a_key_that_the_server_lost_is_replaced_and_the_permanent_key_kept() -> None:
    pair = bound_pair()
    pair.run(120)
    first = pair.client.bound_key()
    # the server restarts: temporary keys are gone
    pair.server._keys.clear()
    del pair.owner.keys[first.key.id]
    call = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run_until(KeyBound)
    pair.run(1)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(first.key.id, KeyEnd.UNKNOWN)]
    second = pair.client.bound_key()
    assert second.key != first.key
    assert second.permanent_key_id == first.permanent_key_id
    assert len(pair.events(PermanentKeyCreated)) == 1
    # a transport error is no proof that the call did not run
    [failed] = pair.events(CallFailed)
    assert failed.call_id == call
    assert isinstance(failed.reason, OutcomeUnknown)


def test_a_call_that_may_run_twice_is_repeated_under_the_new_key() -> None:
    pair = bound_pair()
    pair.run(120)
    del pair.owner.keys[pair.client.bound_key().key.id]
    pair.server._keys.clear()
    pair.client.call(OTHER_QUERY, pair.client_now, repeat=True)
    pair.run(20)
    assert len(pair.events(CallAnswered)) == 1


def test_a_fresh_key_is_given_up_only_at_the_second_error() -> None:
    """A key younger than a minute may not have reached every server."""
    pair = bound_pair()
    key = pair.client.bound_key().key
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.02)
    transport_error(pair, -404)
    assert not pair.events(KeyExpired)
    assert len(pair.events(TransportEnded)) == 1
    pair.run(1.03)
    transport_error(pair, -404)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(key.id, KeyEnd.UNKNOWN)]


def test_an_expired_key_is_gone_with_its_calls() -> None:
    pair = bound_pair(client={"temporary_lifetime": 100})
    first = pair.client.bound_key()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    # no renewal is possible: the line is dead until after the end
    pair.cut()
    pair._dial_at = first.expires_at + 5
    pair.run(200)
    assert (first.key.id, KeyEnd.EXPIRED) in [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)]
    assert isinstance(pair.events(CallFailed)[0].reason, OutcomeUnknown)
    assert pair.events(KeyBound)[1].key_id != first.key.id


def test_waits_grow_until_something_proven_comes() -> None:
    cuts = [Fault(direction=Direction.TO_SERVER, index=index, kind=FaultKind.CUT) for index in range(4)]
    pair = make_pair(network=Network(faults=cuts))
    pair.run_until(KeyBound)
    waits = [told.event.retry_at - told.at for told in pair.told if isinstance(told.event, TransportEnded)]
    assert waits == pytest.approx([1, 2, 4, 8], abs=0.2)
    pair.run(1)
    pair.cut()
    pair.run(0.1)
    [*_, last] = [told for told in pair.told if isinstance(told.event, TransportEnded)]
    assert isinstance(last.event, TransportEnded)
    assert last.event.retry_at - last.at == pytest.approx(1, abs=0.2)
    assert last.event.error is None


def test_an_error_is_charged_to_no_key_where_it_may_be_about_two() -> None:
    pair = bound_pair()
    pair.run(120)
    state = pair.client._state
    key_id = pair.client.bound_key().key.id
    state.sealed_since_proof |= {key_id, key_id ^ 1}
    transport_error(pair, -404)
    assert not pair.events(KeyExpired)
    assert len(pair.events(TransportEnded)) == 1
    pair.run(5)
    state.sealed_since_proof.add(key_id)
    transport_error(pair, -404)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(key_id, KeyEnd.UNKNOWN)]


def test_a_renewal_given_up_on_another_stream_has_no_share_in_an_error() -> None:
    pair = bound_pair()
    pair.run(120)
    state = pair.client._state
    key_id = pair.client.bound_key().key.id
    state.plain_unanswered = True
    pair.cut()
    pair.run(5)
    state.sealed_since_proof.add(key_id)
    transport_error(pair, -404)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(key_id, KeyEnd.UNKNOWN)]


def test_a_renewal_whose_query_never_left_has_no_share_in_an_error() -> None:
    """It waited for a sign of life under the key in use, and none came."""
    pair = bound_pair(client={"timeouts": Timeouts(handshake=20)})
    pair.run(120)
    key_id = pair.client.bound_key().key.id
    pair.cut()
    pair.run(0)
    pair.client.renew(pair.client_now)
    pair.run(5, lambda each: each.client.status.stream_open)
    pair.link = None
    pair.run(21)
    assert pair.client.status.attempts == 1
    transport_error(pair, -404)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(key_id, KeyEnd.UNKNOWN)]


def test_a_renewal_that_is_answered_late_has_no_share_in_what_follows() -> None:
    pair = bound_pair(client={"timeouts": Timeouts(handshake=2)})
    pair.network.latency = 1.4
    pair.client.renew(pair.client_now)
    pair.run(2.1)
    assert pair.client.status.attempts == 1
    assert pair.client._state.plain_unanswered
    pair.run(0.8)
    assert not pair.client._state.plain_unanswered
