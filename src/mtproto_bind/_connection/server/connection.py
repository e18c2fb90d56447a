"""``ServerConnection``: one stream of one client, as a server sees it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from ..._errors import Check, LocalProtocolError, PeerTimedOut, RemoteProtocolError, SecurityError, require
from ..._events import CallReceived
from ..._handshake import DataCenter
from ..._questions import NEED_DATA, Computation, Event, NeedData, Question, Unavailable
from ..._session import RpcError
from ..._wire import ServerTransport, Transport, key_id_of
from .endpoint import Endpoint
from .exchange import receive_plain
from .link import FRAME, Link
from .sealed import receive_sealed
from .views import ServerStatus, status

__all__ = ["ServerConnection"]

T = TypeVar("T")

ERROR_CODES = {
    Check.DATA_CENTER: -444,
    Check.HANDSHAKES_PER_PEER: -429,
    Check.CONTAINER_COUNT: -429,
    Check.ID_COUNT: -429,
}
"""The transport error for a breach, where it is not -404."""


class ServerConnection:
    """Born opened; made by ``Server.accept``. Ends in exactly one ConnectionClosed. Not thread-safe."""

    def __init__(self, server: Endpoint, transport: Transport | ServerTransport, peer: Hashable, now: float) -> None:
        self._link = Link(self, server, transport, peer, now)

    # ---- the stream

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes of the stream, however they are cut. They are only kept; see :meth:`next_event`."""
        self._link.at(now)
        if not self._link.closed and not self._link.lost:
            self._link.stream.receive(data)

    def transport_lost(self, now: float) -> None:
        """The stream has ended: end of file, reset, a write that failed or was cancelled."""
        self._link.at(now)
        self._link.lost = True

    def data_to_send(self, now: float) -> bytes:
        """The bytes to write now. They count as sent: if the write fails, say :meth:`transport_lost`."""
        self._link.at(now)
        words, self._link.last_words = self._link.last_words, b""
        if self._link.closed or self._link.lost:
            return words
        self._link.compose()
        return self._link.stream.data_to_send()

    @property
    def wants_data(self) -> bool:
        """False: stop reading the stream; a question waits for its answer."""
        return not self._link.closed and not len(self._link.asked)

    # ---- events and questions

    def next_event(self) -> Event | NeedData:
        """The next event; ``NEED_DATA``: nothing until bytes, time or an answer come."""
        while True:
            if self._link.events:
                return self._link.events.popleft()
            # while a question is open no further message is read
            if self._link.closed or (len(self._link.asked) and not self._link.lost):
                return NEED_DATA
            if not self._guarded(self._step):
                return NEED_DATA

    def answer(self, question: Question[T], value: T | Unavailable, now: float) -> None:
        """Answer a question. Late or withdrawn: ignored. UNAVAILABLE: the stream closes, and the client loses nothing.

        Raises TypeError or ValueError for what is no answer.
        """
        self._link.at(now)
        may_fail = not isinstance(question, Computation)
        # the owner's store failed: without -404, which would cost the client its key
        if not self._guarded(lambda: self._link.asked.answer(question, value, now, may_fail=may_fail) is not False):
            self._link.close(None)

    @property
    def open_questions(self) -> tuple[Question[Any], ...]:
        """The questions that wait for an answer."""
        return self._link.asked.questions

    @property
    def status(self) -> ServerStatus:
        """How the stream stands, for logs."""
        return status(self._link)

    # ---- time

    def next_deadline(self) -> float | None:
        """When to call :meth:`handle_timeout`, server unix seconds; None: no need to."""
        if self._link.closed:
            return None
        acks = (one.session.acks.deadline() for one in self._link.sessions.values())
        # acknowledgements that are due leave with data_to_send, without waiting
        deadlines = [at for at in acks if at is not None and at > self._link.now]
        earliest = self._link.timers.earliest()
        return min([*deadlines, *([] if earliest is None else [earliest])], default=None)

    def handle_timeout(self, now: float) -> None:
        """Time has passed; may be called early."""
        self._link.at(now)
        timeouts = self._link.server.config.timeouts
        for name in self._link.timers.take_due(now):
            if self._link.closed:
                return
            if name == FRAME:
                self._link.close(PeerTimedOut("rest of a frame, or beginning of a stream", timeouts.frame))
            else:
                # the owner does not answer, or the client asked for this end by ping_delay_disconnect
                self._link.close(None)

    # ---- answers of the owner

    def send_result(self, call: CallReceived, body: bytes, now: float) -> ServerConnection | None:
        """Answer ``call`` with a boxed TL object, on whichever stream its session speaks now.

        Returns the connection whose ``data_to_send`` is to be written: nearly always this one. None: the answer is kept for
        the session's next stream. Raises LocalProtocolError where it was answered already.
        """
        self._link.at(now)
        return self._answer_call(call, body)

    def send_error(self, call: CallReceived, code: int, message: str, now: float) -> ServerConnection | None:
        """Answer ``call`` with an rpc_error; the rest is as in :meth:`send_result`."""
        self._link.at(now)
        return self._answer_call(call, RpcError(code, message).to_bytes())

    def close(self, now: float) -> None:
        """End the stream; keys and sessions stay."""
        self._link.at(now)
        if not self._link.closed:
            self._link.close(None)

    # ---- inside

    def _guarded(self, step: Callable[[], bool]) -> bool:
        """Take a step; what the peer did wrong ends the stream, with a transport error, and is told."""
        try:
            return step()
        except RemoteProtocolError as error:
            self._link.close(error, ERROR_CODES.get(error.check, -404) if isinstance(error, SecurityError) else -404)
            return True

    def _step(self) -> bool:
        """One message, or one frame. False: there is none."""
        if len(self._link.asked):
            # the stream is lost, and nobody is there for what the answer would lead to
            self._link.close(None)
            return True
        if self._link.todo:
            self._link.todo.popleft()()
            return True
        frame = self._link.stream.next_frame()
        if frame is None:
            if self._link.lost:
                self._link.close(None)
                return True
            self._time_frame(self._link.stream.midway)
            return False
        self._link.timers.clear(FRAME)
        self._check_header()
        if key_id_of(frame) == 0:
            receive_plain(self._link, frame)
        else:
            receive_sealed(self._link, frame)
        return True

    def _check_header(self) -> None:
        """A client behind a secret has told in its header where it wants to go; one without need not be right there."""
        asked, ours = self._link.stream.dc, self._link.server.config.dc
        served = asked is None or ours is None or ours.serves(DataCenter.from_number(asked))
        require(served, Check.DATA_CENTER, f"{asked} was asked for in the header")

    def _time_frame(self, midway: bool) -> None:
        if midway:
            self._link.timers.set_if_unset(FRAME, self._link.now + self._link.server.config.timeouts.frame)
        else:
            self._link.timers.clear(FRAME)

    def _answer_call(self, call: CallReceived, body: bytes) -> ServerConnection | None:
        session = self._link.server.sessions.find(call.key_id, call.session_id)
        if session is None or call.msg_id not in session.running:
            if session is not None and session.session.doubles.knows(call.msg_id):
                raise LocalProtocolError(f"call {call.msg_id:016x} has been answered already")
            # the session was forgotten meanwhile, and perhaps begun anew: nobody waits any more
            return None
        del session.running[call.msg_id]
        if call.msg_id in session.dropped:
            # rpc_drop_answer has answered it
            session.dropped.discard(call.msg_id)
            return None
        session.answer(call.msg_id, body)
        return session.stream.face if session.stream is not None else None
