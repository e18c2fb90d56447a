"""MTProto inside WebSocket: for anyio (asyncio and trio), for blocking sockets, and for the server in a selector loop.

A WebSocket carries an obfuscated stream and nothing else, so give the connection :data:`WEBSOCKET_TRANSPORT`. Nothing here sees
what is inside: with a plain :class:`~mtproto_bind.Transport` the stream opens, and the server ends it at its first bytes.
"""

from __future__ import annotations

from typing import Final

from mtproto_bind import Framing, Transport

from ..carrier import Carrier, CarrierError
from ..extras import needs
from .endpoints import endpoint

with needs("websocket"):
    from .blocking import WebSocketSocket, dial_websocket
    from .protocol import PATHS, ClientCarrier, ServerCarrier, shown
    from .stream import WebSocketListener, WebSocketStream, connect_websocket

__all__ = [
    "PATHS",
    "WEBSOCKET_TRANSPORT",
    "Carrier",
    "CarrierError",
    "ClientCarrier",
    "ServerCarrier",
    "WebSocketListener",
    "WebSocketSocket",
    "WebSocketStream",
    "connect_websocket",
    "dial_websocket",
    "endpoint",
    "shown",
]

WEBSOCKET_TRANSPORT: Final = Transport(Framing.INTERMEDIATE, obfuscated=True)
"""What a client speaks inside a WebSocket; padded and abridged frames will do as well, if they are obfuscated."""
