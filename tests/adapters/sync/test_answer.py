"""Futures that may be cancelled at any moment, and work beside."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, wait
from threading import current_thread
from typing import Any

import pytest

from kit.leftovers import leaving_nothing
from mtproto_bind_adapters.sync.answer import Answer, PendingCall, beside


def test_what_comes_after_cancelling_is_for_nobody() -> None:
    answer: Answer[int] = Answer()
    assert answer.cancel()
    assert answer.cancel()
    answer.set_result(1)
    answer.set_exception(ValueError("late"))
    with pytest.raises(CancelledError):
        answer.result(0)
    # a future of the standard library that nobody has begun would not be done here
    assert wait([answer], 0).done == {answer}


def test_the_first_outcome_counts() -> None:
    answer: Answer[int] = Answer()
    answer.set_result(1)
    answer.set_result(2)
    answer.set_exception(ValueError("late"))
    assert (answer.result(0), answer.exception(0), answer.cancel()) == (1, None, False)


def test_work_keeps_what_comes_of_it() -> None:
    good: Answer[str] = Answer()
    good.work(lambda: "done")
    assert good.result(0) == "done"
    for kind in (ValueError, SystemExit):
        bad: Answer[str] = Answer()
        bad.work(raiser(kind("why")))
        with pytest.raises(kind, match="why"):
            bad.result(0)


def raiser(error: BaseException) -> Any:
    def act() -> None:
        raise error

    return act


def test_a_call_has_no_id_before_it_is_made() -> None:
    assert PendingCall(None).call_id is None


def test_work_beside_is_done_by_another_thread() -> None:
    with leaving_nothing():
        handed_over: Future[Answer[str]] = Future()
        beside(lambda: current_thread().name, handed_over.set_result, "the other")
        assert handed_over.result(10.0).result(0) == "the other"


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    done: list[int] = []
    answer: Answer[None] = Answer()
    answer.cancel()
    answer.work(lambda: done.append(1))
    assert done == []
