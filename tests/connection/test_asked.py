"""Open questions: each is answered once, wrongly never, and late not at all."""

from __future__ import annotations

from typing import Any

import pytest

from mtproto_bind import UNAVAILABLE, KeyNeeded, Stored
from mtproto_bind._connection.asked import Asked
from mtproto_bind._questions import KeyOffered


def ask(asked: Asked, key_id: int, heard: list[Any]) -> KeyNeeded:
    question = KeyNeeded(number=asked.next_number(), key_id=key_id)
    return asked.ask(question, lambda value, now: heard.append((key_id, value, now)))


def test_an_answer_is_passed_on_once() -> None:
    asked, heard = Asked(), []
    first, second = ask(asked, 1, heard), ask(asked, 2, heard)
    assert (first.number, second.number, asked.next_number()) == (1, 2, 3)
    assert asked.questions == (first, second)
    assert asked.answer(first, None, 5.0, may_fail=True) is True
    assert asked.answer(first, None, 6.0, may_fail=True) is None
    assert heard == [(1, None, 5.0)]
    assert asked.questions == (second,)
    assert len(asked) == 1


def test_another_question_of_the_same_number_is_a_stranger() -> None:
    asked, heard = Asked(), []
    ask(asked, 1, heard)
    assert asked.answer(KeyNeeded(number=1, key_id=1), None, 5.0, may_fail=True) is None
    assert heard == []


def test_a_wrong_answer_leaves_the_question_open() -> None:
    asked, heard = Asked(), []
    question = ask(asked, 1, heard)
    with pytest.raises(TypeError, match="StoredKey"):
        asked.answer(question, Stored.KEPT, 5.0, may_fail=True)  # type: ignore[misc, arg-type]  # wrong on purpose
    assert asked.questions == (question,)


def test_a_store_may_fail_but_arithmetic_may_not() -> None:
    asked, heard = Asked(), []
    question = ask(asked, 1, heard)
    with pytest.raises(TypeError, match="server's questions"):
        asked.answer(question, UNAVAILABLE, 5.0, may_fail=False)
    assert asked.questions == (question,)
    assert asked.answer(question, UNAVAILABLE, 5.0, may_fail=True) is False
    assert asked.questions == ()
    assert heard == []


def test_what_is_withdrawn_is_not_answered() -> None:
    asked, heard = Asked(), []
    first, second = ask(asked, 1, heard), ask(asked, 2, heard)
    assert asked.open(KeyNeeded)
    assert not asked.open(KeyOffered)
    asked.withdraw(first.number)
    asked.withdraw(99)
    assert asked.questions == (second,)
    asked.withdraw_kind(KeyOffered)
    assert asked.questions == (second,)
    asked.withdraw_kind(KeyNeeded)
    assert asked.questions == ()
    third = ask(asked, 3, heard)
    asked.withdraw_all()
    for question in (first, second, third):
        assert asked.answer(question, None, 5.0, may_fail=True) is None
    assert heard == []
