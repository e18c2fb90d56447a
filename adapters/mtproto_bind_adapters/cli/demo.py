"""``mtproto-bind demo``: a server and a client on loopback, from nothing to a renewed binding."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread

from mtproto_bind import (
    ClientConfig,
    ClientConnection,
    DataCenter,
    KeyBound,
    PermanentKeyCreated,
    PrivateKey,
    ProtocolError,
    Server,
    ServerConfig,
    TemporaryKeyCreated,
)

from ..stores import MemoryStore
from ..sync import CallUnanswered, SyncDriver, SyncServer, dial
from .answers import GET_NEAREST_DC
from .application import Application
from .console import Console, Failure

__all__ = ["run"]

DC = DataCenter(2)
PATIENCE = 30.0
"""Seconds for each step."""


def run(_options: Namespace, console: Console) -> None:
    """Runs the command. Raises :class:`Failure`."""
    began = time.monotonic()

    def say(who: str, text: str) -> None:
        console.say(f"{(time.monotonic() - began) * 1000:8.0f} ms  {who}  {text}")

    key = PrivateKey.generate()
    say("server", f"RSA key {key.public.fingerprint:016x} made")
    try:
        with serving(key, partial(say, "server")) as (host, port):
            say("server", f"listening on {host} port {port}")
            connection = ClientConnection(ClientConfig(server_keys=(key.public,), dc=DC))
            with SyncDriver(connection, partial(dial, host, port)) as driver:
                result = from_nothing_to_renewed(driver, partial(say, "client"))
    except (ProtocolError, CallUnanswered, OSError) as error:
        raise Failure(f"expected the demonstration to work, came {error}: please report it", kind=type(error).__name__) from error
    console.tell(**result, seconds=round(time.monotonic() - began, 3))


@contextmanager
def serving(key: PrivateKey, say: Callable[[str], None]) -> Iterator[tuple[str, int]]:
    """A server on loopback, in a thread of its own; its address."""
    server = Server(ServerConfig(private_keys=(key,), dc=DC))
    with SyncServer(server, MemoryStore(), on_event=Application(DC, say).on_event) as loop:
        address = loop.listen("127.0.0.1", 0)
        thread = Thread(target=loop.run, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            loop.stop()
            thread.join()


def from_nothing_to_renewed(driver: SyncDriver, say: Callable[[str], None]) -> dict[str, object]:
    """Both keys, the binding, a call, a renewal and a call again; what ``--json`` tells of it."""
    made = driver.wait_for(PermanentKeyCreated, PATIENCE)
    say(f"permanent key {made.key.key.id:016x} made")
    temporary = driver.wait_for(TemporaryKeyCreated, PATIENCE)
    say(f"temporary key {temporary.key.id:016x} made")
    first = driver.wait_for(KeyBound, PATIENCE)
    say(f"bound: temporary key {first.key_id:016x} speaks for {first.permanent_key_id:016x}")
    answer = driver.call(GET_NEAREST_DC, PATIENCE)
    say(f"help.getNearestDc answered with {len(answer)} bytes")
    driver.connection.renew(driver.now())
    say("renewing on the live stream")
    second = driver.wait_for(KeyBound, PATIENCE)
    say(f"renewed: temporary key {second.key_id:016x} speaks for {second.permanent_key_id:016x}")
    again = driver.call(GET_NEAREST_DC, PATIENCE)
    say(f"help.getNearestDc answered with {len(again)} bytes")
    return {
        "permanent_key_id": f"{first.permanent_key_id:016x}",
        "temporary_key_id": f"{first.key_id:016x}",
        "bound": True,
        "calls_answered": 2,
        "renewed_key_id": f"{second.key_id:016x}",
        "round_trips": driver.round_trips,
    }
