"""The face of the client: what can be asked of it, and when."""

from __future__ import annotations

import pytest

from kit.keys import SERVER_KEY
from kit.pairs import OTHER_QUERY, QUERY, bound_pair, make_pair
from mtproto_bind import (
    NEED_DATA,
    UNAVAILABLE,
    CallAnswered,
    CallFailed,
    CallReceived,
    ClientConnection,
    Computation,
    ConnectionClosed,
    DataCenter,
    Goal,
    InitConnection,
    KeyBound,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    PermanentKeyCreated,
    TemporaryKeyCreated,
    Transport,
    TransportEnded,
)
from mtproto_bind.testing import make_client_config


def test_from_nothing_to_bound_and_called() -> None:
    pair = make_pair()
    call = pair.client.call(QUERY, pair.client_now)
    pair.run(5)
    kinds = [type(told.event) for told in pair.told]
    assert kinds == [PermanentKeyCreated, TemporaryKeyCreated, KeyBound, CallAnswered]
    created, temporary, bound, answered = (told.event for told in pair.told)
    assert (temporary.key.id, temporary.expires_at) == (bound.key_id, bound.expires_at)
    assert answered == CallAnswered(call_id=call, body=QUERY)
    assert bound.permanent_key_id == created.key.key.id
    assert not bound.renewal
    # both ends agree on both keys
    assert set(pair.owner.keys) == {bound.key_id, bound.permanent_key_id}
    assert pair.owner.keys[bound.key_id].bound_to == bound.permanent_key_id
    assert pair.owner.keys[bound.key_id].key == pair.client.bound_key().key


def test_nothing_is_begun_before_the_owner_has_the_event() -> None:
    pair = make_pair()
    pair.run(5, lambda each: each.server.cached_key(next(iter(each.owner.keys), 0)) is not None)
    client, link = pair.client, pair.link
    assert link is not None
    client.receive_data(link.data_to_send(pair.now), pair.client_now)
    [piece] = pair.network.take_due(float("inf"))
    client.receive_data(piece.data, pair.client_now)
    event = client.next_event()
    assert isinstance(event, PermanentKeyCreated)
    # the key may be saved now; until next_event is called again it is not used
    assert client.data_to_send(pair.client_now) == b""
    assert client.next_event() is NEED_DATA
    assert client.data_to_send(pair.client_now)


def test_goal_permanent_key_ends_there() -> None:
    pair = make_pair(client={"goal": Goal.PERMANENT_KEY})
    pair.run(10)
    assert [type(told.event) for told in pair.told] == [PermanentKeyCreated]
    assert pair.client.status.temporary_key_id is None


def test_goal_temporary_key_is_made_and_not_bound() -> None:
    pair = make_pair(client={"goal": Goal.TEMPORARY_KEY})
    pair.run(10)
    assert [type(told.event) for told in pair.told] == [PermanentKeyCreated, TemporaryKeyCreated]
    created = pair.events(TemporaryKeyCreated)[0]
    assert pair.client.status.temporary_key_state == "UNBOUND"
    assert pair.owner.keys[created.key.id].bound_to is None


@pytest.mark.parametrize(
    "dc", [DataCenter(1), DataCenter(3, test=True), DataCenter(4, media=True), DataCenter(2, test=True, media=True)]
)
def test_every_kind_of_data_centre(dc: DataCenter) -> None:
    pair = make_pair(client={"dc": dc}, server={"dc": dc})
    pair.run_until(KeyBound)
    assert {record.media for record in pair.owner.keys.values()} == {dc.media}


def test_calls_are_told_apart_and_wait_their_turn() -> None:
    pair = make_pair()
    calls = [pair.client.call(QUERY + bytes(4 * size), pair.client_now) for size in range(5)]
    pair.run(5)
    assert [event.call_id for event in pair.events(CallAnswered)] == calls
    assert [event.body for event in pair.events(CallAnswered)] == [QUERY + bytes(4 * size) for size in range(5)]


def test_a_call_says_who_calls_until_it_was_answered() -> None:
    pair = make_pair(client={"api": InitConnection(layer=200, api_id=17)})
    first = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(5)
    pair.client.call(OTHER_QUERY, pair.client_now, updates=False)
    pair.run(5)
    received = pair.server_events(CallReceived)
    assert [call.layer for call in received] == [200, None]
    assert [call.updates for call in received] == [True, False]
    assert [call.body for call in received] == [OTHER_QUERY, OTHER_QUERY]
    assert pair.events(CallAnswered)[0].call_id == first


def test_after_names_the_predecessor_until_it_is_answered() -> None:
    pair = bound_pair()
    first = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.client.call(OTHER_QUERY, pair.client_now, after=[first])
    pair.run(1)
    pair.client.call(OTHER_QUERY, pair.client_now, after=[first])
    pair.run(1)
    one, two, three = pair.server_events(CallReceived)
    assert (one.after, two.after, three.after) == ((), (one.msg_id,), ())


