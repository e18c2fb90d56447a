"""asyncio and trio, by way of anyio: a client that many tasks use at once, and a server."""

from __future__ import annotations

from ..extras import needs

with needs("anyio"):
    import anyio as _anyio  # noqa: F401

from ..switchboard import CallUnanswered
from .connecting import connect
from .dialing import Dial, tcp
from .link import Call, Link, Updates
from .server import AnyioServer, serve
from .socks import socks5

__all__ = ["AnyioServer", "Call", "CallUnanswered", "Dial", "Link", "Updates", "connect", "serve", "socks5", "tcp"]
