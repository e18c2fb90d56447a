"""The strategies: what they make is what they say, and all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from kit.keys import SERVER_KEY
from mtproto_bind import AuthKey, default_crypto
from mtproto_bind._crypto import Side
from mtproto_bind._tl import API, HANDSHAKE, SERVICE
from mtproto_bind._wire import open_sealed
from mtproto_bind.testing import BREACHES, Breach, Cut, Mishap, Role, ServerRestarted, Transcript, replay
from mtproto_bind.testing.strategies import (
    MESSAGE_NAMES,
    Clock,
    SealedMessage,
    auth_keys,
    breaches,
    broken_transcripts,
    clocks,
    cuts,
    cutters,
    fault_scripts,
    messages,
    nonces,
    sealed_messages,
    transcripts,
)

KEY = AuthKey(bytes(range(256)))


def name_of(body: bytes) -> str | None:
    return next((name for schema in (HANDSHAKE, SERVICE, API) if (name := schema.name_of(body)) is not None), None)


@given(st.sampled_from(MESSAGE_NAMES), st.data())
def test_messages_are_of_the_constructor_that_was_asked_for(name: str, data: st.DataObject) -> None:
    assert name_of(data.draw(messages(name))) == name


@given(messages())
def test_any_message_can_be_read(body: bytes) -> None:
    schema = next(schema for schema in (HANDSHAKE, SERVICE, API) if schema.name_of(body) is not None)
    assert schema.read(body)[0].to_bytes() == body


def test_a_name_that_is_none() -> None:
    with pytest.raises(ValueError, match="expected names of MESSAGE_NAMES, got resPq"):
        messages("resPQ", "resPq")


@given(nonces(32))
def test_nonces(nonce: bytes) -> None:
    assert len(nonce) == 32


@pytest.mark.parametrize("place", [0, 255])
def test_keys_with_zeros_at_their_ends_come(place: int) -> None:
    assert find(auth_keys(), lambda key: key.reveal()[place] == 0 and any(key.reveal())).reveal()[place] == 0


@given(sealed_messages())
def test_sealed_messages_open(sealed: SealedMessage) -> None:
    side = Side.CLIENT if sealed.by is Role.CLIENT else Side.SERVER
    opened = open_sealed(sealed.frame, sealed.key, side, default_crypto())
    assert (opened.salt, opened.session_id, opened.msg_id, opened.seq_no, opened.body) == (
        sealed.salt,
        sealed.session_id,
        sealed.msg_id,
        sealed.seq_no,
        sealed.body,
    )
    assert sealed.msg_id % 4 in ((0,) if sealed.by is Role.CLIENT else (1, 3))
    assert 12 <= len(sealed.padding) <= 1024


@given(sealed_messages(st.just(KEY), messages("ping"), by=Role.SERVER))
def test_sealed_messages_as_they_are_wanted(sealed: SealedMessage) -> None:
    assert (sealed.by, sealed.key, name_of(sealed.body)) == (Role.SERVER, KEY, "ping")


@given(st.binary(max_size=300), st.data())
def test_cuts_lose_nothing(data: bytes, drawn: st.DataObject) -> None:
    pieces = drawn.draw(cuts(data))
    assert b"".join(pieces) == data
    assert all(pieces)


@given(cutters())
def test_cutters_are_functions(cut: Callable[[bytes], list[bytes]]) -> None:
    data = bytes(range(256)) * 3
    assert cut(data) == cut(data)
    assert b"".join(cut(data)) == data
    assert cut(b"") == []


def test_all_kinds_of_cuts_come() -> None:
    data = bytes(64)
    assert find(cuts(data), lambda pieces: len(pieces) == 64)
    assert find(cuts(data), lambda pieces: len(pieces) == 1)
    assert find(cuts(data), lambda pieces: 1 < len(pieces) < 64)


@given(clocks(), clocks(100.0, jumps=False))
def test_clocks(clock: Clock, steady: Clock) -> None:
    assert repr(clock).startswith("Clock(1800000000.25, ")
    times = [steady() for _ in range(20)]
    assert times == sorted(times)
    assert (times[0] >= 100.0, steady.now) == (True, times[-1])
    # its steps come again
    assert Clock(0.0, (1.0, 2.0))() == 1.0


def test_clocks_step_back() -> None:
    assert find(clocks(), lambda clock: clock() < 1_800_000_000.0)


def test_every_mishap_comes() -> None:
    assert find(fault_scripts(), lambda script: {type(each) for each in script} >= {Cut, ServerRestarted})


@given(fault_scripts(3))
def test_fault_scripts_are_as_long_as_wanted(script: list[Mishap]) -> None:
    assert len(script) <= 3
    assert all(0 <= mishap.at < 240 for mishap in script)


@given(breaches(), breaches(Role.CLIENT))
def test_breaches(breach: Breach, by_client: Breach) -> None:
    assert breach in BREACHES
    assert by_client.by is Role.CLIENT


@pytest.mark.parametrize("role", Role)
def test_transcripts(role: Role) -> None:
    @given(transcripts(SERVER_KEY, role), broken_transcripts(SERVER_KEY, role))
    @settings(max_examples=15)
    def hold(valid: Transcript, broken: tuple[Breach, Transcript]) -> None:
        assert valid.role is broken[1].role is role
        assert '"check"' not in valid.to_text()
        assert broken[0].by is not role
        replay(valid)
        replay(broken[1])

    hold()
