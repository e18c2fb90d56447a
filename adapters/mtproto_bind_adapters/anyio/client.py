"""What drives a client connection: streams come and go, and many tasks wait for what it brings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import anyio
from anyio.abc import ByteStream

from mtproto_bind import (
    NEED_DATA,
    ClientConnection,
    Computation,
    ConnectionClosed,
    Event,
    LocalProtocolError,
    Question,
    Retry,
    Transport,
    TransportEnded,
    UpdateReceived,
)

from ..clock import Clock
from ..switchboard import Switchboard
from .dialing import Dial
from .fresh import fresh
from .groups import alone, finished
from .promise import Promise
from .pump import Pump, one_a_core
from .telling import Telling
from .wire import FAREWELL, GONE, Wire

__all__ = ["Client", "Owner", "answered", "carried"]

T = TypeVar("T")
Owner = Callable[[Question[Any]], Any]
"""Answers the questions that are no computations; a coroutine function, or one that knows the answer at once."""


class Client(Pump[ClientConnection]):
    """Carries ``connection`` over ``stream``, and then over the streams that ``dial`` opens.

    ``block``: what is cancelled where the connection ends by an error while nobody waits for it.
    """

    def __init__(
        self,
        connection: ClientConnection,
        dial: Dial,
        *,
        transport: Transport | None,
        telling: Telling,
        owner: Owner | None,
        retry: Retry,
        updates_held: int = 1,
        stream: ByteStream | None = None,
    ) -> None:
        super().__init__(connection, Clock(), one_a_core())
        self.board = Switchboard(updates_held=updates_held)
        self.unheard: Exception | None = None
        """The error that ended the connection while nobody waited for it."""
        self.beside: Callable[[], Coroutine[Any, Any, None]] | None = None
        """Runs in a task of its own, from the beginning."""
        self.telling = telling
        self.block = anyio.CancelScope()
        self.scope = anyio.CancelScope(shield=True)
        """To cut everything short."""
        self._dial = dial
        self._transport = transport or Transport()
        self._owner = owner
        self._retry = retry
        self._failed_dials = 0
        self._wait = retry.delay
        self._retry_at = 0.0
        self._dialling = False
        self._dialled = stream
        self._closing = False
        self._over = False
        self._closed_well = False
        self._done = anyio.Event()
        self._waiting: set[Promise[Any]] = set()
        self._for_updates: list[Promise[bool]] = []

    async def run(self) -> None:
        """Until the connection is closed; see :meth:`close`. Raises no ``Exception``: those who wait are told, or ``unheard``."""
        try:
            with alone(), self.scope:
                async with anyio.create_task_group() as self._tasks:
                    await self._carry()
                    self._tasks.cancel_scope.cancel()
        except Exception as error:
            self._end(error)
        finally:
            self._end(None)
            with anyio.CancelScope(shield=True):
                await self._leave()
            self._done.set()

    def begin_to_close(self) -> None:
        """Ends the connection in good order."""
        self._closing = True
        self.connection.close(self.now())
        self.wake()

    async def close(self) -> None:
        """Ends the connection in good order, and waits until nothing is left of it."""
        self.begin_to_close()
        await self._done.wait()

    @property
    def ended(self) -> Exception | None:
        """What to raise to those who come when the connection has ended; None: it has not."""
        if self.board.end is None:
            return None
        return LocalProtocolError(str(self.board.end)) if self._closed_well else fresh(self.board.end)

    async def wait_for(self, promise: Promise[T]) -> T:
        """What ``promise`` brings, or what ended the connection."""
        self._waiting.add(promise)
        try:
            return await promise
        finally:
            self._waiting.discard(promise)

    async def wait_for_update(self) -> bool:
        """Until an update has come. False: the connection was closed in good order. Raises what ended it otherwise."""
        if self._closed_well:
            return False
        if (ended := self.ended) is not None:
            raise ended
        promise: Promise[bool] = Promise()
        self._for_updates.append(promise)
        try:
            return await self.wait_for(promise)
        finally:
            self._for_updates = [one for one in self._for_updates if one is not promise]

    @property
    def hungry(self) -> bool:
        # A peer that writes while we write would wait for us for ever.
        return self.connection.wants_data

    async def told(self, event: Event) -> None:
        if isinstance(event, TransportEnded | ConnectionClosed):
            await self._hang_up()
        if isinstance(event, TransportEnded):
            self._retry_at = event.retry_at
        await self.telling(event)
        if isinstance(event, ConnectionClosed):
            self._over = True
            self._end(event.error)
        else:
            self.board.take(event)
        if isinstance(event, UpdateReceived):
            for waiter in self._for_updates:
                waiter.set_result(True)

    async def asked(self, question: Question[Any]) -> None:
        if not isinstance(question, Computation):
            await self.telling(question)

    async def answer_to(self, question: Question[Any]) -> Any:
        return await answered(self._owner, question)

    async def _carry(self) -> None:
        if self.beside is not None:
            self._tasks.start_soon(self.beside)
        while True:
            if not self._closing:
                self._see_to_a_stream()
            await self.turn()
            if self._over:
                return
            await self.pause(self._retry_at if self.wire is None and not self._dialling else None)

    def _see_to_a_stream(self) -> None:
        """Takes the stream that was dialled, or has one dialled when it is time to."""
        if self._dialled is not None:
            self.connection.transport_opened(self._transport, self.now())
            self.wire, self._dialled = Wire(self._dialled, self._tasks, self.wake), None
        elif self.wire is None and not self._dialling and self._retry_at <= self.now():
            self._dialling = True
            self._tasks.start_soon(self._dial_again)

    async def _dial_again(self) -> None:
        """A stream, or another try later. Raises what dialling raised the last time there was to be."""
        try:
            self._dialled = await self._dial()
            self._failed_dials, self._wait = 0, self._retry.delay
        except GONE:
            self._failed_dials += 1
            if self._failed_dials == self._retry.attempts:
                raise
            self._retry_at = self.now() + self._wait
            self._wait = min(self._wait * 2, self._retry.ceiling)
        self._dialling = False
        self.wake()

    def _end(self, error: Exception | None) -> None:
        """Nothing follows, for this reason: told once, to all who wait; or kept for the end of the block."""
        if self.board.end is not None:
            return
        heard = any(not promise.kept for promise in self._waiting)
        self._closed_well = error is None
        self.board.close(error or LocalProtocolError("the connection is closed"))
        for waiter in self._for_updates:
            if error is None:
                waiter.set_result(False)
            else:
                waiter.set_exception(error)
        if error is not None and not heard:
            self.unheard = error
            self.block.cancel()

    async def _hang_up(self) -> None:
        """The last words, as far as the peer takes them at once; then the end of the stream."""
        wire, self.wire = self.wire, None
        if wire is not None:
            await wire.close(self.connection.data_to_send(self.now()), FAREWELL)

    async def _leave(self) -> None:
        """Nothing is left open, however it ended."""
        self.connection.close(self.now())
        while self.connection.next_event() is not NEED_DATA:
            pass
        await self._hang_up()
        if self._dialled is not None:
            with suppress(*GONE):
                await anyio.aclose_forcefully(self._dialled)


async def answered(owner: Owner | None, question: Question[Any]) -> Any:
    """What ``owner`` answers. Raises ``LocalProtocolError`` where there is none."""
    if owner is None:
        raise LocalProtocolError(f"{type(question).__name__} is for the owner of the connection to answer: give owner=")
    return await finished(owner(question))


@asynccontextmanager
async def carried(client: Client) -> AsyncIterator[None]:
    """``client`` is carried; at the end of the block nothing is left of it. Raises what ended it, if nobody has heard of it."""
    error: Exception | None = None
    with alone():
        async with anyio.create_task_group() as tasks:
            client.block = tasks.cancel_scope
            tasks.start_soon(client.run)
            try:
                yield
            except Exception as raised:
                error = raised
            finally:
                with anyio.move_on_after(FAREWELL, shield=True):
                    await client.close()
                client.scope.cancel()
    if error is None:
        error = client.unheard
    elif client.unheard is not None and error is not client.unheard:
        # a call that has failed does not say why the connection did
        raise error from client.unheard
    if error is not None:
        raise error
