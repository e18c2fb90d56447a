"""Permanent keys in a file: there after whatever happens to the process, and nothing else is."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from attrs import evolve

from kit.sources import ROOT
from kit.stores import NOW, Rig, record
from mtproto_bind import UNAVAILABLE, Binding, Destruction, Stored
from mtproto_bind_adapters.stores import PastBinding, SqliteStore
from mtproto_bind_adapters.stores.sqlite import HISTORY, PermanentKeys

PERMANENT = record(1)
MEDIA_PERMANENT = record(2, media=True)
FIRST = record(3, expires_at=NOW + 100)
SECOND = record(4, expires_at=NOW + 200)
MEDIA = record(5, expires_at=NOW + 200, media=True)


@contextmanager
def opened(path: Path, **settings: float) -> Iterator[tuple[Rig, SqliteStore]]:
    with SqliteStore(path, **settings) as store:  # type: ignore[arg-type]  # what it takes
        yield Rig(store), store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.db"


def past(temporary: object, at: float = NOW, **changes: object) -> PastBinding:
    one = FIRST if temporary is FIRST else SECOND
    made = PastBinding(temporary_key_id=one.key.id, media=False, bound_at=at, expires_at=int(one.expires_at or 0))
    return evolve(made, **changes)


def test_permanent_keys_and_the_history_outlive_the_process_and_nothing_else(path: Path) -> None:
    with opened(path) as (rig, _):
        assert rig.offer(PERMANENT, MEDIA_PERMANENT, FIRST, SECOND) == [Stored.KEPT] * 4
        assert [rig.bind(FIRST, PERMANENT), rig.bind(SECOND, PERMANENT)] == [Binding.MADE] * 2
        assert rig.advance(None, b"one")
        assert rig.claim(5)
    with opened(path) as (rig, store):
        assert [rig.find(one) for one in (PERMANENT, MEDIA_PERMANENT)] == [PERMANENT, MEDIA_PERMANENT]
        assert [rig.find(one) for one in (FIRST, SECOND)] == [None, None]
        assert rig.bound_to(PERMANENT) is None
        assert rig.handshake() is None
        assert rig.claim(6)
        assert store.history(PERMANENT.key.id) == [past(SECOND), past(FIRST)]
        assert store.history(MEDIA_PERMANENT.key.id) == []
        assert len(store) == 2


def test_no_temporary_key_is_ever_in_the_file(path: Path) -> None:
    with opened(path) as (rig, _):
        rig.offer(PERMANENT, FIRST)
        rig.bind(FIRST, PERMANENT)
        rig.advance(None, b"a handshake under way")
        written = b"".join(each.read_bytes() for each in path.parent.iterdir())
    assert PERMANENT.key.reveal()[:32] in written
    assert FIRST.key.reveal()[:32] not in written
    assert b"a handshake" not in written


def test_the_history_tells_one_binding_once(path: Path) -> None:
    """A client whose answer was lost asks again."""
    with opened(path) as (rig, store):
        rig.offer(PERMANENT, FIRST, SECOND, MEDIA)
        for temporary in (FIRST, FIRST, MEDIA, FIRST, SECOND, FIRST):
            rig.bind(temporary, PERMANENT)
            rig.later(1)
        history = store.history(PERMANENT.key.id)
        told = [(one.temporary_key_id, one.bound_at - NOW) for one in history]
        assert told == [(FIRST.key.id, 5), (SECOND.key.id, 4), (MEDIA.key.id, 2), (FIRST.key.id, 0)]
        assert [one.media for one in history] == [False, False, True, False]


def test_the_history_of_a_key_has_an_end(path: Path) -> None:
    with opened(path) as (rig, store):
        rig.offer(PERMANENT, MEDIA_PERMANENT, FIRST, SECOND)
        rig.bind(FIRST, MEDIA_PERMANENT)
        for number in range(HISTORY + 9):
            rig.bind((FIRST, SECOND)[number % 2], PERMANENT)
        assert len(store.history(PERMANENT.key.id)) == HISTORY
        assert len(store.history(MEDIA_PERMANENT.key.id)) == 1


def test_a_key_that_was_destroyed_is_nowhere_in_the_file(path: Path) -> None:
    with opened(path) as (rig, store):
        rig.offer(PERMANENT, FIRST)
        rig.bind(FIRST, PERMANENT)
        assert rig.destroy(PERMANENT) is Destruction.DONE
        assert store.history(PERMANENT.key.id) == []
        assert len(store) == 0
    assert PERMANENT.key.reveal()[:32] not in b"".join(each.read_bytes() for each in path.parent.iterdir())


def test_a_full_store_takes_no_more(path: Path) -> None:
    for _ in range(2):
        with opened(path, capacity=1) as (rig, _store):
            assert rig.offer(PERMANENT, MEDIA_PERMANENT, FIRST) == [Stored.KEPT, UNAVAILABLE, UNAVAILABLE]


WRITER = """
import sys
from kit.stores import Rig, record
from mtproto_bind import Stored
from mtproto_bind_adapters.stores import SqliteStore

