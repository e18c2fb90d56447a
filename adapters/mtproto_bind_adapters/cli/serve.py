"""``mtproto-bind serve``: a server that makes keys and binds them for any client."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from mtproto_bind import DataCenter, Server, ServerConfig, Transport, parse_secret

from ..carrier import Carrier
from ..sync import SyncServer
from .application import Application
from .console import Console, Failure, Misuse
from .keyfile import read_private_key
from .keystore import opened, salt_secret_of

__all__ = ["run"]

MAX_CLIENTS = 1000


def run(options: Namespace, console: Console) -> None:
    """Serves until SIGTERM or SIGINT. Raises :class:`Misuse`, :class:`Failure`, and ``KeyboardInterrupt`` after SIGINT."""
    keys = tuple(read_private_key(path) for path in options.private_key)
    transport = Transport.detect(secrets=[secret_of(text) for text in options.secret or ()])
    carrier = None if options.websocket is None else websocket_carrier()
    dc = data_center(options)
    application = Application(dc, console.say, console.tell)
    with opened(options) as keystore:
        server = Server(
            ServerConfig(
                private_keys=keys,
                dc=dc,
                old_rsa=options.allow_old_rsa,
                share_handshakes=keystore.shared,
                share_calls=keystore.shared,
                salt_secret=salt_secret_of(keys) if keystore.shared else None,
            )
        )
        # signals first: whoever is told of a port may stop us at once
        with (
            SyncServer(
                server,
                keystore.store,
                on_event=application.on_event,
                transport=transport,
                # whoever is behind a proxy has its address
                max_clients_per_peer=MAX_CLIENTS,
                max_clients=MAX_CLIENTS,
                store_threads=keystore.threads,
            ) as loop,
            stopped_by_signals(loop.stop) as caught,
        ):
            open_listener = partial(loop.listen, reuse_port=options.reuse_port)
            application.address = listen(console, "tcp", options.listen, open_listener)
            if carrier is not None:
                listen(console, "websocket", options.websocket, partial(open_listener, carrier=carrier))
            loop.run()
    console.say("stopped")
    console.tell(event="stopped")
    if signal.SIGINT in caught:
        raise KeyboardInterrupt


def listen(
    console: Console, carrier: str, address: tuple[str, int], open_listener: Callable[[str, int], tuple[str, int]]
) -> tuple[str, int]:
    """Listens, tells where, and returns it. Raises :class:`Failure`."""
    host, port = address
    option = "--listen" if carrier == "tcp" else "--websocket"
    try:
        host, port = open_listener(host, port)
    except OSError as error:
        text = f"expected to listen on {host} port {port}, came {error.strerror}: choose another address with {option}"
        raise Failure(text, kind=type(error).__name__) from None
    console.say(f"listening on {host} port {port}" + (" for WebSockets" if carrier == "websocket" else ""))
    console.tell(event="listening", carrier=carrier, host=host, port=port)
    return host, port


def websocket_carrier() -> Callable[[], Carrier]:
    """What speaks WebSocket. Raises :class:`Misuse` where the library for it is missing."""
    try:
        from ..websocket import ServerCarrier
    except ModuleNotFoundError as error:
        raise Misuse(f"--websocket: {error}") from None
    return ServerCarrier


def secret_of(text: str) -> bytes:
    """Raises :class:`Misuse`."""
    try:
        return parse_secret(text)
    except ValueError as error:
        raise Misuse(f"--secret: {error}") from None


def data_center(options: Namespace) -> DataCenter | None:
    """The data centre to be, None: any."""
    if options.dc is None:
        if options.test or options.media:
            raise Misuse("--test and --media say which data centre --dc means: give --dc too")
        return None
    return DataCenter(options.dc, test=options.test, media=options.media)


@contextmanager
def stopped_by_signals(stop_it: Callable[[], None]) -> Iterator[list[int]]:
    """SIGINT and SIGTERM call ``stop_it``; what came is in the list."""
    caught: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        stop_it()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
