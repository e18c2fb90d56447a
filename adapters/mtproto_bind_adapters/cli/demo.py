"""``mtproto-bind demo``: a server and a client on loopback, from nothing to a renewed binding."""

from __future__ import annotations

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
from .metered import Metered
from .timeline import Timeline

__all__ = ["run"]

DC = DataCenter(2)
PATIENCE = 30.0
"""Seconds for each step."""

SERVER, CALLS, KEYS = "server", "client", "keys"
"""Who speaks: the server, the connection for calls, the one that makes the permanent key."""
KEYS_MADE = ("permanent_key_id", "temporary_key_id", "renewed_key_id")
COUNTS = ("calls_answered", "first_answer_round_trips", "round_trips")


@frozen
class Made:
    """The permanent key, and how many round trips it took."""

    key: PermanentKey
    round_trips: int


def run(_options: Namespace, console: Console) -> None:
    """Runs the command. Raises :class:`Failure`."""
    with console.timeline() as timeline:
        result = show(timeline)
    console.tell(**result, seconds=round(timeline.seconds, 3))


def show(timeline: Timeline) -> dict[str, object]:
    """The whole demonstration; what ``--json`` tells of it. Raises :class:`Failure`."""
    key = PrivateKey.generate()
    timeline.note(SERVER, f"RSA key {key.public.fingerprint:016x} made")
    try:
        with serving(key, partial(timeline.note, SERVER)) as (host, port):
            timeline.note(SERVER, f"listening on {host} port {port}")

            stage = Stage(host, port, timeline)
            result = from_nothing_to_renewed(stage, (key.public,))
    except (ProtocolError, CallUnanswered, OSError) as error:
        raise Failure(f"expected the demonstration to work, came {error}: please report it", kind=type(error).__name__) from error
    timeline.sum_up({name.replace("_", " "): str(result[name]) for name in (*KEYS_MADE, *COUNTS)})
    return result


class Stage:
    """Connections to the server at ``host`` and ``port``, and what is seen of them."""

    def __init__(self, host: str, port: int, timeline: Timeline) -> None:
        self._dial = partial(dial, host, port)
        self._timeline = timeline
        self._streams: dict[str, Metered] = {}

    def connect(self, config: ClientConfig, who: str) -> SyncDriver:
        """A client by the name of ``who``."""
        connection = ClientConnection(config)

        def dial_metered() -> Metered:
            self._streams[who] = Metered(self._dial(), connection, self._timeline, who)
            return self._streams[who]

        return SyncDriver(connection, dial_metered, on_event=fail_with_the_call)

    def say(self, who: str, text: str) -> None:
        """``who`` has come so far; first it is told what led there."""
        self._streams[who].settle()
        self._timeline.note(who, text)


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


def from_nothing_to_renewed(stage: Stage, trusted: tuple[PublicKey, ...]) -> dict[str, object]:
    """Both keys side by side, the binding, a call, a renewal and a call again; what ``--json`` tells of it."""
    maker = stage.connect(ClientConfig(server_keys=trusted, dc=DC, goal=Goal.PERMANENT_KEY), KEYS)
    carrier = stage.connect(ClientConfig(server_keys=trusted, dc=DC, permanent_key=PendingKey(), pipeline=True), CALLS)
    with ThreadPoolExecutor(1) as beside, carrier:
        first = to_the_first_answer(carrier, beside.submit(make_permanent_key, maker, stage), stage)
        return {**first, **renew(carrier, stage), "round_trips": carrier.round_trips}


def make_permanent_key(driver: SyncDriver, stage: Stage) -> Made:
    """The permanent key, on a connection of its own."""
    with driver:
        made = driver.wait_for(PermanentKeyCreated, PATIENCE)
        trips = driver.round_trips
        stage.say(KEYS, f"permanent key {made.key.key.id:016x} made on a connection of its own, in {trips} round trips")
        return Made(made.key, trips)


def to_the_first_answer(driver: SyncDriver, making: Future[Made], stage: Stage) -> dict[str, object]:
    """The temporary key, its binding once the permanent key is there, and a call that leaves right behind it."""
    driver.connection.call(GET_NEAREST_DC, driver.now(), give_up_at=driver.now() + PATIENCE)
    temporary = driver.wait_for(TemporaryKeyCreated, PATIENCE)
    apart = driver.round_trips
    stage.say(CALLS, f"temporary key {temporary.key.id:016x} made on the connection for calls, in {apart} round trips")
    question = driver.wait_for(PermanentKeyRequired, PATIENCE)
    made = making.result(PATIENCE)
    driver.answer(question, made.key)
    bound = driver.wait_for(KeyBound, PATIENCE)
    stage.say(CALLS, f"bound: temporary key {bound.key_id:016x} speaks for {bound.permanent_key_id:016x}")
    answer = driver.wait_for(CallAnswered, PATIENCE)
    total = max(made.round_trips, apart) + driver.round_trips - apart
    stage.say(CALLS, f"help.getNearestDc answered with {len(answer.body)} bytes, {total} round trips after the beginning")
    return {
        "permanent_key_id": f"{bound.permanent_key_id:016x}",
        "temporary_key_id": f"{bound.key_id:016x}",
        "bound": True,
        "permanent_key_round_trips": made.round_trips,
        "temporary_key_round_trips": apart,
        "first_answer_round_trips": total,
    }


def renew(driver: SyncDriver, stage: Stage) -> dict[str, object]:
    """A renewal, and a call under the new key."""
    driver.connection.renew(driver.now())
    stage.say(CALLS, "renewing on the live stream")
    bound = driver.wait_for(KeyBound, PATIENCE)
    stage.say(CALLS, f"renewed: temporary key {bound.key_id:016x} speaks for {bound.permanent_key_id:016x}")
    answer = driver.call(GET_NEAREST_DC, PATIENCE)
    stage.say(CALLS, f"help.getNearestDc answered with {len(answer)} bytes")
    return {"calls_answered": 2, "renewed_key_id": f"{bound.key_id:016x}"}


def fail_with_the_call(event: Event) -> None:
    """Nobody waits for an answer that will not come. Raises :class:`CallUnanswered`."""
    if isinstance(event, CallFailed):
        raise CallUnanswered(event.reason)
