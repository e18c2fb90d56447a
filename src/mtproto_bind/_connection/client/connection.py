"""``ClientConnection``: from nothing to bound, and on. No socket, no thread, no clock, no randomness of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..._calls import Calls
from ..._config import ClientConfig
from ..._errors import LocalProtocolError, RemoteProtocolError
from ..._events import CallId, ConnectionClosed
from ..._handshake import ClientTools
from ..._keys import Backoff, Keys
from ..._questions import NEED_DATA, Event, NeedData, Question
from ..._wire import Stream, Transport, is_no_op, key_id_of, transport_error
from .endings import expire, stream_failed, stream_lost
from .endings import transport_error as transport_error_came
from .exchange import again, receive_plain
from .saved import restore, save
from .sealed import receive_sealed
from .sending import compose, flush_acks, send_ping
from .state import ClientState, Timer
from .views import BoundKey, Status, bound_key, status
from .waiting import next_deadline, pursue, time_frame, time_passed

__all__ = ["BoundKey", "ClientConnection", "Status"]

T = TypeVar("T")


class ClientConnection:
    """The logical connection of a client; it outlives its streams.

    Not thread-safe; only ``Computation.run`` and ``.slices`` may run elsewhere. Every ``now`` is the driver's best guess of
    unix time, in seconds, and may step back. Methods raise LocalProtocolError, TypeError and ValueError; what the peer
    does wrong is told by events.
    """

    def __init__(self, config: ClientConfig, saved: bytes | None = None) -> None:
        """``saved``: what :meth:`save` gave; ValueError where it is of another version, data centre or key."""
        self._state = ClientState(
            config=config,
            tools=ClientTools(
                entropy=config.entropy,
                crypto=config.crypto,
                server_keys=config.server_keys,
                limits=config.limits,
                proven_primes=config.proven_primes,
            ),
            keys=Keys(config.permanent_key),
            calls=Calls(config.limits),
            backoff=Backoff(config.retry),
        )
        if saved is not None:
            restore(self._state, saved)

    # ---- the stream

    def transport_opened(self, transport: Transport, now: float) -> None:
        """A new stream is there; nothing has been written to it.

        ValueError for a secret without a data centre that the proxy could be told.
        """
        state = self._state
        if state.closed:
            raise LocalProtocolError("the connection is closed")
        if state.stream is not None:
            raise LocalProtocolError("a stream is open already: tell transport_lost first, and await TransportEnded")
        config = state.config
        stream = Stream(
            transport,
            server=False,
            limits=config.limits,
            entropy=config.entropy,
            crypto=config.crypto,
            dc=config.dc.number,
        )
        if transport.secret is not None and not config.dc.number:
            raise ValueError("a proxy has to be told the data centre: give ClientConfig a dc that has an id")
        state.at(now)
        state.stream = stream
        state.last_words = b""
        again(state)
        for slot in state.keys.slots():
            slot.resend, slot.heard, slot.greeting = len(slot.session.sent) > 0, False, None
        if state.keys.current is not None:
            # the server sends updates on the stream where it heard us last, and tells whether it still has the session
            send_ping(state, state.keys.current)
            state.timers.set(Timer.IDLE, now + config.timeouts.idle)
        # a driver that was cancelled may have lost a question
        waiting = tuple(question for question in state.asked.questions if question not in state.events)
        if waiting:
            state.tell(waiting)

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the stream, however they are cut. They are only kept; see :meth:`next_event`."""
        self._state.at(now)
        if self._state.stream is not None and not self._state.lost:
            self._state.stream.receive(data)

    def transport_lost(self, now: float) -> None:
        """The stream has ended: end of file, reset, a write that failed or was cancelled."""
        self._state.at(now)
        self._state.lost = self._state.stream is not None

    def data_to_send(self, now: float) -> bytes:
        """The bytes to write now. They count as sent: if the write fails, say :meth:`transport_lost`."""
        state = self._state
        state.at(now)
        words, state.last_words = state.last_words, b""
        if state.stream is None or state.lost:
            return words
        compose(state, state.stream)
        return state.stream.data_to_send()

    @property
    def wants_data(self) -> bool:
        """False: stop reading the stream. A client always reads."""
        return True

    # ---- events and questions

    def next_event(self) -> Event | NeedData:
        """The next event; ``NEED_DATA``: nothing until bytes, time or an answer come."""
        state = self._state
        while True:
            if state.events:
                return state.events.popleft()
            if state.closed:
                return NEED_DATA
            state.settled = True
            if self._guarded(self._read_frame):
                continue
            expire(state)
            pursue(state)
            if not state.events:
                return NEED_DATA

    def answer(self, question: Question[T], value: T, now: float) -> None:
        """Answer a question. Late or withdrawn: ignored. Raises TypeError or ValueError for what is no answer."""
        self._state.at(now)
        self._guarded(lambda: self._state.asked.answer(question, value, now, may_fail=False) is not None)

    @property
    def open_questions(self) -> tuple[Question[Any], ...]:
        """The questions that wait for an answer."""
        return self._state.asked.questions

    # ---- time

    def next_deadline(self) -> float | None:
        """When to call :meth:`handle_timeout`, our unix seconds; None: no need to."""
        return next_deadline(self._state)

    def handle_timeout(self, now: float) -> None:
        """Time has passed; may be called early."""
        state = self._state
        state.at(now)
        time_passed(state)
        # what is due on the server's clock, or was waiting for a timer, begins in next_event
        state.settled = False

    # ---- calls

    def call(
        self,
        body: bytes,
        now: float,
        *,
        after: Sequence[CallId] = (),
        updates: bool = True,
        repeat: bool = False,
        give_up_at: float | None = None,
    ) -> CallId:
        """Send an API query (a boxed TL object) as soon as a key is bound.

        It ends in exactly one CallAnswered or CallFailed. ``after``: calls that have to succeed first. ``updates``: False
        wraps it into invokeWithoutUpdates. ``repeat``: it may run twice. ``give_up_at``: our unix seconds.
        Raises LocalProtocolError after the end, or where too many are waiting.
        """
        state = self._state
        state.at(now)
        if state.closed:
            raise LocalProtocolError("the connection is closed: no call can be made")
        if not isinstance(body, bytes):
            raise TypeError(f"a query is bytes, got {type(body).__name__}")
        if len(body) < 4 or len(body) % 4:
            raise ValueError(f"a query is a boxed TL object, a multiple of 4 bytes; got {len(body)}")
        if len(body) > state.config.limits.outgoing_message:
            raise ValueError(f"a query of {len(body)} bytes is above Limits.outgoing_message")
        return state.calls.add(body, after=tuple(after), updates=updates, repeat=repeat, give_up_at=give_up_at)

    def cancel(self, call_id: CallId, now: float) -> None:
        """Nobody waits for this call any more: no event follows. It may run all the same if it was sent.

        Calls that were to follow it wait for it no longer.
        """
        self._state.at(now)
        self._state.forget_message(call_id)
        self._state.calls.end(call_id)

    # ---- keys

    def renew(self, now: float) -> None:
        """Renew the temporary key now. Raises LocalProtocolError where none is bound."""
        state = self._state
        state.at(now)
        if state.keys.current is None:
            raise LocalProtocolError("no temporary key is bound yet: nothing to renew")
        state.keys.current.renew_at = state.server_time
        state.settled = False

    def bound_key(self) -> BoundKey:
        """The key in use, to hand over. Raises LocalProtocolError where none is bound."""
        return bound_key(self._state)

    def save(self, *, temporary_key: bool = False) -> bytes:
        """What is worth keeping over a restart: clock and key ids, and the bound temporary key if asked (it is a secret)."""
        return save(self._state, temporary_key=temporary_key)

    def close(self, now: float) -> None:
        """End the connection: acknowledgements leave, every call is told its outcome, then ConnectionClosed."""
        state = self._state
        state.at(now)
        if state.closed:
            return
        if state.stream is not None and not state.lost:
            flush_acks(state, state.stream)
        state.close(ConnectionClosed(error=None))

    @property
    def status(self) -> Status:
        """How things stand."""
        return status(self._state)

    # ---- inside

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """Take a step; what the peer did wrong ends the stream, and is told."""
        try:
            return step()
        except RemoteProtocolError as error:
            stream_failed(self._state, error)
            return True

    def _read_frame(self) -> bool:
        """Read one frame. False: there is none."""
        state = self._state
        if state.stream is None:
            return False
        frame = state.stream.next_frame()
        if frame is None:
            time_frame(state, state.stream.midway)
            if state.lost:
                stream_lost(state)
                return True
            return False
        state.timers.clear(Timer.FRAME)
        code = transport_error(frame)
        if code is not None:
            transport_error_came(state, code)
        elif is_no_op(frame):
            # it proves nothing either: who sends only these is given up as silent
            pass
        elif key_id_of(frame) == 0:
            receive_plain(state, frame)
        else:
            receive_sealed(state, frame)
        return True
