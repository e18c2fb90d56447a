"""The servers that keep what a client does wrong: every breach that is known is kept, and an honest client is not blamed."""

from __future__ import annotations

import pytest

from kit.driven import OurClient
from kit.keys import SERVER_KEY
from mtproto_bind import Check
from mtproto_bind.testing import BREACHES, Breach, CheapCrypto, HostileClient, Role, SeededEntropy
from mtproto_bind.testing.stateful.against_clients import NO_FAULTS, BreachingServer, HonestServer
from mtproto_bind.testing.stateful.base import whole

NOW = 1_800_000_000.25
QUERY = bytes.fromhex("2d7a1f0e")
UNBOUND = f"a message was refused, as it is not so that {Check.UNBOUND_CALL.text} (UNBOUND_CALL)"
PERMANENT = "there is traffic under the permanent key"


def meet(breach: Breach | None, **settings: bool) -> tuple[HonestServer, HostileClient]:
    """A client that does ``breach``, to the end."""
    now = NOW
    server = HonestServer(SERVER_KEY, lambda body: body, dc=2, **settings)
    client = HostileClient(
        SERVER_KEY.public, breach, entropy=SeededEntropy(b"1"), clock=lambda: now, query=QUERY, crypto=CheapCrypto()
    )
    server.hear(b"nobody is there", now)
    assert server.say(now) == b""
    server.lose(now)
    server.pass_time(now)
    server.open(now)
    for _ in range(60):
        server.hear(client.data_to_send(), now)
        now += 0.05
        client.receive(server.say(now))
    return server, client


def test_an_honest_client_is_not_blamed() -> None:
    server, client = meet(None)
    assert (server.faults, client.complaint) == ([], None)
    assert server.owner.ran == [QUERY, QUERY]


@pytest.mark.parametrize("breach", [breach for breach in BREACHES if breach.by is Role.CLIENT], ids=lambda breach: breach.name)
def test_every_breach_of_a_client_is_kept(breach: Breach) -> None:
    server, client = meet(breach)
    assert client.reached
    if breach.says.startswith("rpc_error 400"):
        # a client may be told no; but if that was the binding, it must not call
        assert set(server.faults) <= {UNBOUND, PERMANENT}
    elif breach.check in NO_FAULTS:
        assert server.faults == []
    else:
        assert any(breach.check.name in fault for fault in server.faults), server.faults


def test_what_is_tolerated_is_not_kept() -> None:
    [breach] = [each for each in BREACHES if each.name == "CLIENT_MSG_ID" and each.by is Role.CLIENT]
    server = HonestServer(SERVER_KEY, lambda body: body, dc=2, tolerates=[Check.CLIENT_MSG_ID])
    assert meet(breach)[0].faults != []
    server._blame_for(Check.CLIENT_MSG_ID, "a message was refused")
    assert server.faults == []


def test_traffic_under_the_permanent_key() -> None:
    [breach] = [each for each in BREACHES if each.name == "BIND_KEY_KIND"]
    assert PERMANENT in meet(breach)[0].faults
    # a client without temporary keys does nothing else
    assert PERMANENT not in meet(breach, binds=False)[0].faults


def test_what_was_spoiled_on_the_way_is_nobodys_fault() -> None:
    server = HonestServer(SERVER_KEY, lambda body: body, dc=2)
    for spoiled in (False, True):
        server.open(NOW)
        server.spoiled = spoiled
        server.hear(b"\xee\xee\xee\xee\x08\0\0\0" + bytes(8), NOW)
        assert server.ended
        assert [fault.split(":")[0] for fault in server.faults] == ["the stream was ended"]
    # a stream that is slow is none either
    server.open(NOW)
    server.pass_time(NOW + 70)
    assert server.ended
    assert len(server.faults) == 1


def test_a_server_before_its_first_stream() -> None:
    [first, *_] = BREACHES
    server = BreachingServer(SERVER_KEY, lambda body: body, first)
    server.hear(b"nobody is there", NOW)
    assert server.say(NOW) == b""
    server.pass_time(NOW)
    server.lose(NOW)


def test_a_complaint_before_the_breach_is_kept() -> None:
    [breach] = [each for each in BREACHES if each.name == "MSG_KEY" and each.by is Role.SERVER]

    class Hasty(OurClient):
        """Says under a key what nobody has agreed on."""

        def client_says(self, now: float) -> bytes:
            said = super().client_says(now)
            return said and said[:4] + (40).to_bytes(4, "little") + b"\1" * 40

    with pytest.raises(AssertionError, match="the stream was ended: a message under a key that does not exist"):
        Hasty.meets(breach)


def test_an_answer_out_of_nothing() -> None:
    server = HonestServer(SERVER_KEY, lambda body: body, dc=2)
    server.answered(QUERY)
    assert server.faults == ["a call is answered that never came to the server"]
    assert whole(b"") == []
