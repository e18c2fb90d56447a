"""Notifications: what the server ignored, and what becomes of it."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.pairs import OTHER_QUERY, Wiretap, binds_in, bound_pair, deliver, forge, keep_calls, make_pair, say, session_of
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallId,
    Check,
    ClockSource,
    KeyBound,
    NotRun,
    OutcomeUnknown,
    SessionReset,
    TransportEnded,
    UnexpectedMessage,
)
from mtproto_bind._session import REPLY, Item
from mtproto_bind._tl import BadMsgNotification, BadServerSalt, ContainedMessage, Pong, write_container
from mtproto_bind.testing import Pair


def called(**call: bool) -> tuple[Pair, CallId, int]:
    """A pair with one call under way that the server keeps to itself: the call, and its message id."""
    pair = bound_pair(network=Wiretap())
    assert isinstance(pair.network, Wiretap)
    pair.network.frames.clear()
    keep_calls(pair)
    call_id = pair.client.call(OTHER_QUERY, pair.client_now, **call)
    pair.run(0.5)
    [sent] = pair.network.take(pair)
    return pair, call_id, next(message.msg_id for message in sent.messages if message.body == OTHER_QUERY)


def good_salt(pair: Pair) -> int:
    return session_of(pair).salts.current(pair.now)


def sent_again(pair: Pair) -> list[int]:
    assert isinstance(pair.network, Wiretap)
    messages = [message for sent in pair.network.take(pair) for message in sent.messages]
    return [message.msg_id for message in messages if message.body == OTHER_QUERY]


def refusal(pair: Pair, code: int, msg_id: int) -> BadMsgNotification | BadServerSalt:
    if code == 48:
        return BadServerSalt(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=48, new_server_salt=good_salt(pair))
    return BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=code)


@pytest.mark.parametrize("code", [16, 48])
def test_refused_for_its_age_or_its_salt_a_call_keeps_its_id(code: int) -> None:
    """It may have been a copy that was refused: under its own id the server takes the call once, whatever came before."""
    pair, _, msg_id = called()
    session = pair.client.bound_key().session_id
    say(pair, refusal(pair, code, msg_id))
    assert sent_again(pair) == [msg_id]
    assert pair.client.bound_key().session_id == session
    assert not pair.events(SessionReset)
    assert (pair.client.status.clock.source is ClockSource.NOTIFICATION) is (code == 16)


def test_a_container_that_came_before_was_a_copy() -> None:
    pair, _, msg_id = called()
    session = pair.client.bound_key().session_id
    say(pair, refusal(pair, 19, msg_id))
    assert sent_again(pair) == []
    assert pair.client.bound_key().session_id == session
    assert not pair.events(CallFailed)


def test_refused_on_its_second_sending_it_keeps_its_id() -> None:
    """The refusal says nothing about the first sending, which may have run."""
    pair, _, msg_id = called()
    pair.cut()
    pair.run(5)
    assert sent_again(pair) == [msg_id]
    say(pair, BadServerSalt(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=48, new_server_salt=good_salt(pair)))
    assert sent_again(pair) == [msg_id]


@pytest.mark.parametrize("code", [17, 18, 32, 33, 34, 35, 64])
def test_a_refused_call_has_not_run_and_leaves_again(code: int) -> None:
    pair, _, msg_id = called()
    session = pair.client.bound_key().session_id
    say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=code))
    [again] = sent_again(pair)
    assert again != msg_id
    # in a new session: the numbers of the old one went wrong
    assert pair.client.bound_key().session_id != session
    assert [event.session_id for event in pair.events(SessionReset)][:1] == [session]
    assert (pair.client.status.clock.source is ClockSource.NOTIFICATION) is (code == 17)


def test_too_old_to_tell_is_an_unknown_outcome() -> None:
    pair, call_id, msg_id = called()
    say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=20))
    [failed] = pair.events(CallFailed)
    assert failed.call_id == call_id
    assert isinstance(failed.reason, OutcomeUnknown)
    assert sent_again(pair) == []


def test_unless_it_may_be_repeated() -> None:
    pair, _, msg_id = called(repeat=True)
    say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=20))
    assert len(sent_again(pair)) == 1
    assert not pair.events(CallFailed)


def test_a_notification_for_a_message_never_sent_costs_nothing() -> None:
    pair, _, msg_id = called()
    before = pair.client.bound_key()
    say(pair, BadServerSalt(bad_msg_id=msg_id + 4000, bad_msg_seqno=3, error_code=48, new_server_salt=9))
    say(pair, BadMsgNotification(bad_msg_id=msg_id + 4000, bad_msg_seqno=3, error_code=17))
    assert pair.client.status.dropped == {Check.NOTIFICATION_TARGET: 2}
    after = pair.client.bound_key()
    assert (after.server_salt, after.session_id, after.time_offset) == (before.server_salt, before.session_id, before.time_offset)
    assert sent_again(pair) == []


@pytest.mark.parametrize(("code", "outcome"), [(16, OutcomeUnknown), (48, OutcomeUnknown), (32, NotRun)])
def test_a_call_refused_again_and_again_is_given_up(code: int, outcome: type) -> None:
    pair, call_id, msg_id = called()
    for _ in range(5):
        say(pair, refusal(pair, code, msg_id))
        [msg_id] = sent_again(pair)
    assert not pair.events(CallFailed)
    say(pair, refusal(pair, code, msg_id))
    [failed] = pair.events(CallFailed)
    assert failed.call_id == call_id
    assert isinstance(failed.reason, outcome)
    assert sent_again(pair) == []


@pytest.mark.parametrize("skew", [86400.0, -86400.0, 400.0])
def test_a_clock_that_is_wrong_by_a_day_binds_on_the_first_try(skew: float) -> None:
    pair = make_pair(client_skew=skew)
    pair.client.call(OTHER_QUERY, pair.client_now)
    bound = pair.run_until(KeyBound, 10)
    pair.run(5)
    assert isinstance(bound, KeyBound)
    assert abs(bound.expires_at - pair.now - 86400) < 10
    assert pair.events(CallAnswered)
    assert pair.streams == 1


@pytest.mark.parametrize("code", [16, 17, 32])
def test_a_refused_binding_is_built_anew(code: int) -> None:
    """Its id is sealed in it: another id is another binding."""
    pair = make_pair(network=Wiretap())
    assert isinstance(pair.network, Wiretap)
    network = pair.network
    pair.run(20, lambda each: bool(network.sealed(each)))
    [(msg_id, first, _)] = binds_in(network.sealed(pair))
    link = pair.link
    assert link is not None
    # the server refuses instead of binding
    assert len(network.take_due(float("inf"))) == 1
    key_id = network.sealed(pair)[0].key_id
    slot = pair.client._state.keys.next
    assert slot is not None
    session = pair.server.sessions.open(pair.owner.keys[key_id], slot.session.session_id)
    link._link.attach(session)
    notification = BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=1, error_code=code)
    session.say(Item(body=notification.to_bytes(), content_related=False, remainder=REPLY))
    pair.run_until(KeyBound)
    (_, _, _), (again, second, _) = binds_in(network.sealed(pair))
    assert again != msg_id
    assert second.nonce != first.nonce
    assert second.encrypted_message != first.encrypted_message


def test_calls_beside_the_refused_one_have_an_unknown_outcome_in_the_new_session() -> None:
    pair, _, msg_id = called()
    beside = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.5)
    sent_again(pair)
    say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=32))
    [failed] = pair.events(CallFailed)
    assert failed.call_id == beside
    assert isinstance(failed.reason, OutcomeUnknown)
    assert len(sent_again(pair)) == 1


def test_a_refused_second_sending_in_a_new_session_is_an_unknown_outcome() -> None:
    pair, call_id, msg_id = called()
    pair.cut()
    pair.run(5)
    say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=32))
    [failed] = pair.events(CallFailed)
    assert failed.call_id == call_id
    assert isinstance(failed.reason, OutcomeUnknown)


def refuse_salts(pair: Pair, msg_id: int, times: int) -> None:
    for _ in range(times):
        say(pair, BadServerSalt(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=48, new_server_salt=good_salt(pair)), seconds=0.1)


def test_a_server_that_refuses_everything_has_its_stream_ended() -> None:
    """It would have us send at the speed of the line."""
    pair, _, msg_id = called(repeat=True)
    refuse_salts(pair, msg_id, 10)
    assert not pair.events(TransportEnded)
    refuse_salts(pair, msg_id, 1)
    [ended] = pair.events(TransportEnded)
    assert isinstance(ended.error, UnexpectedMessage)
    assert "11 refusals in a row" in str(ended.error)


def test_many_calls_of_which_nobody_can_tell_end_without_ending_the_stream() -> None:
    """One process of many says it of all that another had when it was killed."""
    pair, *_ = called()
    for _ in range(29):
        pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.5)
    pair.cut()
    sent_again(pair)
    pair.run(5)
    refused = sent_again(pair)
    for msg_id in refused:
        say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=20), seconds=0)
    pair.run(1)
    assert len(refused) == len(pair.events(CallFailed)) == 30
    assert len(pair.events(TransportEnded)) == 1, "the one that was cut"


def test_a_pong_between_refusals_begins_the_count_anew() -> None:
    pair, _, msg_id = called(repeat=True)
    for _ in range(3):
        refuse_salts(pair, msg_id, 6)
        say(pair, Pong(msg_id=msg_id, ping_id=1), seconds=0.1)
    assert not pair.events(TransportEnded)


def test_a_refused_repetition_is_not_surely_unrun() -> None:
    """What was sent before may have run, whatever becomes of the repetition."""
    pair, call_id, msg_id = called(repeat=True)
    say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=20))
    [msg_id] = sent_again(pair)
    for _ in range(6):
        say(pair, BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=16))
        msg_id = ([*sent_again(pair), 0])[0]
    [failed] = pair.events(CallFailed)
    assert failed.call_id == call_id
    assert isinstance(failed.reason, OutcomeUnknown)


def test_a_notification_inside_a_container_tells_the_time_too() -> None:
    pair, _, msg_id = called()
    pair.client._state.clock = evolve(pair.client._state.clock, offset=pair.client._state.clock.offset + 1000)
    ids = session_of(pair).session.ids
    refusal = BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=3, error_code=17).to_bytes()
    held = [ContainedMessage(msg_id=ids.next(pair.now, REPLY), seqno=2, body=body) for body in (refusal, Pong(4, 1).to_bytes())]
    deliver(pair, forge(pair, body=write_container(held), seq_no=2))
    assert pair.client.status.dropped == {}
    assert abs(pair.client.status.clock.offset + pair.client_now - pair.now) < 2
