"""Opening streams: TCP, with TLS or without."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import ByteStream
from anyio.streams.tls import TLSStream

__all__ = ["Dial", "secured", "tcp"]

Dial = Callable[[], Awaitable[ByteStream]]
"""Opens a stream to the server; asked again whenever one was lost. What it raises has closed what it opened."""
TIMEOUT = 10.0


def tcp(host: str, port: int, *, tls: bool | ssl.SSLContext = False, timeout: float = TIMEOUT) -> Dial:
    """Dials ``host``, a name or an address of either family.

    ``tls``: True checks the server's certificate as browsers do; a context checks it in its own way. ``timeout``: seconds for all
    of it. Dialling raises ``OSError``: of several addresses that do not answer, that of the first.
    """

    async def dial() -> ByteStream:
        try:
            with anyio.fail_after(timeout):
                return await secured(await connected(host, port), host, tls)
        except TimeoutError:
            raise TimeoutError(f"expected {host} port {port} to answer, nothing came in {timeout:g} s") from None

    return dial


async def connected(host: str, port: int) -> ByteStream:
    """A TCP stream, on which small writes leave at once. Raises ``OSError``."""
    try:
        return await anyio.connect_tcp(host, port)
    except OSError as error:
        cause = error.__cause__
        if isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]
        # what anyio says itself is only that all attempts failed
        raise cause if isinstance(cause, OSError) else error from None


async def secured(stream: ByteStream, host: str, tls: bool | ssl.SSLContext) -> ByteStream:
    """``stream``, or TLS to ``host`` over it. Raises ``OSError``, which ``ssl.SSLError`` is, when ``stream`` is closed."""
    if tls is False:
        return stream
    context = None if tls is True else tls
    try:
        # Frames say where they end, so a peer that leaves without a good-bye cuts nothing short.
        return await TLSStream.wrap(stream, hostname=host, server_side=False, ssl_context=context, standard_compatible=False)
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        await anyio.aclose_forcefully(stream)
        raise ConnectionResetError(f"expected {host} to speak TLS, came the end of the stream") from None
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise
