"""Service messages of a client: pings, salts, states, repetitions, dropped answers, ended sessions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from kit.puppet import SALT, SESSION, START, Heard, Line, Puppet, World, kinds, permanent_record, temporary_record
from mtproto_bind import CallReceived, ConnectionClosed, KeyNeeded, Limits, UpdateAcknowledged
from mtproto_bind._tl import (
    ContainedMessage,
    DestroySession,
    DestroySessionNone,
    DestroySessionOk,
    GetFutureSalts,
    MsgDetailedInfo,
    MsgResendReq,
    MsgsAck,
    MsgsAllInfo,
    MsgsStateInfo,
    MsgsStateReq,
    NewSessionCreated,
    Ping,
    PingDelayDisconnect,
    Pong,
    RpcAnswerDropped,
    RpcAnswerDroppedRunning,
    RpcAnswerUnknown,
    RpcDropAnswer,
    RpcResult,
)

QUERY = bytes.fromhex("2d7a1f0e00000000")
UPDATE = bytes.fromhex("0101010100000000")
PING = Ping(ping_id=7)


def ready(**settings: Any) -> tuple[Line, Puppet]:
    """A line, and a session that the server knows already."""
    line = World(**settings).dial()
    puppet = Puppet(line)
    puppet.say(PING)
    return line, puppet


def last(puppet: Puppet) -> Heard:
    heard: Heard = puppet.heard()[-1]
    return heard


def called(line: Line, puppet: Puppet) -> CallReceived:
    """A call that the owner has and has not answered."""
    puppet.say(QUERY)
    call: CallReceived = line.told(CallReceived)[-1]
    return call


def answered(line: Line, puppet: Puppet, result: bytes = b"done") -> Heard:
    """The answer to a call, not acknowledged."""
    line.link.send_result(called(line, puppet), result, line.world.now)
    line.run()
    return last(puppet)


# ---- pings


def test_a_pong_names_the_message_and_the_ping() -> None:
    _line, puppet = ready()
    msg_id = puppet.say(PING)
    pong = last(puppet)
    assert pong.thing == Pong(msg_id=msg_id, ping_id=7)
    assert pong.seq_no % 2 == 0
    assert pong.msg_id % 4 == 1


def test_an_odd_ping_is_acknowledged_too() -> None:
    line, puppet = ready()
    msg_id = puppet.say(PING, seq_no=1)
    line.world.pass_time(15)
    assert [each.msg_ids for each in puppet.heard(MsgsAck)] == [(msg_id,)]


def test_ping_delay_disconnect_ends_the_stream_and_nothing_else() -> None:
    line, puppet = ready()
    puppet.say(PingDelayDisconnect(ping_id=3, disconnect_delay=75))
    assert puppet.heard(Pong)[-1].ping_id == 3
    line.world.pass_time(74)
    assert not line.told(ConnectionClosed)
    line.world.pass_time(2)
    assert line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert not line.codes
    puppet.line = line.world.dial()
    puppet.say(PING)
    assert len(puppet.heard(NewSessionCreated)) == 2, "the same one, not acknowledged yet"
    assert len({each.unique_id for each in puppet.heard(NewSessionCreated)}) == 1


def test_the_last_ping_delay_disconnect_counts() -> None:
    line, puppet = ready()
    puppet.say(PingDelayDisconnect(ping_id=3, disconnect_delay=10))
    line.world.pass_time(9)
    puppet.say(PingDelayDisconnect(ping_id=4, disconnect_delay=75))
    puppet.say(PING)
    line.world.pass_time(70)
    assert not line.told(ConnectionClosed)
    puppet.say(PingDelayDisconnect(ping_id=5, disconnect_delay=-1))
    line.world.pass_time(0)
    assert line.told(ConnectionClosed)


# ---- salts


def test_future_salts_follow_each_other() -> None:
    _line, puppet = ready()
    msg_id = puppet.say(GetFutureSalts(num=64), seq_no=1)
    answer = last(puppet).thing
    assert (answer.req_msg_id, answer.now) == (msg_id, int(START))
    assert len(answer.salts) == 64
    assert answer.salts[0].salt == SALT
    for one, other in pairwise(answer.salts):
        assert one.valid_since + 1800 == other.valid_since < one.valid_until == one.valid_since + 3600
    assert len({each.salt for each in answer.salts}) == 64


def test_each_salt_is_taken_in_its_time() -> None:
    _line, puppet = ready()
    puppet.record = permanent_record()
    puppet.say(GetFutureSalts(num=64))
    salt = last(puppet).thing.salts[-1]
    puppet.world.pass_time(salt.valid_since - puppet.world.now + 5)
    puppet.salt = salt.salt
    msg_id = puppet.say(PING)
    assert last(puppet).thing == Pong(msg_id=msg_id, ping_id=7)
    assert last(puppet).salt == salt.salt


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-5, 1), (1, 1), (65, 64), ((1 << 31) - 1, 64)])
def test_future_salts_are_1_to_64(asked: int, given: int) -> None:
    _line, puppet = ready()
    puppet.say(GetFutureSalts(num=asked))
    assert len(last(puppet).thing.salts) == given


def test_future_salts_acknowledge_the_request() -> None:
    line, puppet = ready()
    puppet.say(GetFutureSalts(num=1), seq_no=1)
    line.world.pass_time(20)
    assert not puppet.heard(MsgsAck)


# ---- states


def test_states_of_messages() -> None:
    line, puppet = ready()
    first = puppet.sent[0]
    skipped, _ = puppet.number(content_related=False)
    puppet.say(PING)
    asked = [first - 4, first, skipped, first + (1 << 40)]
    msg_id = puppet.say(MsgsStateReq(msg_ids=tuple(asked)), seq_no=1)
    assert last(puppet).thing == MsgsStateInfo(req_msg_id=msg_id, info=bytes([1, 4 + 16, 2, 3]))
    assert last(puppet).seq_no % 2 == 0
    line.world.pass_time(20)
    assert not puppet.heard(MsgsAck), "the answer is one"


def state_of(puppet: Puppet, msg_id: int) -> int:
    puppet.say(MsgsStateReq(msg_ids=(msg_id,)))
    state: int = puppet.heard(MsgsStateInfo)[-1].info[0]
    return state


def test_the_state_of_a_query_from_its_coming_to_its_end() -> None:
    """4: it came. 8: acknowledged. 32: in work, or done. 64: answered. 128: and the client has the answer."""
    line, puppet = ready()
    call = called(line, puppet)
    assert state_of(puppet, call.msg_id) == 4 + 32
    # the answer took the acknowledgement along
    assert state_of(puppet, call.msg_id) == 4 + 8 + 32
    line.link.send_result(call, b"done", line.world.now)
    assert state_of(puppet, call.msg_id) == 4 + 8 + 32 + 64, "it has not left yet"
    assert state_of(puppet, call.msg_id) == 4 + 8 + 32 + 64
    [answer] = [each for each in puppet.heard() if isinstance(each.thing, RpcResult)]
    puppet.say(MsgsAck(msg_ids=(answer.msg_id,)))
    assert state_of(puppet, call.msg_id) == 4 + 8 + 32 + 64 + 128


def test_the_state_of_what_is_no_query() -> None:
    _line, puppet = ready()
    even = puppet.say(PING)
    odd = puppet.say(PING, seq_no=1)
    puppet.say(MsgsStateReq(msg_ids=(even, odd)), seq_no=2)
    assert puppet.heard(MsgsStateInfo)[-1].info == bytes([4 + 16, 4 + 8])


def test_a_query_that_nothing_is_decided_about_is_in_work_and_not_acknowledged() -> None:
    """It may have to come again: nothing may say that it need not."""
    record = temporary_record(bound=False)
    world = World(permanent_record(), record)
    world.hold = (KeyNeeded,)
    puppet = Puppet(world.dial(), record)
    message = puppet.hold(QUERY)
    puppet.contain(message)
    first = puppet.line
    first.answer(first.held[0], record)
    assert len(first.held) == 2, "may it call?"
    puppet.line = world.dial()
    assert state_of(puppet, message.msg_id) == 4 + 32
    # it comes again meanwhile
    puppet.repeat(message)
    world.pass_time(20)
    assert not puppet.heard(MsgsAck)
    assert not puppet.line.told(CallReceived)


def test_no_more_queries_are_remembered_as_done_than_ids() -> None:
    line, puppet = ready(limits=Limits(doubles=4))
    for _ in range(9):
        puppet.say(MsgsAck(msg_ids=(answered(line, puppet).msg_id,)))
    session = line.world.server.sessions.find(puppet.record.key.id, SESSION)
    assert session is not None
    assert len(session.done) == 4


def test_what_a_client_tells_of_our_messages_is_taken_politely() -> None:
    """msgs_all_info unasked, and msgs_state_info that answers nothing: odd ones are acknowledged, and that is all."""
    line, puppet = ready()
    before = len(puppet.heard())
    odd = puppet.say(MsgsAllInfo(msg_ids=(1, 5), info=b"\1\4"), seq_no=1)
    puppet.say(MsgsAllInfo(msg_ids=(1, 5), info=b""), seq_no=2)
    puppet.say(MsgsStateInfo(req_msg_id=1, info=b"\4"), seq_no=2)
    line.world.pass_time(20)
    assert [each.thing for each in puppet.heard()[before:]] == [MsgsAck(msg_ids=(odd,))]
    assert not line.told(ConnectionClosed)


def test_a_state_request_may_be_the_first_message() -> None:
    line = World().dial()
    puppet = Puppet(line)
    other, _ = puppet.number()
    puppet.say(MsgsStateReq(msg_ids=(other,)))
    assert last(puppet).thing.info == b"\x01"


# ---- repetitions


def test_messages_are_repeated_on_request() -> None:
    line, puppet = ready()
    first, second = answered(line, puppet, b"one!"), answered(line, puppet, b"two!")
    before = len(puppet.heard())
    puppet.say(MsgResendReq(msg_ids=(second.msg_id,)))
    [repeated] = puppet.heard()[before:]
    assert (repeated.msg_id, repeated.seq_no, repeated.thing) == (second.msg_id, second.seq_no, second.thing)
    assert repeated.container is not None
    puppet.say(MsgResendReq(msg_ids=(first.msg_id, second.msg_id)))
    assert [each.thing for each in puppet.heard()[-2:]] == [first.thing, second.thing]


@pytest.mark.parametrize("forgotten", [True, False])
def test_where_one_is_gone_the_states_are_told(forgotten: bool) -> None:
    """It was acknowledged, or is one of the asker's own: nothing is repeated then."""
    line, puppet = ready()
    answer, other = answered(line, puppet), answered(line, puppet)
    if forgotten:
        puppet.say(MsgsAck(msg_ids=(other.msg_id,)))
    asked = (answer.msg_id, other.msg_id if forgotten else puppet.sent[0])
    before = len(puppet.heard())
    msg_id = puppet.say(MsgResendReq(msg_ids=asked), seq_no=5)
    [told] = puppet.heard()[before:]
    assert told.thing.req_msg_id == msg_id
    # of our own messages it has received none
    assert [state & 7 == 4 for state in told.thing.info] == [False, not forgotten]


