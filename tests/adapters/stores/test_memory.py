"""The store in memory holds so much and no more, and leaves nothing behind; the rest is in ``test_every_store.py``."""

from __future__ import annotations

from kit.stores import NOW, Rig, record
from mtproto_bind import UNAVAILABLE, Binding, Destruction, Stored, StoredKey
from mtproto_bind_adapters.stores import MemoryStore

PERMANENT = record(1)
FIRST = record(2, expires_at=NOW + 100)
SECOND = record(3, expires_at=NOW + 200)


def rig_of(*records: StoredKey, capacity: int) -> tuple[Rig, MemoryStore]:
    store = MemoryStore(capacity=capacity)
    rig = Rig(store)
    assert rig.offer(*records) == [Stored.KEPT] * len(records)
    return rig, store


def test_a_full_store_takes_no_more_and_keeps_what_it_has() -> None:
    rig, store = rig_of(PERMANENT, FIRST, capacity=2)
    assert rig.offer(SECOND, FIRST) == [UNAVAILABLE, Stored.KEPT]
    assert rig.find(PERMANENT) == PERMANENT
    assert len(store) == 2


def test_a_full_store_begins_no_handshake_and_takes_no_claim() -> None:
    rig, _ = rig_of(capacity=1)
    assert rig.advance(None, b"one")
    assert rig.advance(None, b"one", b"m" * 16) is UNAVAILABLE
    assert rig.claim(5)
    assert rig.claim(5, msg_id=8) is UNAVAILABLE
    assert rig.claim(5)
    rig.later(600)
    assert rig.claim(5, msg_id=8)


def test_what_has_its_time_is_gone_afterwards() -> None:
    rig, store = rig_of(PERMANENT, FIRST, SECOND, capacity=10)
    rig.bind(FIRST, PERMANENT)
    rig.advance(None, b"one")
    rig.claim(5)
    rig.later(600)
    rig.find(PERMANENT)
    assert len(store) == 1
    kept = (store._keys, store._bound, store._handshakes, store._claims)
    assert [len(each) for each in kept] == [0] * 4
    assert [len(ends) for ends in (store._ends, store._handshake_ends, store._claim_ends)] == [0] * 3


def test_keys_that_are_made_and_destroyed_leave_nothing_behind() -> None:
    rig, store = rig_of(capacity=3)
    for _ in range(20):
        assert rig.offer(PERMANENT, FIRST) == [Stored.KEPT] * 2
        assert rig.bind(FIRST, PERMANENT) is Binding.MADE
        assert rig.destroy(PERMANENT) is Destruction.DONE
    assert len(store._ends) <= 6
    # what was to end later has ended already
    rig.later(100)
    rig.find(PERMANENT)
    assert len(store) == 0
