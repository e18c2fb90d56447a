"""What a server writes, session by session, and what waits for company."""

from __future__ import annotations

from kit.puppet import Puppet, World
from mtproto_bind import CallReceived, Limits
from mtproto_bind._tl import MsgsAck, NewSessionCreated, Ping, Pong, RpcResult

QUERY = bytes.fromhex("2d7a1f0e00000000")


def begun() -> Puppet:
    """The session is announced already, so that nothing is due."""
    one = Puppet(World().dial())
    one.say(Ping(ping_id=0))
    return one


def test_everything_of_one_moment_leaves_in_one_message() -> None:
    one = Puppet(World().dial())
    one.contain(one.hold(Ping(ping_id=1)), one.hold(Ping(ping_id=2)))
    assert len(one.line.frames) == 1
    created, first, second = one.heard()
    assert isinstance(created.thing, NewSessionCreated)
    assert [first.thing.ping_id, second.thing.ping_id] == [1, 2]
    assert (created.msg_id % 4, first.msg_id % 4, second.msg_id % 4) == (3, 1, 1)
    assert created.msg_id < first.msg_id < second.msg_id < created.container
    assert {each.salt for each in one.heard()} == {one.salt}


def test_an_acknowledgement_waits_for_company_but_not_for_ever() -> None:
    one = begun()
    msg_id = one.say(QUERY)
    assert one.heard(MsgsAck) == []
    one.world.pass_time(9)
    assert one.heard(MsgsAck) == []
    one.world.pass_time(2)
    assert one.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]
    one.world.pass_time(100)
    assert len(one.heard(MsgsAck)) == 1


def test_it_takes_the_next_message_for_company() -> None:
    one = begun()
    msg_id = one.say(QUERY)
    one.say(Ping(ping_id=1))
    assert one.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]
    ack = next(each for each in one.heard() if isinstance(each.thing, MsgsAck))
    assert ack.seq_no % 2 == 0
    assert ack.container is not None


def test_the_answer_is_the_acknowledgement() -> None:
    one = begun()
    one.say(QUERY)
    [call] = one.line.told(CallReceived)
    one.line.link.send_result(call, QUERY, one.world.now)
    one.line.run()
    one.world.pass_time(30)
    assert one.heard(MsgsAck) == []
    assert len(one.heard(RpcResult)) == 1


def test_two_sessions_of_one_stream_are_kept_apart() -> None:
    line = World().dial()
    one, other = Puppet(line, session_id=1), Puppet(line, session_id=2)
    one.say(Ping(ping_id=1))
    other.say(Ping(ping_id=2))
    assert [pong.ping_id for pong in one.heard(Pong)] == [1]
    assert [pong.ping_id for pong in other.heard(Pong)] == [2]


def test_the_ceiling_of_a_message_holds_for_answers_too() -> None:
    one = Puppet(World(limits=Limits(outgoing_message=300)).dial())
    one.contain(*(one.hold(Ping(ping_id=each)) for each in range(20)))
    assert len(one.heard(Pong)) == 20
    assert len(one.line.frames) > 2


def test_a_stream_that_ends_takes_its_acknowledgements_along() -> None:
    one = begun()
    msg_id = one.say(QUERY)
    one.line.link.close(one.world.now)
    one.line.run()
    assert one.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]
