"""One client of a server: its stream, its connection, and who answers it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from anyio import CapacityLimiter
from anyio.abc import ByteStream

from mtproto_bind import NEED_DATA, UNAVAILABLE, ConnectionClosed, Event, Question, ServerConnection, TransportEnded

from ..clock import Clock
from ..stores import Store
from .groups import alone, finished
from .pump import Pump
from .wire import Wire

__all__ = ["OnClientEvent", "Served"]

logger = logging.getLogger("mtproto_bind_adapters.anyio")

OnClientEvent = Callable[[ServerConnection, Event, float], Awaitable[None] | None]
"""Is given every event that is no question, with the connection it came from and the time in unix seconds."""
FAREWELL = 2.0
"""Seconds for the last words, and for the client to close its side.

A stream that is closed while bytes of the client wait to be read is reset, and the reset overtakes the last words.
"""
CUT_SHORT = 1.0
"""The same where the server is cancelled."""


class Served(Pump[ServerConnection]):
    """Carries ``connection`` over ``stream`` to its end. ``turned`` is called after each turn."""

    def __init__(
        self,
        connection: ServerConnection,
        clock: Clock,
        limiter: CapacityLimiter,
        *,
        store: Store,
        on_event: OnClientEvent,
        turned: Callable[[], None],
    ) -> None:
        super().__init__(connection, clock, limiter)
        self._store = store
        self._on_event = on_event
        self._turned = turned
        self._over = False

    async def run(self, stream: ByteStream) -> None:
        """Until client or machine end the stream. Raises no ``Exception``: what goes wrong with a client is its own affair.

        Where it is cancelled, results and acknowledgements that are due are written all the same, if the client takes them in
        ``CUT_SHORT`` seconds.
        """
        try:
            with alone():
                async with anyio.create_task_group() as self._tasks:
                    self.wire = wire = Wire(stream, self._tasks, self.wake, shield=True)
                    try:
                        await self._carry()
                        await wire.close(self.connection.data_to_send(self.now()), FAREWELL, half=not wire.lost)
                    except anyio.get_cancelled_exc_class():
                        await self._leave_words(wire)
                        raise
                    finally:
                        self._let_go()
                        await wire.close(b"", 0.0)
                        self._tasks.cancel_scope.cancel()
        except Exception:
            logger.exception("a client is dropped: the owner's code failed")

    @property
    def hungry(self) -> bool:
        # A client that does not take its answers is asked for no more questions.
        return self.connection.wants_data and self.wire is not None and not self.wire.writing

    async def told(self, event: Event) -> None:
        self._over = self._over or isinstance(event, TransportEnded | ConnectionClosed)
        await finished(self._on_event(self.connection, event, self.now()))

    async def answer_to(self, question: Question[Any]) -> Any:
        try:
            return await finished(self._store.answer(question, self.now()))
        except Exception:
            logger.exception("a client is dropped: the store failed")
            return UNAVAILABLE

    async def _carry(self) -> None:
        while True:
            await self.turn()
            self._turned()
            if self._over:
                return
            await self.pause()

    async def _leave_words(self, wire: Wire) -> None:
        """What is due, though whoever serves was cancelled."""
        self._let_go()
        words = self.connection.data_to_send(self.now())
        if words or wire.writing:
            with anyio.CancelScope(shield=True):
                await wire.close(words, CUT_SHORT, half=not wire.lost)

    def _let_go(self) -> None:
        """Sessions are free for another stream, however this one ended."""
        self.connection.close(self.now())
        while self.connection.next_event() is not NEED_DATA:
            pass
