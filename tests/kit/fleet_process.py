"""One process of a fleet, as a program: it serves on a port that others serve on too, and tells what it runs.

``python fleet_process.py PORT SERVER_THAT_FORGETS SERVER_THAT_KEEPS``
"""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
from anyio.abc import TaskStatus

sys.path.insert(0, str(Path(__file__).parent.parent))

from kit.serving import DC, SERVER_KEY
from mtproto_bind import CallReceived, Event, Secret, Server, ServerConfig, ServerConnection
from mtproto_bind_adapters.anyio import serve
from mtproto_bind_adapters.stores.redis import RedisStore
from mtproto_bind_adapters.stores.threads import InThread

CONFIG = ServerConfig(
    private_keys=(SERVER_KEY,), dc=DC, share_handshakes=True, share_calls=True, salt_secret=Secret(bytes(range(32)))
)


def on_event(connection: ServerConnection, event: Event, now: float) -> None:
    """What runs is told before it is answered."""
    if isinstance(event, CallReceived):
        print("ran", event.body.hex(), flush=True)
        connection.send_result(event, event.body[::-1], now)


class Ready(TaskStatus[None]):
    """Says when clients may come."""

    def started(self, value: None = None) -> None:
        print("ready", flush=True)


async def main(port: int, forgets: str, keeps: str) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port, reuse_port=True)
    with RedisStore(forgets, permanent=keeps) as store:
        async with listener:
            await serve(
                Server(CONFIG),
                InThread(store, threads=4),
                listener,
                on_event=on_event,
                max_clients_per_peer=1000,
                task_status=Ready(),
            )


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]), sys.argv[2], sys.argv[3])
