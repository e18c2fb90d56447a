"""What other threads want done by the one that waits for streams."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import RLock

__all__ = ["Action", "Mailbox"]

Action = Callable[[], object]

logger = logging.getLogger("mtproto_bind_adapters.sync")


class Mailbox:
    """Actions in their order. One thread takes them, and has something to read at :meth:`fileno` while there are any."""

    def __init__(self) -> None:
        # a handler of signals may put something in while the main thread does
        self._lock = RLock()
        self._actions: deque[Action] = deque()
        self._is_closed = False
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self._woken.fileno()

    def put(self, action: Action) -> bool:
        """Has ``action`` done by the thread that takes. False: it takes none any more."""
        with self._lock:
            if self._is_closed:
                return False
            self._actions.append(action)
            # A full pipe is no failure: then the thread is about to wake up anyway.
            with suppress(BlockingIOError):
                self._waker.send(b"\0")
            return True

    def take(self) -> Action | None:
        """The next action, None: there is none at present."""
        with self._lock:
            if self._actions:
                return self._actions.popleft()
            with suppress(BlockingIOError):
                self._woken.recv(65536)
            return None

    def empty_and_close(self) -> None:
        """Does what is left, here and now, and lets nothing more in. What an action raises is logged, and stops no other."""
        while (action := self._take_or_close()) is not None:
            try:
                action()
            except BaseException:
                logger.exception("something that was still to be done at the end has failed")

    def _take_or_close(self) -> Action | None:
        """The next action. None: there is none, and never will be."""
        with self._lock:
            if self._actions:
                return self._actions.popleft()
            self._is_closed = True
            self._woken.close()
            self._waker.close()
            return None
