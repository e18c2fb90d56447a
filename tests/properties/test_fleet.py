"""A fleet keeps the promises of one server: every call ends once and runs at most once, whichever process it comes to."""

from __future__ import annotations

import pytest
from hypothesis import given

from kit.fault_scripts import Asked
from kit.fleet import Fleet, FleetStory, FleetTrial, Killed, Moved, Replayed, StoreFails, fleet_stories
from kit.trial import QUERY, Trial
from mtproto_bind import CallAnswered, CallFailed, KeyBound, KeyCreated, OutcomeUnknown, TemporaryKeyCreated
from mtproto_bind.testing import Direction, FaultKind, Mishap

ROUND_TRIP = 0.11
"""Seconds, and a little more."""


@given(fleet_stories)
def test_a_story(story: FleetStory) -> None:
    """Contracts 8 and 10; ``HYPOTHESIS_PROFILE=deep`` tells thousands."""
    story.run()


def bound_fleet() -> tuple[Fleet, FleetTrial]:
    fleet = Fleet()
    trial = FleetTrial(fleet)
    fleet.run_until(KeyBound)
    fleet.run(20)
    return fleet, trial


def test_a_captured_call_runs_on_no_process() -> None:
    fleet, trial = bound_fleet()
    trial.call()
    fleet.run(1)
    for place in range(3):
        for index in range(4):
            fleet.replay(index, place)
    assert len(fleet.owner.ran) == 1
    assert len(fleet.events(CallAnswered)) == 1


def test_a_handshake_begins_on_one_process_and_ends_on_another() -> None:
    """Each process answers one request, and then the stream leads to another."""
    fleet = Fleet(from_nothing=True)
    requests = 0
    while not fleet.events(KeyBound):
        said = len(fleet.tap.frames)
        fleet.run(5, lambda _fleet, said=said: len(fleet.tap.frames) > said)
        fleet.run(ROUND_TRIP)
        requests += 1
        Moved(at=0, place=requests % 3, cut=True).befall(fleet)
    # three for each key, and the binding
    assert requests == 7
    assert len(fleet.server_events(KeyCreated)) == 2


def calls_without_answers(fleet: Fleet, trial: FleetTrial) -> None:
    """Thirty calls run, and nothing that the process says reaches the client any more."""
    fleet.network.befall_next(Direction.TO_CLIENT, FaultKind.HALF_OPEN)
    for _ in range(30):
        trial.call()
    fleet.run(1)


def test_killing_a_process_loses_nothing_but_its_streams() -> None:
    fleet, trial = bound_fleet()
    calls_without_answers(fleet, trial)
    Killed(at=0, place=0, then=1).befall(fleet)
    fleet.run(10)
    trial.call()
    fleet.run(10)
    assert len(fleet.owner.ran) == 31
    assert trial.outcomes() == {"answered": 1, "OutcomeUnknown: the server began the session anew": 30}
    assert len(fleet.events(TemporaryKeyCreated)) == 1


def test_calls_that_come_back_to_a_process_that_never_had_them_run_nowhere_twice() -> None:
    """It has the session, so nothing tells the client that another process had its calls; the store does."""
    fleet, trial = bound_fleet()
    Moved(at=0, place=1, cut=True).befall(fleet)
    fleet.run(10)
    calls_without_answers(fleet, trial)
    Killed(at=0, place=1, then=0).befall(fleet)
    fleet.run(10)
    assert len(fleet.owner.ran) == 30
    assert trial.outcomes() == {"OutcomeUnknown: refused with code nn": 30}


@pytest.mark.parametrize("deaf", [False, True])
def test_a_store_that_fails_for_a_while_loses_no_call(deaf: bool) -> None:
    fleet, trial = bound_fleet()
    StoreFails(at=0, seconds=5, deaf=deaf).befall(fleet)
    for _ in range(3):
        trial.call()
    fleet.run(120)
    assert sorted(fleet.owner.ran) == sorted(made.body for made in trial.calls.values())
    assert trial.outcomes() == {"answered": 3}
    assert len(fleet.events(TemporaryKeyCreated)) == 1


# ---- the tests above can fail


def test_without_claims_a_captured_call_runs_again() -> None:
    fleet, trial = bound_fleet()
    trial.call()
    fleet.run(1)
    fleet.owner.claims.clear()
    fleet.replay(0, 1)
    assert fleet.owner.ran == [QUERY + bytes(8)] * 2
    with pytest.raises(AssertionError, match="ran 2 times"):
        trial.judge()


def test_a_mishap_is_for_fleets() -> None:
    script: list[Mishap] = [Replayed(at=1, index=0, place=2), Replayed(at=1, index=50, place=2)]
    trial = FleetStory({}, script, [Asked(0.9, Trial.call)]).run()
    assert trial.pair.server_events(KeyCreated)
    assert not any(isinstance(event.reason, OutcomeUnknown) for event in trial.pair.events(CallFailed))
