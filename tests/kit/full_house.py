"""A server whose process runs out of files: ``python tests/kit/full_house.py asyncio|trio``.

Two sockets listen, a client waits at each, and no file is left to accept either. Prints what the server said of it, and, once
files are free again, how many clients it has.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.stapled import MultiListener

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.loops import cheap_server
from kit.serving import PATIENCE, turn_around
from mtproto_bind import Server
from mtproto_bind_adapters.anyio import AnyioServer
from mtproto_bind_adapters.anyio import server as module
from mtproto_bind_adapters.stores import MemoryStore

FILES = 100
"""As many as this process may have open."""


class Heard(logging.Handler):
    """Prints, and keeps count."""

    said = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Another one."""
        self.said += 1
        print(record.getMessage(), flush=True)


def take_all_files() -> list[int]:
    """Every file that this process may still open."""
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    while True:
        try:
            taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return taken


async def fill_the_house() -> None:
    """Raises what ends the server."""
    heard = Heard()
    logging.getLogger("mtproto_bind_adapters.anyio").addHandler(heard)
    module.BREATH = 0.05
    loop = AnyioServer(Server(cheap_server()), MemoryStore(), on_event=turn_around)
    both = MultiListener([await anyio.create_tcp_listener(local_host="127.0.0.1") for _ in range(2)])
    ports = [listener.extra(SocketAttribute.local_port) for listener in both.listeners]
    clients = [socket.create_connection(("127.0.0.1", port)) for port in ports]
    taken = take_all_files()
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(loop.serve, both)
            while heard.said < 4:
                await anyio.sleep(0.001)
            for file in taken:
                os.close(file)
            while len(loop.clients) < len(clients):
                await anyio.sleep(0.001)
            print(f"{len(loop.clients)} clients", flush=True)
            tasks.cancel_scope.cancel()
    await both.aclose()
    for client in clients:
        client.close()


if __name__ == "__main__":
    anyio.run(fill_the_house, backend=sys.argv[1])
