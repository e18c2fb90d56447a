"""Many clients at once against one anyio server, in two processes: ``python tests/kit/crowd.py 500 [asyncio|trio]``.

Prints what came of it: how many were bound and answered a call, how long it took, and what each process needed of memory at most.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.serving import DC, QUERY, SERVER_KEY, turn_around
from mtproto_bind import ClientConfig, Limits, Server, ServerConfig, Timeouts
from mtproto_bind_adapters.anyio import connect, serve
from mtproto_bind_adapters.stores import MemoryStore

PATIENT = Timeouts(handshake=300.0, bind=300.0, answer=300.0, idle=300.0)
"""All of them compute at once: the last one waits for the arithmetic of all others."""
PATIENCE = 600.0


def peak() -> float:
    """MiB that this process has needed at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def serve_until_eof(clients: int) -> None:
    """Serves; says its port on a line of stdout, and at the end of stdin what it needed."""
    # they all come from one address
    limits = Limits(handshakes_per_peer=2 * clients)
    config = ServerConfig(private_keys=(SERVER_KEY,), dc=DC, timeouts=PATIENT, limits=limits)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0, backlog=clients)
    print(listener.extra(anyio.abc.SocketAttribute.local_port), flush=True)
    async with anyio.create_task_group() as tasks:
        more = {"max_clients": clients, "max_clients_per_peer": clients}
        tasks.start_soon(partial(serve, Server(config), MemoryStore(), listener, on_event=turn_around, **more))
        await anyio.to_thread.run_sync(sys.stdin.read)
        print(json.dumps({"peak": peak()}), flush=True)
        tasks.cancel_scope.cancel()


async def come(port: int, clients: int) -> tuple[int, int]:
    """So many clients, all at once; how many were bound, and how many had a call answered too."""
    config = ClientConfig(server_keys=(SERVER_KEY.public,), dc=DC, timeouts=PATIENT)
    bound: set[int] = set()
    answered: list[bytes] = []

    async def one() -> None:
        async with connect(config, "127.0.0.1", port) as link:
            bound.add((await link.bound()).key_id)
            answered.append(await link.call(QUERY))

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for _ in range(clients):
                tasks.start_soon(one)
    return len(bound), answered.count(QUERY[::-1])


def main(clients: int, backend: str) -> int:
    """Prints the figures; 1 if anybody was left out."""
    command = [sys.executable, __file__, str(clients), backend, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdin is None or server.stdout is None:
            raise ValueError("its input and output are not ours")
        port = int(server.stdout.readline())
        began = time.monotonic()
        bound, answered = anyio.run(come, port, clients, backend=backend)
        seconds = time.monotonic() - began
        server.stdin.close()
        needed = json.loads(server.stdout.readline())["peak"]
    print(f"{clients} clients at once on {backend}: {bound} bound, {answered} calls answered, in {seconds:.1f} s")
    print(f"peak memory: server {needed:.0f} MiB, all clients together {peak():.0f} MiB")
    return 0 if bound == answered == clients else 1


if __name__ == "__main__":
    number, loop = int(sys.argv[1]), (sys.argv[2:] or ["asyncio"])[0]
    if "serve" in sys.argv[3:]:
        anyio.run(serve_until_eof, number, backend=loop)
    else:
        sys.exit(main(number, loop))
