"""A connection that stays bound: salts in time, calls that are long without an answer, sessions given up."""

from __future__ import annotations

from typing import Any

import pytest

from kit.pairs import (
    OTHER_QUERY,
    QUERY,
    UPDATE,
    bound_pair,
    forge,
    keep_calls,
    make_pair,
    queries,
    said,
    say,
    session_of,
    tap,
    tapped_pair,
)
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallReceived,
    Check,
    OutcomeUnknown,
    PermanentKeyCreated,
    SessionReset,
    TransportEnded,
    UpdateReceived,
)
from mtproto_bind._connection.client.state import Timer
from mtproto_bind._session import (
    Item,
)
from mtproto_bind._tl import (
    BadMsgNotification,
    DestroySession,
    FutureSalt,
    FutureSalts,
    GetFutureSalts,
    MsgResendReq,
    MsgsAllInfo,
    MsgsStateInfo,
    MsgsStateReq,
    RpcDropAnswer,
    RpcError,
)
from mtproto_bind.testing import Direction, FaultKind, Pair

# ---- salts


def test_salts_are_asked_for_in_time_and_none_is_refused_for_a_day() -> None:
    pair = tapped_pair(client={"temporary_lifetime": 86400})
    for _ in range(40):
        pair.client.call(QUERY, pair.client_now)
        pair.run(1800)
    assert len(pair.events(CallAnswered)) == 40
    [(_, asked)] = said(pair, GetFutureSalts)
    assert asked.num == 49
    # no bad_server_salt was needed: every answer came in the round trip after its call
    assert len(pair.server_events(CallReceived)) == 40


def test_more_salts_than_asked_for_are_not_believed() -> None:
    pair = tapped_pair()
    pair.run(700)
    before = pair.client.bound_key().server_salt
    slot = pair.client._state.keys.current
    assert slot is not None
    slot.salts.ask(8, 2, pair.now)
    salts = tuple(FutureSalt(valid_since=int(pair.now) - 100, valid_until=int(pair.now) + 3600, salt=9) for _ in range(3))
    say(pair, FutureSalts(req_msg_id=8, now=int(pair.now), salts=salts))
    assert pair.client.status.dropped == {Check.FUTURE_SALTS_ASKED: 1}
    assert pair.client.bound_key().server_salt == before


def test_salts_are_saved_with_the_key() -> None:
    pair = bound_pair()
    pair.run(700)
    pair.client.call(QUERY, pair.client_now)
    pair.run(1)
    saved = pair.client.save(temporary_key=True)
    slot = pair.client._state.keys.current
    assert slot is not None
    assert len(saved) == 22 + 281 + 16 * len(slot.salts.future)
    permanent = pair.events(PermanentKeyCreated)[0].key
    again = make_pair(client={"permanent_key": permanent}, saved=saved)
    restored = again.client._state.keys.current
    assert restored is not None
    assert restored.salts.future == slot.salts.future
    assert len(restored.salts.future) > 40
    for wrong in (saved[:-1], saved + bytes(16), saved[:30]):
        with pytest.raises(ValueError, match="cut off"):
            make_pair(client={"permanent_key": permanent}, saved=wrong)


# ---- what became of a call


def silent_call(**call: Any) -> tuple[Pair, int]:
    """A call that the server keeps to itself for more than a minute: its message id."""
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now, **call)
    pair.run(1)
    [msg_id] = queries(pair)
    return pair, msg_id


def test_a_call_that_is_long_without_an_answer_is_asked_about() -> None:
    pair, msg_id = silent_call()
    pair.run(61)
    [(_, asked)] = said(pair, MsgsStateReq)
    assert asked.msg_ids == (msg_id,)
    # our server has it and works on it, so it waits, and is asked again
    pair.run(60)
    assert len(said(pair, MsgsStateReq)) == 1
    assert queries(pair) == []


@pytest.mark.parametrize("state", [1, 2, 3, 4, 4 + 64, 4 + 32 + 64])
def test_what_did_not_come_or_is_answered_leaves_again_under_its_id(state: int) -> None:
    pair, msg_id = silent_call()
    slot = pair.client._state.keys.current
    assert slot is not None
    slot.asked_about = (12, (msg_id,))
    say(pair, MsgsStateInfo(req_msg_id=12, info=bytes([state])))
    assert queries(pair) == [msg_id]
    say(pair, MsgsAllInfo(msg_ids=(msg_id, 8), info=bytes([state, 1])))
    assert queries(pair) == [msg_id]
    # what is surely in work is left alone
    say(pair, MsgsAllInfo(msg_ids=(msg_id,), info=bytes([4 + 32])))
    assert queries(pair) == []
    assert len(pair.server_events(CallReceived)) == 0


def test_states_that_nobody_asked_for_or_of_another_length_are_dropped() -> None:
    pair, msg_id = silent_call()
    say(pair, MsgsStateInfo(req_msg_id=12, info=b"\1"))
    slot = pair.client._state.keys.current
    assert slot is not None
    slot.asked_about = (12, (msg_id,))
    say(pair, MsgsStateInfo(req_msg_id=12, info=b"\1\1"))
    assert pair.client.status.dropped == {Check.RESULT_TARGET: 2}
    assert queries(pair) == []


def test_a_message_that_the_server_wants_again_is_sent_again_or_accounted_for() -> None:
    pair, msg_id = silent_call()
    say(pair, MsgResendReq(msg_ids=(msg_id,)))
    assert queries(pair) == [msg_id]
    say(pair, MsgResendReq(msg_ids=(msg_id, 8)))
    [(_, info)] = said(pair, MsgsStateInfo)
    assert info.info == b"\1\1"


