"""Whatever goes wrong: every call ends once and runs at most once, both ends agree on the key, and all is well in the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from kit.fault_scripts import Asked, Story, stories
from kit.trial import Trial, trial_pair
from mtproto_bind import CallAnswered, CallId, KeyBound, KeyKind
from mtproto_bind.testing import ClockStep, Direction, FaultKind, KeysForgotten, Told


@given(stories())
def test_a_story(story: Story) -> None:
    """Contracts 3, 8 and 10; ``HYPOTHESIS_PROFILE=deep`` tells thousands."""
    story.run()


# ---- found by it, and mended


def test_a_server_that_begins_anew_runs_nothing_twice() -> None:
    pair = trial_pair()
    trial = Trial(pair)
    pair.run_until(KeyBound)
    pair.network.befall_next(Direction.TO_CLIENT, FaultKind.DROP)
    trial.call()
    pair.run(1)
    pair.restart_server()
    pair.run(10)
    assert len(pair.owner.ran) == 1


@pytest.mark.parametrize(
    ("lifetime", "step"),
    [(300, ClockStep(at=5, seconds=400)), (5, ClockStep(at=5, seconds=-6, server=True))],
    ids=["leap", "back"],
)
def test_a_clock_that_jumps_does_not_end_every_key_to_come(lifetime: int, step: ClockStep) -> None:
    """The client's leaps ahead, or the server's goes back: temporary keys seem to end as soon as they are made."""
    Story({"client": {"temporary_lifetime": lifetime}}, [step], []).run()


def test_a_key_that_is_lost_while_it_is_renewed_is_given_up() -> None:
    Story({}, [KeysForgotten(at=1.1, kind=KeyKind.TEMPORARY)], [Asked(0.886, Trial.renew)]).run()


def test_a_permanent_key_is_doubted_after_the_clock_went_back() -> None:
    Story(
        {"client": {"temporary_lifetime": 60}}, [ClockStep(at=5, seconds=-7200), KeysForgotten(at=9, kind=KeyKind.PERMANENT)], []
    ).run()


def test_a_container_that_comes_twice_runs_once() -> None:
    pair = trial_pair()
    trial = Trial(pair)
    pair.run_until(KeyBound)
    pair.run(20)
    pair.server_hold = True
    pair.network.befall_next(Direction.TO_SERVER, FaultKind.DUPLICATE)
    trial.call()
    trial.call()
    pair.run(3)
    pair.server_release()
    pair.run(3)
    assert len(pair.owner.ran) == 2


@pytest.mark.parametrize("seconds", [310, 7200])
def test_a_copy_of_a_call_under_way_runs_nothing(seconds: int) -> None:
    """Somebody on the path kept a message, and sends it once more while the call is still running."""
    pair = trial_pair()
    trial = Trial(pair)
    written: list[bytes] = []
    write = pair.network.write

    def keep(data: bytes, direction: Direction, stream: int, now: float) -> None:
        if direction is Direction.TO_SERVER:
            written.append(data)
        write(data, direction, stream, now)

    pair.network.write = keep  # type: ignore[method-assign]  # the same, kept
    pair.run_until(KeyBound)
    pair.run(20)
    pair.server_hold = True
    written.clear()
    trial.call()
    pair.run(seconds)
    assert pair.link is not None
    pair.link.receive_data(written[0], pair.server_now)
    pair.run(3)
    pair.server_release()
    pair.run(3)
    assert len(pair.owner.ran) == 1


def test_a_young_permanent_key_is_doubted_after_the_clock_went_back() -> None:
    """It was bound since, so a key of unknown age would not be doubted for a day."""
    Story(
        {}, [ClockStep(at=2.787, seconds=-3600), KeysForgotten(at=102.11, kind=KeyKind.PERMANENT)], [Asked(100, Trial.renew)]
    ).run()


# ---- the tests above can fail


SPOILT: list[tuple[Callable[[Trial], object], str]] = [
    (lambda trial: trial.pair.owner.ran.append(trial.calls[CallId(1)].body), "ran 2 times"),
    (lambda trial: trial.pair.told.remove(answer_of(trial)), "ended 0 times"),
    (lambda trial: trial.pair.told.append(answer_of(trial)), "ended 2 times"),
    (lambda trial: trial.pair.owner.ran.clear(), "never ran"),
    (lambda trial: trial.pair.server_told.clear(), "has not bound"),
]


@pytest.mark.parametrize(("spoil", "says"), SPOILT)
def test_a_broken_promise_is_seen(spoil: Callable[[Trial], object], says: str) -> None:
    pair = trial_pair()
    trial = Trial(pair)
    trial.call()
    pair.run(5)
    trial.judge()
    spoil(trial)
    with pytest.raises(AssertionError, match=says):
        trial.judge()


def answer_of(trial: Trial) -> Told:
    """The answer to the only call."""
    return next(told for told in trial.pair.told if isinstance(told.event, CallAnswered))
