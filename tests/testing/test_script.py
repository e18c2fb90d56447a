"""Each mishap befalls a pair at its time, and the pair comes through it."""

from __future__ import annotations

import pytest

from kit.pairs import OTHER_QUERY, bound_pair
from mtproto_bind import CallAnswered, CallReceived, KeyBound, KeyKind, TransportEnded
from mtproto_bind.testing import (
    AnswersHeld,
    ClockStep,
    ComputationsHeld,
    Cut,
    Direction,
    FaultKind,
    KeysForgotten,
    Mishap,
    Pair,
    PieceSpoiled,
    ServerRestarted,
    play,
)


def played(*script: Mishap, seconds: float = 1.5) -> Pair:
    pair = bound_pair()
    play(pair, script)
    pair.run(seconds)
    return pair


def test_a_mishap_says_what_happens() -> None:
    with pytest.raises(NotImplementedError):
        Mishap(at=0).befall(bound_pair())


def test_it_happens_at_its_time() -> None:
    pair = played(Cut(at=3), seconds=2.9)
    assert not pair.events(TransportEnded)
    pair.run(0.2)
    assert len(pair.events(TransportEnded)) == 1


def test_a_piece_is_spoiled() -> None:
    pair = played(PieceSpoiled(at=0, direction=Direction.TO_SERVER, kind=FaultKind.CUT), seconds=0.5)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(5)
    assert len(pair.events(TransportEnded)) == 1
    assert len(pair.events(CallAnswered)) == 1


def test_clocks_jump() -> None:
    pair = played(ClockStep(at=1, seconds=40), ClockStep(at=1, seconds=-7, server=True))
    assert (pair.client_now - pair.now, pair.server_now - pair.now) == pytest.approx((40, -7))


def test_a_server_begins_anew_with_the_keys_of_its_owner() -> None:
    pair = bound_pair()
    before = pair.server
    play(pair, [ServerRestarted(at=1)])
    pair.run(5)
    assert pair.server is not before
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(2)
    assert len(pair.events(CallAnswered)) == 1
    assert len(pair.events(KeyBound)) == 1


def test_keys_are_forgotten() -> None:
    pair = played(KeysForgotten(at=1, kind=KeyKind.TEMPORARY), seconds=200)
    assert len(pair.events(KeyBound)) == 2
    assert pair.owner.bindings[pair.client.bound_key().permanent_key_id, False] == pair.client.bound_key().key.id


@pytest.mark.parametrize("lost", [False, True])
def test_computations_are_held(lost: bool) -> None:
    pair = bound_pair()
    play(pair, [ComputationsHeld(at=0, seconds=10, lost=lost)])
    pair.run(0.1)
    pair.client.renew(pair.client_now)
    pair.run(9)
    assert len(pair.events(KeyBound)) == 1
    pair.run(30)
    assert len(pair.events(KeyBound)) == 2
    assert len(pair.events(TransportEnded)) == lost


@pytest.mark.parametrize("lost", [False, True])
def test_answers_of_the_servers_owner_are_held(lost: bool) -> None:
    pair = bound_pair()
    play(pair, [AnswersHeld(at=0, seconds=10, lost=lost)])
    pair.run(0.1)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(9)
    assert len(pair.server_events(CallReceived)) == 1
    assert not pair.events(CallAnswered)
    pair.run(5)
    assert len(pair.events(CallAnswered)) == (not lost)


@pytest.mark.parametrize("lost", [False, True])
def test_a_question_of_the_server_is_held(lost: bool) -> None:
    pair = bound_pair()
    play(pair, [AnswersHeld(at=0, seconds=10, lost=lost)])
    pair.run(0.1)
    pair.client.renew(pair.client_now)
    pair.run(200)
    assert len(pair.events(KeyBound)) == 2
