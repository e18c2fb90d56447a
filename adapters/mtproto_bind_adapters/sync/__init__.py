"""Blocking sockets: a driver for one client connection, and a server in one loop. No threads."""

from __future__ import annotations

from ..clock import Clock
from ..switchboard import CallUnanswered
from .dialing import dial
from .driver import SyncDriver
from .server import SyncServer
from .streams import ByteStream

__all__ = ["ByteStream", "CallUnanswered", "Clock", "SyncDriver", "SyncServer", "dial"]
