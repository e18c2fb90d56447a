"""``Server``: what outlives a stream, for all streams of a server. It has no socket, no thread, no clock, no store."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush

from attrs import evolve

from ..._config import ServerConfig
from ..._crypto import Secret
from ..._errors import LocalProtocolError
from ..._handshake import ServerTools
from ..._questions import StoredKey
from ..._session import UNASKED, Item
from ..._wire import ServerTransport, Transport
from .connection import ServerConnection
from .handshakes import Handshakes
from .sessions import Sessions, Update

__all__ = ["Server"]


class Server:
    """Sessions with their memories, unfinished handshakes, and a cache of keys; make one for each process.

    Not thread-safe. Every ``now`` is unix seconds on the server's clock.
    """

    def __init__(self, config: ServerConfig) -> None:
        """Draws 32 bytes where ``config.salt_secret`` is not given."""
        self.config = config
        salt_secret = config.salt_secret if config.salt_secret is not None else Secret(config.entropy(32))
        self._sessions = Sessions(config, salt_secret)
        self._handshakes = Handshakes(config.limits, config.timeouts)
        self._keys: dict[int, StoredKey] = {}
        self._bound: dict[tuple[int, bool], int] = {}
        self._endings: list[tuple[float, int]] = []

    def accept(self, transport: Transport | ServerTransport, peer: Hashable, now: float) -> ServerConnection:
        """A client has opened a stream. ``peer`` is whom the limits are counted for: a host, say."""
        return ServerConnection(self, transport, peer, now)

    def next_deadline(self) -> float | None:
        """When to call :meth:`handle_timeout`; None: no need to."""
        ends = [self._handshakes.deadline(), self._endings[0][0] if self._endings else None]
        return min((at for at in ends if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Forget what has ended: handshakes, temporary keys, sessions of keys that were replaced. May be called early."""
        self._handshakes.expire(now)
        while self._endings and self._endings[0][0] <= now:
            _, key_id = heappop(self._endings)
            record = self._keys.get(key_id)
            if record is None or (record.expires_at is not None and record.expires_at <= now):
                self._keys.pop(key_id, None)
                self._sessions.end_key(key_id)
            elif record.bound_to is None:
                # unbound a while ago: what was on its way has had its time
                self._sessions.end_key(key_id)

    def send_update(self, key_id: int, session_id: int, body: bytes, now: float) -> ServerConnection | None:
        """Send ``body`` (a boxed TL object) unasked; it is repeated until UpdateAcknowledged.

        Returns the connection whose ``data_to_send`` is to be written; None: it is kept for the session's next stream.
        Raises LocalProtocolError where there is no such session, or too much is unacknowledged in it.
        """
        del now
        session = self._sessions.find(key_id, session_id)
        if session is None:
            raise LocalProtocolError(f"no session {session_id:016x} under key {key_id:016x}")
        if len(session.session.sent) + len(session.outbox) >= self.config.limits.unacknowledged:
            raise LocalProtocolError("too much is unacknowledged in this session (Limits.unacknowledged)")
        session.say(Item(body=body, content_related=True, keep=True, about=Update(body), remainder=UNASKED))
        return session.stream

    # ---- for its connections

    def tools(self, now: float) -> ServerTools:
        """What the steps of a handshake work with."""
        config = self.config
        g, dh_prime = config.dh_group
        return ServerTools(
            entropy=config.entropy,
            crypto=config.crypto,
            private_keys=config.private_keys,
            dc=config.dc,
            g=g,
            dh_prime=dh_prime,
            limits=config.limits,
            old_rsa=config.old_rsa,
            now=now,
        )

    @property
    def sessions(self) -> Sessions:
        """The sessions of all keys."""
        return self._sessions

    @property
    def handshakes(self) -> Handshakes:
        """The handshakes of all peers."""
        return self._handshakes

    def cached_key(self, key_id: int) -> StoredKey | None:
        """A key that was seen lately."""
        return self._keys.get(key_id)

    def cache_key(self, record: StoredKey) -> None:
        """Remember a key; the one longest here makes room."""
        key_id = record.key.id
        self._keys.pop(key_id, None)
        if len(self._keys) >= self.config.limits.keys:
            del self._keys[next(iter(self._keys))]
        self._keys[key_id] = record
        if record.expires_at is not None:
            heappush(self._endings, (record.expires_at, key_id))
        if record.bound_to is not None:
            self._bound[record.bound_to, record.media] = key_id

    def bound(self, temporary_key_id: int, permanent_key_id: int, now: float) -> None:
        """The owner has bound the keys: in the same step the temporary key of before (of the same kind) is unbound.

        It stays for a while, for answers and acknowledgements on their way.
        """
        new = self._keys.get(temporary_key_id)
        if new is None:
            return
        kind = (permanent_key_id, new.media)
        old = self._keys.get(self._bound.get(kind, temporary_key_id))
        if old is not None and old is not new:
            self._keys[old.key.id] = evolve(old, bound_to=None)
            heappush(self._endings, (now + self.config.timeouts.drain, old.key.id))
        self._keys[temporary_key_id] = evolve(new, bound_to=permanent_key_id)
        self._bound[kind] = temporary_key_id
