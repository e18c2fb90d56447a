"""The same bytes, cut in every way that a network may cut them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import TypeVar

T = TypeVar("T")


def cuts(data: bytes, *, seed: int = 0) -> Iterator[list[bytes]]:
    """The whole, byte by byte, and four times at random."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    random = Random(seed)
    for _ in range(4):
        places = sorted(random.choices(range(len(data) + 1), k=random.randint(1, 8)))
        yield [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def same_however_cut(data: bytes, run: Callable[[list[bytes]], T]) -> T:
    """What ``run`` makes of the pieces, which must be the same for every way to cut."""
    pieces = list(cuts(data))
    first, *others = (run(each) for each in pieces)
    for each, other in zip(pieces[1:], others, strict=True):
        if other != first:
            raise AssertionError(f"cut into {[len(piece) for piece in each]} it gives {other}, whole it gives {first}")
    return first