def test_cancelled_calls_are_heard_of_no_more() -> None:
    pair = bound_pair()
    early = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.client.cancel(early, pair.client_now)
    late = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.06)
    pair.client.cancel(late, pair.client_now)
    pair.run(5)
    assert not pair.events(CallAnswered)
    assert not pair.events(CallFailed)
    assert len(pair.owner.ran) == 1
    assert pair.client.status.calls == 0


def test_close_tells_every_call_its_outcome_and_then_nothing() -> None:
    pair = bound_pair(owner=None)
    sent = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.01)
    waiting = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.client.close(pair.client_now)
    pair.client.close(pair.client_now)
    pair.run(5)
    failed = {event.call_id: event.reason for event in pair.events(CallFailed)}
    assert isinstance(failed[sent], OutcomeUnknown)
    assert isinstance(failed[waiting], NotRun)
    assert pair.told[-1].event == ConnectionClosed(error=None)
    assert pair.client.next_event() is NEED_DATA
    assert pair.client.next_deadline() is None
    assert pair.client.status.closed
    with pytest.raises(LocalProtocolError, match="closed"):
        pair.client.call(QUERY, pair.client_now)
    with pytest.raises(LocalProtocolError, match="closed"):
        pair.client.transport_opened(Transport(), pair.client_now)


def test_close_flushes_acknowledgements() -> None:
    pair = bound_pair()
    key = pair.client.bound_key()
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.2)
    session = pair.server.sessions.find(key.key.id, key.session_id)
    assert session is not None
    assert len(session.session.sent), "the result waits for its acknowledgement"
    pair.client.close(pair.client_now)
    pair.run(0.2)
    assert not len(session.session.sent)


def test_what_a_method_refuses_changes_nothing() -> None:
    pair = bound_pair()
    client, now = pair.client, pair.client_now
    before = client.status
    with pytest.raises(LocalProtocolError, match="open already"):
        client.transport_opened(Transport(), now)
    with pytest.raises(ValueError, match="multiple of 4"):
        client.call(b"\1\2\3\4\5", now)
    with pytest.raises(ValueError, match="multiple of 4"):
        client.call(b"", now)
    with pytest.raises(ValueError, match="outgoing_message"):
        client.call(bytes(1 << 21), now)
    with pytest.raises(TypeError, match="bytes, got str"):
        client.call("text", now)  # type: ignore[arg-type]  # a wrong type on purpose
    with pytest.raises(LocalProtocolError, match="never made"):
        client.call(QUERY, now, after=[99])  # type: ignore[list-item]  # a wrong id on purpose
    assert client.status == before


def test_keys_are_handed_over_only_when_bound() -> None:
    client = ClientConnection(make_client_config(SERVER_KEY))
    with pytest.raises(LocalProtocolError, match="wait for KeyBound"):
        client.bound_key()
    with pytest.raises(LocalProtocolError, match="nothing to renew"):
        client.renew(0.0)


def test_answers_are_checked_and_late_ones_ignored() -> None:
    pair = make_pair()
    pair.hold = True
    pair.run(1)
    [question] = pair.held
    client, now = pair.client, pair.client_now
    assert client.open_questions == (question,)
    with pytest.raises(TypeError, match="Factor"):
        client.answer(question, "7", now)
    with pytest.raises(TypeError, match="server's questions"):
        client.answer(question, UNAVAILABLE, now)
    assert client.open_questions == (question,), "a wrong answer leaves the question open"
    client.answer(question, question.run(), now)
    client.answer(question, question.run(), now)
    assert client.open_questions == ()
    stranger = Computation(number=question.number, work=question.work, crypto=question.crypto)
    client.answer(stranger, None, now)


def test_a_question_is_asked_again_on_a_new_stream() -> None:
    pair = make_pair()
    pair.hold = True
    pair.run(1)
    pair.cut()
    pair.run(5)
    assert pair.events(TransportEnded)
    assert pair.held == [pair.held[0], pair.held[0]], "the same question, once for each stream"
    for question in pair.held:
        pair.client.answer(question, question.run(), pair.client_now)
    pair.hold = False
    pair.run_until(KeyBound)


def test_bytes_without_a_stream_are_dropped() -> None:
    client = ClientConnection(make_client_config(SERVER_KEY))
    client.receive_data(b"\0" * 100, 5.0)
    client.transport_lost(5.0)
    assert client.next_event() is NEED_DATA
    assert client.data_to_send(5.0) == b""
    assert client.wants_data
    assert client.next_deadline() is None


def test_a_cancelled_call_is_not_sent_again() -> None:
    pair = bound_pair()
    call = pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.01)
    pair.cut()
    pair.client.cancel(call, pair.client_now)
    pair.run(20)
    assert pair.owner.ran == []


def test_a_closed_connection_says_nothing_under_an_expired_key() -> None:
    pair = bound_pair()
    ends = pair.client.bound_key().expires_at
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.2)
    pair.client.close(float(ends + 10))
    assert pair.client.data_to_send(float(ends + 10)) == b""
