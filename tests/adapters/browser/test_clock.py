"""The clock of a page goes on like the monotonic one, and wakes up with the wall clock."""

from __future__ import annotations

from mtproto_bind_adapters.browser.clock import WakingClock


class Clocks:
    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.monotonic = 77.0
        self.clock = WakingClock(lambda: self.wall, lambda: self.monotonic)

    def passes(self, wall: float, monotonic: float) -> float:
        self.wall += wall
        self.monotonic += monotonic
        return self.clock.now() - 1_800_000_000.0


def test_both_go_on() -> None:
    assert Clocks().passes(10, 10) == 10


def test_small_corrections_of_the_wall_clock_are_ignored() -> None:
    assert Clocks().passes(14, 10) == 10


def test_the_wall_clock_may_go_back() -> None:
    clocks = Clocks()
    assert clocks.passes(-3600, 1) == 1
    assert clocks.passes(1, 1) == 2


def test_after_a_sleep_the_wall_clock_is_right() -> None:
    clocks = Clocks()
    assert clocks.passes(3600, 0) == 3600
    assert clocks.passes(1, 1) == 3601


def test_the_usual_clocks_are_those_of_the_machine() -> None:
    clock = WakingClock()
    first = clock.now()
    assert first > 1_600_000_000
    assert clock.now() >= first
