"""``ServerConnection``: one stream of one client, as a server sees it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from ..._errors import (
    Check,
    LocalProtocolError,
    PeerTimedOut,
    RemoteProtocolError,
    SecurityError,
)
from ..._events import CallReceived, ConnectionClosed
from ..._questions import NEED_DATA, Computation, Event, NeedData, Question, Unavailable
from ..._session import REPLY, MessageIds, RpcError
from ..._wire import ServerTransport, Stream, Transport, encode_transport_error, key_id_of
from ..asked import Asked
from ..timers import Timers
from .exchange import receive_plain
from .sealed import receive_sealed
from .sending import compose
from .sessions import ServerSession

if TYPE_CHECKING:
    from .endpoint import Server

__all__ = ["ServerConnection"]

T = TypeVar("T")

FRAME, OWNER, DISCONNECT = "frame", "owner", "disconnect"

ERROR_CODES = {
    Check.DATA_CENTER: -444,
    Check.HANDSHAKES_PER_PEER: -429,
    Check.CONTAINER_COUNT: -429,
    Check.ID_COUNT: -429,
}
"""The transport error for a breach, where it is not -404."""


class ServerConnection:
    """Born opened; made by ``Server.accept``. Ends in exactly one ConnectionClosed. Not thread-safe."""

    def __init__(self, server: Server, transport: Transport | ServerTransport, peer: Hashable, now: float) -> None:
        config = server.config
        self.server = server
        self.peer = peer
        self.now = now
        self.asked = Asked()
        self.timers = Timers()
        self.sessions: dict[tuple[int, int], ServerSession] = {}
        self.bind_refusals = 0
        self.closed = False
        self._events: deque[Event] = deque()
        self._todo: deque[Callable[[], None]] = deque()
        self._plain_ids = MessageIds()
        self._lost = False
        self._last_words = b""
        self._undo: Callable[[], None] | None = None
        self._stream = Stream(transport, server=True, limits=config.limits, entropy=config.entropy, crypto=config.crypto)
        self.timers.set(FRAME, now + config.timeouts.frame)

    # ---- the stream

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the stream, however they are cut. They are only kept; see :meth:`next_event`."""
        self._at(now)
        if not self.closed and not self._lost:
            self._stream.receive(data)

    def transport_lost(self, now: float) -> None:
        """The stream has ended: end of file, reset, a write that failed or was cancelled."""
        self._at(now)
        self._lost = True

    def data_to_send(self, now: float) -> bytes:
        """The bytes to write now. They count as sent: if the write fails, say :meth:`transport_lost`."""
        self._at(now)
        words, self._last_words = self._last_words, b""
        if self.closed or self._lost:
            return words
        compose(self, self._stream)
        return self._stream.data_to_send()

    @property
    def wants_data(self) -> bool:
        """False: stop reading the stream; a question waits for its answer."""
        return not self.closed and not len(self.asked)

    # ---- events and questions

    def next_event(self) -> Event | NeedData:
        """The next event; ``NEED_DATA``: nothing until bytes, time or an answer come."""
        while True:
            if self._events:
                return self._events.popleft()
            # while a question is open no further message is read
            if self.closed or (len(self.asked) and not self._lost):
                return NEED_DATA
            if not self._guarded(self._step):
                return NEED_DATA

    def answer(self, question: Question[T], value: T | Unavailable, now: float) -> None:
        """Answer a question. Late or withdrawn: ignored. UNAVAILABLE: the stream closes, and the client loses nothing.

        Raises TypeError or ValueError for what is no answer.
        """
        self._at(now)
        may_fail = not isinstance(question, Computation)
        # the owner's store failed: without -404, which would cost the client its key
        if not self._guarded(lambda: self.asked.answer(question, value, now, may_fail=may_fail) is not False):
            self._close(None)

    @property
    def open_questions(self) -> tuple[Question[Any], ...]:
        """The questions that wait for an answer."""
        return self.asked.questions

    # ---- time

    def next_deadline(self) -> float | None:
        """When to call :meth:`handle_timeout`, server unix seconds; None: no need to."""
        if self.closed:
            return None
        acks = (one.session.acks.deadline() for one in self.sessions.values())
        # acknowledgements that are due leave with data_to_send, without waiting
        deadlines = [at for at in acks if at is not None and at > self.now]
        earliest = self.timers.earliest()
        return min([*deadlines, *([] if earliest is None else [earliest])], default=None)

    def handle_timeout(self, now: float) -> None:
        """Time has passed; may be called early."""
        self._at(now)
        timeouts = self.server.config.timeouts
        for name in self.timers.take_due(now):
            if self.closed:
                return
            if name == FRAME:
                self._close(PeerTimedOut("rest of a frame, or beginning of a stream", timeouts.frame))
            else:
                # the owner does not answer, or the client asked for this end by ping_delay_disconnect
                self._close(None)

    # ---- answers of the owner

    def send_result(self, call: CallReceived, body: bytes, now: float) -> None:
        """Answer ``call`` with a boxed TL object. Raises LocalProtocolError where it was answered already."""
        self._at(now)
        self._answer_call(call, body)

    def send_error(self, call: CallReceived, code: int, message: str, now: float) -> None:
        """Answer ``call`` with an rpc_error. Raises LocalProtocolError where it was answered already."""
        self._at(now)
        self._answer_call(call, RpcError(code, message).to_bytes())

    def close(self, now: float) -> None:
        """End the stream; keys and sessions stay."""
        self._at(now)
        if not self.closed:
            self._close(None)

    # ---- for the steps in the files beside this one

    def tell(self, event: Event) -> None:
        self._events.append(event)

    def ask(self, question: Question[T], then: Callable[[T, float], None], undo: Callable[[], None] | None = None) -> None:
        """Ask the owner, and read no further before the answer. ``undo``: what is to be done if the stream ends without one."""

        def answered(value: T, now: float) -> None:
            self._undo = None
            self.timers.clear(OWNER)
            then(value, now)

        self._undo = undo
        self.timers.set(OWNER, self.now + self.server.config.timeouts.owner)
        self.tell(self.asked.ask(question, answered))

    def compute(self, work: Any, then: Callable[[Any, float], None]) -> None:
        """Have ``work`` computed."""
        self.ask(Computation(number=self.asked.next_number(), work=work, crypto=self.server.config.crypto), then)

    def do_next(self, steps: Iterable[Callable[[], None]]) -> None:
        """Do ``steps`` one after another, before the next frame; a question in between holds the rest."""
        self._todo.extend(steps)

    def send_plain(self, message: bytes) -> None:
        """Frame a message in the clear."""
        self._stream.send(message)

    def disconnect_after(self, seconds: int) -> None:
        """The client asks for the end of this stream unless it asks again in time; the last request counts."""
        self.timers.set(DISCONNECT, self.now + max(0, seconds))

    def next_plain_id(self) -> int:
        """The id of an answer in the clear."""
        return self._plain_ids.next(self.now, REPLY)

    def attach(self, session: ServerSession) -> None:
        """``session`` speaks on this stream from now on."""
        if session.stream is not None and session.stream is not self:
            session.stream.detach(session)
            # the other stream may be dead without our knowing, and what was written to it lost
            session.resend = True
        session.stream = self
        self.sessions[session.session.key.id, session.session.session_id] = session

    def detach(self, session: ServerSession) -> None:
        """``session`` speaks here no more."""
        session.stream = None
        self.sessions.pop((session.session.key.id, session.session.session_id), None)

    def refuse_bind(self, error: SecurityError | None) -> None:
        """A binding was refused; a client that goes on so binds thousands of times a second, so the stream ends.

        ``error``: None: it was the owner who refused.
        """
        self.bind_refusals += 1
        if self.bind_refusals >= self.server.config.limits.bind_refusals:
            self._close(error)

    # ---- inside

    def _at(self, now: float) -> None:
        if now < self.now:
            self.timers.shift(now - self.now)
            for one in self.sessions.values():
                one.session.acks.shift(now - self.now)
        self.now = now

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """Take a step; what the peer did wrong ends the stream, with a transport error, and is told."""
        try:
            return step()
        except RemoteProtocolError as error:
            self._close(error, ERROR_CODES.get(error.check, -404) if isinstance(error, SecurityError) else -404)
            return True

    def _step(self) -> bool:
        """One message, or one frame. False: there is none."""
        if len(self.asked):
            # the stream is lost, and nobody is there for what the answer would lead to
            self._close(None)
            return True
        if self._todo:
            self._todo.popleft()()
            return True
        frame = self._stream.next_frame()
        if frame is None:
            if self._lost:
                self._close(None)
                return True
            self._time_frame(self._stream.midway)
            return False
        self.timers.clear(FRAME)
        if key_id_of(frame) == 0:
            receive_plain(self, frame)
        else:
            receive_sealed(self, frame)
        return True

    def _time_frame(self, midway: bool) -> None:
        if midway:
            self.timers.set_if_unset(FRAME, self.now + self.server.config.timeouts.frame)
        else:
            self.timers.clear(FRAME)

    def _answer_call(self, call: CallReceived, body: bytes) -> None:
        session = self.server.sessions.find(call.key_id, call.session_id)
        if session is None:
            # the session was forgotten meanwhile, and nobody waits any more
            return
        if call.msg_id not in session.running:
            # where the id is not even known, the session was forgotten and begun again meanwhile
            if session.session.doubles.knows(call.msg_id):
                raise LocalProtocolError(f"call {call.msg_id:016x} has been answered already")
            return
        del session.running[call.msg_id]
        if call.msg_id in session.dropped:
            # rpc_drop_answer has answered it
            session.dropped.discard(call.msg_id)
            return
        session.answer(call.msg_id, body)

    def _close(self, error: RemoteProtocolError | None, code: int | None = None) -> None:
        """``code``: the transport error to end with, where the client's transport is known."""
        self.closed = True
        if self._stream.framing is not None and not self._lost:
            compose(self, self._stream, last=True)
            if code is not None:
                self._stream.send(encode_transport_error(code))
            self._last_words = self._stream.data_to_send()
        self.asked.withdraw_all()
        if self._undo is not None:
            self._undo()
        self._todo.clear()
        self.timers = Timers()
        for session in tuple(self.sessions.values()):
            self.detach(session)
            session.resend = True
        self.tell(ConnectionClosed(error=error))
