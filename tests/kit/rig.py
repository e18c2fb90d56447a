"""Several client connections to one server, each on streams of its own, on one virtual clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kit.keys import SERVER_KEY
from mtproto_bind import ClientConnection, Goal, PendingKey, PermanentKeyCreated, PermanentKeyRequired, Server
from mtproto_bind.testing import Network, Owner, Pair, make_client_config, make_server_config

LATENCY = 1 / 16
"""Seconds, one way. Sums of it have no rounding, so what crosses the network at the same time arrives at the same moment."""
ROUND_TRIP = 2 * LATENCY


class Rig:
    """``server`` and ``owner`` with a pair for each client: they go on in turns, from one arrival to the next."""

    def __init__(self, *, server: dict[str, Any] | None = None, owner: Owner | None = None) -> None:
        self.server = Server(make_server_config(SERVER_KEY, **(server or {})))
        self.owner = owner if owner is not None else Owner()
        self.pairs: list[Pair] = []

    def connect(self, seed: bytes, *, network: Network | None = None, saved: bytes | None = None, **client: Any) -> Pair:
        """One more client. ``network`` has a latency that is a multiple of :data:`LATENCY`."""
        connection = ClientConnection(make_client_config(SERVER_KEY, seed=seed, **client), saved=saved)
        network = network if network is not None else Network(latency=LATENCY)
        start = {"start": self.pairs[0].now} if self.pairs else {}
        pair = Pair(connection, self.server, network=network, owner=self.owner, **start)
        self.pairs.append(pair)
        return pair

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let ``seconds`` pass, or fewer if ``until`` becomes true; whether it did."""
        for _ in range(round(seconds / LATENCY)):
            for pair in self.pairs:
                pair.run(0)
            self.between()
            if until():
                return True
            for pair in self.pairs:
                pair.run(LATENCY)
        return until()

    def between(self) -> None:
        """What the program around the connections does."""


class SideBySide(Rig):
    """One client makes the permanent key, and the other the temporary one, which is bound when both are there."""

    def __init__(self, *, permanent: dict[str, Any] | None = None, server: dict[str, Any] | None = None, **client: Any) -> None:
        """``permanent``: settings of the client that makes the permanent key, ``client``: of the other one."""
        super().__init__(server=server)
        self.permanent = self.connect(b"permanent", goal=Goal.PERMANENT_KEY, **(permanent or {}))
        self.temporary = self.connect(b"temporary", permanent_key=PendingKey(), **client)

    def between(self) -> None:
        """The key that one client has made is given to the other as soon as that asks."""
        made = self.permanent.events(PermanentKeyCreated)
        for question in self.temporary.client.open_questions:
            if isinstance(question, PermanentKeyRequired) and made:
                self.temporary.client.answer(question, made[0].key, self.temporary.client_now)