def test_as_many_states_and_repetitions_as_a_message_names_are_told() -> None:
    """8192 of what was never sent; one byte each is all that it costs."""
    line, puppet = ready()
    puppet.say(MsgsStateReq(msg_ids=tuple(range(0, 4 * 8192, 4))))
    puppet.say(MsgResendReq(msg_ids=tuple(range(1, 4 * 8192, 4))))
    assert [len(each.info) for each in puppet.heard(MsgsStateInfo)] == [8192, 8192]
    session = line.world.server.sessions.find(puppet.record.key.id, SESSION)
    assert session is not None
    assert session.again == set()
    assert not line.codes


def test_a_message_is_repeated_once_however_often_it_is_named() -> None:
    line, puppet = ready()
    answer = answered(line, puppet)
    before = len(puppet.heard())
    puppet.say(MsgResendReq(msg_ids=(answer.msg_id,) * 8192))
    assert [each.msg_id for each in puppet.heard()[before:]] == [answer.msg_id]


def big(puppet: Puppet) -> tuple[ContainedMessage, Heard]:
    """A query, and its answer of more than 1 KiB, not acknowledged."""
    message = puppet.hold(QUERY)
    puppet.contain(message)
    line = puppet.line
    line.link.send_result(line.told(CallReceived)[-1], bytes(2000), line.world.now)
    line.run()
    return message, last(puppet)


