"""A store that is asked in worker threads, for servers that await their answers: on asyncio and on trio."""

from __future__ import annotations

from typing import Any

from mtproto_bind import Question

from ..extras import needs
from . import Store

with needs("anyio"):
    from anyio import CapacityLimiter, to_thread

__all__ = ["InThread"]


class InThread:
    """Asks ``store`` in a worker thread, so that a disk or a network that is slow holds up nobody else.

    ``threads``: questions asked at once; more than one is for stores that may be asked by several threads, as ``RedisStore`` may.
    A task that is cancelled meanwhile ends once the store has answered, so that no answer comes when nobody expects it.
    """

    def __init__(self, store: Store, *, threads: int = 1) -> None:
        self.store = store
        self._threads = threads
        self._limiter: CapacityLimiter | None = None

    async def answer(self, question: Question[Any], now: float) -> Any:
        """See :class:`mtproto_bind_adapters.stores.Store`."""
        if self._limiter is None:
            # it belongs to the event loop that is running now
            self._limiter = CapacityLimiter(self._threads)
        return await to_thread.run_sync(self.store.answer, question, now, limiter=self._limiter)
