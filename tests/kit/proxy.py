"""Stands between a client and a server on loopback, and makes the way between them slow, or ends it."""

from __future__ import annotations

import selectors
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from types import TracebackType
from typing import Self

__all__ = ["Proxy"]

PATIENCE = 60.0


class Proxy:
    """Forwards to ``port`` of loopback. What it is told to do is done when the method returns."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._waker, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._woken, selectors.EVENT_READ, self._obey)
        self._orders: deque[tuple[Callable[[], None], Event]] = deque()
        self._ends: list[socket.socket] = []
        self._held: list[tuple[socket.socket, bytes]] = []
        self._holding = self._deaf = self._refusing = self._stopping = False
        self._thread = Thread(target=self._run)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._order(partial(setattr, self, "_stopping", True))
        self._thread.join(PATIENCE)
        self._end_all()
        for end in (self._listener, self._waker, self._woken):
            end.close()
        self._selector.close()

    def hold(self, *, answers_only: bool = False) -> None:
        """Nothing comes through, or no answers, until :meth:`release`."""
        self._order(partial(setattr, self, "_deaf" if answers_only else "_holding", True))

    def release(self) -> None:
        """What was held comes through at last."""
        self._order(self._let_go)

    def cut(self) -> None:
        """Every stream ends, and each that is opened ends at once, until :meth:`mend`."""
        self._order(self._refuse)

    def mend(self) -> None:
        self._order(partial(setattr, self, "_refusing", False))

    def _order(self, order: Callable[[], None]) -> None:
        done = Event()
        self._orders.append((order, done))
        self._waker.send(b"\0")
        if not done.wait(PATIENCE):
            raise TimeoutError("the proxy does not answer")

    def _run(self) -> None:
        while not self._stopping:
            for key, _mask in self._selector.select():
                key.data()

    def _obey(self) -> None:
        self._woken.recv(1)
        order, done = self._orders.popleft()
        order()
        done.set()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._refusing:
            client.close()
            return
        server = socket.create_connection(self._target)
        self._ends += [client, server]
        self._selector.register(client, selectors.EVENT_READ, partial(self._pump, client, server, answers=False))
        self._selector.register(server, selectors.EVENT_READ, partial(self._pump, server, client, answers=True))

    def _pump(self, source: socket.socket, sink: socket.socket, *, answers: bool) -> None:
        try:
            data = source.recv(65536)
            if data and (self._holding or (answers and self._deaf)):
                self._held.append((sink, data))
            elif data:
                sink.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(source)
            self._end(sink)

    def _end(self, end: socket.socket) -> None:
        if end in self._ends:
            self._ends.remove(end)
            self._selector.unregister(end)
            end.close()

    def _end_all(self) -> None:
        for end in tuple(self._ends):
            self._end(end)
        self._held.clear()

    def _refuse(self) -> None:
        self._refusing = True
        self._end_all()

    def _let_go(self) -> None:
        self._holding = self._deaf = False
        held, self._held = self._held, []
        for sink, data in held:
            if sink in self._ends:
                sink.sendall(data)
