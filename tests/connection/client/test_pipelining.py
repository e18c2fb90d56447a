"""Calls right behind the binding: whatever the server makes of them, they are answered, and have run exactly once."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.pairs import OTHER_QUERY, Wiretap, binds_in, keep_calls, make_pair, session_of
from kit.picky import Picky
from mtproto_bind import (
    AuthKey,
    CallAnswered,
    CallFailed,
    CallId,
    InitConnection,
    KeyBound,
    KeyCreated,
    KeyExpired,
    NextStep,
    OutcomeUnknown,
    PermanentKey,
    PermanentKeySuspected,
    Question,
    RpcError,
    TemporaryKeyCreated,
    Verdict,
)
from mtproto_bind._session import REPLY, Item
from mtproto_bind._tl import API, BadMsgNotification
from mtproto_bind.testing import Direction, Fault, FaultKind, Network, Pair

LATENCY = 1 / 16
ROUND_TRIP = 2 * LATENCY
UNBOUND = RpcError(401, "AUTH_KEY_PERM_EMPTY")


def pipelined(calls: int = 1, *, client: dict[str, Any] | None = None, **settings: Any) -> Pair:
    """A pair on its way, with calls that wait for the binding."""
    pair = make_pair(client={"pipeline": True, **(client or {})}, network=Wiretap(latency=LATENCY), **settings)
    for number in range(calls):
        pair.client.call(query(number), pair.client_now)
    return pair


def query(number: int) -> bytes:
    return OTHER_QUERY + bytes([number, 0, 0, 0])


def tap(pair: Pair) -> Wiretap:
    assert isinstance(pair.network, Wiretap)
    return pair.network


def assert_answered(pair: Pair, calls: int = 1) -> None:
    """Every call, in whatever order, and each ran once."""
    assert sorted(event.body for event in pair.events(CallAnswered)) == [query(number) for number in range(calls)]
    assert not pair.events(CallFailed)
    assert sorted(pair.owner.ran) == [query(number) for number in range(calls)]


def until_answered(pair: Pair, calls: int = 1, seconds: float = 300) -> float:
    """Seconds until they are; and nothing more happens after it."""
    began = pair.now
    assert pair.run(seconds, lambda each: len(each.events(CallAnswered)) >= calls), pair.told
    took = pair.now - began
    pair.run(30)
    assert_answered(pair, calls)
    return took


def until_bind_left(pair: Pair) -> None:
    assert pair.run(60, lambda each: bool(tap(each).sealed(each)))


def bind_out(pair: Pair) -> int:
    """The message id of the binding that left last."""
    return binds_in(tap(pair).sealed(pair))[-1][0]


@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_server_that_refuses_it_costs_one_round_trip(monkeypatch: pytest.MonkeyPatch, at_once: bool, calls: int) -> None:
    """Whichever answer comes first: the key is bound, so the refusal says nothing about it any more."""
    picky = Picky(monkeypatch, patience=ROUND_TRIP, at_once=at_once)
    pair = pipelined(calls)
    until_bind_left(pair)
    assert until_answered(pair, calls) == 2 * ROUND_TRIP
    assert len(picky.refused) == calls
    assert picky.bindings == 1
    assert not pair.events(KeyExpired)
    assert len(pair.events(TemporaryKeyCreated)) == 1


def test_a_refusal_that_comes_long_after_the_answer_to_the_binding() -> None:
    """The call left before that answer came; one that left after it would speak of the key."""
    pair = pipelined()
    kept = keep_calls(pair)
    pair.run_until(KeyBound)
    pair.run(1)
    session = session_of(pair)
    for left in (1, 2):
        assert len(kept) == left
        del session.running[kept[-1].msg_id]
        session.answer(kept[-1].msg_id, UNBOUND.to_bytes())
        pair.run(1)
        assert len(pair.events(KeyExpired)) == left - 1


@pytest.mark.parametrize("at_once", [True, False])
def test_calls_in_their_order(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    picky = Picky(monkeypatch, patience=ROUND_TRIP, at_once=at_once)
    pair = pipelined()
    second = pair.client.call(query(1), pair.client_now, after=[pair.client.call(query(2), pair.client_now)])
    pair.client.call(query(3), pair.client_now, after=[second])
    until_answered(pair, 4)
    assert len(picky.refused) == 4
    assert pair.owner.ran == [query(0), query(2), query(1), query(3)]


def test_who_calls_is_said_again_after_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    Picky(monkeypatch, patience=ROUND_TRIP)
    pair = pipelined(client={"api": InitConnection(layer=200, api_id=1)})
    until_answered(pair)
    bodies = [message.body for sent in tap(pair).sealed(pair) for message in sent.messages]
    assert sum(query(0) in body and body != query(0) for body in bodies) == 2


# ---- the stream is cut


@pytest.mark.parametrize("patience", [0.0, ROUND_TRIP])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("crossings", range(5))
def test_the_stream_is_cut(monkeypatch: pytest.MonkeyPatch, crossings: int, at_once: bool, patience: float) -> None:
    """After so many crossings of the network since the binding left."""
    Picky(monkeypatch, patience=patience, at_once=at_once)
    pair = pipelined(2)
    until_bind_left(pair)
    pair.run(crossings * LATENCY)
    pair.cut()
    until_answered(pair, 2)
    assert pair.streams == 2
    assert len(pair.events(TemporaryKeyCreated)) == 1


def test_after_a_cut_the_call_waits_for_the_answer_to_the_binding() -> None:
    """A refusal of its second sending would prove nothing about the first."""
    pair = pipelined()
    until_bind_left(pair)
    pair.cut()
    tap(pair).frames.clear()
    late = pair.client.call(query(1), pair.client_now)
    pair.run_until(KeyBound)
    first, *_ = tap(pair).take(pair)
    assert [API.name_of(message.body) for message in first.messages] == ["auth.bindTempAuthKey"]
    pair.run(5)
    assert_answered(pair, 2)
    assert late in {event.call_id for event in pair.events(CallAnswered)}


# ---- the binding is refused

REFUSALS = {
    "ENCRYPTED_MESSAGE_INVALID": NextStep.BIND_AGAIN,
    "TEMP_AUTH_KEY_EMPTY": NextStep.NEW_TEMPORARY_KEY,
    "EXPIRES_AT_INVALID": NextStep.NEW_TEMPORARY_KEY,
    "INTERNAL": NextStep.BIND_AGAIN,
    "SOMETHING_NEW": NextStep.BIND_AGAIN,
}


def keep(question: Question[Any]) -> Any:
    return Verdict.KEEP if isinstance(question, PermanentKeySuspected) else None


@pytest.mark.parametrize("times", [1, 7])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_binding_is_refused(monkeypatch: pytest.MonkeyPatch, refusal: str, times: int) -> None:
    """Nothing runs under a key that is not bound; however often it is refused, the call is not what fails."""
    error = RpcError(500 if refusal == "INTERNAL" else 400, refusal)
    picky = Picky(monkeypatch, bind_errors=[error] * times)
    pair = pipelined(2, answer_client=keep)
    until_answered(pair, 2, 3000)
    assert picky.bindings == times + 1
    renewed = REFUSALS[refusal] is NextStep.NEW_TEMPORARY_KEY
    assert len(pair.events(TemporaryKeyCreated)) == (times + 1 if renewed else 1)


def test_the_binding_is_refused_and_the_permanent_key_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner's word comes at once, before the refusal of the call."""

    def answer(question: Question[Any]) -> Any:
        return Verdict.REPLACE if isinstance(question, PermanentKeySuspected) else None

    Picky(monkeypatch, bind_errors=[RpcError(400, "ENCRYPTED_MESSAGE_INVALID")])
    old = PermanentKey(key=AuthKey(bytes(range(256))), created_at=1.0)
    pair = pipelined(2, client={"permanent_key": old}, answer_client=answer)
    until_answered(pair, 2)
    assert len(pair.events(PermanentKeySuspected)) == 1


