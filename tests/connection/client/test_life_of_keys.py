"""Keys that stay bound: clocks that leap, renewals that fail, answers that cast doubt."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from kit.pairs import (
    OTHER_QUERY,
    QUERY,
    bound_pair,
    deliver,
    keep_calls,
    make_pair,
    tap,
    tapped_pair,
)
from mtproto_bind import (
    NEED_DATA,
    AuthKey,
    BindRefused,
    CallAnswered,
    CallFailed,
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
    TransportEnded,
    Verdict,
)
from mtproto_bind._connection.server.binding import Asker
from mtproto_bind._connection.server.sessions import ServerSession
from mtproto_bind._session import (
    REPLY,
    Item,
)
from mtproto_bind._tl import (
    BOOL_TRUE,
    SERVICE,
    BadMsgNotification,
    RpcError,
)
from mtproto_bind._wire import key_id_of
from mtproto_bind.testing import Direction, Fault, FaultKind, Network, Pair

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
    pair = tapped_pair()
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    old = pair.client.bound_key().key.id
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound, 30)
    pair.run(0.5)
    tap(pair).take(pair)
    pair.cut()
    pair.run(3)
    sealed = tap(pair).take(pair)
    said = [(sent.key_id == old, message.body) for sent in sealed for message in sent.messages]
    assert [is_old for is_old, body in said if SERVICE.name_of(body) == "ping"] == [False, True]
    # and then the call, under its own key
    assert [is_old for is_old, body in said if body == OTHER_QUERY] == [True]


def test_a_handshake_waits_until_the_key_in_use_is_known_to_live() -> None:
    pair = tapped_pair()
    pair.client.renew(pair.client_now)
    pair.run(0.02)
    tap(pair).take(pair)
    pair.cut()
    pair.run(1.5)
    kinds = [key_id_of(frame) != 0 for frame in tap(pair).frames]
    assert kinds[:2] == [True, False]
    pair.run(5)
    assert len(pair.events(KeyBound)) == 2


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
    pair = tapped_pair()
    pair.cut()
    pair.run(0)
    pair.client_skew += 2 * 86400
    pair._dial_at = pair.now + 5
    pair.run(4)
    pair.run(3)
    [first, *_] = tap(pair).take(pair)
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


def test_a_binding_that_the_server_cannot_tell_about_is_built_anew_later_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = make_pair()
    bound: list[float] = []

    def forget(_connection: object, asker: Asker, _request: object) -> None:
        bound.append(pair.now)
        asker.session.forget(asker.msg_id)
        notification = BadMsgNotification(bad_msg_id=asker.msg_id, bad_msg_seqno=1, error_code=20)
        asker.session.say(Item(body=notification.to_bytes(), content_related=False, remainder=REPLY))

    monkeypatch.setattr("mtproto_bind._connection.server.calls.bind", forget)
    pair.run(60)
    waits = [after - before for before, after in pairwise(bound)]
    assert waits == pytest.approx([1, 2, 4, 8, 16], abs=0.2)
    assert not pair.events(TransportEnded)


def test_a_late_refusal_of_a_renewal_that_was_given_up_costs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = bound_pair()
    pair.run(70)
    monkeypatch.setattr("mtproto_bind._connection.server.connection.receive_plain", lambda _link, _frame: None)
    pair.client.renew(pair.client_now)
    pair.run(15.3)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.2)
    assert pair.events(CallAnswered)
    keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0)
    deliver(pair, (-404).to_bytes(4, "little", signed=True))
    assert not pair.events(KeyExpired)
    assert not pair.events(CallFailed)
    assert len(pair.events(TransportEnded)) == 1
    # on the next stream nothing in the clear is out, so the same word is about the key
    pair.run(1.2)
    pair.client.call(QUERY, pair.client_now)
    pair.run(0)
    deliver(pair, (-404).to_bytes(4, "little", signed=True))
    assert [event.verdict.end for event in pair.events(KeyExpired)] == [KeyEnd.UNKNOWN]


def test_a_stream_on_which_nothing_was_asked_leaves_the_doubt() -> None:
    pair = bound_pair()
    client, now = pair.client, pair.client_now
    key = client.bound_key().key
    client.transport_lost(now)
    pair.run(0)
    now += 90_000
    client.handle_timeout(now)
    client.transport_opened(pair.transport, now)
    client.transport_lost(now)
    while client.next_event() is not NEED_DATA:
        pass
    now -= 90_000
    client.handle_timeout(now)
    assert client.next_event() is NEED_DATA
    assert client.bound_key().key == key


def test_a_call_refused_under_a_draining_key_does_not_end_those_beside_it() -> None:
    pair = bound_pair()
    kept = keep_calls(pair)
    for _ in range(2):
        pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    link = pair.link
    assert link is not None
    link.send_error(kept[0], 401, "AUTH_KEY_PERM_EMPTY", pair.server_now)
    pair.run(0.3)
    link.send_result(kept[1], QUERY, pair.server_now)
    pair.run(0.3)
    assert not pair.events(KeyExpired)
    assert len(pair.events(CallAnswered)) == 1


def test_a_renewal_that_was_given_up_and_answered_late_is_out_no_more() -> None:
    pair = bound_pair()
    pair.run(70)
    pair.client.renew(pair.client_now)
    pair.network.befall_next(Direction.TO_CLIENT, FaultKind.DELAY, seconds=15.3)
    pair.run(15.7)
    assert pair.client.status.attempts == 1
    # something authenticated comes, and then the word about the key
    pair.client.call(QUERY, pair.client_now)
    pair.run(0.2)
    pair.client.call(QUERY, pair.client_now)
    pair.run(0)
    deliver(pair, (-404).to_bytes(4, "little", signed=True))
    assert [event.verdict.end for event in pair.events(KeyExpired)] == [KeyEnd.UNKNOWN]
