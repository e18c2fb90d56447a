"""Processes on one port, over one Redis, killed and started again while clients make keys, bind and call."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Thread

from kit.redis_server import RedisServer, free_port
from kit.serving import DC, SERVER_KEY
from kit.sources import ROOT
from mtproto_bind import BoundKey, ClientConfig, Retry
from mtproto_bind_adapters.stores.redis import RedisStore
from mtproto_bind_adapters.sync import CallUnanswered, connect

CLIENTS = 8
CALLS = 12
PROGRAM = ROOT / "tests" / "kit" / "fleet_process.py"


class Process:
    """One of them: it can be killed, and started again. ``ran``: what it has run, over all its lives."""

    def __init__(self, *arguments: object) -> None:
        self._command = [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)]
        self.ran: Counter[str] = Counter()
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._ready = Event()
        self._reader = Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(60)

    def kill(self) -> None:
        """Without a word; what it had told is read to the end."""
        self._process.kill()
        self._process.wait()
        self._reader.join(60)

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        with stdout:
            for line in stdout:
                word, *body = line.split()
                if word == "ready":
                    self._ready.set()
                else:
                    self.ran.update(body)


@contextmanager
def processes(count: int, *arguments: object) -> Iterator[list[Process]]:
    made: list[Process] = []
    try:
        made += [Process(*arguments) for _ in range(count)]
        yield made
    finally:
        for process in made:
            process.kill()


class Client:
    """Makes both keys, binds, calls; says what became of it."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._number = number
        self.bound = Event()
        self.outcomes: dict[str, str] = {}
        self.key: BoundKey | None = None

    def run(self) -> None:
        config = ClientConfig(server_keys=(SERVER_KEY.public,), dc=DC, retry=Retry(delay=0.05, ceiling=0.4))
        with connect(config, "127.0.0.1", self._port) as link:
            link.bound(timeout=60)
            self.bound.set()
            for call in range(CALLS):
                body = bytes([self._number, call]) * 6
                try:
                    assert link.call(body, timeout=60) == body[::-1]
                    self.outcomes[body.hex()] = "answered"
                except CallUnanswered as error:
                    self.outcomes[body.hex()] = type(error.reason).__name__
            self.key = link.bound_key()


def test_nothing_is_lost_and_nothing_runs_twice(redis_one: RedisServer, redis_permanent: RedisServer) -> None:
    port = free_port()
    clients = [Client(port, number) for number in range(CLIENTS)]
    with processes(2, port, redis_one.url, redis_permanent.url) as fleet, ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client.run) for client in clients]
        # in the midst of handshakes, and in the midst of calls
        for process, client in zip([*fleet, *fleet], clients[:: CLIENTS // 4], strict=True):
            process.kill()
            process.start()
            assert client.bound.wait(120)
        for each in running:
            each.result(120)
        with RedisStore(redis_one.url, permanent=redis_permanent.url) as store:
            in_force = [client.key and store.bound_to(client.key.permanent_key_id) for client in clients]
    assert in_force == [client.key and client.key.key.id for client in clients]
    ran = sum((process.ran for process in fleet), Counter[str]())
    outcomes = {body: outcome for client in clients for body, outcome in client.outcomes.items()}
    assert len(outcomes) == CLIENTS * CALLS
    assert max(ran.values()) == 1
    assert {body for body, outcome in outcomes.items() if outcome == "answered"} <= ran.keys()
    unknown = [outcome for outcome in outcomes.values() if outcome != "answered"]
    assert unknown == ["OutcomeUnknown"] * len(unknown)
    assert len(unknown) <= 4 * CLIENTS, "of each client, one call for each process that was killed"
