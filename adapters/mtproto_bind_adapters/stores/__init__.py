"""Where a server's keys live: what answers the questions of its connections.

``MemoryStore`` forgets everything when the process ends. ``SqliteStore`` is a file, for one process. ``stores.redis.RedisStore``
is for a fleet of them (``pip install 'mtproto-bind[redis]'``). ``stores.threads.InThread`` asks any of them in worker threads.
"""

from __future__ import annotations

from typing import Any, Protocol

from mtproto_bind import Question

from .memory import MemoryStore
from .outage import StoreError
from .sqlite import PastBinding, SqliteStore

__all__ = ["MemoryStore", "PastBinding", "SqliteStore", "Store", "StoreError"]


class Store(Protocol):
    """Answers every question of a server connection that is not a computation."""

    def answer(self, question: Question[Any], now: float) -> Any:
        """What ``connection.answer(question, ...)`` shall be given; ``UNAVAILABLE`` where the store has failed.

        ``now``: unix seconds.
        """
