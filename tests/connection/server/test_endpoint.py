"""What outlives a stream: keys, bindings, updates, and their ends."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.keys import SERVER_KEY
from kit.pairs import make_pair
from kit.puppet import DAY, KEYS, PERMANENT_KEY, START, Puppet, World, permanent_record, temporary_record
from mtproto_bind import AuthKey, KeyBound, KeyNeeded, Limits, Secret, Server
from mtproto_bind._tl import BadServerSalt, Ping, Pong, ReqPQMulti
from mtproto_bind.testing import ScriptedEntropy, make_server_config


def server(**limits: int) -> Server:
    return Server(make_server_config(SERVER_KEY, limits=Limits(**limits)))


def test_keys_are_asked_for_once() -> None:
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    [question] = one.line.held
    one.line.answer(question, one.record)
    one.say(Ping(ping_id=2))
    assert len(one.line.held) == 1
    assert [pong.ping_id for pong in one.heard(Pong)] == [1, 2]


def test_the_cache_has_an_end_and_the_owner_is_asked_again() -> None:
    one = server(keys=2)
    for name in range(3):
        one.cache_key(temporary_record(name))
    assert [one.cached_key(KEYS[name].id) is not None for name in range(3)] == [False, True, True]
    one.cache_key(temporary_record(2))
    assert one.cached_key(KEYS[1].id) is not None, "what is there already needs no room"
    one.cache_key(temporary_record(1))
    one.cache_key(temporary_record(0))
    assert [one.cached_key(KEYS[name].id) is not None for name in range(3)] == [True, True, False]


def test_an_expired_key_is_forgotten_with_its_sessions() -> None:
    one = Puppet(World().dial())
    one.say(Ping(ping_id=1))
    endpoint = one.world.server
    assert endpoint.next_deadline() == START + DAY
    endpoint.handle_timeout(START + DAY - 1)
    assert endpoint.cached_key(one.record.key.id) is not None
    endpoint.handle_timeout(START + DAY)
    assert endpoint.cached_key(one.record.key.id) is None
    assert len(endpoint.sessions) == 0
    assert endpoint.next_deadline() is None


def test_keys_that_come_and_go_leave_nothing_behind() -> None:
    """A hostile client makes keys all day; what is remembered of them stays within the ceiling."""
    one = server(keys=4)
    for number in range(1, 100):
        record = evolve(temporary_record(), key=AuthKey(bytes([number]) * 256), expires_at=START + 100 + number)
        one.cache_key(record)
        one.bound(record, number % 7, START)
    assert len(one._keys) == 4
    assert len(one._bound) <= 4
    assert len(one._endings) <= 9
    # those that are still there end in their time
    one.handle_timeout(START + 100 + 97)
    assert len(one._keys) == 2


def test_handshakes_have_their_deadline_too() -> None:
    pair = make_pair()
    pair.run(0.1)
    deadline = pair.server.next_deadline()
    assert deadline is not None
    assert deadline - pair.now == pytest.approx(600, abs=1)
    pair.server.handle_timeout(deadline)
    assert len(pair.server.handshakes) == 0


@pytest.mark.parametrize("told_by", ["accept", "handle_timeout", "a stream"])
def test_a_clock_that_steps_back_takes_handshakes_along(told_by: str) -> None:
    world = World()
    line = world.dial()
    line.tell(ReqPQMulti(nonce=bytes(16)))
    endpoint = world.server
    world.now -= 3600
    if told_by == "accept":
        world.dial()
    elif told_by == "a stream":
        line.link.handle_timeout(world.now)
    else:
        endpoint.handle_timeout(world.now)
    assert endpoint.handshakes.deadline() == world.now + 600
    world.pass_time(599)
    assert len(endpoint.handshakes) == 1
    world.pass_time(2)
    assert len(endpoint.handshakes) == 0


def test_a_clock_that_steps_back_takes_the_drain_along_and_leaves_the_end_of_a_key() -> None:
    one = Puppet(World(temporary_record(0), temporary_record(1)).dial())
    one.say(Ping(ping_id=1))
    endpoint = one.world.server
    endpoint.bound(temporary_record(0), PERMANENT_KEY.id, START)
    endpoint.bound(temporary_record(1), PERMANENT_KEY.id, START)
    assert endpoint.next_deadline() == START + 10
    endpoint.handle_timeout(START - 5000)
    assert endpoint.next_deadline() == START - 5000 + 10
    endpoint.handle_timeout(START - 5000 + 10)
    assert len(endpoint.sessions) == 0
    assert endpoint.next_deadline() == START + DAY, "a moment on the clock, whatever the clock says"


def test_streams_that_tell_the_time_in_turn_do_not_move_deadlines() -> None:
    """Each is told a moment that was now a moment ago."""
    world = World()
    lines = [world.dial(), world.dial()]
    lines[0].tell(ReqPQMulti(nonce=bytes(16)))
    for turn in range(1000):
        lines[turn % 2].link.handle_timeout(START + turn - 0.9 * (turn % 2))
    assert world.server.handshakes.deadline() == START + 600


def test_processes_that_share_the_secret_know_each_others_salts() -> None:
    first, second = (
        World(permanent_record(), temporary_record(), seed=seed, salt_secret=Secret(bytes(32))) for seed in (b"one", b"two")
    )
    one = Puppet(first.dial())
    for world in (first, second):
        world.now += 5000
    one.say(Ping(ping_id=1))
    salt = one.line.heard[-1].salt
    [bad] = one.heard(BadServerSalt)
    assert bad.new_server_salt == salt
    other = Puppet(second.dial())
    other.salt = bad.new_server_salt
    other.say(Ping(ping_id=2))
    assert [pong.ping_id for pong in other.heard(Pong)] == [2]


def test_a_secret_that_is_not_given_is_drawn() -> None:
    script = ScriptedEntropy([bytes(32)])
    Server(make_server_config(SERVER_KEY, entropy=script))
    script.finish()
    Server(make_server_config(SERVER_KEY, entropy=script, salt_secret=Secret(bytes(32))))


def test_a_binding_is_known_to_all_streams() -> None:
    pair = make_pair()
    bound = pair.run_until(KeyBound)
    assert isinstance(bound, KeyBound)
    record = pair.server.cached_key(bound.key_id)
    assert record is not None
    assert record.bound_to == bound.permanent_key_id
    assert record.key.id != PERMANENT_KEY.id
