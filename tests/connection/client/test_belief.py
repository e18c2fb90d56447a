"""What a client believes of what its server says: of which question, of which session, of which time."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.pairs import (
    OTHER_QUERY,
    UPDATE,
    bound_pair,
    deliver,
    forge,
    keep_calls,
    queries,
    said,
    say,
    session_of,
    tap,
    tapped_pair,
)
from mtproto_bind import CallFailed, Check, KeyBound, Limits, SessionReset, TransportEnded, UnexpectedMessage, UpdateReceived
from mtproto_bind._connection.client.state import Timer
from mtproto_bind._keys import Slot
from mtproto_bind._session import REPLY, Item, MessageIds
from mtproto_bind._tl import (
    SERVICE,
    BadMsgNotification,
    ContainedMessage,
    FutureSalt,
    FutureSalts,
    GetFutureSalts,
    MsgsAllInfo,
    MsgsStateInfo,
    MsgsStateReq,
    Ping,
    Pong,
    RpcDropAnswer,
    write_container,
)
from mtproto_bind.testing import Pair


def slot_of(pair: Pair) -> Slot:
    """The key in use."""
    slot = pair.client._state.keys.current
    if slot is None:
        raise LookupError("no key is in use")
    return slot


def test_an_update_in_a_session_given_up_is_not_told() -> None:
    """Its calls have been told, and its updates come again in the session that follows."""
    pair = bound_pair()
    old = session_of(pair)
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.5)
    [call] = slot_of(pair).session.sent.all()
    say(pair, BadMsgNotification(bad_msg_id=call.msg_id, bad_msg_seqno=3, error_code=32), seconds=1)
    assert slot_of(pair).session.session_id != old.session.session_id
    late = Item(body=UPDATE, content_related=True, remainder=3)
    for frame in old.session.seal([late], salt=0, server_time=pair.now):
        deliver(pair, frame)
    assert not pair.events(UpdateReceived)


def test_a_container_that_could_not_be_read_may_come_again_on_another_stream() -> None:
    pair = bound_pair()
    ids = session_of(pair).session.ids
    inner, outer = ids.next(pair.now, REPLY), ids.next(pair.now, REPLY)
    unreadable = Pong(msg_id=4, ping_id=4).to_bytes()[:-4]
    bodies = [write_container([ContainedMessage(msg_id=inner, seqno=1, body=body)]) for body in (unreadable, UPDATE)]
    deliver(pair, forge(pair, msg_id=outer, seq_no=2, body=bodies[0]))
    assert len(pair.events(TransportEnded)) == 1
    pair.run(5)
    deliver(pair, forge(pair, msg_id=outer, seq_no=2, body=bodies[1]))
    assert pair.events(UpdateReceived) == [UpdateReceived(body=UPDATE)]
    assert not pair.client.status.dropped


@pytest.mark.parametrize(("ahead", "believed"), [(-312, False), (-306, True), (36, True), (42, False)])
def test_the_window_is_as_much_longer_as_the_clock_is_unsure(ahead: float, believed: bool) -> None:
    pair = bound_pair()
    state = pair.client._state
    state.clock = evolve(state.clock, uncertainty=9.0)
    at = state.server_time + ahead
    deliver(pair, forge(pair, msg_id=int(at) << 32 | REPLY))
    assert len(pair.events(UpdateReceived)) == believed
    assert pair.client.status.dropped == ({} if believed else {Check.MSG_ID_WINDOW: 1})


def test_only_the_answer_to_the_first_ping_of_a_stream_says_that_the_session_lives() -> None:
    """The answer to a ping of the stream before comes again on this one, before the server has read anything there."""
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    pair.cut()
    pair.run(0)
    pair._dial_at = pair.now
    pair._pass_time()
    pair._settle()
    greeting = slot_of(pair).greeting
    assert greeting is not None
    deliver(pair, forge(pair, seq_no=0, body=Pong(msg_id=4, ping_id=greeting ^ 1).to_bytes()))
    assert not slot_of(pair).heard
    assert queries(pair) == []
    pair.run(1)
    assert slot_of(pair).heard
    assert queries(pair) == [msg_id]


def test_salts_in_answer_to_another_request_are_not_believed() -> None:
    pair = bound_pair()
    slot_of(pair).salts.ask(8, 2, pair.now)
    salt = FutureSalt(valid_since=int(pair.now) - 100, valid_until=int(pair.now) + 3600, salt=9)
    say(pair, FutureSalts(req_msg_id=12, now=int(pair.now), salts=(salt,)))
    assert pair.client.status.dropped == {Check.FUTURE_SALTS_ASKED: 1}
    assert slot_of(pair).salts.future == ()


def test_states_in_answer_to_another_question_are_not_believed() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    slot_of(pair).asked_about = (12, (msg_id,))
    say(pair, MsgsStateInfo(req_msg_id=16, info=b"\1"))
    assert pair.client.status.dropped == {Check.RESULT_TARGET: 1}
    assert queries(pair) == []


@pytest.mark.parametrize(("state", "again"), [(4 + 32, False), (4, True), (4 + 16, True), (4 + 32 + 64, True), (1 + 32, True)])
def test_only_what_is_surely_in_work_is_waited_for(state: int, again: bool) -> None:
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    slot_of(pair).asked_about = (12, (msg_id,))
    say(pair, MsgsStateInfo(req_msg_id=12, info=bytes([state])))
    assert queries(pair) == [msg_id] * again
    # asked once, answered once
    say(pair, MsgsStateInfo(req_msg_id=12, info=b"\1"))
    assert pair.client.status.dropped == {Check.RESULT_TARGET: 1}
    assert queries(pair) == []


@pytest.mark.parametrize("code", [19, 20])
def test_refusals_that_cost_nothing_have_an_end_too(code: int) -> None:
    """A server that says nothing else would have us listen for ever."""
    pair = bound_pair()
    keep_calls(pair)
    for _ in range(11):
        pair.client.call(OTHER_QUERY, pair.client_now)
        pair.run(0.5)
        assert not pair.events(TransportEnded)
        msg_id = slot_of(pair).session.sent.all()[-1].msg_id
        frame = forge(pair, seq_no=0, body=BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=1, error_code=code).to_bytes())
        deliver(pair, frame)
    [ended] = pair.events(TransportEnded)
    assert isinstance(ended.error, UnexpectedMessage)


def test_a_call_that_the_server_cannot_tell_of_is_no_refused_binding() -> None:
    pair = bound_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.5)
    [call] = slot_of(pair).session.sent.all()
    say(pair, BadMsgNotification(bad_msg_id=call.msg_id, bad_msg_seqno=1, error_code=20))
    assert len(pair.events(CallFailed)) == 1
    assert pair.client._state.refusals == 0
    assert Timer.BIND_AGAIN not in pair.client._state.timers


def test_a_stream_whose_first_ping_was_refused_for_its_age_is_heard_in_the_next_round_trip() -> None:
    pair = tapped_pair()
    kept = keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    state = pair.client._state
    state.clock = evolve(state.clock, offset=state.clock.offset - 400)
    slot_of(pair).session.ids = MessageIds()
    pair.cut()
    pair.run(1.5)
    assert slot_of(pair).heard
    assert queries(pair) == [msg_id]
    assert len(kept) == 1


def test_a_key_that_is_being_bound_is_not_greeted() -> None:
    """Nothing leaves again under it that would have to wait for an answer to a ping."""
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    # the binding waits for the answer to the call
    pair.run(5, lambda each: each.client.status.next_key_state == "BINDING")
    slot = pair.client._state.keys.next
    assert slot is not None
    slot.salts.told(12345, pair.now)
    tap(pair).frames.clear()
    pair.run_until(KeyBound)
    assert said(pair, Ping) == []


def test_only_calls_that_are_long_without_an_answer_are_asked_about() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(40)
    [first] = queries(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(25)
    [(_, asked)] = said(pair, MsgsStateReq)
    assert asked.msg_ids == (first,)


def test_the_answer_to_a_question_about_calls_is_taken() -> None:
    pair = bound_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(62)
    assert slot_of(pair).asked_about is None
    assert pair.client.status.dropped == {}


def test_one_question_is_about_so_many_calls_and_no_more() -> None:
    pair = tapped_pair(client={"limits": Limits(ids=2)})
    keep_calls(pair)
    for _ in range(3):
        pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    msg_ids = queries(pair)
    pair.run(62)
    [(_, asked)] = said(pair, MsgsStateReq)
    assert asked.msg_ids == tuple(msg_ids[:2])


def test_all_sessions_given_up_lately_are_remembered() -> None:
    pair = bound_pair()
    old = session_of(pair)
    keep_calls(pair)
    for _ in range(3):
        pair.client.call(OTHER_QUERY, pair.client_now)
        pair.run(0.5)
        msg_id = slot_of(pair).session.sent.all()[-1].msg_id
        say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=32), seconds=1)
    for frame in old.session.seal([Item(body=UPDATE, content_related=True, remainder=3)], salt=0, server_time=pair.now):
        deliver(pair, frame)
    assert len(pair.events(SessionReset)) == 3
    assert not pair.events(TransportEnded)


def test_what_was_asked_in_a_session_given_up_is_answered_no_more() -> None:
    pair = bound_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.5)
    [call] = slot_of(pair).session.sent.all()
    slot_of(pair).asked_about = (12, (call.msg_id,))
    slot_of(pair).salts.ask(8, 1, pair.now)
    say(pair, BadMsgNotification(bad_msg_id=call.msg_id, bad_msg_seqno=3, error_code=32), seconds=1)
    say(pair, MsgsStateInfo(req_msg_id=12, info=b"\1"))
    say(pair, FutureSalts(req_msg_id=8, now=int(pair.now), salts=()))
    assert pair.client.status.dropped == {Check.RESULT_TARGET: 1, Check.FUTURE_SALTS_ASKED: 1}


def test_a_call_refused_too_often_leaves_no_message_behind() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    for _ in range(6):
        deliver(
            pair, forge(pair, seq_no=0, body=BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=1, error_code=16).to_bytes())
        )
    assert len(pair.events(CallFailed)) == 1
    queries(pair)
    pair.cut()
    pair.run(3)
    assert queries(pair) == []


def test_salts_are_asked_for_in_company_alone() -> None:
    pair = bound_pair()
    pair.run(20)
    assert pair.client.data_to_send(pair.client_now + 650) == b""


def test_what_seems_lost_leaves_again_alone() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    for _ in range(2):
        pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    lost, _other = queries(pair)
    say(pair, MsgsAllInfo(msg_ids=(lost,), info=b"\1"))
    assert queries(pair) == [lost]


def test_no_salts_are_asked_for_under_a_key_that_drains() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    call = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    [old] = pair.client._state.keys.draining
    old.salts.told_at = pair.now - 1000
    pair.client.cancel(call, pair.client_now)
    pair.run(1)
    [*_, last] = [sent for sent in tap(pair).take(pair) if sent.key_id == old.id]
    kinds = [SERVICE.name_of(message.body) for message in last.messages]
    assert RpcDropAnswer.constructor.name in kinds
    assert GetFutureSalts.constructor.name not in kinds
