"""Acknowledgements wait for company, but not for long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._session.acks import MANY, Acks

DELAY = 10.0


def make_acks(*msg_ids: int, at: float = 100.0) -> Acks:
    acks = Acks(DELAY)
    for msg_id in msg_ids:
        acks.add(msg_id, at)
    return acks


def test_nothing_waits() -> None:
    acks = make_acks()
    assert (len(acks), acks.deadline(), acks.take(5)) == (0, None, ())
    acks.shift(5.0)
    acks.drop(1)
    assert acks.deadline() is None


def test_the_oldest_sets_the_deadline() -> None:
    acks = make_acks(1)
    acks.add(2, 105.0)
    assert acks.deadline() == 110.0


def test_many_leave_at_once() -> None:
    assert MANY == 16
    acks = make_acks(*range(MANY))
    assert acks.deadline() == 110.0
    acks.add(MANY, 105.0)
    assert acks.deadline() == 100.0


def test_they_leave_in_order_and_once() -> None:
    acks = make_acks(5, 3, 5, 4)
    assert len(acks) == 3
    assert acks.take(2) == (5, 3)
    # what did not fit waits no longer than before
    assert acks.deadline() == 110.0
    assert acks.take(8192) == (4,)
    assert (len(acks), acks.deadline()) == (0, None)


def test_an_answer_acknowledges_too() -> None:
    acks = make_acks(1, 2)
    acks.drop(1)
    assert (len(acks), acks.deadline()) == (1, 110.0)
    acks.drop(2)
    assert acks.deadline() is None
    # the next one waits its own time
    acks.add(3, 200.0)
    assert acks.deadline() == 210.0


def test_the_deadline_moves_with_our_clock() -> None:
    acks = make_acks(1)
    acks.shift(-50.0)
    assert acks.deadline() == 60.0


@given(st.lists(st.integers(0, 20)), st.integers(1, 5))
def test_every_id_is_taken_once(msg_ids: list[int], limit: int) -> None:
    acks = make_acks(*msg_ids)
    taken: list[int] = []
    while len(acks):
        part = acks.take(limit)
        assert 0 < len(part) <= limit
        taken += part
    assert taken == list(dict.fromkeys(msg_ids))
