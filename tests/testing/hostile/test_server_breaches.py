"""The real client against a server that breaks one rule: it says which, believes nothing, and goes on elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import QUERY, ClientRun
from mtproto_bind import (
    BindRefused,
    CallAnswered,
    Check,
    KeyBound,
    PermanentKeyCreated,
    Refusal,
    Scope,
    SecurityError,
    TransportEnded,
    UpdateReceived,
)
from mtproto_bind._crypto import check_generator, check_prime_size, in_range
from mtproto_bind.testing.hostile.server_breaches import BY_SERVER, NOT_PRIME, NOT_SAFE, TOO_SHORT
from mtproto_bind.testing.hostile.serving import UPDATE


def of(*scopes: Scope) -> list[Any]:
    """The breaches with these scopes, as parameters."""
    return [pytest.param(breach, id=breach.name) for breach in BY_SERVER if breach.check.scope in scopes]


def run(breach: Any) -> ClientRun:
    """A client that wants to call, with a server that does ``breach``; the breach was reached."""
    done = ClientRun()
    done.client.call(QUERY, done.now)
    server = done.meet(breach)
    assert (server.reached, server.complaint) == (True, None)
    return done


def went_on(run: ClientRun) -> None:
    """A stream to an honest server is all that it takes."""
    known = len(run.of(PermanentKeyCreated))
    server = run.meet()
    assert server.complaint is None
    assert len(run.of(PermanentKeyCreated)) == 1 >= known
    assert [event.body for event in run.of(CallAnswered)] == [QUERY]
    [bound] = run.of(KeyBound)
    assert server.bound == {bound.key_id: bound.permanent_key_id}
    assert run.client.status.temporary_key_state == "BOUND"


@pytest.mark.parametrize("breach", of(Scope.EXCHANGE, Scope.STREAM))
def test_a_breach_ends_the_stream_and_nothing_else(breach: Any) -> None:
    done = run(breach)
    [ended] = done.of(TransportEnded)
    assert isinstance(ended.error, SecurityError)
    assert ended.error.check is breach.check
    assert ended is done.events[-1]
    # nothing of what was wrong is believed: no key of this handshake, no result
    assert done.of(CallAnswered) == []
    if breach.check.scope is Scope.EXCHANGE:
        assert (done.of(PermanentKeyCreated), done.of(KeyBound)) == ([], [])
        assert (done.client.status.attempts, done.client.status.handshake) == (1, None)
        assert not done.client.status.clock.certain
    else:
        assert done.client.status.attempts == 0
    assert done.client.status.dropped == {}
    went_on(done)


@pytest.mark.parametrize("breach", of(Scope.MESSAGE))
def test_a_breach_is_dropped_and_counted(breach: Any) -> None:
    done = run(breach)
    assert done.of(TransportEnded) == []
    assert done.client.status.dropped == {breach.check: 1}
    # of two that are the same, one is taken
    assert [event.body for event in done.of(UpdateReceived)] == [UPDATE] * ("update.sent" in breach.given)
    if not done.of(CallAnswered):
        done.lose()
        done.meet()
    assert [event.body for event in done.of(CallAnswered)] == [QUERY]
    assert done.client.status.dropped == {breach.check: 1}


@pytest.mark.parametrize("breach", of(Scope.BIND))
def test_what_is_not_true_binds_nothing(breach: Any) -> None:
    done = run(breach)
    [refused] = done.of(BindRefused)
    assert refused.verdict.refusal is Refusal.RETURNED_FALSE
    assert done.of(KeyBound) == []
    assert done.of(CallAnswered) == []
    assert done.client.status.temporary_key_state == "UNBOUND"
    # the same two keys are bound later, on the same stream
    done.now = refused.verdict.retry_at
    done.client.handle_timeout(done.now)
    done.go_on()
    assert [event.body for event in done.of(CallAnswered)] == [QUERY]


def test_the_numbers_break_the_rule_that_they_are_meant_for_and_no_other() -> None:
    def is_prime(number: int) -> bool:
        # nobody has chosen these numbers against Fermat
        return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5))

    def safe(number: int) -> tuple[bool, bool]:
        return is_prime(number), is_prime(number // 2)

    assert safe(TOO_SHORT) == (True, True)
    assert safe(NOT_SAFE) == (True, False)
    assert safe(NOT_PRIME) == (False, True)
    for number in (TOO_SHORT, NOT_SAFE, NOT_PRIME):
        check_generator(3, number)
        assert in_range(number // 2, number)
    for number in (NOT_SAFE, NOT_PRIME):
        check_prime_size(number)
    assert TOO_SHORT.bit_length() == 2047


def test_every_rule_of_the_clients_list_is_broken_here() -> None:
    broken = {breach.check for breach in BY_SERVER}
    listed = {check for check in Check if any(item.startswith("c") for item in check.items)}
    assert broken == listed


def test_every_breach_has_its_name_once() -> None:
    names = [breach.name for breach in BY_SERVER]
    assert len(set(names)) == len(names)
