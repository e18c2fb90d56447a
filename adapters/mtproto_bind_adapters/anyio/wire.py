"""One byte stream: what is read from it and written to it, a piece at a time, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
from anyio.abc import ByteStream, TaskGroup

__all__ = ["FAREWELL", "GONE", "STALLED", "Wire"]

READ_SIZE = 65536
WRITE_SIZE = 65536
STALLED = 30.0
"""Seconds within which the peer must take each piece of ``WRITE_SIZE`` bytes."""
FAREWELL = 1.0
"""Seconds for what is written before a stream is closed."""

# A TLS stream may have to write where it reads, and finds a write under way.
GONE = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.BusyResourceError)
"""What a stream raises that is of no more use."""


class Wire:
    """At most one read and one write of ``stream`` are under way, each in a task of its own among ``tasks``.

    ``changed`` is called when one of them has come to its end. Nothing is read that nobody has asked for. ``shield``: they go on
    where ``tasks`` are cancelled, until :meth:`close`, which has to be awaited then.
    """

    def __init__(self, stream: ByteStream, tasks: TaskGroup, changed: Callable[[], None], *, shield: bool = False) -> None:
        self.lost = False
        """Nothing follows what has arrived, or what was written did not leave whole."""
        self.writing = False
        self._stream = stream
        self._tasks = tasks
        self._changed = changed
        self._shield = shield
        self._reading = False
        self._arrived = b""
        self._under_way: set[anyio.CancelScope] = set()
        self._ended = anyio.Event()

    def read(self) -> None:
        """Has a piece read, unless one is awaited, or waits to be taken."""
        if not (self._reading or self._arrived or self.lost):
            self._reading = True
            self._start(self._read)

    def take(self) -> bytes:
        """What has arrived; b"" if nothing has."""
        arrived, self._arrived = self._arrived, b""
        return arrived

    def write(self, data: bytes) -> None:
        """Has ``data`` written; only while nothing else is."""
        self.writing = True
        self._start(lambda: self._write(data))

    async def close(self, words: bytes, patience: float, *, half: bool = False) -> None:
        """Writes the last ``words`` after what is being written, and closes the stream, all in ``patience`` seconds.

        ``half``: closes the own side first, and waits for the peer to close the other. Of what goes wrong nothing is told.
        """
        closed = False
        try:
            with anyio.move_on_after(patience), suppress(*GONE):
                while self.writing:
                    await self._next_end()
                if words and not self.lost:
                    await self._stream.send(words)
                if half:
                    await self._close_own_side()
                await self._stop()
                await self._stream.aclose()
                closed = True
        finally:
            with anyio.CancelScope(shield=True), suppress(*GONE):
                await self._stop()
                if not closed:
                    await anyio.aclose_forcefully(self._stream)

    def _start(self, action: Callable[[], Awaitable[None]]) -> None:
        scope = anyio.CancelScope(shield=self._shield)
        self._under_way.add(scope)
        self._tasks.start_soon(self._run, action, scope)

    async def _run(self, action: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
        try:
            with scope:
                await action()
        finally:
            self._under_way.discard(scope)
            ended, self._ended = self._ended, anyio.Event()
            ended.set()
            self._changed()

    async def _read(self) -> None:
        try:
            self._arrived = await self._stream.receive(READ_SIZE)
            self.lost = self.lost or not self._arrived
        except GONE:
            self.lost = True
        finally:
            self._reading = False

    async def _write(self, data: bytes) -> None:
        whole = False
        try:
            for at in range(0, len(data), WRITE_SIZE):
                with anyio.fail_after(STALLED):
                    await self._stream.send(data[at : at + WRITE_SIZE])
            whole = True
        except GONE:
            # TimeoutError is an OSError
            pass
        finally:
            self.writing = False
            self.lost = self.lost or not whole

    async def _close_own_side(self) -> None:
        try:
            await self._stream.send_eof()
        except NotImplementedError:
            # TLS streams; they say good-bye when they are closed
            return
        while not self.lost:
            self.take()
            self.read()
            await self._next_end()

    async def _stop(self) -> None:
        """Nothing is under way any more."""
        for scope in self._under_way:
            scope.cancel()
        while self._under_way:
            await self._next_end()

    async def _next_end(self) -> None:
        """A read or a write has come to its end."""
        await self._ended.wait()
