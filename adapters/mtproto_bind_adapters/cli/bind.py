"""``mtproto-bind bind``: the keys with any server, and their binding."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

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
    Goal,
    KeyBound,
    PeerTimedOut,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeySuspected,
    Retry,
    TemporaryKeyCreated,
    TransportEnded,
    known_keys,
)

from ..sync import SyncDriver
from .asked import AskedVault, vault_of
from .console import Console, Failure, Misuse
from .explain import explain_refusal, explain_silence, explain_stream
from .keyfile import KeyFile, read_public_key
from .metered import Metered
from .timeline import Timeline
from .ways import way_of

__all__ = ["run"]

WHO = "client"
REDIAL_DELAY = 1.0


def run(options: Namespace, console: Console) -> None:
    """Runs the command. Raises :class:`Misuse` and :class:`Failure`."""
    with console.timeline() as timeline:
        Run(options, console, timeline).to_the_end()


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


class Run:
    """One run, from the first dial to the last line."""

    def __init__(self, options: Namespace, console: Console, timeline: Timeline) -> None:
        self._options = options
        self._console = console
        self._timeline = timeline
        self._dc = DataCenter(options.dc, test=options.test, media=options.media)
        self._way = way_of(options, self._dc)
        url = vault_of(options)
        self._vault = None if url is None else AskedVault(url, console.complain)
        self._saved = SavedKey(options.save_permanent_key, self._dc) if options.save_permanent_key else None
        self._permanent_key = self._read_key()
        self._first_salt: int | None = None
        self._failures = 0
        self._last: Failure | None = None
        trusted = tuple(map(read_public_key, options.server_key)) if options.server_key else known_keys(test=options.test)
        config = ClientConfig(
            server_keys=trusted,
            dc=self._dc,
            permanent_key=self._permanent_key if url is None else ExternalKey(id=options.permanent_key_id),
            goal=Goal.TEMPORARY_KEY if options.no_bind else Goal.BOUND,
            temporary_lifetime=options.expires_in,
            retry=Retry(attempts=options.attempts),
        )
        self._driver = SyncDriver(ClientConnection(config), self._dial, transport=self._way.transport)
        self._stream: Metered | None = None

    def to_the_end(self) -> None:
        """Raises :class:`Failure`."""
        with self._driver:
            try:
                while not self._reaches_goal(self._next_event()):
                    pass
                self._keep_key()
                result = self._result()
            finally:
                if self._saved is not None:
                    self._saved.let_go()
        self._sum_up(result)
        self._console.tell(**result, seconds=round(self._timeline.seconds, 3))

    def _read_key(self) -> PermanentKey | None:
        path = self._options.permanent_key
        if path is None:
            return None
        file = KeyFile.read(path)
        if file.dc is not None and file.dc != self._dc:
            raise Misuse(f"{path} belongs to {file.dc}, and the command line says {self._dc}: see --dc, --test and --media")
        return file.key

    def _dial(self) -> Metered:
        """A stream that was there once is dialled again for as long as there is time; the first time must do."""
        while True:
            try:
                stream = self._way.dial(self._time_left())
            except OSError as error:
                self._last = self._way.explain(error)
                if self._stream is None:
                    raise self._last from None
                time.sleep(min(REDIAL_DELAY, self._time_left()))
            else:
                self._say(f"connected to {self._way}")
                self._stream = Metered(stream, self._driver.connection, self._timeline, WHO)
                return self._stream

    def _time_left(self) -> float:
        """Seconds. Raises :class:`Failure` where there are none."""
        left: float = self._options.timeout - self._timeline.seconds
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
                event = self._driver.next_event(left if due is None else min(left, due))
            except TimeoutError:
                # that is how a pause between two tries ends too
                if due is None or due >= left:
                    raise explain_silence(self._options.timeout, self._last) from None
            else:
                if self._stream is not None:
                    self._stream.settle()
                return event

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
                self._say(f"temporary key {event.key_id:016x} bound, until {utc(event.expires_at)}")
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

    def _keep_key(self) -> None:
        """The key has proved good."""
        if self._saved is not None and self._permanent_key is not None:
            key = self._permanent_key
            self._saved.keep(key if self._options.no_bind else evolve(key, last_bound_at=self._driver.now()))

    def _result(self) -> dict[str, object]:
        """What ``--json`` tells."""
        connection, bound = self._driver.connection, not self._options.no_bind
        status = connection.status
        return {
            "permanent_key_id": hex_id(status.permanent_key_id),
            "temporary_key_id": hex_id(status.temporary_key_id),
            "bound": bound,
            "expires_at": status.expires_at,
            "server_salt": hex_id(connection.bound_key().server_salt if bound else self._first_salt),
            "time_offset": round(status.clock.offset, 3),
            "round_trips": self._driver.round_trips,
        }

    def _sum_up(self, result: Mapping[str, object]) -> None:
        self._timeline.sum_up(
            {
                "permanent key": str(result["permanent_key_id"]),
                "temporary key": str(result["temporary_key_id"]),
                "bound": "yes" if result["bound"] else "no, as asked",
                "round trips": str(result["round_trips"]),
            }
        )

    def _say(self, text: str) -> None:
        self._timeline.note(WHO, text)


def hex_id(number: int | None) -> str | None:
    """A key id or salt as 16 hex digits."""
    return None if number is None else f"{number:016x}"


def utc(seconds: float) -> str:
    """A moment for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
