"""Opening a TCP stream."""

from __future__ import annotations

import socket

__all__ = ["dial"]


def dial(host: str, port: int, *, timeout: float = 10.0) -> socket.socket:
    """A connected socket to ``host``: a name, or an address of either family.

    Every address of the name is tried, each for at most ``timeout`` seconds. Raises ``OSError``.
    """
    stream = socket.create_connection((host, port), timeout=timeout)
    # Requests are small and each waits for the answer to the one before.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream
