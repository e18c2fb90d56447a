"""Each mishap does what it says, at its time."""

from __future__ import annotations

import pytest

from kit.pairs import OTHER_QUERY, bound_pair, make_pair
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallReceived,
    Computation,
    ConnectionClosed,
    KeyBound,
    KeyExpired,
    KeyKind,
    OutcomeUnknown,
    TransportEnded,
)
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


def call(pair: Pair, *, seconds: float = 1.0) -> None:
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(seconds)


def test_each_at_its_time_in_any_order() -> None:
    befallen: list[tuple[float, float]] = []

    class Noted(Mishap):
        def befall(self, pair: Pair) -> None:
            befallen.append((self.at, pair.now - begun))

    pair = bound_pair()
    begun = pair.now
    play(pair, [Noted(at=3.0), Noted(at=1.0), Noted(at=2.0), Noted(at=9.0)])
    pair.run(4)
    assert [at for at, _ in befallen] == [1.0, 2.0, 3.0]
    for at, passed in befallen:
        assert passed == pytest.approx(at)


def test_a_mishap_has_to_say_what_happens() -> None:
    with pytest.raises(NotImplementedError):
        Mishap(at=0.0).befall(bound_pair())


def test_a_piece_is_spoiled() -> None:
    pair = bound_pair()
    play(pair, [PieceSpoiled(at=0.0, direction=Direction.TO_SERVER, kind=FaultKind.DELAY, seconds=3)])
    pair.run(0.01)
    call(pair)
    assert pair.owner.ran == []
    pair.run(3)
    assert pair.owner.ran == [OTHER_QUERY]


def test_the_byte_that_is_spoiled() -> None:
    pair = bound_pair()
    play(pair, [PieceSpoiled(at=0.0, direction=Direction.TO_SERVER, kind=FaultKind.CORRUPT, byte=40)])
    pair.run(0.01)
    call(pair)
    [closed] = pair.server_events(ConnectionClosed)
    assert "MSG_KEY" in str(closed.error)


def test_a_cut() -> None:
    pair = bound_pair()
    play(pair, [Cut(at=1.0)])
    pair.run(5)
    assert pair.streams == 2


def test_clocks_jump() -> None:
    pair = bound_pair()
    play(pair, [ClockStep(at=1, seconds=-60), ClockStep(at=2, seconds=5, server=True)])
    pair.run(1.5)
    assert (pair.client_skew, pair.server_skew) == (-60, 0)
    pair.run(1)
    assert (pair.client_skew, pair.server_skew) == (-60, 5)
    assert pair.client_now == pair.now - 60
    assert pair.server_now == pair.now + 5
    call(pair)
    assert pair.events(CallAnswered)
    # its clock hears of the server's, to a way across the network
    assert pair.client.status.clock.time(pair.client_now) == pytest.approx(pair.server_now, abs=0.1)


def test_a_server_begins_anew_with_the_keys_of_its_owner() -> None:
    pair = bound_pair()
    before, key = pair.server, pair.client.bound_key()
    play(pair, [ServerRestarted(at=1.0)])
    pair.run(5)
    assert pair.server is not before
    assert pair.server.config == before.config
    assert pair.client.bound_key().key == key.key
    assert len(pair.events(TransportEnded)) == 1
    call(pair)
    assert pair.events(CallAnswered)


def test_what_a_server_was_asked_dies_with_it() -> None:
    pair = bound_pair()
    pair.server_hold = True
    call(pair)
    assert [type(event) for _link, event in pair.server_held] == [CallReceived]
    pair.restart_server()
    assert pair.server_held == []
    assert pair.link is None


def test_temporary_keys_are_forgotten() -> None:
    pair = bound_pair()
    key = pair.client.bound_key()
    play(pair, [KeysForgotten(at=120.0, kind=KeyKind.TEMPORARY)])
    pair.run(121)
    assert set(pair.owner.keys) == {key.permanent_key_id}
    assert pair.owner.bindings == {}
    pair.run_until(KeyExpired)
    pair.run_until(KeyBound)
    assert pair.client.bound_key().permanent_key_id == key.permanent_key_id


def test_the_permanent_key_is_forgotten() -> None:
    pair = bound_pair()
    key = pair.client.bound_key()
    KeysForgotten(at=0.0, kind=KeyKind.PERMANENT).befall(pair)
    assert set(pair.owner.keys) == {key.key.id}
    assert pair.owner.keys[key.key.id].bound_to is None
    assert pair.owner.bindings == {}


def test_computations_come_late() -> None:
    pair = make_pair()
    play(pair, [ComputationsHeld(at=0.0, seconds=5)])
    pair.run(4)
    assert [type(held) for held in pair.held] == [Computation]
    assert not pair.events(KeyBound)
    pair.run(4)
    assert pair.held == []
    assert pair.events(KeyBound)
    assert pair.streams == 1


def test_computations_are_lost() -> None:
    """They are asked again on the next stream."""
    pair = make_pair()
    play(pair, [ComputationsHeld(at=0.0, seconds=5, lost=True)])
    pair.run(4)
    assert len(pair.held) == 1
    pair.run(4)
    assert pair.held == []
    assert pair.streams == 2
    assert pair.events(KeyBound)


def test_answers_come_late() -> None:
    pair = make_pair()
    play(pair, [AnswersHeld(at=0.1, seconds=5)])
    pair.run(4)
    assert len(pair.server_held) == 1
    assert not pair.events(KeyBound)
    pair.run(4)
    assert pair.events(KeyBound)
    play(pair, [AnswersHeld(at=0.0, seconds=5)])
    call(pair, seconds=4)
    assert pair.owner.ran == [OTHER_QUERY]
    assert not pair.events(CallAnswered)
    pair.run(2)
    assert pair.events(CallAnswered)


def test_answers_are_lost() -> None:
    pair = bound_pair()
    play(pair, [AnswersHeld(at=0.0, seconds=5, lost=True)])
    pair.client.call(OTHER_QUERY, pair.client_now, give_up_at=pair.client_now + 30)
    pair.run(31)
    assert pair.owner.ran == [OTHER_QUERY]
    [failed] = pair.events(CallFailed)
    assert isinstance(failed.reason, OutcomeUnknown)


def test_what_was_withdrawn_is_not_done() -> None:
    """The stream is cut while the owner is asked to store a key: nobody waits for his word any more."""
    pair = make_pair()
    play(pair, [AnswersHeld(at=0.1, seconds=0.9), Cut(at=0.9)])
    pair.run(0.95)
    assert len(pair.server_held) == 1
    pair.run(0.1)
    assert pair.server_held == []
    assert pair.owner.keys == {}
    pair.run(5)
    assert pair.events(KeyBound)
