"""Bindings of a client: its own key, another's, one that is still being made; renewal; refusals."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve

from kit.pairs import OTHER_QUERY, Wiretap, binds_in, bound_pair, keep_calls, make_pair, say
from mtproto_bind import (
    AuthKey,
    Binding,
    BindingRequired,
    BindRefused,
    BindRequested,
    CallAnswered,
    CallFailed,
    ConnectionClosed,
    ExternalKey,
    KeyBound,
    KeyCreated,
    KeyExpired,
    KeyKind,
    NextStep,
    PendingKey,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    PermanentKeySuspected,
    Question,
    Refusal,
    RpcError,
    StoredKey,
    TransportEnded,
    Verdict,
    seal_binding,
)
from mtproto_bind._tl import BOOL_FALSE, RpcResult
from mtproto_bind.testing import CheapCrypto, Owner, Pair, SeededEntropy

PERMANENT = AuthKey(bytes(range(256)))
STORED = StoredKey(key=PERMANENT, kind=KeyKind.PERMANENT, media=False, created_at=0.0, expires_at=None, first_salt=1)


def owner_with_key(**settings: Any) -> Owner:
    owner = Owner(**settings)
    owner.keys[PERMANENT.id] = STORED
    return owner


def vault(question: Question[Any]) -> Any:
    """Has the permanent key, and sees nothing but requests."""
    if isinstance(question, BindingRequired):
        return seal_binding(question.request, PERMANENT, entropy=SeededEntropy(b"vault"), crypto=CheapCrypto())
    return None


def test_a_permanent_key_at_hand_is_used_and_not_made() -> None:
    pair = make_pair(client={"permanent_key": PermanentKey(key=PERMANENT)}, owner=owner_with_key())
    bound = pair.run_until(KeyBound)
    assert isinstance(bound, KeyBound)
    assert bound.permanent_key_id == PERMANENT.id
    assert not pair.events(PermanentKeyCreated)


def test_the_binding_is_sealed_elsewhere() -> None:
    external = ExternalKey(id=PERMANENT.id)
    pair = make_pair(client={"permanent_key": external}, owner=owner_with_key(), answer_client=vault, network=Wiretap())
    pair.run_until(KeyBound)
    [asked] = pair.events(BindingRequired)
    assert isinstance(pair.network, Wiretap)
    [(msg_id, request, sent)] = binds_in(pair.network.sealed(pair))
    # what was sealed is what was sent: same id, session, nonce and end, alone in a message of the temporary key
    assert msg_id == asked.request.msg_id
    assert (request.nonce, request.expires_at) == (asked.request.nonce, asked.request.expires_at)
    assert sent.key_id == asked.request.temp_auth_key_id
    assert not sent.is_container
    assert sent.messages[0].seq_no == 1


def test_nothing_leaves_under_the_key_before_the_vault_answers() -> None:
    pair = make_pair(client={"permanent_key": ExternalKey(id=PERMANENT.id)}, owner=owner_with_key(), network=Wiretap())
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run_until(BindingRequired)
    pair.run(100)
    assert isinstance(pair.network, Wiretap)
    assert pair.network.sealed(pair) == []
    [asked] = pair.events(BindingRequired)
    pair.client.answer(asked, vault(asked), pair.client_now)
    pair.run_until(CallAnswered)


def test_an_answer_of_the_vault_that_comes_too_late_costs_nothing() -> None:
    pair = make_pair(client={"permanent_key": ExternalKey(id=PERMANENT.id)}, owner=owner_with_key())
    pair.run_until(BindingRequired)
    pair.run(250)
    first, second = pair.events(BindingRequired)
    assert second.request.msg_id > first.request.msg_id
    assert second.request.nonce != first.request.nonce
    pair.client.answer(first, vault(first), pair.client_now)
    pair.run(1)
    assert not pair.events(KeyBound)
    assert pair.client.open_questions == (second,)
    pair.client.answer(second, vault(second), pair.client_now)
    pair.run_until(KeyBound)


@pytest.mark.parametrize(
    ("answer", "error", "text"), [(b"", ValueError, "104"), (bytes(104), ValueError, "another"), (7, TypeError, "bytes")]
)
def test_what_is_no_sealed_binding_is_refused(answer: Any, error: type[Exception], text: str) -> None:
    pair = make_pair(client={"permanent_key": ExternalKey(id=PERMANENT.id)}, owner=owner_with_key())
    asked = pair.run_until(BindingRequired)
    assert isinstance(asked, BindingRequired)
    with pytest.raises(error, match=text):
        pair.client.answer(asked, answer, pair.client_now)
    pair.client.answer(asked, vault(asked), pair.client_now)
    pair.run_until(KeyBound)


def test_side_by_side_with_a_pending_key() -> None:
    """One connection makes the permanent key, the other the temporary one at the same time."""
    owner = Owner()
    temporary = make_pair(client={"permanent_key": PendingKey(), "seed": b"temporary"}, owner=owner)
    asked = temporary.run_until(PermanentKeyRequired)
    temporary.run(10)
    assert temporary.events(PermanentKeyRequired) == [asked], "it is asked once"
    permanent = make_pair(client={"seed": b"permanent"}, owner=owner, server={"seed": b"other"})
    created = permanent.run_until(PermanentKeyCreated)
    assert isinstance(asked, PermanentKeyRequired)
    assert isinstance(created, PermanentKeyCreated)
    temporary.client.answer(asked, created.key, temporary.client_now)
    bound = temporary.run_until(KeyBound)
    assert isinstance(bound, KeyBound)
    assert bound.permanent_key_id == created.key.key.id


def test_renewal_on_the_live_stream_loses_no_call() -> None:
    pair = bound_pair(client={"temporary_lifetime": 1000})
    first = pair.client.bound_key()
    made = 0
    while not any(event.renewal for event in pair.events(KeyBound)):
        pair.client.call(OTHER_QUERY, pair.client_now)
        made += 1
        pair.run(7)
    pair.run(30)
    assert pair.client.bound_key().key.id != first.key.id
    assert len(pair.events(CallAnswered)) == made
    assert len(pair.owner.ran) == made, "each ran once"
    assert not pair.events(CallFailed)
    assert pair.streams == 1
    assert pair.now < first.expires_at


def test_calls_go_on_while_a_power_of_the_renewal_is_held_back() -> None:
    pair = bound_pair()
    pair.hold = True
    pair.client.renew(pair.client_now)
    pair.run(5)
    assert len(pair.held) == 1
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    assert len(pair.events(CallAnswered)) == 1
    pair.hold = False
    pair.client.answer(pair.held[0], pair.held[0].run(), pair.client_now)
    renewed = pair.run_until(KeyBound)
    assert isinstance(renewed, KeyBound)
    assert renewed.renewal


def test_the_bind_of_a_renewal_waits_for_answers_but_not_for_ever() -> None:
    pair = bound_pair()
    kept = keep_calls(pair)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(1)
    pair.client.renew(pair.client_now)
    began = pair.now
    pair.run_until(KeyBound, 60)
    assert 10 <= pair.now - began < 13, "Timeouts.drain"
    # the old key still takes the answer
    assert pair.link is not None
    pair.link.send_result(kept[0], b"late", pair.now)
    pair.run(1)
    assert [event.body for event in pair.events(CallAnswered)] == [b"late"]


def test_refused_for_its_salt_the_same_binding_leaves_again() -> None:
    pair = make_pair(network=Wiretap())
    pair.run(20, lambda each: len(each.server_events(KeyCreated)) == 2)
    temporary = pair.server_events(KeyCreated)[1].record
    # the server has moved on to another salt
    pair.server.cache_key(evolve(temporary, first_salt=temporary.first_salt ^ 1))
    pair.run_until(KeyBound)
    assert isinstance(pair.network, Wiretap)
    (id1, first, sent1), (id2, second, sent2) = binds_in(pair.network.sealed(pair))
    assert (id1, first) == (id2, second), "same id, same 104 bytes"
    assert sent1.salt != sent2.salt
    assert not sent2.is_container


def test_a_lost_stream_during_the_binding_repeats_it() -> None:
    pair = make_pair(network=Wiretap())
    pair.run(20, lambda each: bool(each.network.sealed(each)))  # type: ignore[attr-defined]  # a Wiretap
    pair.cut()
    pair.run_until(KeyBound)
    assert isinstance(pair.network, Wiretap)
    (id1, first, _), (id2, second, sent) = binds_in(pair.network.sealed(pair))
    assert (id1, first) == (id2, second)
    assert sent.is_container, "a message id leaves twice only inside a container"
    assert pair.events(TransportEnded)


class Refusing(Owner):
    """Refuses so many bindings."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.keys[PERMANENT.id] = STORED
        self.refusals = refusals

    def answer(self, question: Question[Any]) -> Any:
        if isinstance(question, BindRequested) and self.refusals:
            self.refusals -= 1
            return Binding.REFUSED
        return super().answer(question)


