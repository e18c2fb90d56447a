"""The browser, by way of Pyodide: a client on the page's own WebSocket, in its main thread or in a Web Worker.

Nothing outside a browser is needed to import this; ``js`` and ``pyodide`` are looked for when a connection is made.
"""

from __future__ import annotations

from ..switchboard import CallUnanswered
from .bigint import SOURCE as BIGINT_SOURCE
from .connecting import connect
from .crypto import BrowserCrypto
from .link import Call, Link, Updates
from .websocket import WebSocketFailed

__all__ = ["BIGINT_SOURCE", "BrowserCrypto", "Call", "CallUnanswered", "Link", "Updates", "WebSocketFailed", "connect"]
