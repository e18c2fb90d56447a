"""What a client makes of messages under its temporary key."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.pairs import OTHER_QUERY, UPDATE, Wiretap, bound_pair, deliver, forge, keep_calls, say, session_of
from mtproto_bind import (
    NEED_DATA,
    CallAnswered,
    CallFailed,
    Check,
    KeyBound,
    KeyEnd,
    KeyExpired,
    Limits,
    OutcomeUnknown,
    SecurityError,
    SessionReset,
    TransportEnded,
    UpdateReceived,
)
from mtproto_bind._session import REPLY, UNASKED, Item
from mtproto_bind._tl import (
    SERVICE,
    ContainedMessage,
    DestroySessionOk,
    FutureSalt,
    FutureSalts,
    GetFutureSalts,
    GzipPacked,
    MsgDetailedInfo,
    MsgNewDetailedInfo,
    MsgResendReq,
    MsgsAck,
    MsgsStateInfo,
    MsgsStateReq,
    NewSessionCreated,
    Ping,
    Pong,
    RpcResult,
    TLObject,
    pack,
    write_container,
)
from mtproto_bind.testing import Pair


def replies(pair: Pair) -> list[TLObject]:
    """Service messages that the client has sent since the wiretap was emptied."""
    assert isinstance(pair.network, Wiretap)
    bodies = [message.body for sent in pair.network.take(pair) for message in sent.messages]
    return [SERVICE.read_whole(body) for body in bodies]


def tapped() -> Pair:
    pair = bound_pair(network=Wiretap())
    assert isinstance(pair.network, Wiretap)
    pair.network.frames.clear()
    return pair


def test_an_update_is_told_and_acknowledged_in_time() -> None:
    pair = tapped()
    key = pair.client.bound_key()
    assert pair.server.send_update(key.key.id, key.session_id, UPDATE, pair.now) is pair.link
    pair.run(1)
    assert pair.events(UpdateReceived) == [UpdateReceived(body=UPDATE)]
    assert replies(pair) == [], "the acknowledgement waits for company"
    pair.run(10)
    [ack] = replies(pair)
    assert isinstance(ack, MsgsAck)
    assert ack.msg_ids
    assert not len(session_of(pair).session.sent)


def test_a_packed_update_is_unpacked_once() -> None:
    pair = bound_pair()
    say(pair, GzipPacked(packed_data=pack(UPDATE)), content_related=True, remainder=UNASKED)
    assert pair.events(UpdateReceived) == [UpdateReceived(body=UPDATE)]
    twice = GzipPacked(packed_data=pack(GzipPacked(packed_data=pack(UPDATE)).to_bytes()))
    say(pair, twice, content_related=True, remainder=UNASKED)
    [ended] = pair.events(TransportEnded)
    assert ended.error.check is Check.GZIP


def test_a_ping_is_answered() -> None:
    pair = tapped()
    say(pair, Ping(ping_id=77), remainder=UNASKED)
    [pong] = [each for each in replies(pair) if isinstance(each, Pong)]
    assert pong.ping_id == 77


def test_questions_about_messages_are_answered() -> None:
    pair = tapped()
    session = session_of(pair)
    say(pair, UPDATE, content_related=True, remainder=UNASKED)
    known = session.session.ids.last
    say(pair, MsgsStateReq(msg_ids=(known, known + 4)), remainder=UNASKED)
    [info] = [each for each in replies(pair) if isinstance(each, MsgsStateInfo)]
    assert info.info == bytes([4, 1])


def test_a_detailed_info_is_fetched_or_acknowledged() -> None:
    pair = tapped()
    session = session_of(pair)
    say(pair, UPDATE, content_related=True, remainder=UNASKED)
    known = session.session.ids.last
    say(pair, MsgDetailedInfo(msg_id=4, answer_msg_id=99, length=100, status=0), remainder=UNASKED)
    [asked, *_] = [each for each in replies(pair) if isinstance(each, MsgResendReq)]
    assert asked.msg_ids == (99,)
    pair.run(12)
    replies(pair)
    say(pair, MsgNewDetailedInfo(answer_msg_id=known, length=4, status=0), remainder=UNASKED, seconds=12)
    [ack] = replies(pair)
    assert ack == MsgsAck(msg_ids=(known,))


def test_asked_to_send_again_it_sends_what_is_unanswered_in_a_container() -> None:
    pair = tapped()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    assert isinstance(pair.network, Wiretap)
    [first] = pair.network.take(pair)
    [msg_id] = [message.msg_id for message in first.messages if message.body == OTHER_QUERY]
    say(pair, MsgResendReq(msg_ids=(msg_id,)), remainder=UNASKED)
    [second] = pair.network.take(pair)
    assert second.is_container
    assert [message.msg_id for message in second.messages if message.body == OTHER_QUERY] == [msg_id]


def test_salts_that_nobody_asked_for_are_dropped() -> None:
    pair = bound_pair()
    salt = pair.client.bound_key().server_salt
    planted = FutureSalts(req_msg_id=4, now=0, salts=(FutureSalt(valid_since=0, valid_until=1 << 30, salt=7),))
    say(pair, planted)
    assert pair.client.status.dropped == {Check.FUTURE_SALTS_ASKED: 1}
    assert pair.client.bound_key().server_salt == salt


@pytest.mark.parametrize("thing", [DestroySessionOk(session_id=1), MsgsAck(msg_ids=(4, 8))])
def test_what_is_of_no_consequence_has_none(thing: TLObject) -> None:
    pair = bound_pair()
    told = len(pair.told)
    say(pair, thing)
    assert len(pair.told) == told
    assert not pair.client.status.dropped


def test_a_session_made_anew_is_told_and_the_salt_taken() -> None:
    pair = bound_pair()
    session = session_of(pair)
    created = NewSessionCreated(first_msg_id=1 << 63, unique_id=123, server_salt=456)
    say(pair, created, content_related=True, remainder=UNASKED)
    say(pair, created, content_related=True, remainder=UNASKED)
    assert pair.events(SessionReset) == [SessionReset(session_id=session.session.session_id)]
    assert pair.client.bound_key().server_salt == 456


def test_a_result_for_nobody_is_dropped_and_acknowledged() -> None:
    pair = tapped()
    say(pair, RpcResult(req_msg_id=4, result=UPDATE), content_related=True, seconds=12)
    assert pair.client.status.dropped == {Check.RESULT_TARGET: 1}
    [ack] = replies(pair)
    assert isinstance(ack, MsgsAck)


def test_what_a_client_asks_is_no_answer() -> None:
    """A constructor that only a client sends ends the stream where no class reads it, and is ignored where one does."""
    pair = bound_pair()
    say(pair, GetFutureSalts(num=1))
    assert not pair.events(TransportEnded)


def container(pair: Pair, *ids: int) -> bytes:
    return write_container([ContainedMessage(msg_id=each, seqno=1, body=UPDATE) for each in ids])


def error_of(pair: Pair) -> Check | None:
    [ended] = pair.events(TransportEnded)
    return ended.error.check if isinstance(ended.error, SecurityError) else None


@pytest.mark.parametrize("remainder", [0, 2])
def test_our_own_messages_cannot_be_sent_back(remainder: int) -> None:
    pair = bound_pair()
    deliver(pair, forge(pair, msg_id=session_of(pair).session.ids.next(pair.now, 0) + remainder))
    assert error_of(pair) is Check.MSG_ID_PARITY


def test_nor_inside_a_container() -> None:
    pair = bound_pair()
    ids = session_of(pair).session.ids
    inner = ids.next(pair.now, 0)
    deliver(pair, forge(pair, body=container(pair, inner), msg_id=ids.next(pair.now, REPLY)))
    assert error_of(pair) is Check.MSG_ID_PARITY


def test_nor_as_a_container() -> None:
    pair = bound_pair()
    ids = session_of(pair).session.ids
    inner = ids.next(pair.now, REPLY)
    deliver(pair, forge(pair, body=container(pair, inner), msg_id=ids.next(pair.now, 0), seq_no=2))
    assert error_of(pair) is Check.MSG_ID_PARITY


def test_a_message_of_another_session_ends_the_stream() -> None:
    pair = bound_pair()
    deliver(pair, forge(pair, session_id=5))
    assert error_of(pair) is Check.SESSION_ID
    assert not pair.events(UpdateReceived)


def test_a_key_that_is_not_ours_ends_the_stream() -> None:
    pair = bound_pair()
    frame = forge(pair)
    deliver(pair, b"\1" * 8 + frame[8:])
    assert error_of(pair) is Check.KEY_KNOWN


def test_a_message_comes_only_once() -> None:
    pair = bound_pair()
    frame = forge(pair)
    for _ in range(3):
        deliver(pair, frame)
    assert len(pair.events(UpdateReceived)) == 1
    assert pair.client.status.dropped == {Check.MSG_ID_SEEN: 2}


def test_nor_a_second_time_inside_a_container() -> None:
    pair = bound_pair()
    ids = session_of(pair).session.ids
    once = ids.next(pair.now, REPLY)
    deliver(pair, forge(pair, msg_id=once))
    other = ids.next(pair.now, REPLY)
    deliver(pair, forge(pair, body=container(pair, once, other), seq_no=2, msg_id=ids.next(pair.now, REPLY)))
    assert len(pair.events(UpdateReceived)) == 2
    assert pair.client.status.dropped == {Check.MSG_ID_SEEN: 1}


@pytest.mark.parametrize(("seconds", "taken"), [(-301, 0), (-299, 1), (29, 1), (32, 0)])
def test_the_window_of_time(seconds: int, taken: int) -> None:
    pair = bound_pair()
    pair.run(400)
    deliver(pair, forge(pair, msg_id=(int(pair.now + seconds) << 32) + 5))
    assert len(pair.events(UpdateReceived)) == taken
    assert pair.client.status.dropped == ({} if taken else {Check.MSG_ID_WINDOW: 1})


def test_a_resend_request_after_a_lost_answer_is_no_second_run() -> None:
    pair = bound_pair()
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.07)
    pair.cut()
    pair.run(5)
    assert len(pair.events(CallAnswered)) == 1
    assert len(pair.owner.ran) == 1


def test_the_answer_may_stand_behind_others_in_a_container() -> None:
    pair = bound_pair()
    session = session_of(pair)
    for _ in range(3):
        session.say(Item(body=UPDATE, content_related=True, remainder=UNASKED))
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    assert len(pair.events(UpdateReceived)) == 3
    assert len(pair.events(CallAnswered)) == 1


@pytest.mark.parametrize("repeat", [False, True])
def test_calls_under_way_when_the_session_is_made_anew(repeat: bool) -> None:
    """They may have run before the server forgot: an unknown outcome, unless they may run twice."""
    pair = bound_pair()
    kept = keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now, repeat=repeat)
    pair.run(1)
    created = NewSessionCreated(first_msg_id=1 << 63, unique_id=123, server_salt=pair.client.bound_key().server_salt)
    say(pair, created, content_related=True, remainder=UNASKED)
    failed = [event.reason for event in pair.events(CallFailed)]
    assert [type(reason) for reason in failed] == ([] if repeat else [OutcomeUnknown])
    assert len(kept) == (2 if repeat else 1)


def test_a_client_without_a_stream_closes_too() -> None:
    pair = bound_pair()
    pair.cut()
    pair.run(0.01)
    pair.client.close(pair.client_now)
    assert pair.client.status.closed


def test_nothing_leaves_under_an_expired_key() -> None:
    pair = bound_pair(network=Wiretap())
    ends = pair.client.bound_key().expires_at
    pair.client.call(OTHER_QUERY, pair.client_now)
    # the driver slept, and writes before it asks for events
    assert pair.client.data_to_send(float(ends + 10)) == b""


def test_what_comes_late_under_a_key_that_has_ended_is_of_no_interest() -> None:
    pair = bound_pair()
    late = forge(pair)
    ended = pair.client.bound_key()
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    pair.run(60)
    assert pair.client.bound_key().key != ended.key
    deliver(pair, late)
    assert not pair.events(TransportEnded)
    assert not pair.events(UpdateReceived)


def test_a_container_is_taken_whole_or_not_at_all() -> None:
    pair = bound_pair()
    ids = session_of(pair).session.ids
    good, bad = ids.next(pair.now, REPLY), ids.next(pair.now, 0)
    deliver(pair, forge(pair, body=container(pair, good, bad), seq_no=2, msg_id=ids.next(pair.now, REPLY)))
    assert error_of(pair) is Check.MSG_ID_PARITY
    assert not pair.events(UpdateReceived)


def test_a_clock_behind_the_servers_catches_up() -> None:
    """A genuine message from the future says that our idea of the server's clock is behind."""
    pair = bound_pair()
    pair.client._state.clock = evolve(pair.client._state.clock, offset=pair.client._state.clock.offset - 100)
    deliver(pair, forge(pair))
    assert pair.client.status.dropped == {Check.MSG_ID_WINDOW: 1}
    deliver(pair, forge(pair, seq_no=3))
    assert len(pair.events(UpdateReceived)) == 1


