"""Opening a TCP stream, with TLS or without."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from time import monotonic
from typing import Any

__all__ = ["dial"]


def dial(host: str, port: int, *, timeout: float = 10.0, tls: bool | ssl.SSLContext = False) -> socket.socket:
    """A connected socket to ``host``: a name, or an address of either family.

    ``timeout``: seconds for all of it, but for asking what the addresses of the name are; of several each has its share. The
    socket has it for what follows, too. ``tls``: True checks the server's certificate as browsers do, a context in its own way.
    Raises ``OSError`` (``ssl.SSLError`` is one): of several addresses that do not answer, that of the first.
    """
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    until = monotonic() + timeout
    try:
        stream = connected(addresses, until)
        if tls is not False:
            stream = secured(stream, host, ssl.create_default_context() if tls is True else tls, until)
    except TimeoutError:
        raise TimeoutError(f"expected {host} port {port} to answer, nothing came in {timeout:g} s") from None
    stream.settimeout(timeout)
    return stream


def connected(addresses: Sequence[Any], until: float) -> socket.socket:
    """A stream to the first of ``addresses``, as ``getaddrinfo`` gives them, that answers. Raises ``OSError``."""
    errors: list[OSError] = []
    for number, address in enumerate(addresses):
        try:
            return connected_to(address, share_of(until, len(addresses) - number))
        except OSError as error:
            errors.append(error)
    raise errors[0]


def connected_to(found: tuple[int, int, int, str, Any], timeout: float) -> socket.socket:
    """A stream to one of them, within ``timeout`` seconds. Raises ``OSError``."""
    family, kind, protocol, _name, address = found
    stream = socket.socket(family, kind, protocol)
    try:
        stream.settimeout(timeout)
        stream.connect(address)
        # Requests are small and each waits for the answer to the one before.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        stream.close()
        raise
    return stream


def secured(stream: socket.socket, host: str, context: ssl.SSLContext, until: float) -> ssl.SSLSocket:
    """TLS to ``host`` over ``stream``. Raises ``OSError`` when ``stream`` is closed."""
    try:
        stream.settimeout(share_of(until, 1))
        return context.wrap_socket(stream, server_hostname=host)
    except ssl.SSLEOFError:
        raise ConnectionResetError(f"expected {host} to speak TLS, came the end of the stream") from None
    finally:
        # wrapped, it belongs to the other one, and this has nothing left to close
        stream.close()


def share_of(until: float, among: int) -> float:
    """Seconds for the next of so many that have to be done by then. Raises ``TimeoutError`` where none is left."""
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left / among
