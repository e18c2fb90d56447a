"""The file of a ``SqliteStore``: opened with care, never written over."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from pathlib import Path

from .outage import StoreError

__all__ = ["open_database"]

logger = logging.getLogger("mtproto_bind_adapters.stores")

APPLICATION = 0x6D747062
"""Says in the header of the file whose it is: "mtpb"."""
VERSION = 1
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE permanent_keys (
  key_id BLOB PRIMARY KEY CHECK (length(key_id) = 8),
  key BLOB NOT NULL CHECK (length(key) = 256),
  media INTEGER NOT NULL,
  created_at REAL NOT NULL,
  first_salt BLOB NOT NULL CHECK (length(first_salt) = 8)
) WITHOUT ROWID;
CREATE TABLE bindings (
  number INTEGER PRIMARY KEY,
  permanent_key_id BLOB NOT NULL REFERENCES permanent_keys ON DELETE CASCADE,
  temporary_key_id BLOB NOT NULL,
  media INTEGER NOT NULL,
  bound_at REAL NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX bindings_of_key ON bindings (permanent_key_id, number);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
SETTINGS = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA secure_delete = ON;
"""
"""On the disk before it is answered; and a key that was destroyed is written over."""


def open_database(path: Path, patience: float) -> sqlite3.Connection:
    """The database in ``path``, made where there is none. Raises :class:`StoreError`."""
    is_new = _look_at_file(path)
    try:
        # it stands there by now, so nothing is made where only a name is wrong
        database = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=patience, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be opened: {error}") from None
    try:
        if is_new:
            database.executescript(SCHEMA)
        else:
            _check(database, path)
        database.executescript(SETTINGS)
    except (sqlite3.Error, StoreError) as error:
        database.close()
        raise _explain(error, path) from None
    return database


def _look_at_file(path: Path) -> bool:
    """Makes the file, for its owner alone, or looks at it from outside. True: it is empty. Raises :class:`StoreError`."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        # not opened: to close it again would take the locks from whoever has it open in this process
        pass
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from None
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise StoreError(f"{path} is a directory: expected a file, or the name of one that is to be made")
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is no file: expected one, or the name of one that is to be made")
    if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
        raise StoreError(f"{path} cannot be read and written: Permission denied")
    if status.st_mode & 0o077:
        logger.warning("%s could be read by others than its owner (mode %03o); now it cannot", path, status.st_mode & 0o777)
        path.chmod(0o600)
    return status.st_size == 0


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Raises :class:`StoreError` for what is not ours, and ``sqlite3.DatabaseError`` for what is damaged; changes nothing."""
    [(application,)] = database.execute("PRAGMA application_id")
    [(version,)] = database.execute("PRAGMA user_version")
    if application != APPLICATION:
        raise StoreError(f"{path} is a database of something else, and is left as it is: give another name")
    if version != VERSION:
        raise StoreError(f"{path} has version {version}, expected {VERSION}: use the release that wrote it, or another file")
    [(verdict,)] = database.execute("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _explain(error: sqlite3.Error | StoreError, path: Path) -> StoreError:
    match error:
        case StoreError():
            return error
        case sqlite3.OperationalError():
            return StoreError(f"{path} cannot be used: {error}")
        case _ if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            return StoreError(f"{path} is no SQLite database, and is left as it is: give another name")
        case _:
            return StoreError(f"{path} is damaged ({error}), and is left as it is: restore it from a copy")
