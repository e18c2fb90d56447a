"""What every store does, whatever it is made of: each question is answered in one step, and things are forgotten in time."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.stores import NOW, Rig, record
from mtproto_bind import Binding, Destruction, Question, Stored, StoredKey

PERMANENT = record(1)
FIRST = record(2, expires_at=NOW + 100)
SECOND = record(3, expires_at=NOW + 200)
MEDIA = record(4, expires_at=NOW + 200, media=True)
OTHER = record(5)


def with_keys(rig: Rig, *records: StoredKey) -> Rig:
    assert rig.offer(*records) == [Stored.KEPT] * len(records)
    return rig


def test_an_offered_key_is_found(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST, MEDIA)
    assert [rig.find(one) for one in (PERMANENT, FIRST, MEDIA, SECOND)] == [PERMANENT, FIRST, MEDIA, None]


def test_the_same_offer_again_is_no_collision(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST)
    assert rig.offer(PERMANENT, FIRST) == [Stored.KEPT] * 2
    assert rig.offer(evolve(PERMANENT, first_salt=99), evolve(FIRST, first_salt=99)) == [Stored.TAKEN] * 2
    assert [rig.find(PERMANENT), rig.find(FIRST)] == [PERMANENT, FIRST]
    rig.bind(FIRST, PERMANENT)
    assert rig.offer(FIRST) == [Stored.KEPT]


def test_an_id_is_taken_by_keys_of_the_other_kind_too(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST)
    as_temporary = evolve(PERMANENT, kind=FIRST.kind, expires_at=NOW + 50)
    as_permanent = evolve(FIRST, kind=PERMANENT.kind, expires_at=None)
    assert rig.offer(as_temporary, as_permanent) == [Stored.TAKEN] * 2


def test_a_binding_replaces_the_one_before(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST, SECOND)
    assert rig.bind(FIRST, PERMANENT) is Binding.MADE
    assert rig.find(FIRST) == evolve(FIRST, bound_to=PERMANENT.key.id)
    assert rig.bound_to(PERMANENT) == FIRST.key.id
    assert rig.bind(SECOND, PERMANENT) is Binding.MADE
    assert rig.find(FIRST) == FIRST
    assert rig.find(SECOND).bound_to == PERMANENT.key.id
    assert rig.bound_to(PERMANENT) == SECOND.key.id


def test_the_same_binding_again_succeeds(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST)
    assert [rig.bind(FIRST, PERMANENT), rig.bind(FIRST, PERMANENT)] == [Binding.MADE] * 2
    assert rig.find(FIRST).bound_to == PERMANENT.key.id


def test_a_key_for_media_is_bound_beside_the_other(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST, MEDIA)
    assert [rig.bind(FIRST, PERMANENT), rig.bind(MEDIA, PERMANENT)] == [Binding.MADE] * 2
    assert [rig.bound_to(PERMANENT), rig.bound_to(PERMANENT, media=True)] == [FIRST.key.id, MEDIA.key.id]
    assert [rig.find(FIRST).bound_to, rig.find(MEDIA).bound_to] == [PERMANENT.key.id] * 2


@pytest.mark.parametrize(
    ("temporary", "permanent"),
    [
        pytest.param(SECOND, PERMANENT, id="temporary key unknown"),
        pytest.param(FIRST, OTHER, id="permanent key unknown"),
        pytest.param(FIRST, MEDIA, id="bound to a temporary key"),
        pytest.param(PERMANENT, PERMANENT, id="a permanent key is bound"),
    ],
)
def test_a_binding_of_what_is_not_there_is_refused(rig: Rig, temporary: StoredKey, permanent: StoredKey) -> None:
    with_keys(rig, PERMANENT, FIRST, MEDIA)
    assert rig.bind(temporary, permanent) is Binding.REFUSED
    assert rig.bound_to(PERMANENT) is None
    assert rig.find(FIRST) == FIRST


def test_a_key_that_is_bound_anew_leaves_nothing_with_whom_it_was_bound_to(rig: Rig) -> None:
    """A connection does not let it come so far; two may, one beside the other."""
    with_keys(rig, PERMANENT, OTHER, FIRST)
    assert [rig.bind(FIRST, PERMANENT), rig.bind(FIRST, OTHER)] == [Binding.MADE] * 2
    assert [rig.bound_to(PERMANENT), rig.bound_to(OTHER)] == [None, FIRST.key.id]
    assert rig.destroy(PERMANENT) is Destruction.DONE
    assert rig.find(FIRST).bound_to == OTHER.key.id


def test_a_temporary_key_ends_with_its_time_and_its_binding_with_it(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST, SECOND)
    rig.bind(FIRST, PERMANENT)
    rig.later(99)
    assert rig.find(FIRST) is not None
    rig.later(1)
    assert rig.find(FIRST) is None
    assert rig.find(SECOND) == SECOND
    assert rig.bound_to(PERMANENT) is None
    rig.later(1e6)
    assert rig.find(PERMANENT) == PERMANENT


def test_a_key_is_destroyed_with_what_is_bound_to_it(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST, SECOND, MEDIA)
    for temporary in (FIRST, SECOND, MEDIA):
        rig.bind(temporary, PERMANENT)
    assert rig.destroy(PERMANENT) is Destruction.DONE
    assert [rig.find(each) is not None for each in (PERMANENT, FIRST, SECOND, MEDIA)] == [False, True, False, False]
    assert [rig.bound_to(PERMANENT), rig.bound_to(PERMANENT, media=True)] == [None, None]
    assert rig.bind(FIRST, PERMANENT) is Binding.REFUSED
    assert rig.destroy(PERMANENT) is Destruction.NONE
    # and may come again, with another key of its id or the same
    with_keys(rig, PERMANENT)
    assert rig.bind(FIRST, PERMANENT) is Binding.MADE


def test_only_a_permanent_key_is_destroyed(rig: Rig) -> None:
    with_keys(rig, PERMANENT, FIRST)
    assert rig.destroy(FIRST) is Destruction.NONE
    assert rig.find(FIRST) == FIRST


def test_a_handshake_advances_only_from_where_it_stands(rig: Rig) -> None:
    assert rig.handshake() is None
    assert rig.advance(b"two", b"three") is False
    assert rig.advance(None, b"one") is True
    assert rig.advance(None, b"other") is False
    assert rig.advance(b"one", b"\0two" * 200) is True
    assert rig.handshake() == b"\0two" * 200
    assert rig.handshake(b"m" * 16) is None
    assert rig.advance(b"one", None) is False
    assert rig.advance(b"\0two" * 200, None) is True
    assert rig.handshake() is None
    assert rig.advance(None, None) is True


def test_a_handshake_is_forgotten_ten_minutes_after_its_beginning(rig: Rig) -> None:
    rig.advance(None, b"one")
    rig.later(500)
    rig.advance(b"one", b"two")
    rig.later(99)
    assert rig.handshake() == b"two"
    rig.later(1)
    assert rig.handshake() is None
    assert rig.advance(b"two", b"three") is False


def test_a_call_belongs_to_who_claims_it_first(rig: Rig) -> None:
    assert [rig.claim(claimant) for claimant in (5, 6, 5, 6)] == [True, False, True, False]
    assert rig.claim(6, msg_id=8)
    assert rig.claim(6, session_id=3)
    assert rig.claim(6, key_id=2)


def test_a_claim_is_kept_for_ten_minutes(rig: Rig) -> None:
    rig.claim(5)
    rig.later(599)
    assert not rig.claim(6)
    rig.later(1)
    assert rig.claim(6)
    assert not rig.claim(5)


def test_what_is_no_question_to_a_store_is_refused(rig: Rig) -> None:
    with pytest.raises(TypeError, match="Question is no question to a store"):
        rig.ask(Question(number=1))
