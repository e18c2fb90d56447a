"""Fixtures for pytest: ``pytest_plugins = ["mtproto_bind_adapters.pytest_plugin"]`` in a ``conftest.py``."""

from __future__ import annotations

from collections.abc import Iterator

from .extras import needs
from .fake import FakeTelegram

with needs("testing"):
    import pytest

__all__ = ["fake_telegram"]


@pytest.fixture
def fake_telegram() -> Iterator[FakeTelegram]:
    """A fake Telegram on loopback, anew for each test; for tests that are synchronous, or run in asyncio or trio."""
    with FakeTelegram() as fake:
        yield fake
