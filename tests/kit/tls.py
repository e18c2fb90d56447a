"""TLS in front of a server on loopback, under a certificate that is made for the test."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from mtproto_bind_adapters.sync import dial

from .certificates import make_identity

NAME = "localhost"


class TlsServer:
    """Takes one TLS stream after another, and carries what is inside to ``address``."""

    def __init__(self, address: tuple[str, int], folder: Path) -> None:
        self._identity = make_identity(folder, NAME, "127.0.0.1")
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._run)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()
        return host, port

    def trust(self) -> ssl.SSLContext:
        """For a client that takes this certificate, and no other."""
        return self._identity.client

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                with self._identity.server.wrap_socket(near, server_side=True) as inside, dial(*self._address) as far:
                    carry_both_ways(inside, far)


def carry_both_ways(near: ssl.SSLSocket, far: socket.socket) -> None:
    """Until either end has had enough."""
    near.settimeout(None)
    far.settimeout(None)
    down = Thread(target=carry, args=(far, near))
    down.start()
    carry(near, far)
    down.join()


def carry(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends; then both do."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            socket.socket.shutdown(end, socket.SHUT_RDWR)
