"""Timers with names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._connection.timers import Timers


def test_each_name_has_one_deadline() -> None:
    timers = Timers()
    assert timers.earliest() is None
    timers.set("a", 5.0)
    timers.set_if_unset("b", 3.0)
    timers.set_if_unset("a", 1.0)
    assert timers.earliest() == 3.0
    timers.set("a", 2.0)
    assert timers.earliest() == 2.0
    timers.clear("a")
    timers.clear("nothing")
    assert "a" not in timers
    assert "b" in timers


@given(st.dictionaries(st.integers(), st.floats(0, 100)), st.floats(0, 100))
def test_what_is_due_is_taken_once_in_order_of_time(deadlines: dict[int, float], now: float) -> None:
    timers = Timers()
    for name, at in deadlines.items():
        timers.set(name, at)
    taken = timers.take_due(now)
    assert [deadlines[name] for name in taken if isinstance(name, int)] == sorted(at for at in deadlines.values() if at <= now)
    assert timers.take_due(now) == ()
    assert timers.earliest() == min((at for at in deadlines.values() if at > now), default=None)


def test_a_jump_of_the_clock_moves_them_all() -> None:
    timers = Timers()
    timers.set("a", 5.0)
    timers.set("b", 8.0)
    timers.shift(-3.0)
    assert timers.take_due(2.0) == ("a",)
    assert timers.take_due(5.0) == ("b",)
