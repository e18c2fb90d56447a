"""Telling events to the owner of a link, who must not wait for the link meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from mtproto_bind import Event, LocalProtocolError

from .groups import finished

__all__ = ["OnEvent", "Telling"]

OnEvent = Callable[[Event], Awaitable[None] | None]
"""Is given every event but computations."""


class Telling:
    """Tells events to ``on_event`` one at a time, though two connections may have some for it."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self._lock = anyio.Lock()
        self._task: int | None = None

    async def __call__(self, event: Event) -> None:
        """Returns when ``on_event`` has done what it does about the event. Raises what it raises."""
        if self._on_event is None:
            return
        try:
            self._lock.acquire_nowait()
        except anyio.WouldBlock:
            await self._lock.acquire()
        try:
            self._task = anyio.get_current_task().id
            await finished(self._on_event(event))
        finally:
            self._task = None
            self._lock.release()

    @property
    def is_current(self) -> bool:
        """Whether the task that asks is in ``on_event`` at present."""
        return self._task is not None and self._task == anyio.get_current_task().id

    def refuse_to_wait(self, what: str) -> None:
        """Raises ``LocalProtocolError`` where the task that would wait is the one that is waited for."""
        if self.is_current:
            text = (
                f"{what} would wait for the link, and the link waits for on_event to return: use submit(), and wait in a task "
                "of your own"
            )
            raise LocalProtocolError(text)
