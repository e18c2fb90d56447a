"""The server: what outlives a stream in ``endpoint.py``, one stream in ``link.py``, the steps beside them.

Their faces are in ``server.py`` and ``connection.py``.
"""

from __future__ import annotations

from .connection import ServerConnection
from .server import Server
from .views import ServerStatus

__all__ = ["Server", "ServerConnection", "ServerStatus"]
