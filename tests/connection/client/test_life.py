"""A connection that stays bound: salts in time, calls long without an answer, clocks that leap, renewals that fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kit.pairs import OTHER_QUERY, QUERY, Wiretap, bound_pair, keep_calls, make_pair, say, session_of
from mtproto_bind import (
    AuthKey,
    BindRefused,
    CallAnswered,
    CallFailed,
    CallReceived,
    Check,
    ConnectionClosed,
    KeyBound,
    KeyEnd,
    KeyExpired,
    NextStep,
    PendingKey,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    PermanentKeySuspected,
    Refusal,
    Retry,
    SessionReset,
    TransportEnded,
    Verdict,
)
from mtproto_bind._connection.server.sessions import ServerSession
from mtproto_bind._session import Item
from mtproto_bind._tl import (
    BOOL_TRUE,
    SERVICE,
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
    TLObject,
)
from mtproto_bind._wire import key_id_of
from mtproto_bind.testing import Direction, Fault, FaultKind, Network, Pair


def said(pair: Pair, kind: type[TLObject]) -> list[Any]:
    """What the client said of one kind since the tap was last looked at, with the message id."""
    assert isinstance(pair.network, Wiretap)
    return [
        (message.msg_id, SERVICE.read_whole(message.body))
        for sent in pair.network.take(pair)
        for message in sent.messages
        if SERVICE.name_of(message.body) == kind.constructor.name
    ]


def queries(pair: Pair) -> list[int]:
    assert isinstance(pair.network, Wiretap)
    messages = [message for sent in pair.network.take(pair) for message in sent.messages]
    return [message.msg_id for message in messages if message.body == OTHER_QUERY]


def tapped(**settings: Any) -> Pair:
    pair = bound_pair(network=Wiretap(), **settings)
    pair.network.frames.clear()  # type: ignore[attr-defined]  # a tap
    return pair


# ---- salts


def test_salts_are_asked_for_in_time_and_none_is_refused_for_a_day() -> None:
    pair = tapped(client={"temporary_lifetime": 86400})
    for _ in range(40):
        pair.client.call(QUERY, pair.client_now)
        pair.run(1800)
    assert len(pair.events(CallAnswered)) == 40
    [(_, asked)] = said(pair, GetFutureSalts)
    assert asked.num == 49
    # no bad_server_salt was needed: every answer came in the round trip after its call
    assert len(pair.server_events(CallReceived)) == 40


def test_more_salts_than_asked_for_are_not_believed() -> None:
    pair = tapped()
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
    pair = tapped()
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


@pytest.mark.parametrize("state", [1, 2, 3, 4 + 64])
def test_what_did_not_come_or_is_answered_leaves_again_under_its_id(state: int) -> None:
    pair, msg_id = silent_call()
    slot = pair.client._state.keys.current
    assert slot is not None
    slot.asked_about = (12, (msg_id,))
    say(pair, MsgsStateInfo(req_msg_id=12, info=bytes([state])))
    assert queries(pair) == [msg_id]
    say(pair, MsgsAllInfo(msg_ids=(msg_id, 8), info=bytes([state, 1])))
    assert queries(pair) == [msg_id]
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
    pair = tapped()
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
    pair = tapped()
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
    pair = tapped()
    old = pair.client.bound_key().session_id
    kept = session_of(pair)
    pair.client.call(QUERY, pair.client_now)
    pair.run(0.5)
    [*_, call] = pair.network.take(pair)  # type: ignore[attr-defined]  # a tap
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


# ---- clocks


def test_a_clock_that_leaps_over_the_end_does_not_cost_the_key() -> None:
    pair = bound_pair()
    key = pair.client.bound_key().key
    pair.client_skew += 2 * 86400
    pair.client.call(QUERY, pair.client_now)
    pair.run(5)
    assert not pair.events(KeyExpired)
    assert pair.client.bound_key().key == key
    assert len(pair.events(CallAnswered)) == 1


def test_a_machine_that_slept_over_the_end_learns_it_and_makes_another_key() -> None:
    pair = bound_pair()
    first = pair.client.bound_key().key
    pair.now += 2 * 86400
    pair.run(30)
    [expired] = pair.events(KeyExpired)
    assert (expired.key_id, expired.verdict.end) == (first.id, KeyEnd.UNKNOWN)
    assert pair.events(KeyBound)[-1].key_id != first.id


def test_an_end_that_nobody_denies_is_believed_with_the_end_of_the_stream() -> None:
    pair = bound_pair()
    first = pair.client.bound_key().key
    pair.network.latency = 1e9
    pair.client_skew += 2 * 86400
    pair.run(130)
    pair.network.latency = 0.05
    pair.run(30)
    assert [(event.key_id, event.verdict.end) for event in pair.events(KeyExpired)] == [(first.id, KeyEnd.EXPIRED)]
    assert pair.events(TransportEnded)


# ---- renewals and refusals


def deaf_pair(**client: Any) -> Pair:
    """A bound pair whose server hears nothing of the next few pieces, while the client renews its key."""
    pair = bound_pair(client=client)
    pair.network = Network(faults=[Fault(direction=Direction.TO_SERVER, index=at, kind=FaultKind.DROP) for at in range(6)])
    pair.client.renew(pair.client_now)
    return pair


def attempts(count: int) -> Callable[[Pair], bool]:
    return lambda pair: pair.client.status.attempts == count


def test_a_renewal_without_an_answer_does_not_cost_the_stream() -> None:
    pair = deaf_pair()
    tries = []
    for count in (1, 2, 3):
        assert pair.run(60, attempts(count))
        tries.append(pair.now)
    # a quarter of a minute for the answer, and each wait twice the one before
    assert tries[1] - tries[0] == pytest.approx(15 + 1, abs=0.2)
    assert tries[2] - tries[1] == pytest.approx(15 + 2, abs=0.2)
    assert pair.run(200, lambda each: len(each.events(KeyBound)) == 2)
    assert not pair.events(TransportEnded)


def suspected(error: bytes, **client: Any) -> Pair:
    """A pair whose first binding is answered with ``error``, after which the owner is asked about the permanent key."""
    pair = make_pair(client=client)
    seal = ServerSession.answer

    def refuse(session: ServerSession, msg_id: int, body: bytes) -> None:
        seal(session, msg_id, error if body == BOOL_TRUE and not pair.events(BindRefused) else body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServerSession, "answer", refuse)
        pair.answer_client = lambda question: None if isinstance(question, PermanentKeySuspected) else OTHER_KEY
        pair.run(5)
    return pair


OTHER_KEY = PermanentKey(key=AuthKey(bytes(range(256))), created_at=0.0)
UNAUTHORIZED = RpcError(error_code=401, error_message=b"AUTH_KEY_UNREGISTERED").to_bytes()


def test_a_binding_refused_as_unauthorized_asks_the_owner() -> None:
    pair = suspected(UNAUTHORIZED)
    [refused] = pair.events(BindRefused)
    assert (refused.verdict.refusal, refused.verdict.next_step) == (Refusal.UNAUTHORIZED, NextStep.ASK_OWNER)
    [question] = pair.client.open_questions
    pair.client.answer(question, Verdict.REPLACE, pair.client_now)
    pair.run(5)
    assert len(pair.events(PermanentKeyCreated)) == 2


def test_a_permanent_key_made_elsewhere_is_replaced_elsewhere() -> None:
    pair = make_pair(client={"permanent_key": PendingKey()})
    known = make_pair(owner=pair.owner)
    known.run_until(PermanentKeyCreated)
    made = known.events(PermanentKeyCreated)[0].key
    asked: list[PermanentKeyRequired] = []

    def answer(question: Any) -> Any:
        if isinstance(question, PermanentKeySuspected):
            return Verdict.REPLACE
        if isinstance(question, PermanentKeyRequired):
            asked.append(question)
            # the first one is a key that the server does not know
            return OTHER_KEY if len(asked) == 1 else made
        return None

    pair.answer_client = answer
    pair.run(30)
    assert len(asked) == 2
    [bound] = pair.events(KeyBound)
    assert bound.permanent_key_id == made.key.id
    assert not pair.events(PermanentKeyCreated)


def test_nothing_leaves_under_a_key_that_ends_before_the_owner_hears_of_it() -> None:
    pair = bound_pair()
    end = pair.client.bound_key().expires_at
    pair.client.handle_timeout(end - 30.0)
    pair.client.call(QUERY, end - 30.0)
    assert pair.client.data_to_send(end + 1.0) == b""


def test_a_key_that_drains_is_asked_about_after_the_one_in_use() -> None:
    pair = tapped()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    old = pair.client.bound_key().key.id
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound, 30)
    pair.run(0.5)
    pair.network.take(pair)  # type: ignore[attr-defined]  # a tap
    pair.cut()
    pair.run(3)
    sealed = pair.network.take(pair)  # type: ignore[attr-defined]  # likewise
    said = [(sent.key_id == old, message.body) for sent in sealed for message in sent.messages]
    assert [is_old for is_old, body in said if SERVICE.name_of(body) == "ping"] == [False, True]
    # and then the call, under its own key
    assert [is_old for is_old, body in said if body == OTHER_QUERY] == [True]


def test_a_handshake_waits_until_the_key_in_use_is_known_to_live() -> None:
    pair = tapped()
    pair.client.renew(pair.client_now)
    pair.run(0.02)
    pair.network.take(pair)  # type: ignore[attr-defined]  # a tap
    pair.cut()
    pair.run(1.5)
    kinds = [key_id_of(frame) != 0 for frame in pair.network.frames]  # type: ignore[attr-defined]  # likewise
    assert kinds[:2] == [True, False]
    pair.run(5)
    assert len(pair.events(KeyBound)) == 2


def test_a_stream_whose_first_ping_was_refused_for_its_salt_is_heard_in_the_next_round_trip() -> None:
    pair = tapped()
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


def test_renewals_that_failed_do_not_count_against_the_handshakes_after_them() -> None:
    pair = deaf_pair(retry=Retry(attempts=2))
    assert pair.run(60, attempts(2))
    assert not pair.events(ConnectionClosed)
    state = pair.client._state
    assert state.keys.current is not None
    state.lose(state.keys.current, "for the test")
    # the first handshake that fails from now on is the first one that counts
    assert pair.client.status.attempts == 0


def test_an_end_reached_while_no_stream_is_there_is_asked_about_once_on_the_next() -> None:
    pair = tapped()
    pair.cut()
    pair.run(0)
    pair.client_skew += 2 * 86400
    pair._dial_at = pair.now + 5
    pair.run(4)
    pair.run(3)
    [first, *_] = pair.network.take(pair)  # type: ignore[attr-defined]  # a tap
    assert [SERVICE.name_of(message.body) for message in first.messages].count("ping") == 1
    assert not pair.events(KeyExpired)


def test_keys_keep_their_age_when_the_clock_goes_back() -> None:
    pair = bound_pair()
    keys = pair.client._state.keys
    assert keys.current is not None
    made = pair.client_now - keys.current.made_at
    created_at = keys.known.created_at
    pair.client_skew -= 7200
    pair.run(1)
    assert pair.client_now - keys.current.made_at == pytest.approx(made + 1, abs=1)
    assert created_at is not None
    # what passed since the client last looked at its clock is not known
    assert keys.known.created_at == pytest.approx(created_at - 7200, abs=1)
