"""From nothing to the first answer: counted in round trips, and what becomes of two connections that wait for each other.

A round trip is twice the latency of the virtual network. That of TCP or TLS, which comes before, is not counted.
"""

from __future__ import annotations

import pytest

from kit.keys import ZERO_DIGIT_KEY
from kit.pairs import OTHER_QUERY, Wiretap, binds_in
from kit.rig import LATENCY, ROUND_TRIP, Rig, SideBySide
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    ConnectionClosed,
    Event,
    Goal,
    KeyBound,
    PermanentKeyCreated,
    PermanentKeyRequired,
    Retry,
    TemporaryKeyCreated,
    TransportEnded,
)
from mtproto_bind.testing import Network, Pair


def round_trips(rig: Rig, pair: Pair) -> float:
    """Until the call that was made at the beginning has its answer."""
    pair.client.call(OTHER_QUERY, pair.client_now)
    began = pair.now
    assert rig.run(60, lambda: bool(pair.events(CallAnswered)))
    assert rig.owner.ran == [OTHER_QUERY]
    return (pair.now - began) / ROUND_TRIP


@pytest.mark.parametrize(("pipeline", "expected"), [(False, 8), (True, 7)])
def test_one_connection(pipeline: bool, expected: int) -> None:
    """Three for each key, the binding, the call."""
    rig = Rig()
    assert round_trips(rig, rig.connect(b"one", pipeline=pipeline)) == expected


@pytest.mark.parametrize(("pipeline", "expected"), [(False, 5), (True, 4)])
def test_two_connections_side_by_side(pipeline: bool, expected: int) -> None:
    """The keys take three together."""
    rig = SideBySide(pipeline=pipeline)
    assert round_trips(rig, rig.temporary) == expected
    assert [pair.streams for pair in rig.pairs] == [1, 1]


@pytest.mark.parametrize(("pipeline", "expected"), [(False, 5), (True, 4)])
def test_a_permanent_key_that_was_kept(pipeline: bool, expected: int) -> None:
    rig = Rig()
    first = rig.connect(b"first", goal=Goal.PERMANENT_KEY)
    assert rig.run(60, lambda: bool(first.events(PermanentKeyCreated)))
    key = first.events(PermanentKeyCreated)[0].key
    assert round_trips(rig, rig.connect(b"second", permanent_key=key, pipeline=pipeline)) == expected


def test_a_temporary_key_that_was_kept() -> None:
    rig = Rig()
    first = rig.connect(b"first")
    assert rig.run(60, lambda: bool(first.events(KeyBound)))
    key, saved = first.events(PermanentKeyCreated)[0].key, first.client.save(temporary_key=True)
    assert round_trips(rig, rig.connect(b"second", permanent_key=key, saved=saved)) == 1


# ---- one waits for the other


def told(pair: Pair) -> list[type[Event]]:
    return [type(each.event) for each in pair.told]


def at(pair: Pair, kind: type[Event]) -> float:
    """When the first event of a kind was told."""
    return next(each.at for each in pair.told if type(each.event) is kind)


def assert_all_is_well(side: SideBySide) -> None:
    """One permanent key, one temporary key, bound to each other; the call answered, having run once."""
    [made], [bound] = side.permanent.events(PermanentKeyCreated), side.temporary.events(KeyBound)
    [temporary] = side.temporary.events(TemporaryKeyCreated)
    assert (bound.key_id, bound.permanent_key_id) == (temporary.key.id, made.key.key.id)
    assert len(side.temporary.events(CallAnswered)) == 1
    assert not side.temporary.events(CallFailed)
    assert side.owner.ran == [OTHER_QUERY]
    assert len(side.owner.keys) == 2


@pytest.mark.parametrize("pipeline", [False, True])
@pytest.mark.parametrize(("faster", "slower"), [(1, 1), (1, 3), (3, 1)])
def test_either_key_may_be_the_first(faster: int, slower: int, pipeline: bool) -> None:
    """``faster``, ``slower``: how many times longer the way of the temporary and of the permanent key is."""
    permanent = {"network": Network(latency=slower * LATENCY)}
    side = SideBySide(permanent=permanent, network=Network(latency=faster * LATENCY), pipeline=pipeline)
    began = side.temporary.now
    side.temporary.client.call(OTHER_QUERY, began)
    assert side.run(60, lambda: bool(side.temporary.events(CallAnswered)))
    assert told(side.permanent) == [PermanentKeyCreated]
    assert told(side.temporary) == [TemporaryKeyCreated, PermanentKeyRequired, KeyBound, CallAnswered]
    assert_all_is_well(side)
    # the binding leaves when the later of the two is there
    ready = max(at(side.permanent, PermanentKeyCreated), at(side.temporary, PermanentKeyRequired))
    assert ready - began == 3 * max(faster, slower) * ROUND_TRIP
    assert at(side.temporary, KeyBound) - ready == faster * ROUND_TRIP
    assert at(side.temporary, CallAnswered) - ready == (1 if pipeline else 2) * faster * ROUND_TRIP


