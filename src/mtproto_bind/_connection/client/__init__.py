"""The client's connection: the face in ``connection.py``, the steps beside it."""

from __future__ import annotations

from .connection import BoundKey, ClientConnection, Status

__all__ = ["BoundKey", "ClientConnection", "Status"]
