"""What drives a connection: turns, questions that are answered beside them, and pauses."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from attrs import define, field, frozen

from kit.byte_streams import ScriptedStream
from mtproto_bind import NEED_DATA, Computation, Event, KeyNeeded, Question, UpdateReceived
from mtproto_bind_adapters.anyio.pump import Pump, one_a_core
from mtproto_bind_adapters.anyio.wire import Wire
from mtproto_bind_adapters.clock import Clock

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


@frozen
class Work:
    """Arithmetic that a test can hold up."""

    run: Callable[[Any], Any]


@define
class Machine:
    """Stands in for a connection, and notes what is said to it."""

    events: deque[Event] = field(factory=deque)
    due: bytes = b""
    wants_data: bool = True
    deadline: float | None = None
    open_questions: tuple[Question[Any], ...] = ()
    received: list[bytes] = field(factory=list)
    answers: dict[int, Any] = field(factory=dict)
    said: list[str] = field(factory=list)

    def ask(self, *questions: Question[Any]) -> None:
        self.open_questions += questions
        self.events.extend(questions)

    def next_event(self) -> Any:
        return self.events.popleft() if self.events else NEED_DATA

    def answer(self, question: Question[Any], value: Any, now: float) -> None:
        self.answers[question.number] = value
        self.open_questions = tuple(one for one in self.open_questions if one != question)

    def receive_data(self, data: bytes, now: float) -> None:
        self.received.append(data)

    def transport_lost(self, now: float) -> None:
        self.said.append("lost")

    def data_to_send(self, now: float) -> bytes:
        due, self.due = self.due, b""
        return due

    def next_deadline(self) -> float | None:
        return self.deadline

    def handle_timeout(self, now: float) -> None:
        self.said.append("timeout")
        self.deadline = None


class Plain(Pump[Any]):
    """Adds nothing of its own."""

    machine: Machine
    heard: list[Event]
    answering: Callable[[Question[Any]], Any]

    @property
    def hungry(self) -> bool:
        return self.machine.wants_data

    async def told(self, event: Event) -> None:
        self.heard.append(event)

    async def answer_to(self, question: Question[Any]) -> Any:
        return await self.answering(question)

    async def turns(self, until: Callable[[], bool]) -> None:
        """Turns until something has come about."""
        while not until():
            await self.turn()
            await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def carrier(stream: ScriptedStream | None = None) -> AsyncIterator[Plain]:
    machine = Machine()
    plain = Plain(machine, Clock(), one_a_core())
    plain.machine, plain.heard = machine, []
    async with anyio.create_task_group() as tasks:
        plain._tasks = tasks
        if stream is not None:
            plain.wire = Wire(stream, tasks, plain.wake)
        yield plain
        if plain.wire is not None:
            await plain.wire.close(b"", 0.0)
        tasks.cancel_scope.cancel()


def computation(number: int, run: Callable[[Any], Any]) -> Computation[Any]:
    return Computation(number=number, work=Work(run), crypto=None)  # type: ignore[arg-type]


async def test_what_arrives_goes_in_and_what_is_due_leaves() -> None:
    stream = ScriptedStream()
    stream.arrive(b"one", b"two")
    async with carrier(stream) as plain:
        plain.machine.due = b"question"
        plain.machine.events.append(UpdateReceived(body=b"told"))
        await plain.turns(lambda: len(plain.machine.received) == 2)
        assert plain.machine.received == [b"one", b"two"]
        assert stream.written == [b"question"]
        assert plain.heard == [UpdateReceived(body=b"told")]
        # only the first came after something was sent
        assert plain.round_trips == 1
        plain.machine.due = b"another"
        stream.arrive(b"three")
        await plain.turns(lambda: len(plain.machine.received) == 3)
        assert plain.round_trips == 2
        stream.end()
        await plain.turns(lambda: bool(plain.machine.said))
        assert plain.machine.said[0] == "lost"


async def test_nothing_is_read_that_is_not_wanted() -> None:
    stream = ScriptedStream()
    stream.arrive(b"one", b"two")
    async with carrier(stream) as plain:
        plain.machine.wants_data = False
        for _ in range(10):
            await plain.turn()
            await anyio.lowlevel.checkpoint()
        assert stream.reads == 0
        plain.machine.wants_data = True
        await plain.turns(lambda: len(plain.machine.received) == 2)


async def test_nothing_is_sealed_while_something_is_written() -> None:
    stream = ScriptedStream()
    stream.stall()
    async with carrier(stream) as plain:
        plain.machine.due = b"first"
        await plain.turn()
        plain.machine.due = b"second"
        await anyio.lowlevel.checkpoint()
        await plain.turn()
        assert plain.machine.due == b"second"
        stream.taking.set()
        await plain.turns(lambda: len(stream.written) == 2)
        assert stream.written == [b"first", b"second"]


async def test_computations_run_in_threads_while_turns_go_on() -> None:
    go_on = threading.Event()
    async with carrier() as plain:
        plain.machine.ask(computation(1, lambda _crypto: go_on.wait(60.0) and threading.get_ident()))
        await plain.turn()
        plain.machine.events.append(UpdateReceived(body=b"meanwhile"))
        await plain.turn()
        assert plain.heard
        go_on.set()
        await plain.turns(lambda: 1 in plain.machine.answers)
        assert plain.machine.answers[1] not in (True, threading.get_ident())


async def test_as_many_at_once_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert one_a_core().total_tokens == 1
    running: list[int] = []
    most: list[int] = []

    def run(_crypto: Any) -> int:
        running.append(1)
        most.append(len(running))
        running.pop()
        return 1

    async with carrier() as plain:
        plain.machine.ask(*(computation(number, run) for number in range(10)))
        await plain.turns(lambda: len(plain.machine.answers) == 10)
    assert max(most) == 1


async def test_a_question_that_is_asked_again_is_answered_once() -> None:
    asked: list[int] = []
    answer = anyio.Event()

    async def answering(question: Question[Any]) -> str:
        asked.append(question.number)
        await answer.wait()
        return "answer"

    async with carrier() as plain:
        plain.answering = answering
        question = KeyNeeded(number=7, key_id=1)
        plain.machine.ask(question)
        await plain.turn()
        await anyio.lowlevel.checkpoint()
        plain.machine.events.append(question)
        await plain.turn()
        answer.set()
        await plain.turns(lambda: plain.machine.answers == {7: "answer"})
        assert asked == [7]
        # answered, and asked anew
        plain.machine.ask(question)
        await plain.turns(lambda: asked == [7, 7])


async def test_nobody_goes_on_answering_what_was_withdrawn() -> None:
    ended: list[str] = []

    async def answering(question: Question[Any]) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("withdrawn")

    async with carrier() as plain:
        plain.answering = answering
        plain.machine.ask(KeyNeeded(number=1, key_id=1))
        await plain.turn()
        await anyio.lowlevel.checkpoint()
        plain.machine.open_questions = ()
        await plain.turns(lambda: bool(ended))
        assert plain.machine.answers == {}


async def test_a_computation_in_a_thread_is_abandoned() -> None:
    go_on = threading.Event()
    async with carrier() as plain:
        plain.machine.ask(computation(1, lambda _crypto: go_on.wait(60.0)))
        await plain.turn()
        await anyio.lowlevel.checkpoint()
    # the block has ended, and the thread has not
    go_on.set()
    assert plain.machine.answers == {}


async def test_a_pause_ends_when_somebody_says_so_or_its_time_has_come() -> None:
    async with carrier() as plain:
        plain.wake()
        await plain.pause()
        assert plain.machine.said == ["timeout"]
        await plain.turn()
        plain.machine.deadline = plain.now() + 0.001
        await plain.pause(plain.now() + 1000.0)
        assert plain.machine.deadline is None
        await plain.pause(plain.now() - 1.0)
        with anyio.move_on_after(0.001) as scope:
            await plain.pause()
        assert scope.cancelled_caught
