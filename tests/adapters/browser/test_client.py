"""What drives a connection in a page: everything happens in its time, and in the event that brings it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
from attrs import define, evolve, field

from kit.keys import SERVER_KEY
from kit.page import URL, Page, ServedPeer
from mtproto_bind import (
    AuthKey,
    BindingRequired,
    ClientConnection,
    Event,
    ExternalKey,
    KeyBound,
    KeyExpired,
    KeyKind,
    LocalProtocolError,
    PeerTimedOut,
    PermanentKeyCreated,
    Question,
    Retry,
    StoredKey,
    TransportEnded,
    seal_binding,
)
from mtproto_bind.testing import CheapCrypto, SeededEntropy, make_client_config
from mtproto_bind_adapters.browser import Link, WebSocketFailed, client, connect
from mtproto_bind_adapters.browser.clock import WakingClock

CONFIG = make_client_config(SERVER_KEY, retry=Retry(delay=0.001))
KEY = AuthKey(bytes(range(256)))


@define
class Stage:
    """A page with a server of the core, and what the link tells."""

    page: Page
    peer: ServedPeer
    told: list[Event] = field(factory=list)
    troubles: list[str] = field(factory=list)

    def play(self, scene: Callable[[Link], Awaitable[None]], config: Any = CONFIG, **how: Any) -> None:
        async def run() -> None:
            settings: dict[str, Any] = {
                "on_event": self.told.append,
                "on_trouble": lambda error: self.troubles.append(str(error)),
            }
            async with connect(config, URL, **{**settings, **how}) as link:
                await scene(link)
            await asyncio.sleep(0)
            assert self.page.proxies == []
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(run())

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.told]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    peer = ServedPeer(now=time.time)
    return Stage(Page(peer=peer).install(monkeypatch), peer)


async def bind(link: Link) -> None:
    await link.bound()


async def turns(until: Callable[[], bool]) -> None:
    """Lets the loop go round until something is so."""
    async with asyncio.timeout(30):
        while not until():
            await asyncio.sleep(0)


def test_it_goes_on_inside_the_event_of_the_browser(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        socket = stage.page.sockets[0]
        before = len(socket.sent)
        stage.page.peer = type("Deaf", (), {"received": lambda *_: None})()
        link.connection.call(b"12345678", time.time())
        socket.bring(b"")
        assert len(socket.sent) == before + 1

    stage.play(scene)


def test_events_are_told_in_order(stage: Stage) -> None:
    stage.play(bind)
    assert stage.kinds() == ["PermanentKeyCreated", "TemporaryKeyCreated", "KeyBound", "ConnectionClosed"]


def test_it_needs_nobody_to_tell(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        stage.page.sockets[0].end()
        await turns(lambda: len(stage.page.sockets) == 2)
        await link.call(b"12345678")

    stage.play(scene, on_event=None, on_trouble=None)


# ---- on_event that has to be awaited


def test_a_key_is_saved_before_it_is_used(stage: Stage) -> None:
    log: list[object] = []

    async def save(event: Event) -> None:
        log.append(type(event).__name__)
        if isinstance(event, PermanentKeyCreated):
            sent = len(stage.page.sockets[0].sent)
            for _ in range(20):
                await asyncio.sleep(0)
            log.append(len(stage.page.sockets[0].sent) - sent)

    stage.play(bind, on_event=save)
    assert log[:2] == ["PermanentKeyCreated", 0]
    assert log[-2:] == ["KeyBound", "ConnectionClosed"]


def test_what_comes_meanwhile_waits_and_only_so_much_of_it(stage: Stage) -> None:
    saved = asyncio.Event()

    async def save(event: Event) -> None:
        if isinstance(event, KeyBound):
            await saved.wait()

    async def scene(link: Link) -> None:
        streams = link._client._streams
        await turns(lambda: link._client._held is not None and link.status.temporary_key_state == "BOUND")
        stage.page.sockets[0].bring(bytes(60))
        assert streams.room == 4096 - 60
        stage.page.sockets[0].bring(bytes(4096))
        assert stage.page.sockets[0].closed_with == 1000
        saved.set()
        assert await link.call(b"12345678") == b"87654321"

    stage.play(scene, on_event=save, queue_ceiling=4096)
    assert stage.troubles == ["expected no more than 4036 bytes while earlier ones are looked at, came 4096"]
    assert len(stage.page.sockets) == 2


@pytest.mark.parametrize("awaited", [False, True])
def test_what_on_event_raises_ends_the_link(stage: Stage, awaited: bool) -> None:
    async def fail_later(_event: Event) -> None:
        raise ZeroDivisionError

    def fail(event: Event) -> Awaitable[None]:
        if awaited:
            return fail_later(event)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage.play(bind, on_event=fail)


def test_what_on_trouble_raises_ends_the_link(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        stage.page.sockets[0].end()
        await link.call(b"12345678")

    def fail(error: WebSocketFailed) -> None:
        raise KeyError(error.code)

    with pytest.raises(KeyError, match="1006"):
        stage.play(scene, on_trouble=fail)


# ---- questions


def external(stage: Stage) -> Any:
    """A permanent key that the server knows, and the client does not have."""
    stage.peer.owner.keys[KEY.id] = StoredKey(
        key=KEY, kind=KeyKind.PERMANENT, media=False, created_at=0.0, expires_at=None, first_salt=1
    )
    return evolve(CONFIG, permanent_key=ExternalKey(id=KEY.id))


def sealed(question: Question[Any]) -> bytes:
    assert isinstance(question, BindingRequired)
    return seal_binding(question.request, KEY, entropy=SeededEntropy(b"vault"), crypto=CheapCrypto())


async def sealed_later(question: Question[Any]) -> bytes:
    await asyncio.sleep(0)
    return sealed(question)


@pytest.mark.parametrize("owner", [sealed, sealed_later])
def test_the_owner_answers_at_once_or_later(stage: Stage, owner: Callable[[Question[Any]], Any]) -> None:
    stage.play(bind, external(stage), owner=owner)
    bound = next(event for event in stage.told if isinstance(event, KeyBound))
    assert bound.permanent_key_id == KEY.id


def test_a_question_without_an_owner_ends_the_link(stage: Stage) -> None:
    with pytest.raises(LocalProtocolError, match="BindingRequired is for the owner of the connection to answer"):
        stage.play(bind, external(stage))


async def refused_later(_question: Question[Any]) -> bytes:
    raise ZeroDivisionError


def refused(_question: Question[Any]) -> bytes:
    raise ZeroDivisionError


@pytest.mark.parametrize("owner", [refused, refused_later])
def test_what_the_owner_raises_ends_the_link(stage: Stage, owner: Callable[[Question[Any]], Any]) -> None:
    with pytest.raises(ZeroDivisionError):
        stage.play(bind, external(stage), owner=owner)


def test_a_wrong_answer_ends_the_link(stage: Stage) -> None:
    with pytest.raises(ValueError, match="104 bytes"):
        stage.play(bind, external(stage), owner=lambda _question: b"short")


def test_a_question_is_asked_once_on_however_many_streams(stage: Stage) -> None:
    asked: list[int] = []
    answer: asyncio.Event | None = None

    async def owner(question: Question[Any]) -> bytes:
        nonlocal answer
        asked.append(question.number)
        answer = asyncio.Event()
        await answer.wait()
        return sealed(question)

    async def scene(link: Link) -> None:
        await turns(lambda: bool(asked))
        stage.page.sockets[0].end()
        await turns(lambda: link.status.stream_open and len(stage.page.sockets) == 2)
        assert answer is not None
        answer.set()
        await link.bound()

    stage.play(scene, external(stage), owner=owner)
    assert len(asked) == 1


def test_what_is_being_answered_when_the_link_ends_is_cut_short(stage: Stage) -> None:
    cancelled: list[bool] = []

    async def owner(_question: Question[Any]) -> bytes:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return b""

    async def scene(link: Link) -> None:
        await turns(lambda: link.status.temporary_key_state == "BINDING" and bool(link._client._answering))

    stage.play(scene, external(stage), owner=owner)
    assert cancelled == [True]


class Broken(CheapCrypto):
    """Arithmetic that fails."""

    def factorize(self, pq: int, *, curves: int) -> Generator[None, None, tuple[int, int] | None]:
        yield
        raise ZeroDivisionError


def test_arithmetic_that_raises_ends_the_link(stage: Stage) -> None:
    with pytest.raises(ZeroDivisionError):
        stage.play(bind, evolve(CONFIG, crypto=Broken()))


def test_a_question_that_was_withdrawn_is_answered_no_further(stage: Stage) -> None:
    log: list[str] = []

    async def owner(question: Question[Any]) -> bytes:
        log.append("asked")
        if len(log) == 1:
            try:
                await asyncio.sleep(60)
            finally:
                log.append("cancelled")
        return sealed(question)

    config = external(stage)
    stage.play(bind, evolve(config, timeouts=evolve(config.timeouts, binding_required=0.05)), owner=owner)
    assert log == ["asked", "asked", "cancelled"]


# ---- streams


def test_the_peer_ends_the_stream_and_another_follows(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        stage.page.sockets[0].bring("text")
        assert await link.call(b"12345678") == b"87654321"

    stage.play(scene)
    assert "TransportEnded" in stage.kinds()
    assert stage.troubles == ["expected binary frames, came a text frame: is that a server of MTProto?"]
    assert stage.page.sockets[0].closed_with == 4003


def test_nonsense_ends_the_stream_with_an_error(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        stage.page.sockets[0].bring(bytes(range(200)) * 3)
        assert await link.call(b"12345678") == b"87654321"

    stage.play(scene)
    ended = next(event for event in stage.told if isinstance(event, TransportEnded))
    assert ended.error is not None
    assert stage.page.sockets[0].closed_with == 1000


def test_nothing_is_sealed_for_a_browser_that_takes_nothing(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        socket = stage.page.sockets[0]
        socket.bufferedAmount = 1 << 20
        sent = len(socket.sent)
        call = link.submit(b"12345678")
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(socket.sent) == sent
        socket.bufferedAmount = 0
        assert await call == b"87654321"

    stage.play(scene)


# ---- time


def test_a_tab_that_slept_for_an_hour_goes_on_where_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = [0.0]
    monkeypatch.setattr(client, "WakingClock", lambda: WakingClock(lambda: time.time() + asleep[0]))
    stage.peer.now = lambda: time.time() + asleep[0]

    async def scene(link: Link) -> None:
        first = await link.bound()
        asleep[0] = 3600.0
        link._client._ring()
        await turns(lambda: stage.kinds().count("KeyBound") == 2)
        assert await link.call(b"12345678") == b"87654321"
        assert (await link.bound()).key_id != first.key_id

    stage.play(scene, evolve(CONFIG, temporary_lifetime=1800))
    assert sum(isinstance(event, KeyExpired) for event in stage.told) == 1


def test_a_timer_that_rings_early_enough_is_left_alone(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        first = link._client._timer
        assert first is not None
        for _ in range(3):
            stage.page.sockets[0].bring(b"")
        assert link._client._timer is first
        link._client._ring()
        assert link._client._timer is not first

    stage.play(scene)


def test_no_timer_is_set_for_longer_than_a_nap(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        assert link._client._timer is not None
        assert link._client._rings_at <= asyncio.get_running_loop().time() + client.NAP

    stage.play(scene)


def test_a_silent_stream_is_given_up_for_another(stage: Stage) -> None:
    stage.peer.silent = True

    async def scene(link: Link) -> None:
        await turns(lambda: len(stage.page.sockets) == 2)
        stage.peer.silent = False
        await link.bound()

    stage.play(scene, evolve(CONFIG, timeouts=evolve(CONFIG.timeouts, handshake=0.1)))
    ended = next(event for event in stage.told if isinstance(event, TransportEnded))
    assert isinstance(ended.error, PeerTimedOut)
    assert stage.page.sockets[0].closed_with == 1000


def test_a_connection_closed_by_its_owner_ends_the_link(stage: Stage) -> None:
    async def scene(link: Link) -> None:
        await link.bound()
        link.connection.close(time.time())
        link.wake()
        with pytest.raises(LocalProtocolError):
            await link.call(b"12345678")

    stage.play(scene)


def test_a_finished_connection_is_refused(stage: Stage) -> None:
    connection = ClientConnection(CONFIG)
    connection.close(time.time())
    with pytest.raises(LocalProtocolError):
        stage.play(bind, connection)
