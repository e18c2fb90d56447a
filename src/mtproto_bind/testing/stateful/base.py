"""What the tests of clients and of servers have in common: time, cuts, and talking until nobody says anything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from ..._errors import Check
from ..hostile import Role
from ..strategies import breaches

__all__ = ["CALLS", "POLICY", "STEP", "MachineTest", "maybe", "waits", "whole"]

START: Final = 1_800_000_000.25
ROUND: Final = 0.05
"""Seconds to the other side and back."""
ROUNDS: Final = 400
"""More in a row, and both sides keep each other busy for nothing."""
STEP: Final = 5.0
QUERY: Final = bytes.fromhex("2d7a1f0e")
CALLS: Final = 12
"""As many are made at most in one run."""

waits = st.sampled_from([0.2, 2.0, 15.0, 70.0, 700.0])
POLICY: Final = frozenset([Check.HANDSHAKES_PER_PEER, Check.DH_RETRY_LIMIT])
"""Ceilings of ours, which others need not have."""
maybe = {role: st.none() | breaches(role) for role in Role}


def whole(data: bytes) -> list[bytes]:
    """Not cut; nothing stays nothing."""
    return [data] if data else []


class MachineTest(RuleBasedStateMachine):
    """What both have in common."""

    dc: ClassVar[int] = 2
    """The data centre, as the inner data names it."""
    tolerates: ClassVar[frozenset[Check]] = frozenset()
    """Rules whose breach by your machine is known, and is not to be told again."""
    patience: ClassVar[float] = 900.0
    """Seconds without faults in which everything has to be well again."""

    def __init__(self) -> None:
        super().__init__()
        self._time = START
        self._cut: Callable[[bytes], list[bytes]] = whole
        self._spoil_at: int | None = None
        self._up = False
        self._sound = True
        self._made: list[bytes] = []

    def now(self) -> float:
        """Unix seconds. Virtual; override it where your machine has a clock of its own, and give that one's time."""
        return self._time

    def query(self, number: int) -> bytes:
        """The call of that number, from 0: a boxed TL object. By default one that nobody knows."""
        return QUERY + number.to_bytes(8, "little")

    # ---- inside

    def _next_query(self) -> bytes:
        self._made.append(self.query(len(self._made)))
        return self._made[-1]

    def _pass(self, seconds: float) -> float:
        self._time += seconds
        return self.now()

    def _talk(self) -> None:
        """Connect if need be; both sides speak until they are silent or the stream is gone."""
        # what fails on the way leaves nothing to be judged at the end
        self._sound = False
        now = self._pass(ROUND)
        if not self._up:
            self._up = True
            self._connect(now)
        for _ in range(ROUNDS):
            said = self._said(now)
            now = self._pass(ROUND)
            heard = self._heard(now)
            if self._up and self._gone(now):
                self._lose()
            if not self._up or not (said or heard):
                break
        else:
            raise AssertionError("no end of talking: both sides keep each other busy")
        self._judge()
        self._sound = True

    def _spoiled(self, data: bytes) -> bytes:
        if self._spoil_at is None or not data:
            return data
        at, self._spoil_at = self._spoil_at % len(data), None
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    def _blame(self, faults: Iterable[str]) -> None:
        found = list(dict.fromkeys(faults))
        if found:
            raise AssertionError(f"{type(self).__name__}: {'; '.join(found)}")

    def _lose(self) -> None:
        if self._up:
            self._up = False
            self._hang_up(self.now())

    @abstractmethod
    def _connect(self, now: float) -> None: ...

    @abstractmethod
    def _said(self, now: float) -> bool: ...

    @abstractmethod
    def _heard(self, now: float) -> bool: ...

    @abstractmethod
    def _gone(self, now: float) -> bool: ...

    @abstractmethod
    def _hang_up(self, now: float) -> None: ...

    @abstractmethod
    def _judge(self) -> None: ...
