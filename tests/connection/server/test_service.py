"""Service messages of a client, each answered as the specification says."""

from __future__ import annotations

import pytest

from kit.puppet import START, Puppet, World, permanent_record
from mtproto_bind import CallReceived, ConnectionClosed, UpdateAcknowledged
from mtproto_bind._tl import (
    DestroyAuthKey,
    DestroyAuthKeyFail,
    DestroySession,
    DestroySessionNone,
    DestroySessionOk,
    FutureSalts,
    GetFutureSalts,
    HttpWait,
    MsgResendReq,
    MsgsAck,
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
)

QUERY = bytes.fromhex("2d7a1f0e00000000")
UPDATE = bytes.fromhex("7ee4e8fa")


def puppet() -> Puppet:
    return Puppet(World().dial())


def call(one: Puppet) -> CallReceived:
    """A call that the owner has and has not answered."""
    msg_id = one.say(QUERY)
    return next(event for event in one.line.told(CallReceived) if event.msg_id == msg_id)


def answer(one: Puppet, received: CallReceived, body: bytes = QUERY) -> int:
    """The owner answers; the id of the message that carries the result."""
    one.line.link.send_result(received, body, one.world.now)
    one.line.run()
    return next(each.msg_id for each in reversed(one.heard()) if getattr(each.thing, "req_msg_id", 0) == received.msg_id)


def test_a_ping_comes_back() -> None:
    one = puppet()
    msg_id = one.say(Ping(ping_id=7))
    assert one.heard(Pong) == [Pong(msg_id=msg_id, ping_id=7)]
    assert not one.line.told(ConnectionClosed)


def test_the_last_request_for_a_disconnection_counts() -> None:
    one = puppet()
    one.say(PingDelayDisconnect(ping_id=1, disconnect_delay=75))
    one.world.pass_time(60)
    one.say(PingDelayDisconnect(ping_id=2, disconnect_delay=75))
    one.world.pass_time(74)
    assert not one.line.told(ConnectionClosed)
    one.world.pass_time(2)
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert [pong.ping_id for pong in one.heard(Pong)] == [1, 2]
    assert one.line.codes == []


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (64, 64), (65, 64), (0, 1), (-5, 1)])
def test_salts_are_told_ahead(asked: int, given: int) -> None:
    one = Puppet(World().dial(), permanent_record())
    msg_id = one.say(GetFutureSalts(num=asked))
    [salts] = one.heard(FutureSalts)
    assert (salts.req_msg_id, salts.now, len(salts.salts)) == (msg_id, int(START), given)
    assert salts.salts[0].salt == one.salt
    assert all(a.valid_since < b.valid_since < a.valid_until for a, b in zip(salts.salts, salts.salts[1:], strict=False))
    # each is taken in its time
    one.world.pass_time(salts.salts[-1].valid_since - one.world.now + 5)
    one.salt = salts.salts[-1].salt
    one.say(Ping(ping_id=9))
    assert one.heard(Pong)[-1].ping_id == 9


def test_what_became_of_messages_is_told() -> None:
    one = puppet()
    low = one.say(Ping(ping_id=1))
    one.world.pass_time(1)
    between = one.number(content_related=False)[0]
    one.world.pass_time(1)
    high = one.say(Ping(ping_id=2))
    above = high + (1 << 40)
    msg_id = one.say(MsgsStateReq(msg_ids=(low - 4, low, between, high, above)))
    assert one.heard(MsgsStateInfo) == [MsgsStateInfo(req_msg_id=msg_id, info=bytes([1, 4, 2, 4, 3]))]


def test_a_message_is_sent_again_on_demand() -> None:
    one = puppet()
    received = call(one)
    result = answer(one, received)
    one.say(MsgResendReq(msg_ids=(result,)))
    results = [each for each in one.heard() if each.msg_id == result]
    assert len(results) == 2
    assert results[1].container is not None, "an id leaves twice only inside a container"


def test_where_one_is_gone_the_state_of_all_is_told() -> None:
    one = puppet()
    received = call(one)
    result = answer(one, received)
    asked = one.say(MsgResendReq(msg_ids=(result, 5)))
    [info] = one.heard(MsgsStateInfo)
    assert info.req_msg_id == asked
    assert len(info.info) == 2
    assert len([each for each in one.heard() if each.msg_id == result]) == 1


