"""``mtproto-bind bind``: the keys with any server, and their binding."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from socket import socket

from attrs import evolve

from mtproto_bind import (
    BindingRequired,
    BindRefused,
    ClientConfig,
    ClientConnection,
    ConnectionClosed,
    DataCenter,
    Event,
    ExternalKey,
    Framing,
    Goal,
    KeyBound,
    PeerTimedOut,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeySuspected,
    Retry,
    TemporaryKeyCreated,
    Transport,
    TransportEnded,
    known_keys,
)

from ..sync import SyncDriver, dial
from ..vault import VaultError, ask_vault, vault_url
from .console import Console, Failure, Misuse
from .explain import explain_dialing, explain_refusal, explain_silence, explain_stream
from .keyfile import KeyFile, read_public_key

__all__ = ["run"]

PRODUCTION = {1: "149.154.175.50", 2: "149.154.167.51", 3: "149.154.175.100", 4: "149.154.167.91", 5: "149.154.171.5"}
TEST = {1: "149.154.175.10", 2: "149.154.167.40", 3: "149.154.175.117"}
"""Telegram's own servers, as its open clients know them before they have asked for more."""

REDIAL_DELAY = 1.0

VAULT_TRIES = 5
VAULT_DELAY = 1.0
"""Seconds between two of them."""
VAULT_PATIENCE = 5.0
"""Seconds for one; the stream has to wait for so long."""


def run(options: Namespace, console: Console) -> None:
    """Runs the command. Raises :class:`Misuse` and :class:`Failure`."""
    refuse_what_is_not_there(options)
    Run(options, console).to_the_end()


def refuse_what_is_not_there(options: Namespace) -> None:
    for name in ("obfuscated", "secret", "websocket"):
        if getattr(options, name):
            raise Misuse(f"--{name} is not there yet: this version speaks plain TCP, see --transport")


def vault_of(options: Namespace) -> str | None:
    """The URL of the vault, None: this process has the permanent key, or makes it. Raises :class:`Misuse`."""
    if options.vault is None:
        if options.permanent_key_id is not None:
            raise Misuse("--permanent-key-id says which key a vault has: give --vault too")
        return None
    for name in ("permanent_key", "save_permanent_key", "no_bind"):
        if getattr(options, name):
            raise Misuse(f"--{name.replace('_', '-')} makes no sense with --vault, which has the permanent key and binds with it")
    if options.permanent_key_id is None:
        raise Misuse("--vault needs --permanent-key-id: `mtproto-bind sign` prints the id of the key that it has")
    try:
        return vault_url(options.vault)
    except ValueError as error:
        raise Misuse(f"--vault: {error}") from None


class SavedKey:
    """Where a new permanent key goes: there before it is used, and in the place of another one only after it was bound."""

    def __init__(self, path: Path, dc: DataCenter) -> None:
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise Misuse(f"{path} cannot be written: check its folder, and that it is none itself")
        self._path = path
        self._dc = dc
        self._held = path.with_name(f"{path.name}.new") if path.exists() else path

    def hold(self, key: PermanentKey) -> None:
        """``key`` is made."""
        self._write(key, self._held)

    def keep(self, key: PermanentKey) -> None:
        """``key`` has proved good."""
        self._write(key, self._path)
        self.let_go()

    def let_go(self) -> None:
        """The run is over; what stood there before, stands there still."""
        if self._held != self._path:
            with suppress(OSError):
                self._held.unlink()

    def _write(self, key: PermanentKey, path: Path) -> None:
        try:
            KeyFile(key=key, dc=self._dc).write(path)
        except OSError as error:
            raise Failure(f"{path} cannot be written: {error.strerror}", kind=type(error).__name__) from None


