"""Installs our wheel with micropip, in Pyodide, as a page does; prints what is there afterwards. Run with the wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys

import micropip


async def main() -> None:
    await micropip.install(f"emfs:{sys.argv[1]}")

    import mtproto_bind
    from mtproto_bind_adapters.browser import BrowserCrypto

    print(importlib.metadata.version("mtproto-bind"), importlib.util.find_spec("cryptography"))
    print(mtproto_bind.default_crypto().name, BrowserCrypto().name)
