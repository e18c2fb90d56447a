"""What the page does in Python: one run from nothing to bound, told as it goes."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import js
import watched
from pyodide.ffi import to_js
from pyodide.http import pyfetch

from mtproto_bind import (
    BindingRequired,
    BindRefused,
    ClientConfig,
    ConnectionClosed,
    DataCenter,
    Event,
    ExternalKey,
    Framing,
    KeyBound,
    KeyExpired,
    PeerTimedOut,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeySuspected,
    PublicKey,
    Question,
    Retry,
    TemporaryKeyCreated,
    Timeouts,
    Transport,
    TransportEnded,
    TransportErrorReceived,
    Verdict,
    default_crypto,
)
from mtproto_bind_adapters.browser import BrowserCrypto, Link, WebSocketFailed, connect

GET_NEAREST_DC = bytes.fromhex("2630b31f")
PATIENCE = 20.0
"""Seconds for a run."""


class Stopped(Exception):
    """The run has come to its end in good order, or nothing more can be done; all that there is to say was said."""


class Run:
    """One run. ``tell`` takes a line of JSON: a kind, values, and when."""

    def __init__(self, options: dict[str, Any], tell: Any) -> None:
        self.options = options
        self.began = time.perf_counter()
        self.link: Link | None = None
        self.connection: watched.Watched | None = None
        self.bound = asyncio.Event()
        self.task = asyncio.current_task()
        self.permanent_key: Any = None
        self.troubled = ""
        self._line = tell

    def tell(self, kind: str, **values: Any) -> None:
        """Says something to the page; times become seconds since the run began."""
        for name in ("began", "ended"):
            if name in values:
                values[name] -= self.began
        self._line(json.dumps({"kind": kind, "at": time.perf_counter() - self.began, **values}))

    # ---- what there is to do

    async def whole(self) -> None:
        """The run that the options ask for."""
        options = self.options
        if options["trouble"] == "forgotten":
            await self.one(self.config(), options["url"], stay=False)
            saved = self.connection.save(temporary_key=True)
            self.tell("note", text="Both keys are in hand. Now to a server that has forgotten everything.")
            self.bound.clear()
            if self.permanent_key is not None:
                # of a key that is younger than a minute it would believe that it has not got around yet
                self.permanent_key = PermanentKey(key=self.permanent_key.key)
            await self.one(self.config(), options["forgetful_url"], saved=saved)
        else:
            await self.one(self.config(), options["url"])

    def config(self) -> ClientConfig:
        """As the page says. The permanent key is in the page only where the page made it."""
        options = self.options
        key = ExternalKey(id=int(options["permanent_key_id"], 16)) if options["split"] else self.permanent_key
        crypto = BrowserCrypto(js=js.bigint) if options["crypto"] == "bigint" else default_crypto()
        self.tell("crypto", name=crypto.name)
        return ClientConfig(
            server_keys=[PublicKey.from_pem(options["pem"])],
            dc=DataCenter(int(options["dc"])),
            permanent_key=key,
            temporary_lifetime=int(options["lifetime"]),
            crypto=crypto,
            timeouts=Timeouts(handshake=4.0, bind=4.0),
            retry=Retry(attempts=3, delay=0.5, ceiling=2.0),
        )

    async def one(self, config: ClientConfig, url: str, *, saved: bytes | None = None, stay: bool = True) -> None:
        """One connection, from its first stream to its last."""
        self.connection = watched.Watched(config, self.tell, saved)
        self.tell("dialling", url=url)
        transport = Transport(Framing[self.options["framing"].upper()], obfuscated=True)
        settings = {"transport": transport, "on_event": self.on_event, "on_trouble": self.on_trouble, "owner": self.owner}
        async with connect(self.connection, url, **settings) as link:
            self.link = link
            async with asyncio.timeout(PATIENCE):
                if saved is None:
                    await link.bound()
                else:
                    await self.bound.wait()
            await self.call()
            if stay:
                # the connection is kept until somebody ends the run: keys are renewed, losses mended
                await asyncio.Event().wait()

    async def call(self) -> None:
        """A call under the bound key, as proof that it is good for something."""
        began = time.perf_counter()
        answer = await self.link.call(GET_NEAREST_DC)
        self.tell("call", name="help.getNearestDc", size=len(answer), milliseconds=(time.perf_counter() - began) * 1000)
        self.sum_up()

    def sum_up(self) -> None:
        """What it took so far."""
        self.tell("sums", round_trips=self.link.round_trips, computing=self.connection.computed)

    # ---- what the link tells and asks

    def on_event(self, event: Event) -> None:
        """Every event, as far as the page shows it."""
        match event:
            case PermanentKeyCreated():
                self.permanent_key = event.key
                self.tell("key", which="permanent", id=f"{event.key.key.id:016x}")
            case TemporaryKeyCreated():
                self.tell("key", which="temporary", id=f"{event.key.id:016x}", expires_at=event.expires_at)
            case KeyBound():
                self.bound.set()
                ids = {"id": f"{event.key_id:016x}", "permanent": f"{event.permanent_key_id:016x}"}
                self.tell("bound", **ids, expires_at=event.expires_at, renewal=event.renewal)
            case KeyExpired():
                why = f"The temporary key {event.key_id:016x} is given up: {event.verdict.why}."
                self.tell("error", name=event.verdict.end.name, text=why, next="A new one is being made.")
            case BindRefused():
                verdict = event.verdict
                came = verdict.refusal.name if verdict.error is None else f"{verdict.error.code} {verdict.error.message}"
                self.tell("error", name="refused", text=f"{came}: {verdict.why}.", next=f"Next: {verdict.next_step.name}.")
            case TransportEnded(error=error) if error is not None:
                self.tell("error", **told(error), next="Another WebSocket is opened.")
            case ConnectionClosed(error=error) if error is not None:
                self.tell("error", **told(error), next="The connection has ended. Change something, and run again.")
                self.troubled = str(error)

    def on_trouble(self, error: WebSocketFailed) -> None:
        """A WebSocket was lost; another one follows."""
        self.tell("error", **told(error), next="Another WebSocket is opened.")

    async def owner(self, question: Question[Any]) -> Any:
        """What only the owner of the connection can answer."""
        if isinstance(question, BindingRequired):
            return await self.ask_vault(question)
        if isinstance(question, PermanentKeySuspected):
            self.tell("note", text="The server does not seem to know the permanent key. In this demo: replace it.")
            return Verdict.REPLACE
        raise Stopped(f"nobody here answers {type(question).__name__}")

    async def ask_vault(self, question: BindingRequired) -> bytes:
        """Has the binding sealed where the permanent key is: 45 bytes there, 104 back."""
        url = self.options["vault"]
        self.tell("vault", url=url, request=question.request.to_bytes().hex())
        headers = {"Content-Type": "application/octet-stream"}
        try:
            answer = await pyfetch(url, method="POST", body=to_js(question.request.to_bytes()), headers=headers)
            body = await answer.bytes()
        except OSError as error:
            text = f"expected a vault at {url}, came {error}: is `mtproto-bind sign --origin {js.location.origin}` up?"
            raise Stopped(text) from None
        if answer.status != 200:
            raise Stopped(f"the vault refused with {answer.status}: {body.decode('utf-8', 'replace').strip()}")
        self.tell("vault", url=url, answer=body.hex())
        return body


def told(error: Exception) -> dict[str, str]:
    """The name by which people know an error, and what it says."""
    match error:
        case TransportErrorReceived():
            name = str(error.code)
        case WebSocketFailed():
            name = "WebSocket" if error.code is None else str(error.code)
        case PeerTimedOut() | TimeoutError():
            name = "timeout"
        case _:
            name = type(error).__name__
    return {"name": name, "text": str(error) or f"nothing came of it within {PATIENCE:g} seconds"}


class Current:
    """The run that is under way, if any."""

    run: Run | None = None


async def run(options: str, tell: Any) -> None:
    """One run, to its end. It never raises: what went wrong is told."""
    this = Current.run = Run(json.loads(options), tell)
    try:
        await this.whole()
    except asyncio.CancelledError:
        this.tell("stopped")
    except Exception as error:
        if not this.troubled or str(error) != this.troubled:
            this.tell("error", **told(error), next="The run has ended. Change something, and run again.")
        this.tell("failed")
    finally:
        Current.run = None


def stop() -> None:
    """Ends the run."""
    if Current.run is not None and Current.run.task is not None:
        Current.run.task.cancel()


def renew() -> None:
    """Renews the temporary key ahead of its time."""
    if Current.run is not None and Current.run.link is not None:
        Current.run.link.renew()


async def call() -> None:
    """One more call."""
    if Current.run is not None and Current.run.link is not None:
        await Current.run.call()
