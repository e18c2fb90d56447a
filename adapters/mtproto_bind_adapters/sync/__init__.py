"""Blocking sockets: a link for many threads, a driver for one caller without any, and a server in one loop."""

from __future__ import annotations

from ..clock import Clock
from ..switchboard import CallUnanswered
from .connecting import connect
from .dialing import dial
from .driver import SyncDriver
from .link import Link
from .server import SyncServer
from .streams import ByteStream

__all__ = ["ByteStream", "CallUnanswered", "Clock", "Link", "SyncDriver", "SyncServer", "connect", "dial"]
