"""What a server writes, and when: acknowledgements in company, everything in one container, repetitions on a new stream."""

from __future__ import annotations

from typing import Any

from kit.puppet import SESSION, START, Line, Puppet, World, kinds
from mtproto_bind import CallReceived, Limits, Timeouts
from mtproto_bind._tl import MsgsAck, NewSessionCreated, Ping

QUERY = bytes.fromhex("2d7a1f0e00000000")
UPDATE = bytes.fromhex("0101010100000000")
PING = Ping(ping_id=7)


def ready(**settings: Any) -> tuple[Line, Puppet]:
    """A line, and a session whose announcement is acknowledged."""
    line = World(**settings).dial()
    puppet = Puppet(line)
    puppet.say(PING)
    puppet.say(MsgsAck(msg_ids=(puppet.heard()[0].msg_id,)))
    line.heard.clear()
    line.frames.clear()
    return line, puppet


def answer(line: Line, number: int = -1, result: bytes = b"done") -> None:
    line.link.send_result(line.told(CallReceived)[number], result, line.world.now)
    line.run()


# ---- acknowledgements


def test_an_acknowledgement_waits_for_its_deadline() -> None:
    line, puppet = ready(timeouts=Timeouts(acknowledge=3))
    msg_id = puppet.say(QUERY)
    assert line.link.next_deadline() == START + 3
    line.world.pass_time(2.9)
    assert not puppet.heard()
    line.world.pass_time(0.2)
    [acknowledgement] = puppet.heard()
    assert acknowledgement.thing == MsgsAck(msg_ids=(msg_id,))
    assert acknowledgement.seq_no % 2 == 0
    assert acknowledgement.msg_id % 4 == 1
    assert line.link.next_deadline() is None


def test_what_is_due_is_no_deadline_any_more() -> None:
    line, puppet = ready()
    puppet.say(QUERY)
    line.link.handle_timeout(START + 10)
    assert line.link.next_deadline() is None, "it leaves with data_to_send"


def test_it_takes_the_first_company() -> None:
    line, puppet = ready()
    msg_id = puppet.say(QUERY)
    puppet.say(PING)
    [frame] = line.frames
    assert kinds(frame) == ["MsgsAck", "Pong"]
    assert frame[0].thing.msg_ids == (msg_id,)


def test_an_answer_is_one() -> None:
    line, puppet = ready()
    puppet.say(QUERY)
    answer(line)
    line.world.pass_time(100)
    assert kinds(puppet.heard()) == ["RpcResult"]


def test_many_leave_at_once() -> None:
    line, puppet = ready()
    sent = [puppet.say(QUERY) for _ in range(17)]
    assert [each.msg_ids for each in puppet.heard(MsgsAck)] == [tuple(sent)]
    assert line.link.next_deadline() is None


def test_one_holds_no_more_ids_than_allowed() -> None:
    line, puppet = ready(limits=Limits(ids=2))
    sent = [puppet.say(QUERY) for _ in range(3)]
    line.world.pass_time(100)
    assert [each.msg_ids for each in puppet.heard(MsgsAck)] == [tuple(sent[:2]), (sent[2],)]


def test_they_leave_before_the_stream_ends() -> None:
    line, puppet = ready()
    msg_id = puppet.say(QUERY)
    line.link.close(line.world.now)
    line.run()
    assert puppet.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]


def test_their_deadline_moves_with_a_clock_that_steps_back() -> None:
    line, puppet = ready()
    msg_id = puppet.say(QUERY)
    line.world.now -= 3600
    line.link.handle_timeout(line.world.now)
    assert line.link.next_deadline() == START - 3600 + 10
    line.world.pass_time(10)
    assert puppet.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]


# ---- containers


def test_what_is_due_leaves_in_one_container() -> None:
    line, puppet = ready()
    puppet.contain(puppet.hold(QUERY), puppet.hold(PING), puppet.hold(PING))
    [frame] = line.frames
    assert kinds(frame) == ["MsgsAck", "Pong", "Pong"]
    [container] = {each.container for each in frame}
    assert container is not None
    assert container > max(each.msg_id for each in frame)
    assert container % 4 == 1


