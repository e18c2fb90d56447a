"""Tests of somebody else's client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from ..._crypto import PrivateKey
from ..hostile import Breach, Role
from ..strategies import cutters
from .against_clients import BreachingServer, HonestServer, ServerSide
from .base import CALLS, POLICY, STEP, MachineTest, maybe, waits, whole

__all__ = ["ClientMachineTest"]


TRIES: Final = 3
"""Calls that may fail from what went wrong before."""


class ClientMachineTest(MachineTest):
    """A client of yours against a server of ours, which is honest and has bad luck, or breaks one rule.

    Give ``server_key`` (any RSA key of 2048 bits; your client trusts its ``public`` half) and the methods ``client_*``. It is
    a fault if the client breaks a rule, believes what it must not, sends anything under its permanent key or before it is
    bound, gives a wrong answer or two, or is not well again after the last mishap.
    """

    server_key: ClassVar[PrivateKey]
    binds: ClassVar[bool] = True
    """False for a client without temporary keys: its calls come under the permanent key."""
    repeats: ClassVar[bool] = False
    """True for a client that sends an unanswered call again in such a way that it may run twice."""

    # ---- to be given

    def client_starts(self, now: float) -> None:
        """Make a client that knows nothing."""
        raise NotImplementedError

    def client_connects(self, now: float) -> None:
        """A stream is there; nothing has passed on it."""
        raise NotImplementedError

    def client_hears(self, data: bytes, now: float) -> None:
        """Bytes from the server, never none."""
        raise NotImplementedError

    def client_says(self, now: float) -> bytes:
        """The bytes for the server since the last time. One that runs by itself is given time here to say something."""
        raise NotImplementedError

    def client_loses_stream(self, now: float) -> None:
        """The stream is gone; another comes soon."""
        raise NotImplementedError

    def client_calls(self, query: bytes, now: float) -> None:
        """Call ``query``, as soon as that may be done."""
        raise NotImplementedError

    def client_answers(self) -> list[tuple[bytes, bytes | None]]:
        """Queries that were answered since the last time, each with its answer; None: it has failed."""
        raise NotImplementedError

    def client_hung_up(self, now: float) -> bool:  # noqa: ARG002  for those who need it
        """Whether the client wants this stream no more."""
        return False

    def client_waits(self, now: float) -> None:
        """Time has passed."""

    def answer(self, query: bytes) -> bytes:
        """What the server answers: a boxed TL object. By default the query itself."""
        return query

    # ---- what happens

    @initialize(breach=maybe[Role.SERVER], cut=cutters())
    def begin(self, breach: Breach | None, cut: Callable[[bytes], list[bytes]]) -> None:
        """A server, which breaks one rule or none."""
        self._cut = cut
        self._honest = HonestServer(self.server_key, self.answer, dc=self.dc, binds=self.binds, tolerates=self.tolerates)
        self._server: ServerSide = self._honest
        if breach is not None and breach.check not in self.tolerates | POLICY:
            self._server = BreachingServer(self.server_key, self.answer, breach)
        self._bad_luck = breach is not None
        self._forgetful = False
        self._lose_next = False
        self._waited = False
        self._open: list[bytes] = []
        self._failed = 0
        self.client_starts(self.now())

    @precondition(lambda self: len(self._made) < CALLS)
    @rule()
    def call(self) -> None:
        """One call more."""
        self._call()
        self._talk()

    @rule(seconds=waits)
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._waited = True
        self._wait(seconds)

    @rule()
    def lose_stream(self) -> None:
        """The stream is lost, and there is another."""
        self._bad_luck = True
        self._lose()
        self._talk()

    @rule()
    def lose_answer(self) -> None:
        """What the server says next is lost, and the stream with it."""
        self._lose_next = True

    @rule(cut=cutters())
    def cut_otherwise(self, cut: Callable[[bytes], list[bytes]]) -> None:
        """From here on bytes arrive in other pieces."""
        self._cut = cut

    @precondition(lambda self: self._server is self._honest)
    @rule(at=st.integers(0, 2000))
    def spoil(self, at: int) -> None:
        """One bit of what the server says next is turned."""
        self._spoil_at = at

    @precondition(lambda self: self._server is self._honest)
    @rule(keys=st.booleans())
    def restart_server(self, keys: bool) -> None:
        """The server begins anew, without its sessions and perhaps without its temporary keys."""
        self._bad_luck = self._forgetful = True
        self._lose()
        (self._honest.forget_temporary_keys if keys else self._honest.restart)(self.now())
        self._talk()

    @precondition(lambda self: self._server is self._honest)
    @rule(times=st.integers(1, 3))
    def refuse_keys(self, times: int) -> None:
        """The next keys are refused with dh_gen_retry."""
        self._bad_luck = True
        self._honest.owner.refusals = times

    def teardown(self) -> None:
        """Nothing goes wrong any more: everything has to end well."""
        if self._sound and hasattr(self, "_server"):
            self._settle()

    @classmethod
    def meets(cls, breach: Breach | None) -> None:
        """One plain run without Hypothesis: two calls to a server that breaks this rule, then an honest one."""
        machine = cls()
        try:
            machine.begin(breach, whole)
            machine.call()
            machine.call()
        finally:
            machine.teardown()

    # ---- inside

    def _settle(self) -> None:
        self._spoil_at, self._lose_next = None, False
        if self._server is not self._honest or self._honest.spoiled:
            self._lose()
        for _ in range(TRIES):
            failed = self._failed
            self._call()
            self._talk()
            end = self._time + self.patience
            while self._open and self._time < end:
                self._wait(STEP)
            self._blame(["a call was never answered: nothing has gone wrong for a long time"] if self._open else [])
            if self._failed == failed:
                return
        self._blame(["calls fail, though nothing goes wrong any more"])

    def _call(self) -> None:
        query = self._next_query()
        self._open.append(query)
        self.client_calls(query, self.now())

    def _wait(self, seconds: float) -> None:
        now = self._pass(seconds)
        self._server.pass_time(now)
        self.client_waits(now)
        self._talk()

    def _connect(self, now: float) -> None:
        self._server.open(now)
        self.client_connects(now)

    def _said(self, now: float) -> bool:
        said = self.client_says(now)
        for piece in self._cut(said):
            self._server.hear(piece, now)
        return bool(said)

    def _heard(self, now: float) -> bool:
        said = self._server.say(now)
        if said and self._lose_next:
            self._lose_next, self._bad_luck = False, True
            self._lose()
            return True
        data = self._spoiled(said)
        if data != said:
            self._honest.spoiled = self._bad_luck = True
        for piece in self._cut(data):
            self.client_hears(piece, now)
        for query, answer in self.client_answers():
            self._check_answer(query, answer)
        return bool(data)

    def _check_answer(self, query: bytes, answer: bytes | None) -> None:
        if query not in self._open:
            raise AssertionError("a call ends twice, or was never made")
        self._open.remove(query)
        if answer is None:
            self._failed += 1
            self._blame([] if self._bad_luck else ["a call fails, though nothing went wrong"])
            return
        self._blame([] if answer == self.answer(query) else ["a call has a wrong answer"])
        self._server.answered(query)

    def _gone(self, now: float) -> bool:
        hung_up = self.client_hung_up(now)
        # one that waited may have had enough, whoever had bad luck may begin again
        if hung_up and not (self._server.ended or self._waited or self._bad_luck):
            self._blame([*self._server.faults, "the client hung up, though nothing was wrong"])
        return self._server.ended or hung_up

    def _hang_up(self, now: float) -> None:
        self._server.lose(now)
        self.client_loses_stream(now)

    def _judge(self) -> None:
        self._blame(self._server.faults)
        if not (self._forgetful or self.repeats):
            twice = Counter(self._honest.owner.ran) - Counter(self._made)
            self._blame([f"{len(twice)} calls ran more than once"] if twice else [])
