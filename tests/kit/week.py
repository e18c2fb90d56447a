"""A long run on a virtual clock: a fault and a call a minute, a renewal a day. See docs/explanation/endurance.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

from kit.trial import RESTARTED_SERVERS_RUN_TWICE, START, Trial, check, reachable, streams, trial_pair
from mtproto_bind import KeyBound, KeyExpired, KeyKind, UpdateReceived
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

__all__ = ["run_days"]

DAY = 86400.0
MINUTE = 60.0
PATIENCE = 1800.0
"""Seconds after which a call is given up."""
MOST = 6000
"""Objects that may hang on the ends: one left over by each call would be more within days."""


def spoiled(random: Random, at: float) -> Mishap:
    direction = random.choice(list(Direction))
    # what a server cannot read it answers with -404, which costs the client its temporary key: that has a line of its own
    unreadable_to_it = direction is Direction.TO_SERVER
    kinds = [kind for kind in FaultKind if not (unreadable_to_it and kind is FaultKind.CORRUPT)]
    seconds = random.uniform(0.01, 20)
    return PieceSpoiled(at=at, direction=direction, kind=random.choice(kinds), byte=random.randrange(200), seconds=seconds)


def unreadable(random: Random, at: float) -> Mishap:
    return PieceSpoiled(at=at, direction=Direction.TO_SERVER, kind=FaultKind.CORRUPT, byte=random.randrange(200))


def step(random: Random, at: float) -> Mishap:
    return ClockStep(at=at, seconds=random.choice([random.uniform(-2, 2), random.uniform(-600, 600)]))


def server_step(random: Random, at: float) -> Mishap:
    return ClockStep(at=at, seconds=random.uniform(-2, 2), server=True)


def computations(random: Random, at: float) -> Mishap:
    return ComputationsHeld(at=at, seconds=random.uniform(0.1, 40), lost=random.random() < 0.3)


def answers(random: Random, at: float) -> Mishap:
    return AnswersHeld(at=at, seconds=random.uniform(0.1, 40), lost=random.random() < 0.1)


FAULTS: dict[str, tuple[float, Callable[[Random, float], Mishap]]] = {
    "a piece": (50, spoiled),
    "a cut": (20, lambda _random, at: Cut(at=at)),
    "the client's clock": (8, step),
    "the server's clock": (4, server_step),
    "computations held back or lost": (6, computations),
    "answers held back or lost": (11, answers),
    "a piece unreadable to the server": (0.1, unreadable),
    "temporary keys forgotten": (0.03, lambda _random, at: KeysForgotten(at=at, kind=KeyKind.TEMPORARY)),
    "the server begins anew": (2, lambda _random, at: ServerRestarted(at=at)),
}
"""What goes wrong, and how often in a hundred.

The permanent key is not forgotten here: one that was bound within a day is not doubted, so the rest of that day would be idle.
"""
BEGIN_ANEW = {"the server begins anew"}


def run_days(seed: int, days: float) -> dict[str, object]:
    """``days`` of it; what happened, for a table. AssertionError where a promise is broken."""
    random = Random(seed)
    pair = trial_pair()
    trial = Trial(pair)
    faults = draw_faults(random, days * DAY)
    play(pair, [mishap for _name, mishap in faults])
    for at in moments(random, days * DAY, 1.0):
        trial.later(at, partial(Trial.call, repeat=random.random() < 0.2, patience=PATIENCE))
    for at in moments(random, days * DAY, 3.0):
        trial.later(at, Trial.update)
    for at in moments(random, days * DAY, DAY / MINUTE):
        trial.later(at, Trial.renew)
    grown = sizes(pair, days)
    trial.recovers()
    steady = max(grown) <= MOST and min(grown[-3:]) <= max(grown[:3])
    check(steady, f"what hangs on the ends grows: {grown} objects")
    return table(trial, Counter(name for name, _mishap in faults), grown)


def sizes(pair: Pair, days: float) -> list[int]:
    """Let the time pass; how many objects hung on the ends after each day or part of one."""
    grown = []
    end = pair.now + days * DAY
    while pair.now < end:
        pair.run(min(DAY, end - pair.now))
        grown.append(reachable(pair.client, pair.server, pair.link))
    return grown


def moments(random: Random, seconds: float, minutes: float) -> list[float]:
    """One each ``minutes``, more or less."""
    found, at = [], 10.0
    while (at := at + random.expovariate(1 / (minutes * MINUTE))) < seconds:
        found.append(at)
    return found


def draw_faults(random: Random, seconds: float) -> list[tuple[str, Mishap]]:
    """One a minute, more or less."""
    left_out = BEGIN_ANEW if RESTARTED_SERVERS_RUN_TWICE else set()
    names = [name for name in FAULTS if name not in left_out]
    weights = [FAULTS[name][0] for name in names]
    return [
        (name, FAULTS[name][1](random, at)) for at in moments(random, seconds, 1.0) for name in random.choices(names, weights)
    ]


def table(trial: Trial, faults: Counter[str], grown: list[int]) -> dict[str, object]:
    """What happened, in words and numbers."""
    pair = trial.pair
    told = {event.body for event in pair.events(UpdateReceived)}
    bound = pair.events(KeyBound)
    count = trial.count_calls
    return {
        "seconds": round(pair.now - START),
        "calls made": len(trial.calls),
        **{f"calls {name}": number for name, number in trial.outcomes().most_common()},
        "calls lost": count(lambda _made, runs, endings: len(endings) != 1),
        "calls doubled": count(lambda made, runs, _endings: runs > 1 and not made.repeat),
        "updates sent": len(trial.updates),
        "updates told": len(told),
        "keys bound": len(bound),
        "of them renewals": sum(event.renewal for event in bound),
        "keys expired or given up": len(pair.events(KeyExpired)),
        "new streams": pair.streams,
        **{f"streams ended, {name}": number for name, number in streams(pair).most_common()},
        **{f"faults, {name}": number for name, number in faults.most_common()},
        "objects that hang on the ends, day by day": " ".join(map(str, grown)),
    }