def test_refused_together_calls_lose_their_key_once() -> None:
    """The server may refuse in one container what came in one container."""
    pair = bound_pair(network=Wiretap())
    kept = keep_calls(pair)
    first = pair.client.bound_key()
    calls = [pair.client.call(OTHER_QUERY, pair.client_now) for _ in range(3)]
    pair.run(1)
    assert pair.link is not None
    for call in kept[:3]:
        pair.link.send_error(call, 401, "AUTH_KEY_PERM_EMPTY", pair.now)
    pair.run_until(KeyBound)
    pair.run(1)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(first.key.id, KeyEnd.NOT_BOUND)]
    # each was told to be unrun, and goes out again
    assert not pair.events(CallFailed)
    assert (len(kept), len(calls)) == (6, 3)


def test_a_result_that_cannot_be_read_may_come_again_on_another_stream() -> None:
    pair = bound_pair(network=Wiretap())
    kept = keep_calls(pair)
    call = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    twice = GzipPacked(packed_data=pack(GzipPacked(packed_data=pack(UPDATE)).to_bytes())).to_bytes()
    msg_id = session_of(pair).session.ids.next(pair.now, REPLY)
    asked = kept[0].msg_id
    deliver(pair, forge(pair, msg_id=msg_id, body=RpcResult(req_msg_id=asked, result=twice).to_bytes()))
    assert error_of(pair) is Check.GZIP
    assert pair.client.status.calls == 1
    pair.run(5)
    deliver(pair, forge(pair, msg_id=msg_id, body=RpcResult(req_msg_id=asked, result=UPDATE).to_bytes()))
    assert pair.events(CallAnswered) == [CallAnswered(call_id=call, body=UPDATE)]
    assert pair.client.status.dropped == {}