def test_a_temporary_key_that_speaks_for_another_may_have_run_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is bound, if not to our permanent key: so nobody can say."""
    Picky(monkeypatch, bind_errors=[RpcError(400, "TEMP_AUTH_KEY_ALREADY_BOUND")])
    pair = pipelined()
    pair.run_until(KeyBound)
    [failed] = pair.events(CallFailed)
    assert isinstance(failed.reason, OutcomeUnknown)


@pytest.mark.parametrize(("refusal", "answered"), [("ENCRYPTED_MESSAGE_INVALID", True), ("EXPIRES_AT_INVALID", False)])
def test_the_binding_is_refused_on_its_second_stream(monkeypatch: pytest.MonkeyPatch, refusal: str, answered: bool) -> None:
    """On the first it may have been made: the call leaves again under its own id if the key stays, and else nobody can say."""
    Picky(monkeypatch, bind_errors=[RpcError(400, refusal)])
    pair = pipelined()
    until_bind_left(pair)
    pair.cut()
    pair.run_until(KeyBound)
    pair.run(5)
    assert pair.streams == 2
    if answered:
        assert_answered(pair)
        sent = [message for one in tap(pair).sealed(pair) for message in one.messages if message.body == query(0)]
        assert len(sent) == 2
        assert len({message.msg_id for message in sent}) == 1
    else:
        [failed] = pair.events(CallFailed)
        assert isinstance(failed.reason, OutcomeUnknown)


@pytest.mark.parametrize("code", [16, 17, 18, 32, 64])
def test_the_binding_is_ignored(code: int) -> None:
    """bad_msg_notification to the binding; the call behind it is refused because the key is not bound."""
    pair = pipelined(2)
    until_bind_left(pair)
    # neither binding nor calls arrive
    assert tap(pair).take_due(float("inf"))
    slot, link = pair.client._state.keys.next, pair.link
    assert slot is not None
    assert link is not None
    session = pair.server.sessions.open(pair.owner.keys[slot.id], slot.session.session_id)
    link._link.attach(session)
    calls = [message.msg_id for sent in tap(pair).sealed(pair)[1:] for message in sent.messages]
    notification = BadMsgNotification(bad_msg_id=bind_out(pair), bad_msg_seqno=1, error_code=code)
    session.say(Item(body=notification.to_bytes(), content_related=False, remainder=REPLY))
    for msg_id in calls:
        session.answer(msg_id, UNBOUND.to_bytes())
    until_answered(pair, 2)


# ---- salts


def test_both_are_refused_for_their_salt() -> None:
    """The same binding leaves again, and the call behind it."""
    pair = pipelined(2)
    assert pair.run(20, lambda each: len(each.server_events(KeyCreated)) == 2)
    temporary = pair.server_events(KeyCreated)[1].record
    pair.server.cache_key(evolve(temporary, first_salt=temporary.first_salt ^ 1))
    until_bind_left(pair)
    assert until_answered(pair, 2) == 2 * ROUND_TRIP
    first, second = binds_in(tap(pair).sealed(pair))
    assert first[:2] == second[:2]


@pytest.mark.parametrize("patience", [0.0, ROUND_TRIP])
def test_the_call_is_refused_for_its_salt(monkeypatch: pytest.MonkeyPatch, patience: float) -> None:
    """A new salt begins between the two."""
    picky = Picky(monkeypatch, patience=patience)
    picky.on_bind = lambda one: setattr(one.salts, "_first_salt", one.salts._first_salt ^ 1)
    pair = pipelined(2)
    until_bind_left(pair)
    assert until_answered(pair, 2) == 2 * ROUND_TRIP
    assert picky.bindings == 1


# ---- renewal


@pytest.mark.parametrize("at_once", [True, False])
def test_a_renewal_too(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    picky = Picky(monkeypatch, patience=ROUND_TRIP, at_once=at_once)
    pair = pipelined()
    until_answered(pair)
    pair.client.renew(pair.client_now)
    assert pair.run(60, lambda each: each.client.status.next_key_state == "BINDING")
    pair.client.call(query(1), pair.client_now)
    until_answered(pair, 2)
    assert len(picky.refused) == 2
    assert not pair.events(KeyExpired)


def test_the_binding_of_a_renewal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of before is still there for the call."""
    pair = pipelined()
    until_answered(pair)
    Picky(monkeypatch, bind_errors=[RpcError(400, "EXPIRES_AT_INVALID")])
    pair.client.renew(pair.client_now)
    assert pair.run(60, lambda each: each.client.status.next_key_state == "BINDING")
    pair.client.call(query(1), pair.client_now)
    until_answered(pair, 2)
    assert len(pair.events(KeyBound)) == 2


