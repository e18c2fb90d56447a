"""Servers and clients in an event loop, for the tests of what drives them there; and what must not be left behind."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import coroutine
from typing import Any, TypeVar, cast

import anyio
import anyio.lowlevel
from anyio.abc import Listener, SocketAttribute
from anyio.streams.tls import TLSListener

from kit.keys import SERVER_KEY
from kit.serving import PATIENCE, turn_around
from mtproto_bind import ClientConfig, Retry, Server, ServerConfig
from mtproto_bind.testing import make_client_config, make_server_config
from mtproto_bind_adapters.anyio import AnyioServer, Link, connect
from mtproto_bind_adapters.stores import MemoryStore

T = TypeVar("T")
Address = tuple[str, int]
BACKENDS = ("asyncio", "trio")
WORKERS = ("AnyIO worker thread", "Trio thread", "asyncio_")
"""Idle, they wait for more for a while, and belong to nobody."""


def cheap_client(seed: bytes = b"client", **changes: Any) -> ClientConfig:
    """A client that trusts our server, and pays for its powers once in a process."""
    return make_client_config(SERVER_KEY, **{"seed": seed, "retry": Retry(delay=0.01, ceiling=0.02), **changes})


def cheap_server(**changes: Any) -> ServerConfig:
    """Its server."""
    return make_server_config(SERVER_KEY, **changes)


@asynccontextmanager
async def serving(
    on_event: Any = turn_around,
    *,
    config: ServerConfig | None = None,
    store: Any = None,
    tls: ssl.SSLContext | None = None,
    layer: Callable[[Listener[Any]], Listener[Any]] = lambda listener: listener,
    **settings: Any,
) -> AsyncIterator[tuple[AnyioServer, Address]]:
    """A server on loopback, and its address. ``layer``: what lies on its listener, beside TLS."""
    server = AnyioServer(
        Server(config or cheap_server()), MemoryStore() if store is None else store, on_event=on_event, **settings
    )
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        await tasks.start(server.serve, layer(TLSListener(listener, tls) if tls else listener))
        yield server, ("127.0.0.1", listener.extra(SocketAttribute.local_port))
        tasks.cancel_scope.cancel()


def linked(address: Address, config: ClientConfig | None = None, **settings: Any) -> AbstractAsyncContextManager[Link]:
    """A client of it."""
    return connect(config or cheap_client(), *address, **settings)


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Raises RuntimeError where the block leaves a task, a thread or a file open, or does not end."""
    # the first of each backend opens what stays open
    await anyio.to_thread.run_sync(int)
    before = belongings()
    with anyio.fail_after(PATIENCE):
        yield
    until = anyio.current_time() + PATIENCE
    while left := belongings() - before:
        if anyio.current_time() > until:
            raise RuntimeError(f"expected that nothing is left, came {left}")
        await anyio.sleep(0.001)


def belongings() -> set[object]:
    """The tasks, threads and open files of this process."""
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith(WORKERS)]
    files = [f"{name}: {target}" for name in os.listdir("/proc/self/fd") if (target := target_of(name))]  # noqa: PTH208
    # whoever asks is another task at the end of a test than at its beginning
    tasks = [f"task {number}" for number, _ in enumerate(anyio.get_running_tasks())]
    return {*tasks, *threads, *files}


def target_of(name: str) -> str | None:
    """What an open file is; None: it was open a moment ago."""
    try:
        return str(Path("/proc/self/fd", name).readlink())
    except FileNotFoundError:
        return None


async def cancelled_at(step: int, scope: anyio.CancelScope, work: Coroutine[Any, Any, T]) -> T:
    """Awaits ``work``, and cancels ``scope`` when it gives way for the time number ``step``, from 1."""
    return cast("T", await _counted(step, scope, work))


@coroutine
def _counted(step: int, scope: anyio.CancelScope, work: Coroutine[Any, Any, Any]) -> Any:
    send, value = work.send, None
    while True:
        try:
            given = send(value)
        except StopIteration as stop:
            return stop.value
        step -= 1
        if step == 0:
            scope.cancel()
        try:
            send, value = work.send, (yield given)
        except BaseException as error:
            send, value = work.throw, error
