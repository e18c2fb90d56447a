"""A client and a server in memory: they agree, or say why not; never on different keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.handshakes import NOW, OTHER_PRIME, client_tools, server_tools, step, work_off
from mtproto_bind._errors import RemoteProtocolError, UnexpectedMessage
from mtproto_bind._handshake import DataCenter, KeyKind, Purpose, begin, freeze, thaw
from mtproto_bind._handshake import client as of_client
from mtproto_bind._handshake import server as of_server
from mtproto_bind.testing.entropy import SeededEntropy

Change = Callable[[int, bytes], bytes]
Agreed = tuple[of_client.KeyAgreed, of_server.KeyAgreed]


def unchanged(_number: int, body: bytes) -> bytes:
    return body


def shake_hands(
    purpose: Purpose,
    seed: bytes = b"",
    *,
    change: Change = unchanged,
    refuse: int = 0,
    share: bool = False,
    server: dict[str, Any] | None = None,
) -> Agreed:
    """The whole exchange. ``change`` sees every message; ``refuse``: keys taken; ``share``: each request to another process."""
    ours = client_tools(SeededEntropy(b"client" + seed))
    theirs = server_tools(SeededEntropy(b"server" + seed), **(server or {"dc": purpose.dc}))
    client: object = begin(purpose, ours)
    waiting: object = of_server.listening()
    number = 0
    while isinstance(client, of_client.Asking):
        assert isinstance(waiting, of_server.ExpectReqPQ | of_server.ExpectReqDHParams | of_server.ExpectClientDHParams)
        if share and isinstance(waiting, of_server.ExpectReqDHParams | of_server.ExpectClientDHParams):
            theirs = evolve(theirs, entropy=SeededEntropy(seed + bytes([number])))
            waiting = thaw(freeze(waiting, theirs), theirs)
        waiting = step(waiting, change(number, client.request), theirs)
        if isinstance(waiting, of_server.KeyOffering):
            refuse, keep = refuse - 1, refuse <= 0
            waiting = waiting.kept(theirs) if keep else waiting.taken(theirs)
        assert isinstance(waiting, of_server.Answering)
        client = step(client, change(number + 1, waiting.answer), ours)
        number += 2
    assert isinstance(client, of_client.KeyAgreed)
    assert isinstance(waiting, of_server.KeyAgreed)
    return client, waiting


DATA_CENTERS = st.builds(DataCenter, st.integers(1, 10_000), test=st.booleans(), media=st.booleans())
PURPOSES = st.builds(Purpose, st.just(KeyKind.PERMANENT), DATA_CENTERS) | st.builds(
    Purpose, st.just(KeyKind.TEMPORARY), DATA_CENTERS, st.integers(1, 86_400)
)


@settings(max_examples=20)
@given(PURPOSES, st.binary(max_size=4), st.integers(0, 4), st.booleans())
def test_both_sides_end_with_the_same(purpose: Purpose, seed: bytes, refuse: int, share: bool) -> None:
    client, server = shake_hands(purpose, seed, refuse=refuse, share=share)
    assert client.key == server.key
    assert (client.purpose, client.first_salt, client.server_time) == (server.purpose, server.first_salt, server.server_time)
    assert client.purpose == purpose
    assert client.server_time == int(NOW)


def conversation(seed: bytes, **how: Any) -> list[bytes]:
    """Every message of an exchange, in turn."""
    bodies: list[bytes] = []

    def tell(_number: int, body: bytes) -> bytes:
        bodies.append(body)
        return body

    shake_hands(Purpose(KeyKind.TEMPORARY, DataCenter(1), 60), seed, change=tell, **how)
    return bodies


def test_the_same_entropy_makes_the_same_bytes_and_other_entropy_other_ones() -> None:
    first = conversation(b"1")
    assert len(first) == 6
    assert conversation(b"1") == first
    assert not set(conversation(b"2")) & set(first)


def test_a_handshake_can_go_on_in_another_process_at_every_step() -> None:
    bodies = conversation(b"1", refuse=2, share=True)
    assert [len(body) for body in bodies] == [20, 64, 320, 632, 376, 52, 376, 52, 376, 52]


def test_another_prime_is_proven_and_used() -> None:
    dc = DataCenter(2)
    client, server = shake_hands(Purpose(KeyKind.PERMANENT, dc), server={"dc": dc, "g": 2, "dh_prime": OTHER_PRIME})
    assert client.key == server.key


def test_more_retries_than_are_bearable() -> None:
    with pytest.raises(RemoteProtocolError, match="DH_RETRY_LIMIT"):
        shake_hands(Purpose(KeyKind.PERMANENT, DataCenter(1)), refuse=5)


@settings(max_examples=60)
@given(st.integers(0, 5), st.integers(0, 700), st.integers(0, 7))
def test_one_bit_on_the_way_never_makes_two_different_keys(number: int, place: int, bit: int) -> None:
    def damage(at: int, body: bytes) -> bytes:
        if at != number:
            return body
        changed = bytearray(body)
        changed[place % len(body)] ^= 1 << bit
        return bytes(changed)

    try:
        client, server = shake_hands(Purpose(KeyKind.TEMPORARY, DataCenter(2), 60), change=damage)
    except RemoteProtocolError:
        return
    assert client.key == server.key


def test_the_server_refuses_an_answer_and_the_client_a_request() -> None:
    purpose = Purpose(KeyKind.PERMANENT, DataCenter(2))
    first = begin(purpose, client_tools())
    with pytest.raises(UnexpectedMessage, match="expected resPQ, got req_pq_multi"):
        step(first, first.request, client_tools())
    waiting = work_off(step(of_server.listening(), first.request, server_tools()), server_tools())
    assert isinstance(waiting, of_server.ExpectReqDHParams)
    with pytest.raises(UnexpectedMessage, match="expected req_DH_params, got resPQ"):
        step(waiting, waiting.answer, server_tools())
