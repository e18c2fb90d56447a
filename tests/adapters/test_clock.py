"""The clock of the drivers."""

from __future__ import annotations

import time

import pytest

from mtproto_bind_adapters.sync import Clock


def test_it_tells_unix_time() -> None:
    before, now, after = time.time(), Clock().now(), time.time()
    assert before - 0.1 <= now <= after + 0.1


def test_it_does_not_jump_with_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert before <= clock.now() < before + 60
