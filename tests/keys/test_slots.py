"""Temporary keys from made to gone."""

from __future__ import annotations

from itertools import product

import pytest

from kit.sessions import NOW, PERMANENT_KEY
from kit.slots import make_slot
from mtproto_bind._config import ExternalKey, PendingKey
from mtproto_bind._keys.slots import SESSIONS_SEEN, STEPS, Keys, Slot, SlotState
from mtproto_bind._questions import PermanentKey
from mtproto_bind._session import ClientSalts, Message
from mtproto_bind._wire import BindingRequest

PERMANENT = PermanentKey(key=PERMANENT_KEY)
UNBOUND, BINDING, BOUND, DRAINING, GONE = SlotState
WAYS = {
    (UNBOUND, BINDING),
    (UNBOUND, GONE),
    (BINDING, BOUND),
    (BINDING, UNBOUND),
    (BINDING, GONE),
    (BOUND, DRAINING),
    (BOUND, GONE),
    (DRAINING, GONE),
}


@pytest.mark.parametrize(("before", "after"), list(product(SlotState, SlotState)))
def test_a_key_goes_only_where_the_table_says(before: SlotState, after: SlotState) -> None:
    slot = make_slot(state=before)
    if (before, after) in WAYS:
        slot.move(after)
        assert slot.state is after
    else:
        with pytest.raises(ValueError, match=f"from {before.name} to {after.name}"):
            slot.move(after)
        assert slot.state is before


def test_no_key_is_used_that_was_not_bound() -> None:
    assert [state for state, after in STEPS.items() if BOUND in after] == [BINDING]
    assert [state for state, after in STEPS.items() if DRAINING in after] == [BOUND]


def test_a_key_that_was_just_made() -> None:
    slot = Slot(session=make_slot().session, salts=ClientSalts(1, 0.0), expires_at=2, lifetime=3, made_at=NOW)
    assert (slot.state, slot.request, slot.binding, slot.renew_at) == (UNBOUND, None, None, None)
    assert (slot.introduced, slot.lost_once, slot.resend) == (False, False, False)
    assert (len(slot.sessions_seen), len(slot.outbox)) == (0, 0)


def test_the_sessions_that_a_server_announces_are_remembered_within_bounds() -> None:
    slot = make_slot()
    slot.sessions_seen.extend(range(1000))
    assert len(slot.sessions_seen) == SESSIONS_SEEN <= 16


def test_the_id_is_that_of_the_key() -> None:
    slot = make_slot(7)
    assert slot.id == slot.session.key.id


def test_when_the_binding_has_left() -> None:
    slot = make_slot()
    left = [slot.bind_left]
    msg_id, seq_no = slot.session.reserve(NOW)
    slot.request = BindingRequest(
        perm_auth_key_id=PERMANENT_KEY.id, temp_auth_key_id=slot.id, temp_session_id=1, nonce=2, msg_id=msg_id, expires_at=3
    )
    left.append(slot.bind_left)
    slot.session.sent.keep(Message(msg_id=msg_id, seq_no=seq_no, body=b"bind"))
    left.append(slot.bind_left)
    slot.session.sent.settle(msg_id)
    left.append(slot.bind_left)
    assert left == [False, False, True, False]


@pytest.mark.parametrize(
    ("permanent", "number"),
    [
        (None, None),
        (PendingKey(), None),
        (PERMANENT, PERMANENT_KEY.id),
        (ExternalKey(id=5), 5),
    ],
)
def test_the_id_of_the_permanent_key(permanent: PermanentKey | ExternalKey | PendingKey | None, number: int | None) -> None:
    keys = Keys(permanent)
    assert keys.permanent_id == number
    if number is None:
        with pytest.raises(LookupError, match="not known yet"):
            _ = keys.known
    else:
        assert keys.known is permanent


def test_every_key_is_found_until_it_is_gone() -> None:
    draining, current, following = make_slot(1, DRAINING), make_slot(2, BOUND), make_slot(3)
    keys = Keys(PERMANENT, current, following, [draining])
    assert list(keys.slots()) == [draining, current, following]
    for slot in (draining, current, following):
        assert keys.find(slot.id) is slot
    assert keys.find(5) is None
    keys.drop(current)
    assert keys.current is None
    assert list(keys.slots()) == [draining, following]
    keys.drop(following)
    assert keys.next is None
    keys.drop(draining)
    assert list(keys.slots()) == []
    assert {slot.state for slot in (draining, current, following)} == {GONE}


def test_no_key_at_all() -> None:
    keys = Keys(None)
    assert (list(keys.slots()), keys.find(1), keys.swap()) == ([], None, None)


def test_the_first_key_comes_into_use() -> None:
    first = make_slot(1, BOUND)
    keys = Keys(PERMANENT, next=first)
    assert keys.swap() is None
    assert (keys.current, keys.next, keys.draining) == (first, None, [])


def test_the_key_before_drains() -> None:
    old, new = make_slot(1, BOUND), make_slot(2, BOUND)
    keys = Keys(PERMANENT, old, new)
    assert keys.swap() is old
    assert (keys.current, keys.next, keys.draining, old.state) == (new, None, [old], DRAINING)


def test_a_repr_shows_no_salt() -> None:
    slot = make_slot(77)
    assert "salt" not in repr(slot)
    assert "outbox" not in repr(slot)


def test_a_clock_that_jumps_changes_no_age() -> None:
    slot = make_slot(1, BOUND)
    slot.session.acks.add(9, NOW)
    due = slot.session.acks.deadline()
    keys = Keys(PermanentKey(key=PERMANENT_KEY, created_at=NOW - 50), slot)
    keys.shift(-7200)
    assert keys.known == PermanentKey(key=PERMANENT_KEY, created_at=NOW - 7250)
    assert slot.made_at == NOW - 7200
    assert due is not None
    assert slot.session.acks.deadline() == due - 7200
    keys.permanent = ExternalKey(id=1, last_bound_at=NOW)
    keys.shift(5)
    assert keys.known == ExternalKey(id=1, last_bound_at=NOW + 5)
    keys.permanent = PendingKey()
    keys.shift(5)
    assert keys.permanent == PendingKey()