def test_an_answer_is_kept_until_it_is_acknowledged() -> None:
    one = puppet()
    received = call(one)
    result = answer(one, received)
    created = next(each.msg_id for each in one.heard() if isinstance(each.thing, NewSessionCreated))
    one.say(MsgsAck(msg_ids=(result, created, 12345)))
    session = one.world.server.sessions.find(one.record.key.id, one.session_id)
    assert session is not None
    assert len(session.session.sent) == 0


def test_an_update_that_has_arrived_is_told() -> None:
    one = puppet()
    one.say(Ping(ping_id=1))
    assert one.world.server.send_update(one.record.key.id, one.session_id, UPDATE, one.world.now) is one.line.link
    one.line.run()
    update = next(each for each in one.heard() if each.thing == UPDATE)
    assert update.msg_id % 4 == 3
    assert update.seq_no % 2 == 1
    one.say(MsgsAck(msg_ids=(update.msg_id,)))
    one.say(MsgsAck(msg_ids=(update.msg_id,)))
    told = UpdateAcknowledged(key_id=one.record.key.id, session_id=one.session_id, body=UPDATE)
    assert one.line.told(UpdateAcknowledged) == [told]


def test_an_answer_that_is_not_wanted_any_more() -> None:
    one = puppet()
    # nothing is known of it
    dropped = one.say(RpcDropAnswer(req_msg_id=4))
    assert one.results(dropped) == [RpcAnswerUnknown().to_bytes()]
    # it is running: both the query and the drop are answered so, and the owner's answer comes to nothing
    received = call(one)
    dropped = one.say(RpcDropAnswer(req_msg_id=received.msg_id))
    running = RpcAnswerDroppedRunning().to_bytes()
    assert one.results(dropped) == one.results(received.msg_id) == [running]
    one.line.link.send_result(received, QUERY, one.world.now)
    one.line.run()
    assert one.results(received.msg_id) == [running]
    # it was answered and not acknowledged: the answer is forgotten
    received = call(one)
    result = answer(one, received)
    dropped = one.say(RpcDropAnswer(req_msg_id=received.msg_id))
    [body] = one.results(dropped)
    assert body[:4] == RpcAnswerDropped(msg_id=0, seq_no=0, length=0).to_bytes()[:4]
    assert int.from_bytes(body[4:12], "little") == result
    again = one.say(RpcDropAnswer(req_msg_id=received.msg_id))
    assert one.results(again) == [RpcAnswerUnknown().to_bytes()]


def test_a_drop_that_is_repeated_changes_nothing() -> None:
    one = puppet()
    received = call(one)
    one.say(RpcDropAnswer(req_msg_id=received.msg_id))
    session = one.world.server.sessions.find(one.record.key.id, one.session_id)
    assert session is not None
    session.session.sent.settle(next(m.msg_id for m in session.session.sent.all() if m.about is not None))
    again = one.say(RpcDropAnswer(req_msg_id=received.msg_id))
    assert len(one.results(again)) == 1


def test_another_session_of_the_key_is_ended() -> None:
    one = puppet()
    other = Puppet(one.line, session_id=99)
    other.say(Ping(ping_id=1))
    one.say(DestroySession(session_id=99))
    assert one.heard(DestroySessionOk) == [DestroySessionOk(session_id=99)]
    one.say(DestroySession(session_id=99))
    one.say(DestroySession(session_id=one.session_id))
    assert one.heard(DestroySessionNone) == [DestroySessionNone(session_id=99), DestroySessionNone(session_id=one.session_id)]
    # a message to it begins it anew
    before = len(other.heard(NewSessionCreated))
    other.say(Ping(ping_id=2))
    assert len(other.heard(NewSessionCreated)) == before + 1


def test_keys_are_not_destroyed_yet() -> None:
    one = puppet()
    one.say(DestroyAuthKey())
    assert one.heard(DestroyAuthKeyFail) == [DestroyAuthKeyFail()]


@pytest.mark.parametrize("thing", [Pong(msg_id=1, ping_id=2), HttpWait(max_delay=0, wait_after=0, max_wait=25_000)])
def test_what_asks_for_nothing_gets_nothing(thing: Pong | HttpWait) -> None:
    one = puppet()
    one.say(Ping(ping_id=1))
    before = len(one.heard())
    one.say(thing)
    assert len(one.heard()) == before
    assert not one.line.told(ConnectionClosed)