# ---- all of it

LOST = st.builds(
    Fault,
    direction=st.sampled_from(Direction),
    index=st.integers(0, 13),
    kind=st.sampled_from([FaultKind.CUT, FaultKind.HALF_OPEN]),
)


@settings(max_examples=100)
@given(
    faults=st.lists(LOST, max_size=4),
    patience=st.sampled_from([0.0, ROUND_TRIP]),
    at_once=st.booleans(),
    bind_errors=st.lists(st.just(RpcError(500, "INTERNAL")), max_size=1),
    follows=st.lists(st.booleans(), min_size=1, max_size=3),
)
def test_whatever_is_lost_every_call_is_answered_and_has_run_once(
    faults: list[Fault], patience: float, at_once: bool, bind_errors: list[RpcError], follows: list[bool]
) -> None:
    """``follows``: whether a call follows the one before it."""
    with pytest.MonkeyPatch.context() as patch:
        Picky(patch, patience=patience, at_once=at_once, bind_errors=bind_errors)
        pair = make_pair(client={"pipeline": True}, network=Network(latency=LATENCY, faults=faults), answer_client=keep)
        made: list[CallId] = []
        for number, one in enumerate(follows):
            made.append(pair.client.call(query(number), pair.client_now, after=made[-1:] if one else ()))
        until_answered(pair, len(made), 600)
