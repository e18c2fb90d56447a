"""Hypothesis strategies: what goes wrong with a pair, what is asked of it meanwhile, and how its ends are set up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from kit.trial import Trial, trial_pair
from mtproto_bind import Framing, InitConnection, Limits, Transport
from mtproto_bind.testing import Mishap, play
from mtproto_bind.testing.strategies import LONGEST, fault_scripts, moments

HORIZON = 240.0
"""Virtual seconds in which things go wrong."""
scripts = fault_scripts()


@frozen
class Asked:
    """``what`` is asked of the pair ``at`` seconds after the beginning."""

    at: float
    what: Callable[[Trial], None]


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
