"""``mtproto-bind demo``: a server and a client on loopback, from nothing to a renewed binding."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Thread

from attrs import frozen

from mtproto_bind import (
    CallAnswered,
    CallFailed,
    ClientConfig,
    ClientConnection,
    DataCenter,
    Event,
    Goal,
    KeyBound,
    PendingKey,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    PrivateKey,
    ProtocolError,
    PublicKey,
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

Say = Callable[[str], None]
Connect = Callable[[ClientConfig], SyncDriver]


@frozen
class Made:
    """The permanent key, and how many round trips it took."""

    key: PermanentKey
    round_trips: int


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

            def connect(config: ClientConfig) -> SyncDriver:
                return SyncDriver(ClientConnection(config), partial(dial, host, port), on_event=fail_with_the_call)

            result = from_nothing_to_renewed(connect, (key.public,), partial(say, "client"))
    except (ProtocolError, CallUnanswered, OSError) as error:
        raise Failure(f"expected the demonstration to work, came {error}: please report it", kind=type(error).__name__) from error
    console.tell(**result, seconds=round(time.monotonic() - began, 3))


@contextmanager
def serving(key: PrivateKey, say: Say) -> Iterator[tuple[str, int]]:
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


def from_nothing_to_renewed(connect: Connect, trusted: tuple[PublicKey, ...], say: Say) -> dict[str, object]:
    """Both keys side by side, the binding, a call, a renewal and a call again; what ``--json`` tells of it."""
    maker = connect(ClientConfig(server_keys=trusted, dc=DC, goal=Goal.PERMANENT_KEY))
    carrier = connect(ClientConfig(server_keys=trusted, dc=DC, permanent_key=PendingKey(), pipeline=True))
    with ThreadPoolExecutor(1) as beside, carrier:
        first = to_the_first_answer(carrier, beside.submit(make_permanent_key, maker, say), say)
        return {**first, **renew(carrier, say), "round_trips": carrier.round_trips}


def make_permanent_key(driver: SyncDriver, say: Say) -> Made:
    """The permanent key, on a connection of its own."""
    with driver:
        made = driver.wait_for(PermanentKeyCreated, PATIENCE)
        say(f"permanent key {made.key.key.id:016x} made on a connection of its own, in {driver.round_trips} round trips")
        return Made(made.key, driver.round_trips)


def to_the_first_answer(driver: SyncDriver, making: Future[Made], say: Say) -> dict[str, object]:
    """The temporary key, its binding once the permanent key is there, and a call that leaves right behind it."""
    driver.connection.call(GET_NEAREST_DC, driver.now(), give_up_at=driver.now() + PATIENCE)
    temporary = driver.wait_for(TemporaryKeyCreated, PATIENCE)
    apart = driver.round_trips
    say(f"temporary key {temporary.key.id:016x} made on the connection for calls, in {apart} round trips")
    question = driver.wait_for(PermanentKeyRequired, PATIENCE)
    made = making.result(PATIENCE)
    driver.answer(question, made.key)
    bound = driver.wait_for(KeyBound, PATIENCE)
    say(f"bound: temporary key {bound.key_id:016x} speaks for {bound.permanent_key_id:016x}")
    answer = driver.wait_for(CallAnswered, PATIENCE)
    total = max(made.round_trips, apart) + driver.round_trips - apart
    say(f"help.getNearestDc answered with {len(answer.body)} bytes, {total} round trips after the beginning")
    return {
        "permanent_key_id": f"{bound.permanent_key_id:016x}",
        "temporary_key_id": f"{bound.key_id:016x}",
        "bound": True,
        "permanent_key_round_trips": made.round_trips,
        "temporary_key_round_trips": apart,
        "first_answer_round_trips": total,
    }


def renew(driver: SyncDriver, say: Say) -> dict[str, object]:
    """A renewal, and a call under the new key."""
    driver.connection.renew(driver.now())
    say("renewing on the live stream")
    bound = driver.wait_for(KeyBound, PATIENCE)
    say(f"renewed: temporary key {bound.key_id:016x} speaks for {bound.permanent_key_id:016x}")
    answer = driver.call(GET_NEAREST_DC, PATIENCE)
    say(f"help.getNearestDc answered with {len(answer)} bytes")
    return {"calls_answered": 2, "renewed_key_id": f"{bound.key_id:016x}"}


def fail_with_the_call(event: Event) -> None:
    """Nobody waits for an answer that will not come. Raises :class:`CallUnanswered`."""
    if isinstance(event, CallFailed):
        raise CallUnanswered(event.reason)
