"""A client connection for many threads at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from attrs import frozen

from mtproto_bind import BoundKey, KeyBound, LocalProtocolError, NotRun, OutcomeUnknown, Status

from ..switchboard import CallUnanswered, fresh
from .answer import Answer, PendingCall
from .mailbox import Action
from .pump import Pump

__all__ = ["Link"]

T = TypeVar("T")

MARGIN = 0.5
"""Seconds that a call is given beyond its time: if it can, the connection says better what has become of it."""
PATIENCE = 10.0
"""Seconds for the link to come to what takes no time."""
BUSY = "what it has called, on_event perhaps, does not return"


@frozen
class Wish:
    """How a call shall be made; ``give_up_at`` in our unix seconds."""

    after: tuple[PendingCall, ...]
    updates: bool
    repeat: bool
    give_up_at: float | None


class Link:
    """Made by ``connect``. Every method may be called from any thread.

    From ``on_event``, whose thread is the link's, those that would wait for the link raise ``LocalProtocolError``, and
    :meth:`close` only begins the end. In another process, after a fork, all methods but that raise it. When the link has
    ended, :meth:`bound`, :meth:`call` and :meth:`renew` raise what ended it: ``LocalProtocolError`` if that was :meth:`close`.
    What takes no time (:attr:`status`, :meth:`save`, :meth:`renew`, :meth:`bound_key`) raises ``TimeoutError`` where the link
    does not come to it within ten seconds.
    """

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._process = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def bound(self, timeout: float | None = None) -> KeyBound:
        """Waits until a temporary key is bound, and tells which. Returns at once if one is.

        Raises ``TimeoutError`` after ``timeout`` seconds, and what ended the link.
        """
        self._refuse_to_wait("bound()")
        waiter: Answer[KeyBound] = Answer()
        self._do(partial(self._pump.board.await_binding, waiter))
        try:
            return waiter.result(timeout)
        except TimeoutError:
            # It may have come just now; and what ended the link may be a TimeoutError too.
            if not waiter.cancel():
                return waiter.result()
            text = f"no key was bound within {timeout:g} s: status tells how things stand"
            raise TimeoutError(text) from None
        finally:
            if not waiter.done() or waiter.cancelled():
                self._do(partial(self._pump.board.forget, waiter))

    def call(
        self,
        body: bytes,
        *,
        after: Sequence[Future[bytes]] = (),
        updates: bool = True,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> bytes:
        """Sends an API query (a boxed TL object) as soon as a key is bound, and returns the body of its answer.

        ``after``: calls of :meth:`submit` that have to succeed first. ``updates``: False wraps it into invokeWithoutUpdates.
        ``repeat``: it may run twice. ``timeout``: seconds after which it is given up, with an error that tells whether it may
        have run. Raises :class:`CallUnanswered`, and what ended the link. If the wait is broken off (Ctrl-C), so is the call.
        """
        self._refuse_to_wait("call()")
        call = self._submit(body, after, updates=updates, repeat=repeat, timeout=timeout)
        try:
            return call.result(None if timeout is None else timeout + MARGIN)
        except TimeoutError:
            # It may have come just now; and what ended the link may be a TimeoutError too.
            if not call.cancel():
                return call.result()
            why = f"the link was not there within {timeout:g} s: {BUSY}"
            raise CallUnanswered(OutcomeUnknown(why) if call.begun else NotRun(why)) from None
        except BaseException:
            call.cancel()
            raise

    def submit(
        self,
        body: bytes,
        *,
        after: Sequence[Future[bytes]] = (),
        updates: bool = True,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> Future[bytes]:
        """Like :meth:`call`, and does not wait: what that returns or raises is in the future.

        Raises ``TypeError`` and ``ValueError`` at once where ``after`` has what no :meth:`submit` of this link has returned.
        To cancel the future is to cancel the call; it may run all the same if it was sent. Callbacks of the future run in the
        thread of the link, like ``on_event``.
        """
        return self._submit(body, after, updates=updates, repeat=repeat, timeout=timeout)

    def updates(self, timeout: float | None = None) -> Iterator[bytes]:
        """The bodies of updates as they come; each goes to one reader only. Ends when the link is closed.

        Raises ``TimeoutError`` where none comes for ``timeout`` seconds, and what ended the link.
        """
        self._refuse_to_wait("updates()")
        return self._each_update(timeout)

    @property
    def updates_missed(self) -> int:
        """Updates that made room for others before anybody took them."""
        return self._pump.board.updates_missed

    @property
    def round_trips(self) -> int:
        """Times that something came after something was sent, on the connection that carries the calls."""
        return self._pump.drive.round_trips

    @property
    def status(self) -> Status:
        """How things stand; after the end too."""
        return self._ask(lambda: self._pump.connection.status)

    def renew(self) -> None:
        """Renews the temporary key now, and does not wait for it. Raises ``LocalProtocolError`` where none is bound."""
        self._ask(self._renew)

    def bound_key(self) -> BoundKey:
        """The key in use, to hand over. Raises ``LocalProtocolError`` where none is bound."""
        return self._ask(self._pump.connection.bound_key)

    def save(self, *, temporary_key: bool = False) -> bytes:
        """What is worth keeping over a restart, for ``ClientConnection(config, saved)``; a secret with the temporary key."""
        return self._ask(lambda: self._pump.connection.save(temporary_key=temporary_key))

    def close(self, timeout: float = 10.0) -> None:
        """Ends the link: acknowledgements leave, every call is told its outcome, the thread ends. May be called again.

        A peer that stalls and a dial under way are not waited for. Raises ``TimeoutError`` where ``on_event`` does not return
        within ``timeout`` seconds. In another process, after a fork, it does nothing: the stream belongs to the first.
        """
        if os.getpid() == self._process:
            self._pump.close(timeout)

    # ---- in the thread of the caller

    def _refuse_forks(self) -> None:
        if os.getpid() != self._process:
            text = f"this link belongs to process {self._process}: a fork does not take it along, so connect in this one too"
            raise LocalProtocolError(text)

    def _refuse_to_wait(self, what: str) -> None:
        self._refuse_forks()
        if self._pump.is_current:
            text = (
                f"{what} would wait for its own thread: on_event and callbacks of futures run in that; use submit(), or a thread"
            )
            raise LocalProtocolError(text)

    def _do(self, action: Action) -> None:
        """Has it done by the link; after its end here, as nobody else touches anything then."""
        if not self._pump.mailbox.put(action):
            action()

    def _submit(
        self, body: bytes, after: Sequence[Future[bytes]], *, updates: bool, repeat: bool, timeout: float | None
    ) -> PendingCall:
        self._refuse_forks()
        earlier = tuple(self._own(future) for future in after)
        give_up_at = None if timeout is None else self._pump.drive.now() + timeout
        wish = Wish(after=earlier, updates=updates, repeat=repeat, give_up_at=give_up_at)
        call = PendingCall(self)
        call.add_done_callback(partial(self._withdraw_cancelled, call))
        self._do(partial(self._make, call, body, wish))
        return call

    def _own(self, future: object) -> PendingCall:
        """A call of this link. ``TypeError`` where it is none, ``ValueError`` where it is one of another link."""
        if not isinstance(future, PendingCall):
            raise TypeError(f"after takes futures of submit(), got {type(future).__name__}")
        if future.link is not self:
            raise ValueError("after takes futures of submit() of the same link, got one of another: wait for its result instead")
        return future

    def _ask(self, action: Callable[[], T]) -> T:
        """What comes of ``action`` in the thread of the link."""
        self._refuse_forks()
        if self._pump.is_current:
            return action()
        answer: Answer[T] = Answer()
        self._do(partial(answer.work, action))
        try:
            return answer.result(PATIENCE)
        except TimeoutError:
            # it may have come just now, or be what ended the link
            if not answer.cancel():
                return answer.result()
            raise TimeoutError(f"the link was not there within {PATIENCE:g} s: {BUSY}") from None

    def _each_update(self, timeout: float | None) -> Iterator[bytes]:
        board, news = self._pump.board, self._pump.news
        while True:
            with news:
                if not news.wait_for(lambda: board.updates or board.end, timeout):
                    raise TimeoutError(f"no update came within {timeout:g} s")
                if not board.updates:
                    break
                body = board.updates.popleft()
            yield body
        if board.end is not None and board.end is not self._pump.closed:
            raise fresh(board.end)

    def _withdraw_cancelled(self, call: PendingCall, _future: Future[bytes]) -> None:
        if call.cancelled():
            self._pump.mailbox.put(partial(self._withdraw, call))

    # ---- in the thread of the link

    def _refuse_the_dead(self) -> None:
        if self._pump.board.end is not None:
            raise fresh(self._pump.board.end)

    def _renew(self) -> None:
        self._refuse_the_dead()
        self._pump.connection.renew(self._pump.drive.now())

    def _make(self, call: PendingCall, body: bytes, wish: Wish) -> None:
        """Makes the call, unless it was cancelled meanwhile."""
        call.begun = True
        if call.cancelled():
            return
        try:
            self._refuse_the_dead()
            call.call_id = self._pump.connection.call(
                body,
                self._pump.drive.now(),
                after=[earlier.call_id for earlier in map(not_failed, wish.after) if earlier.call_id is not None],
                updates=wish.updates,
                repeat=wish.repeat,
                give_up_at=wish.give_up_at,
            )
        except Exception as error:
            call.set_exception(error)
        else:
            self._pump.board.await_answer(call.call_id, call)

    def _withdraw(self, call: PendingCall) -> None:
        if call.call_id is not None:
            self._pump.board.forget(call)
            self._pump.connection.cancel(call.call_id, self._pump.drive.now())


def not_failed(earlier: PendingCall) -> PendingCall:
    """A call that has to succeed before another. Raises :class:`CallUnanswered` where it has failed already."""
    if earlier.done() and not earlier.cancelled() and earlier.exception() is not None:
        raise CallUnanswered(NotRun("a call which had to succeed first has failed"))
    return earlier
