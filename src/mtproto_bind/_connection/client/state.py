"""Everything that a client connection remembers. The steps in the files beside this one work on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, TypeVar

from attrs import define, evolve, field

from ..._calls import Calls
from ..._config import ClientConfig
from ..._errors import Check, SecurityError
from ..._events import CallId, ConnectionClosed, KeyEnd, KeyExpired, KeyVerdict, NotRun, OutcomeUnknown
from ..._handshake import ClientTools, Purpose, State
from ..._keys import Backoff, Keys, Slot
from ..._questions import BindingRequired, Computation, Event, PermanentKeySuspected, Question
from ..._session import ClockSource, Item, MessageIds, ServerClock
from ..._tl import RpcDropAnswer
from ..._wire import Stream
from ..asked import Asked
from ..timers import Timers

__all__ = ["ClientState", "Exchange", "Timer"]

T = TypeVar("T")

LEAP = 60.0
"""Seconds from one moment to the next, above which an end may have been reached by a wrong clock."""


class Timer(Enum):
    """What a client waits for. (A key that drains has a timer under its own slot.)"""

    HANDSHAKE_ANSWER = auto()
    EXCHANGE_AGAIN = auto()
    """Until then no handshake begins."""
    BINDING_REQUIRED = auto()
    BIND_ANSWER = auto()
    BIND_AGAIN = auto()
    DRAIN = auto()
    """Until then a sealed binding waits for the answers under the old key."""
    STATES = auto()
    """Then the server is asked about calls that are long without an answer."""
    FRAME = auto()
    IDLE = auto()


@define
class Exchange:
    """One handshake: where it stands, and what of it is on the present stream."""

    purpose: Purpose
    state: State
    nonce: bytes = field(repr=False)
    began_at: float
    """Our unix seconds."""
    asked_at: float
    """Our unix seconds when the present request was ready."""
    told_at: tuple[float, float]
    """When server_time was asked for and when it came, both ours."""
    unsent: bool = True
    on_stream: bool = False
    """The request left on the present stream, and its answer has not come."""


@define(eq=False)
class ClientState:
    """The values, and the few ways to change several of them that must change together."""

    config: ClientConfig
    tools: ClientTools
    keys: Keys
    calls: Calls
    backoff: Backoff
    clock: ServerClock = field(factory=ServerClock)
    leapt_clock: ServerClock | None = None
    """What was known when our clock leapt forward, until something tells better."""
    timers: Timers = field(factory=Timers)
    asked: Asked = field(factory=Asked)
    events: deque[Event] = field(factory=deque)
    plain_ids: MessageIds = field(factory=MessageIds)
    exchange: Exchange | None = None
    finished_nonces: deque[bytes] = field(factory=lambda: deque(maxlen=8), repr=False)
    """Handshakes of before; an answer that comes late for one of them is of no interest."""
    gone_keys: deque[int] = field(factory=lambda: deque(maxlen=8))
    """Keys that have ended lately; what still comes under them is of no interest."""
    attempts: int = 0
    """Failed exchanges."""
    envelope_refusals: int = 0
    """Notifications in a row that a message of ours was ignored."""
    refusals: int = 0
    """Refused bindings in a row."""
    now: float = float("-inf")

    # of the present stream
    stream: Stream | None = None
    lost: bool = False
    """The stream has ended; what it brought is still read."""
    last_words: bytes = field(default=b"", repr=False)
    sealed_since_proof: set[int] = field(factory=set)
    """The keys under which something left since the last authenticated message."""
    plain_since_proof: bool = False
    plain_unanswered: bool = False
    """The query of a renewal was given up, and may still be answered, if only with -404."""
    ping_out: bool = False

    settled: bool = False
    """The owner has every event; only then is anything begun."""
    closed: bool = False
    dropped: dict[Check, int] = field(factory=dict)
    """Messages that were dropped, by the rule that they broke."""

    def at(self, now: float) -> None:
        """Our clock says ``now``. If it went back, every deadline moves with it, and the server's time is doubted."""
        back = now - self.now
        if LEAP < back < float("inf") and self.keys.current is not None:
            self._leapt(self.keys.current, now)
        if back < 0:
            self.timers.shift(back)
            self.calls.shift(back)
            self.keys.shift(back)
            if self.exchange is not None:
                asked_at, told_at = self.exchange.told_at
                self.exchange.told_at = (asked_at + back, told_at + back)
                self.exchange.asked_at += back
                self.exchange.began_at += back
            # the server's clock has not jumped; and after a leap this may be the way back
            if self.clock.source is not ClockSource.GUESS and self.clock is not self.leapt_clock:
                self.clock = evolve(self.clock, offset=self.clock.offset - back).doubted()
        self.now = now

    def _leapt(self, slot: Slot, now: float) -> None:
        """The driver slept, or its clock was wrong: an end reached so is believed when something authenticated tells the time."""
        if self.server_time < slot.expires_at <= self.clock.time(now):
            slot.end_doubted = True
            self.clock = self.leapt_clock = self.clock.doubted()

    def tell(self, events: Event | Iterable[Event]) -> None:
        """Tell the owner; nothing is begun on the wire before the owner has it."""
        self.settled = False
        if isinstance(events, Event):
            self.events.append(events)
        else:
            self.events.extend(events)

    def ask(self, question: Question[T], then: Callable[[T, float], None]) -> None:
        """Ask the owner, and go on meanwhile."""
        self.tell(self.asked.ask(question, then))

    def compute(self, work: Any, then: Callable[[Any, float], None]) -> int:
        """Have ``work`` computed; the number of the question."""
        number = self.asked.next_number()
        self.ask(Computation(number=number, work=work, crypto=self.config.crypto), then)
        return number

    def proven(self) -> None:
        """Something authenticated came: this stream and the key are good."""
        self.sealed_since_proof.clear()
        self.plain_since_proof = False
        self.ping_out = False
        self.backoff.succeeded()
        self.timers.set(Timer.IDLE, self.now + self.config.timeouts.idle)

    def drop(self, error: SecurityError) -> None:
        """Count a message that broke a rule and is of no consequence."""
        self.dropped[error.check] = self.dropped.get(error.check, 0) + 1

    @property
    def server_time(self) -> float:
        return self.clock.time(self.now)

    def close(self, event: ConnectionClosed) -> None:
        """The end: every call is told what became of it, and nothing is sent any more."""
        for call in self.calls.all():
            why = "the connection was closed"
            self.tell(self.calls.failed(call.id, NotRun(why) if call.msg_id is None else OutcomeUnknown(why)))
        self.asked.withdraw_all()
        self.end_exchange()
        self.timers = Timers()
        self.closed = True
        self.hang_up()
        self.tell(event)

    def end_exchange(self) -> None:
        """The handshake is over, one way or the other."""
        if self.exchange is not None:
            self.finished_nonces.append(self.exchange.nonce)
        self.exchange = None
        self.timers.clear(Timer.HANDSHAKE_ANSWER)

    def hang_up(self) -> None:
        """The stream is done with; what is framed already may still leave once."""
        if self.stream is not None and not self.lost:
            self.last_words = self.stream.data_to_send()
        for slot in self.keys.slots():
            # it was asked, and nobody said that it lives
            slot.end_doubted = slot.end_doubted and slot.id not in self.sealed_since_proof
        self.stream = None
        self.lost = False
        self.sealed_since_proof.clear()
        self.plain_since_proof = self.plain_unanswered = self.ping_out = False
        for name in (Timer.HANDSHAKE_ANSWER, Timer.BIND_ANSWER, Timer.FRAME, Timer.IDLE):
            self.timers.clear(name)
        if self.exchange is not None:
            self.exchange.on_stream = False

    def forget_binding(self, slot: Slot) -> None:
        """No binding of ``slot`` is asked for or on its way any more."""
        slot.request = slot.binding = None
        self.asked.withdraw_kind(BindingRequired)
        for name in (Timer.BINDING_REQUIRED, Timer.BIND_ANSWER, Timer.DRAIN):
            self.timers.clear(name)

    def expired(self, slot: Slot, end: KeyEnd, why: str, retry_at: float | None = None) -> None:
        """``slot`` has ended, and the owner is told on which evidence."""
        verdict = KeyVerdict(
            end=end,
            why=why,
            key_age=self.now - slot.made_at,
            clock_certain=self.clock.certain,
            retry_at=self.now if retry_at is None else retry_at,
        )
        self.tell(KeyExpired(key_id=slot.id, verdict=verdict))
        self.lose(slot, why)

    def lose(self, slot: Slot, why: str) -> None:
        """``slot`` is gone, with its session; whether what it carried has run nobody knows."""
        if slot is self.keys.current:
            # while it was in use, failed renewals did not count
            self.attempts = 0
        if slot is self.keys.next:
            self.forget_binding(slot)
            self.asked.withdraw_kind(PermanentKeySuspected)
        self.keys.drop(slot)
        self.gone_keys.append(slot.id)
        self.timers.clear(slot)
        for message in slot.session.sent.all():
            self.abandon(message.about, False, why)

    def forget_message(self, call_id: CallId) -> None:
        """The message of a call is not sent again, and its answer not awaited: the server need not send it."""
        call = self.calls.get(call_id)
        for slot in self.keys.slots():
            if call is not None and call.msg_id is not None and slot.session.sent.settle(call.msg_id) is not None:
                slot.outbox.append(Item(body=RpcDropAnswer(req_msg_id=call.msg_id).to_bytes(), content_related=False))

    def abandon(self, about: object, unrun: bool, why: str) -> None:
        """A message will have no answer any more."""
        if isinstance(about, int):
            told = self.calls.unrun if unrun else self.calls.unsure
            self.tell(told(CallId(about), why))
