"""Both keys at once: the permanent one is made on a connection of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from mtproto_bind import (
    ClientConfig,
    ClientConnection,
    Event,
    Goal,
    PendingKey,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    Question,
)

from .client import Client, Owner, answered, carried
from .promise import Promise
from .telling import Telling

__all__ = ["Beside", "can_be_parted"]


def can_be_parted(config: ClientConfig) -> bool:
    """Whether two keys are to be made, and bound to each other."""
    return config.goal is Goal.BOUND and (config.permanent_key is None or isinstance(config.permanent_key, PendingKey))


class Beside:
    """Makes permanent keys for :attr:`connection`, which binds them, and whose owner it is.

    ``carry`` makes what drives a connection of the maker. Of its events ``telling`` is told those about the key, before the key
    is used. ``owner`` is asked everything else.
    """

    def __init__(self, config: ClientConfig, carry: Callable[..., Client], telling: Telling, owner: Owner | None) -> None:
        self.connection = ClientConnection(evolve(config, permanent_key=PendingKey()))
        """The one that waits for the key."""
        self._config = evolve(config, permanent_key=None, goal=Goal.PERMANENT_KEY)
        self._carry = carry
        self._telling = telling
        self._owner = owner
        self._key: Promise[PermanentKey] = Promise()
        self._used = False

    async def make(self) -> None:
        """Makes the key. Raises what ended the connection on which it is made."""
        async with carried(self._carry(ClientConnection(self._config), telling=Telling(self._told), owner=None)):
            await self._key

    async def answer_to(self, question: Question[Any]) -> Any:
        """Answers a question of the connection that waits for the key."""
        if not isinstance(question, PermanentKeyRequired):
            return await answered(self._owner, question)
        if self._used:
            # the one before was given up: its owner said so
            self._key, self._used = Promise(), False
            await self.make()
        key = await self._key
        # an answer that comes too late is none, and the key is there for the next question
        self._used = any(one.number == question.number for one in self.connection.open_questions)
        return key

    async def _told(self, event: Event) -> None:
        if isinstance(event, PermanentKeyCreated):
            await self._telling(event)
            self._key.set_result(event.key)
