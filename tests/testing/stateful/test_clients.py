"""The test of clients: ours passes it, and copies of it with a bug planted in them do not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kit.driven import OurClient
from kit.planted import planted
from mtproto_bind import Check, ClientConnection
from mtproto_bind.testing import BREACHES, Breach, Role, breaches_of
from mtproto_bind.testing.stateful import ClientMachineTest
from mtproto_bind.testing.stateful.base import whole

BY_SERVER = [breach for breach in BREACHES if breach.by is Role.SERVER]

TestOurClient = OurClient.TestCase
TestOurClient.settings = settings(max_examples=25, stateful_step_count=15)


@pytest.mark.parametrize("breach", [None, *BY_SERVER], ids=lambda breach: breach.name if breach else "honest")
def test_ours_stands_every_breach(breach: Breach | None) -> None:
    OurClient.meets(breach)


def search(test: type[ClientMachineTest], examples: int = 300) -> None:
    """Runs until something is found, always the same way, and shrinks nothing."""
    run_state_machine_as_test(
        test,
        settings=settings(
            max_examples=examples,
            stateful_step_count=15,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def of(library: ModuleType, **attributes: Any) -> type[ClientMachineTest]:
    """The same driver around another library."""
    return type("Planted", (OurClient,), {"library": library, **attributes})


CLIENT = "_handshake/client.py"
SEALED = "_wire/sealed.py"
SENDING = "_connection/client/sending.py"


@pytest.mark.parametrize(
    ("file", "condition", "check"),
    [
        (CLIENT, "same(answer.new_nonce_hash1, self._hash(1, tools))", Check.NEW_NONCE_HASH1),
        (CLIENT, "same(answer.new_nonce_hash2, self._hash(2, tools))", Check.NEW_NONCE_HASH2),
        (CLIENT, "same(inner.nonce, self.exchange.nonce)", Check.INNER_NONCE),
        (CLIENT, "in_range(group.g_a, group.dh_prime)", Check.G_A_RANGE),
        (SEALED, "same(msg_key_large[8:24], msg_key)", Check.MSG_KEY),
        (SEALED, "LEAST_PADDING <= padding <= MOST_PADDING", Check.MESSAGE_PADDING),
        ("_crypto/dh.py", "dh_prime % modulus in residues", Check.DH_GENERATOR),
        ("_bind/client.py", "result == BOOL_TRUE", Check.BIND_RESULT),
    ],
    ids=lambda value: value.name if isinstance(value, Check) else "",
)
def test_a_missing_check_is_found(tmp_path: Path, file: str, condition: str, check: Check) -> None:
    with planted(tmp_path, file, f"require({condition}, Check.", "require(True, Check.") as library:
        found = []
        for breach in BY_SERVER:
            try:
                of(library).meets(breach)
            except AssertionError:
                found.append(breach.check)
    assert set(found) == {check}


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        pytest.param(SEALED, "side, crypto)[8:24]", "side, crypto)[:16]", "MSG_KEY", id="wrong slice"),
        pytest.param(
            SENDING,
            "due = [message for message in slot.session.sent.all() if slot.resend or message.msg_id in slot.again]",
            "due = []",
            "never answered",
            id="lost retry",
        ),
        pytest.param(CLIENT, "id_from_bytes(self.key.aux_hash)", "0", "RETRY_ID", id="lost retry_id"),
        pytest.param(
            SEALED,
            "crypto.ige_encrypt(plaintext, *aes_v2(key, msg_key, side, crypto))",
            "crypto.ige_encrypt(plaintext, aes_v2(key, msg_key, side, crypto)[0], aes_v2(key, bytes(16), side, crypto)[1])",
            "MSG_KEY",
            id="reused IV",
        ),
    ],
)
def test_a_planted_bug_is_found(tmp_path: Path, file: str, old: str, new: str, says: str) -> None:
    with planted(tmp_path, file, old, new) as library, pytest.raises(AssertionError, match=says):
        search(of(library))


def test_an_unpadded_key_is_found(tmp_path: Path) -> None:
    """One key in 256 begins with a zero; with this seed of the client it is the first one."""
    unpadded = 'AuthKey(shared.to_bytes((shared.bit_length() + 7) // 8, "big").ljust(256, bytes(1)))'
    with planted(tmp_path, CLIENT, "AuthKey.from_number(shared)", unpadded) as library:
        with pytest.raises(AssertionError, match="the client hung up"):
            of(library, seed=b"112").meets(None)
        of(library, seed=b"113").meets(None)
    OurClient.seed = b"112"
    try:
        OurClient.meets(None)
    finally:
        OurClient.seed = b"client"


class Wrong(OurClient):
    """A client that does one thing wrong in what it tells."""

    def client_answers(self) -> list[tuple[bytes, bytes | None]]:
        return [(query, self.spoil(answer)) for query, answer in super().client_answers()]

    def spoil(self, answer: bytes | None) -> bytes | None:
        return answer


class WrongAnswer(Wrong):
    def spoil(self, answer: bytes | None) -> bytes | None:
        return b"\0\0\0\0"


class NoAnswer(Wrong):
    def spoil(self, answer: bytes | None) -> bytes | None:
        return None


class NoEnd(OurClient):
    patience = 20.0

    def client_answers(self) -> list[tuple[bytes, bytes | None]]:
        return []


class Invented(OurClient):
    def client_answers(self) -> list[tuple[bytes, bytes | None]]:
        return [(query, self.answer(query)) for query in self.queries.values()]


class Impatient(Invented):
    """Its calls are answered before they were sent."""

    def client_answers(self) -> list[tuple[bytes, bytes | None]]:
        made = [query for query in self.queries.values() if query not in self.told_already]
        self.told_already.update(made)
        return [(query, self.answer(query)) for query in made]

    def client_starts(self, now: float) -> None:
        super().client_starts(now)
        self.told_already: set[bytes] = set()


class Chatty(OurClient):
    """Says something whenever it is asked, and it is nothing whole."""

    def client_says(self, now: float) -> bytes:
        return b"\xef" if not self.gone else b""


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (WrongAnswer, "a call has a wrong answer"),
        (NoAnswer, "a call fails, though nothing went wrong"),
        (NoEnd, "a call was never answered"),
        (Invented, "a call ends twice, or was never made"),
        (Impatient, "a call is answered that never came to the server"),
        (Chatty, "keep each other busy|the stream was ended"),
    ],
)
def test_what_a_client_does_wrong_is_told(test: type[ClientMachineTest], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        test.meets(None)


def test_a_call_that_fails_for_ever_is_told() -> None:
    """After bad luck calls may fail, but not when all is well again."""
    machine = NoAnswer()
    machine.begin(None, whole)
    machine.lose_stream()
    machine.call()
    with pytest.raises(AssertionError, match="calls fail, though nothing goes wrong any more"):
        machine.teardown()


def test_what_is_tolerated_is_not_told() -> None:
    [first, *_] = breaches_of(Check.ANSWER_SHA1)

    class Lenient(OurClient):
        tolerates = frozenset([Check.ANSWER_SHA1])

    machine = Lenient()
    machine.begin(first, whole)
    machine.teardown()
    # it has met an honest server instead
    assert machine.client.status.attempts == 0


def test_a_run_that_failed_is_not_judged_again() -> None:
    machine = WrongAnswer()
    machine.begin(None, whole)
    with pytest.raises(AssertionError):
        machine.call()
    machine.teardown()
    # nor one that never began
    OurClient().teardown()


def test_every_method_has_to_be_given() -> None:
    machine = ClientMachineTest()
    for method in (machine.client_starts, machine.client_connects, machine.client_says, machine.client_loses_stream):
        with pytest.raises(NotImplementedError):
            method(0.0)
    for told in (lambda: machine.client_hears(b"", 0.0), lambda: machine.client_calls(b"", 0.0), machine.client_answers):
        with pytest.raises(NotImplementedError):
            told()
    assert not machine.client_hung_up(0.0)
    machine.client_waits(0.0)


def test_a_clock_of_its_own() -> None:
    class Punctual(OurClient):
        def now(self) -> float:
            return super().now() + 1000

        def client_says(self, now: float) -> bytes:
            assert now > 1_800_001_000
            return super().client_says(now)

    Punctual.meets(None)


def test_rules_by_hand() -> None:
    """Each of the things that go wrong, once."""
    machine = OurClient()
    machine.begin(None, lambda data: [data[at : at + 7] for at in range(0, len(data), 7)])
    machine.refuse_keys(2)
    machine.call()
    machine.spoil(30)
    machine.call()
    machine.wait(20.0)
    machine.lose_answer()
    machine.call()
    machine.restart_server(keys=False)
    machine.restart_server(keys=True)
    machine.wait(70.0)
    machine.lose_stream()
    machine.cut_otherwise(whole)
    machine.call()
    machine.teardown()
    assert isinstance(machine.client, ClientConnection)
    assert machine.client.status.attempts == 0
