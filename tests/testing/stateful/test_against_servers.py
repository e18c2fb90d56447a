"""The clients that keep what a server does wrong: every breach that is known is kept, and an honest server is not blamed."""

from __future__ import annotations

from typing import Any

import pytest

from kit.keys import SERVER_KEY
from mtproto_bind import Check, Scope, Transport
from mtproto_bind.testing import BREACHES, Breach, CheapCrypto, HostileServer, Role, SeededEntropy
from mtproto_bind.testing.stateful.against_servers import BreachingClient, HonestClient

NOW = 1_800_000_000.25
QUERY = bytes.fromhex("2d7a1f0e")


def meet(breach: Breach | None, **settings: Any) -> HonestClient:
    """A server that does ``breach``, until the stream is over."""
    now = NOW
    client = HonestClient(SERVER_KEY.public, lambda query: query, dc=2, **settings)
    server = HostileServer(SERVER_KEY, breach, entropy=SeededEntropy(b"1"), clock=lambda: now, crypto=CheapCrypto())
    client.renew(now)
    client.call(QUERY, now)
    client.open(Transport(), now)
    for _ in range(60):
        if client.ended:
            break
        server.receive(client.say(now))
        now += 0.05
        client.hear(server.data_to_send(), now)
    assert breach is None or server.reached
    return client


def test_an_honest_server_is_not_blamed() -> None:
    client = meet(None)
    assert (client.faults, client.answered, client.waiting, client.bound) == ([], 1, 0, 1)


@pytest.mark.parametrize("breach", [breach for breach in BREACHES if breach.by is Role.SERVER], ids=lambda breach: breach.name)
def test_every_breach_of_a_server_is_kept(breach: Breach) -> None:
    client = meet(breach)
    if breach.check is Check.MSG_ID_SEEN:
        # a server may send again what was not acknowledged
        assert client.faults == []
    elif breach.check.scope is Scope.BIND:
        assert [fault.split(":")[0] for fault in client.faults] == ["the binding was refused"]
    else:
        assert any(breach.check.name in fault for fault in client.faults), client.faults


def test_what_is_tolerated_is_not_kept() -> None:
    [breach] = [each for each in BREACHES if each.name == "DH_GENERATOR"]
    assert meet(breach, tolerates=[Check.DH_GENERATOR]).faults == []


def test_short_keys() -> None:
    now = NOW
    client = HonestClient(SERVER_KEY.public, lambda query: query, dc=2)
    client.short_keys = 2
    server = HostileServer(SERVER_KEY, entropy=SeededEntropy(b"1"), clock=lambda: now, crypto=CheapCrypto())
    client.open(Transport(), now)
    while not client.bound:
        server.receive(client.say(now))
        client.hear(server.data_to_send(), now)
    assert client.client.bound_key().key.reveal()[0] == 0
    assert (client.faults, client.short_keys) == ([], 0)


def test_a_breaching_client_whose_breach_is_not_reached() -> None:
    [breach] = [each for each in BREACHES if each.name == "BIND_NONCE"]
    client = BreachingClient(SERVER_KEY.public, breach, QUERY, dc=2, now=NOW)
    assert client.say(NOW)
    client.hear(b"\x14\0\0\0" + bytes(20), NOW)
    assert (client.ended, client.faults) == (True, [])
