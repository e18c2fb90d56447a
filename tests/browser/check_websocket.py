"""The driver against real WebSockets, good ones and odd ones, wherever this runs; what came of it is for the test to look at."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pyodide.ffi

from mtproto_bind import (
    ClientConfig,
    DataCenter,
    Event,
    Framing,
    PublicKey,
    Retry,
    Transport,
    TransportEnded,
)
from mtproto_bind_adapters.browser import BrowserCrypto, WebSocketFailed, connect

QUERY = bytes.fromhex("0102030405060708")
PATIENCE = 30.0


class Proxies:
    """Counts what JavaScript holds of ours."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self._create = pyodide.ffi.create_proxy
        pyodide.ffi.create_proxy = self.create

    def create(self, function: Any) -> Any:
        proxy = self._create(function)
        self.made.append(proxy)
        return proxy

    def held(self) -> int:
        """How many were not destroyed."""
        return sum(self.is_held(proxy) for proxy in self.made)

    @staticmethod
    def is_held(proxy: Any) -> bool:
        try:
            proxy.unwrap()
        except Exception:
            return False
        return True


class Check:
    """One server that can be trusted, and URLs of odd ones."""

    def __init__(self, setting: dict[str, Any], bigint: Any) -> None:
        self.urls = setting["urls"]
        key = PublicKey.from_pem(setting["pem"])
        crypto = BrowserCrypto(js=bigint)
        self.config = ClientConfig(server_keys=[key], dc=DataCenter(2), retry=Retry(delay=0.01), crypto=crypto)

    async def bind(self, framing: Framing) -> dict[str, Any]:
        """From nothing to bound, a call, and one of 100 kB."""
        transport = Transport(framing, obfuscated=True)
        async with connect(self.config, self.urls["good"], transport=transport) as link:
            bound = await link.bound()
            short, long = await link.call(QUERY), await link.call(QUERY * 12_500)
            keys = [f"{bound.permanent_key_id:016x}", f"{bound.key_id:016x}"]
            return {"keys": keys, "short": short == QUERY[::-1], "long": long == QUERY[::-1] * 12_500, "trips": link.round_trips}

    async def refused(self, name: str) -> dict[str, Any]:
        """What the first WebSocket to a server that opens none comes to."""
        try:
            async with connect(self.config, self.urls[name]):
                return {"text": "connected"}
        except WebSocketFailed as error:
            return {"code": error.code, "text": str(error)}

    async def lost(self, name: str) -> dict[str, Any]:
        """What is told of a server that opens one, and ends it."""
        events: list[Event] = []
        troubles: list[WebSocketFailed] = []
        settings = {"on_event": events.append, "on_trouble": troubles.append}
        async with connect(self.config, self.urls[name], **settings), asyncio.timeout(PATIENCE):
            while not any(isinstance(event, TransportEnded) for event in events) or not troubles:
                await asyncio.sleep(0.01)
        return {"code": troubles[0].code, "text": str(troubles[0])}

    async def hidden(self, name: str) -> dict[str, Any]:
        """The same of one that may seem never to have opened it: its end can overtake the beginning."""
        try:
            return await self.lost(name)
        except WebSocketFailed as error:
            return {"code": error.code, "text": str(error)}


async def whole(setting: str, bigint: Any = None) -> str:
    """All of it, as JSON."""
    proxies = Proxies()
    check = Check(json.loads(setting), bigint)
    result = {
        "python": sys.version.split()[0],
        "loop": type(asyncio.get_running_loop()).__name__,
        "crypto": check.config.crypto.name,
        **{framing.value: await check.bind(framing) for framing in (Framing.ABRIDGED, Framing.INTERMEDIATE, Framing.PADDED)},
        "nobody": await check.refused("nobody"),
        "404": await check.refused("404"),
        "chat": await check.refused("chat"),
        "text": await check.lost("text"),
        "abort": await check.hidden("abort"),
    }
    # goodbyes are said in the background, for a second at most
    async with asyncio.timeout(PATIENCE):
        while proxies.held():
            await asyncio.sleep(0.05)
    return json.dumps({**result, "proxies": len(proxies.made)})


async def main() -> None:
    print(await whole(sys.argv[1]))
