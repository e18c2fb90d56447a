"""What a stream shows of itself."""

from __future__ import annotations

from kit.binders import unbound
from kit.puppet import SESSION, Puppet, World
from mtproto_bind import Check, Framing, KeyNeeded, ServerStatus
from mtproto_bind._tl import Ping

QUERY = bytes.fromhex("2d7a1f0e00000000")
PING = Ping(ping_id=7)


def test_the_status_of_a_stream_from_its_beginning_to_its_end() -> None:
    world = World()
    world.hold = (KeyNeeded,)
    line = world.dial()
    assert line.link.status == ServerStatus(framing=None, sessions=(), open_questions=0, dropped={}, closed=False)
    one = Puppet(line)
    one.say(PING)
    assert line.link.status == ServerStatus(framing=Framing.INTERMEDIATE, sessions=(), open_questions=1, dropped={}, closed=False)
    line.answer(line.held[0], one.record)
    assert line.link.status.sessions == ((one.record.key.id, SESSION),)
    assert line.link.status.open_questions == 0
    line.link.close(world.now)
    assert line.link.status.closed
    assert line.link.status.sessions == ()


def test_what_was_dropped_is_counted_by_its_rule() -> None:
    one = Puppet(World().dial())
    message = one.hold(PING)
    one.contain(message)
    one.repeat(message)
    one.repeat(message)
    used = one.contain()
    one.contain(msg_id=used)
    one.say(QUERY, salt=1)
    one.say(QUERY, ago=1000.0)
    one.say(QUERY, ago=-1000.0)
    one.say(QUERY, seq_no=0)
    one.contain(seq_no=1)
    one.say(PING, seq_no=-2)
    one.say(QUERY, msg_id=6)
    assert one.line.link.status.dropped == {
        Check.MSG_ID_SEEN: 2,
        Check.CONTAINER_SEEN: 1,
        Check.SERVER_SALT: 1,
        Check.MSG_ID_WINDOW: 2,
        Check.SEQ_NO_ODD: 1,
        Check.SEQ_NO_EVEN: 1,
        Check.SEQ_NO_ORDER: 1,
        Check.CLIENT_MSG_ID: 1,
    }


def test_calls_before_the_binding_are_counted_too() -> None:
    one = unbound()
    one.say(QUERY)
    assert one.line.link.status.dropped == {Check.UNBOUND_CALL: 1}


def test_a_status_is_a_value_of_its_moment() -> None:
    one = Puppet(World().dial())
    before = one.line.link.status
    one.say(QUERY, salt=1)
    assert before.dropped == {}
