"""Calls, updates and renewals on a pair that things go wrong with, and what has to hold whatever happens to it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from attrs import frozen

from kit.pairs import make_pair
from mtproto_bind import (
    AuthKey,
    CallAnswered,
    CallFailed,
    CallId,
    ConnectionClosed,
    KeyBound,
    KeyKind,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    PermanentKey,
    PermanentKeySuspected,
    Question,
    StoredKey,
    TransportEnded,
    UpdateAcknowledged,
    UpdateReceived,
    Verdict,
)
from mtproto_bind.testing import Direction, Owner, Pair, SeededEntropy

QUERY, ANSWER, NEWS = (bytes.fromhex(name) for name in ("2d7a1f0e", "2d7a1f0f", "2d7a1f10"))
"""Constructors that mean nothing to the library: of a call, of its result, of an update."""
START = 1_800_000_000.25
CALM = 900.0
"""Virtual seconds without faults in which all is well again: every wait of the client has its ceiling below that."""
RESTARTED_SERVERS_RUN_TWICE = False
"""What is unanswered leaves again on the next stream, and a server that has lost the session takes it for new: until that is
mended, a call may run once more for each time that the server begins anew."""
PIECES_PER_SECOND = 20
"""More than this, and two ends keep each other busy for nothing."""


class SizedEntropy:
    """A stream for each size of draw: what is drawn for keys is the same whatever else was drawn, so powers are remembered."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._streams: dict[int, SeededEntropy] = {}

    def __call__(self, size: int) -> bytes:
        if size not in self._streams:
            self._streams[size] = SeededEntropy(self._seed + size.to_bytes(4, "big"))
        return self._streams[size](size)


def answer_to(body: bytes) -> bytes:
    """The only right answer to a call."""
    return ANSWER + body[4:]


PERMANENT = AuthKey(bytes(range(256)))


def trial_pair(
    *,
    client: dict[str, Any] | None = None,
    server: dict[str, Any] | None = None,
    from_nothing: bool = False,
    client_skew: float = 0.0,
    **pair: Any,
) -> Pair:
    """A pair whose permanent key is known to both ends already, unless it begins ``from_nothing``."""
    owner = Owner(answer_to)
    known = {}
    if not from_nothing:
        # of one older than a day that was bound lately the client would not doubt for another day
        made_at = START + client_skew - 600
        known = {"permanent_key": PermanentKey(key=PERMANENT, created_at=made_at, last_bound_at=made_at + 100)}
        owner.keys[PERMANENT.id] = StoredKey(
            key=PERMANENT, kind=KeyKind.PERMANENT, media=False, created_at=START - 600, expires_at=None, first_salt=1
        )
    return make_pair(
        client={"entropy": SizedEntropy(b"client"), **known, **(client or {})},
        server={"entropy": SizedEntropy(b"server"), **(server or {})},
        owner=owner,
        start=START,
        client_skew=client_skew,
        answer_client=verdict,
        **pair,
    )


def verdict(question: Question[Any]) -> Any:
    """An owner of a permanent key who gives it up as soon as he is asked."""
    return Verdict.REPLACE if isinstance(question, PermanentKeySuspected) else None


@frozen
class Made:
    """A call that was made."""

    body: bytes
    repeat: bool


