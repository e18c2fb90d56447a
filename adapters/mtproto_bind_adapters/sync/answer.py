"""What a caller waits for while another thread works on it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Thread
from typing import TypeVar

from mtproto_bind import CallId

__all__ = ["Answer", "PendingCall", "beside"]

T = TypeVar("T")


class Answer(Future[T]):
    """A future whose owner may cancel it at any moment: what comes later is for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.add_done_callback(tell_of_cancelling)

    def set_result(self, value: T) -> None:
        """The value is there."""
        with suppress(InvalidStateError):
            super().set_result(value)

    def set_exception(self, error: BaseException | None) -> None:
        """There will be no value."""
        with suppress(InvalidStateError):
            super().set_exception(error)

    def work(self, action: Callable[[], T]) -> None:
        """Does ``action`` here and now, and takes what comes of it. Where nobody waits any more, it does nothing."""
        if self.cancelled():
            return
        try:
            self.set_result(action())
        except BaseException as error:
            self.set_exception(error)


class PendingCall(Answer[bytes]):
    """The answer of a call of ``link``, and the call itself once it is made."""

    call_id: CallId | None = None
    begun = False
    """It is being made. Set before it is looked whether it was cancelled: one that was cancelled and has not begun never will."""

    def __init__(self, link: object) -> None:
        super().__init__()
        self.link = link


def beside(action: Callable[[], T], then: Callable[[Answer[T]], object], name: str) -> None:
    """Does ``action`` in a thread of its own, which calls ``then`` with what came of it."""

    def run() -> None:
        outcome: Answer[T] = Answer()
        outcome.work(action)
        then(outcome)

    Thread(target=run, name=name, daemon=True).start()


def tell_of_cancelling(future: Future[T]) -> None:
    """``concurrent.futures.wait`` takes a cancelled future for done only after this."""
    if future.cancelled():
        future.set_running_or_notify_cancel()
