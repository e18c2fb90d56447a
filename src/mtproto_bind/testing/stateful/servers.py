"""Tests of somebody else's server."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ..._crypto import PublicKey
from ..._wire import Transport
from ..hostile import Breach, Role
from ..strategies import cutters
from .against_servers import BreachingClient, HonestClient
from .base import CALLS, POLICY, STEP, MachineTest, maybe, waits, whole

__all__ = ["ServerMachineTest"]


class ServerMachineTest(MachineTest):
    """A server of yours against a client of ours, which is honest and has bad luck, or breaks one rule first.

    Give ``server_key``, the public half of your server's key, and the methods ``server_*``. It is a fault if the server breaks
    a rule, takes what it must refuse, gives a wrong answer, or is not well again after the last mishap.
    """

    server_key: ClassVar[PublicKey]
    transports: ClassVar[tuple[Transport, ...]] = (Transport(),)
    """What your server speaks."""

    # ---- to be given

    def server_starts(self, now: float) -> None:
        """Make a server that knows nobody."""
        raise NotImplementedError

    def server_accepts(self, now: float) -> None:
        """A client has opened a stream; the one before is gone."""
        raise NotImplementedError

    def server_hears(self, data: bytes, now: float) -> None:
        """Bytes from the client, never none."""
        raise NotImplementedError

    def server_says(self, now: float) -> bytes:
        """The bytes for the client since the last time. One that runs by itself is given time here to say something."""
        raise NotImplementedError

    def server_loses_stream(self, now: float) -> None:
        """The stream is gone."""
        raise NotImplementedError

    def server_hung_up(self, now: float) -> bool:  # noqa: ARG002  for those who need it
        """Whether the server has ended the stream."""
        return False

    def server_waits(self, now: float) -> None:
        """Time has passed."""

    def answer(self, query: bytes) -> bytes | None:
        """What your server answers; None: anything is right. By default the query itself."""
        return query

    # ---- what happens

    @initialize(breach=maybe[Role.CLIENT], cut=cutters(), which=st.integers(0, 99))
    def begin(self, breach: Breach | None, cut: Callable[[bytes], list[bytes]], which: int) -> None:
        """Perhaps a client that breaks one rule; then an honest one."""
        self._cut = cut
        self._waited = False
        self._transport = self.transports[which % len(self.transports)]
        self._client: HonestClient | BreachingClient
        self.server_starts(self.now())
        if breach is not None and breach.check not in self.tolerates | POLICY:
            self._client = BreachingClient(self.server_key, breach, self.query(0), dc=self.dc, now=self.now())
            self._talk()
            self._lose()
        self._honest = HonestClient(self.server_key, self.answer, dc=self.dc, tolerates=self.tolerates)
        self._client = self._honest

    @precondition(lambda self: len(self._made) < CALLS)
    @rule()
    def call(self) -> None:
        """One call more."""
        self._honest.call(self._next_query(), self.now())
        self._talk()

    @rule(seconds=waits)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._waited = True
        self._wait(seconds)

    @rule()
    def lose_stream(self) -> None:
        """The stream is lost, and there is another."""
        self._honest.excused = True
        self._lose()
        self._talk()

    @rule(cut=cutters())
    def cut_otherwise(self, cut: Callable[[bytes], list[bytes]]) -> None:
        """From here on bytes arrive in other pieces."""
        self._cut = cut

    @rule(at=st.integers(0, 2000))
    def spoil(self, at: int) -> None:
        """One bit of what the client says next is turned."""
        self._spoil_at = at

    @rule()
    def renew(self) -> None:
        """The client wants another temporary key."""
        self._honest.renew(self.now())
        self._talk()

    @rule()
    def shorten_key(self) -> None:
        """The next key begins with a zero, as one in 256 does."""
        self._honest.short_keys = 1

    def teardown(self) -> None:
        """Nothing goes wrong any more: everything has to end well."""
        if self._sound and hasattr(self, "_honest"):
            self._settle()

    @classmethod
    def meets(cls, breach: Breach | None) -> None:
        """One plain run without Hypothesis: a client that breaks this rule, then two calls of an honest one."""
        machine = cls()
        try:
            machine.begin(breach, whole, 0)
            machine.call()
            machine.call()
        finally:
            machine.teardown()

    # ---- inside

    def _settle(self) -> None:
        self._spoil_at = None
        if self._honest.spoiled:
            self._lose()
        self._honest.call(self._next_query(), self.now())
        self._talk()
        end = self._time + self.patience
        while self._honest.waiting and self._time < end:
            self._wait(STEP)
        self._blame(["a call was never answered: nothing has gone wrong for a long time"] if self._honest.waiting else [])
        self._blame([] if self._honest.bound else ["no key was ever bound"])

    def _wait(self, seconds: float) -> None:
        now = self._pass(seconds)
        self._honest.pass_time(now)
        self.server_waits(now)
        self._talk()

    def _connect(self, now: float) -> None:
        self.server_accepts(now)
        if isinstance(self._client, HonestClient):
            self._client.open(self._transport, now)

    def _said(self, now: float) -> bool:
        said = self._client.say(now)
        data = self._spoiled(said)
        if data != said:
            self._honest.spoiled = self._honest.excused = True
        for piece in self._cut(data):
            self.server_hears(piece, now)
        return bool(said)

    def _heard(self, now: float) -> bool:
        said = self.server_says(now)
        for piece in self._cut(said):
            self._client.hear(piece, now)
        return bool(said)

    def _gone(self, now: float) -> bool:
        hung_up = self.server_hung_up(now)
        honest = isinstance(self._client, HonestClient)
        if hung_up and honest and not (self._client.ended or self._waited or self._honest.excused):
            self._blame([*self._client.faults, "the server hung up, though nothing was wrong"])
        return self._client.ended or hung_up

    def _hang_up(self, now: float) -> None:
        if isinstance(self._client, HonestClient) and not self._client.ended:
            self._client.lose(now)
        self.server_loses_stream(now)

    def _judge(self) -> None:
        self._blame(self._client.faults)
