"""``ClientConnection``: from nothing to bound, and on. No socket, no thread, no clock, no randomness of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import field, frozen

from ..._calls import Calls
from ..._config import ClientConfig
from ..._crypto import AuthKey
from ..._errors import Check, LocalProtocolError, RemoteProtocolError
from ..._events import CallId, ConnectionClosed, NotRun
from ..._handshake import ClientTools
from ..._keys import Backoff, Keys, Need, SlotState, lacking
from ..._questions import NEED_DATA, Event, NeedData, Question
from ..._session import ServerClock
from ..._wire import Stream, Transport, key_id_of, transport_error
from .binding import ask_for_owners_key, build_again, start_binding
from .endings import expire, stream_failed, stream_lost, timed_out
from .endings import transport_error as transport_error_came
from .exchange import again, begin_exchange, receive_plain
from .saved import restore, save
from .sealed import receive_sealed
from .sending import compose, flush_acks, send_ping
from .state import ClientState, Timer

__all__ = ["BoundKey", "ClientConnection", "Status"]

T = TypeVar("T")


@frozen(kw_only=True)
class BoundKey:
    """A bound key for another library to go on with. It has to use this session, and to say initConnection first.

    ``time_offset``: seconds to add to our clock. ``next_seq_no``: of its first content-related message.
    ``expires_at``, ``renew_at``: server unix seconds.
    """

    key: AuthKey
    permanent_key_id: int
    server_salt: int = field(repr=False)
    time_offset: float
    session_id: int
    next_seq_no: int
    last_msg_id: int
    expires_at: int
    renew_at: float


@frozen(kw_only=True)
class Status:
    """A look inside, for logs and bug reports. No secrets."""

    stream_open: bool
    handshake: str | None
    permanent_key_id: int | None
    temporary_key_id: int | None
    temporary_key_state: str | None
    next_key_state: str | None
    expires_at: int | None
    clock: ServerClock
    calls: int
    open_questions: int
    attempts: int
    dropped: dict[Check, int]
    closed: bool


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
        """A new stream is there; nothing has been written to it."""
        state = self._state
        if state.closed:
            raise LocalProtocolError("the connection is closed")
        if state.stream is not None:
            raise LocalProtocolError("a stream is open already: tell transport_lost first, and await TransportEnded")
        state.at(now)
        config = state.config
        state.stream = Stream(
            transport,
            server=False,
            limits=config.limits,
            entropy=config.entropy,
            crypto=config.crypto,
            dc=config.dc.number,
        )
        state.last_words = b""
        again(state)
        for slot in state.keys.slots():
            slot.resend = True
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
            self._pursue_goal()
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
        state = self._state
        if state.closed:
            return None
        offset = state.clock.offset
        deadlines = [state.timers.earliest(), state.calls.deadline()]
        for slot in state.keys.slots():
            deadlines.append(slot.expires_at - offset)
            if slot is state.keys.current and state.keys.next is None and slot.renew_at is not None:
                deadlines.append(slot.renew_at - offset)
            if state.stream is not None:
                deadlines.append(slot.session.acks.deadline())
        # what is due already is done by next_event and data_to_send, not by waiting
        return min((at for at in deadlines if at is not None and at > state.now), default=None)

    def handle_timeout(self, now: float) -> None:
        """Time has passed; may be called early."""
        state = self._state
        state.at(now)
        for name in state.timers.take_due(now):
            self._expired(name)
        for call in state.calls.overdue(now):
            self._give_up(call.id)
        # what is due on the server's clock, or was waiting for one of these timers, begins in next_event
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
        if state.closed or state.closing:
            raise LocalProtocolError("the connection is closed: no call can be made")
        if len(body) < 4 or len(body) % 4:
            raise ValueError(f"a query is a boxed TL object, a multiple of 4 bytes; got {len(body)}")
        return state.calls.add(body, after=tuple(after), updates=updates, repeat=repeat, give_up_at=give_up_at)

    def cancel(self, call_id: CallId, now: float) -> None:
        """Nobody waits for this call any more: no event follows. It may run all the same if it was sent."""
        self._state.at(now)
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
        state = self._state
        slot = state.keys.current
        if slot is None or slot.renew_at is None:
            raise LocalProtocolError("no temporary key is bound yet: wait for KeyBound")
        return BoundKey(
            key=slot.session.key,
            permanent_key_id=state.keys.permanent_id or 0,
            server_salt=slot.salt,
            time_offset=state.clock.offset,
            session_id=slot.session.session_id,
            next_seq_no=2 * slot.session.numbers.content_related + 1,
            last_msg_id=slot.session.ids.last,
            expires_at=slot.expires_at,
            renew_at=slot.renew_at,
        )

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
        state = self._state
        current, following = state.keys.current, state.keys.next
        shown = current or following
        return Status(
            stream_open=state.stream is not None and not state.lost,
            handshake=None if state.exchange is None else type(state.exchange.state).__name__,
            permanent_key_id=state.keys.permanent_id,
            temporary_key_id=None if shown is None else shown.id,
            temporary_key_state=None if shown is None else shown.state.name,
            next_key_state=None if following is None else following.state.name,
            expires_at=None if shown is None else shown.expires_at,
            clock=state.clock,
            calls=len(state.calls.all()),
            open_questions=len(state.asked),
            attempts=state.attempts,
            dropped=dict(state.dropped),
            closed=state.closed,
        )

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
            self._time_frame(state.stream.midway)
            if state.lost:
                stream_lost(state)
                return True
            return False
        state.timers.clear(Timer.FRAME)
        code = transport_error(frame)
        if code is not None:
            transport_error_came(state, code)
        elif key_id_of(frame) == 0:
            receive_plain(state, frame)
        else:
            receive_sealed(state, frame)
        return True

    def _time_frame(self, midway: bool) -> None:
        timers = self._state.timers
        if midway:
            timers.set_if_unset(Timer.FRAME, self._state.now + self._state.config.timeouts.frame)
        else:
            timers.clear(Timer.FRAME)

    def _pursue_goal(self) -> None:
        """Begin what is lacking; called once the owner has every event."""
        state = self._state
        need = lacking(state.keys, state.config.goal, server_time=state.server_time)
        if need in (Need.PERMANENT_KEY, Need.TEMPORARY_KEY):
            # handshakes follow each other; the first needs a stream to begin
            if state.exchange is None and state.stream is not None and Timer.EXCHANGE_AGAIN not in state.timers:
                begin_exchange(state, need)
        elif need is Need.OWNERS_KEY:
            ask_for_owners_key(state)
        elif need is Need.BINDING and state.keys.next is not None and Timer.BIND_AGAIN not in state.timers:
            start_binding(state, state.keys.next)

    def _expired(self, name: object) -> None:
        state = self._state
        timeouts = state.config.timeouts
        match name:
            case Timer.HANDSHAKE_ANSWER if state.stream is not None:
                timed_out(state, "answer to the handshake", timeouts.handshake)
            case Timer.BIND_ANSWER if state.keys.next is not None:
                timed_out(state, "answer to the binding", timeouts.bind)
            case Timer.FRAME:
                timed_out(state, "rest of a frame", timeouts.frame)
            case Timer.IDLE if state.stream is not None:
                self._idle()
            case Timer.BINDING_REQUIRED:
                build_again(state)
            case Timer.DRAINED:
                for slot in tuple(state.keys.draining):
                    state.lose(slot, "its answers did not come after the key was renewed")

    def _idle(self) -> None:
        state = self._state
        if state.ping_out:
            timed_out(state, "sign of life", state.config.timeouts.idle)
        elif state.keys.current is not None and state.keys.current.state is SlotState.BOUND:
            send_ping(state)
            state.timers.set(Timer.IDLE, state.now + state.config.timeouts.idle)

    def _give_up(self, call_id: CallId) -> None:
        state = self._state
        call = state.calls.get(call_id)
        why = "give_up_at has come"
        if call is not None and call.msg_id is None:
            state.tell(state.calls.failed(call_id, NotRun(why)))
        else:
            state.abandon(call_id, False, why)