class AskedVault:
    """Has bindings sealed by the vault at ``url``, trying a few times. Between two tries the connection goes on."""

    def __init__(self, url: str, complain: Callable[[str], None]) -> None:
        self._url = url
        self._complain = complain
        self._question: BindingRequired | None = None
        self._tries = 0
        self._next_at = 0.0

    def take(self, question: BindingRequired) -> None:
        """``question`` is open, perhaps not for the first time: it is asked again on every new stream."""
        self._question = question

    def due_in(self) -> float | None:
        """Seconds until the vault is to be asked; None: there is no question."""
        return None if self._question is None else max(self._next_at - time.monotonic(), 0.0)

    def ask(self, driver: SyncDriver, patience: float) -> Failure | None:
        """Asks once, for at most ``patience`` seconds; what went wrong, if another try follows. Raises :class:`Failure`."""
        if self._question is None:
            return None
        try:
            sealed = ask_vault(self._url, self._question.request, timeout=min(VAULT_PATIENCE, patience))
        except VaultError as error:
            failure = explain_vault(error, self._url)
            self._tries += 1
            if self._tries >= VAULT_TRIES:
                raise failure from None
            self._complain(f"{failure}; asking again")
            self._next_at = time.monotonic() + VAULT_DELAY
            return failure
        # a question that was withdrawn meanwhile takes no answer, and another one follows
        driver.answer(self._question, sealed)
        self._question, self._tries = None, 0
        return None


