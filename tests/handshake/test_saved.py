"""A server's unfinished handshake as bytes, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.handshakes import OTHER_PRIME, PERMANENT, TEMPORARY, nothing_drawn, server_stages, server_tools
from mtproto_bind._handshake import DataCenter, KeyKind, Purpose, ServerTools, freeze, resume, thaw
from mtproto_bind._handshake.server import ExpectClientDHParams, ExpectReqDHParams


def elsewhere(**changes: object) -> ServerTools:
    """Another process, later: it must not draw, nor look at its clock."""
    return server_tools(nothing_drawn(), now=0.0, **changes)


PURPOSES = [PERMANENT, TEMPORARY, Purpose(KeyKind.TEMPORARY, DataCenter(3, test=True, media=True), 1)]


@pytest.mark.parametrize("purpose", PURPOSES, ids=range(3))
def test_every_wait_comes_back_as_it_was(purpose: Purpose) -> None:
    stages = server_stages(purpose, dc=purpose.dc)
    for state in (stages.expect_request, stages.expect_share, stages.offering.taken(stages.tools)):
        data = freeze(state, stages.tools)
        assert thaw(data, elsewhere(dc=purpose.dc)) == state
        assert data == freeze(thaw(data, elsewhere()), elsewhere())
        assert len(data) <= 1024


def test_the_sizes() -> None:
    stages = server_stages()
    assert len(freeze(stages.expect_request, stages.tools)) == 70
    assert len(freeze(stages.expect_share, stages.tools)) == 618


def test_a_share_with_leading_zeros() -> None:
    stages = server_stages()
    state = resume(stages.raising_ga, (1 << 1990,), stages.tools)
    assert isinstance(state, ExpectClientDHParams)
    assert thaw(freeze(state, stages.tools), elsewhere()) == state


def test_what_is_not_ours_is_refused() -> None:
    stages = server_stages()
    task, offer = (freeze(state, stages.tools) for state in (stages.expect_request, stages.expect_share))
    for data in (b"", b"\x00", b"\x02" + task[1:], b"\x02" + offer[1:]):
        with pytest.raises(ValueError, match="not a saved handshake of version 1"):
            thaw(data, elsewhere())
    unknown = [b"\x01", b"\x01\x00", b"\x01\x03" + offer[2:], b"\x01\x01", task[:-1], offer[:600], offer + bytes(8)]
    no_task = [task[:2] + bytes(4) + task[6:], task[:2] + b"\x00\x00\x00\x07" + task[6:], task[:6] + stages.req_pq.to_bytes()]
    for data in unknown + no_task + [task + bytes(4), offer[:-8] + bytes(24)]:
        with pytest.raises(ValueError, match=r"^not a saved handshake$"):
            thaw(data, elsewhere())


def test_every_length_but_the_right_one_is_refused() -> None:
    stages = server_stages()
    for state in (stages.expect_request, stages.expect_share, stages.offering.taken(stages.tools)):
        data = freeze(state, stages.tools)
        for size in [*range(len(data)), len(data) + 1, len(data) + 4, len(data) + 16]:
            with pytest.raises(ValueError, match="not a saved handshake"):
                thaw((data + bytes(16))[:size], elsewhere())


def test_servers_with_different_primes_do_not_share() -> None:
    stages = server_stages()
    data = freeze(stages.expect_share, stages.tools)
    with pytest.raises(ValueError, match="another dh_prime"):
        thaw(data, elsewhere(g=2, dh_prime=OTHER_PRIME))
    # the generator is stored: what was begun with 3 goes on with 3
    assert thaw(data, elsewhere(g=4)) == stages.expect_share


@given(st.sampled_from([b"", b"\x01", b"\x01\x01", b"\x01\x02"]), st.binary(max_size=700))
def test_garbage_is_refused_or_is_some_state(head: bytes, tail: bytes) -> None:
    try:
        state = thaw(head + tail, elsewhere())
    except ValueError:
        return
    assert isinstance(state, ExpectReqDHParams | ExpectClientDHParams)
