"""Every driver tells the same events in the same order, whatever carries it: contract 9 of the design."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Condition

import anyio
import pytest
from attrs import evolve

from kit.proxies import Fate, proxying
from kit.serving import CONFIG, PATIENCE
from kit.traces import SCRIPT, TOLD, Play, name, playing
from mtproto_bind import CallAnswered, CallFailed, ClientConnection, Event, KeyBound, Timeouts, Transport, TransportEnded
from mtproto_bind_adapters import anyio as anyio_adapter
from mtproto_bind_adapters import sync
from mtproto_bind_adapters.sync import ByteStream, CallUnanswered, SyncDriver, dial
from mtproto_bind_adapters.websocket import WEBSOCKET_TRANSPORT, connect_websocket, dial_websocket

HASTY = evolve(CONFIG, timeouts=Timeouts(handshake=2.0))
"""Waits less long for a peer that has fallen silent."""

Address = tuple[str, int]
Dial = Callable[[], ByteStream]


def is_renewal(event: Event) -> bool:
    return isinstance(event, KeyBound) and event.renewal


def is_end(event: Event) -> bool:
    return isinstance(event, TransportEnded)


def play_with_driver(dial: Dial, transport: Transport) -> list[str]:
    """:class:`SyncDriver`: no thread."""
    told: list[str] = []
    driver = SyncDriver(ClientConnection(HASTY), dial, transport=transport)

    def until(wanted: Callable[[Event], bool]) -> None:
        while True:
            event = driver.next_event(PATIENCE)
            told.append(name(event))
            if wanted(event):
                return

    for step in SCRIPT:
        if step == "bound":
            until(lambda event: isinstance(event, KeyBound))
        elif step == "renew":
            driver.connection.renew(driver.now())
            until(is_renewal)
        elif step == "lost":
            until(is_end)
        elif isinstance(step, bytes):
            driver.connection.call(step, driver.now())
            until(lambda event: isinstance(event, CallAnswered | CallFailed))
    driver.connection.close(driver.now())
    until(lambda event: not isinstance(event, CallAnswered))
    driver.close()
    return told


def play_with_thread(dial: Dial, transport: Transport) -> list[str]:
    """:func:`mtproto_bind_adapters.sync.connect`: a thread of its own."""
    events: list[Event] = []
    more = Condition()

    def on_event(event: Event) -> None:
        with more:
            events.append(event)
            more.notify_all()

    def until(wanted: Callable[[Event], bool]) -> None:
        with more:
            assert more.wait_for(lambda: any(map(wanted, events)), PATIENCE)

    with sync.connect(HASTY, dial=dial, transport=transport, on_event=on_event) as link:
        for step in SCRIPT:
            if step == "bound":
                link.bound(timeout=PATIENCE)
            elif step == "renew":
                link.renew()
                until(is_renewal)
            elif step == "lost":
                until(is_end)
            elif isinstance(step, bytes):
                with suppress(CallUnanswered):
                    link.call(step, timeout=PATIENCE)
    return [name(event) for event in events]


async def play_with_tasks(dial: Callable[[], object], transport: Transport) -> list[str]:
    """:func:`mtproto_bind_adapters.anyio.connect`: tasks."""
    events: list[Event] = []

    async def until(wanted: Callable[[Event], bool]) -> None:
        with anyio.fail_after(PATIENCE):
            while not any(map(wanted, events)):
                await anyio.lowlevel.checkpoint()

    async with anyio_adapter.connect(HASTY, dial=dial, transport=transport, on_event=events.append) as link:
        for step in SCRIPT:
            if step == "bound":
                await link.bound()
            elif step == "renew":
                link.renew()
                await until(is_renewal)
            elif step == "lost":
                await until(is_end)
            elif isinstance(step, bytes):
                with suppress(CallUnanswered):
                    await link.call(step)
    return [name(event) for event in events]


def over_tcp(play: Callable[[Dial, Transport], list[str]], address: Address, _url: str) -> list[str]:
    return play(partial(dial, *address), Transport())


def over_websocket(play: Callable[[Dial, Transport], list[str]], _address: Address, url: str) -> list[str]:
    return play(partial(dial_websocket, url), WEBSOCKET_TRANSPORT)


def tasks_over_tcp(backend: str, address: Address, _url: str) -> list[str]:
    return anyio.run(play_with_tasks, anyio_adapter.tcp(*address), Transport(), backend=backend)


def tasks_over_websocket(backend: str, _address: Address, url: str) -> list[str]:
    return anyio.run(play_with_tasks, partial(connect_websocket, url), WEBSOCKET_TRANSPORT, backend=backend)


DRIVERS: dict[str, Play] = {
    "no thread": partial(over_tcp, play_with_driver),
    "no thread, WebSocket": partial(over_websocket, play_with_driver),
    "thread": partial(over_tcp, play_with_thread),
    "thread, WebSocket": partial(over_websocket, play_with_thread),
    "asyncio": partial(tasks_over_tcp, "asyncio"),
    "asyncio, WebSocket": partial(tasks_over_websocket, "asyncio"),
    "trio": partial(tasks_over_tcp, "trio"),
    "trio, WebSocket": partial(tasks_over_websocket, "trio"),
}


@pytest.mark.parametrize("driver", DRIVERS)
def test_it_tells_what_the_others_tell(driver: str) -> None:
    with playing() as (address, url):
        assert DRIVERS[driver](address, url) == list(TOLD)


LOST = "TransportEnded None"
SILENT = "TransportEnded no answer to the handshake within 2 s"
FAULTS: dict[str, tuple[Fate, list[str]]] = {
    "a byte at a time": (Fate(piece=1), list(TOLD)),
    "cut in the first answer": (Fate(down=50), [LOST, *TOLD]),
    "cut in the first exchange": (Fate(up=400), [LOST, *TOLD]),
    "reset between the exchanges": (Fate(down=900, reset=True), [TOLD[0], LOST, *TOLD[1:]]),
    "cut in the binding": (Fate(down=1700), [*TOLD[:2], LOST, *TOLD[2:]]),
    "silent in the first answer": (Fate(silent_after=50), [SILENT, *TOLD]),
}
"""What becomes of the first stream, and the events that are told then."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("driver", [name for name in DRIVERS if "WebSocket" not in name])
def test_with_a_bad_stream_too_it_tells_what_the_others_tell(driver: str, fault: str) -> None:
    fate, told = FAULTS[fault]
    with playing() as (address, url), proxying(address, fate) as proxy:
        assert DRIVERS[driver](proxy.address, url) == told
