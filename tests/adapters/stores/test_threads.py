"""A store that is asked in a thread holds up nobody else, on either event loop."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from kit.stores import NOW, record
from mtproto_bind import KeyNeeded, KeyOffered, Question, Stored
from mtproto_bind_adapters.stores import MemoryStore, SqliteStore
from mtproto_bind_adapters.stores.threads import InThread

LOOPS = pytest.mark.parametrize("loop", ["asyncio", "trio"])
NEEDED = KeyNeeded(number=1, key_id=record(1).key.id)


class SlowStore:
    """Answers when it is allowed to, with how many it is answering."""

    def __init__(self) -> None:
        self.may_answer = threading.Semaphore(0)
        self.asked = threading.Semaphore(0)
        self.answering = 0
        self.answered = 0

    def answer(self, question: Question[Any], now: float) -> Any:
        self.answering += 1
        at_once = self.answering
        self.asked.release()
        self.may_answer.acquire(timeout=60)
        self.answering -= 1
        self.answered += 1
        return at_once


@LOOPS
def test_a_store_of_any_kind_answers(loop: str, tmp_path: Any) -> None:
    async def ask() -> None:
        with SqliteStore(tmp_path / "keys.db") as store:
            asked = InThread(store)
            assert await asked.answer(KeyOffered(number=1, record=record(1)), NOW) is Stored.KEPT
            assert await asked.answer(NEEDED, NOW) == record(1)
            with pytest.raises(TypeError, match="no question to a store"):
                await asked.answer(Question(number=1), NOW)

    anyio.run(ask, backend=loop)


@LOOPS
@pytest.mark.parametrize("threads", [1, 2])
def test_so_many_are_asked_at_once_and_nobody_else_waits(loop: str, threads: int) -> None:
    slow = SlowStore()
    words: list[int] = []

    async def ask(asked: InThread) -> None:
        words.append(await asked.answer(NEEDED, NOW))

    async def main() -> None:
        asked = InThread(slow, threads=threads)
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(ask, asked)
            for _ in range(threads):
                await anyio.to_thread.run_sync(slow.asked.acquire)
            # the loop goes on while the store thinks
            assert words == []
            for _ in range(4):
                slow.may_answer.release()

    anyio.run(main, backend=loop)
    assert len(words) == 4
    assert max(words) == threads


@LOOPS
def test_who_is_cancelled_leaves_when_the_store_has_answered(loop: str) -> None:
    slow = SlowStore()

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(InThread(slow).answer, NEEDED, NOW)
                await anyio.to_thread.run_sync(slow.asked.acquire)
                scope.cancel()
                slow.may_answer.release()

    anyio.run(main, backend=loop)
    assert slow.answered == 1


def test_it_is_made_where_no_loop_runs() -> None:
    asked = InThread(MemoryStore())

    async def main() -> None:
        assert await asked.answer(NEEDED, NOW) is None

    anyio.run(main, backend="asyncio")