def test_one_frame_unpacks_to_so_much_and_no_more() -> None:
    """Many messages of a container, each within its ceiling, are a bomb together."""
    pair = bound_pair(client={"limits": Limits(unpacked=10_000)})
    ids = session_of(pair).session.ids
    packed = GzipPacked(packed_data=pack(UPDATE + bytes(4000))).to_bytes()
    held = [ContainedMessage(msg_id=ids.next(pair.now, REPLY), seqno=1, body=packed) for _ in range(5)]
    deliver(pair, forge(pair, body=write_container(held), seq_no=2, msg_id=ids.next(pair.now, REPLY)))
    assert error_of(pair) is Check.GZIP
    assert len(pair.events(UpdateReceived)) == 3


def test_service_messages_that_wait_have_an_end() -> None:
    pair = bound_pair()
    for number in range(300):
        frame = forge(pair, body=Ping(number).to_bytes(), seq_no=2)
        pair.client.receive_data(len(frame).to_bytes(4, "little") + frame, pair.client_now)
        while pair.client.next_event() is not NEED_DATA:
            pass
    [slot] = pair.client._state.keys.slots()
    assert len(slot.outbox) == 256


def test_an_acknowledgement_waits_until_its_event_is_acted_upon() -> None:
    """Who stores an update before asking for the next event cannot lose it."""
    pair = bound_pair()
    frames = [forge(pair, seq_no=number * 2 + 1) for number in range(20)]
    for frame in frames:
        pair.client.receive_data(len(frame).to_bytes(4, "little") + frame, pair.client_now)
    for _ in frames:
        assert pair.client.next_event() == UpdateReceived(body=UPDATE)
        assert pair.client.data_to_send(pair.client_now) == b""
    assert pair.client.next_event() is NEED_DATA
    assert pair.client.data_to_send(pair.client_now) != b""


def test_an_old_frame_sent_again_proves_nothing() -> None:
    """Whoever listened in could keep a dead stream alive with it."""
    pair = bound_pair()
    frame = forge(pair)
    deliver(pair, frame)
    pair.link = None
    for _ in range(15):
        pair.run(10)
        if pair.events(TransportEnded):
            break
        deliver(pair, frame)
    assert pair.events(TransportEnded)
