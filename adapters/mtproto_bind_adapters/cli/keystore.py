"""Where ``mtproto-bind serve`` keeps keys: ``--store`` and ``--permanent-store``."""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from mtproto_bind import PrivateKey, Secret

from ..stores import MemoryStore, SqliteStore, Store, StoreError
from .console import Misuse

if TYPE_CHECKING:
    from ..stores.redis import RedisStore

__all__ = ["Keystore", "opened", "salt_secret_of"]

REDIS = ("redis://", "rediss://", "unix://")
SQLITE = "sqlite:"
THREADS = 8
"""That ask a store which other processes ask too."""


@frozen
class Keystore:
    """A store, and how it is used. ``threads``: 0: in the loop. ``shared``: other processes serve the same keys."""

    store: Store
    threads: int = 0
    shared: bool = False


@contextmanager
def opened(options: Namespace) -> Iterator[Keystore]:
    """The store that the options name. Raises :class:`Misuse` where there is none that can be used."""
    where, permanent = options.store, options.permanent_store
    try:
        if where.startswith(REDIS):
            with redis_store(where, permanent) as store:
                yield Keystore(store, threads=THREADS, shared=True)
        elif permanent is not None:
            raise Misuse("--permanent-store is for the permanent keys of a fleet: it goes with --store redis://...")
        elif where.startswith(SQLITE):
            with SqliteStore(where.removeprefix(SQLITE)) as file:
                yield Keystore(file)
        elif where == "memory":
            yield Keystore(MemoryStore())
        else:
            # what it says is not repeated: with a slip in it, it may be an address that has a password
            raise Misuse("--store names no store: expected memory, sqlite:PATH or redis://HOST:PORT")
    except StoreError as error:
        raise Misuse(f"--store: {error}") from None


def redis_store(where: str, permanent: str | None) -> RedisStore:
    """Raises :class:`Misuse` where the library for it is missing, and ``StoreError``."""
    try:
        from ..stores.redis import RedisStore
    except ModuleNotFoundError as error:
        raise Misuse(f"--store: {error}") from None
    try:
        return RedisStore(where, permanent=permanent)
    except ValueError:
        # the error may quote a part of the password
        raise Misuse("--store: expected an address like redis://HOST:PORT, a password with its signs percent-encoded") from None


def salt_secret_of(keys: Sequence[PrivateKey]) -> Secret:
    """What all processes that have these keys make their salts from, without being told."""
    summed = hashlib.sha256(b"mtproto-bind serve: salts\n")
    for pem in sorted(key.to_pem() for key in keys):
        summed.update(pem.encode())
    return Secret(summed.digest())
