"""A server that the command line may talk to, and its public key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.serving import SERVER_KEY, make_loop, running


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with running(make_loop()) as found:
        yield found


@pytest.fixture
def public_pem(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_text(SERVER_KEY.public.to_pem())
    return path