def test_one_message_needs_none() -> None:
    line, puppet = ready()
    puppet.say(PING)
    [frame] = line.frames
    assert [each.container for each in frame] == [None]


def test_ceilings_of_a_container() -> None:
    line, puppet = ready(limits=Limits(container_messages=2))
    puppet.contain(*(puppet.hold(PING) for _ in range(2)))
    puppet.contain(puppet.hold(QUERY), puppet.hold(PING))
    for _ in range(3):
        line.world.server.send_update(puppet.record.key.id, SESSION, UPDATE, line.world.now)
    line.run()
    assert [len(frame) for frame in line.frames] == [2, 2, 2, 1]


def test_the_ceiling_of_a_message_holds_for_answers_too() -> None:
    line, puppet = ready(limits=Limits(outgoing_message=300))
    puppet.contain(*(puppet.hold(PING) for _ in range(20)))
    assert len(puppet.heard()) == 20
    assert len(line.frames) > 2


def test_several_sessions_write_each_for_itself() -> None:
    line, puppet = ready()
    other = Puppet(line, session_id=5)
    other.say(PING)
    for session_id in (SESSION, 5):
        line.world.server.send_update(puppet.record.key.id, session_id, UPDATE, line.world.now)
    line.run()
    assert [frame[0].session_id for frame in line.frames[-2:]] == [SESSION, 5]


def test_ids_and_numbers_grow() -> None:
    line, puppet = ready()
    for _ in range(3):
        puppet.say(QUERY)
        answer(line)
        puppet.say(PING)
    line.world.now -= 100
    line.world.server.send_update(puppet.record.key.id, SESSION, UPDATE, line.world.now)
    line.run()
    heard = puppet.heard()
    ids = [each.msg_id for each in heard]
    assert ids == sorted(set(ids)), "even when the clock steps back"
    assert [each.seq_no for each in heard] == sorted(each.seq_no for each in heard)
    odd = [each.seq_no for each in heard if each.seq_no % 2]
    assert odd == sorted(set(odd))


# ---- repetitions


def test_a_new_stream_repeats_what_is_not_acknowledged() -> None:
    line, puppet = ready()
    puppet.say(QUERY)
    answer(line)
    line.world.server.send_update(puppet.record.key.id, SESSION, UPDATE, line.world.now)
    line.run()
    before = puppet.heard()
    line.lose()
    puppet.line = line.world.dial()
    puppet.say(PING)
    repeated = puppet.heard()[len(before) :]
    assert [(each.msg_id, each.seq_no, each.body) for each in repeated[:2]] == [
        (each.msg_id, each.seq_no, each.body) for each in before
    ]
    assert kinds(repeated[2:]) == ["Pong"]
    puppet.say(MsgsAck(msg_ids=tuple(each.msg_id for each in before)))
    puppet.say(PING)
    assert kinds(puppet.heard()[len(before) + 3 :]) == ["Pong"]


def test_a_stream_that_died_unnoticed_is_left_too() -> None:
    line, puppet = ready()
    line.world.server.send_update(puppet.record.key.id, SESSION, UPDATE, line.world.now)
    # the bytes are written, and nobody reads them
    line.link.data_to_send(line.world.now)
    assert not puppet.heard()
    puppet.line = line.world.dial()
    puppet.say(PING)
    assert puppet.heard()[0].body == UPDATE
    assert line.world.server.send_update(puppet.record.key.id, SESSION, UPDATE, line.world.now) is puppet.line.link


def test_what_waited_for_a_stream_leaves_once() -> None:
    line, puppet = ready()
    line.lose()
    assert line.world.server.send_update(puppet.record.key.id, SESSION, UPDATE, line.world.now) is None
    puppet.line = line.world.dial()
    puppet.say(PING)
    puppet.say(PING)
    assert [each.body for each in puppet.heard()].count(UPDATE) == 1


def test_the_announcement_of_a_session_is_repeated_too() -> None:
    line = World().dial()
    puppet = Puppet(line)
    puppet.say(PING)
    line.lose()
    puppet.line = line.world.dial()
    puppet.say(PING)
    one, two = puppet.heard(NewSessionCreated)
    assert one == two