def test_a_young_permanent_key_is_tried_again() -> None:
    pair = make_pair(owner=Refusing(2))
    pair.run_until(KeyBound)
    first, second = (event.verdict for event in pair.events(BindRefused))
    assert first.refusal is second.refusal is Refusal.ENCRYPTED_MESSAGE_INVALID
    assert first.next_step is NextStep.BIND_AGAIN
    assert "old" in first.why
    assert (first.evidence.refusals, second.evidence.refusals) == (1, 2)
    assert second.retry_at > first.retry_at


def old_key(refusals: int, answers: list[Verdict], **key: Any) -> Pair:
    def answer(question: Question[Any]) -> Any:
        return answers.pop(0) if isinstance(question, PermanentKeySuspected) and answers else None

    permanent = {"permanent_key": PermanentKey(key=PERMANENT, created_at=1.0, **key)}
    return make_pair(client=permanent, owner=Refusing(refusals), answer_client=answer)


def test_an_old_key_is_suspected_and_kept_at_the_owners_word() -> None:
    pair = old_key(1, [Verdict.KEEP])
    pair.run_until(KeyBound)
    [asked] = pair.events(PermanentKeySuspected)
    assert asked.permanent_key_id == PERMANENT.id
    assert asked.verdict.next_step is NextStep.ASK_OWNER
    assert pair.events(KeyBound)[0].permanent_key_id == PERMANENT.id


