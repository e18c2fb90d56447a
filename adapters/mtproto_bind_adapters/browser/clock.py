"""What a page takes for the time, which may be suspended with its machine."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["WakingClock"]

ASLEEP = 5.0
"""Seconds by which the wall clock may be ahead before we believe that we have slept."""


class WakingClock:
    """Unix seconds that go on like the monotonic clock, and leap ahead with the wall clock after a sleep.

    The monotonic clock of a browser stands while the machine sleeps. That the wall clock goes back, by hand or by NTP, is
    ignored, as everywhere; that it is put forward by hand looks like a sleep, after which a connection asks the server.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._anchor = wall() - monotonic()

    def now(self) -> float:
        """Unix seconds."""
        guess = self._anchor + self._monotonic()
        ahead = self._wall() - guess
        if ahead > ASLEEP:
            self._anchor += ahead
            return guess + ahead
        return guess
