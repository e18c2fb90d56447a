"""Answers to calls: results, errors, and errors that say something about the key or about us."""

from __future__ import annotations

import pytest

from kit.pairs import OTHER_QUERY, bound_pair, keep_calls
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallId,
    CallReceived,
    InitConnection,
    KeyBound,
    KeyEnd,
    KeyExpired,
    RpcError,
)
from mtproto_bind._tl import GzipPacked, pack
from mtproto_bind.testing import Pair


def called(**client: object) -> tuple[Pair, list[CallReceived], CallId]:
    """A bound pair, the calls that its owner keeps, and the first of them under way."""
    pair = bound_pair(client=client)
    kept = keep_calls(pair)
    call = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    return pair, kept, call


def fail(pair: Pair, call: CallReceived, code: int, message: str) -> None:
    assert pair.link is not None
    pair.link.send_error(call, code, message, pair.now)
    pair.run(1)


def succeed(pair: Pair, call: CallReceived, body: bytes) -> None:
    assert pair.link is not None
    pair.link.send_result(call, body, pair.now)
    pair.run(1)


def test_a_packed_result_is_unpacked() -> None:
    pair, kept, call = called()
    succeed(pair, kept[0], GzipPacked(packed_data=pack(OTHER_QUERY * 100)).to_bytes())
    assert pair.events(CallAnswered) == [CallAnswered(call_id=call, body=OTHER_QUERY * 100)]


def test_an_error_of_the_server_ends_the_call() -> None:
    pair, kept, call = called()
    fail(pair, kept[0], 400, "PHONE_NUMBER_INVALID")
    assert pair.events(CallFailed) == [CallFailed(call_id=call, reason=RpcError(400, "PHONE_NUMBER_INVALID"))]


def test_a_call_that_waited_in_vain_leaves_again_behind_the_one_it_follows() -> None:
    """The first was refused for who calls and goes out again, so the second has to as well."""
    pair, kept, first = called(api=InitConnection(layer=99, api_id=1))
    second = pair.client.call(OTHER_QUERY, pair.client_now, after=[first])
    pair.run(1)
    fail(pair, kept[0], 400, "CONNECTION_NOT_INITED")
    fail(pair, kept[1], 400, "MSG_WAIT_FAILED")
    assert not pair.events(CallFailed)
    again, then = kept[2:]
    assert (again.after, then.after) == ((), (again.msg_id,))
    succeed(pair, again, OTHER_QUERY)
    succeed(pair, then, OTHER_QUERY)
    assert [event.call_id for event in pair.events(CallAnswered)] == [first, second]


def test_a_call_that_follows_a_failure_fails() -> None:
    pair, kept, first = called()
    second = pair.client.call(OTHER_QUERY, pair.client_now, after=[first])
    pair.run(1)
    fail(pair, kept[0], 400, "PHONE_NUMBER_INVALID")
    fail(pair, kept[1], 400, "MSG_WAIT_FAILED")
    assert pair.events(CallFailed)[1:] == [CallFailed(call_id=second, reason=RpcError(400, "MSG_WAIT_FAILED"))]


@pytest.mark.parametrize("name", ["CONNECTION_NOT_INITED", "CONNECTION_LAYER_INVALID"])
def test_a_forgotten_introduction_is_made_again(name: str) -> None:
    pair, kept, _ = called(api=InitConnection(layer=99, api_id=1))
    succeed(pair, kept[0], OTHER_QUERY)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    fail(pair, kept[1], 400, name)
    assert [call.layer for call in kept] == [99, None, 99]
    succeed(pair, kept[2], OTHER_QUERY)
    assert len(pair.events(CallAnswered)) == 2


def test_without_an_introduction_such_an_error_is_the_callers() -> None:
    pair, kept, _ = called()
    fail(pair, kept[0], 400, "CONNECTION_NOT_INITED")
    assert len(pair.events(CallFailed)) == 1


def test_a_key_that_is_not_bound_any_more_is_replaced() -> None:
    """401 AUTH_KEY_PERM_EMPTY: the call has surely not run, and goes out again under the next key."""
    pair, kept, _ = called()
    first = pair.client.bound_key()
    assert pair.link is not None
    pair.link.send_error(kept[0], 401, "AUTH_KEY_PERM_EMPTY", pair.now)
    pair.run_until(KeyBound)
    pair.run(1)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(first.key.id, KeyEnd.NOT_BOUND)]
    assert len(kept) == 2
    assert kept[1].key_id != first.key.id
    assert not pair.events(CallFailed)


def test_another_401_says_nothing_about_the_key() -> None:
    pair, kept, _ = called()
    first = pair.client.bound_key()
    fail(pair, kept[0], 401, "AUTH_KEY_UNREGISTERED")
    assert pair.client.bound_key().key == first.key
    assert len(pair.events(CallFailed)) == 1


def test_an_answer_to_a_cancelled_call_is_acknowledged_and_forgotten() -> None:
    pair, kept, call = called()
    pair.client.cancel(call, pair.client_now)
    succeed(pair, kept[0], OTHER_QUERY)
    pair.run(15)
    assert not pair.events(CallAnswered)
    assert pair.client.status.dropped == {}
