"""WebSocket over the byte streams of anyio, for asyncio and trio: a client, and a listener."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from ssl import SSLContext
from typing import Any, Final, Self

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import AnyByteStream, ByteStream, Listener, TaskGroup
from anyio.lowlevel import checkpoint
from websockets.uri import WebSocketURI

from ..carrier import Carrier, CarrierError
from .protocol import PATHS, ClientCarrier, ServerCarrier, parse_url, shown

__all__ = ["WebSocketListener", "WebSocketStream", "connect_websocket"]

logger = logging.getLogger("mtproto_bind_adapters.websocket")

HIGH_WATER: Final = 1 << 16
"""Bytes of answers to pings that may wait for a task that writes; beyond, nothing more is read."""
STALLED: Final = 10.0
"""Seconds within which the peer must take such answers."""
FAREWELL: Final = 1.0
"""Seconds for the last words, and for the peer to close its side."""

LOST: Final = (EndOfStream, BrokenResourceError, ClosedResourceError, OSError)
"""What the stream below raises that has no more use."""


class WebSocketStream(ByteStream):
    """The stream inside the WebSocket that ``carrier`` speaks over ``stream``. Made by :meth:`wrap`.

    One task may receive while others send. A :meth:`send` that is cancelled may have written half a frame, so the stream is
    broken afterwards; a :meth:`receive` that is cancelled has lost nothing.
    """

    def __init__(self, stream: AnyByteStream, carrier: Carrier) -> None:
        self._stream = stream
        self._carrier = carrier
        self._received = bytearray()
        self._unwritten = bytearray()
        self._writing = anyio.Lock()
        self._receiving = False
        self._answered = False
        """Whether the latest that was read wanted an answer, which may be on its way still."""
        self._broken = False
        self._closed = False

    @classmethod
    async def wrap(cls, stream: AnyByteStream, carrier: Carrier) -> Self:
        """Does the handshake over ``stream``. :class:`CarrierError` where that fails; then ``stream`` is closed."""
        made = cls(stream, carrier)
        try:
            await made._open()
        except CarrierError:
            await made.aclose()
            raise
        except BrokenResourceError as error:
            await anyio.aclose_forcefully(stream)
            raise CarrierError("the stream was lost before the WebSocket was open") from error
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise
        return made

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Some bytes of the stream. ``EndOfStream`` after a proper close, ``BrokenResourceError`` after another end."""
        if max_bytes < 1:
            raise ValueError(f"max_bytes is {max_bytes}; a positive number is needed")
        if self._receiving:
            raise anyio.BusyResourceError("reading from")
        self._receiving = True
        try:
            await checkpoint()
            while not self._received:
                self._check()
                if self._carrier.ended:
                    raise EndOfStream
                await self._read()
        finally:
            self._receiving = False
        taken = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        return taken

    async def send(self, item: bytes) -> None:
        """Sends bytes of the stream. ``BrokenResourceError`` where the other side takes none any more."""
        self._check()
        async with self._writing:
            self._check()
            with as_broken():
                self._carrier.send(item)
                await self._write()

    async def send_eof(self) -> None:
        """A WebSocket has no half that could be closed: ``NotImplementedError``."""
        raise NotImplementedError("a WebSocket has no half-close: use aclose()")

    async def aclose(self) -> None:
        """Says goodbye, as far as the peer listens within a second, and closes the stream below. May be called twice."""
        self._closed = True
        self._carrier.close()
        try:
            with anyio.move_on_after(FAREWELL), suppress(*LOST):
                await self._say_goodbye()
        finally:
            # TLS below may have a goodbye of its own, that the peer does not hear either
            with anyio.move_on_after(FAREWELL), suppress(*LOST):
                await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """Those of the stream below."""
        return self._stream.extra_attributes

    async def _open(self) -> None:
        async with self._writing:
            await self._write()
        while not self._carrier.begun:
            if self._carrier.error is not None:
                raise self._carrier.error
            await self._read()

    def _check(self) -> None:
        """Raises what makes the stream of no more use."""
        if self._closed:
            raise ClosedResourceError
        if self._carrier.error is not None:
            raise BrokenResourceError(str(self._carrier.error)) from self._carrier.error
        if self._broken:
            raise BrokenResourceError("a write failed or was cut off: half a frame may have been sent")

    async def _read(self) -> None:
        """Reads once, and answers what wants an answer."""
        try:
            with as_broken():
                data = await self._stream.receive()
        except EndOfStream:
            self._carrier.receive_eof()
        else:
            # no await from here to the end of what came: whoever is cancelled loses nothing
            self._received += self._carrier.receive(data)
        self._unwritten += self._carrier.data_to_send()
        self._answered = bool(self._unwritten)
        await self._answer()

    async def _answer(self) -> None:
        """Writes answers to pings, unless a task that is writing will do it in a moment."""
        if not self._unwritten or (self._writing.locked() and len(self._unwritten) < HIGH_WATER):
            return
        async with self._writing:
            # a receive() that is cancelled meanwhile must not leave half a frame
            with anyio.CancelScope(shield=True, deadline=anyio.current_time() + STALLED), suppress(BrokenResourceError, OSError):
                await self._write()

    async def _write(self) -> None:
        """Writes all there is. To be called with the lock."""
        self._unwritten += self._carrier.data_to_send()
        while self._unwritten:
            data = bytes(self._unwritten)
            self._unwritten.clear()
            try:
                await self._stream.send(data)
            except BaseException:
                self._broken = True
                raise

    async def _say_goodbye(self) -> None:
        """The last words; then reads on, for unread bytes would make a reset of the close, which overtakes them."""
        async with self._writing:
            if self._broken:
                return
            self._unwritten += self._carrier.data_to_send()
            spoken = self._answered or bool(self._unwritten)
            await self._write()
        while spoken and not self._receiving and (self._carrier.error is not None or not self._carrier.ended):
            self._carrier.receive(await self._stream.receive())


