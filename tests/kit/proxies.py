"""A proxy on loopback that does with each stream what its script says: cuts it, chops it, goes deaf."""

from __future__ import annotations

import selectors
import socket
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event as Flag
from threading import Thread

from attrs import define, frozen

from mtproto_bind_adapters.sync import dial

READ_SIZE = 65536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for no seconds: the stream ends with a reset."""


@frozen(kw_only=True)
class Fate:
    """What becomes of a stream. Bytes are counted up to the server and down to the client."""

    up: int | None = None
    """It is cut when so many have gone up."""
    down: int | None = None
    reset: bool = False
    """It is cut with a reset."""
    deaf_after: int | None = None
    """So many go up, and nothing is read from the client any more; it stays open."""
    silent_after: int | None = None
    """So many come down, and nothing more; it stays open."""
    piece: int = READ_SIZE
    """Bytes that are carried at once."""


WHOLE = Fate()


@define(eq=False)
class Carried:
    """One stream through the proxy."""

    near: socket.socket
    far: socket.socket
    fate: Fate
    up: int = 0
    down: int = 0


class Proxy:
    """Carries streams to ``address``: the first ones as ``fates`` say, all others whole."""

    def __init__(self, address: tuple[str, int], fates: Iterable[Fate]) -> None:
        self.accepted = 0
        self.silent = Flag()
        """A stream has fallen silent."""
        self._address = address
        self._fates = deque(fates)
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
            self._end(one)
        self._listener.close()
        self._selector.close()

    def stop(self) -> None:
        """End :meth:`run`; may be called from another thread."""
        self._stopping = True

    def _accept(self) -> None:
        self.accepted += 1
        near, _ = self._listener.accept()
        one = Carried(near, dial(*self._address), self._fates.popleft() if self._fates else WHOLE)
        one.near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._carried.append(one)
        self._selector.register(one.near, selectors.EVENT_READ, partial(self._carry_up, one))
        self._selector.register(one.far, selectors.EVENT_READ, partial(self._carry_down, one))

    def _carry_up(self, one: Carried) -> None:
        fate = one.fate
        one.up += self._carry(one, one.near, one.far, None if fate.up is None else fate.up - one.up, READ_SIZE)
        if fate.deaf_after is not None and fate.deaf_after <= one.up and one in self._carried:
            self._selector.unregister(one.near)

    def _carry_down(self, one: Carried) -> None:
        fate = one.fate
        room = READ_SIZE if fate.silent_after is None else fate.silent_after - one.down
        if room > 0:
            left = None if fate.down is None else fate.down - one.down
            one.down += self._carry(one, one.far, one.near, left, room)
        if fate.silent_after is not None and fate.silent_after <= one.down and one in self._carried:
            self._selector.unregister(one.far)
            self.silent.set()

    def _carry(self, one: Carried, source: socket.socket, target: socket.socket, left: int | None, room: int) -> int:
        """How many bytes have passed, at most ``room``. Ends the stream when none are ``left``."""
        try:
            data = source.recv(min(one.fate.piece, room if left is None else left))
            target.sendall(data)
        except OSError:
            data = b""
        if not data or len(data) == left:
            self._end(one, reset=one.fate.reset)
        return len(data)

    def _end(self, one: Carried, *, reset: bool = False) -> None:
        self._carried.remove(one)
        for end in (one.near, one.far):
            with suppress(KeyError):
                self._selector.unregister(end)
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.close()


@contextmanager
def proxying(address: tuple[str, int], *fates: Fate) -> Iterator[Proxy]:
    """A proxy to ``address`` in a thread of its own."""
    proxy = Proxy(address, fates)
    thread = Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