def test_a_call_that_is_cancelled_need_not_be_answered() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    call = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    pair.client.cancel(call, pair.client_now)
    pair.run(1)
    [(_, dropped)] = said(pair, RpcDropAnswer)
    assert dropped.req_msg_id == msg_id
    assert session_of(pair).dropped == {msg_id}
    assert not pair.client.status.dropped


def test_a_call_whose_predecessor_was_not_there_yet_waits_again() -> None:
    pair = tapped_pair()
    kept = keep_calls(pair)
    first = pair.client.call(OTHER_QUERY, pair.client_now)
    second = pair.client.call(QUERY, pair.client_now, after=[first])
    pair.run(1)
    error = RpcError(error_code=400, error_message=b"MSG_WAIT_FAILED").to_bytes()
    link = pair.link
    assert link is not None
    link.send_result(kept[1], error, pair.now)
    pair.run(1)
    assert [call.body for call in kept] == [OTHER_QUERY, QUERY, QUERY]
    link.send_result(kept[0], QUERY, pair.now)
    pair.run(1)
    # the one before has ended, so the error is the call's own
    link.send_result(kept[2], error, pair.now)
    pair.run(1)
    assert [event.call_id for event in pair.events(CallAnswered)] == [first]
    [failed] = pair.events(CallFailed)
    assert (failed.call_id, failed.reason.message) == (second, "MSG_WAIT_FAILED")


# ---- sessions


def test_what_comes_late_in_a_session_given_up_costs_nothing() -> None:
    pair = tapped_pair()
    old = pair.client.bound_key().session_id
    kept = session_of(pair)
    pair.client.call(QUERY, pair.client_now)
    pair.run(0.5)
    [*_, call] = tap(pair).take(pair)
    say(pair, BadMsgNotification(bad_msg_id=call.msg_id, bad_msg_seqno=3, error_code=32), seconds=0.05)
    pair.run(0.05)
    assert pair.client.bound_key().session_id != old
    assert [event.session_id for event in pair.events(SessionReset)] == [old]
    late = kept.session.seal([Item(body=QUERY, content_related=True, remainder=3)], salt=0, server_time=pair.now)
    for frame in late:
        pair.client.receive_data(len(frame).to_bytes(4, "little") + frame, pair.client_now)
    pair.run(1)
    assert not pair.events(TransportEnded)
    [(_, destroyed)] = said(pair, DestroySession)
    assert destroyed.session_id == old
    assert pair.server.sessions.find(call.key_id, old) is None


def test_a_stream_whose_first_ping_was_refused_for_its_salt_is_heard_in_the_next_round_trip() -> None:
    pair = tapped_pair()
    kept = keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    slot = pair.client._state.keys.current
    assert slot is not None
    slot.salts.told(12345, pair.now)
    pair.cut()
    pair.run(1.5)
    # the call that was under way has left again, under its own id
    assert queries(pair) == [msg_id]
    assert len(kept) == 1
    assert slot.heard


def test_what_leaves_again_on_a_new_stream_is_asked_about_too() -> None:
    pair, msg_id = silent_call()
    pair.cut()
    pair.run(0)
    # no stream is there when the server would have been asked
    pair._dial_at = pair.now + 70
    pair.run(72)
    assert said(pair, MsgsStateReq) == []
    pair.run(60)
    [(_, asked)] = said(pair, MsgsStateReq)
    assert asked.msg_ids == (msg_id,)


def test_an_answer_that_the_server_forgot_is_an_unknown_outcome() -> None:
    """The client was away for longer than the server keeps what nobody acknowledges."""
    pair = bound_pair()
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.network.befall_next(Direction.TO_CLIENT, FaultKind.CUT)
    pair.run(0.2)
    pair._dial_at = pair.now + 660
    pair.run(665)
    assert len(pair.owner.ran) == 1
    [failed] = pair.events(CallFailed)
    assert isinstance(failed.reason, OutcomeUnknown)


@pytest.mark.parametrize("away", [31, 40, 250])
def test_what_came_at_the_wrong_time_may_come_again(away: int) -> None:
    """The server's clock went ahead: its next message is not believed, and not remembered either."""
    pair = bound_pair()
    pair.run(20)
    pair.server_skew += away
    session = session_of(pair).session
    pair.server.send_update(session.key.id, session.session_id, UPDATE, pair.server_now)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(5)
    pair.cut()
    pair.run(200)
    assert len(pair.events(UpdateReceived)) == 1
    assert len(pair.events(CallAnswered)) == 1
    assert len(pair.owner.ran) == 1


def test_hundreds_of_calls_cancelled_do_not_push_the_first_ping_out() -> None:
    pair = bound_pair()
    keep_calls(pair)
    many = [pair.client.call(OTHER_QUERY, pair.client_now) for _ in range(300)]
    pair.run(1)
    pair.cut()
    pair.run(0)
    pair._dial_at = pair.now
    pair._pass_time()
    for call in many:
        pair.client.cancel(call, pair.client_now)
    pair.run(200)
    assert [event.error for event in pair.events(TransportEnded)] == [None]
    slot = pair.client._state.keys.current
    assert slot is not None
    assert slot.heard


def test_a_question_about_calls_is_numbered_in_the_session_that_it_leaves_in() -> None:
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    [msg_id] = queries(pair)
    state = pair.client._state
    state.timers.set(Timer.STATES, pair.client_now)
    frame = forge(pair, body=BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=33).to_bytes(), seq_no=0)
    pair.client.receive_data(len(frame).to_bytes(4, "little") + frame, pair.client_now)
    pair.client.handle_timeout(pair.client_now)
    pair.run(2)
    assert len(pair.events(SessionReset)) == 1
    assert not pair.client.status.dropped