def test_an_old_key_is_replaced_only_at_the_owners_word() -> None:
    pair = old_key(1, [])
    pair.run(1000)
    [asked] = pair.events(PermanentKeySuspected)
    assert not pair.events(KeyBound)
    assert not pair.events(PermanentKeyCreated), "nothing is given up before the answer"
    pair.client.answer(asked, Verdict.REPLACE, pair.client_now)
    bound = pair.run_until(KeyBound)
    assert isinstance(bound, KeyBound)
    assert bound.permanent_key_id == pair.events(PermanentKeyCreated)[0].key.key.id


def test_an_external_key_cannot_be_replaced_here() -> None:
    def answer(question: Question[Any]) -> Any:
        return Verdict.REPLACE if isinstance(question, PermanentKeySuspected) else vault(question)

    pair = make_pair(
        client={"permanent_key": ExternalKey(id=PERMANENT.id, created_at=1.0)}, owner=Refusing(1), answer_client=answer
    )
    closed = pair.run_until(ConnectionClosed)
    assert isinstance(closed, ConnectionClosed)
    assert "external" in str(closed.error)


def test_a_key_bound_lately_is_not_suspected() -> None:
    start = 1_800_000_000.25
    pair = old_key(1, [], last_bound_at=start - 3600)
    pair.run_until(KeyBound)
    assert not pair.events(PermanentKeySuspected)


def test_a_temporary_key_of_another_is_of_no_use() -> None:
    """TEMP_AUTH_KEY_ALREADY_BOUND: another temporary key is made."""
    pair = make_pair()
    pair.run(20, lambda each: any(record.expires_at for record in each.owner.keys.values()))
    [temporary] = [record for record in pair.owner.keys.values() if record.expires_at]
    pair.server.cache_key(evolve(temporary, bound_to=12345))
    bound = pair.run_until(KeyBound)
    [refused] = pair.events(BindRefused)
    assert refused.verdict.refusal is Refusal.TEMP_AUTH_KEY_ALREADY_BOUND
    assert refused.verdict.next_step is NextStep.NEW_TEMPORARY_KEY
    assert isinstance(bound, KeyBound)
    assert bound.key_id != temporary.key.id


def test_a_server_that_does_not_answer_the_binding_loses_the_stream() -> None:
    pair = make_pair()
    pair.run(20, lambda each: bool(each.client.status.next_key_state == "BINDING"))
    pair.link = None
    ended = pair.run_until(TransportEnded)
    assert isinstance(ended, TransportEnded)
    assert "binding" in str(ended.error)
    pair.run_until(KeyBound)


