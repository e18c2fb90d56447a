"""Two connections that make both keys at the same time, and what becomes of one when the other fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from attrs import evolve

from kit.leftovers import leaving_nothing
from kit.links import linked
from kit.serving import CONFIG, DC, PATIENCE, QUERY, SERVER_KEY, closed_port, listening, make_loop, running, turn_around
from mtproto_bind import (
    Binding,
    BindRequested,
    CallAnswered,
    ConnectionClosed,
    Event,
    ExternalKey,
    Goal,
    KeyBound,
    KeyKind,
    KeyOffered,
    LocalProtocolError,
    PendingKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    PermanentKeySuspected,
    Question,
    Retry,
    Server,
    ServerConfig,
    TemporaryKeyCreated,
    TransportEnded,
    Verdict,
)
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import CallUnanswered, Clock, SyncServer, connect, dial
from mtproto_bind_adapters.sync.side_by_side import KeyMaker, PairOfPumps, can_be_parted

QUICK = evolve(CONFIG, retry=Retry(delay=0.01, ceiling=0.05))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with leaving_nothing():
        yield


@pytest.mark.parametrize(("pipeline", "round_trips"), [(False, 5), (True, 4)])
def test_the_first_answer_comes_after_fewer_round_trips(pipeline: bool, round_trips: int) -> None:
    told: list[Event] = []
    with linked(evolve(CONFIG, pipeline=pipeline), side_by_side=True, on_event=told.append) as (link, _):
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        assert link.round_trips == round_trips
        bound = link.bound(PATIENCE)
    [made] = [event for event in told if isinstance(event, PermanentKeyCreated)]
    assert made.key.key.id == bound.permanent_key_id
    kinds = [type(event) for event in told]
    assert kinds.index(PermanentKeyCreated) < kinds.index(KeyBound)
    assert kinds.count(ConnectionClosed) == 1


class Staged:
    """Decides which of the two connections comes first, and is called with the events of the link.

    The first stream, of the connection that calls, ends at once; it may dial again when the other has dialled. ``key_after`` and
    ``calls_after`` are told before either goes on.
    """

    def __init__(
        self, address: tuple[str, int], *, key_after: type[Event] | None = None, calls_after: type[Event] | None = None
    ) -> None:
        self.told: list[type[Event]] = []
        self.released, self.other_dials = Flag(), Flag()
        self.failure: Exception | None = None
        """Raised where the key is to be made."""
        self._address = address
        self._awaited = {2: key_after, 3: calls_after}
        self._dials = 0

    def dial(self) -> socket.socket:
        self._dials += 1
        number = self._dials
        if number == 1:
            ours, theirs = socket.socketpair()
            theirs.close()
            return ours
        if number == 2:
            self.other_dials.set()
        if self._awaited.get(number) is not None:
            assert self.released.wait(PATIENCE)
        if number == 2 and self.failure is not None:
            raise self.failure
        return dial(*self._address)

    def on_event(self, event: Event) -> None:
        if isinstance(event, TransportEnded) and not self.told:
            assert self.other_dials.wait(PATIENCE)
        self.told.append(type(event))
        if type(event) in self._awaited.values():
            self.released.set()


@pytest.mark.parametrize(
    ("stage", "order"),
    [
        ({"key_after": PermanentKeyRequired}, [TemporaryKeyCreated, PermanentKeyRequired, PermanentKeyCreated, KeyBound]),
        ({"calls_after": PermanentKeyCreated}, [PermanentKeyCreated, TemporaryKeyCreated, PermanentKeyRequired, KeyBound]),
    ],
)
def test_either_key_may_be_there_first(stage: dict[str, type[Event]], order: list[type[Event]]) -> None:
    with running(make_loop()) as address:
        staged = Staged(address, **stage)
        with connect(CONFIG, dial=staged.dial, on_event=staged.on_event, side_by_side=True) as link:
            assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        assert staged.told == [TransportEnded, *order, CallAnswered, ConnectionClosed]


class Forgetful:
    """A store that does not know the first permanent key when it is to be bound; two minutes pass when it has said so."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.passed = 0.0
        """Seconds that all clocks have leapt: a younger key is not suspected."""
        self._inner = MemoryStore()

    def answer(self, question: Question[Any], now: float) -> Any:
        if isinstance(question, KeyOffered) and question.record.kind is KeyKind.PERMANENT:
            self.made.append(question.record.key.id)
        if isinstance(question, BindRequested) and question.permanent_key_id == self.made[0]:
            self.passed = 120.0
            return Binding.REFUSED
        return self._inner.answer(question, now)


@contextmanager
def forgetting(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[tuple[str, int], Forgetful]]:
    """A server whose store forgets the first key: its address, and the store."""
    store = Forgetful()
    now = Clock.now
    monkeypatch.setattr(Clock, "now", lambda clock: now(clock) + store.passed)
    server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC))
    with running(SyncServer(server, store, on_event=turn_around)) as address:
        yield address, store


