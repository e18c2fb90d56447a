"""The store in memory answers every question of a server, in one step each, and forgets in time."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from mtproto_bind import (
    UNAVAILABLE,
    AuthKey,
    Binding,
    BindRequested,
    Destruction,
    DestructionRequested,
    HandshakeAdvanced,
    HandshakeNeeded,
    KeyKind,
    KeyNeeded,
    KeyOffered,
    Question,
    Stored,
    StoredKey,
)
from mtproto_bind_adapters.stores import MemoryStore

NOW = 1_800_000_000.0


def record(number: int, *, expires_at: float | None = None, media: bool = False) -> StoredKey:
    """A permanent key, or with ``expires_at`` a temporary one."""
    return StoredKey(
        key=AuthKey(bytes([number]) * 256),
        kind=KeyKind.PERMANENT if expires_at is None else KeyKind.TEMPORARY,
        media=media,
        created_at=NOW,
        expires_at=expires_at,
        first_salt=number,
    )


PERMANENT = record(1)
FIRST = record(2, expires_at=NOW + 100)
SECOND = record(3, expires_at=NOW + 200)
MEDIA = record(4, expires_at=NOW + 200, media=True)


def store_of(*records: StoredKey, capacity: int = 100) -> MemoryStore:
    store = MemoryStore(capacity=capacity)
    for one in records:
        assert offer(store, one) is Stored.KEPT
    return store


def offer(store: MemoryStore, one: StoredKey) -> Any:
    return store.answer(KeyOffered(number=1, record=one), NOW)


def find(store: MemoryStore, one: StoredKey, now: float = NOW) -> Any:
    return store.answer(KeyNeeded(number=1, key_id=one.key.id), now)


def bind(store: MemoryStore, temporary: StoredKey, permanent: StoredKey = PERMANENT) -> Any:
    question = BindRequested(
        number=1,
        temporary_key_id=temporary.key.id,
        permanent_key_id=permanent.key.id,
        media=temporary.media,
        expires_at=int(NOW) + 100,
    )
    return store.answer(question, NOW)


def test_an_offered_key_is_found() -> None:
    store = store_of(PERMANENT, FIRST)
    assert find(store, PERMANENT) == PERMANENT
    assert find(store, FIRST) == FIRST
    assert find(store, SECOND) is None
    assert len(store) == 2


def test_the_same_offer_again_is_no_collision() -> None:
    store = store_of(PERMANENT)
    assert offer(store, PERMANENT) is Stored.KEPT
    assert offer(store, evolve(PERMANENT, first_salt=99)) is Stored.TAKEN


def test_a_full_store_takes_no_more_and_keeps_what_it_has() -> None:
    store = store_of(PERMANENT, FIRST, capacity=2)
    assert offer(store, SECOND) is UNAVAILABLE
    assert offer(store, FIRST) is Stored.KEPT
    assert find(store, PERMANENT) == PERMANENT


def test_a_binding_replaces_the_one_before() -> None:
    store = store_of(PERMANENT, FIRST, SECOND)
    assert bind(store, FIRST) is Binding.MADE
    assert find(store, FIRST).bound_to == PERMANENT.key.id
    assert store.bound_to(PERMANENT.key.id) == FIRST.key.id
    assert bind(store, SECOND) is Binding.MADE
    assert find(store, FIRST).bound_to is None
    assert find(store, SECOND).bound_to == PERMANENT.key.id
    assert store.bound_to(PERMANENT.key.id) == SECOND.key.id


def test_the_same_binding_again_succeeds() -> None:
    store = store_of(PERMANENT, FIRST)
    assert [bind(store, FIRST), bind(store, FIRST)] == [Binding.MADE, Binding.MADE]
    assert find(store, FIRST).bound_to == PERMANENT.key.id


def test_a_key_for_media_is_bound_beside_the_other() -> None:
    store = store_of(PERMANENT, FIRST, MEDIA)
    assert [bind(store, FIRST), bind(store, MEDIA)] == [Binding.MADE, Binding.MADE]
    assert store.bound_to(PERMANENT.key.id) == FIRST.key.id
    assert store.bound_to(PERMANENT.key.id, media=True) == MEDIA.key.id
    assert find(store, FIRST).bound_to == PERMANENT.key.id


@pytest.mark.parametrize(
    ("temporary", "permanent"),
    [
        pytest.param(SECOND, PERMANENT, id="temporary key unknown"),
        pytest.param(FIRST, record(9), id="permanent key unknown"),
        pytest.param(FIRST, MEDIA, id="bound to a temporary key"),
    ],
)
def test_a_binding_of_what_is_not_there_is_refused(temporary: StoredKey, permanent: StoredKey) -> None:
    store = store_of(PERMANENT, FIRST, MEDIA)
    assert bind(store, temporary, permanent) is Binding.REFUSED
    assert store.bound_to(PERMANENT.key.id) is None


def test_a_temporary_key_ends_with_its_time_and_its_binding_with_it() -> None:
    store = store_of(PERMANENT, FIRST, SECOND)
    bind(store, FIRST)
    assert find(store, FIRST, NOW + 99) is not None
    assert find(store, FIRST, NOW + 100) is None
    assert store.bound_to(PERMANENT.key.id) is None
    assert find(store, PERMANENT, NOW + 1e9) == PERMANENT
    assert len(store) == 1


def destroy(store: MemoryStore, permanent: StoredKey = PERMANENT) -> Any:
    return store.answer(DestructionRequested(number=1, permanent_key_id=permanent.key.id), NOW)


def test_a_key_is_destroyed_with_what_is_bound_to_it() -> None:
    store = store_of(PERMANENT, FIRST, SECOND, MEDIA)
    for temporary in (FIRST, SECOND, MEDIA):
        bind(store, temporary)
    assert destroy(store) is Destruction.DONE
    assert [find(store, each) is not None for each in (PERMANENT, FIRST, SECOND, MEDIA)] == [False, True, False, False]
    assert store.bound_to(PERMANENT.key.id) is None
    assert store.bound_to(PERMANENT.key.id, media=True) is None
    assert bind(store, FIRST) is Binding.REFUSED
    assert destroy(store) is Destruction.NONE
    # what was to end later has ended already
    assert find(store, SECOND, NOW + 200) is None
    assert len(store) == 0


def test_only_a_permanent_key_is_destroyed() -> None:
    store = store_of(PERMANENT, FIRST)
    assert destroy(store, FIRST) is Destruction.NONE
    assert len(store) == 2


def test_keys_that_are_made_and_destroyed_leave_nothing_behind() -> None:
    store = MemoryStore(capacity=3)
    for _ in range(20):
        assert [offer(store, PERMANENT), offer(store, FIRST), bind(store, FIRST)] == [Stored.KEPT, Stored.KEPT, Binding.MADE]
        assert destroy(store) is Destruction.DONE
    assert len(store._ends) <= 6


NAME = {"nonce": b"n" * 16, "server_nonce": b"s" * 16}


def advance(store: MemoryStore, before: bytes | None, after: bytes | None) -> Any:
    return store.answer(HandshakeAdvanced(number=1, **NAME, before=before, after=after), NOW)


def handshake(store: MemoryStore, now: float = NOW) -> Any:
    return store.answer(HandshakeNeeded(number=1, **NAME), now)


def test_a_handshake_advances_only_from_where_it_stands() -> None:
    store = MemoryStore()
    assert handshake(store) is None
    assert advance(store, b"two", b"three") is False
    assert advance(store, None, b"one") is True
    assert advance(store, None, b"other") is False
    assert advance(store, b"one", b"two") is True
    assert handshake(store) == b"two"
    assert advance(store, b"two", None) is True
    assert handshake(store) is None
    assert advance(store, None, None) is True


def test_a_handshake_is_forgotten_after_ten_minutes() -> None:
    store = MemoryStore()
    advance(store, None, b"one")
    assert handshake(store, NOW + 599) == b"one"
    assert handshake(store, NOW + 600) is None


def test_a_full_store_begins_no_handshake() -> None:
    assert advance(MemoryStore(capacity=0), None, b"one") is UNAVAILABLE


def test_what_is_no_question_to_a_store_is_refused() -> None:
    with pytest.raises(TypeError, match="Question is no question to a store"):
        MemoryStore().answer(Question(number=1), NOW)
