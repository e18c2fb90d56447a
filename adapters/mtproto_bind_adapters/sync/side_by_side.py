"""Both keys at the same time: a second connection makes the permanent key while the first makes the temporary one.

https://core.telegram.org/api/pfs allows that on different connections only.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import evolve

from mtproto_bind import (
    ClientConfig,
    ClientConnection,
    Event,
    Goal,
    PendingKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    Question,
    Retry,
    Transport,
)

from .pump import Dial, OnEvent, Owner, Pump
from .streams import ByteStream

__all__ = ["PairOfPumps", "can_be_parted"]

PATIENCE = 5.0
"""Seconds for the second connection to end with the first."""


def can_be_parted(config: ClientConfig) -> bool:
    """Whether two keys are to be made, and bound to each other."""
    return config.goal is Goal.BOUND and (config.permanent_key is None or isinstance(config.permanent_key, PendingKey))


class KeyMaker(Pump):
    """Makes a permanent key and ends. Its thread calls ``then`` with what has become of it: the key, or why there is none."""

    def __init__(
        self,
        config: ClientConfig,
        dial: Dial,
        transport: Transport | None,
        retry: Retry,
        then: Callable[[PermanentKeyCreated | Exception | None], object],
    ) -> None:
        connection = ClientConnection(evolve(config, permanent_key=None, goal=Goal.PERMANENT_KEY))
        super().__init__(connection, dial, transport, retry=retry, on_event=self._heard)
        self._then = then
        self._made: PermanentKeyCreated | None = None

    def _heard(self, event: Event) -> None:
        if isinstance(event, PermanentKeyCreated):
            self._made = event
            self.stop()

    def leave(self) -> None:
        try:
            super().leave()
        finally:
            self._then(self._made or self.board.end)


class PairOfPumps(Pump):
    """A pump for a connection whose permanent key comes from another one beside it: each time that it needs a new one."""

    def __init__(
        self,
        config: ClientConfig,
        dial: Dial,
        transport: Transport | None,
        *,
        retry: Retry,
        on_event: OnEvent,
        owner: Owner | None = None,
        updates_held: int = 1000,
    ) -> None:
        connection = ClientConnection(evolve(config, permanent_key=PendingKey()))
        super().__init__(connection, dial, transport, retry=retry, on_event=on_event, owner=owner, updates_held=updates_held)
        self._new_maker = partial(KeyMaker, config, dial, transport, retry, partial(self.hand_over, self._key_comes))
        self._maker = self._new_maker()
        self._used = False
        """The key that was made last was handed over."""
        self._made: PermanentKeyCreated | None = None
        self._question: PermanentKeyRequired | None = None

    def start(self, stream: ByteStream | None = None) -> None:
        super().start(stream)
        try:
            self._maker.start()
        except RuntimeError:
            self.close(PATIENCE)
            raise

    def ask(self, question: Question[Any]) -> None:
        if isinstance(question, PermanentKeyRequired):
            self._question = question
            if self._used:
                # the one before was given up: its owner said so
                self._used, self._made = False, None
                self._maker = self._new_maker()
                self._maker.start()
            self._answer()
        else:
            super().ask(question)

    def leave(self) -> None:
        # a key has no use any more, nor has the reason why there is none
        self.over = True
        try:
            with suppress(TimeoutError):
                self._maker.close(PATIENCE)
        finally:
            super().leave()

    def _key_comes(self, outcome: PermanentKeyCreated | Exception | None) -> None:
        """The other connection has ended. Without a key this one has no use any more."""
        if self.over:
            return
        if not isinstance(outcome, PermanentKeyCreated):
            raise outcome or self.closed
        self._made = outcome
        # so that it can be saved before it is used
        self.on_event(outcome)
        self._answer()

    def _answer(self) -> None:
        if self._question is not None and self._made is not None and self.is_open(self._question):
            self.connection.answer(self._question, self._made.key, self.drive.now())
            self._used = True
