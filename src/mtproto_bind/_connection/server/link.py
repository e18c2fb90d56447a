"""One stream of a client as the steps of a server see it: what is asked, told, timed and framed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from ..._errors import Check, RemoteProtocolError, SecurityError
from ..._events import ConnectionClosed
from ..._questions import Computation, Event, KeyNeeded, Question, StoredKey
from ..._session import REPLY, Item, MessageIds
from ..._wire import ServerTransport, Stream, Transport, encode_transport_error
from ..asked import Asked
from ..timers import Timers
from .endpoint import Endpoint
from .sending import compose, frame_items
from .sessions import CONTAINERS_UNREAD, ServerSession

if TYPE_CHECKING:
    from .connection import ServerConnection

__all__ = ["DISCONNECT", "FRAME", "OWNER", "Link"]

T = TypeVar("T")

FRAME, OWNER, DISCONNECT = "frame", "owner", "disconnect"


class Link:
    """The state of one stream. The steps in the files beside this one work on it; ``ServerConnection`` is its face."""

    def __init__(
        self, face: ServerConnection, server: Endpoint, transport: Transport | ServerTransport, peer: Hashable, now: float
    ) -> None:
        config = server.config
        self.face = face
        self.server = server
        self.peer = peer
        self.now = now
        self.asked = Asked()
        self.timers = Timers()
        self.sessions: dict[tuple[int, int], ServerSession] = {}
        self._draft: ServerSession | None = None
        self._asides: list[tuple[ServerSession, Item]] = []
        self.dropped: Counter[Check] = Counter()
        self.bind_refusals = 0
        self.closed = False
        self.events: deque[Event] = deque()
        self.todo: deque[Callable[[], None]] = deque()
        self._plain_ids = MessageIds()
        self.lost = False
        self.last_words = b""
        self._undo: Callable[[], None] | None = None
        self.stream = Stream(transport, server=True, limits=config.limits, entropy=config.entropy, crypto=config.crypto)
        self.timers.set(FRAME, now + config.timeouts.frame)

    def at(self, now: float) -> None:
        """The server's clock says ``now``; if it went back, every deadline moves with it."""
        self.server.at(now)
        if now < self.now:
            self.timers.shift(now - self.now)
        self.now = now

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def ask(self, question: Question[T], then: Callable[[T, float], None], undo: Callable[[], None] | None = None) -> None:
        """Ask the owner, and read no further before the answer. ``undo``: what is to be done if the stream ends without one."""

        def answered(value: T, now: float) -> None:
            self._undo = None
            self.timers.clear(OWNER)
            then(value, now)

        self._undo = undo
        self.timers.set(OWNER, self.now + self.server.config.timeouts.owner)
        self.tell(self.asked.ask(question, answered))

    def ask_for_key(self, key_id: int, then: Callable[[StoredKey | None], None], undo: Callable[[], None] | None = None) -> None:
        """Ask the owner for a key, and remember it. None: there is none."""

        def found(answer: StoredKey | None, _now: float) -> None:
            then(self.server.remember(key_id, answer))

        self.ask(KeyNeeded(number=self.asked.next_number(), key_id=key_id), found, undo)

    def compute(self, work: Any, then: Callable[[Any, float], None]) -> None:
        """Have ``work`` computed."""
        self.ask(Computation(number=self.asked.next_number(), work=work, crypto=self.server.config.crypto), then)

    def do_next(self, steps: Iterable[Callable[[], None]]) -> None:
        """Do ``steps`` one after another, before the next frame; a question in between holds the rest."""
        self.todo.extend(steps)

    def send_plain(self, message: bytes) -> None:
        """Frame a message in the clear."""
        self.stream.send(message)

    def disconnect_after(self, seconds: int) -> None:
        """The client asks for the end of this stream unless it asks again in time; the last request counts."""
        self.timers.set(DISCONNECT, self.now + max(0, seconds))

    def next_plain_id(self) -> int:
        """The id of an answer in the clear."""
        return self._plain_ids.next(self.now, REPLY)

    def session_for(self, record: StoredKey, session_id: int) -> ServerSession:
        """The session, or a draft of one: a session is remembered only once a message of it counts."""
        known = self.server.sessions.find(record.key.id, session_id)
        if known is not None:
            return known
        draft = self._draft
        # the same draft again, so that two refusals have two numbers
        if draft is None or (draft.session.key.id, draft.session.session_id) != (record.key.id, session_id):
            draft = self._draft = self.server.sessions.draft(record, session_id)
        return draft

    def reply(self, session: ServerSession, item: Item) -> None:
        """Say ``item`` on this stream, wherever the session speaks; nobody keeps it."""
        if session.stream is self:
            session.say(item)
        elif len(self._asides) < CONTAINERS_UNREAD * self.server.config.limits.container_messages:
            self._asides.append((session, item))

    def compose(self, *, last: bool = False) -> None:
        """Frame everything that is due. ``last``: nothing follows."""
        asides, self._asides = self._asides, []
        for session, item in asides:
            frame_items(session, [item], self.stream, self.now)
        compose(self.sessions.values(), self.stream, self.now, last=last)

    def attach(self, session: ServerSession) -> None:
        """``session`` speaks on this stream from now on."""
        if session.stream is not None and session.stream is not self:
            session.stream.detach(session)
            # the other stream may be dead without our knowing, and what was written to it lost
            session.resend = True
        if session is self._draft:
            self._draft = None
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
            self.close(error)

    def close(self, error: RemoteProtocolError | None, code: int | None = None) -> None:
        """``code``: the transport error to end with, where the client's transport is known."""
        self.closed = True
        if self._undo is not None:
            # before anything is said that would not be true then
            self._undo()
        if self.stream.framing is not None and not self.lost:
            self.compose(last=True)
            if code is not None:
                self.stream.send(encode_transport_error(code))
            self.last_words = self.stream.data_to_send()
        self.asked.withdraw_all()
        for session in tuple(self.sessions.values()):
            self.detach(session)
            session.resend = True
        self.tell(ConnectionClosed(error=error))
