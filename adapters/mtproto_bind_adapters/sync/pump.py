"""The thread of a link: it alone touches the connection and its streams."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from functools import partial
from threading import Condition, Thread, current_thread
from typing import Any

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
    UpdateReceived,
)

from ..switchboard import Switchboard
from .answer import Answer, beside
from .drive import Drive
from .mailbox import Mailbox
from .streams import ByteStream

__all__ = ["Dial", "OnEvent", "Owner", "Pump"]

Dial = Callable[[], ByteStream]
OnEvent = Callable[[Event], object]
Owner = Callable[[Question[Any]], Any]

GRACE = 3.0
"""Seconds that a link has to end by itself, before its stream is shut down under it."""

logger = logging.getLogger("mtproto_bind_adapters.sync")


class Pump:
    """Carries ``connection`` until :meth:`stop`, or until something ends it.

    Of what is here, only :attr:`mailbox`, :meth:`stop` and :meth:`close` are for other threads, and :attr:`board` once
    :attr:`mailbox` lets nothing more in. ``dial`` and ``owner`` are called in threads of their own, everything else in the one.
    """

    def __init__(
        self,
        connection: ClientConnection,
        dial: Dial,
        transport: Transport | None,
        *,
        retry: Retry,
        on_event: OnEvent,
        owner: Owner | None = None,
        updates_held: int = 1000,
    ) -> None:
        self.connection = connection
        self.board = Switchboard(updates_held=updates_held)
        self.mailbox = Mailbox()
        self.drive = Drive(connection, transport, woken=self.mailbox)
        self.news = Condition()
        """Held while an update is put down or taken up; told of both updates and the end."""
        self.closed = LocalProtocolError("the link is closed: connect again")
        """What the board says at an end that was wished for."""
        self.over = False
        self._dial = dial
        self._retry = retry
        self.on_event = on_event
        self._owner = owner
        self._dialling = False
        self._failures = 0
        self._computing: dict[int, tuple[Question[Any], Generator[None, None, Any]]] = {}
        self._asked: set[int] = set()
        self._thread = Thread(target=self._run, name="mtproto-link", daemon=True)
        self._first: ByteStream | None = None

    @property
    def is_current(self) -> bool:
        """Whether the thread that asks is the one of the link."""
        return current_thread() is self._thread

    # ---- for other threads

    def start(self, stream: ByteStream | None = None) -> None:
        """Begins, over ``stream`` at first; None: that is dialled too. Raises ``RuntimeError`` where no thread can be had."""
        self._first = stream
        try:
            self._thread.start()
        except RuntimeError:
            if stream is not None:
                stream.close()
            self.leave()
            raise

    def stop(self) -> None:
        """Begins the end, and does not wait for it."""
        self.mailbox.put(self._close)

    def close(self, timeout: float) -> None:
        """Ends it. Raises ``TimeoutError`` where that takes more than ``timeout`` seconds; it goes on ending then."""
        self.stop()
        if self._thread.ident is None:
            # there never was one
            self.leave()
            return
        if self.is_current:
            return
        grace = min(GRACE, timeout / 2)
        self._thread.join(grace)
        if self._thread.is_alive():
            self.drive.interrupt()
            self._thread.join(timeout - grace)
        if self._thread.is_alive():
            raise TimeoutError(
                f"the link has not ended within {timeout:g} s: what it has called, on_event perhaps, does not return"
            )

    # ---- the thread

    def _run(self) -> None:
        try:
            if self._first is not None:
                self.drive.begin(self._first)
            while not self.over:
                self._turn()
        except BaseException as error:
            self._give_up(error)
        finally:
            self.leave()

    def _turn(self) -> None:
        self._do_what_is_wished_for()
        if self.over:
            return
        event = self.connection.next_event()
        if event is NEED_DATA:
            self._go_on()
        else:
            self._take(event)

    def _do_what_is_wished_for(self) -> None:
        while (action := self.mailbox.take()) is not None:
            action()

    def _go_on(self) -> None:
        """Waits for something to happen. Where arithmetic is due, does some of it instead."""
        until = None
        if not self.drive.is_open and not self._dialling:
            until = self.drive.retry_at
            if until <= self.drive.now():
                self._dial_beside()
                until = None
        if self._computing:
            self._compute()
            until = self.drive.now()
        self.drive.turn(until)

    def _compute(self) -> None:
        """One slice of the arithmetic that is longest due."""
        number, (question, slices) = next(iter(self._computing.items()))
        try:
            if self.is_open(question):
                next(slices)
            else:
                del self._computing[number]
        except StopIteration as done:
            del self._computing[number]
            self.connection.answer(question, done.value, self.drive.now())

    def _take(self, event: Event) -> None:
        if isinstance(event, Computation):
            # after a new stream it is asked again, while it is worked on
            self._computing.setdefault(event.number, (event, event.slices()))
        else:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        """Tells of an event: the owner first, so that those who have waited for it find done what the owner does about it."""
        self.drive.note(event)
        self.on_event(event)
        if isinstance(event, UpdateReceived):
            with self.news:
                self.board.take(event)
                self.news.notify_all()
            return
        if isinstance(event, Question) and event.number not in self._asked and self.is_open(event):
            self._asked.add(event.number)
            self.ask(event)
        if isinstance(event, ConnectionClosed):
            self.over = True
            self.board.close(event.error or self.closed)
        self.board.take(event)

    def ask(self, question: Question[Any]) -> None:
        """Has the owner answer. Raises ``LocalProtocolError`` where there is none."""
        if self._owner is None:
            name = type(question).__name__
            raise LocalProtocolError(f"expected an answer to {name}, and nobody is there to give one: connect with owner=")
        beside(partial(self._owner, question), partial(self.hand_over, self._answered, question), "mtproto-owner")

    def _answered(self, question: Question[Any], outcome: Answer[Any]) -> None:
        """The owner has answered. What it raises ends the link, unless the question was withdrawn meanwhile."""
        if self.is_open(question):
            self.connection.answer(question, outcome.result(), self.drive.now())

    def is_open(self, question: Question[Any]) -> bool:
        return any(one is question for one in self.connection.open_questions)

    def _dial_beside(self) -> None:
        """Dials in a thread of its own, which may take as long as it likes."""
        self._dialling = True
        beside(self._dial, partial(self.hand_over, self._dialled), "mtproto-dial")

    def _dialled(self, outcome: Answer[ByteStream]) -> None:
        """There is a stream, or none."""
        self._dialling = False
        error = outcome.exception()
        if error is not None:
            self._not_dialled(error)
        elif self.over:
            outcome.result().close()
        else:
            self._failures = 0
            self.drive.begin(outcome.result())

    def _not_dialled(self, error: BaseException) -> None:
        """The next try waits for twice as long as the last, unless it was the last. Raises ``error`` then."""
        self._failures += 1
        if self.over:
            return
        if not isinstance(error, OSError) or self._failures == self._retry.attempts:
            raise error
        wait = min(self._retry.ceiling, self._retry.delay * 2.0 ** min(self._failures - 1, 30))
        self.drive.retry_at = self.drive.now() + wait

    def hand_over(self, action: Callable[..., object], *arguments: Any) -> None:
        """Has ``action`` done in the thread of the link; once there is none, nobody else touches what it touches."""
        done = partial(action, *arguments)
        if not self.mailbox.put(done):
            done()

    # ---- the end

    def _close(self) -> None:
        """As it was wished for: every call is told its outcome."""
        self.connection.close(self.drive.now())
        while not self.over and (event := self.connection.next_event()) is not NEED_DATA:
            self._take(event)

    def _give_up(self, error: BaseException) -> None:
        """``error`` ends the link: whoever waits is told."""
        logger.error("the link ends: %s: %s", type(error).__name__, error)
        self.over = True
        self.board.close(error if isinstance(error, Exception) else ended_by(error))
        self.connection.close(self.drive.now())
        while (event := self.connection.next_event()) is not NEED_DATA:
            self.drive.note(event)

    def leave(self) -> None:
        """Nothing is left behind: no stream, and nobody who waits."""
        try:
            self.drive.end_stream()
        finally:
            # whoever has put something in waits for it, and nothing may be put in where nobody takes it out
            self.mailbox.empty_and_close()
            with self.news:
                self.news.notify_all()


def ended_by(error: BaseException) -> LocalProtocolError:
    """For what is no ``Exception``: another thread must not be ended by it."""
    ended = LocalProtocolError(f"the thread of the link was ended by {type(error).__name__}")
    ended.__cause__ = error
    return ended
