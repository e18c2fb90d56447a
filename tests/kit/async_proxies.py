"""What stands between a client and a server in an event loop: a SOCKS5 proxy, and one that carries badly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from attrs import define, field

Address = tuple[str, int]
GRANTED, FORBIDDEN = 0, 2


@asynccontextmanager
async def listening_with(handler: Callable[[SocketStream], Awaitable[None]]) -> AsyncIterator[Address]:
    """A listener on loopback whose every stream ``handler`` has."""

    async def handle(stream: SocketStream) -> None:
        with suppress(anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with stream:
                await handler(stream)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield "127.0.0.1", listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


@define
class SocksProxy:
    """Speaks RFC 1928 and 1929 as far as it must; ``login``: user and password that it wants."""

    login: tuple[bytes, bytes] | None = None
    answer: int = GRANTED
    cut: bool = False
    """It ends the stream where it should answer."""
    silent: bool = False
    """It says nothing at all."""
    asked_for: list[Address] = field(factory=list)

    async def handle(self, stream: SocketStream) -> None:
        """Serves one stream."""
        if self.silent:
            await anyio.sleep_forever()
        reader = BufferedByteReceiveStream(stream)
        _version, count = await reader.receive_exactly(2)
        methods = await reader.receive_exactly(count)
        wanted = 2 if self.login else 0
        await stream.send(bytes([5, wanted if wanted in methods else 0xFF]))
        if self.login and not await self._log_in(stream, reader):
            return
        _version, _command, _reserved, kind = await reader.receive_exactly(4)
        length = 4 if kind == 1 else (await reader.receive_exactly(1))[0]
        name = await reader.receive_exactly(length)
        port = int.from_bytes(await reader.receive_exactly(2), "big")
        host = ".".join(map(str, name)) if kind == 1 else name.decode()
        self.asked_for.append((host, port))
        if self.cut:
            return
        await stream.send(bytes([5, self.answer, 0, 1]) + bytes(6))
        if self.answer == GRANTED:
            async with await anyio.connect_tcp(host, port) as far:
                await carry(stream, far)

    async def _log_in(self, stream: ByteStream, reader: BufferedByteReceiveStream) -> bool:
        _version, length = await reader.receive_exactly(2)
        user = await reader.receive_exactly(length)
        password = await reader.receive_exactly((await reader.receive_exactly(1))[0])
        granted = (user, password) == self.login
        await stream.send(bytes([1, 0 if granted else 1]))
        return granted


@define
class BadCarrier:
    """Carries streams to ``address``; on the first, in both directions together, no more than ``limit`` bytes.

    Then it ends it, or, ``half_open``, says nothing any more. ``piece``: bytes carried at once.
    """

    address: Address
    limit: int | None = None
    half_open: bool = False
    piece: int = 65536
    streams: int = 0
    carried: int = 0

    async def handle(self, near: SocketStream) -> None:
        """Carries one stream."""
        self.streams += 1
        pass_on = self._up_to_the_limit if self.streams == 1 and self.limit is not None else self._all
        async with await anyio.connect_tcp(*self.address) as far:
            await carry(near, far, pass_on)

    async def _all(self, data: bytes, target: ByteStream) -> bool:
        for at in range(0, len(data), self.piece):
            await target.send(data[at : at + self.piece])
            self.carried += len(data[at : at + self.piece])
        return True

    async def _up_to_the_limit(self, data: bytes, target: ByteStream) -> bool:
        left = max((self.limit or 0) - self.carried, 0)
        await self._all(data[:left], target)
        if len(data) < left:
            return True
        if self.half_open:
            await anyio.sleep_forever()
        return False


async def _send(data: bytes, target: ByteStream) -> bool:
    await target.send(data)
    return True


async def carry(near: ByteStream, far: ByteStream, pass_on: Callable[[bytes, ByteStream], Awaitable[bool]] = _send) -> None:
    """Both ways until one end has ended, or ``pass_on`` says that it is enough."""
    async with anyio.create_task_group() as tasks:

        async def one_way(source: ByteStream, target: ByteStream) -> None:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while await pass_on(await source.receive(), target):
                    pass
            tasks.cancel_scope.cancel()

        tasks.start_soon(one_way, near, far)
        tasks.start_soon(one_way, far, near)