def test_a_second_answer_to_the_binding_changes_nothing() -> None:
    pair = bound_pair(network=Wiretap())
    assert isinstance(pair.network, Wiretap)
    [(msg_id, _, _)] = binds_in(pair.network.sealed(pair))
    say(pair, RpcResult(req_msg_id=msg_id, result=BOOL_FALSE), content_related=True)
    assert not pair.events(BindRefused)
    assert pair.client.bound_key()


def test_a_key_that_ends_while_its_permanent_key_is_suspected() -> None:
    """The question loses its point; a late answer to it is ignored."""
    pair = make_pair(
        client={"permanent_key": PermanentKey(key=PERMANENT, created_at=1.0), "temporary_lifetime": 300}, owner=Refusing(1)
    )
    asked = pair.run_until(PermanentKeySuspected)
    assert isinstance(asked, PermanentKeySuspected)
    pair.run_until(KeyBound, 1000)
    pair.client.answer(asked, Verdict.REPLACE, pair.client_now)
    pair.run(5)
    assert pair.client.bound_key().permanent_key_id == PERMANENT.id


def test_a_key_that_ends_while_the_vault_is_asked() -> None:
    settings = {"permanent_key": ExternalKey(id=PERMANENT.id), "temporary_lifetime": 100}
    pair = make_pair(client=settings, owner=owner_with_key())
    asked = pair.run_until(BindingRequired)
    assert isinstance(asked, BindingRequired)
    pair.run(180)
    first, second = pair.events(BindingRequired)
    assert first == asked
    pair.client.answer(first, vault(first), pair.client_now)
    pair.client.answer(second, vault(second), pair.client_now)
    pair.run_until(KeyBound)
    assert pair.client.bound_key().key.id == second.request.temp_auth_key_id


def test_another_error_of_the_server_is_tried_again_after_its_time() -> None:
    pair = make_pair()
    pair.run(20, lambda each: each.client.status.next_key_state == "BINDING")
    slot = pair.client._state.keys.next
    assert slot is not None
    link = pair.link
    assert link is not None
    assert slot.request is not None
    assert len(pair.network.take_due(float("inf"))) == 1, "the binding itself is lost"
    session = pair.server.sessions.open(pair.owner.keys[slot.id], slot.session.session_id)
    link._link.attach(session)
    session.answer(slot.request.msg_id, RpcError(420, "FLOOD_WAIT_17").to_bytes())
    refused = pair.run_until(BindRefused)
    assert isinstance(refused, BindRefused)
    assert refused.verdict.refusal is Refusal.FLOOD
    began = pair.now
    pair.run_until(KeyBound)
    assert 17 <= pair.now - began < 18


def test_false_is_not_true() -> None:
    """boolFalse to a binding: nothing is bound."""
    pair = make_pair()
    pair.run(20, lambda each: each.client.status.next_key_state == "BINDING")
    slot = pair.client._state.keys.next
    link = pair.link
    assert slot is not None
    assert link is not None
    assert slot.request is not None
    pair.network.take_due(float("inf"))
    session = pair.server.sessions.open(pair.owner.keys[slot.id], slot.session.session_id)
    link._link.attach(session)
    session.answer(slot.request.msg_id, BOOL_FALSE)
    refused = pair.run_until(BindRefused)
    assert isinstance(refused, BindRefused)
    assert refused.verdict.refusal is Refusal.RETURNED_FALSE
    pair.run_until(KeyBound)


def test_refused_again_and_again_it_waits_longer_and_longer() -> None:
    pair = make_pair(owner=Refusing(6))
    pair.run_until(KeyBound, 300)
    at = [told.at for told in pair.told if isinstance(told.event, BindRefused)]
    waits = [later - earlier for earlier, later in pairwise(at)]
    assert waits == pytest.approx([1, 2, 4, 8, 16], abs=1.5)


def test_a_key_that_ends_while_its_binding_is_out() -> None:
    pair = make_pair(client={"temporary_lifetime": 5})
    pair.run(20, lambda each: each.client.status.next_key_state == "BINDING")
    pair.network.end(pair.streams)
    pair.run(6)
    assert [event.key_id for event in pair.events(KeyExpired)]
    assert not pair.events(CallFailed)
    pair.run_until(KeyBound, 200)
