"""The questions that are open, of a client or of one server connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import define, field

from .._questions import UNAVAILABLE, Question, Unavailable

__all__ = ["Asked"]

T = TypeVar("T")


@define
class Asked:
    """Open questions, each with what to do once it is answered."""

    _open: dict[int, tuple[Question[Any], Callable[[Any, float], None]]] = field(factory=dict)
    _last: int = 0

    def next_number(self) -> int:
        """The number of the next question."""
        self._last += 1
        return self._last

    def ask(self, question: Question[T], then: Callable[[T, float], None]) -> Question[T]:
        """``question`` is open; its answer and the time of it go to ``then``."""
        self._open[question.number] = (question, then)
        return question

    def withdraw(self, number: int) -> None:
        """The question has lost its point; an answer will be ignored."""
        self._open.pop(number, None)

    def withdraw_kind(self, kind: type[Question[Any]]) -> None:
        """Withdraw every question of this kind."""
        for question in self.questions:
            if isinstance(question, kind):
                self.withdraw(question.number)

    def withdraw_all(self) -> None:
        self._open.clear()

    def answer(self, question: Question[T], value: T | Unavailable, now: float, *, may_fail: bool) -> bool | None:
        """Pass the answer on. None: nobody waits for it. False: the owner's store failed. True: it is done.

        Raises TypeError or ValueError for what is no answer; the question stays open then.
        """
        if self._open.get(question.number, (None, None))[0] is not question:
            return None
        if value is UNAVAILABLE:
            if not may_fail:
                raise TypeError("UNAVAILABLE is an answer to a server's questions only")
            del self._open[question.number]
            return False
        question.check(value)
        _, then = self._open.pop(question.number)
        then(value, now)
        return True

    def open(self, kind: type[Question[Any]]) -> bool:
        """Whether a question of this kind waits for its answer."""
        return any(isinstance(question, kind) for question, _ in self._open.values())

    @property
    def questions(self) -> tuple[Question[Any], ...]:
        """Those that are open, the oldest first."""
        return tuple(question for question, _ in self._open.values())

    def __len__(self) -> int:
        return len(self._open)
