"""destroy_auth_key: the owner destroys the permanent key, and everything that stands on it goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from kit.binders import bind, hold_bind, unbound
from kit.puppet import KEYS, PERMANENT_KEY, SESSION, Puppet, World, permanent_record, temporary_record
from mtproto_bind import (
    UNAVAILABLE,
    Binding,
    BindRequested,
    CallReceived,
    ConnectionClosed,
    Destruction,
    DestructionRequested,
    KeyNeeded,
    Limits,
    Question,
)
from mtproto_bind._tl import DestroyAuthKey, DestroyAuthKeyFail, DestroyAuthKeyNone, DestroyAuthKeyOk, MsgsAck, Ping, Pong
from mtproto_bind.testing import Owner

QUERY = bytes.fromhex("2d7a1f0e00000000")
PING = Ping(ping_id=7)


class Deciding(Owner):
    """Says one thing whenever a key is to be destroyed."""

    def __init__(self, word: Any) -> None:
        super().__init__()
        self.word = word
        self.asked: list[DestructionRequested] = []

    def answer(self, question: Question[Any]) -> Any:
        if isinstance(question, DestructionRequested):
            self.asked.append(question)
            return self.word
        return super().answer(question)


def deciding(word: Any) -> tuple[Puppet, Deciding]:
    owner = Deciding(word)
    return Puppet(World(owner=owner).dial()), owner


def gone(puppet: Puppet) -> bool:
    """Whether its key is unknown on a new stream."""
    puppet.line = puppet.world.dial()
    puppet.say(PING)
    return puppet.line.codes == [-404]


def test_a_key_ends_with_what_is_bound_to_it_and_all_sessions() -> None:
    records = temporary_record(0), temporary_record(1, media=True), temporary_record(2, bound=False)
    world = World(permanent_record(), *records)
    one, other = Puppet(world.dial(), records[0]), Puppet(world.dial(), records[0], session_id=5)
    media, stranger = Puppet(world.dial(), records[1]), Puppet(world.dial(), records[2])
    permanent = Puppet(world.dial(), permanent_record())
    ending = (one, other, media, permanent)
    for each in (*ending, stranger):
        each.say(PING)
    one.say(DestroyAuthKey())
    assert one.heard()[-1].thing == DestroyAuthKeyOk()
    assert set(world.owner.keys) == {KEYS[2].id}
    assert not any(world.server.sessions.find(each.record.key.id, each.session_id) for each in ending)
    assert not any(world.server.cached_key(each.record.key.id) for each in ending)
    assert all(gone(each) for each in ending)
    assert not gone(stranger)


def test_a_permanent_key_ends_itself() -> None:
    world = World()
    one, bound = Puppet(world.dial(), permanent_record()), Puppet(world.dial())
    one.say(DestroyAuthKey())
    assert one.heard()[-1].thing == DestroyAuthKeyOk()
    assert gone(one)
    assert gone(bound)


def test_what_comes_later_on_the_same_stream_is_404() -> None:
    one = Puppet(World().dial())
    one.say(DestroyAuthKey())
    one.say(PING)
    assert one.line.codes == [-404]
    assert not one.heard(Pong)


def test_what_stands_behind_it_in_the_container_is_not_run() -> None:
    one = Puppet(World().dial())
    one.contain(one.hold(QUERY), one.hold(DestroyAuthKey()), one.hold(QUERY), one.hold(PING))
    assert len(one.line.told(CallReceived)) == 1
    assert not one.heard(Pong)
    assert one.heard(DestroyAuthKeyOk)


def test_a_call_of_before_is_answered_to_nobody() -> None:
    one = Puppet(World().dial())
    one.say(QUERY)
    [call] = one.line.told(CallReceived)
    one.say(DestroyAuthKey())
    assert one.line.link.send_result(call, b"done", one.world.now) is None


def test_a_key_that_is_not_bound_destroys_nothing() -> None:
    """Nobody has proven that any permanent key is his."""
    one = unbound()
    one.world.hold = (DestructionRequested,)
    one.say(DestroyAuthKey())
    assert one.heard()[-1].thing == DestroyAuthKeyFail()
    assert one.line.held == []


def test_a_key_that_was_replaced_destroys_nothing() -> None:
    records = temporary_record(0, bound=False), temporary_record(1, bound=False)
    world = World(permanent_record(), *records)
    old, new = Puppet(world.dial(), records[0]), Puppet(world.dial(), records[1])
    bind(old)
    bind(new)
    old.say(DestroyAuthKey())
    assert old.heard()[-1].thing == DestroyAuthKeyFail()
    assert PERMANENT_KEY.id in world.owner.keys


def test_where_it_fails_everything_goes_on() -> None:
    one, owner = deciding(Destruction.FAILED)
    one.say(DestroyAuthKey())
    assert one.heard()[-1].thing == DestroyAuthKeyFail()
    assert [question.permanent_key_id for question in owner.asked] == [PERMANENT_KEY.id]
    one.say(PING)
    assert one.heard(Pong)


def test_what_the_owner_does_not_have_is_forgotten_too() -> None:
    one, _owner = deciding(Destruction.NONE)
    one.say(DestroyAuthKey())
    assert one.heard()[-1].thing == DestroyAuthKeyNone()
    assert len(one.world.server.sessions) == 0
    assert one.world.server.cached_key(one.record.key.id) is None


def test_where_the_store_fails_the_client_loses_nothing() -> None:
    one, owner = deciding(UNAVAILABLE)
    message = one.hold(DestroyAuthKey())
    one.contain(message)
    assert one.line.codes == []
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    owner.word = Destruction.FAILED
    one.line = one.world.dial()
    one.repeat(message)
    assert one.heard(DestroyAuthKeyFail), "it may come again, as it was"


@pytest.mark.parametrize("seq_no", [0, 1])
def test_an_odd_request_is_acknowledged_with_the_last_words(seq_no: int) -> None:
    one = Puppet(World().dial())
    msg_id = one.say(DestroyAuthKey(), seq_no=seq_no)
    assert [each.msg_ids for each in one.heard(MsgsAck)] == [(msg_id,)] * seq_no


def test_the_last_words_leave_where_the_session_speaks_now() -> None:
    world = World()
    world.hold = (DestructionRequested,)
    one = Puppet(world.dial())
    one.say(DestroyAuthKey())
    first, second = one.line, world.dial()
    one.line = second
    one.say(PING)
    first.answer(first.held[0], Destruction.DONE)
    second.run()
    assert second.heard[-1].thing == DestroyAuthKeyOk()


def test_a_session_that_made_room_meanwhile_has_no_last_words() -> None:
    world = World()
    world.hold = (DestructionRequested,)
    one = Puppet(world.dial())
    one.say(DestroyAuthKey())
    world.server.sessions.end(one.record.key.id, SESSION)
    one.line.answer(one.line.held[0], Destruction.DONE)
    assert not one.heard(DestroyAuthKeyOk)
    assert world.server.cached_key(one.record.key.id) is None


# ---- what the owner said before, and is told here after


def test_a_record_of_before_does_not_bring_a_key_back() -> None:
    world = World()
    one, late = Puppet(world.dial(), permanent_record()), Puppet(world.dial())
    one.say(PING)
    world.hold = (KeyNeeded,)
    late.say(QUERY)
    one.say(DestroyAuthKey())
    late.line.answer(late.line.held[0], temporary_record())
    assert late.line.codes == [-404]
    assert world.server.cached_key(late.record.key.id) is None


def test_a_binding_of_before_does_not_bring_a_key_back() -> None:
    record = temporary_record(bound=False)
    world = World(permanent_record(), record)
    one, late = Puppet(world.dial(), permanent_record()), Puppet(world.dial(), record)
    world.hold = (BindRequested,)
    one.say(PING)
    late.line.frame(late.seal(hold_bind(late)))
    one.say(DestroyAuthKey())
    del world.owner.keys[record.key.id]
    late.line.answer(late.line.held[0], Binding.MADE)
    assert gone(late)


def test_a_key_that_another_process_has_destroyed() -> None:
    world = World()
    one = Puppet(world.dial())
    one.say(PING)
    world.owner.keys.clear()
    one.say(PING)
    assert len(one.heard(Pong)) == 2, "nobody has told it"
    world.server.forget_key(PERMANENT_KEY.id, world.now)
    one.say(PING)
    assert one.line.codes == [-404]


def test_the_memory_of_destroyed_keys_has_an_end() -> None:
    world = World(limits=Limits(keys=3))
    for number in range(10):
        world.server.forget_key(number, world.now)
    assert len(world.server._destroyed) == 3
