"""What somebody on the path has copied, and says again on a stream of his own: it moves nothing and makes nothing."""

from __future__ import annotations

from typing import Any

from kit.puppet import Line, Puppet, World, permanent_record, temporary_record
from mtproto_bind import CallReceived, KeyNeeded, Limits
from mtproto_bind._tl import (
    BadMsgNotification,
    BadServerSalt,
    ContainedMessage,
    MsgResendReq,
    MsgsAck,
    NewSessionCreated,
    Ping,
    RpcResult,
    write_container,
)

QUERY = bytes.fromhex("2d7a1f0e00000000")
OTHER = bytes.fromhex("2d7a1f0e01000000")
PING = Ping(ping_id=7)


def ready(**settings: Any) -> tuple[Line, Puppet]:
    """A line, and a session that the server knows already."""
    line = World(**settings).dial()
    puppet = Puppet(line)
    puppet.say(PING)
    return line, puppet


def answer(line: Line, result: bytes = b"done") -> None:
    """The owner answers the last call."""
    line.link.send_result(line.told(CallReceived)[-1], result, line.world.now)
    for each in line.world.lines:
        each.run()


def test_a_captured_message_does_not_move_the_session() -> None:
    """What somebody on the path has copied brings him nothing of what the server says later."""
    line, puppet = ready()
    frame = puppet.seal(puppet.hold(QUERY))
    line.frame(frame)
    thief = line.world.dial()
    thief.frame(frame)
    answer(line)
    assert thief.heard == []
    assert thief.link._link.sessions == {}
    assert line.heard[-1].thing.result == b"done"
    assert len(puppet.heard(NewSessionCreated)) == 1, "nothing was sent again"


def test_a_captured_container_does_not_move_the_session() -> None:
    """It is answered where it came, and the answer says nothing of what it held."""
    line, puppet = ready()
    inner = puppet.hold(QUERY)
    outer = ContainedMessage(*puppet.number(content_related=False), write_container([inner]))
    frame = puppet.seal(outer)
    line.frame(frame)
    thief = line.world.dial()
    thief.frame(frame)
    answer(line)
    [told] = thief.heard
    assert told.thing == BadMsgNotification(bad_msg_id=outer.msg_id, bad_msg_seqno=outer.seqno, error_code=19)
    assert line.heard[-1].thing.result == b"done"


def test_a_captured_container_of_long_ago_does_not_move_the_session() -> None:
    """So many messages came since that nobody knows whether it came."""
    line, puppet = ready(limits=Limits(doubles=4))
    inner = puppet.hold(QUERY)
    outer = ContainedMessage(*puppet.number(content_related=False), write_container([inner]))
    frame = puppet.seal(outer)
    line.frame(frame)
    for _ in range(9):
        puppet.say(PING)
    thief = line.world.dial()
    thief.frame(frame)
    [told] = thief.heard
    assert told.thing == BadMsgNotification(bad_msg_id=outer.msg_id, bad_msg_seqno=outer.seqno, error_code=20)
    assert thief.link._link.sessions == {}


def test_a_captured_message_of_long_ago_does_not_move_the_session() -> None:
    line, puppet = ready(limits=Limits(doubles=4))
    message = puppet.hold(QUERY)
    line.frame(puppet.seal(message))
    for _ in range(9):
        puppet.say(PING)
    thief = line.world.dial()
    thief.frame(puppet.seal(message))
    [told] = thief.heard
    assert told.thing == BadMsgNotification(bad_msg_id=message.msg_id, bad_msg_seqno=message.seqno, error_code=20)
    assert thief.link._link.sessions == {}


def test_a_captured_message_outside_the_window_does_not_move_the_session() -> None:
    line, puppet = ready()
    frame = puppet.seal(puppet.hold(QUERY))
    line.frame(frame)
    line.world.pass_time(301)
    thief = line.world.dial()
    thief.frame(frame)
    assert [each.thing.error_code for each in thief.heard] == [16]
    answer(line)
    assert line.heard[-1].thing.result == b"done"


def test_a_refused_message_is_answered_where_it_came_and_moves_nothing() -> None:
    line, puppet = ready()
    puppet.say(QUERY)
    other = puppet.line = line.world.dial()
    bad = puppet.say(OTHER, salt=1)
    worse = puppet.say(OTHER, seq_no=0)
    assert [(type(each.thing), each.thing.bad_msg_id) for each in other.heard] == [
        (BadServerSalt, bad),
        (BadMsgNotification, worse),
    ]
    assert len({each.msg_id for each in puppet.heard()}) == len(puppet.heard())
    answer(line)
    assert line.heard[-1].thing.result == b"done"
    puppet.say(PING)
    assert other.heard[-1].thing.ping_id == 7


