"""What a vault signs, and what it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.vaults import KEY, make_request
from mtproto_bind import BindingInner, default_crypto, open_binding
from mtproto_bind_adapters.vault import Refused, Vault

NOW = 1_800_000_000
DAY = 86400


def at_rest() -> Vault:
    return Vault(KEY, now=lambda: NOW)


def test_what_is_signed_is_what_was_asked() -> None:
    vault = Vault(KEY)
    request = make_request()
    assert vault.examine(request.to_bytes()) == request
    inner = open_binding(vault.seal(request), KEY, crypto=default_crypto())
    assert isinstance(inner, BindingInner)
    assert (inner.temp_auth_key_id, inner.temp_session_id, inner.nonce) == (2, 3, 4)
    assert (inner.msg_id, inner.expires_at) == (request.msg_id, request.expires_at)


def test_the_same_request_may_be_signed_twice_and_looks_different() -> None:
    """An answer may be lost. Both say the same, and the server takes a message id once."""
    vault, request = at_rest(), make_request(expires_at=NOW + DAY)
    first, second = vault.seal(request), vault.seal(request)
    assert first != second
    assert open_binding(first, KEY, crypto=default_crypto()) == open_binding(second, KEY, crypto=default_crypto())


@pytest.mark.parametrize("left", [-DAY + 1, 0, 60, DAY, DAY + 30, 2 * DAY])
def test_a_day_of_error_between_the_clocks_is_allowed(left: int) -> None:
    request = make_request(expires_at=NOW + left)
    assert at_rest().examine(request.to_bytes()) == request


@pytest.mark.parametrize(
    ("expires_at", "why"),
    [
        (0, "ended"),
        (NOW - DAY, "ended 1.0 days ago"),
        (NOW + 2 * DAY + 1, "hold for 2.0 days"),
        ((1 << 31) - 1, "would hold for"),
    ],
)
def test_a_time_that_makes_no_sense(expires_at: int, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        at_rest().examine(make_request(expires_at=expires_at).to_bytes())
    assert refused.value.status == 400


def test_another_key() -> None:
    with pytest.raises(Refused, match="permanent key 0000000000000007, which is not here") as refused:
        at_rest().examine(make_request(perm_auth_key_id=7).to_bytes())
    assert refused.value.status == 409


@given(st.binary(max_size=60) | st.binary(min_size=44, max_size=44).map(b"\1".__add__))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        at_rest().examine(data)


def test_the_key_is_not_shown() -> None:
    vault = at_rest()
    assert KEY.reveal().hex()[:16] not in repr(vars(vault))
    assert vault.key_id == KEY.id
