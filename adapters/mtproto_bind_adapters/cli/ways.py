"""How ``mtproto-bind bind`` gets to a server: over TCP or through a WebSocket, and in which transport."""

from __future__ import annotations

from argparse import Namespace
from typing import Protocol

from attrs import frozen

from mtproto_bind import DataCenter, Framing, Transport, parse_secret

from ..addresses import address
from ..sync import ByteStream, dial
from .console import Failure, Misuse
from .explain import explain_dialing, explain_websocket

__all__ = ["TcpWay", "Way", "WebSocketWay", "telegrams_own", "transport_of", "way_of"]


class Way(Protocol):
    """Opens streams; its text says where to and how."""

    @property
    def transport(self) -> Transport:
        """What is to be spoken on them."""

    def dial(self, timeout: float) -> ByteStream:
        """One more, within ``timeout`` seconds. Raises ``OSError``."""

    def explain(self, error: OSError) -> Failure:
        """What :meth:`dial` raised, for people."""


@frozen
class TcpWay:
    """To ``host`` and ``port``."""

    host: str
    port: int
    transport: Transport

    def __str__(self) -> str:
        return f"{self.host} port {self.port} ({said(self.transport)})"

    def dial(self, timeout: float) -> ByteStream:
        """See :class:`Way`."""
        return dial(self.host, self.port, timeout=timeout)

    def explain(self, error: OSError) -> Failure:
        """See :class:`Way`."""
        return explain_dialing(error, self.host, self.port)


@frozen
class WebSocketWay:
    """To ``url``."""

    url: str
    transport: Transport

    def __str__(self) -> str:
        from ..websocket import shown

        return f"{shown(self.url)} ({said(self.transport)})"

    def dial(self, timeout: float) -> ByteStream:
        """See :class:`Way`."""
        from ..websocket import dial_websocket

        return dial_websocket(self.url, timeout=timeout)

    def explain(self, error: OSError) -> Failure:
        """See :class:`Way`."""
        from ..websocket import shown

        return explain_websocket(error, shown(self.url))


def way_of(options: Namespace, dc: DataCenter) -> Way:
    """Raises :class:`Misuse` for options that do not go together."""
    transport = transport_of(options)
    if options.websocket is None:
        return TcpWay(options.host or telegrams_own(dc), options.port or 443, transport)
    for name in ("host", "port", "secret"):
        if getattr(options, name) is not None:
            raise Misuse(f"--{name} makes no sense with --websocket, whose URL says where to")
    try:
        from .. import websocket
    except ModuleNotFoundError as error:
        raise Misuse(f"--websocket: {error}") from None
    try:
        websocket.ClientCarrier(options.websocket)
    except ValueError as error:
        raise Misuse(f"--websocket: {error}") from None
    return WebSocketWay(options.websocket, transport)


def transport_of(options: Namespace) -> Transport:
    """Raises :class:`Misuse`: a secret and a WebSocket demand obfuscation, a secret that begins with dd padded frames too."""
    secret = None
    if options.secret is not None:
        try:
            secret = parse_secret(options.secret)
        except ValueError as error:
            raise Misuse(f"--secret: {error}") from None
    obfuscated = options.obfuscated or secret is not None or options.websocket is not None
    framing = options.transport or ("padded" if secret is not None and len(secret) > PLAIN_SECRET else "intermediate")
    try:
        return Transport(framing=Framing[framing.upper()], obfuscated=obfuscated, secret=secret)
    except ValueError as error:
        raise Misuse(f"--transport {framing}: {error}") from None


PLAIN_SECRET = 16
"""Bytes of a secret that demands no framing of its own."""


def said(transport: Transport) -> str:
    """A transport in words."""
    how = transport.framing.value
    if transport.secret is not None:
        return f"{how}, obfuscated with a secret"
    return f"{how}, obfuscated" if transport.obfuscated else how


def telegrams_own(dc: DataCenter) -> str:
    """The address of one of Telegram's data centres. Raises :class:`Misuse` where none is known."""
    try:
        return address(dc)
    except ValueError as error:
        raise Misuse(f"{error}: give --host") from None
