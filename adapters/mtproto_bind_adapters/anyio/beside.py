"""Both keys at once: the permanent one is made on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from attrs import evolve

from mtproto_bind import (
    ClientConfig,
    ClientConnection,
    Event,
    Goal,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    Question,
)

from .client import Client, OnEvent, Owner, answered, carried
from .groups import finished
from .promise import Promise

__all__ = ["Beside", "one_at_a_time"]


class Beside:
    """Makes permanent keys for a connection that has a ``PendingKey``, whose owner it is.

    ``carry`` makes what drives a connection of the maker. Of its events ``on_event`` is told those about the key, and awaited
    before the key is used. ``owner`` is asked everything else.
    """

    def __init__(self, config: ClientConfig, carry: Callable[..., Client], on_event: OnEvent, owner: Owner | None) -> None:
        self._config = evolve(config, goal=Goal.PERMANENT_KEY)
        self._carry = carry
        self._on_event = on_event
        self._owner = owner
        self._key: Promise[PermanentKey] = Promise()
        self._used = False

    async def make(self) -> None:
        """Makes the key. Raises what ended the connection on which it is made."""
        async with carried(self._carry(ClientConnection(self._config), on_event=self._told, owner=None)):
            await self._key

    async def answer_to(self, question: Question[Any]) -> Any:
        """Answers a question of the connection that waits for the key."""
        if not isinstance(question, PermanentKeyRequired):
            return await answered(self._owner, question)
        if self._used:
            # the one before was given up: its owner said so
            self._key = Promise()
            await self.make()
        key = await self._key
        self._used = True
        return key

    async def _told(self, event: Event) -> None:
        if isinstance(event, PermanentKeyCreated):
            await finished(self._on_event(event))
            self._key.set_result(event.key)


def one_at_a_time(on_event: OnEvent | None) -> OnEvent:
    """For two connections that tell their events to the same owner."""
    lock = anyio.Lock()

    async def tell(event: Event) -> None:
        if on_event is not None:
            async with lock:
                await finished(on_event(event))

    return tell
