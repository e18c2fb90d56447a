"""Blocking sockets: a driver for one client connection, and a server in one loop. No threads."""

from __future__ import annotations

from .clock import Clock
from .dialing import dial
from .driver import CallUnanswered, SyncDriver
from .server import SyncServer

__all__ = ["CallUnanswered", "Clock", "SyncDriver", "SyncServer", "dial"]
