"""What a command does, step by step: who says what, how many bytes it takes, and when."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Protocol

from attrs import frozen

__all__ = ["Picture", "Plain", "Step", "Timeline"]


@frozen(kw_only=True)
class Step:
    """One moment. ``at``: seconds since the beginning. ``sent``, ``received``: bytes of the stream, where some passed."""

    at: float
    who: str
    text: str
    sent: int = 0
    received: int = 0


class Picture(Protocol):
    """Shows steps as they come, and what came of them all."""

    def show(self, step: Step) -> None:
        """One more step."""

    def sum_up(self, facts: Mapping[str, str]) -> None:
        """The end: names, and what there is to know of each."""


class Plain:
    """A line for each step; ``say`` writes one."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def show(self, step: Step) -> None:
        """See :class:`Picture`."""
        way = f"-> {step.sent:5} bytes  " if step.sent else f"<- {step.received:5} bytes  " if step.received else ""
        self._say(f"{step.at * 1000:8.0f} ms  {step.who:<6}  {way}{step.text}")

    def sum_up(self, facts: Mapping[str, str]) -> None:
        """See :class:`Picture`."""
        width = max(map(len, facts), default=0)
        for name, fact in facts.items():
            self._say(f"{name:>{width}}  {fact}")


class Timeline:
    """Takes the steps of a command from whatever thread makes them, and counts bytes."""

    def __init__(self, picture: Picture) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self._lock = Lock()
        self._picture = picture
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def note(self, who: str, text: str) -> None:
        """Something has happened at ``who``."""
        self._picture.show(Step(at=self.seconds, who=who, text=text))

    def sent(self, who: str, text: str, size: int) -> None:
        """``who`` has written ``size`` bytes."""
        with self._lock:
            self.bytes_sent += size
        self._picture.show(Step(at=self.seconds, who=who, text=text, sent=size))

    def received(self, who: str, text: str, size: int, at: float) -> None:
        """``who`` read ``size`` bytes when :attr:`seconds` was ``at``: what they were is known only later."""
        with self._lock:
            self.bytes_received += size
        self._picture.show(Step(at=at, who=who, text=text, received=size))

    def sum_up(self, facts: Mapping[str, str]) -> None:
        """The end, with ``facts`` by name; bytes and time are added."""
        both = {"bytes": f"{self.bytes_sent} sent, {self.bytes_received} received", "time": f"{self.seconds * 1000:.0f} ms"}
        self._picture.sum_up({**facts, **both})
