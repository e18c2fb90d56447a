"""Hypothesis strategies: what goes wrong with a pair, what is asked of it meanwhile, and how its ends are set up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from kit.trial import Trial, trial_pair
from mtproto_bind import Framing, InitConnection, KeyKind, Limits, Transport
from mtproto_bind.testing import (
    AnswersHeld,
    ClockStep,
    ComputationsHeld,
    Cut,
    Direction,
    FaultKind,
    KeysForgotten,
    Mishap,
    PieceSpoiled,
    ServerRestarted,
    play,
)

HORIZON = 240.0
"""Virtual seconds in which things go wrong."""
SECONDS = (10, 10, 55, 100, 101, 102, 170, 230)
PARTS = (0.0, 0.02, 0.06, 0.11, 0.16, 0.3, 0.9)
"""A way across the network is 0.05 s."""


LONGEST = 45.0
"""Seconds for which anything is held back."""


@frozen
class Asked:
    """``what`` is asked of the pair ``at`` seconds after the beginning."""

    at: float
    what: Callable[[Trial], None]


moments = st.one_of(
    st.floats(0, 3).map(lambda at: round(at, 3)),
    st.builds(lambda second, part: second + part, st.sampled_from(SECONDS), st.sampled_from(PARTS)),
)
"""Close together, as things meet only then."""
lengths = st.sampled_from([0.2, 2.0, 12.0, LONGEST])
HOUR = 3600
back = st.one_of(st.sampled_from([-0.5, -5.0, -45.0, -400.0, -float(HOUR)]), st.floats(-600, 0))
steps = st.one_of(back, back.map(abs))

MISHAPS: dict[str, st.SearchStrategy[Mishap]] = {
    "piece": st.builds(
        PieceSpoiled,
        at=moments,
        direction=st.sampled_from(Direction),
        kind=st.sampled_from(FaultKind),
        byte=st.integers(0, 200),
        seconds=st.sampled_from([0.03, 0.2, 3.0, 20.0]),
    ),
    "cut": st.builds(Cut, at=moments),
    "clock": st.builds(ClockStep, at=moments, seconds=steps),
    "server's clock": st.builds(ClockStep, at=moments, seconds=st.sampled_from([0.5, -0.5, 3.0, -3.0]), server=st.just(True)),
    "restart": st.builds(ServerRestarted, at=moments),
    "temporary keys": st.builds(KeysForgotten, at=moments, kind=st.just(KeyKind.TEMPORARY)),
    "permanent key": st.builds(KeysForgotten, at=moments, kind=st.just(KeyKind.PERMANENT)),
    "computations": st.builds(ComputationsHeld, at=moments, seconds=lengths, lost=st.booleans()),
    "answers": st.builds(AnswersHeld, at=moments, seconds=lengths, lost=st.booleans()),
}

places = st.integers(0, 4)
calls = st.builds(
    lambda repeat, updates, patience, after: partial(Trial.call, repeat=repeat, updates=updates, patience=patience, after=after),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, 0.3, 20.0, 120.0, 500.0]),
    st.lists(places, max_size=2, unique=True),
)
wishes = st.one_of(
    calls,
    calls,
    calls,
    st.just(Trial.update),
    st.just(Trial.renew),
    places.map(lambda place: partial(Trial.cancel, place=place)),
)
asked = st.lists(st.builds(Asked, moments, wishes), max_size=14)


scripts = st.lists(st.one_of(*MISHAPS.values()), max_size=14)
"""Things that go wrong, in any order."""


SMALL = Limits(doubles=24, unacknowledged=12, container_messages=3)
"""Memories so short that they are full all the time."""


@frozen
class Story:
    """How the ends are set up, what goes wrong, and what is asked."""

    ends: dict[str, Any]
    script: list[Mishap]
    wishes: list[Asked]

    def run(self) -> Trial:
        """It happens; then nothing goes wrong any more, and all has to be well. AssertionError where it is not."""
        pair = trial_pair(**self.ends)
        trial = Trial(pair)
        play(pair, self.script)
        for one in self.wishes:
            trial.later(one.at, one.what)
        pair.run(HORIZON + LONGEST)
        trial.recovers()
        return trial


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any of them. Lifetimes of temporary keys go down to 5 s, so that all happens in the midst of renewals too."""
    lifetime = draw(st.sampled_from([86400, 86400, 86400, 300, 60, 20, 5]))
    client = {
        "temporary_lifetime": lifetime,
        "pipeline": draw(st.booleans()),
        "api": draw(st.sampled_from([None, InitConnection(layer=225, api_id=1)])),
    }
    server = {"share_handshakes": draw(st.booleans()), "limits": draw(st.sampled_from([Limits(), SMALL]))}
    ends = {
        "client": client,
        "server": server,
        "transport": draw(st.sampled_from([Transport(), Transport(Framing.FULL), Transport(Framing.PADDED, obfuscated=True)])),
        "client_skew": draw(st.sampled_from([0.0, 0.0, 3.5, -70.0, 1e5])),
        "from_nothing": draw(st.sampled_from([False] * 4 + [True])),
    }
    return Story(ends, draw(scripts), draw(asked))
