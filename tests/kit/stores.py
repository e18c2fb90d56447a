"""Stores of every kind behind one face, with a clock that a test can advance."""

from __future__ import annotations

from itertools import count
from typing import Any

from mtproto_bind import (
    AuthKey,
    BindRequested,
    CallClaimed,
    DestructionRequested,
    HandshakeAdvanced,
    HandshakeNeeded,
    KeyKind,
    KeyNeeded,
    KeyOffered,
    Question,
    StoredKey,
)
from mtproto_bind_adapters.stores import MemoryStore, SqliteStore
from mtproto_bind_adapters.stores.redis import RedisStore
from mtproto_bind_adapters.stores.servers import Client

__all__ = ["AnyStore", "RedisRig", "Rig", "record"]

NOW = 1_800_000_000.0
NUMBERS = count()
AnyStore = MemoryStore | SqliteStore | RedisStore


def record(number: int, *, expires_at: float | None = None, media: bool = False) -> StoredKey:
    """A permanent key, or with ``expires_at`` a temporary one."""
    return StoredKey(
        key=AuthKey(bytes([number]) * 256),
        kind=KeyKind.PERMANENT if expires_at is None else KeyKind.TEMPORARY,
        media=media,
        created_at=NOW,
        expires_at=expires_at,
        first_salt=(1 << 64) - number,
    )


class Rig:
    """A store, and the questions of a server to it, in short."""

    def __init__(self, store: AnyStore) -> None:
        self.store = store
        self.now = NOW

    def ask(self, question: Question[Any]) -> Any:
        """The answer, checked as a connection does it."""
        value = self.store.answer(question, self.now)
        if not repr(value).endswith("UNAVAILABLE: 2>"):
            question.check(value)
        return value

    def later(self, seconds: float) -> None:
        """So much time passes."""
        self.now += seconds

    def offer(self, *records: StoredKey) -> list[Any]:
        return [self.ask(KeyOffered(number=1, record=one)) for one in records]

    def find(self, one: StoredKey) -> Any:
        return self.ask(KeyNeeded(number=1, key_id=one.key.id))

    def bind(self, temporary: StoredKey, permanent: StoredKey) -> Any:
        return self.ask(
            BindRequested(
                number=1,
                temporary_key_id=temporary.key.id,
                permanent_key_id=permanent.key.id,
                media=temporary.media,
                expires_at=int(temporary.expires_at or 0),
            )
        )

    def destroy(self, permanent: StoredKey) -> Any:
        return self.ask(DestructionRequested(number=1, permanent_key_id=permanent.key.id))

    def bound_to(self, permanent: StoredKey, *, media: bool = False) -> int | None:
        # a store in memory sees what time it is when it is asked something
        self.find(permanent)
        return self.store.bound_to(permanent.key.id, media=media)

    def advance(self, before: bytes | None, after: bytes | None, name: bytes = b"n" * 16) -> Any:
        return self.ask(HandshakeAdvanced(number=1, nonce=name, server_nonce=b"s" * 16, before=before, after=after))

    def handshake(self, name: bytes = b"n" * 16) -> Any:
        return self.ask(HandshakeNeeded(number=1, nonce=name, server_nonce=b"s" * 16))

    def claim(self, claimant: int, *, key_id: int = 1, session_id: int = 2, msg_id: int = 4) -> Any:
        return self.ask(CallClaimed(number=1, key_id=key_id, session_id=session_id, msg_id=msg_id, claimant=claimant))


class RedisRig(Rig):
    """Names of its own on servers that others use too. ``look``: a client to look in with, at each of them."""

    def __init__(self, server: str | Client, look: list[Client], permanent: str | Client | None = None, **settings: Any) -> None:
        self.prefix = f"rig{next(NUMBERS)}:"
        self._look = look
        super().__init__(RedisStore(server, permanent=permanent, prefix=self.prefix, **settings))

    def names(self) -> dict[str, tuple[Client, int]]:
        """Every name, where it is, and the milliseconds that it has to live; -1: it lives on."""
        found: dict[str, tuple[Client, int]] = {}
        for client in self._look:
            for name in client.scan_iter(match=f"{self.prefix}*", count=1000):
                found[bytes(name).decode().removeprefix(self.prefix)] = (client, int(client.pttl(name)))
        return found

    def later(self, seconds: float) -> None:
        """Redis has a clock of its own, so everything there has less time to live."""
        super().later(seconds)
        for name, (client, left) in self.names().items():
            if left >= 0:
                client.pexpire(self.prefix + name, max(0, left - round(1000 * seconds)))
