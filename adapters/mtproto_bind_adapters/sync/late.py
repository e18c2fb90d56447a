"""A store that is slow, for a loop that must not wait: it is asked in threads, and its answers come later."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from mtproto_bind import Question

from ..stores import Store

__all__ = ["LATER", "AskedFor", "LateAnswers", "LateStore"]

C = TypeVar("C")

LATER: Any = object()
"""Instead of an answer: it will come."""


class AskedFor(NamedTuple, Generic[C]):
    """A question of a client, and what came of it."""

    client: C
    question: Question[Any]
    outcome: Future[Any]


class LateAnswers(Generic[C]):
    """Asks ``store`` in so many ``threads``, and says ``wake`` from there when it has answered. The loop then takes it."""

    def __init__(self, store: Store, threads: int, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="mtproto-store")
        self._answered: deque[AskedFor[C]] = deque()

    def ask(self, client: C, question: Question[Any], now: float) -> None:
        """Has the store answer; ``now``: unix seconds."""
        outcome = self._threads.submit(self._store.answer, question, now)
        outcome.add_done_callback(partial(self._keep, client, question))

    def take(self) -> AskedFor[C] | None:
        """The next that is answered, None: there is none at present."""
        return self._answered.popleft() if self._answered else None

    def close(self) -> None:
        """Waits for the answers that are being made, and lets the threads go."""
        self._threads.shutdown(cancel_futures=True)

    def _keep(self, client: C, question: Question[Any], outcome: Future[Any]) -> None:
        if not outcome.cancelled():
            self._answered.append(AskedFor(client, question, outcome))
            self._wake()


class LateStore(Generic[C]):
    """The store of one client: every answer comes later. :attr:`client` is to be set before it is asked."""

    client: C

    def __init__(self, answers: LateAnswers[C]) -> None:
        self._answers = answers

    def answer(self, question: Question[Any], now: float) -> Any:
        """See :class:`mtproto_bind_adapters.stores.Store`; :data:`LATER`, always."""
        self._answers.ask(self.client, question, now)
        return LATER
