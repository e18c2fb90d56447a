"""A byte stream whose every piece, pause and failure a test decides."""

from __future__ import annotations

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream


class ScriptedStream(ByteStream):
    """Gives what :meth:`arrive` put in, keeps what is written in :attr:`written`."""

    def __init__(self, *, half: bool = True) -> None:
        self.written: list[bytes] = []
        self.closed = 0
        self.half_closed = False
        self.refusal: Exception | None = None
        """Raised by the next write."""
        self.taking = anyio.Event()
        """Writes wait for it."""
        self.taking.set()
        self.reads = 0
        self._half = half
        self._pieces, self._arriving = anyio.create_memory_object_stream[bytes](100)

    def arrive(self, *pieces: bytes) -> None:
        """These come next."""
        for piece in pieces:
            self._pieces.send_nowait(piece)

    def end(self) -> None:
        """Nothing comes after what has arrived."""
        self._pieces.close()

    def stall(self) -> None:
        """Writes wait until ``taking`` is set."""
        self.taking = anyio.Event()

    async def receive(self, max_bytes: int = 65536) -> bytes:
        self.reads += 1
        return await self._arriving.receive()

    async def send(self, item: bytes) -> None:
        await self.taking.wait()
        if self.refusal is not None:
            raise self.refusal
        self.written.append(item)

    async def send_eof(self) -> None:
        if not self._half:
            raise NotImplementedError
        self.half_closed = True

    async def aclose(self) -> None:
        self.closed += 1
        self._pieces.close()
        self._arriving.close()
        await anyio.lowlevel.checkpoint()
