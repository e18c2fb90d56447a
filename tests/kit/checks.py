"""What ``tests/browser/check_websocket.py`` is told, and what has to come of it wherever it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mtproto_bind import Event, KeyBound, ServerConnection
from mtproto_bind_adapters.websocket import ServerCarrier

from .odd_websockets import CODES, odd_websockets
from .serving import SERVER_KEY, make_loop, running, turn_around

__all__ = ["judge_checks", "setting_of_checks"]

Bound = list[list[str]]
"""Ids of keys that a server has bound: permanent, temporary."""


@contextmanager
def setting_of_checks() -> Iterator[tuple[str, Bound]]:
    """The setting as JSON, and what the good server binds from now on."""
    bound: Bound = []

    def on_event(connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, KeyBound):
            bound.append([f"{event.permanent_key_id:016x}", f"{event.key_id:016x}"])
        turn_around(connection, event, now)

    loop = make_loop(on_event)
    host, port = loop.listen("127.0.0.1", 0, carrier=ServerCarrier)
    with running(loop), odd_websockets() as urls:
        good = f"ws://{host}:{port}/apiws"
        yield json.dumps({"pem": SERVER_KEY.public.to_pem(), "urls": {"good": good, **urls}}), bound


def judge_checks(result: dict[str, Any], bound: Bound, *, text_code: int) -> None:
    """Raises AssertionError where something is not as it has to be."""
    fits = {"python": result.get("python", "").startswith("3.14"), "loop": result.get("loop") == "WebLoop"}
    for framing in ("abridged", "intermediate", "padded"):
        came = result.get(framing, {})
        fits[framing] = came.get("short") and came.get("long") and came.get("keys") in bound
    for name in ("nobody", "404", "abort"):
        fits[name] = result.get(name, {}).get("code") == 1006
    # some clients end a WebSocket without a subprotocol themselves, others leave that to us
    fits["chat"] = result.get("chat", {}).get("code", 0) in (1006, None)
    fits["text"] = "text frame" in result.get("text", {}).get("text", "") and CODES[-1:] == [text_code]
    fits["proxies"] = result.get("proxies", 0) >= 24
    if wrong := [name for name, good in fits.items() if not good]:
        raise AssertionError(f"not as it has to be: {wrong}; {CODES[-1:]}; {json.dumps(result, indent=1)}")
