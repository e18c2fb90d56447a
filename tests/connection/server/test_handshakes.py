"""Unfinished handshakes: found by nonces, bounded in number and life."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind import Check, Limits, SecurityError, Timeouts
from mtproto_bind._connection.server.handshakes import Handshakes, Pending
from mtproto_bind._handshake import listening

STATE = listening()


def nonce(number: int) -> bytes:
    return number.to_bytes(16, "big")


def make(**limits: int) -> Handshakes:
    return Handshakes(Limits(**limits), Timeouts(handshake_memory=600))


def add(handshakes: Handshakes, number: int, peer: object = "peer", now: float = 0.0) -> Pending:
    return handshakes.add(STATE, nonce(number), nonce(number + 1000), peer, now)


def test_found_by_both_nonces() -> None:
    handshakes = make()
    one = add(handshakes, 1)
    assert handshakes.find(nonce(1), nonce(1001), 1.0) is one
    assert handshakes.began(nonce(1), 1.0) is one
    assert handshakes.find(nonce(1), nonce(1002), 1.0) is None
    assert handshakes.began(nonce(2), 1.0) is None
    handshakes.remove(one)
    handshakes.remove(one)
    assert handshakes.find(nonce(1), nonce(1001), 1.0) is None
    assert handshakes.began(nonce(1), 1.0) is None
    assert len(handshakes) == 0


def test_a_nonce_may_begin_twice() -> None:
    """Another server_nonce makes another handshake; the end of the older one leaves the younger alone."""
    handshakes = make()
    old = add(handshakes, 1)
    young = handshakes.add(STATE, nonce(1), nonce(7), "peer", 0.0)
    assert handshakes.began(nonce(1), 0.0) is young
    handshakes.remove(old)
    assert handshakes.began(nonce(1), 0.0) is young


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3)), max_size=20))
def test_each_lives_ten_minutes(steps: list[tuple[float, int]]) -> None:
    handshakes, now, ends = make(), 0.0, []
    for number, (seconds, peer) in enumerate(steps):
        now += seconds
        add(handshakes, number, peer, now)
        ends.append(now + 600)
    assert handshakes.deadline() == min(ends, default=None)
    later = now + 550
    handshakes.expire(later)
    assert len(handshakes) == sum(at > later for at in ends)
    handshakes.expire(now + 600)
    assert len(handshakes) == 0


@pytest.mark.parametrize("peer", ["host", 7, None])
def test_one_peer_has_only_so_many(peer: object) -> None:
    handshakes = make(handshakes_per_peer=2)
    one, _two = add(handshakes, 1, peer), add(handshakes, 2, peer)
    with pytest.raises(SecurityError) as caught:
        handshakes.may_begin(peer, 1.0)
    assert caught.value.check is Check.HANDSHAKES_PER_PEER
    handshakes.may_begin("another", 1.0)
    # one that is finished stays to answer again, and counts no more
    handshakes.finish(one)
    handshakes.finish(one)
    handshakes.may_begin(peer, 1.0)
    assert handshakes.find(nonce(1), nonce(1001), 1.0) is one
    handshakes.remove(one)
    add(handshakes, 3, peer)
    with pytest.raises(SecurityError):
        handshakes.may_begin(peer, 1.0)
    handshakes.may_begin(peer, 700.0)


def test_nothing_is_found_whose_time_is_up() -> None:
    handshakes = make()
    add(handshakes, 1, now=0.0)
    assert handshakes.began(nonce(1), 599.9) is not None
    assert handshakes.began(nonce(1), 600.0) is None
    add(handshakes, 2, now=1000.0)
    assert handshakes.find(nonce(2), nonce(1002), 1599.9) is not None
    assert handshakes.find(nonce(2), nonce(1002), 1600.0) is None


def test_the_oldest_makes_room() -> None:
    handshakes = make(handshakes=2)
    for number in range(3):
        add(handshakes, number)
    assert len(handshakes) == 2
    assert handshakes.began(nonce(0), 0.0) is None
    assert handshakes.began(nonce(2), 0.0) is not None


def test_a_step_forgets_the_one_before() -> None:
    pending = add(make(), 1)
    pending.worked_on, pending.under_way = object(), b"asked"
    pending.advance(STATE, b"digest", b"answer")
    assert (pending.asked, pending.answer, pending.worked_on, pending.under_way) == (b"digest", b"answer", None, b"")
    assert "answer" not in repr(pending)
