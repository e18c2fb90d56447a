"""The test of servers: ours passes it, and copies of it with a bug planted in them do not."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from kit.driven import OurServer
from kit.planted import planted
from mtproto_bind import Check, Framing, RpcError, Transport
from mtproto_bind.testing import BREACHES, Breach, Role, breaches_of
from mtproto_bind.testing.stateful import ServerMachineTest
from mtproto_bind.testing.stateful.base import whole

BY_CLIENT = [breach for breach in BREACHES if breach.by is Role.CLIENT]


class EveryTransport(OurServer):
    """Ours speaks them all."""

    transports = (*map(Transport, Framing), Transport(Framing.PADDED, obfuscated=True))


TestOurServer = EveryTransport.TestCase
TestOurServer.settings = settings(max_examples=25, stateful_step_count=15)


@pytest.mark.parametrize("breach", [None, *BY_CLIENT], ids=lambda breach: breach.name if breach else "honest")
def test_ours_stands_every_breach(breach: Breach | None) -> None:
    OurServer.meets(breach)


def of(library: ModuleType, **attributes: Any) -> type[ServerMachineTest]:
    """The same driver around another library."""
    return type("Planted", (OurServer,), {"library": library, **attributes})


@pytest.mark.parametrize(
    ("file", "condition", "check"),
    [
        ("_bind/server.py", "inner.msg_id == presented.msg_id", Check.BIND_MSG_ID),
        ("_bind/server.py", "_same(inner.nonce, request.nonce)", Check.BIND_NONCE),
        ("_handshake/server.py", "same(id_to_bytes(inner.retry_id), self.retry_id)", Check.RETRY_ID),
        ("_wire/sealed.py", "same(msg_key_large[8:24], msg_key)", Check.MSG_KEY),
    ],
    ids=lambda value: value.name if isinstance(value, Check) else "",
)
def test_a_missing_check_is_found(tmp_path: Path, file: str, condition: str, check: Check) -> None:
    with planted(tmp_path, file, f"require({condition}, Check.", "require(True, Check.") as library:
        found = set()
        for breach in BY_CLIENT:
            try:
                of(library).meets(breach)
            except AssertionError:
                found.add(breach.check)
    assert found == {check}


def test_an_unpadded_key_is_found(tmp_path: Path) -> None:
    unpadded = 'AuthKey(number.to_bytes((number.bit_length() + 7) // 8, "big").ljust(256, bytes(1)))'
    with planted(tmp_path, "_handshake/server.py", "AuthKey.from_number(number)", unpadded) as library:
        # what one client in 256 would see
        of(library).meets(None)
        machine = of(library)()
        machine.begin(None, whole, 0)
        machine.shorten_key()
        with pytest.raises(AssertionError, match="NEW_NONCE_HASH1"):
            machine.call()
    machine = OurServer()
    machine.begin(None, whole, 0)
    machine.shorten_key()
    machine.call()
    machine.teardown()
    assert min(record.key.reveal()[0] for record in machine.owner.keys.values()) == 0


class WrongAnswer(OurServer):
    def answer(self, query: bytes) -> bytes | None:
        return query[::-1]


class AnyAnswer(OurServer):
    def answer(self, query: bytes) -> bytes | None:
        return None


class Silent(OurServer):
    patience = 30.0

    def server_says(self, now: float) -> bytes:
        return b""


class HangsUp(OurServer):
    def server_hung_up(self, now: float) -> bool:
        return True


class Refuses(OurServer):
    """Binds nothing."""

    def server_starts(self, now: float) -> None:
        super().server_starts(now)
        self.owner._bind = lambda _question: self.library.Binding.REFUSED


class Forgets(OurServer):
    """Loses the key after the first call."""

    def server_waits(self, now: float) -> None:
        super().server_waits(now)
        self.owner.keys.clear()
        self.server = self.library.Server(self.server.config)


class FailsCalls(OurServer):
    error = RpcError(400, "FORBIDDEN")

    def go_on(self, now: float) -> None:
        self.owner.handle_call = lambda _body: self.error.to_bytes()
        super().go_on(now)


class FailsKeys(FailsCalls):
    """Says of a key that it has bound that it is not."""

    error = RpcError(401, "AUTH_KEY_PERM_EMPTY")


@pytest.mark.parametrize(
    ("test", "says"),
    [
        (WrongAnswer, "a call has a wrong answer"),
        (Silent, "a call was never answered"),
        (HangsUp, "the server hung up, though nothing was wrong"),
        (Refuses, "the binding was refused"),
        (FailsCalls, "a call has failed"),
        (FailsKeys, "the key is lost"),
    ],
)
def test_what_a_server_does_wrong_is_told(test: type[ServerMachineTest], says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        test.meets(None)


def test_a_key_that_is_lost_is_told() -> None:
    machine = Forgets()
    machine.begin(None, whole, 0)
    machine.call()
    machine.server_waits(0.0)
    with pytest.raises(AssertionError, match="the stream was ended: transport error -404"):
        machine.lose_stream()


def test_any_answer_will_do() -> None:
    AnyAnswer.meets(None)


def test_what_is_tolerated_is_not_told() -> None:
    [first, *_] = breaches_of(Check.BIND_NONCE)

    class Lenient(OurServer):
        tolerates = frozenset([Check.BIND_NONCE])

    machine = Lenient()
    machine.begin(first, whole, 0)
    assert machine.link is None
    machine.teardown()


def test_a_run_that_failed_is_not_judged_again() -> None:
    machine = WrongAnswer()
    machine.begin(None, whole, 0)
    with pytest.raises(AssertionError):
        machine.call()
    machine.teardown()
    OurServer().teardown()


def test_every_method_has_to_be_given() -> None:
    machine = ServerMachineTest()
    for method in (machine.server_starts, machine.server_accepts, machine.server_says, machine.server_loses_stream):
        with pytest.raises(NotImplementedError):
            method(0.0)
    with pytest.raises(NotImplementedError):
        machine.server_hears(b"", 0.0)
    assert not machine.server_hung_up(0.0)
    machine.server_waits(0.0)


def test_rules_by_hand() -> None:
    machine = OurServer()
    machine.begin(None, lambda data: [data[at : at + 7] for at in range(0, len(data), 7)], 0)
    machine.renew()
    machine.call()
    machine.renew()
    machine.spoil(40)
    machine.call()
    machine.wait(70.0)
    machine.lose_stream()
    machine.cut_otherwise(whole)
    machine.call()
    machine.spoil(3)
    machine.call()
    machine.teardown()
    assert machine.owner.bindings