class WebSocketListener(Listener[WebSocketStream]):
    """Takes WebSockets at ``paths`` on what ``listener`` accepts, each within ``handshake_timeout`` seconds.

    Who does not manage is refused, and logged. For ``wss``, ``listener`` is a ``TLSListener``. Nothing limits here how many may
    try at once: ``AnyioServer`` does, for it opens them itself.
    """

    def __init__(self, listener: Listener[Any], *, paths: Collection[str] = PATHS, handshake_timeout: float = 10.0) -> None:
        self.listener = listener
        """The one below."""
        self._paths = paths
        self._handshake_timeout = handshake_timeout

    async def serve(self, handler: Callable[[WebSocketStream], Any], task_group: TaskGroup | None = None) -> None:
        """Calls ``handler`` with every WebSocket that has been opened, in a task of its own."""

        async def handle(stream: AnyByteStream) -> None:
            if opened := await self.open_on(stream):
                await handler(opened)

        await self.listener.serve(handle, task_group)

    async def aclose(self) -> None:
        """Accepts no more."""
        await self.listener.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """Those of the listener below."""
        return self.listener.extra_attributes

    async def open_on(self, stream: AnyByteStream) -> WebSocketStream | None:
        """The WebSocket on ``stream``. None: its client is refused, and ``stream`` is closed."""
        try:
            with anyio.fail_after(self._handshake_timeout):
                return await WebSocketStream.wrap(stream, ServerCarrier(paths=self._paths))
        except TimeoutError:
            logger.info("a client is refused: no WebSocket handshake in %s s", self._handshake_timeout)
        except OSError as error:
            logger.info("a client is refused: %s", error)
        return None


async def connect_websocket(url: str, *, ssl_context: SSLContext | None = None, timeout: float = 10.0) -> WebSocketStream:
    """A WebSocket to ``url``: ``ws://``, or ``wss://`` with a certificate for its host. It wants an obfuscated transport.

    ``ssl_context``: None for the system's authorities. Raises ``OSError`` (``TimeoutError`` after ``timeout`` seconds,
    ``ssl.SSLError``, :class:`CarrierError`) where there is none, and ``ValueError`` for what is no such URL.
    """
    to = parse_url(url)
    if ssl_context is not None and not to.secure:
        raise ValueError(f"{shown(url)} is spoken without TLS: say wss://, or give no ssl_context")
    try:
        with anyio.fail_after(timeout):
            return await WebSocketStream.wrap(await connect(to, ssl_context), ClientCarrier(url))
    except TimeoutError:
        raise TimeoutError(f"no WebSocket at {shown(url)} in {timeout} s") from None


async def connect(to: WebSocketURI, ssl_context: SSLContext | None) -> AnyByteStream:
    """What a WebSocket to ``to`` lies on."""
    if not to.secure:
        return await anyio.connect_tcp(to.host, to.port)
    # the goodbye of WebSocket is enough, and many servers say none in TLS
    return await anyio.connect_tcp(to.host, to.port, tls=True, ssl_context=ssl_context, tls_standard_compatible=False)


@contextmanager
def as_broken() -> Iterator[None]:
    """Errors of the carrier, and those of TLS below, as anyio has them."""
    try:
        yield
    except OSError as error:
        raise BrokenResourceError(str(error)) from error
