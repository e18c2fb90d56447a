"""What drives a client connection in a page: it goes on inside the events of its WebSocket, and of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Protocol, TypeVar

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

from ..switchboard import Switchboard
from .clock import WakingClock
from .promise import Promise
from .slices import SlicedWork
from .streams import Streams
from .websocket import WebSocketFailed

__all__ = ["Client", "OnEvent", "OnTrouble", "Owner"]

T = TypeVar("T")
OnEvent = Callable[[Event], Awaitable[None] | None]
"""Is given every event that is no question."""
OnTrouble = Callable[[WebSocketFailed], None]
"""Is told why a WebSocket could not be opened, or was lost; another one follows."""
Owner = Callable[[Question[Any]], Any]
"""Answers the questions that are no computations; a coroutine function, or one that knows the answer at once."""

NAP = 60.0
"""Seconds that a timer waits at most: after a sleep of the machine timers are as late as the sleep was long."""


class Answering(Protocol):
    """A question that is being answered."""

    def cancel(self) -> object:
        """It has lost its point."""


class Client:
    """Carries ``connection`` over one WebSocket to ``url`` after the other.

    Events, questions and bytes are seen to at once, inside the event that brings them; where ``on_event`` has to be awaited, up
    to ``queue_ceiling`` bytes wait for it. ``on_unheard`` is called where the connection ends by an error while nobody waits.
    """

    def __init__(
        self,
        connection: ClientConnection,
        url: str,
        *,
        transport: Transport,
        on_event: OnEvent | None,
        on_trouble: OnTrouble | None,
        owner: Owner | None,
        retry: Retry,
        updates_held: int,
        queue_ceiling: int,
    ) -> None:
        self.connection = connection
        self.now = WakingClock().now
        self.board = Switchboard(updates_held=updates_held)
        self.unheard: Exception | None = None
        """The error that ended the connection while nobody waited for it."""
        self.on_unheard: Callable[[], None] = lambda: None
        self.round_trips = 0
        """Times that something came after something was sent."""
        self._transport = transport
        self._on_event, self._on_trouble, self._owner = on_event, on_trouble, owner
        self._streams = Streams(url, retry=retry, ceiling=queue_ceiling, now=self.now, on_change=self._turn)
        self._loop = asyncio.get_running_loop()
        self._asked = False
        self._busy = False
        self._held: asyncio.Task[None] | None = None
        self._woken: asyncio.Handle | None = None
        self._timer: asyncio.Handle | None = None
        self._rings_at = 0.0
        self._answering: dict[int, Answering] = {}
        self._closing = False
        self._over = False
        self._closed_well = False
        self._done = asyncio.Event()
        self._waiting: set[Promise[Any]] = set()
        self._for_updates: list[Promise[bool]] = []

    # ---- for the link

    async def open(self) -> None:
        """The first WebSocket. Raises :class:`WebSocketFailed`."""
        self._turn()
        await self._streams.first

    async def close(self) -> None:
        """Ends the connection in good order, and waits until nothing is left of it."""
        self._closing = True
        self.connection.close(self.now())
        self.wake()
        await self._done.wait()
        if self._streams.left is not None:
            await self._streams.left.gone()

    def cut(self) -> None:
        """Ends everything, in whatever state it is."""
        self._end(None)
        self._leave()

    def wake(self) -> None:
        """Something is to be done, or may be."""
        if self._woken is None and not self._done.is_set():
            self._woken = self._loop.call_soon(self._turn)

    async def wait_for(self, promise: Promise[T]) -> T:
        """What ``promise`` brings, or what ended the connection."""
        self._waiting.add(promise)
        try:
            return await promise
        finally:
            self._waiting.discard(promise)

    async def wait_for_update(self) -> bool:
        """Until an update has come. False: the connection was closed in good order. Raises what ended it otherwise."""
        if self.board.end is not None:
            if self._closed_well:
                return False
            raise self.board.end
        promise: Promise[bool] = Promise()
        self._for_updates.append(promise)
        try:
            return await self.wait_for(promise)
        finally:
            self._for_updates = [one for one in self._for_updates if one is not promise]

    # ---- what is to be done

    def _turn(self) -> None:
        """Everything that can be done without waiting."""
        if self._woken is not None:
            self._woken.cancel()
            self._woken = None
        if self._busy or self._held is not None or self._done.is_set():
            return
        self._busy = True
        try:
            self._go_on()
        except Exception as error:
            self._end(error)
        finally:
            self._busy = False
        if self._over:
            self._leave()
        else:
            self._set_timer()

    def _go_on(self) -> None:
        streams, connection = self._streams, self.connection
        if not self._closing:
            streams.see_to()
        self._tell_troubles()
        if streams.fresh:
            streams.fresh = False
            connection.transport_opened(self._transport, self.now())
        if data := streams.take():
            self.round_trips += self._asked
            self._asked = False
            connection.receive_data(data, self.now())
        if streams.lost:
            streams.lost = False
            connection.transport_lost(self.now())
        while not self._over and self._held is None and (event := connection.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                self._ask(event)
            else:
                self._tell(event)
        self._withdraw()
        if self._held is None and streams.ready and (due := connection.data_to_send(self.now())):
            self._asked = True
            streams.send(due)

    def _tell_troubles(self) -> None:
        troubles, self._streams.troubles = self._streams.troubles, []
        for error in troubles:
            if self._on_trouble is not None:
                self._on_trouble(error)
        if self._streams.failure is not None:
            raise self._streams.failure

    # ---- time

    def _set_timer(self) -> None:
        """One timer, which is left alone where it rings early enough: JavaScript keeps those that are cancelled."""
        now = self.now()
        times = self._streams.times() if not self._closing else []
        if (deadline := self.connection.next_deadline()) is not None:
            times.append(deadline)
        patience = min(max(min(times, default=now + NAP) - now, 0.0), NAP)
        due = self._loop.time() + patience
        # the handles of Pyodide do not tell when they are due, and its call_at() takes no moment that has just passed
        if self._timer is None or self._rings_at > due:
            self._stop_timer()
            self._timer, self._rings_at = self._loop.call_later(patience, self._ring), due

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self.connection.handle_timeout(self.now())
        self._turn()

    # ---- events and questions

    def _tell(self, event: Event) -> None:
        """Tells an event; where that has to be awaited, everything waits."""
        if isinstance(event, TransportEnded | ConnectionClosed):
            self._hang_up()
        if isinstance(event, TransportEnded):
            self._streams.retry_at = event.retry_at
        telling = None if self._on_event is None else self._on_event(event)
        if isawaitable(telling):
            self._held = self._loop.create_task(self._finish_telling(telling, event))
        else:
            self._take(event)

    async def _finish_telling(self, telling: Awaitable[None], event: Event) -> None:
        try:
            await telling
            self._take(event)
        except Exception as error:
            self._end(error)
        finally:
            self._held = None
        self._turn()

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionClosed):
            self._end(event.error)
            return
        self.board.take(event)
        if isinstance(event, UpdateReceived):
            for waiter in self._for_updates:
                waiter.set_result(True)

    def _ask(self, question: Question[Any]) -> None:
        # on a new stream, questions are asked again that are being answered
        if question.number in self._answering:
            return
        if isinstance(question, Computation):
            self._answering[question.number] = SlicedWork(question, lambda value: self._answer(question, value), self._fail)
            return
        if self._owner is None:
            raise LocalProtocolError(f"{type(question).__name__} is for the owner of the connection to answer: give owner=")
        answer = self._owner(question)
        if isawaitable(answer):
            self._answering[question.number] = self._loop.create_task(self._await_answer(question, answer))
        else:
            self.connection.answer(question, answer, self.now())

    async def _await_answer(self, question: Question[Any], answer: Awaitable[Any]) -> None:
        try:
            self._answer(question, await answer)
        except Exception as error:
            self._fail(error)

    def _answer(self, question: Question[Any], value: Any) -> None:
        self._answering.pop(question.number, None)
        self.connection.answer(question, value, self.now())
        self._turn()

    def _fail(self, error: Exception) -> None:
        """What somebody who was asked has raised."""
        self._end(error)
        self._turn()

    def _withdraw(self) -> None:
        """Nobody goes on answering what has lost its point."""
        still_open = {question.number for question in self.connection.open_questions}
        for number in self._answering.keys() - still_open:
            self._answering.pop(number).cancel()

    # ---- the end

    def _end(self, error: Exception | None) -> None:
        """Nothing follows, for this reason: told once, to all who wait; or kept for the end of the block."""
        self._over = True
        if self.board.end is not None:
            return
        self._streams.first.set_exception(error or LocalProtocolError("the connection is closed"))
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
            self._loop.call_soon(self.on_unheard)

    def _hang_up(self) -> None:
        """The last words; then the end of the WebSocket."""
        self._streams.hang_up(self.connection.data_to_send(self.now()))

    def _leave(self) -> None:
        """Nothing is left open, however it ended."""
        self._stop_timer()
        for answering in self._answering.values():
            answering.cancel()
        self._answering.clear()
        if self._held is not None:
            self._held.cancel()
        self.connection.close(self.now())
        while self.connection.next_event() is not NEED_DATA:
            pass
        self._hang_up()
        self._done.set()
