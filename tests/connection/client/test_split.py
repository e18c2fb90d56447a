"""The split binder: a vault that is late, slow, wrong or asked twice, and servers that refuse what it sealed."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kit.pairs import OTHER_QUERY, Sent, Wiretap, binds_in, make_pair
from mtproto_bind import (
    AuthKey,
    BindingRequest,
    BindingRequired,
    CallAnswered,
    ExternalKey,
    KeyBound,
    KeyCreated,
    KeyKind,
    PermanentKeySuspected,
    Question,
    StoredKey,
    TransportEnded,
    Verdict,
    open_binding,
    seal_binding,
)
from mtproto_bind._session import REPLY, Item
from mtproto_bind._tl import BadMsgNotification
from mtproto_bind.testing import CheapCrypto, Owner, Pair, SeededEntropy

PERMANENT = AuthKey(bytes(range(256)))
OTHER = AuthKey(bytes(range(255, -1, -1)))
WITHDRAWN = 240
"""Seconds until a question is asked anew: Timeouts.binding_required."""

crypto = CheapCrypto()


def seal(request: BindingRequest, key: AuthKey = PERMANENT) -> bytes:
    return seal_binding(request, key, entropy=SeededEntropy(b"vault"), crypto=crypto)


def answer_at_once(question: Question[Any]) -> Any:
    return seal(question.request) if isinstance(question, BindingRequired) else None


def split_pair(**settings: Any) -> Pair:
    """A client without the permanent key, a server that knows it, and a look at what passes."""
    owner = Owner()
    owner.keys[PERMANENT.id] = StoredKey(
        key=PERMANENT, kind=KeyKind.PERMANENT, media=False, created_at=0.0, expires_at=None, first_salt=1
    )
    client = {"permanent_key": ExternalKey(id=PERMANENT.id), **settings.pop("client", {})}
    return make_pair(client=client, owner=owner, network=Wiretap(), **settings)


def asked_pair(**settings: Any) -> tuple[Pair, BindingRequired]:
    """The same, with the first question open: nobody answers but the test."""
    pair = split_pair(**settings)
    asked = pair.run_until(BindingRequired)
    if not isinstance(asked, BindingRequired):
        raise TypeError("asked for something else")
    return pair, asked


def answer(pair: Pair, question: BindingRequired, sealed: bytes | None = None) -> None:
    pair.client.answer(question, seal(question.request) if sealed is None else sealed, pair.client_now)


def written(pair: Pair) -> list[Sent]:
    if not isinstance(pair.network, Wiretap):
        raise TypeError("nobody listens")
    return pair.network.sealed(pair)


def refuse_what_is_under_way(pair: Pair, code: int) -> int:
    """The binding does not arrive; the server says bad_msg_notification instead. The id that it refuses."""
    [(msg_id, _, sent)] = binds_in(written(pair))
    if len(pair.network.take_due(float("inf"))) != 1 or pair.link is None:
        raise ValueError("something else is under way too")
    slot = pair.client._state.keys.next
    if slot is None:
        raise ValueError("nothing is being bound")
    session = pair.server.sessions.open(pair.owner.keys[sent.key_id], slot.session.session_id)
    pair.link._link.attach(session)
    notification = BadMsgNotification(bad_msg_id=msg_id, bad_msg_seqno=1, error_code=code)
    session.say(Item(body=notification.to_bytes(), content_related=False, remainder=REPLY))
    return msg_id


# ---- answers that are none, or come twice


@pytest.mark.parametrize("cut", [slice(103), slice(1, None), slice(8)])
def test_a_sealed_binding_that_is_cut_short(cut: slice) -> None:
    pair, asked = asked_pair()
    with pytest.raises(ValueError, match="a sealed binding is 104 bytes, got"):
        answer(pair, asked, seal(asked.request)[cut])
    assert pair.client.open_questions == (asked,)
    answer(pair, asked)
    pair.run_until(KeyBound)


def test_a_binding_sealed_by_another_vault() -> None:
    pair, asked = asked_pair()
    sealed = seal(evolve(asked.request, perm_auth_key_id=OTHER.id), OTHER)
    with pytest.raises(ValueError, match="under another permanent key"):
        answer(pair, asked, sealed)
    assert pair.client.open_questions == (asked,)
    answer(pair, asked)
    pair.run_until(KeyBound)


@given(st.binary(max_size=110) | st.binary(min_size=104, max_size=104))
@settings(max_examples=20)
def test_nothing_but_the_right_kind_of_bytes_is_taken(value: bytes) -> None:
    pair, asked = asked_pair()
    with pytest.raises(ValueError, match="sealed binding"):
        answer(pair, asked, value)
    pair.run(5)
    assert pair.client.open_questions == (asked,)
    assert written(pair) == []


def test_an_answer_given_twice_counts_once() -> None:
    pair, asked = asked_pair()
    first = seal(asked.request)
    second = seal_binding(asked.request, PERMANENT, entropy=SeededEntropy(b"again"), crypto=crypto)
    answer(pair, asked, first)
    answer(pair, asked, second)
    pair.run_until(KeyBound)
    answer(pair, asked, second)
    pair.run(5)
    [(_, request, _)] = binds_in(written(pair))
    assert request.encrypted_message == first != second
    assert len(pair.events(KeyBound)) == 1


def test_an_equal_question_is_not_the_question() -> None:
    """An answer goes to the question that was asked: a copy that somebody made of it is another one."""
    pair, asked = asked_pair()
    answer(pair, evolve(asked))
    pair.run(5)
    assert pair.client.open_questions == (asked,)
    assert not pair.events(KeyBound)


def test_what_was_sealed_for_another_question_gives_nothing_up() -> None:
    """The server refuses it like a key that it does not know: the owner is asked, and the vault anew after that."""
    pair, first = asked_pair()
    pair.run(WITHDRAWN + 1)
    second = pair.events(BindingRequired)[-1]
    answer(pair, second, seal(first.request))
    suspected = pair.run_until(PermanentKeySuspected)
    assert isinstance(suspected, PermanentKeySuspected)
    assert pair.client.open_questions == (suspected,)
    pair.client.answer(suspected, Verdict.KEEP, pair.client_now)
    third = pair.run_until(BindingRequired)
    assert isinstance(third, BindingRequired)
    assert third.request.msg_id > second.request.msg_id
    assert third.request.temp_auth_key_id == first.request.temp_auth_key_id
    answer(pair, third)
    pair.run_until(KeyBound)


# ---- the server refuses the message that carried it


def test_refused_for_its_salt_the_vault_is_not_asked_again() -> None:
    pair = split_pair(answer_client=answer_at_once)
    pair.run(20, lambda each: bool(each.server_events(KeyCreated)))
    temporary = pair.server_events(KeyCreated)[0].record
    pair.server.cache_key(evolve(temporary, first_salt=temporary.first_salt ^ 1))
    pair.run_until(KeyBound)
    (id1, first, sent1), (id2, second, sent2) = binds_in(written(pair))
    assert (id1, first) == (id2, second), "same id, same 104 bytes"
    assert sent1.salt != sent2.salt
    assert len(pair.events(BindingRequired)) == 1


@pytest.mark.parametrize("code", [16, 17, 32])
def test_refused_for_its_id_the_vault_is_asked_anew(code: int) -> None:
    pair, asked = asked_pair()
    answer(pair, asked)
    pair.run(5, lambda each: bool(binds_in(written(each))))
    msg_id = refuse_what_is_under_way(pair, code)
    again = pair.run_until(BindingRequired)
    assert isinstance(again, BindingRequired)
    assert again.request.msg_id != msg_id == asked.request.msg_id
    assert again.request.nonce != asked.request.nonce
    assert again.request.temp_auth_key_id == asked.request.temp_auth_key_id
    # only a wrong clock leaves the session as it was
    assert (again.request.temp_session_id == asked.request.temp_session_id) == (code == 16)
    answer(pair, again)
    pair.run_until(KeyBound)


# ---- the stream is cut while the vault thinks


def test_a_question_outlives_its_stream() -> None:
    pair, asked = asked_pair()
    pair.run(30)
    pair.cut()
    pair.run(5)
    assert pair.streams == 2
    assert pair.events(TransportEnded)
    first, again = pair.events(BindingRequired)
    assert again is first is asked, "asked again, and the same"
    pair.run(60)
    answer(pair, asked)
    pair.run_until(KeyBound)
    [(msg_id, request, _)] = binds_in(written(pair))
    assert (msg_id, request.nonce) == (asked.request.msg_id, asked.request.nonce)


def test_an_answer_that_comes_while_there_is_no_stream() -> None:
    pair, asked = asked_pair()
    pair.cut()
    answer(pair, asked)
    pair.run_until(KeyBound)
    assert pair.events(BindingRequired) == [asked], "it is answered, and not asked again"


def test_a_question_that_is_too_old_on_the_new_stream() -> None:
    pair, asked = asked_pair()
    pair.run(WITHDRAWN - 10)
    pair.cut()
    pair.run(20)
    *_, anew = pair.events(BindingRequired)
    assert pair.client.open_questions == (anew,)
    assert anew.request.msg_id > asked.request.msg_id
    assert anew.answer_before > asked.answer_before
    answer(pair, asked)
    pair.run(5)
    assert binds_in(written(pair)) == []
    answer(pair, anew)
    pair.run_until(KeyBound)


@given(st.lists(st.tuples(st.floats(0, 300), st.booleans()), max_size=5))
@example([(0.0, True), (233.5, True)])
@settings(max_examples=20)
def test_late_and_stale_answers_cost_nothing(thoughts: list[tuple[float, bool]]) -> None:
    """However long the vault thinks, and whatever becomes of the streams: one binding, of the last question, and a call works."""
    pair, _ = asked_pair()
    pair.client.call(OTHER_QUERY, pair.client_now)
    for seconds, cut in thoughts:
        pair.run(seconds)
        if cut:
            pair.cut()
            pair.run(3)
    [asked] = pair.client.open_questions
    for question in pair.events(BindingRequired):
        if question is not asked:
            answer(pair, question)
    pair.run(0.5)
    assert written(pair) == []
    # the last one may have been withdrawn in that half second
    [last] = pair.client.open_questions
    assert isinstance(last, BindingRequired)
    assert pair.events(BindingRequired)[-1] is last
    answer(pair, last)
    pair.run_until(CallAnswered)
    [bound] = pair.events(KeyBound)
    [(msg_id, request, _)] = binds_in(written(pair))
    inner = open_binding(request.encrypted_message, PERMANENT, crypto=crypto)
    assert msg_id == inner.msg_id == last.request.msg_id
    assert bound.key_id == inner.temp_auth_key_id
    assert len(pair.owner.ran) == 1


# ---- renewal


def test_every_renewal_asks_again() -> None:
    pair = split_pair(client={"temporary_lifetime": 1000}, answer_client=answer_at_once)
    pair.run(4000)
    asked, bound = pair.events(BindingRequired), pair.events(KeyBound)
    assert len(bound) >= 4
    assert [each.request.temp_auth_key_id for each in asked] == [each.key_id for each in bound]
    assert [each.renewal for each in bound] == [False] + [True] * (len(bound) - 1)
    assert len({each.request.nonce for each in asked}) == len(asked)


def test_calls_go_on_while_the_vault_thinks_about_a_renewal() -> None:
    pair, asked = asked_pair(client={"temporary_lifetime": 10_000})
    answer(pair, asked)
    pair.run_until(KeyBound)
    old = pair.client.bound_key().key.id
    pair.client.renew(pair.client_now)
    again = pair.run_until(BindingRequired)
    assert isinstance(again, BindingRequired)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(5)
    held = len(pair.events(CallAnswered))
    answer(pair, again)
    pair.run_until(KeyBound)
    pair.run(5)
    assert len(pair.events(CallAnswered)) == 1
    assert pair.client.bound_key().key.id != old
    assert held == 1
