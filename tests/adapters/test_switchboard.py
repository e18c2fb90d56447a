"""Those who wait are told once, and the right thing."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallId,
    ConnectionClosed,
    KeyBound,
    KeyEnd,
    KeyExpired,
    KeyVerdict,
    LocalProtocolError,
    OutcomeUnknown,
    PeerTimedOut,
    SessionReset,
    UpdateReceived,
)
from mtproto_bind_adapters.switchboard import CallUnanswered, Switchboard

BOUND = KeyBound(key_id=1, permanent_key_id=2, expires_at=3)
RENEWED = KeyBound(key_id=4, permanent_key_id=2, expires_at=5, renewal=True)
VERDICT = KeyVerdict(end=KeyEnd.EXPIRED, why="its time is up", key_age=1.0, clock_certain=True, retry_at=0.0)


def waiting_call(board: Switchboard, number: int) -> Future[bytes]:
    future: Future[bytes] = Future()
    board.await_answer(CallId(number), future)
    return future


def waiting_for_binding(board: Switchboard) -> Future[KeyBound]:
    future: Future[KeyBound] = Future()
    board.await_binding(future)
    return future


def test_an_answer_goes_to_the_call_that_it_belongs_to() -> None:
    board = Switchboard()
    first, second = waiting_call(board, 1), waiting_call(board, 2)
    board.take(CallAnswered(call_id=CallId(2), body=b"two"))
    assert (first.done(), second.result(0)) == (False, b"two")
    # told again, and for a call that nobody waits for
    board.take(CallAnswered(call_id=CallId(2), body=b"three"))
    board.take(CallFailed(call_id=CallId(3), reason=OutcomeUnknown("the key is lost")))
    assert (first.done(), second.result(0)) == (False, b"two")


def test_a_call_that_fails_says_how() -> None:
    board = Switchboard()
    call = waiting_call(board, 1)
    board.take(CallFailed(call_id=CallId(1), reason=OutcomeUnknown("the key is lost")))
    with pytest.raises(CallUnanswered, match="the key is lost") as failed:
        call.result(0)
    assert failed.value.reason == OutcomeUnknown("the key is lost")


def test_everybody_who_waits_for_the_binding_is_told_and_whoever_comes_later_at_once() -> None:
    board = Switchboard()
    early = [waiting_for_binding(board), waiting_for_binding(board)]
    board.take(BOUND)
    assert [one.result(0) for one in early] == [BOUND, BOUND]
    assert waiting_for_binding(board).result(0) == BOUND
    board.take(RENEWED)
    assert board.bound == RENEWED


def test_a_key_that_ends_is_bound_no_more_unless_another_one_is() -> None:
    board = Switchboard()
    board.take(KeyExpired(key_id=1, verdict=VERDICT))
    board.take(BOUND)
    board.take(KeyExpired(key_id=9, verdict=VERDICT))
    assert board.bound == BOUND
    board.take(KeyExpired(key_id=1, verdict=VERDICT))
    assert board.bound is None
    assert not waiting_for_binding(board).done()


@pytest.mark.parametrize("error", [None, PeerTimedOut("pong", 60.0)])
def test_the_end_is_told_to_all_who_wait_and_to_whoever_comes_later(error: PeerTimedOut | None) -> None:
    board = Switchboard()
    call, binding = waiting_call(board, 1), waiting_for_binding(board)
    board.take(ConnectionClosed(error=error))
    for one in (call, binding, waiting_for_binding(board)):
        assert isinstance(one.exception(0), PeerTimedOut if error else LocalProtocolError)
    # the end comes once
    board.close(ValueError("another"))
    assert board.end is call.exception(0)
    assert board.bound is None


def test_whoever_is_forgotten_is_told_nothing() -> None:
    board = Switchboard()
    call, binding, other = waiting_call(board, 1), waiting_for_binding(board), waiting_for_binding(board)
    board.forget(call)
    board.forget(binding)
    board.take(CallAnswered(call_id=CallId(1), body=b"one"))
    board.take(BOUND)
    assert (call.done(), binding.done(), other.result(0)) == (False, False, BOUND)


def test_of_too_many_updates_the_oldest_make_room_and_are_counted() -> None:
    board = Switchboard(updates_held=2)
    for number in range(5):
        board.take(UpdateReceived(body=bytes([number])))
    board.take(SessionReset(session_id=1))
    assert list(board.updates) == [b"\3", b"\4"]
    assert board.updates_missed == 3
