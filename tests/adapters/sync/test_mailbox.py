"""Actions come out in their order, and nobody sleeps while there are any."""

from __future__ import annotations

import selectors
from collections.abc import Iterator
from threading import Thread

import pytest

from mtproto_bind_adapters.sync.mailbox import Mailbox


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.empty_and_close()


def has_something(mailbox: Mailbox) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(mailbox, selectors.EVENT_READ)
        return bool(selector.select(0.0))


def test_actions_come_out_in_their_order(mailbox: Mailbox) -> None:
    done: list[int] = []
    for number in range(3):
        assert mailbox.put(lambda number=number: done.append(number))
    while (action := mailbox.take()) is not None:
        action()
    assert done == [0, 1, 2]


def test_it_wakes_until_everything_is_taken(mailbox: Mailbox) -> None:
    assert not has_something(mailbox)
    mailbox.put(lambda: None)
    mailbox.put(lambda: None)
    for _ in range(2):
        assert has_something(mailbox)
        assert mailbox.take() is not None
    assert mailbox.take() is None
    assert not has_something(mailbox)


def test_more_may_wait_than_the_pipe_holds(mailbox: Mailbox) -> None:
    for _ in range(2000):
        mailbox.put(lambda: None)
    assert sum(mailbox.take() is not None for _ in range(2001)) == 2000
    while has_something(mailbox):
        mailbox.take()


def test_what_is_in_is_done_before_it_closes(caplog: pytest.LogCaptureFixture) -> None:
    mailbox = Mailbox()
    done: list[int] = []

    def fail() -> None:
        # as what is done may have more to be done
        assert mailbox.put(lambda: done.append(2))
        raise SystemExit("it fails")

    mailbox.put(lambda: done.append(1))
    mailbox.put(fail)
    mailbox.empty_and_close()
    assert done == [1, 2]
    assert not mailbox.put(lambda: done.append(3))
    assert "it fails" in caplog.text
    # it may be said again
    mailbox.empty_and_close()
    assert done == [1, 2]


def test_nothing_is_lost_between_threads(mailbox: Mailbox) -> None:
    counted: list[int] = []
    threads = [Thread(target=lambda: [mailbox.put(lambda: counted.append(1)) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(counted) < 4000:
        with selectors.DefaultSelector() as selector:
            selector.register(mailbox, selectors.EVENT_READ)
            assert selector.select(10.0)
        while (action := mailbox.take()) is not None:
            action()
    for thread in threads:
        thread.join()
