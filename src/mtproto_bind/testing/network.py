"""The network between two machines in a test: latency, and a script of what goes wrong."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from attrs import field, frozen

__all__ = ["Direction", "Fault", "FaultKind", "Network", "Piece"]


class Direction(Enum):
    """Which way bytes go."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


class FaultKind(Enum):
    """What becomes of one written piece."""

    DROP = auto()
    DUPLICATE = auto()
    CORRUPT = auto()
    """One bit of one byte is turned."""
    DELAY = auto()
    """It comes ``seconds`` later; what was written after it may come first."""
    CUT = auto()
    """It is lost, and the stream with it: both ends are told."""
    HALF_OPEN = auto()
    """It is lost, and everything after it on this stream; nobody is told."""


@frozen(kw_only=True)
class Fault:
    """``kind`` befalls the ``index``-th piece written in ``direction``, counted over all streams from 0.

    ``at``: which byte is corrupted, modulo the length; ``seconds``: of a delay.
    """

    direction: Direction
    index: int
    kind: FaultKind
    at: int = 0
    seconds: float = 1.0


@frozen(kw_only=True, order=True)
class Piece:
    """Bytes under way. ``stream`` numbers the streams from 1."""

    due: float
    number: int
    direction: Direction = field(order=False)
    stream: int = field(order=False)
    data: bytes = field(order=False, repr=False)


class Network:
    """Carries pieces with ``latency`` seconds, in order but for the faults; ``cuts`` are the ends that are still to be told."""

    def __init__(self, latency: float = 0.05, faults: Iterable[Fault] = ()) -> None:
        self.latency = latency
        self._faults = {(fault.direction, fault.index): fault for fault in faults}
        self._written = dict.fromkeys(Direction, 0)
        self._pieces: list[Piece] = []
        self._dead: set[int] = set()
        self._number = 0
        self.cut_streams: set[int] = set()

    def befall_next(self, direction: Direction, kind: FaultKind, *, at: int = 0, seconds: float = 1.0) -> None:
        """``kind`` befalls the next piece written in ``direction``; see :class:`Fault` for the rest."""
        index = self._written[direction]
        self._faults[direction, index] = Fault(direction=direction, index=index, kind=kind, at=at, seconds=seconds)

    def write(self, data: bytes, direction: Direction, stream: int, now: float) -> None:
        """One end has written ``data``."""
        fault = self._faults.get((direction, self._written[direction]))
        self._written[direction] += 1
        if stream in self._dead:
            return
        due = now + self.latency
        match fault.kind if fault is not None else None:
            case FaultKind.DROP:
                return
            case FaultKind.HALF_OPEN:
                self._dead.add(stream)
                return
            case FaultKind.CUT:
                self.end(stream)
                self.cut_streams.add(stream)
                return
            case FaultKind.DUPLICATE:
                self._send(due, data, direction, stream)
            case FaultKind.CORRUPT:
                place = (fault.at if fault is not None else 0) % len(data)
                data = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            case FaultKind.DELAY:
                due += fault.seconds if fault is not None else 0
            case _:
                pass
        self._send(due, data, direction, stream)

    def end(self, stream: int) -> None:
        """The stream is gone, with everything under way on it."""
        self._dead.add(stream)
        self._pieces = [piece for piece in self._pieces if piece.stream != stream]

    def take_due(self, now: float) -> list[Piece]:
        """What arrives by ``now``, in order."""
        due = sorted(piece for piece in self._pieces if piece.due <= now)
        self._pieces = [piece for piece in self._pieces if piece.due > now]
        return due

    def next_due(self) -> float | None:
        """When the next piece arrives."""
        return min((piece.due for piece in self._pieces), default=None)

    def _send(self, due: float, data: bytes, direction: Direction, stream: int) -> None:
        self._number += 1
        self._pieces.append(Piece(due=due, number=self._number, direction=direction, stream=stream, data=data))
