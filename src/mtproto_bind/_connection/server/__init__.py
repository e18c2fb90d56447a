"""The server: what outlives a stream in ``endpoint.py``, one stream in ``connection.py``, the steps beside them."""

from __future__ import annotations

from .connection import ServerConnection
from .endpoint import Server

__all__ = ["Server", "ServerConnection"]
