"""The unfinished handshakes of a server, found by their nonces on whatever stream they go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from attrs import define, field

from ..._errors import Check, require
from ..._handshake import State
from ..._limits import Limits, Timeouts

__all__ = ["Handshakes", "Pending"]


@define(eq=False)
class Pending:
    """One handshake: where it stands, and what was asked and answered last."""

    state: State
    nonce: bytes = field(repr=False)
    server_nonce: bytes = field(repr=False)
    peer: Hashable
    ends_at: float
    """Server unix seconds."""
    counted: bool = True
    """It is unfinished, and burdens its peer."""
    asked: bytes = field(default=b"", repr=False)
    """A digest of the request that was answered last."""
    answer: bytes = field(default=b"", repr=False)
    worked_on: object = None
    """The stream whose request is being computed."""
    under_way: bytes = field(default=b"", repr=False)
    """A digest of that request; empty: none has come since the last answer."""

    def advance(self, state: State, asked: bytes, answer: bytes) -> None:
        """A step is done: ``asked`` was answered with ``answer``."""
        self.state, self.asked, self.answer, self.worked_on, self.under_way = state, asked, answer, None, b""


class Handshakes:
    """At most ``Limits.handshakes``, each for ``Timeouts.handshake_memory`` seconds from its first request."""

    def __init__(self, limits: Limits, timeouts: Timeouts) -> None:
        self._limits = limits
        self._memory = timeouts.handshake_memory
        self._by_nonces: dict[tuple[bytes, bytes], Pending] = {}
        self._by_nonce: dict[bytes, Pending] = {}
        self._of_peer: Counter[Hashable] = Counter()

    def began(self, nonce: bytes, now: float) -> Pending | None:
        """The handshake that ``nonce`` (16 bytes) began."""
        self.expire(now)
        return self._by_nonce.get(nonce)

    def find(self, nonce: bytes, server_nonce: bytes, now: float) -> Pending | None:
        self.expire(now)
        return self._by_nonces.get((nonce, server_nonce))

    def may_begin(self, peer: Hashable, now: float) -> None:
        """Raise SecurityError(HANDSHAKES_PER_PEER) where ``peer`` has too many that are not finished."""
        self.expire(now)
        require(self._of_peer[peer] < self._limits.handshakes_per_peer, Check.HANDSHAKES_PER_PEER)

    def add(self, state: State, nonce: bytes, server_nonce: bytes, peer: Hashable, now: float) -> Pending:
        """A new one; the oldest makes room."""
        if len(self._by_nonces) >= self._limits.handshakes:
            self.remove(next(iter(self._by_nonces.values())))
        pending = Pending(state=state, nonce=nonce, server_nonce=server_nonce, peer=peer, ends_at=now + self._memory)
        self._by_nonces[nonce, server_nonce] = self._by_nonce[nonce] = pending
        self._of_peer[peer] += 1
        return pending

    def remove(self, pending: Pending) -> None:
        """It failed, or its time is up: everything that belongs to it gets -404 from now on."""
        if self._by_nonces.pop((pending.nonce, pending.server_nonce), None) is None:
            return
        if self._by_nonce.get(pending.nonce) is pending:
            del self._by_nonce[pending.nonce]
        self.finish(pending)

    def finish(self, pending: Pending) -> None:
        """It is answered to the end; it stays only to answer the same again, and burdens its peer no more."""
        if pending.counted:
            pending.counted = False
            self._of_peer[pending.peer] -= 1
            if not self._of_peer[pending.peer]:
                del self._of_peer[pending.peer]

    def expire(self, now: float) -> None:
        """Forget those whose time is up; all live equally long, so the oldest end first."""
        while self._by_nonces:
            oldest = next(iter(self._by_nonces.values()))
            if oldest.ends_at > now:
                return
            self.remove(oldest)

    def shift(self, seconds: float) -> None:
        """Our clock jumped by ``seconds``."""
        for pending in self._by_nonces.values():
            pending.ends_at += seconds

    def deadline(self) -> float | None:
        """When the oldest ends."""
        return next((pending.ends_at for pending in self._by_nonces.values()), None)

    def __len__(self) -> int:
        return len(self._by_nonces)
