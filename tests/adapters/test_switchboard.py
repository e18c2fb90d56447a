"""Those who wait are told once, and the right thing."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

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
    MalformedMessage,
    OutcomeUnknown,
    PeerTimedOut,
    SessionReset,
    TransportErrorReceived,
    UnexpectedMessage,
    UpdateReceived,
)
from mtproto_bind_adapters.switchboard import CallUnanswered, Switchboard, fresh

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
    told = [one.exception(0) for one in (call, binding, waiting_for_binding(board))]
    assert {type(one) for one in told} == {PeerTimedOut if error else LocalProtocolError}
    # the end comes once
    board.close(ValueError("another"))
    assert {str(one) for one in told} == {str(board.end)}
    assert board.bound is None
    # and is raised by several threads: each has its own
    assert len({id(one) for one in (*told, board.end)}) == 4
    assert all(one is not None and one.__cause__ is board.end for one in told)


def test_whoever_is_forgotten_is_told_nothing() -> None:
    board = Switchboard()
    call, binding, other = waiting_call(board, 1), waiting_for_binding(board), waiting_for_binding(board)
    board.forget(call)
    board.forget(binding)
    board.take(CallAnswered(call_id=CallId(1), body=b"one"))
    board.take(BOUND)
    assert (call.done(), binding.done(), other.result(0)) == (False, False, BOUND)
    # said again, or too late
    board.forget(call)
    board.forget(other)
    board.close(ValueError("the end"))
    assert (call.done(), binding.done()) == (False, False)


class Unsearched(dict[Any, Any]):
    """A table in which nobody looks for anything but by its key."""

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("all of it is looked at, to forget one")

    items = values = __iter__  # type: ignore[assignment]


def test_many_are_forgotten_without_looking_at_all_the_others() -> None:
    board = Switchboard()
    board._calls, board._call_of, board._for_binding = Unsearched(), Unsearched(), Unsearched()
    waiting = [waiting_call(board, number) for number in range(3)]
    binding = waiting_for_binding(board)
    for waiter in waiting[1:]:
        board.forget(waiter)
    board.forget(binding)
    assert (len(board._calls), len(board._call_of), len(board._for_binding)) == (1, 1, 0)
    board.take(CallAnswered(call_id=CallId(1), body=b"nobody"))
    board.take(CallAnswered(call_id=CallId(0), body=b"first"))
    assert waiting[0].result(0) == b"first"


def test_of_too_many_updates_the_oldest_make_room_and_are_counted() -> None:
    board = Switchboard(updates_held=2)
    for number in range(5):
        board.take(UpdateReceived(body=bytes([number])))
    board.take(SessionReset(session_id=1))
    assert list(board.updates) == [b"\3", b"\4"]
    assert board.updates_missed == 3


class OfTheUser(OSError):
    """Takes other arguments than it hands on."""

    def __init__(self, url: str, *, port: int) -> None:
        super().__init__(f"{url} and {port}")
        self.url = url


class Uncopied(OSError):
    """Neither its state nor its arguments say what it is."""

    def __init__(self, path: str, *, code: int) -> None:
        super().__init__(code, "no such thing", path)


@pytest.mark.parametrize(
    "error",
    [
        LocalProtocolError("the link is closed"),
        PeerTimedOut("pong", 60.0),
        MalformedMessage("bytes", 7),
        UnexpectedMessage(("resPQ",), "pong"),
        TransportErrorReceived(-404),
        ConnectionRefusedError(111, "Connection refused"),
        FileNotFoundError(2, "No such file", "config"),
        socket.gaierror(socket.EAI_NONAME, "name or service not known"),
        ssl.SSLError(1, "[SSL] what it says"),
        UnicodeDecodeError("ascii", b"\xff", 0, 1, "not in range"),
        ExceptionGroup("several", [ValueError("one")]),
        OfTheUser("wss://here", port=1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_that_is_raised_for_several_is_copied(error: Exception) -> None:
    made = fresh(error)
    assert made is not error
    assert type(made) is type(error)
    assert (str(made), made.args, vars(made)) == (str(error), error.args, vars(error))
    assert getattr(made, "errno", None) == getattr(error, "errno", None)
    assert made.__cause__ is error
    assert made.__traceback__ is None


def test_an_exception_that_cannot_be_copied_keeps_no_traceback() -> None:
    with pytest.raises(Uncopied) as raised:
        raise Uncopied("config", code=2)
    assert fresh(raised.value) is raised.value
    assert raised.value.__traceback__ is None
