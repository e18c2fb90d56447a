"""What is still lacking, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.sessions import NOW, PERMANENT_KEY
from kit.slots import make_slot
from mtproto_bind._config import ExternalKey, Goal, PendingKey
from mtproto_bind._keys.goal import Need, lacking
from mtproto_bind._keys.slots import Keys, Slot, SlotState
from mtproto_bind._questions import PermanentKey

PERMANENT = PermanentKey(key=PERMANENT_KEY)
EXTERNAL = ExternalKey(id=5)
UNBOUND, BINDING, BOUND, DRAINING, _ = SlotState


def bound(renew_at: float | None = NOW + 1) -> Slot:
    return make_slot(1, BOUND, renew_at)


def following(state: SlotState) -> Slot:
    return make_slot(2, state)


LIFE = [
    # goal, keys, what is lacking
    pytest.param(Goal.PERMANENT_KEY, Keys(None), Need.PERMANENT_KEY, id="nothing yet"),
    pytest.param(Goal.PERMANENT_KEY, Keys(PERMANENT), None, id="a permanent key, and no more is wanted"),
    pytest.param(Goal.TEMPORARY_KEY, Keys(None), Need.PERMANENT_KEY, id="identity first"),
    pytest.param(Goal.TEMPORARY_KEY, Keys(PERMANENT), Need.TEMPORARY_KEY, id="then a temporary key"),
    pytest.param(Goal.TEMPORARY_KEY, Keys(PERMANENT, next=following(UNBOUND)), None, id="and no more is wanted"),
    pytest.param(Goal.BOUND, Keys(None), Need.PERMANENT_KEY, id="from nothing"),
    pytest.param(Goal.BOUND, Keys(PERMANENT), Need.TEMPORARY_KEY, id="a permanent key"),
    pytest.param(Goal.BOUND, Keys(EXTERNAL), Need.TEMPORARY_KEY, id="one that lives elsewhere"),
    pytest.param(Goal.BOUND, Keys(PendingKey()), Need.TEMPORARY_KEY, id="one that is being made beside"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, next=following(UNBOUND)), Need.BINDING, id="to be bound"),
    pytest.param(Goal.BOUND, Keys(EXTERNAL, next=following(UNBOUND)), Need.BINDING, id="to be bound elsewhere"),
    pytest.param(Goal.BOUND, Keys(PendingKey(), next=following(UNBOUND)), Need.OWNERS_KEY, id="to be bound to the other's"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, next=following(BINDING)), None, id="the answer is awaited"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, bound()), None, id="all is well"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, bound(None)), None, id="all is well for ever"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, bound(NOW)), Need.TEMPORARY_KEY, id="renewal is due"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, bound(NOW), following(UNBOUND)), Need.BINDING, id="the new key is made"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, bound(NOW), following(BINDING)), None, id="the new key is being bound"),
    pytest.param(Goal.BOUND, Keys(PERMANENT, draining=[make_slot(3, DRAINING)]), Need.TEMPORARY_KEY, id="an old key does not do"),
]


@pytest.mark.parametrize(("goal", "keys", "need"), LIFE)
def test_the_life_of_the_keys(goal: Goal, keys: Keys, need: Need | None) -> None:
    assert lacking(keys, goal, server_time=NOW) is need


SLOTS = st.builds(make_slot, st.just(1), st.sampled_from([UNBOUND, BINDING, BOUND]), st.none() | st.floats(NOW - 9, NOW + 9))


@given(
    st.sampled_from([None, PERMANENT, EXTERNAL, PendingKey()]),
    st.none() | SLOTS,
    st.none() | SLOTS,
    st.sampled_from(Goal),
    st.floats(NOW - 10, NOW + 10),
)
def test_whatever_there_is(
    permanent: PermanentKey | ExternalKey | PendingKey | None, current: Slot | None, following: Slot | None, goal: Goal, at: float
) -> None:
    need = lacking(Keys(permanent, current, following), goal, server_time=at)
    # a key without which none can be bound comes first, and no key is made twice
    assert (need is Need.PERMANENT_KEY) == (permanent is None)
    if need is Need.TEMPORARY_KEY:
        assert following is None
        assert current is None or (current.renew_at or 0) <= at
    if need in (Need.BINDING, Need.OWNERS_KEY):
        assert following is not None
        assert following.state is UNBOUND
        assert (need is Need.OWNERS_KEY) == isinstance(permanent, PendingKey)
    if goal is not Goal.BOUND:
        assert need not in (Need.BINDING, Need.OWNERS_KEY)
