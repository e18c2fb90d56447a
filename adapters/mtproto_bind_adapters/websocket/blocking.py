"""WebSocket over a blocking socket, for whoever takes a ``ByteStream``."""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from typing import Final

from ..carrier import Carrier, CarrierError
from .protocol import ClientCarrier, parse_url, shown

__all__ = ["WebSocketSocket", "dial_websocket"]

READ_SIZE: Final = 65536
PIECE: Final = 16384
"""Bytes that are put into frames at once, where not all have to be."""
HIGH_WATER: Final = 1 << 16
"""Bytes of answers to pings that the peer may leave untaken."""
FAREWELL: Final = 1.0
"""Seconds within which the peer must take the last words."""


class WebSocketSocket:
    """The stream inside the WebSocket that ``carrier`` speaks over ``stream``, with the methods of a socket: a ``ByteStream``.

    What the peer does wrong is a :class:`CarrierError`, which is an ``OSError``. One thread reads and writes; another may call
    :meth:`shutdown`.
    """

    def __init__(self, stream: socket.socket, carrier: Carrier) -> None:
        self._stream = stream
        self._carrier = carrier
        self._received = bytearray()
        self._unwritten = bytearray()
        self._begun_with = 0
        """Bytes that :meth:`send` has put into frames and not told of yet."""
        self._timeout = stream.gettimeout()

    def fileno(self) -> int:
        """The descriptor of the socket below."""
        return self._stream.fileno()

    def settimeout(self, seconds: float | None, /) -> None:
        """How long reading or writing takes at most, whatever it has to do for it; None: it waits for ever."""
        self._stream.settimeout(seconds)
        self._timeout = seconds

    def recv(self, size: int, /) -> bytes:
        """Some bytes, at most ``size``; none: the peer has closed the WebSocket. Raises ``OSError``."""
        until = self._until()
        while not self._received:
            if self._carrier.error is not None:
                raise self._carrier.error
            if self._carrier.ended:
                return b""
            self._read(until)
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def send(self, data: bytes, /) -> int:
        """Writes some of it, and tells how many bytes. Raises ``OSError``.

        A frame cannot be taken back: after a ``TimeoutError`` or ``BlockingIOError`` what is written next begins with the same.
        """
        if not self._begun_with:
            self._carrier.send(data[:PIECE])
            self._begun_with = len(data[:PIECE])
        self._write(self._until())
        sent, self._begun_with = self._begun_with, 0
        return sent

    def sendall(self, data: bytes, /) -> None:
        """Writes all of it. Raises ``OSError``; after a ``TimeoutError`` the rest goes ahead of whatever is written next."""
        self._carrier.send(data[self._begun_with :])
        self._begun_with = 0
        self._write(self._until())

    def shutdown(self, how: int, /) -> None:
        """Ends one direction of the socket or both: a thread that waits in another method wakes up."""
        # that of SSLSocket would also drop the cipher, and what another thread writes would go out in clear
        socket.socket.shutdown(self._stream, how)

    def close(self) -> None:
        """Says goodbye, if the peer takes that within a second, and closes the socket. May be called twice."""
        if self._stream.fileno() >= 0:
            self._carrier.close()
            with self._stream, suppress(OSError):
                self.settimeout(FAREWELL)
                self._write(time.monotonic() + FAREWELL)

    def open(self) -> None:
        """Does the handshake. :class:`CarrierError` where that fails, and ``TimeoutError``."""
        until = self._until()
        self._write(until)
        while not self._carrier.begun:
            if self._carrier.error is not None:
                raise self._carrier.error
            self._read(until)

    def _until(self) -> float | None:
        """When the time of a method that begins now is over, on the monotonic clock."""
        return None if self._timeout is None else time.monotonic() + self._timeout

    def _wait_until(self, until: float | None) -> None:
        """Lets the socket take the time that is left. ``TimeoutError`` where there is none."""
        if until is None or self._timeout == 0:
            return
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError("timed out")
        self._stream.settimeout(left)

    def _read(self, until: float | None) -> None:
        """Reads once, and answers what wants an answer, as far as the peer takes it."""
        self._wait_until(until)
        if data := self._stream.recv(READ_SIZE):
            self._received += self._carrier.receive(data)
        else:
            self._carrier.receive_eof()
        if answer := self._carrier.data_to_send():
            self._unwritten += answer
            if len(self._unwritten) > HIGH_WATER:
                raise CarrierError("the peer goes on with pings, and does not take the answers")
            # not to wait for a peer that may wait for us; the rest goes with what is written next, and what fails fails then too
            self._stream.settimeout(0.0)
            with suppress(OSError):
                self._push()
            self._stream.settimeout(self._timeout)

    def _write(self, until: float | None) -> None:
        """Writes all there is."""
        self._unwritten += self._carrier.data_to_send()
        while self._unwritten:
            self._wait_until(until)
            self._push()

    def _push(self) -> None:
        """Writes what the socket takes at once."""
        del self._unwritten[: self._stream.send(self._unwritten)]


def dial_websocket(url: str, *, timeout: float = 10.0, ssl_context: ssl.SSLContext | None = None) -> WebSocketSocket:
    """A WebSocket to ``url``: ``ws://``, or ``wss://`` with a certificate for its host. It wants an obfuscated transport.

    ``timeout``: seconds for all of it, but for looking up the name, which takes its own time. ``ssl_context``: None for the
    system's authorities. Raises ``OSError`` (``TimeoutError``, :class:`CarrierError`, ``ssl.SSLError``) where there is none, and
    ``ValueError`` for what is no such URL.
    """
    to = parse_url(url)
    carrier = ClientCarrier(url)
    if ssl_context is not None and not to.secure:
        raise ValueError(f"{shown(url)} is spoken without TLS: say wss://, or give no ssl_context")
    until = time.monotonic() + timeout
    try:
        stream = connected(to.host, to.port, until)
        try:
            if to.secure:
                stream.settimeout(left(until))
                stream = (ssl_context or ssl.create_default_context()).wrap_socket(stream, server_hostname=to.host)
            stream.settimeout(left(until))
            opened = WebSocketSocket(stream, carrier)
            opened.open()
        except BaseException:
            stream.close()
            raise
    except TimeoutError:
        raise TimeoutError(f"no WebSocket at {shown(url)} in {timeout:g} s") from None
    opened.settimeout(timeout)
    return opened


def connected(host: str, port: int, until: float) -> socket.socket:
    """A TCP stream to the first address of ``host`` that answers. Raises ``OSError``: of several that fail, that of the first."""
    errors: list[OSError] = []
    for family, kind, number, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        stream = socket.socket(family, kind, number)
        try:
            stream.settimeout(left(until))
            stream.connect(address)
            # requests are small, and each waits for the answer to the one before
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException as error:
            stream.close()
            if not isinstance(error, OSError):
                raise
            errors.append(error)
        else:
            return stream
    raise errors[0]


def left(until: float) -> float:
    """Seconds until then, on the monotonic clock. ``TimeoutError`` where it is over."""
    if (seconds := until - time.monotonic()) <= 0:
        raise TimeoutError("timed out")
    return seconds