def test_a_large_answer_is_announced_where_its_query_comes_again() -> None:
    """The client may have it; if not, it asks for it."""
    line, puppet = ready()
    message, answer = big(puppet)
    puppet.repeat(message)
    info = last(puppet)
    length = len(answer.body)
    assert info.thing == MsgDetailedInfo(msg_id=message.msg_id, answer_msg_id=answer.msg_id, length=length, status=0)
    assert (info.seq_no % 2, info.msg_id % 4) == (0, 1)
    puppet.say(MsgResendReq(msg_ids=(answer.msg_id,)))
    again = last(puppet)
    assert (again.msg_id, again.seq_no, again.body) == (answer.msg_id, answer.seq_no, answer.body)
    assert len(line.told(CallReceived)) == 1


def test_a_large_answer_is_sent_whole_on_a_new_stream() -> None:
    """There it leaves in any case, as everything does that is not acknowledged."""
    line, puppet = ready()
    message, answer = big(puppet)
    puppet.line = line.world.dial()
    puppet.repeat(message)
    assert not puppet.heard(MsgDetailedInfo)
    assert [each.msg_id for each in puppet.heard() if isinstance(each.thing, RpcResult)] == [answer.msg_id] * 2


# ---- dropped answers


def test_a_running_query_goes_on_unheard() -> None:
    line, puppet = ready()
    call = called(line, puppet)
    msg_id = puppet.say(RpcDropAnswer(req_msg_id=call.msg_id), seq_no=3)
    told = RpcAnswerDroppedRunning().to_bytes()
    assert puppet.results(msg_id) == [told]
    assert puppet.results(call.msg_id) == [told], "it is the answer of the query too"
    again = puppet.say(RpcDropAnswer(req_msg_id=call.msg_id), seq_no=5)
    assert puppet.results(again) == [RpcAnswerDropped(**place_of(puppet, call.msg_id)).to_bytes()]
    # the owner need not know
    line.link.send_result(call, b"done", line.world.now)
    line.run()
    assert puppet.results(call.msg_id) == [told]
    session = line.world.server.sessions.find(puppet.record.key.id, SESSION)
    assert session is not None
    assert (session.running, session.dropped) == ({}, set())


