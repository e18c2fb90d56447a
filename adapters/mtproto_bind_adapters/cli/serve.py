"""``mtproto-bind serve``: a server that makes keys and binds them for any client."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mtproto_bind import DataCenter, Server, ServerConfig

from ..stores import MemoryStore
from ..sync import SyncServer
from .application import Application
from .console import Console, Failure, Misuse
from .keyfile import read_private_key

__all__ = ["run"]


def run(options: Namespace, console: Console) -> None:
    """Serves until SIGTERM or SIGINT. Raises :class:`Misuse`, :class:`Failure`, and ``KeyboardInterrupt`` after SIGINT."""
    if options.websocket:
        raise Misuse("--websocket is not there yet: this version serves plain TCP, see --listen")
    if options.store != "memory":
        raise Misuse(f"--store {options.store} is not there yet: this version keeps keys in memory")
    keys = tuple(read_private_key(path) for path in options.private_key)
    dc = data_center(options)
    server = Server(ServerConfig(private_keys=keys, dc=dc, old_rsa=options.allow_old_rsa))
    host, port = options.listen
    application = Application(dc, console.say, console.tell)
    with SyncServer(server, MemoryStore(), on_event=application.on_event) as loop:
        try:
            application.address = host, port = loop.listen(host, port)
        except OSError as error:
            text = f"expected to listen on {host} port {port}, came {error.strerror}: choose another address with --listen"
            raise Failure(text, kind=type(error).__name__) from None
        console.say(f"listening on {host} port {port}")
        console.tell(event="listening", carrier="tcp", host=host, port=port)
        with stopped_by_signals(loop.stop) as caught:
            loop.run()
    console.say("stopped")
    console.tell(event="stopped")
    if signal.SIGINT in caught:
        raise KeyboardInterrupt


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
