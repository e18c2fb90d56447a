"""Calls: queued until a key is bound, sent, and each ended exactly once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, evolve, field, frozen

from ._config import InitConnection
from ._errors import LocalProtocolError
from ._events import CallAnswered, CallFailed, CallId, NotRun, OutcomeUnknown
from ._limits import Limits
from ._session import RpcError
from ._tl import InitConnection as InitConnectionQuery
from ._tl import InvokeAfterMsgs, InvokeWithLayer, InvokeWithoutUpdates

__all__ = ["MANY_REFUSALS", "Call", "Calls", "wrap"]


@frozen(kw_only=True)
class Call:
    """One call. ``give_up_at``: our unix seconds. ``repeat``: it may run more than once."""

    id: CallId
    body: bytes = field(repr=False)
    after: tuple[CallId, ...]
    updates: bool
    repeat: bool
    give_up_at: float | None
    msg_id: int | None = None
    """Under which it was sent; None while it waits."""
    may_have_run: bool = False
    """It goes out again although an earlier sending may have run, as ``repeat`` allows."""
    refusals: int = 0
    """How often it was refused for its envelope, and goes out again."""


MANY_REFUSALS = 5
"""A call that is refused so often for its envelope is given up: it would go round for ever."""


@define
class Calls:
    """All calls of a client connection that have not ended."""

    limits: Limits
    _calls: dict[CallId, Call] = field(factory=dict)
    _waiting: dict[CallId, None] = field(factory=dict)
    _in_order: bool = True
    """Whether ``_waiting`` is in the order of the calls."""
    _followers: dict[CallId, list[CallId]] = field(factory=dict)
    _last: int = 0

    def add(self, body: bytes, *, after: tuple[CallId, ...], updates: bool, repeat: bool, give_up_at: float | None) -> CallId:
        """A new call at the end of the queue. Raises LocalProtocolError where the queue is full."""
        if len(self._waiting) >= self.limits.waiting_calls:
            raise LocalProtocolError(f"{len(self._waiting)} calls are waiting already (Limits.waiting_calls)")
        if any(one > self._last for one in after):
            raise LocalProtocolError("after names a call that was never made")
        self._last += 1
        call = Call(id=CallId(self._last), body=body, after=after, updates=updates, repeat=repeat, give_up_at=give_up_at)
        self._calls[call.id] = call
        self._waiting[call.id] = None
        for one in after:
            if one in self._calls:
                self._followers.setdefault(one, []).append(call.id)
        return call.id

    def get(self, call_id: CallId) -> Call | None:
        """The call, unless it has ended."""
        return self._calls.get(call_id)

    def waiting(self) -> tuple[Call, ...]:
        """Those to be sent, in their order."""
        if not self._in_order:
            self._waiting, self._in_order = dict.fromkeys(sorted(self._waiting)), True
        return tuple(self._calls[call_id] for call_id in self._waiting)

    def has_to_wait(self, call_id: CallId) -> bool:
        """Whether a call that this one follows has not ended: it was refused, and leaves again."""
        call = self._calls.get(call_id)
        return call is not None and any(one in self._calls for one in call.after)

    def left(self, call_id: CallId, msg_id: int) -> None:
        """The call was sent as ``msg_id``."""
        del self._waiting[call_id]
        self._calls[call_id] = evolve(self._calls[call_id], msg_id=msg_id)

    def end(self, call_id: CallId) -> Call | None:
        """Forget the call; None: it has ended already."""
        self._waiting.pop(call_id, None)
        self._followers.pop(call_id, None)
        return self._calls.pop(call_id, None)

    def answered(self, call_id: CallId, body: bytes) -> Iterator[CallAnswered]:
        """The call has its result."""
        if self.end(call_id) is not None:
            yield CallAnswered(call_id=call_id, body=body)

    def failed(self, call_id: CallId, reason: RpcError | NotRun | OutcomeUnknown) -> Iterator[CallFailed]:
        """The call has failed, and so has each that was to follow it and waits."""
        failing: deque[tuple[CallId, RpcError | NotRun | OutcomeUnknown]] = deque([(call_id, reason)])
        while failing:
            one, why = failing.popleft()
            followers = self._followers.get(one, ())
            call = self.end(one)
            if call is None:
                continue
            # an earlier sending of it may have run, whatever became of the last
            unsure = call.may_have_run and isinstance(why, NotRun)
            yield CallFailed(call_id=one, reason=OutcomeUnknown(why.why) if unsure and isinstance(why, NotRun) else why)
            not_run = NotRun(f"call {one}, which had to succeed first, has failed")
            failing.extend((follower, not_run) for follower in followers if follower in self._waiting)

    def refused(self, call_id: CallId) -> bool:
        """Count that the message of the call was refused; whether it has been too often."""
        call = self._calls.get(call_id)
        if call is None:
            return True
        self._calls[call_id] = evolve(call, refusals=call.refusals + 1)
        return call.refusals >= MANY_REFUSALS

    def unrun(self, call_id: CallId, why: str) -> Iterator[CallFailed]:
        """The message was refused and has surely not run: the call waits again, in its old place."""
        call = self._calls.get(call_id)
        if call is None:
            return
        if self.refused(call_id):
            yield from self.failed(call_id, NotRun(f"{why}, {call.refusals + 1} times"))
            return
        self._calls[call_id] = evolve(self._calls[call_id], msg_id=None)
        self._waiting[call_id] = None
        self._in_order = False

    def unsure(self, call_id: CallId, why: str) -> Iterator[CallFailed]:
        """Nobody knows whether it ran: it is told so, or repeated where the caller allows it."""
        call = self._calls.get(call_id)
        if call is not None and call.repeat:
            self._calls[call_id] = evolve(call, may_have_run=True)
            yield from self.unrun(call_id, why)
        else:
            yield from self.failed(call_id, OutcomeUnknown(why))

    def overdue(self, now: float) -> tuple[Call, ...]:
        """Calls whose time is up at ``now`` (our unix seconds)."""
        return tuple(call for call in self._calls.values() if call.give_up_at is not None and call.give_up_at <= now)

    def deadline(self) -> float | None:
        """The next ``give_up_at``."""
        return min((call.give_up_at for call in self._calls.values() if call.give_up_at is not None), default=None)

    def shift(self, seconds: float) -> None:
        """Our clock jumped by ``seconds``."""
        for call in self._calls.values():
            if call.give_up_at is not None:
                self._calls[call.id] = evolve(call, give_up_at=call.give_up_at + seconds)

    def all(self) -> tuple[Call, ...]:
        """Every call that has not ended, in the order they were made."""
        return tuple(self._calls.values())


def wrap(call: Call, calls: Calls, api: InitConnection | None) -> bytes:
    """The query of ``call`` in its wrappers, invokeAfterMsgs outermost (https://core.telegram.org/api/invoking).

    ``api``: who calls, for as long as the key is not introduced; None: no introduction.
    """
    query = call.body
    if not call.updates:
        query = InvokeWithoutUpdates(query=query).to_bytes()
    if api is not None:
        query = introduction(api, query)
    # an answered predecessor is no longer to be waited for
    before = [calls.get(one) for one in call.after]
    msg_ids = tuple(one.msg_id for one in before if one is not None and one.msg_id is not None)
    return InvokeAfterMsgs(msg_ids=msg_ids, query=query).to_bytes() if msg_ids else query


def introduction(api: InitConnection, query: bytes) -> bytes:
    """``query`` inside invokeWithLayer(initConnection)."""
    text = {
        name: getattr(api, name).encode()
        for name in ("device_model", "system_version", "app_version", "system_lang_code", "lang_pack", "lang_code")
    }
    inside = InitConnectionQuery(api_id=api.api_id, proxy=None, params=None, query=query, **text)
    return InvokeWithLayer(layer=api.layer, query=inside.to_bytes()).to_bytes()
