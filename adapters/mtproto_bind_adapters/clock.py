"""What the machine takes for the time."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Unix seconds that never jump: the wall clock at the start, and the monotonic clock from then on."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        """Unix seconds."""
        return self._anchor + time.monotonic()
