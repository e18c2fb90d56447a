"""What outlives a stream, for all streams of a server: sessions, handshakes, a cache of keys."""

from __future__ import annotations

from heapq import heappop, heappush

from attrs import evolve

from ..._config import ServerConfig
from ..._crypto import Secret
from ..._handshake import ServerTools
from ..._questions import StoredKey
from .handshakes import Handshakes
from .sessions import Sessions

__all__ = ["Endpoint"]

LATE = 1.0
"""Seconds."""


class Endpoint:
    """The memory that the connections of one server share. ``Server`` is its face."""

    def __init__(self, config: ServerConfig) -> None:
        """Draws 32 bytes where ``config.salt_secret`` is not given."""
        self.config = config
        salt_secret = config.salt_secret if config.salt_secret is not None else Secret(config.entropy(32))
        self._sessions = Sessions(config, salt_secret)
        self._handshakes = Handshakes(config.limits, config.timeouts)
        self._keys: dict[int, StoredKey] = {}
        # which temporary key is bound to a permanent one, for media and for the rest; only for keys of the cache
        self._bound: dict[tuple[int | None, bool], int] = {}
        self._endings: list[tuple[float, int]] = []
        self._told_at: dict[int, float] = {}
        self._destroyed: dict[int, None] = {}
        self._now = float("-inf")

    def at(self, now: float) -> None:
        """The clock says ``now``; if it went back, every deadline moves with it, but not the end of a key, which is a moment.

        Streams tell the time in turn, and each perhaps a little late: so much is no step.
        """
        step = now - self._now
        if step < -LATE:
            self._handshakes.shift(step)
            self._sessions.shift(step)
            self._endings = sorted((at if self._expires(key_id) == at else at + step, key_id) for at, key_id in self._endings)
        if not -LATE <= step <= 0:
            self._now = now

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

    def current(self, record: StoredKey) -> StoredKey:
        """``record`` as it is now, if it is still in the cache."""
        return self._keys.get(record.key.id, record)

    def trusts(self, record: StoredKey, now: float) -> bool:
        """Whether ``record`` is new enough to be believed: where calls are shared, other processes change keys."""
        told_at = self._told_at.get(record.key.id, float("-inf"))
        return not self.config.share_calls or told_at <= now < told_at + self.config.timeouts.drain

    def remember(self, key_id: int, answer: StoredKey | None) -> StoredKey | None:
        """What the owner says of a key, with what has been destroyed since it was asked."""
        if answer is None or answer.key.id in self._destroyed or answer.bound_to in self._destroyed:
            self._forget(key_id)
            return None
        known = self._keys.get(key_id)
        if known is not None and known.bound_to is not None and answer.bound_to is None:
            # another process has bound the key that follows; this one stays for a while, as in bound()
            self._end_at(self._now + self.config.timeouts.drain, key_id)
        self.cache_key(answer)
        return answer

    def destroy_key(self, key_id: int) -> None:
        """A permanent key exists no more, nor what is bound to it, nor any of their sessions."""
        for each in (key_id, *(each for each, record in self._keys.items() if record.bound_to == key_id)):
            self._destroyed[each] = None
            self._forget(each)
        # questions that are open may be answered with it yet, and none is open for ever
        while len(self._destroyed) > self.config.limits.keys:
            del self._destroyed[next(iter(self._destroyed))]

    def cache_key(self, record: StoredKey) -> None:
        """Remember a key; the one longest here makes room."""
        key_id = record.key.id
        self._uncache(key_id)
        if len(self._keys) >= self.config.limits.keys:
            self._uncache(next(iter(self._keys)))
        self._keys[key_id] = record
        self._told_at[key_id] = self._now
        if record.expires_at is not None:
            self._end_at(record.expires_at, key_id)
        if record.bound_to is not None:
            self._bound[record.bound_to, record.media] = key_id

    def bound(self, record: StoredKey, permanent_key_id: int, now: float) -> None:
        """The owner has bound a temporary key: in the same step the one of before (of the same kind) is unbound.

        It stays for a while, for answers and acknowledgements on their way.
        """
        if permanent_key_id in self._destroyed:
            self._uncache(record.key.id)
            return
        old = self._keys.get(self._bound.pop((permanent_key_id, record.media), 0))
        if old is not None and old.key.id != record.key.id:
            self._keys[old.key.id] = evolve(old, bound_to=None)
            self._end_at(now + self.config.timeouts.drain, old.key.id)
        self.cache_key(evolve(record, bound_to=permanent_key_id))

    def next_deadline(self) -> float | None:
        """When to call :meth:`handle_timeout`; None: no need to."""
        ends = [self._handshakes.deadline(), self._endings[0][0] if self._endings else None]
        return min((at for at in ends if at is not None), default=None)

    def handle_timeout(self, now: float) -> None:
        """Forget what has ended: handshakes, temporary keys, sessions of keys that were replaced. May be called early."""
        self.at(now)
        self._handshakes.expire(now)
        while self._endings and self._endings[0][0] <= now:
            _, key_id = heappop(self._endings)
            record = self._keys.get(key_id)
            if record is None or (record.expires_at is not None and record.expires_at <= now):
                self._forget(key_id)
            elif record.bound_to is None:
                # unbound a while ago: what was on its way has had its time
                self._sessions.end_key(key_id)

    # ---- inside

    def _forget(self, key_id: int) -> None:
        """The key exists no more."""
        self._uncache(key_id)
        self._sessions.end_key(key_id)

    def _uncache(self, key_id: int) -> None:
        record = self._keys.pop(key_id, None)
        self._told_at.pop(key_id, None)
        kind = (record.bound_to, record.media) if record is not None else None
        if kind is not None and self._bound.get(kind) == key_id:
            del self._bound[kind]

    def _expires(self, key_id: int) -> float | None:
        record = self._keys.get(key_id)
        return None if record is None else record.expires_at

    def _end_at(self, at: float, key_id: int) -> None:
        """Look at the key again at ``at``, server unix seconds."""
        heappush(self._endings, (at, key_id))
        if len(self._endings) > 2 * self.config.limits.keys:
            # keys come and go, and nothing has to be ended for those that went; what is sorted is a heap
            self._endings = sorted({(at, key_id) for at, key_id in self._endings if key_id in self._keys})