rig = Rig(SqliteStore(sys.argv[1]))
for number in range(1, 256):
    if rig.offer(record(number)) == [Stored.KEPT]:
        print(number, flush=True)
"""


def test_what_was_answered_is_there_after_the_process_is_killed(path: Path) -> None:
    told = []
    command = [sys.executable, "-c", WRITER, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout or ():
            told.append(int(line))
            if len(told) == 20:
                process.kill()
        assert process.wait() == -signal.SIGKILL
    assert len(told) >= 20
    with opened(path) as (rig, _):
        assert [rig.find(record(number)) for number in told] == [record(number) for number in told]


def test_a_database_that_is_locked_sends_clients_away_and_works_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(path, patience=0.01) as (rig, _), closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert rig.offer(PERMANENT, MEDIA_PERMANENT) == [UNAVAILABLE] * 2
        # what is in memory is not on the disk, and goes on
        assert rig.offer(FIRST) == [Stored.KEPT]
        other.execute("COMMIT")
        assert rig.offer(PERMANENT) == [Stored.KEPT]
        other.execute("BEGIN IMMEDIATE")
        assert rig.bind(FIRST, PERMANENT) is UNAVAILABLE
        other.execute("COMMIT")
        assert rig.bind(FIRST, PERMANENT) is Binding.MADE
        assert rig.store.bound_to(PERMANENT.key.id) == FIRST.key.id
    said = [entry.getMessage() for entry in caplog.records]
    assert sum("fails" in line for line in said) == 2
    assert f"the key store {path} fails, and clients are sent away until it works again: database is locked" in said


def test_a_disk_that_is_full_costs_no_key(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(path) as (rig, store):
        [(pages,)] = store._database.execute("PRAGMA page_count")
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        words = rig.offer(*(record(number) for number in range(1, 30)))
        kept = words.count(Stored.KEPT)
        assert words == [Stored.KEPT] * kept + [UNAVAILABLE] * (29 - kept)
        assert 0 < kept < 29
        assert [rig.find(record(number)) for number in range(1, 30)].count(None) == 29 - kept
        assert len(store) == kept
    [told] = [entry.getMessage() for entry in caplog.records if "fails" in entry.getMessage()]
    assert told.endswith("database or disk is full")


def test_a_record_that_was_damaged_is_not_taken_for_one_that_is_not_there(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """-404 would cost the client its key; and another key of that id may not take its place."""
    with opened(path) as (rig, store):
        rig.offer(PERMANENT)
        store._database.execute("UPDATE permanent_keys SET key = zeroblob(256)")
        assert rig.find(PERMANENT) is UNAVAILABLE
        assert rig.offer(PERMANENT) == [UNAVAILABLE]
    [told] = [entry.getMessage() for entry in caplog.records]
    assert told.endswith(f"the record of key {PERMANENT.key.id:016x} is damaged: restore the file from a copy")


def test_the_table_is_a_mapping(path: Path) -> None:
    with opened(path) as (rig, store):
        rig.offer(PERMANENT, MEDIA_PERMANENT)
        table = PermanentKeys(store._database)
        assert set(table) == {PERMANENT.key.id, MEDIA_PERMANENT.key.id}
        assert dict(table)[MEDIA_PERMANENT.key.id] == MEDIA_PERMANENT
        assert "some text" not in table
