"""Questions are values, and know what an answer is."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from kit.keys import SERVER_KEY
from kit.sessions import CRYPTO, NOW, PERMANENT_KEY, TEMPORARY_KEY
from kit.slices import count
from mtproto_bind._bind import BindEvidence, judge
from mtproto_bind._crypto import KNOWN_PRIME, AuthKey, Factor, Powers, ProvePrime, RsaOpen, Secret, Work
from mtproto_bind._crypto.pure import PureCrypto
from mtproto_bind._handshake import KeyKind
from mtproto_bind._questions import (
    NEED_DATA,
    UNAVAILABLE,
    Binding,
    BindingRequired,
    BindRequested,
    CallClaimed,
    Computation,
    Destruction,
    DestructionRequested,
    HandshakeAdvanced,
    HandshakeNeeded,
    KeyNeeded,
    KeyOffered,
    PermanentKey,
    PermanentKeyRequired,
    PermanentKeySuspected,
    Question,
    Stored,
    StoredKey,
    Verdict,
)
from mtproto_bind._wire import BindingRequest, seal_binding
from mtproto_bind.testing.entropy import SeededEntropy

REQUEST = BindingRequest(
    perm_auth_key_id=PERMANENT_KEY.id, temp_auth_key_id=2, temp_session_id=3, nonce=4, msg_id=5, expires_at=6
)
SEALED = seal_binding(REQUEST, PERMANENT_KEY, entropy=SeededEntropy(b"seal"), crypto=CRYPTO)
RECORD = StoredKey(key=TEMPORARY_KEY, kind=KeyKind.TEMPORARY, media=False, created_at=NOW, expires_at=NOW + 60, first_salt=0x5A17)
VERDICT = judge(
    None, BindEvidence(permanent_key_age=None, since_last_bound=None, clock_certain=True, refusals=1), now=NOW, delay=1.0
)


def computation(work: Work[Any]) -> Computation[Any]:
    return Computation(number=1, work=work, crypto=CRYPTO)


FACTOR = computation(Factor(35, 1))
PROVE = computation(ProvePrime(23, Secret(bytes(32))))
POWERS = computation(Powers((2, 3), Secret(b"\5"), 1001))
OPEN = computation(RsaOpen(bytes(255) + b"\2", SERVER_KEY, Secret(bytes(32))))
BINDING_REQUIRED = BindingRequired(number=1, request=REQUEST, answer_before=NOW)
KEY_NEEDED = KeyNeeded(number=1, key_id=TEMPORARY_KEY.id)
KEY_OFFERED = KeyOffered(number=1, record=RECORD)
BIND_REQUESTED = BindRequested(number=1, temporary_key_id=1, permanent_key_id=2, media=False, expires_at=3)
DESTRUCTION_REQUESTED = DestructionRequested(number=1, permanent_key_id=2)
NEEDED = HandshakeNeeded(number=1, nonce=b"n" * 16, server_nonce=b"s" * 16)
ADVANCED = HandshakeAdvanced(number=1, nonce=b"n" * 16, server_nonce=b"s" * 16, before=b"stored before", after=b"stored after")
CLAIMED = CallClaimed(number=1, key_id=1, session_id=2, msg_id=4, claimant=5)
REQUIRED = PermanentKeyRequired(number=1)
SUSPECTED = PermanentKeySuspected(number=1, permanent_key_id=1, verdict=VERDICT)

GOOD: list[tuple[Question[Any], Any]] = [
    (FACTOR, (5, 7)),
    (FACTOR, None),
    (PROVE, True),
    (PROVE, False),
    (POWERS, (32, 243)),
    (OPEN, bytes(256)),
    (BINDING_REQUIRED, SEALED),
    (REQUIRED, PermanentKey(key=PERMANENT_KEY)),
    (SUSPECTED, Verdict.KEEP),
    (SUSPECTED, Verdict.REPLACE),
    (KEY_NEEDED, RECORD),
    (KEY_NEEDED, None),
    (KEY_OFFERED, Stored.KEPT),
    (KEY_OFFERED, Stored.TAKEN),
    (BIND_REQUESTED, Binding.MADE),
    (BIND_REQUESTED, Binding.REFUSED),
    *((DESTRUCTION_REQUESTED, word) for word in Destruction),
    (NEEDED, b"stored"),
    (NEEDED, None),
    (ADVANCED, True),
    (ADVANCED, False),
    (CLAIMED, True),
    (CLAIMED, False),
]

BAD: list[tuple[Question[Any], Any, type[Exception], str]] = [
    (FACTOR, (5, 7, 1), TypeError, "what Factor computes"),
    (FACTOR, [5, 7], TypeError, "what Factor computes"),
    (FACTOR, (5, 7.0), TypeError, "what Factor computes"),
    (FACTOR, 35, TypeError, "what Factor computes"),
    (PROVE, 1, TypeError, "what ProvePrime computes"),
    (PROVE, None, TypeError, "what ProvePrime computes"),
    (POWERS, (32,), TypeError, "what Powers computes"),
    (POWERS, (32, 1001), TypeError, "what Powers computes"),
    (POWERS, (32, -1), TypeError, "what Powers computes"),
    (FACTOR, (5, 1 << 64), TypeError, "what Factor computes"),
    (POWERS, None, TypeError, "what Powers computes"),
    (OPEN, bytes(255), TypeError, "what RsaOpen computes"),
    (OPEN, 5, TypeError, "what RsaOpen computes"),
    (BINDING_REQUIRED, None, TypeError, "expected bytes for an answer, got NoneType"),
    (BINDING_REQUIRED, SEALED[:-1], ValueError, "104 bytes, got 103"),
    (BINDING_REQUIRED, bytes(104), ValueError, "another permanent key"),
    (REQUIRED, PERMANENT_KEY, TypeError, "expected PermanentKey for an answer, got AuthKey"),
    (SUSPECTED, True, TypeError, "expected Verdict"),
    (KEY_NEEDED, TEMPORARY_KEY, TypeError, "expected .*StoredKey | None for an answer, got AuthKey"),
    (KEY_NEEDED, evolve(RECORD, key=PERMANENT_KEY), ValueError, f"asked for key {TEMPORARY_KEY.id:016x}"),
    (KEY_OFFERED, True, TypeError, "expected Stored"),
    (BIND_REQUESTED, True, TypeError, "expected Binding"),
    (DESTRUCTION_REQUESTED, True, TypeError, "expected Destruction"),
    (NEEDED, "stored", TypeError, "expected bytes | None"),
    (ADVANCED, None, TypeError, "expected bool"),
    (CLAIMED, None, TypeError, "expected bool for an answer, got NoneType"),
]


@pytest.mark.parametrize(("question", "value"), GOOD, ids=lambda value: type(value).__name__)
def test_what_is_an_answer(question: Question[Any], value: Any) -> None:
    question.check(value)


@pytest.mark.parametrize(("question", "value", "error", "words"), BAD, ids=lambda value: type(value).__name__)
def test_what_is_no_answer(question: Question[Any], value: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        question.check(value)


def test_every_question_is_among_them() -> None:
    assert {type(question) for question, _ in GOOD} == {type(question) for question, *_ in BAD}
    assert {type(question) for question, _ in GOOD} == set(Question.__subclasses__())


@pytest.mark.parametrize(("question", "answer", "pauses"), [(POWERS, (32, 243), 1), (OPEN, None, 1)])
def test_a_computation_runs_at_once_or_in_slices(question: Computation[Any], answer: object, pauses: int) -> None:
    value = question.run()
    assert count(question.slices()) == (value, pauses)
    assert answer in (None, value)
    question.check(value)


def test_a_computation_is_what_is_computed_and_not_with_what() -> None:
    assert Computation(number=1, work=Factor(35, 1), crypto=PureCrypto()) == FACTOR
    assert evolve(FACTOR, number=2) != FACTOR
    assert "crypto" not in repr(FACTOR)


def test_a_question_that_nobody_defined_checks_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Question[int](number=1).check(5)


@pytest.mark.parametrize("question", [question for question, _ in GOOD])
def test_questions_are_frozen_and_told_apart_by_number(question: Question[Any]) -> None:
    assert evolve(question) == question
    assert evolve(question, number=2) != question
    with pytest.raises(FrozenInstanceError):
        question.number = 5  # type: ignore[misc]


@pytest.mark.parametrize("question", [question for question, _ in GOOD])
def test_a_repr_shows_no_secret(question: Question[Any]) -> None:
    """Conduct.SECRETS_HIDDEN."""
    for secret in (
        repr(b"n" * 16),
        repr(b"s" * 16),
        "stored before",
        "stored after",
        str(0x5A17),
        repr(PERMANENT_KEY.reveal()),
        repr(bytes(32)),
    ):
        assert secret not in repr(question)


def test_sentinels_are_nothing_but_themselves() -> None:
    assert [repr(NEED_DATA), repr(UNAVAILABLE)] == ["<Sentinel.NEED_DATA: 1>", "<Sentinel.UNAVAILABLE: 2>"]


def test_a_permanent_key_may_be_of_unknown_age() -> None:
    key = PermanentKey(key=AuthKey.from_number(KNOWN_PRIME))
    assert (key.created_at, key.last_bound_at) == (None, None)
