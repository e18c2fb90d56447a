"""The script of ``kit/traces.py`` as a page plays it; run in Pyodide with a URL and the steps. Prints the names of the events."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any


def without_server() -> None:
    """What the server's half of the helpers needs is not in WebAssembly, nor needed."""
    stand_in: Any = ModuleType("mtproto_bind_adapters.websocket")
    stand_in.ServerCarrier = None
    sys.modules["mtproto_bind_adapters.websocket"] = stand_in


async def play(url: str, steps: list[Any]) -> list[str]:
    """The names of what is told."""
    from kit.serving import CONFIG, PATIENCE
    from kit.traces import name
    from mtproto_bind import Event, KeyBound, TransportEnded
    from mtproto_bind_adapters.browser import CallUnanswered, connect

    events: list[Event] = []

    async def until(kind: type[Event], times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while sum(isinstance(event, kind) for event in events) < times:
                await asyncio.sleep(0)

    async with connect(CONFIG, url, on_event=events.append) as link:
        for step in steps:
            if step == "bound":
                await link.bound()
            elif step == "renew":
                link.renew()
                await until(KeyBound, 2)
            elif step == "lost":
                await until(TransportEnded, 1)
            else:
                with suppress(CallUnanswered):
                    await link.call(bytes.fromhex(step["call"]))
    return list(map(name, events))


async def main() -> None:
    without_server()
    print(json.dumps(await play(sys.argv[1], json.loads(sys.argv[2]))))
