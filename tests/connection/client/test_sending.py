"""What leaves, when, and in which company."""

from __future__ import annotations

import pytest

from kit.pairs import OTHER_QUERY, Wiretap, bound_pair, keep_calls, make_pair
from mtproto_bind import Binding, BindRequested, CallAnswered, CallFailed, KeyBound, Limits, LocalProtocolError
from mtproto_bind._tl import RpcError
from mtproto_bind.testing import Pair


def tap(pair: Pair) -> Wiretap:
    assert isinstance(pair.network, Wiretap)
    return pair.network


def test_calls_of_one_moment_leave_in_one_container() -> None:
    pair = bound_pair(network=Wiretap())
    tap(pair).frames.clear()
    for _ in range(5):
        pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    first, *_ = tap(pair).take(pair)
    assert first.is_container
    calls = [message for message in first.messages if message.body == OTHER_QUERY]
    assert len(calls) == 5
    assert all(message.seq_no % 2 for message in calls)
    assert first.seq_no % 2 == 0
    assert first.seq_no >= max(message.seq_no for message in first.messages)
    assert first.msg_id > max(message.msg_id for message in first.messages)


def test_a_container_keeps_to_its_ceilings() -> None:
    pair = bound_pair(network=Wiretap(), client={"limits": Limits(outgoing_message=200)})
    tap(pair).frames.clear()
    for size in range(10):
        pair.client.call(OTHER_QUERY + bytes(16 * size), pair.client_now)
    pair.run(1)
    sent = tap(pair).take(pair)
    assert 1 < len(sent) < 10
    assert max(sum(len(each.body) + 16 for each in one.messages) for one in sent) <= 200
    assert len(pair.events(CallAnswered)) == 10


def test_the_queue_has_an_end() -> None:
    pair = make_pair(client={"limits": Limits(waiting_calls=3)})
    for _ in range(3):
        pair.client.call(OTHER_QUERY, pair.client_now)
    with pytest.raises(LocalProtocolError, match="waiting_calls"):
        pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(5)
    assert len(pair.events(CallAnswered)) == 3


def test_calls_wait_from_the_moment_the_next_key_is_ready() -> None:
    pair = bound_pair(network=Wiretap())
    kept = keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    pair.run(5, lambda each: each.client.status.next_key_state == "BINDING")
    tap(pair).frames.clear()
    old = pair.client.bound_key().key.id
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    assert tap(pair).take(pair) == [], "the call waits, and so does the binding"
    assert pair.link is not None
    pair.link.send_result(kept[0], OTHER_QUERY, pair.now)
    pair.run_until(KeyBound)
    pair.run(1)
    assert {each.key_id for each in tap(pair).take(pair) if any(m.body == OTHER_QUERY for m in each.messages)} == {
        pair.client.bound_key().key.id
    }
    assert pair.client.bound_key().key.id != old


def test_pipelined_the_first_call_follows_the_binding_at_once() -> None:
    slow, fast = make_pair(), make_pair(client={"pipeline": True})
    times = []
    for pair in (slow, fast):
        pair.client.call(OTHER_QUERY, pair.client_now)
        began = pair.now
        pair.run(10, lambda each: bool(each.events(CallAnswered)))
        times.append(round((pair.now - began) / 0.1))
    assert times == [8, 7], "round trips: one connection, both handshakes one after the other"


def test_a_server_that_refuses_the_pipelined_call_costs_a_retry() -> None:
    pair = make_pair(client={"pipeline": True})
    answer = pair.owner.answer
    refusals = [Binding.REFUSED]

    def refusing(question: object) -> object:
        return refusals.pop() if isinstance(question, BindRequested) and refusals else answer(question)  # type: ignore[arg-type]

    pair.owner.answer = refusing  # type: ignore[method-assign]  # refuses once
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(20)
    assert len(pair.events(CallAnswered)) == 1
    assert not pair.events(CallFailed)
    assert len(pair.owner.ran) == 1


def test_a_follower_waits_while_its_predecessor_is_out_under_the_old_key() -> None:
    """invokeAfterMsgs names messages of its own session only."""
    pair = bound_pair()
    kept = keep_calls(pair)
    first = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    pair.client.call(OTHER_QUERY, pair.client_now, after=[first])
    beside = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    assert [call.after for call in kept] == [(), ()], "the follower waits, another call does not"
    assert pair.link is not None
    for call in kept[:2]:
        pair.link.send_result(call, OTHER_QUERY, pair.now)
    pair.run(1)
    assert {event.call_id for event in pair.events(CallAnswered)} == {first, beside}
    assert [call.after for call in kept] == [(), (), ()]


def test_who_follows_a_waiting_follower_waits_too() -> None:
    pair = bound_pair()
    kept = keep_calls(pair)
    first = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    second = pair.client.call(OTHER_QUERY, pair.client_now, after=[first])
    third = pair.client.call(OTHER_QUERY, pair.client_now, after=[second])
    pair.run(1)
    assert len(kept) == 1
    assert pair.link is not None
    pair.link.send_result(kept[0], OTHER_QUERY, pair.now)
    pair.run(1)
    assert [len(call.after) for call in kept] == [0, 0, 1]
    for call in kept[1:]:
        pair.link.send_result(call, OTHER_QUERY, pair.now)
    pair.run(1)
    assert [event.call_id for event in pair.events(CallAnswered)] == [first, second, third]


def test_a_pipelined_call_that_is_refused_waits_for_the_binding() -> None:
    """The binding may still be under way at the server's owner: a second try would only be refused again."""
    pair = make_pair(client={"pipeline": True}, network=Wiretap())
    network = tap(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(20, lambda each: bool(network.sealed(each)))
    sent = [message for one in network.take(pair) for message in one.messages if message.body == OTHER_QUERY]
    # the binding and the call do not arrive
    assert network.take_due(float("inf"))
    slot, link = pair.client._state.keys.next, pair.link
    assert slot is not None
    assert link is not None
    session = pair.server.sessions.open(pair.owner.keys[slot.id], slot.session.session_id)
    link._link.attach(session)
    session.answer(sent[0].msg_id, RpcError(error_code=401, error_message=b"AUTH_KEY_PERM_EMPTY").to_bytes())
    pair.run(10)
    assert not pair.events(KeyBound)
    assert [message.body for one in network.take(pair) for message in one.messages].count(OTHER_QUERY) == 0
    pair.run_until(KeyBound)
    pair.run(5)
    assert len(pair.events(CallAnswered)) == 1
    assert not pair.events(CallFailed)
