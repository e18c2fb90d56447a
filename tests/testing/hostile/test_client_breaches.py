"""The real server against a client that breaks one rule: it says so, believes nothing, and serves others as before."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import ServerRun
from mtproto_bind import Check, ConnectionClosed, KeyBound, KeyCreated, SecurityError
from mtproto_bind.testing.hostile.client_breaches import BINDING, BY_CLIENT, HANDSHAKE, SESSION


def params(breaches: Any) -> list[Any]:
    return [pytest.param(breach, id=breach.name) for breach in breaches]


def run(breach: Any) -> tuple[ServerRun, list[str]]:
    """A server that a client with ``breach`` has come to, and what the client heard; the breach was reached."""
    done = ServerRun()
    client = done.meet(breach)
    assert (client.reached, client.complaint) == (True, None)
    return done, client.heard


def serves_others(done: ServerRun) -> None:
    """An honest client gets all that it wants."""
    ran, bound = len(done.owner.ran), len(done.of(KeyBound))
    client = done.meet(peer="another")
    assert (client.finished, client.complaint) == (True, None)
    assert client.heard[-2:] == ["rpc_result", "rpc_result"]
    assert len(done.owner.ran) == ran + 2
    assert len(done.of(KeyBound)) == bound + 1


@pytest.mark.parametrize("breach", params(HANDSHAKE))
def test_a_handshake_ends_with_the_stream(breach: Any) -> None:
    done, heard = run(breach)
    [closed] = done.of(ConnectionClosed)
    assert isinstance(closed.error, SecurityError)
    assert closed.error.check is breach.check
    assert heard[-1] == breach.says
    # keys: only those that were made by the rules, before
    made = heard.count("dh_gen_ok")
    assert len(done.owner.keys) == len(done.of(KeyCreated)) == made
    assert (done.owner.bindings, done.owner.ran) == ({}, [])
    serves_others(done)


@pytest.mark.parametrize("breach", params(breach for breach in SESSION if breach.ends_stream))
def test_a_message_ends_the_stream(breach: Any) -> None:
    done, heard = run(breach)
    [closed] = done.of(ConnectionClosed)
    assert isinstance(closed.error, SecurityError)
    assert closed.error.check is breach.check
    # where it is not known how to speak, nothing is said
    assert heard[-1:] == [breach.says] * bool(breach.says)
    assert len(done.owner.ran) == heard.count("rpc_result")
    serves_others(done)


@pytest.mark.parametrize("breach", params(breach for breach in SESSION if not breach.ends_stream))
def test_a_message_is_refused_and_the_next_one_taken(breach: Any) -> None:
    done, heard = run(breach)
    assert done.of(ConnectionClosed) == []
    assert breach.says in heard
    # of two calls, one is broken; nothing runs under a key that is not bound
    runs = 2 if breach.check in ONCE else 1 if "boolTrue" in heard else 0
    assert heard.count("rpc_result") == len(done.owner.ran) == runs
    serves_others(done)


ONCE = {Check.MSG_ID_SEEN, Check.CONTAINER_SEEN}
"""The first time such a message comes it is in order."""


@pytest.mark.parametrize("breach", params(BINDING))
def test_a_binding_is_refused(breach: Any) -> None:
    done, heard = run(breach)
    assert done.of(ConnectionClosed) == []
    again = breach.check is Check.BIND_OTHER_KEY
    answers = [said for said in heard if said.startswith(("rpc", "bool"))]
    calls = ["rpc_result"] * 2 if again else ["rpc_error 401 AUTH_KEY_PERM_EMPTY"] * 2
    assert answers == ["boolTrue"] * again + [breach.says, *calls]
    # the first of two bindings was in order
    assert len(done.owner.bindings) == len(done.of(KeyBound)) == again
    assert len(done.owner.ran) == 2 * again
    serves_others(done)


def test_every_fault_of_a_sealed_binding_is_answered_alike() -> None:
    said = {breach.check: breach.says for breach in BINDING}
    named = {Check.BIND_KEY_KIND, Check.BIND_OTHER_KEY, Check.EXPIRES_AT_RANGE}
    assert {said[check] for check in said.keys() - named} == {"rpc_error 400 ENCRYPTED_MESSAGE_INVALID"}


def test_a_peer_with_too_many_handshakes_may_begin_again_when_they_are_forgotten() -> None:
    [breach] = [breach for breach in HANDSHAKE if breach.check is Check.HANDSHAKES_PER_PEER]
    done, _ = run(breach)
    assert done.meet().heard == ["transport_error -429"]
    done.now += done.server.config.timeouts.handshake_memory
    assert done.meet().heard[-1] == "rpc_result"


def test_every_rule_of_the_servers_list_is_broken_here() -> None:
    broken = {breach.check for breach in BY_CLIENT}
    listed = {check for check in Check if any(item.startswith("s") for item in check.items)}
    # a server finds a handshake by its nonces, so another nonce names another handshake, or none
    assert broken == (listed | {Check.GZIP, Check.FRAME_LIMIT}) - {Check.NONCE, Check.SERVER_NONCE}


def test_every_breach_has_its_name_once() -> None:
    names = [breach.name for breach in BY_CLIENT]
    assert len(set(names)) == len(names)
