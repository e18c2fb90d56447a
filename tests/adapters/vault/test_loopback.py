"""Which names mean this machine."""

from __future__ import annotations

import pytest

from mtproto_bind_adapters.vault.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.0.9", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", "127.0.0.1.nip.io", "127.1", "[::1]"]
)
def test_another_or_none(host: str | None) -> None:
    assert not is_loopback(host)
