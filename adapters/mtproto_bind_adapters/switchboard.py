"""Who waits for what on one client connection: for the drivers that many callers use at once.

Pure, like the connection beside it, and to be touched where that is touched: by one thread, or one event loop.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from typing import Protocol, TypeVar

from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallId,
    ConnectionClosed,
    Event,
    KeyBound,
    KeyExpired,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    RpcError,
    UpdateReceived,
)

__all__ = ["CallUnanswered", "Switchboard", "Waiter", "fresh"]

E = TypeVar("E", bound=Exception)
T_contra = TypeVar("T_contra", contravariant=True)


class CallUnanswered(Exception):
    """A call ended without an answer. ``reason`` says how: refused by the server, surely not run, or not known."""

    def __init__(self, reason: RpcError | NotRun | OutcomeUnknown) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Waiter(Protocol[T_contra]):
    """Somebody who waits, once; ``concurrent.futures.Future`` is one."""

    def set_result(self, value: T_contra, /) -> None:
        """What was waited for is there."""

    def set_exception(self, error: Exception, /) -> None:
        """It will never be there."""


class Switchboard:
    """Takes the events of one client connection, and gives them to those who wait for them.

    ``updates_held``: updates kept for whoever reads :attr:`updates`; of more, the oldest make room and are counted.
    """

    def __init__(self, *, updates_held: int = 1000) -> None:
        self.bound: KeyBound | None = None
        """The binding in force."""
        self.end: Exception | None = None
        """Why nothing follows any more; None: the connection lives. To be raised as :func:`fresh` makes it."""
        self.updates: deque[bytes] = deque(maxlen=updates_held)
        """Bodies of updates that nobody has taken yet, the oldest first."""
        self.updates_missed = 0
        """Updates that made room for others before anybody took them."""
        self._calls: dict[CallId, Waiter[bytes]] = {}
        self._call_of: dict[int, CallId] = {}
        """By the ``id`` of the waiter: thousands may be forgotten at once, so none is searched for."""
        self._for_binding: dict[int, Waiter[KeyBound]] = {}

    def await_answer(self, call_id: CallId, waiter: Waiter[bytes]) -> None:
        """``waiter`` is told how the call ends: with the body of the answer, or a :class:`CallUnanswered`. One call each."""
        self._calls[call_id] = waiter
        self._call_of[id(waiter)] = call_id

    def await_binding(self, waiter: Waiter[KeyBound]) -> None:
        """``waiter`` is told when a key is bound, at once if one is, or why there will be none."""
        if self.end is not None:
            waiter.set_exception(fresh(self.end))
        elif self.bound is not None:
            waiter.set_result(self.bound)
        else:
            self._for_binding[id(waiter)] = waiter

    def forget(self, waiter: Waiter[bytes] | Waiter[KeyBound]) -> None:
        """``waiter`` waits no more, and is told nothing."""
        self._for_binding.pop(id(waiter), None)
        if id(waiter) in self._call_of:
            del self._calls[self._call_of.pop(id(waiter))]

    def take(self, event: Event) -> None:
        """An event of the connection; what is of no concern to those who wait is passed over."""
        match event:
            case CallAnswered() if event.call_id in self._calls:
                self._whose(event.call_id).set_result(event.body)
            case CallFailed() if event.call_id in self._calls:
                self._whose(event.call_id).set_exception(CallUnanswered(event.reason))
            case UpdateReceived():
                self.updates_missed += len(self.updates) == self.updates.maxlen
                self.updates.append(event.body)
            case KeyBound():
                self.bound = event
                waiting, self._for_binding = self._for_binding, {}
                for waiter in waiting.values():
                    waiter.set_result(event)
            case KeyExpired() if self.bound is not None and self.bound.key_id == event.key_id:
                self.bound = None
            case ConnectionClosed():
                self.close(event.error or LocalProtocolError("the connection is closed"))

    def close(self, error: Exception) -> None:
        """Nothing follows any more: whoever still waits is told ``error``, each in an exception of its own."""
        if self.end is not None:
            return
        self.end, self.bound = error, None
        calls, self._calls, self._call_of = self._calls, {}, {}
        waiting, self._for_binding = self._for_binding, {}
        for call in calls.values():
            call.set_exception(fresh(error))
        for waiter in waiting.values():
            waiter.set_exception(fresh(error))

    def _whose(self, call_id: CallId) -> Waiter[bytes]:
        """Who waited for this call, and does no more."""
        waiter = self._calls.pop(call_id)
        del self._call_of[id(waiter)]
        return waiter


def fresh(error: E) -> E:
    """An exception like ``error``, which is its cause: of the same class, with the same text and attributes.

    One object raised by many threads would mix their tracebacks, and one raised again and again would keep all of them. Of a
    class that lets nothing be copied, ``error`` itself without its traceback.
    """
    for make in (without_constructor, copy):
        try:
            made = make(error)
        except Exception:  # noqa: S112  its class wants something else than its arguments
            continue
        if type(made) is type(error) and made is not error and str(made) == str(error):
            made.__cause__ = error
            return made
    return error.with_traceback(None)


def without_constructor(error: E) -> E:
    """A copy by its state alone: a constructor may take other arguments than those it hands on."""
    made = type(error).__new__(type(error), *error.args)
    made.args = error.args
    vars(made).update(vars(error))
    return made