def test_old_messages_in_a_new_container_bring_the_session_along() -> None:
    """So a client sends again what it got no answer to, and perhaps nothing else."""
    line, puppet = ready()
    message = puppet.hold(QUERY)
    line.frame(puppet.seal(message))
    other = puppet.line = line.world.dial()
    puppet.contain(message)
    answer(line)
    assert other.heard[-1].thing.result == b"done"
    assert line.link._link.sessions == {}


def test_a_session_is_remembered_only_for_a_message_that_counts() -> None:
    """Copies of old messages would make ever more sessions, and drive out those in use."""
    line = World().dial()
    for number in range(20):
        Puppet(line, session_id=number).say(QUERY, ago=301)
    Puppet(line, session_id=99).say(QUERY, salt=1)
    assert len(line.world.server.sessions) == 0
    assert [type(each.thing) for each in line.heard] == [BadMsgNotification] * 20 + [BadServerSalt]


def test_every_refusal_of_a_session_that_is_not_known_has_its_own_number() -> None:
    """The client would take the second for a double of the first."""
    line = World().dial()
    puppet = Puppet(line)
    first, second = puppet.hold(QUERY), puppet.hold(QUERY)
    line.frame(puppet.seal(first, salt=0), puppet.seal(second, salt=0))
    puppet.say(PING)
    assert [each.bad_msg_id for each in puppet.heard(BadServerSalt)] == [first.msg_id, second.msg_id]
    ids = [each.msg_id for each in puppet.heard()]
    assert ids == sorted(set(ids))
    assert len(puppet.heard(NewSessionCreated)) == 1


def test_refusals_that_the_client_does_not_read_have_an_end() -> None:
    line, puppet = ready(limits=Limits(container_messages=2))
    puppet.line = other = line.world.dial()
    frames = [puppet.seal(puppet.hold(QUERY), salt=0) for _ in range(9)]
    other.frame(*frames)
    assert len(other.heard) == 4


def test_a_copy_of_a_call_is_answered_by_what_became_of_the_call() -> None:
    """In work: nothing but an acknowledgement; answered: the answer; acknowledged: nothing; forgotten: that nobody can tell."""
    line, puppet = ready()
    query = puppet.hold(QUERY)
    line.frame(puppet.seal(query))
    puppet.repeat(query)
    assert puppet.heard(BadMsgNotification) == []
    answer(line)
    puppet.repeat(query)
    assert puppet.results(query.msg_id) == [b"done", b"done"]
    [result, *_] = [each for each in puppet.heard() if isinstance(each.thing, RpcResult)]
    puppet.say(MsgsAck(msg_ids=(result.msg_id,)))
    puppet.repeat(query)
    assert puppet.heard(BadMsgNotification) == []
    [session] = line.link._link.sessions.values()
    session.done.clear()
    puppet.repeat(query)
    assert [(bad.bad_msg_id, bad.error_code) for bad in puppet.heard(BadMsgNotification)] == [(query.msg_id, 20)]
    assert len(line.told(CallReceived)) == 1


def test_a_copy_of_a_call_that_waits_for_the_owner_is_not_given_up() -> None:
    world = World(permanent_record(), temporary_record(bound=False))
    world.hold = (KeyNeeded,)
    puppet = Puppet(world.dial(), temporary_record(bound=False))
    world.server.cache_key(temporary_record(bound=False))
    query = puppet.hold(QUERY)
    frame = puppet.seal(query)
    puppet.line.frame(frame)
    assert len(puppet.line.held) == 1
    world.dial().frame(frame)
    assert puppet.heard(BadMsgNotification) == []


def test_a_service_message_that_comes_again_is_neither_called_too_old_nor_acknowledged() -> None:
    line, puppet = ready()
    message = puppet.hold(PING)
    frame = puppet.seal(message)
    line.frame(frame)
    line.frame(frame)
    line.world.pass_time(15)
    assert puppet.heard(BadMsgNotification) == []
    # its answer was acknowledgement enough
    assert puppet.heard(MsgsAck) == []


def test_on_a_stream_that_lives_an_old_answer_can_still_be_asked_for() -> None:
    """What nobody acknowledges is forgotten where it would leave again of itself, and nowhere else."""
    line, puppet = ready()
    puppet.say(QUERY)
    answer(line)
    told = line.heard[-1]
    line.world.pass_time(700)
    puppet.say(PING)
    puppet.say(MsgResendReq(msg_ids=(told.msg_id,)))
    assert [each.msg_id for each in line.heard].count(told.msg_id) == 2
