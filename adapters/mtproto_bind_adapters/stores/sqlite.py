"""A store in a file: permanent keys and the history of their bindings outlive the process, and nothing else does.

Temporary keys, handshakes under way and claims stay in memory, so that the file never holds what forward secrecy promises to
forget. After a restart clients hear -404 for their temporary keys, and make new ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, MutableMapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import frozen

from mtproto_bind import UNAVAILABLE, AuthKey, Binding, BindRequested, KeyKind, Question, StoredKey

from .database import open_database
from .memory import MemoryStore
from .outage import Outage, StoreError

__all__ = ["PastBinding", "SqliteStore"]

HISTORY = 100
"""Bindings remembered of each permanent key; the oldest make room."""


@frozen(kw_only=True)
class PastBinding:
    """A binding that was made. Times in the server's unix seconds."""

    temporary_key_id: int
    media: bool
    bound_at: float
    expires_at: int


class SqliteStore:
    """Permanent keys and the history of bindings in the file ``path``, which is made where there is none, for its owner alone.

    What was answered is on the disk: neither a killed process nor a machine without power takes it back. ``capacity``: see
    :class:`MemoryStore`. ``patience``: seconds to wait for another process that has locked the file. Raises :class:`StoreError`
    for a file that is not of this store and version, is damaged, or cannot be used; it is left as it was. A disk that is full and
    a file that stays locked make ``UNAVAILABLE``, and one line in the log. Not thread-safe, and for one process: a second one on
    the same file would not know the temporary keys of the first.
    """

    def __init__(self, path: str | PathLike[str], *, capacity: int = 1_000_000, patience: float = 0.25) -> None:
        self._database = open_database(Path(path), patience)
        self._outage = Outage(f"the key store {path}")
        self._memory = MemoryStore(capacity=capacity, permanent=PermanentKeys(self._database))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._memory)

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def answer(self, question: Question[Any], now: float) -> Any:
        """See :class:`mtproto_bind_adapters.stores.Store`. Raises ``TypeError`` for a question that no store can answer."""
        try:
            word = self._memory.answer(question, now)
            if isinstance(question, BindRequested) and word is Binding.MADE:
                # written after the binding, which is in memory and may be made once more, and before the answer
                self._remember(question, now)
        except (sqlite3.Error, StoreError) as error:
            self._outage.failed(str(error), now)
            return UNAVAILABLE
        self._outage.worked(now)
        return word

    def bound_to(self, permanent_key_id: int, *, media: bool = False) -> int | None:
        """The id of the temporary key that is bound to a permanent one."""
        return self._memory.bound_to(permanent_key_id, media=media)

    def history(self, permanent_key_id: int) -> list[PastBinding]:
        """The last bindings of a permanent key, the latest first. Raises ``sqlite3.Error``."""
        rows = self._database.execute(
            "SELECT temporary_key_id, media, bound_at, expires_at FROM bindings WHERE permanent_key_id = ? ORDER BY number DESC",
            (id_to_blob(permanent_key_id),),
        )
        return [
            PastBinding(temporary_key_id=int.from_bytes(blob, "little"), media=bool(media), bound_at=at, expires_at=until)
            for blob, media, at, until in rows
        ]

    def _remember(self, question: BindRequested, now: float) -> None:
        permanent, temporary = id_to_blob(question.permanent_key_id), id_to_blob(question.temporary_key_id)
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                # the same one once more, after an answer that was lost, is no other
                "INSERT INTO bindings (permanent_key_id, temporary_key_id, media, bound_at, expires_at)"
                " SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?2 IS NOT (SELECT temporary_key_id FROM bindings"
                " WHERE permanent_key_id = ?1 AND media = ?3 ORDER BY number DESC LIMIT 1)",
                (permanent, temporary, question.media, now, question.expires_at),
            )
            self._database.execute(
                "DELETE FROM bindings WHERE permanent_key_id = ?1 AND number NOT IN"
                " (SELECT number FROM bindings WHERE permanent_key_id = ?1 ORDER BY number DESC LIMIT ?2)",
                (permanent, HISTORY),
            )


class PermanentKeys(MutableMapping[int, StoredKey]):
    """The table of permanent keys, by their ids. Raises ``sqlite3.Error``, and ``StoreError`` for a record that was damaged."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        [(count,)] = database.execute("SELECT count(*) FROM permanent_keys")
        self._count: int = count

    def __getitem__(self, key_id: int) -> StoredKey:
        query = "SELECT key, media, created_at, first_salt FROM permanent_keys WHERE key_id = ?"
        row: tuple[bytes, int, float, bytes] | None = self._database.execute(query, (id_to_blob(key_id),)).fetchone()
        if row is None:
            raise KeyError(key_id)
        key, media, created_at, first_salt = row
        record = StoredKey(
            key=AuthKey(key),
            kind=KeyKind.PERMANENT,
            media=bool(media),
            created_at=created_at,
            expires_at=None,
            first_salt=int.from_bytes(first_salt, "little"),
        )
        if record.key.id != key_id:
            raise StoreError(f"the record of key {key_id:016x} is damaged: restore the file from a copy")
        return record

    def __setitem__(self, key_id: int, record: StoredKey) -> None:
        values = (id_to_blob(key_id), record.key.reveal(), record.media, record.created_at, id_to_blob(record.first_salt))
        command = "INSERT INTO permanent_keys (key_id, key, media, created_at, first_salt) VALUES (?, ?, ?, ?, ?)"
        self._database.execute(command, values)
        self._count += 1

    def __delitem__(self, key_id: int) -> None:
        self._database.execute("DELETE FROM permanent_keys WHERE key_id = ?", (id_to_blob(key_id),))
        self._count -= 1

    def __contains__(self, key_id: object) -> bool:
        query = "SELECT 1 FROM permanent_keys WHERE key_id = ?"
        return isinstance(key_id, int) and self._database.execute(query, (id_to_blob(key_id),)).fetchone() is not None

    def __iter__(self) -> Iterator[int]:
        return (int.from_bytes(blob, "little") for (blob,) in self._database.execute("SELECT key_id FROM permanent_keys"))

    def __len__(self) -> int:
        return self._count


def id_to_blob(number: int) -> bytes:
    """64 bits as SQLite has no unsigned number for them."""
    return number.to_bytes(8, "little")
