"""One stream as the steps see it: sessions come and go, and a question that loses its stream is undone."""

from __future__ import annotations

from kit.binders import hold_bind, unbound
from kit.puppet import PERMANENT_KEY, START, Puppet, World
from mtproto_bind import Binding, BindRequested, CallReceived, ConnectionClosed, KeyNeeded, Transport
from mtproto_bind._tl import BOOL_TRUE, MsgsAck, Ping, PingDelayDisconnect, Pong

QUERY = bytes.fromhex("2d7a1f0e00000000")


def test_a_session_speaks_where_it_was_heard_last() -> None:
    one = Puppet(World().dial())
    first = one.line
    one.say(QUERY)
    second = one.line = one.world.dial()
    one.say(Ping(ping_id=1))
    [call] = first.told(CallReceived)
    first.link.send_result(call, QUERY, one.world.now)
    first.run()
    assert not any(getattr(each.thing, "req_msg_id", 0) for each in first.heard)
    second.run()
    assert any(getattr(each.thing, "req_msg_id", 0) == call.msg_id for each in second.heard)
    assert not first.link._link.sessions
    # the old stream may be dead without our knowing: what it carried leaves again
    announced = [each.msg_id for each in first.heard if each.msg_id % 4 == 3]
    assert [each.msg_id for each in second.heard if each.msg_id in announced] == announced


def test_a_clock_that_steps_back_takes_deadlines_and_acknowledgements_along() -> None:
    one = Puppet(World().dial())
    one.say(Ping(ping_id=0))
    one.say(QUERY)
    one.world.now -= 5
    one.line.link.handle_timeout(one.world.now)
    one.world.pass_time(9)
    assert one.heard(MsgsAck) == []
    one.world.pass_time(2)
    assert len(one.heard(MsgsAck)) == 1
    one.say(PingDelayDisconnect(ping_id=0, disconnect_delay=75))
    one.world.now -= 3600
    one.line.link.handle_timeout(one.world.now)
    assert one.line.link.next_deadline() == one.world.now + 75


def test_acknowledgements_move_with_the_clock_whichever_stream_tells_it_first() -> None:
    """The session goes to a stream that was opened afterwards; the one it comes from learns of it last."""
    one = Puppet(World().dial())
    world, first = one.world, one.line
    one.say(Ping(ping_id=0))
    one.say(MsgsAck(msg_ids=(one.heard()[0].msg_id,)))
    msg_id = one.say(QUERY)
    world.now -= 20
    one.line = world.dial()
    one.say(MsgsAck(msg_ids=()))
    first.link.handle_timeout(world.now)
    world.pass_time(9)
    assert one.heard(MsgsAck) == []
    world.pass_time(2)
    assert one.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]


def test_a_stream_is_given_up_even_if_nobody_asks_what_happens_on_it() -> None:
    world = World()
    assert world.server.accept(Transport.detect(), "peer", START).next_deadline() == START + 60


def test_an_owner_that_does_not_answer_costs_the_stream_and_nothing_else() -> None:
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    [question] = one.line.held
    assert not one.line.link.wants_data
    assert one.line.link.next_deadline() == START + 30
    one.world.pass_time(31)
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert one.line.codes == []
    assert one.line.link.open_questions == ()
    one.line.answer(question, one.record)
    assert len(one.world.server.sessions) == 0, "the answer came too late"
    one.world.hold = ()
    one.line = one.world.dial()
    one.say(Ping(ping_id=2))
    assert [pong.ping_id for pong in one.heard(Pong)] == [2]


def test_several_questions_have_each_their_time() -> None:
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    one.world.pass_time(20)
    one.line.answer(one.line.held[0], one.record)
    assert one.line.link.next_deadline() is None
    assert [pong.ping_id for pong in one.heard(Pong)] == [1]


def test_every_question_of_a_chain_has_the_whole_time() -> None:
    one = unbound()
    world = one.world
    world.hold = (KeyNeeded, BindRequested)
    message = hold_bind(one)
    one.line.frame(one.seal(message))
    for asked, key_id in enumerate((one.record.key.id, PERMANENT_KEY.id)):
        assert one.line.link.next_deadline() == START + 20 * asked + 30
        world.pass_time(20)
        one.line.answer(one.line.held[-1], world.owner.keys[key_id])
    assert one.line.link.next_deadline() == START + 40 + 30
    assert isinstance(one.line.held[-1], BindRequested)
    world.pass_time(29)
    one.line.answer(one.line.held[-1], Binding.MADE)
    assert one.results(message.msg_id) == [BOOL_TRUE]
