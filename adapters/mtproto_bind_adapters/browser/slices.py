"""Arithmetic in a loop that also has a page to draw: one slice a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from mtproto_bind import Computation

__all__ = ["SlicedWork"]


class SlicedWork:
    """Computes ``question``, one slice each time that the loop comes round, and gives its value to ``done``.

    In a browser a turn of the loop is a macrotask, between two of which the page is drawn and clicks are heard.
    """

    def __init__(self, question: Computation[Any], done: Callable[[Any], None], failed: Callable[[Exception], None]) -> None:
        self._slices = question.slices()
        self._done = done
        self._failed = failed
        self._next = asyncio.get_running_loop().call_soon(self._step)

    def cancel(self) -> None:
        """Nobody waits for the value any more."""
        self._next.cancel()
        self._slices.close()

    def _step(self) -> None:
        try:
            next(self._slices)
        except StopIteration as end:
            self._done(end.value)
        except Exception as error:
            self._failed(error)
        else:
            self._next = asyncio.get_running_loop().call_soon(self._step)
