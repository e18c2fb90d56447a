"""Connections: the machines that the owner drives."""

from __future__ import annotations

from .client import BoundKey, ClientConnection, Status
from .server import Server, ServerConnection, ServerStatus

__all__ = ["BoundKey", "ClientConnection", "Server", "ServerConnection", "ServerStatus", "Status"]