class Run:
    """One run, from the first dial to the last line."""

    def __init__(self, options: Namespace, console: Console) -> None:
        self._options = options
        self._console = console
        self._dc = DataCenter(options.dc, test=options.test, media=options.media)
        self._host = options.host or telegrams_own(self._dc)
        url = vault_of(options)
        self._vault = None if url is None else AskedVault(url, console.complain)
        self._saved = SavedKey(options.save_permanent_key, self._dc) if options.save_permanent_key else None
        self._permanent_key = self._read_key()
        self._first_salt: int | None = None
        self._failures = 0
        self._last: Failure | None = None
        self._began = time.monotonic()
        trusted = tuple(map(read_public_key, options.server_key)) if options.server_key else known_keys(test=options.test)
        config = ClientConfig(
            server_keys=trusted,
            dc=self._dc,
            permanent_key=self._permanent_key if url is None else ExternalKey(id=options.permanent_key_id),
            goal=Goal.TEMPORARY_KEY if options.no_bind else Goal.BOUND,
            temporary_lifetime=options.expires_in,
            retry=Retry(attempts=options.attempts),
        )
        transport = Transport(framing=Framing[options.transport.upper()])
        self._driver = SyncDriver(ClientConnection(config), self._dial, transport=transport)
        self._dialled = False

    def to_the_end(self) -> None:
        """Raises :class:`Failure`."""
        with self._driver:
            try:
                while not self._reaches_goal(self._next_event()):
                    pass
                self._finish()
            finally:
                if self._saved is not None:
                    self._saved.let_go()

    def _read_key(self) -> PermanentKey | None:
        path = self._options.permanent_key
        if path is None:
            return None
        file = KeyFile.read(path)
        if file.dc is not None and file.dc != self._dc:
            raise Misuse(f"{path} belongs to {file.dc}, and the command line says {self._dc}: see --dc, --test and --media")
        return file.key

    def _dial(self) -> socket:
        """A stream that was there once is dialled again for as long as there is time; the first time must do."""
        while True:
            try:
                stream = dial(self._host, self._options.port, timeout=self._time_left())
            except OSError as error:
                self._last = explain_dialing(error, self._host, self._options.port)
                if not self._dialled:
                    raise self._last from None
                time.sleep(min(REDIAL_DELAY, self._time_left()))
            else:
                self._dialled = True
                self._say(f"connected to {self._host} port {self._options.port} ({self._options.transport})")
                return stream

    def _time_left(self) -> float:
        """Seconds. Raises :class:`Failure` where there are none."""
        left: float = self._options.timeout - (time.monotonic() - self._began)
        if left <= 0:
            raise explain_silence(self._options.timeout, self._last)
        return left

    def _next_event(self) -> Event:
        while True:
            left, due = self._time_left(), None if self._vault is None else self._vault.due_in()
            if due == 0 and self._vault is not None:
                self._last = self._vault.ask(self._driver, left)
                continue
            try:
                return self._driver.next_event(left if due is None else min(left, due))
            except TimeoutError:
                # that is how a pause between two tries ends too
                if due is None or due >= left:
                    raise explain_silence(self._options.timeout, self._last) from None

    def _reaches_goal(self, event: Event) -> bool:
        """Takes note of an event; True if there is nothing left to do. Raises :class:`Failure`."""
        match event:
            case PermanentKeyCreated():
                self._permanent_key = event.key
                self._say(f"permanent key {event.key.key.id:016x} made")
                if self._saved is not None:
                    self._saved.hold(event.key)
            case TemporaryKeyCreated():
                self._first_salt = event.server_salt
                self._say(f"temporary key {event.key.id:016x} made, until {utc(event.expires_at)}")
                return bool(self._options.no_bind)
            case KeyBound():
                trips = self._driver.round_trips
                self._say(f"temporary key {event.key_id:016x} bound, until {utc(event.expires_at)}, after {trips} round trips")
                return True
            case TransportEnded():
                self._stream_ended(event)
            case ConnectionClosed():
                raise explain_stream(event.error)
            case BindRefused():
                self._refused(event)
            case BindingRequired() if self._vault is not None:
                self._say(f"asking the vault to seal a binding for {event.request.temp_auth_key_id:016x}")
                self._vault.take(event)
            case PermanentKeySuspected():
                raise explain_refusal(event.verdict)
        return False

    def _stream_ended(self, event: TransportEnded) -> None:
        """A lost or silent stream costs time; what a server does wrong on one is a failed try."""
        self._last = explain_stream(event.error)
        if event.error is not None and not isinstance(event.error, PeerTimedOut):
            self._failed(self._last)
        self._console.complain(f"{self._last}; dialling again")

    def _refused(self, event: BindRefused) -> None:
        self._last = explain_refusal(event.verdict)
        self._failed(self._last)
        self._console.complain(str(self._last))

    def _failed(self, failure: Failure) -> None:
        self._failures += 1
        if self._failures >= self._options.attempts:
            raise failure

    def _finish(self) -> None:
        """Keeps the key that has proved good, and tells the result."""
        bound = not self._options.no_bind
        if self._saved is not None and self._permanent_key is not None:
            key = self._permanent_key
            self._saved.keep(evolve(key, last_bound_at=self._driver.now()) if bound else key)
        connection = self._driver.connection
        status = connection.status
        self._console.tell(
            permanent_key_id=hex_id(status.permanent_key_id),
            temporary_key_id=hex_id(status.temporary_key_id),
            bound=bound,
            expires_at=status.expires_at,
            server_salt=hex_id(connection.bound_key().server_salt if bound else self._first_salt),
            time_offset=round(status.clock.offset, 3),
            round_trips=self._driver.round_trips,
            seconds=round(time.monotonic() - self._began, 3),
        )

    def _say(self, text: str) -> None:
        self._console.say(f"{(time.monotonic() - self._began) * 1000:8.0f} ms  {text}")


def explain_vault(error: VaultError, url: str) -> Failure:
    """The vault has not sealed the binding."""
    text = f"expected a sealed binding from the vault at {url}, came {error}: start it, or check --vault and --permanent-key-id"
    return Failure(text, kind=type(error).__name__)


def telegrams_own(dc: DataCenter) -> str:
    """The address of one of Telegram's data centres. Raises :class:`Misuse` where none is known."""
    address = None if dc.media else (TEST if dc.test else PRODUCTION).get(dc.id)
    if address is None:
        raise Misuse(f"no address is known for {dc}: give --host")
    return address


def hex_id(number: int | None) -> str | None:
    """A key id or salt as 16 hex digits."""
    return None if number is None else f"{number:016x}"


def utc(seconds: float) -> str:
    """A moment for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
