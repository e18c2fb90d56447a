"""``Server``: the server's side of all streams. It has no socket, no thread, no clock, no store."""

from __future__ import annotations

from collections.abc import Hashable

from ..._errors import LocalProtocolError
from ..._session import UNASKED, Item
from ..._wire import ServerTransport, Transport
from .connection import ServerConnection
from .endpoint import Endpoint
from .sessions import Update

__all__ = ["Server"]


class Server(Endpoint):
    """Sessions with their memories, unfinished handshakes, and a cache of keys; make one for each process.

    Not thread-safe. Every ``now`` is unix seconds on the server's clock.
    """

    def accept(self, transport: Transport | ServerTransport, peer: Hashable, now: float) -> ServerConnection:
        """A client has opened a stream. ``peer`` is whom the limits are counted for: a host, say."""
        self.at(now)
        return ServerConnection(self, transport, peer, now)

    def forget_key(self, key_id: int, now: float) -> None:
        """A permanent key exists no more, because its owner or another process has destroyed it, nor does what is bound to it.

        Where a client asked for it here (DestructionRequested), that is done already.
        """
        self.at(now)
        self.destroy_key(key_id)

    def send_update(self, key_id: int, session_id: int, body: bytes, now: float) -> ServerConnection | None:
        """Send ``body`` (a boxed TL object) unasked; it is repeated until UpdateAcknowledged.

        Returns the connection whose ``data_to_send`` is to be written; None: it is kept for the session's next stream.
        Raises LocalProtocolError where there is no such session, or too much is unacknowledged in it.
        """
        self.at(now)
        session = self.sessions.find(key_id, session_id)
        if session is None:
            raise LocalProtocolError(f"no session {session_id:016x} under key {key_id:016x}")
        if len(session.session.sent) + len(session.outbox) >= self.config.limits.unacknowledged:
            raise LocalProtocolError("too much is unacknowledged in this session (Limits.unacknowledged)")
        session.say(Item(body=body, content_related=True, keep=True, about=Update(body), remainder=UNASKED))
        return session.stream.face if session.stream is not None else None