class Trial:
    """What was asked of ``pair``, and whether it kept its promises."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.calls: dict[CallId, Made] = {}
        self.cancelled: set[CallId] = set()
        self.updates: dict[bytes, tuple[int, int]] = {}
        self.renewals = 0
        self.pieces = 0
        self.most_runs = 1
        self._watch()

    # ---- what is asked

    def later(self, seconds: float, what: Callable[[Trial], None]) -> None:
        """Have ``what`` asked ``seconds`` from now."""
        self.pair.later(seconds, lambda _pair: what(self))

    def call(
        self, *, repeat: bool = False, updates: bool = True, patience: float | None = None, after: Iterable[int] = ()
    ) -> None:
        """Make a call. ``after``: places of earlier calls, from the latest; ``patience``: seconds on the client's clock."""
        body = QUERY + len(self.calls).to_bytes(8, "little")
        now = self.pair.client_now
        made = tuple(self.calls)
        call_id = self.pair.client.call(
            body,
            now,
            after=tuple(made[-1 - place] for place in after if place < len(made)),
            updates=updates,
            repeat=repeat,
            give_up_at=None if patience is None else now + patience,
        )
        self.calls[call_id] = Made(body, repeat)

    def cancel(self, place: int) -> None:
        """Cancel a call, counted from the latest, if it is there and has not ended."""
        open_calls = [call_id for call_id in self.calls if call_id not in self.endings() and call_id not in self.cancelled]
        if place < len(open_calls):
            call_id = open_calls[-1 - place]
            self.cancelled.add(call_id)
            self.pair.client.cancel(call_id, self.pair.client_now)

    def update(self) -> None:
        """Let the server send an update to the session in use, if it knows that."""
        with suppress(LocalProtocolError):
            key = self.pair.client.bound_key()
            body = NEWS + len(self.updates).to_bytes(8, "little")
            self.pair.server.send_update(key.key.id, key.session_id, body, self.pair.server_now)
            self.updates[body] = key.key.id, key.session_id

    def renew(self) -> None:
        """Renew the key in use, if there is one."""
        with suppress(LocalProtocolError):
            self.pair.client.renew(self.pair.client_now)
            self.renewals += 1

    # ---- what became of it

    def endings(self) -> dict[CallId, list[CallAnswered | CallFailed]]:
        """What was told of each call that has ended."""
        ended: dict[CallId, list[CallAnswered | CallFailed]] = {}
        for event in (*self.pair.events(CallAnswered), *self.pair.events(CallFailed)):
            ended.setdefault(event.call_id, []).append(event)
        return ended

    def outcomes(self) -> Counter[str]:
        """How calls ended, by what was told."""
        answered = Counter({"answered": len(self.pair.events(CallAnswered))})
        return answered + Counter(
            f"{type(event.reason).__name__}: {words(event.reason)}" for event in self.pair.events(CallFailed)
        )

    def count_calls(self, fits: Callable[[Made, int, list[CallAnswered | CallFailed]], bool]) -> int:
        """How many calls ``fits`` says yes to: from the call, how often it ran, and what was told of it."""
        runs, endings = Counter(self.pair.owner.ran), self.endings()
        return sum(fits(made, runs[made.body], endings.get(call_id, [])) for call_id, made in self.calls.items())

    def recovers(self) -> None:
        """Nothing goes wrong any more: what is under way ends, and a fresh call is answered. Then the connection closes."""
        pair = self.pair
        pair.run(CALM)
        self.call()
        fresh = next(reversed(self.calls))
        answered = pair.run(CALM, lambda each: fresh in {event.call_id for event in each.events(CallAnswered)[-1:]})
        check(answered, f"a call is not answered although nothing goes wrong any more; {pair.client.status}")
        # no real stream loses bytes in its middle; a call that was lost so is sent again on the next one
        pair.cut()
        pair.run(60)
        check(pair.client.status.calls == 0 or self._waits_for_ever(), f"calls are left over: {pair.client.status}")
        # between two keys the one end may be a step ahead of the other
        settled = pair.run(60, lambda each: each.client.status.next_key_state is None)
        check(settled, f"a renewal does not end; {pair.client.status}")
        self.agree()
        self.updates_arrived()
        self.bounded()
        pair.client.close(pair.client_now)
        pair.run(1)
        check(len(pair.events(ConnectionClosed)) == 1, "the end was not told once")
        check(isinstance(pair.told[-1].event, ConnectionClosed), "something was told after the end")
        self.judge()

    def judge(self) -> None:
        """Contract 10, once the connection is closed; and contract 8."""
        runs, endings = Counter(self.pair.owner.ran), self.endings()
        for call_id, made in self.calls.items():
            told = endings.get(call_id, [])
            check(len(told) == 1 or (call_id in self.cancelled and not told), f"call {call_id} ended {len(told)} times: {told}")
            check(
                made.repeat or runs[made.body] <= self.most_runs,
                f"call {call_id} ran {runs[made.body]} times, and was told as {told}",
            )
            for ending in told:
                self._fits(ending, made, runs[made.body])
        updates = Counter(event.body for event in self.pair.events(UpdateReceived))
        for body, times in updates.items():
            check(body in self.updates, "an update that nobody sent")
            check(times == 1, f"an update was told {times} times")
        for acknowledged in self.pair.server_events(UpdateAcknowledged):
            check(updates[acknowledged.body] == 1, "an update was acknowledged and not told")
        self._bindings()

    def agree(self) -> None:
        """Contract 8: both ends have the same key, bound to the same permanent one."""
        key, owner = self.pair.client.bound_key(), self.pair.owner
        check(owner.keys[key.key.id].key == key.key, "both ends have different keys of one id")
        check(owner.keys[key.key.id].bound_to == key.permanent_key_id, "the server holds the key for bound to another one")
        check(owner.bindings[key.permanent_key_id, False] == key.key.id, "the server holds another key for bound")

    def updates_arrived(self) -> None:
        """What was sent to the session in use has come, if the server remembers that."""
        key = self.pair.client.bound_key()
        session = self.pair.server.sessions.find(key.key.id, key.session_id)
        told = {event.body for event in self.pair.events(UpdateReceived)}
        waiting: set[bytes] = set()
        if session is not None:
            waiting = {message.body for message in session.session.sent.all()} | {item.body for item in session.outbox}
        missing = waiting & self.updates.keys() - told
        check(not missing, f"{len(missing)} updates have not come")

    def bounded(self) -> None:
        """Nothing has grown, and nobody was busy for nothing."""
        pair, seconds = self.pair, self.pair.now - START
        check(len(pair.server.sessions) <= pair.server.config.limits.sessions_per_key, "sessions are not forgotten")
        memory = pair.server.config.timeouts.handshake_memory
        check(len(pair.server.handshakes) <= memory / 2, "handshakes are not forgotten")
        check(self.pieces <= 1000 + PIECES_PER_SECOND * seconds, f"{self.pieces} pieces in {seconds:.0f} s")

    # ---- inside

    def _fits(self, ending: CallAnswered | CallFailed, made: Made, runs: int) -> None:
        if isinstance(ending, CallAnswered):
            check(runs >= 1, f"{ending} never ran")
            check(ending.body == answer_to(made.body), f"{ending} has the answer of another call")
        elif isinstance(ending.reason, NotRun):
            check(runs == 0, f"{ending} did run")
        else:
            check(isinstance(ending.reason, OutcomeUnknown), f"the server refused a call in earnest: {ending}")

    def _bindings(self) -> None:
        """Contract 8: what the client holds for bound, the server bound before."""
        bound = {
            (told.event.key_id, told.event.permanent_key_id): told.at
            for told in self.pair.server_told
            if isinstance(told.event, KeyBound)
        }
        for told in self.pair.told:
            if isinstance(told.event, KeyBound):
                at = bound.get((told.event.key_id, told.event.permanent_key_id))
                check(at is not None and at <= told.at, "the client holds a key for bound that the server has not bound")

    def _waits_for_ever(self) -> bool:
        """Whether an answer was lost for good on the server, for a call that is never given up."""
        running = [session.running for session in self.pair.server.sessions._sessions.values()]
        return sum(map(len, running)) >= self.pair.client.status.calls

    def _watch(self) -> None:
        """Count what the ends write, and how often the server begins anew."""
        write, restart = self.pair.network.write, self.pair.restart_server

        def counted(data: bytes, direction: Direction, stream: int, now: float) -> None:
            self.pieces += 1
            write(data, direction, stream, now)

        def restarted() -> None:
            self.most_runs += RESTARTED_SERVERS_RUN_TWICE
            restart()

        self.pair.network.write = counted  # type: ignore[method-assign]  # the same, counted
        self.pair.restart_server = restarted  # type: ignore[method-assign]  # likewise


def words(reason: object) -> str:
    """Why, without the numbers that tell one call from another."""
    said = getattr(reason, "why", None) or getattr(reason, "message", "")
    return "".join("n" if letter.isdigit() else letter for letter in str(said))


def check(holds: object, what: str) -> None:
    """AssertionError unless it holds, under -O too."""
    if not holds:
        raise AssertionError(what)


def streams(pair: Pair) -> Counter[str]:
    """Streams that ended, by what ended them."""
    ended = [told.event.error for told in pair.told if isinstance(told.event, TransportEnded)]
    return Counter("lost" if error is None else type(error).__name__ for error in ended)


SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
"""What belongs to the program and not to an object in it."""


def reachable(*roots: object) -> int:
    """How many objects hang on ``roots``: what a connection remembers, whatever it is called."""
    seen: set[int] = set()
    to_see: list[object] = list(roots)
    while to_see:
        one = to_see.pop()
        if id(one) not in seen and not isinstance(one, SHARED):
            seen.add(id(one))
            to_see += gc.get_referents(one)
    return len(seen)
