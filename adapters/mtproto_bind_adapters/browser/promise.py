"""A value that comes later, for one task or several that wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, Generic, TypeVar

__all__ = ["Promise"]

T = TypeVar("T")


class Promise(Generic[T]):
    """Kept once, by a value or an error; awaited by whoever likes, before or after. A :class:`Waiter` of the switchboard.

    Unlike a future it does not complain where nobody asks for its error.
    """

    def __init__(self) -> None:
        self._kept = asyncio.Event()
        self._values: list[T] = []
        self._error: Exception | None = None

    @property
    def kept(self) -> bool:
        """Whether nobody has to wait any more."""
        return self._kept.is_set()

    def set_result(self, value: T, /) -> None:
        """The value is there. What comes after the first value or error is ignored."""
        if not self.kept:
            self._values.append(value)
            self._kept.set()

    def set_exception(self, error: Exception, /) -> None:
        """There will be no value; whoever awaits it is raised ``error``."""
        if not self.kept:
            self._error = error
            self._kept.set()

    def __await__(self) -> Generator[Any, Any, T]:
        yield from self._kept.wait().__await__()
        if self._error is not None:
            raise self._error
        return self._values[0]