def test_a_key_that_was_given_up_makes_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[type[Question[Any]]] = []
    told: list[Event] = []

    def owner(question: Question[Any]) -> Verdict:
        asked.append(type(question))
        return Verdict.REPLACE

    with (
        forgetting(monkeypatch) as (address, store),
        connect(QUICK, *address, side_by_side=True, owner=owner, on_event=told.append) as link,
    ):
        bound = link.bound(PATIENCE)
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
    keys = [event.key.key.id for event in told if isinstance(event, PermanentKeyCreated)]
    assert keys == store.made
    assert len(keys) == 2
    assert bound.permanent_key_id == keys[1]
    assert asked == [PermanentKeySuspected]


def test_where_no_thread_can_be_had_for_another_key_the_link_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def owner(_question: Question[Any]) -> Verdict:
        monkeypatch.setattr(KeyMaker, "start", refuse)
        return Verdict.REPLACE

    def refuse(_maker: KeyMaker) -> None:
        raise RuntimeError("can't start new thread")

    with (
        forgetting(monkeypatch) as (address, _),
        connect(QUICK, *address, side_by_side=True, owner=owner) as link,
        pytest.raises(RuntimeError, match="new thread"),
    ):
        link.bound(PATIENCE)


def test_without_the_key_the_link_has_no_use() -> None:
    with running(make_loop()) as address:
        staged = Staged(address)
        staged.failure = ConnectionRefusedError("no second stream")
        once = evolve(CONFIG, retry=Retry(delay=0.01, attempts=1))
        link = connect(once, dial=staged.dial, on_event=staged.on_event, side_by_side=True)
        with link, pytest.raises(ConnectionRefusedError, match="no second stream"):
            link.bound(PATIENCE)


def test_a_key_that_cannot_be_saved_is_not_used() -> None:
    told: list[type[Event]] = []

    def on_event(event: Event) -> None:
        told.append(type(event))
        if isinstance(event, PermanentKeyCreated):
            raise OSError("the disk is full")

    with linked(on_event=on_event, side_by_side=True) as (link, _), pytest.raises(OSError, match="the disk is full"):
        link.bound(PATIENCE)
    assert KeyBound not in told


def test_the_end_does_not_wait_for_the_other_connection() -> None:
    with running(make_loop()) as address:
        staged = Staged(address, key_after=KeyBound)
        with connect(CONFIG, dial=staged.dial, on_event=staged.on_event, side_by_side=True) as link:
            call = link.submit(QUERY)
            assert staged.other_dials.wait(PATIENCE)
        assert isinstance(call.exception(0), CallUnanswered)
        staged.released.set()


def test_where_there_is_a_key_nothing_is_made_beside_it() -> None:
    told: list[Event] = []
    with running(make_loop()) as address:
        with connect(CONFIG, *address, on_event=told.append) as link:
            link.bound(PATIENCE)
        [made] = [event.key for event in told if isinstance(event, PermanentKeyCreated)]
        told.clear()
        with connect(evolve(CONFIG, permanent_key=made), *address, on_event=told.append, side_by_side=True) as link:
            assert link.bound(PATIENCE).permanent_key_id == made.key.id
    assert PermanentKeyCreated not in {type(event) for event in told}


@pytest.mark.parametrize(
    ("changes", "can_be"),
    [
        ({}, True),
        ({"permanent_key": PendingKey()}, True),
        ({"permanent_key": ExternalKey(id=1)}, False),
        ({"goal": Goal.PERMANENT_KEY}, False),
        ({"goal": Goal.TEMPORARY_KEY}, False),
    ],
)
def test_two_keys_that_are_to_be_made_can_be_made_apart(changes: dict[str, Any], can_be: bool) -> None:
    assert can_be_parted(evolve(CONFIG, **changes)) == can_be


def test_other_questions_go_to_the_owner() -> None:
    pair = PairOfPumps(CONFIG, lambda: dial(*closed_port()), None, retry=CONFIG.retry, on_event=lambda _: None)
    with pytest.raises(LocalProtocolError, match="Question"):
        pair.ask(Question(number=1))
    pair.close(PATIENCE)


@pytest.mark.parametrize("threads", [0, 1])
def test_where_no_second_thread_can_be_had_nothing_is_left(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    start = Thread.start
    left = [True] * threads

    def start_some(thread: Thread) -> None:
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    with listening() as (_, address):
        stream = dial(*address)
        with monkeypatch.context() as patched:
            patched.setattr(Thread, "start", start_some)
            with pytest.raises(RuntimeError, match="new thread"):
                connect(CONFIG, dial=lambda: stream, side_by_side=True)
        assert stream.fileno() == -1
