"""What is kept over a restart, and what is refused when it comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.keys import SERVER_KEY
from kit.pairs import OTHER_QUERY, bound_pair, make_pair
from mtproto_bind import (
    CallAnswered,
    ClientConnection,
    DataCenter,
    KeyBound,
    PendingKey,
    PermanentKey,
    PermanentKeyCreated,
)
from mtproto_bind.testing import Owner, Pair, make_client_config


def restarted(pair: Pair, saved: bytes, **client: object) -> Pair:
    permanent = pair.events(PermanentKeyCreated)[0].key
    settings = {"permanent_key": permanent, "seed": b"after", **client}
    again = make_pair(client=settings, saved=saved, owner=pair.owner, start=pair.now)
    again.server = pair.server
    return again


def test_without_the_temporary_key_another_is_made() -> None:
    pair = bound_pair(client_skew=1000.0)
    saved = pair.client.save()
    assert len(saved) == 22
    again = restarted(pair, saved)
    assert again.client.status.clock.offset == pytest.approx(-1000, abs=1)
    assert not again.client.status.clock.certain
    bound = again.run_until(KeyBound)
    assert isinstance(bound, KeyBound)
    assert bound.key_id != pair.client.bound_key().key.id


def test_with_the_temporary_key_it_goes_on_at_once() -> None:
    pair = bound_pair()
    before = pair.client.bound_key()
    saved = pair.client.save(temporary_key=True)
    assert len(saved) == 303
    again = restarted(pair, saved)
    again.client.call(OTHER_QUERY, again.client_now)
    again.run(0.5)
    assert again.events(CallAnswered)
    assert not again.events(KeyBound)
    after = again.client.bound_key()
    assert after.key == before.key
    assert after.session_id != before.session_id, "a new session: the ids of the old one are not kept"
    # and it is renewed in its time
    again.run_until(KeyBound, 90_000)
    assert again.now < before.expires_at


def refused(saved: bytes, text: str, **client: object) -> None:
    with pytest.raises(ValueError, match=text):
        ClientConnection(make_client_config(SERVER_KEY, **client), saved=saved)


def test_what_does_not_fit_is_refused() -> None:
    pair = bound_pair()
    permanent = pair.events(PermanentKeyCreated)[0].key
    plain, secret = pair.client.save(), pair.client.save(temporary_key=True)
    refused(b"", "version none")
    refused(b"\2" + plain[1:], "version 2")
    refused(plain + b"\0", "cut off, or something follows")
    refused(secret[:22], "cut off")
    refused(plain[:10], "cut off")
    refused(plain + secret[22:], "cut off")
    refused(plain, "data centre 2", dc=DataCenter(3))
    refused(plain[:13] + b"\xff" * 8 + plain[21:], "no number of seconds")
    refused(secret, "another permanent key")
    refused(secret, "another permanent key", permanent_key=PendingKey())
    refused(secret[:-9] + bytes(9), "never lived", permanent_key=permanent)


def test_a_bound_key_is_not_saved_where_none_is_bound() -> None:
    client = ClientConnection(make_client_config(SERVER_KEY))
    assert len(client.save(temporary_key=True)) == 22


def reads_or_says_why(saved: bytes, **client: object) -> None:
    try:
        ClientConnection(make_client_config(SERVER_KEY, **client), saved=saved)
    except ValueError as error:
        if "saved state" not in str(error):
            raise


@given(st.binary(max_size=400))
def test_any_bytes_are_state_or_a_clear_error(saved: bytes) -> None:
    reads_or_says_why(saved)


@given(st.integers(0, 301), st.integers(1, 255))
def test_a_turned_bit_is_state_or_a_clear_error(place: int, change: int) -> None:
    pair = SAVED
    saved = bytearray(pair.client.save(temporary_key=True))
    saved[place] ^= change
    permanent: PermanentKey = pair.events(PermanentKeyCreated)[0].key
    reads_or_says_why(bytes(saved), permanent_key=permanent)


SAVED = bound_pair(owner=Owner())
