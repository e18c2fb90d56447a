"""Time, cuts and talking, without a machine at either end."""

from __future__ import annotations

import pytest
from hypothesis.stateful import rule

from mtproto_bind.testing.stateful.base import MachineTest, whole


class Endless(MachineTest):
    """Two sides that always have something to say."""

    def _connect(self, now: float) -> None:
        self.connected = now

    def _said(self, now: float) -> bool:
        return True

    def _heard(self, now: float) -> bool:
        return True

    def _gone(self, now: float) -> bool:
        return False

    @rule()
    def nothing(self) -> None:
        """Hypothesis wants one."""


def test_talking_without_end_is_a_fault() -> None:
    machine = Endless()
    with pytest.raises(AssertionError, match="keep each other busy"):
        machine._talk()
    assert machine.now() > machine.connected


def test_queries_are_told_apart() -> None:
    machine = Endless()
    assert len({machine._next_query() for _ in range(5)}) == 5


def test_spoiling() -> None:
    machine = Endless()
    assert machine._spoiled(b"1234") == b"1234"
    machine._spoil_at = 6
    assert machine._spoiled(b"") == b""
    assert machine._spoiled(b"1234") == b"1224"
    assert machine._spoiled(b"1234") == b"1234"


def test_whole() -> None:
    assert (whole(b""), whole(b"12")) == ([], [b"12"])