def place_of(puppet: Puppet, msg_id: int) -> dict[str, int]:
    """Where the answer to a query stood."""
    [answer] = [each for each in puppet.heard() if isinstance(each.thing, RpcResult) and each.thing.req_msg_id == msg_id]
    return {"msg_id": answer.msg_id, "seq_no": answer.seq_no, "length": len(answer.body)}


def test_a_running_query_is_dropped_once() -> None:
    line, puppet = ready()
    call = called(line, puppet)
    first, second = puppet.hold(RpcDropAnswer(req_msg_id=call.msg_id)), puppet.hold(RpcDropAnswer(req_msg_id=call.msg_id))
    puppet.contain(first, second)
    assert puppet.results(second.msg_id) == [RpcAnswerUnknown().to_bytes()]
    assert len(puppet.results(call.msg_id)) == 1


def test_an_answer_that_waits_is_dropped() -> None:
    line, puppet = ready()
    answer = answered(line, puppet)
    msg_id = puppet.say(RpcDropAnswer(req_msg_id=answer.thing.req_msg_id), seq_no=3)
    assert puppet.results(msg_id) == [RpcAnswerDropped(msg_id=answer.msg_id, seq_no=answer.seq_no, length=16).to_bytes()]
    puppet.line = line.world.dial()
    puppet.say(PING)
    assert len(puppet.results(answer.thing.req_msg_id)) == 1, "it is not repeated"
    again = puppet.say(RpcDropAnswer(req_msg_id=answer.thing.req_msg_id), seq_no=5)
    assert puppet.results(again) == [RpcAnswerUnknown().to_bytes()]


