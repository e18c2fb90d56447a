"""Every test in an event loop must leave nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kit.loops import BACKENDS, nothing_left


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Each test runs on both."""
    name: str = request.param
    return name


@pytest.fixture
async def tidy(anyio_backend: str) -> AsyncIterator[None]:
    """Fails where a task, a thread or a file is left."""
    async with nothing_left():
        yield
