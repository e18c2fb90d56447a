"""Runs the code of a page of the documentation in Pyodide: given the code, a URL and the public key. Prints the answer."""

from __future__ import annotations

import sys
from pathlib import Path


async def main() -> None:
    code, url, pem = sys.argv[1:]
    names: dict[str, object] = {}
    exec(Path(code).read_text(), names)
    events: list[str] = []

    async def on_event(event: object) -> None:
        events.append(type(event).__name__)

    answer = await names["bind"](url, pem, on_event)  # type: ignore[operator]
    print(answer.hex(), *events)
