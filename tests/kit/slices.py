"""Drives a computation that comes in slices."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def finish(slices: Generator[None, None, T]) -> T:
    """What the computation returns."""
    return count(slices)[0]


def count(slices: Generator[None, None, T]) -> tuple[T, int]:
    """What the computation returns, and how often it paused."""
    pauses = 0
    while True:
        try:
            next(slices)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1
