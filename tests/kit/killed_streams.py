"""A proxy on loopback that kills streams at random, and a client that calls a server through it all the time."""

from __future__ import annotations

import selectors
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from random import Random
from threading import Thread
from time import monotonic

from attrs import define, field, frozen

from kit.trial import check, words
from mtproto_bind import (
    CallAnswered,
    CallFailed,
    CallId,
    ClientConfig,
    ClientConnection,
    DataCenter,
    Event,
    KeyBound,
    KeyExpired,
    NotRun,
    PublicKey,
    Retry,
    TransportEnded,
)
from mtproto_bind_adapters.sync import SyncDriver, dial

__all__ = ["Caller", "killing_streams"]

READ_SIZE = 65536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for no seconds: the stream ends with a reset."""
PATIENCE = 30.0
"""Seconds in which every call has ended once no stream is killed any more."""
SOME = 8
"""Calls that are under way at once."""
PACE = 0.01
"""Seconds between two calls."""


@frozen(eq=False)
class Carried:
    """One stream through the proxy."""

    near: socket.socket
    far: socket.socket
    ends_at: float


class Proxy:
    """Carries bytes to ``address``; after ``mean`` seconds, more or less, a stream is killed in the midst of what passes next."""

    def __init__(self, address: tuple[str, int], mean: float, seed: int) -> None:
        self.killed = 0
        self.killing = True
        self._address = address
        self._mean = mean
        self._random = Random(seed)
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._carried: list[Carried] = []
        self._stopping = False

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()
        return host, port

    def run(self) -> None:
        """Carry until :meth:`stop`."""
        while not self._stopping:
            for key, _mask in self._selector.select(0.01):
                # of two ends that are ready, the first may have ended both
                if key.fileobj in {one.fileobj for one in self._selector.get_map().values()}:
                    key.data()
        for one in tuple(self._carried):
            self._end(one, reset=False)
        self._listener.close()
        self._selector.close()

    def stop(self) -> None:
        """End :meth:`run`; may be called from another thread."""
        self._stopping = True

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        one = Carried(near, dial(*self._address), monotonic() + self._random.expovariate(1 / self._mean))
        self._carried.append(one)
        self._selector.register(one.near, selectors.EVENT_READ, partial(self._carry, one, one.near, one.far))
        self._selector.register(one.far, selectors.EVENT_READ, partial(self._carry, one, one.far, one.near))

    def _carry(self, one: Carried, source: socket.socket, target: socket.socket) -> None:
        killed = self.killing and one.ends_at <= monotonic()
        try:
            data = source.recv(READ_SIZE)
            # all of it, a part or nothing still arrives
            target.sendall(data[: self._random.randint(0, len(data))] if killed else data)
        except OSError:
            data = b""
        if killed or not data:
            self.killed += killed
            self._end(one, reset=killed and self._random.random() < 0.5)

    def _end(self, one: Carried, *, reset: bool) -> None:
        self._carried.remove(one)
        for end in (one.near, one.far):
            self._selector.unregister(end)
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.close()


@contextmanager
def killing_streams(address: tuple[str, int], *, mean: float, seed: int) -> Iterator[Proxy]:
    """A proxy to ``address`` in a thread of its own."""
    proxy = Proxy(address, mean, seed)
    thread = Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()


@define
class Caller:
    """A client with temporary keys that live for ``lifetime`` seconds, and what became of its calls."""

    server_key: PublicKey
    lifetime: int
    bodies: dict[CallId, bytes] = field(factory=dict)
    endings: dict[CallId, list[CallAnswered | CallFailed]] = field(factory=dict)
    bound: list[KeyBound] = field(factory=list)
    expired: int = 0
    streams: Counter[str] = field(factory=Counter)

    def run(self, proxy: Proxy, seconds: float, *, body: bytes, numbered: bool) -> None:
        """Call for ``seconds``, then let streams live until every call has ended. AssertionError where one does not.

        ``numbered``: each body is ``body`` and a number of 4 bytes.
        """
        config = ClientConfig(
            server_keys=(self.server_key,),
            dc=DataCenter(2),
            temporary_lifetime=self.lifetime,
            retry=Retry(delay=0.02, ceiling=0.5),
        )
        with SyncDriver(ClientConnection(config), partial(dial, *proxy.address)) as driver:
            next_at = driver.now()
            end = next_at + seconds
            while driver.now() < end:
                if len(self.bodies) - len(self.endings) < SOME and driver.now() >= next_at:
                    next_at += PACE
                    query = body + len(self.bodies).to_bytes(4, "little") if numbered else body
                    self.bodies[driver.connection.call(query, driver.now())] = query
                self._hear(driver)
            proxy.killing = False
            while len(self.endings) < len(self.bodies) and driver.now() < end + PATIENCE:
                self._hear(driver)
            check(driver.connection.status.calls == 0, f"calls are left over: {driver.connection.status}")

    def judge(self, runs: Counter[bytes]) -> None:
        """Contract 10, where the bodies are numbered. ``runs``: how often each ran."""
        for call_id, body in self.bodies.items():
            told = self.endings.get(call_id, [])
            check(len(told) == 1, f"call {call_id} ended {len(told)} times: {told}")
            check(runs[body] <= 1, f"call {call_id} ran {runs[body]} times")
            if isinstance(told[0], CallAnswered):
                check(told[0].body == body[::-1], f"{told[0]} has the answer of another call")
                check(runs[body] == 1, f"{told[0]} never ran")
            elif isinstance(told[0].reason, NotRun):
                check(runs[body] == 0, f"{told[0]} did run")

    def answers(self) -> list[bytes]:
        """What was answered."""
        return [ending.body for told in self.endings.values() for ending in told if isinstance(ending, CallAnswered)]

    def not_run(self) -> int:
        """How many calls surely did not run."""
        failed = [ending for told in self.endings.values() for ending in told if isinstance(ending, CallFailed)]
        return sum(isinstance(ending.reason, NotRun) for ending in failed)

    def table(self, proxy: Proxy) -> dict[str, object]:
        """What happened, in words and numbers."""
        outcomes = Counter(self._outcome(ending) for told in self.endings.values() for ending in told)
        return {
            "calls made": len(self.bodies),
            **{f"calls {name}": number for name, number in outcomes.most_common()},
            "calls lost": sum(len(self.endings.get(call_id, [])) != 1 for call_id in self.bodies),
            "keys bound": len(self.bound),
            "of them renewals": sum(event.renewal for event in self.bound),
            "keys expired or given up": self.expired,
            "streams killed": proxy.killed,
            **{f"streams ended, {name}": number for name, number in self.streams.most_common()},
        }

    def _hear(self, driver: SyncDriver) -> None:
        with suppress(TimeoutError):
            self._note(driver.next_event(0.02))

    def _note(self, event: Event) -> None:
        match event:
            case CallAnswered() | CallFailed():
                self.endings.setdefault(event.call_id, []).append(event)
            case KeyBound():
                self.bound.append(event)
            case KeyExpired():
                self.expired += 1
            case TransportEnded(error=error):
                self.streams["lost" if error is None else type(error).__name__] += 1

    @staticmethod
    def _outcome(ending: CallAnswered | CallFailed) -> str:
        if isinstance(ending, CallAnswered):
            return "answered"
        return f"{type(ending.reason).__name__}: {words(ending.reason)}"