def test_an_answer_of_long_ago_is_unknown() -> None:
    _line, puppet = ready()
    msg_id = puppet.say(RpcDropAnswer(req_msg_id=4), seq_no=1)
    assert puppet.results(msg_id) == [RpcAnswerUnknown().to_bytes()]


# ---- acknowledgements of the client


def test_an_acknowledged_update_is_told() -> None:
    line, puppet = ready()
    world = line.world
    assert world.server.send_update(puppet.record.key.id, SESSION, UPDATE, world.now) is line.link
    line.run()
    update = last(puppet)
    assert update.body == UPDATE
    assert update.seq_no % 2 == 1
    assert update.msg_id % 4 == 3
    assert not line.told(UpdateAcknowledged)
    puppet.say(MsgsAck(msg_ids=(4, update.msg_id)))
    puppet.say(MsgsAck(msg_ids=(update.msg_id,)))
    assert line.told(UpdateAcknowledged) == [UpdateAcknowledged(key_id=puppet.record.key.id, session_id=SESSION, body=UPDATE)]


def test_acknowledgements_of_what_nobody_sent_cost_nothing() -> None:
    line, puppet = ready()
    session = line.world.server.sessions.find(puppet.record.key.id, SESSION)
    assert session is not None
    before = len(session.session.sent)
    puppet.say(MsgsAck(msg_ids=tuple(range(1, 4 * 8192, 4))))
    puppet.say(MsgsAck(msg_ids=(0,) * 8192))
    assert (len(session.session.sent), len(session.done)) == (before, 0)
    assert not line.told(UpdateAcknowledged)
    puppet.say(MsgsAck(msg_ids=(0,) * 8193))
    assert line.codes == [-429]


def test_an_acknowledged_answer_is_not_told() -> None:
    line, puppet = ready()
    answer = answered(line, puppet)
    puppet.say(MsgsAck(msg_ids=(answer.msg_id,)))
    assert kinds([answer]) == ["RpcResult"]
    assert not line.told(UpdateAcknowledged)


# ---- ends


def test_another_session_is_destroyed() -> None:
    line, puppet = ready()
    other = Puppet(line, session_id=5)
    other.say(PING)
    puppet.say(DestroySession(session_id=5))
    assert last(puppet).thing == DestroySessionOk(session_id=5)
    puppet.say(DestroySession(session_id=5))
    assert last(puppet).thing == DestroySessionNone(session_id=5)
    other.say(PING)
    one, two = other.heard(NewSessionCreated)
    assert one.unique_id != two.unique_id


def test_a_session_of_another_key_is_not_destroyed() -> None:
    world = World(temporary_record(0), temporary_record(1))
    line = world.dial()
    mine, theirs = Puppet(line), Puppet(line, temporary_record(1), session_id=5)
    theirs.say(PING)
    mine.say(DestroySession(session_id=5))
    assert last(mine).thing == DestroySessionNone(session_id=5)


def test_the_present_session_is_not_destroyed() -> None:
    line, puppet = ready()
    puppet.say(DestroySession(session_id=SESSION))
    assert last(puppet).thing == DestroySessionNone(session_id=SESSION)
    assert line.world.server.sessions.find(puppet.record.key.id, SESSION) is not None