def test_nothing_leaves_under_the_temporary_key_before_the_other_is_there() -> None:
    side = SideBySide(permanent={"network": Network(latency=100 * LATENCY)}, network=Wiretap(latency=LATENCY), pipeline=True)
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run(15)
    assert side.temporary.events(PermanentKeyRequired)
    tap = side.temporary.network
    assert isinstance(tap, Wiretap)
    assert tap.sealed(side.temporary) == []
    side.run(30)
    assert len(binds_in(tap.sealed(side.temporary))) == 1
    assert_all_is_well(side)


STRANGER = {"server_keys": (ZERO_DIGIT_KEY.public,), "retry": Retry(attempts=1)}
"""A client that does not trust our server, and gives up at once."""


def test_a_permanent_key_that_fails_costs_the_other_connection_nothing() -> None:
    """It waits, for as long as its key lives; the next connection that makes a permanent key will do."""
    side = SideBySide(permanent=STRANGER)
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run(600)
    assert told(side.permanent) == [ConnectionClosed]
    assert told(side.temporary) == [TemporaryKeyCreated, PermanentKeyRequired]
    [question] = side.temporary.client.open_questions
    assert isinstance(question, PermanentKeyRequired)
    side.permanent = side.connect(b"another", goal=Goal.PERMANENT_KEY)
    began = side.permanent.now
    assert side.run(60, lambda: bool(side.temporary.events(CallAnswered)))
    assert side.temporary.now - began == 5 * ROUND_TRIP
    assert_all_is_well(side)


def test_a_temporary_key_that_ends_while_it_waits_is_made_again() -> None:
    side = SideBySide(permanent=STRANGER, temporary_lifetime=300)
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run(400)
    side.permanent = side.connect(b"another", goal=Goal.PERMANENT_KEY)
    assert side.run(60, lambda: bool(side.temporary.events(CallAnswered)))
    first, last = side.temporary.events(TemporaryKeyCreated)
    [bound] = side.temporary.events(KeyBound)
    assert bound.key_id == last.key.id != first.key.id
    assert side.owner.ran == [OTHER_QUERY]


@pytest.mark.parametrize("pipeline", [False, True])
@pytest.mark.parametrize("after", range(1, 9))
def test_a_stream_that_is_cut_in_between(after: int, pipeline: bool) -> None:
    """After so many crossings of the network the stream of the temporary key is lost."""
    permanent = {"network": Network(latency=2 * LATENCY)}
    side = SideBySide(permanent=permanent, pipeline=pipeline)
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run(after * 2 * LATENCY)
    side.temporary.cut()
    assert side.run(60, lambda: bool(side.temporary.events(CallAnswered)))
    side.run(5)
    assert side.temporary.streams == 2
    assert_all_is_well(side)


@pytest.mark.parametrize("after", range(5))
def test_the_stream_of_the_permanent_key_is_cut(after: int) -> None:
    side = SideBySide()
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run((after + 1) * LATENCY)
    side.permanent.cut()
    assert side.run(60, lambda: bool(side.temporary.events(CallAnswered)))
    assert side.permanent.streams == 2
    assert side.temporary.streams == 1
    assert_all_is_well(side)


@pytest.mark.parametrize("pipeline", [False, True])
def test_a_stream_that_is_lost_before_the_binding_left_costs_no_round_trip(pipeline: bool) -> None:
    """Nothing was out under the key, so nothing has to wait."""
    side = SideBySide(permanent={"network": Network(latency=4.0)}, network=Wiretap(latency=LATENCY), pipeline=pipeline)
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run(5)
    side.temporary.cut()
    assert side.run(100, lambda: bool(side.temporary.events(CallAnswered)))
    assert at(side.temporary, CallAnswered) - at(side.permanent, PermanentKeyCreated) == (1 if pipeline else 2) * ROUND_TRIP
    tap = side.temporary.network
    assert isinstance(tap, Wiretap)
    assert len(binds_in(tap.sealed(side.temporary))) == 1
    assert_all_is_well(side)


def test_a_stream_that_is_lost_while_the_question_is_open_asks_it_again() -> None:
    """A driver that was cancelled may have lost it; the key that waits is the same."""
    side = SideBySide(permanent={"network": Network(latency=4.0)})
    side.temporary.client.call(OTHER_QUERY, side.temporary.client_now)
    side.run(5)
    side.temporary.cut()
    side.run(5)
    assert told(side.temporary) == [TemporaryKeyCreated, PermanentKeyRequired, TransportEnded, PermanentKeyRequired]
    assert side.run(100, lambda: bool(side.temporary.events(CallAnswered)))
    assert_all_is_well(side)
