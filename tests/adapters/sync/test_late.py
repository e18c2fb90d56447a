"""A store that is slow holds up the client that asks, and nobody else."""

from __future__ import annotations

from threading import Event as Flag
from threading import Thread, current_thread
from typing import Any

import pytest

from kit.serving import PATIENCE, SERVER_KEY, make_driver, running, turn_around
from mtproto_bind import BindRequested, KeyOffered, Question, Server, ServerConfig
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncServer
from mtproto_bind_adapters.sync.late import LATER, LateAnswers, LateStore


class Slow(MemoryStore):
    """Answers the first question of one kind only when it is let go."""

    def __init__(self, kind: type[Question[Any]]) -> None:
        super().__init__()
        self.kind = kind
        self.asked, self.let_go = Flag(), Flag()
        self.threads: set[Thread] = set()

    def answer(self, question: Question[Any], now: float) -> Any:
        self.threads.add(current_thread())
        if isinstance(question, self.kind) and not self.asked.is_set():
            self.asked.set()
            assert self.let_go.wait(PATIENCE)
        return super().answer(question, now)


def make_server(store: MemoryStore, threads: int) -> SyncServer:
    server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=None))
    return SyncServer(server, store, on_event=turn_around, store_threads=threads)


@pytest.mark.parametrize("kind", [KeyOffered, BindRequested])
def test_others_are_served_while_one_waits(kind: type[Question[Any]]) -> None:
    store = Slow(kind)
    with running(make_server(store, threads=2)) as address, make_driver(address) as held, make_driver(address) as other:
        waiting = Thread(target=held.wait_bound, args=(PATIENCE,))
        waiting.start()
        assert store.asked.wait(PATIENCE)
        other.wait_bound(PATIENCE)
        assert other.call(b"1234", PATIENCE) == b"4321"
        assert waiting.is_alive()
        store.let_go.set()
        waiting.join(PATIENCE)
        assert held.call(b"5678", PATIENCE) == b"8765"
    assert all(thread.name.startswith("mtproto-store") for thread in store.threads)
    assert not any(thread.is_alive() for thread in store.threads)


def test_a_client_that_left_is_not_answered() -> None:
    store = Slow(KeyOffered)
    with running(make_server(store, threads=1)) as address:
        with make_driver(address) as gone, pytest.raises(TimeoutError):
            gone.wait_bound(0.3)
        assert store.asked.is_set()
        store.let_go.set()
        with make_driver(address) as other:
            other.wait_bound(PATIENCE)


def test_a_store_that_raises_costs_the_client_that_asked(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryStore):
        failed = False

        def answer(self, question: Question[Any], now: float) -> Any:
            if isinstance(question, BindRequested) and not self.failed:
                self.failed = True
                raise RuntimeError("the disk is gone")
            return super().answer(question, now)

    with running(make_server(Broken(), threads=1)) as address, make_driver(address) as driver:
        driver.wait_bound(PATIENCE)
    assert "the disk is gone" in caplog.text


def test_what_was_not_begun_when_it_ends_is_not_done() -> None:
    store = Slow(KeyOffered)
    woken: list[int] = []
    answers: LateAnswers[str] = LateAnswers(store, 1, lambda: woken.append(1))
    late = LateStore(answers)
    late.client = "client"
    question = KeyOffered(number=1, record=None)  # type: ignore[arg-type]
    for _ in range(2):
        assert late.answer(question, 0.0) is LATER
    assert store.asked.wait(PATIENCE)
    closing = Thread(target=answers.close)
    closing.start()
    store.let_go.set()
    closing.join(PATIENCE)
    first = answers.take()
    assert first is not None
    assert (first.client, first.question) == ("client", question)
    assert isinstance(first.outcome.exception(0), AttributeError)
