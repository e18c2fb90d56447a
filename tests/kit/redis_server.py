"""A Redis server of the tests' own, on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from redis import Redis

__all__ = ["RedisServer", "redis_cluster", "redis_server"]

PATIENCE = 30.0
FORGETFUL = ("--save", "", "--appendonly", "no")
"""It writes nothing to its disk."""


class RedisServer:
    """``redis-server`` with ``options``, in ``folder``, on a port that stays the same when it is started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("redis-server is missing: apt-get update && apt-get install -y redis-server")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._command = [program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder), *options]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it takes connections. RuntimeError if it ends before."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        said = []
        for line in self._process.stdout or ():
            said.append(line)
            if "Ready to accept connections" in line:
                return
        self.stop()
        raise RuntimeError("redis-server does not start: " + "".join(said))

    def stop(self) -> None:
        """Killed, as far as it runs; without ceremony, so that it saves nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def client(self) -> Redis:
        """A client of its own, to be closed."""
        return Redis(port=self.port, protocol=2)


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[RedisServer]:
    """A running server; without ``options`` it writes nothing to its disk."""
    server = RedisServer(folder, *(options or FORGETFUL))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def redis_cluster(folder: Path) -> Iterator[RedisServer]:
    """A cluster of one: it has all slots, and is as strict as any about what lies in which."""
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), *FORGETFUL)
    with redis_server(folder, *options) as server:
        with server.client() as client:
            client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            until = monotonic() + PATIENCE
            while client.cluster("info")["cluster_state"] != "ok":
                if monotonic() > until:
                    raise TimeoutError("the cluster of one does not come up")
                sleep(0.02)
        yield server


def free_port() -> int:
    """A port where nobody listens: it was given back a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
