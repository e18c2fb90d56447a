"""What drives a connection, client or server: it alone asks for events and writes; others say :meth:`Pump.wake`."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from anyio.abc import TaskGroup

from mtproto_bind import NEED_DATA, ClientConnection, Computation, Event, Question, ServerConnection

from ..clock import Clock
from .wire import Wire

__all__ = ["Pump", "one_a_core"]

C = TypeVar("C", ClientConnection, ServerConnection)


def one_a_core() -> CapacityLimiter:
    """As many computations at once as there are cores."""
    return CapacityLimiter(os.cpu_count() or 1)


class Pump(ABC, Generic[C]):
    """Turns of one task: what has arrived goes in, events and questions come out, what is due leaves; then it waits.

    Questions are answered in tasks of their own while traffic goes on, computations in threads of which ``limiter`` lets so many
    run.
    """

    def __init__(self, connection: C, clock: Clock, limiter: CapacityLimiter) -> None:
        self.connection: C = connection
        self.now = clock.now
        self.wire: Wire | None = None
        self.round_trips = 0
        """Times that something came after something was sent."""
        self._asked = False
        self._tasks: TaskGroup
        self._limiter = limiter
        self._woken = anyio.Event()
        self._answering: dict[int, anyio.CancelScope] = {}

    def wake(self) -> None:
        """Something is to be done, or may be."""
        self._woken.set()

    async def turn(self) -> None:
        """Everything that can be done without waiting for the peer."""
        self._woken = anyio.Event()
        if self.wire is not None:
            if data := self.wire.take():
                self.round_trips += self._asked
                self._asked = False
                self.connection.receive_data(data, self.now())
            if self.wire.lost:
                self.connection.transport_lost(self.now())
        while (event := self.connection.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                await self.asked(event)
                self._ask(event)
            else:
                await self.told(event)
        self._withdraw()
        if self.wire is not None and not self.wire.writing and (due := self.connection.data_to_send(self.now())):
            self._asked = True
            self.wire.write(due)
        if self.wire is not None and self.hungry:
            self.wire.read()

    async def pause(self, until: float | None = None) -> None:
        """Waits to be woken, for the machine's next deadline, or for ``until`` (unix seconds)."""
        times = [time for time in (until, self.connection.next_deadline()) if time is not None]
        patience = max(min(times) - self.now(), 0.0) if times else None
        with anyio.move_on_after(patience):
            await self._woken.wait()
        self.connection.handle_timeout(self.now())

    @property
    @abstractmethod
    def hungry(self) -> bool:
        """Whether more may be read."""

    @abstractmethod
    async def told(self, event: Event) -> None:
        """An event that is no question; the connection goes on when this returns."""

    async def asked(self, question: Question[Any]) -> None:
        """A question, before it is answered; it may be one that is asked again on a new stream."""

    @abstractmethod
    async def answer_to(self, question: Question[Any]) -> Any:
        """The answer to a question that is no computation. What it raises ends the task group."""

    def is_open(self, question: Question[Any]) -> bool:
        """Whether an answer still counts."""
        return any(one.number == question.number for one in self.connection.open_questions)

    def _ask(self, question: Question[Any]) -> None:
        # on a new stream, questions are asked again that are being answered; and who was told of one may have ended it all
        if question.number not in self._answering and self.is_open(question):
            scope = self._answering[question.number] = anyio.CancelScope()
            self._tasks.start_soon(self._answer, question, scope)

    async def _answer(self, question: Question[Any], scope: anyio.CancelScope) -> None:
        with scope:
            if isinstance(question, Computation):
                value = await anyio.to_thread.run_sync(question.run, abandon_on_cancel=True, limiter=self._limiter)
            else:
                value = await self.answer_to(question)
            self.connection.answer(question, value, self.now())
        del self._answering[question.number]
        self.wake()

    def _withdraw(self) -> None:
        """Nobody goes on answering what has lost its point."""
        still_open = {question.number for question in self.connection.open_questions}
        for number, scope in self._answering.items():
            if number not in still_open:
                scope.cancel()
