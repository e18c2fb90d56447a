"""A file that is not what it should be is refused with words that help, and is left as it was."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kit.stores import Rig, record
from mtproto_bind import Stored
from mtproto_bind_adapters.stores import SqliteStore, StoreError
from mtproto_bind_adapters.stores.database import open_database

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


@pytest.fixture
def open_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everybody may come in. The way to it may be closed, so it is where we stand."""
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def unprivileged() -> Iterator[None]:
    """What the superuser may, nobody may."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def fill(path: Path, keys: int = 1) -> None:
    with SqliteStore(path) as store:
        assert Rig(store).offer(*(record(number) for number in range(1, keys + 1))) == [Stored.KEPT] * keys


def refused(path: Path) -> str:
    """Why; and that nothing was changed."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError) as raised:
        SqliteStore(path)
    assert (path.read_bytes() if path.is_file() else None) == before
    return str(raised.value)


def test_a_new_file_is_for_its_owner_alone(path: Path) -> None:
    umask = os.umask(0)
    try:
        with SqliteStore(path) as store:
            Rig(store).offer(record(1))
            assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
    finally:
        os.umask(umask)


def test_a_file_that_others_could_read_is_closed_to_them(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(path)
    path.chmod(0o644)
    fill(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.getMessage() for entry in caplog.records] == [
        f"{path} could be read by others than its owner (mode 644); now it cannot"
    ]


def test_an_empty_file_is_a_new_one(path: Path) -> None:
    path.touch(0o600)
    fill(path)


def test_it_is_on_the_disk_before_it_is_answered(path: Path) -> None:
    with closing(open_database(path, 1.0)) as database:
        assert database.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        assert database.execute("PRAGMA synchronous").fetchall() == [(2,)]


def test_something_else_is_no_database(path: Path) -> None:
    path.write_bytes(b"-----BEGIN RSA PRIVATE KEY-----\n" * 100)
    path.chmod(0o600)
    assert refused(path) == f"{path} is no SQLite database, and is left as it is: give another name"


def test_a_database_of_something_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name)")
    assert refused(path) == f"{path} is a database of something else, and is left as it is: give another name"


def test_another_version(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA user_version = 2")
    assert refused(path) == f"{path} has version 2, expected 1: use the release that wrote it, or another file"


@pytest.mark.parametrize("place", [100, 4096, -2000], ids=["the schema", "a table", "some rows"])
def test_a_damaged_file(path: Path, place: int) -> None:
    fill(path, 60)
    data = bytearray(path.read_bytes())
    data[place : place + 400] = b"\xa5" * 400
    path.write_bytes(data)
    assert refused(path).startswith(f"{path} is damaged (")


def test_a_file_that_is_cut_short(path: Path) -> None:
    fill(path, 60)
    path.write_bytes(path.read_bytes()[:8192])
    assert refused(path).endswith("and is left as it is: restore it from a copy")


def test_a_directory(path: Path) -> None:
    path.mkdir()
    assert refused(path) == f"{path} is a directory: expected a file, or the name of one that is to be made"


def test_what_is_neither_file_nor_directory(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(StoreError, match="is no file: expected one"):
        SqliteStore(path)


def test_a_directory_that_is_not_there(path: Path) -> None:
    assert refused(path / "keys.db") == f"{path / 'keys.db'} cannot be made: No such file or directory"


def test_no_permission_to_make_it(open_folder: Path) -> None:
    Path("closed").mkdir(0o555)
    with unprivileged(), pytest.raises(StoreError, match=r"closed/keys\.db cannot be made: Permission denied"):
        SqliteStore("closed/keys.db")


def test_no_permission_to_read_it(open_folder: Path) -> None:
    fill(Path("keys.db"))
    Path("keys.db").chmod(0)
    with unprivileged(), pytest.raises(StoreError, match=r"keys\.db cannot be read and written: Permission denied"):
        SqliteStore("keys.db")


def test_a_file_that_is_locked(path: Path) -> None:
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"keys\.db cannot be used: database is locked"):
            SqliteStore(path, patience=0.01)


def test_a_file_that_vanishes_before_it_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made anew where somebody else has made something of it."""
    chmod = Path.chmod

    def remove(self: Path, mode: int) -> None:
        chmod(self, mode)
        self.unlink()

    fill(path)
    path.chmod(0o640)
    monkeypatch.setattr(Path, "chmod", remove)
    with pytest.raises(StoreError, match=r"keys\.db cannot be opened: unable to open database file"):
        SqliteStore(path)
    assert not path.exists()
