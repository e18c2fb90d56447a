"""Where a server's keys live: what answers the questions of its connections."""

from __future__ import annotations

from typing import Any, Protocol

from mtproto_bind import Question

from .memory import MemoryStore

__all__ = ["MemoryStore", "Store"]


class Store(Protocol):
    """Answers every question of a server connection that is not a computation."""

    def answer(self, question: Question[Any], now: float) -> Any:
        """What ``connection.answer(question, ...)`` shall be given; ``UNAVAILABLE`` where the store has failed.

        ``now``: unix seconds.
        """
