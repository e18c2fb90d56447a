"""The thread of a link: streams that end, peers that stall, owners that fail, and how it ends itself."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import Any

import pytest
from attrs import evolve

from kit.leftovers import leaving_nothing
from kit.links import IGNORED, IMPATIENT, Versatile, linked
from kit.proxies import Fate, Proxy, proxying
from kit.serving import CONFIG, PATIENCE, QUERY, listening, make_loop, running
from kit.vaults import serving_vault
from kit.wrapped import Stubborn
from mtproto_bind import (
    BindingRequest,
    BindingRequired,
    CallAnswered,
    ClientConfig,
    ClientConnection,
    ConnectionClosed,
    Event,
    ExternalKey,
    KeyBound,
    LocalProtocolError,
    PeerTimedOut,
    PendingKey,
    PermanentKey,
    PermanentKeyCreated,
    PermanentKeyRequired,
    PermanentKeySuspected,
    Question,
    Retry,
    TemporaryKeyCreated,
    Timeouts,
    TransportEnded,
    Verdict,
    default_crypto,
    seal_binding,
)
from mtproto_bind_adapters.sync import ByteStream, CallUnanswered, Link, connect, dial, drive, pump
from mtproto_bind_adapters.sync.answer import Answer
from mtproto_bind_adapters.sync.pump import Pump
from mtproto_bind_adapters.vault import Vault, ask_vault

QUICK = Retry(delay=0.01, ceiling=0.05)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with leaving_nothing():
        yield


# ---- streams that end


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stream_that_is_cut_at_any_step_costs_nothing_but_time(direction: str, reset: bool) -> None:
    with running(make_loop()) as address:
        # from nothing to an answered call 2100 bytes pass in either direction
        for after in range(1 + 60 * reset, 2200, 120):
            fate = Fate(reset=reset, **{direction: after})
            with proxying(address, fate) as proxy, connect(CONFIG, *proxy.address) as link:
                assert link.call(QUERY, timeout=PATIENCE, repeat=True) == QUERY[::-1]
                assert link.bound(PATIENCE).key_id == link.bound_key().key.id


def test_streams_that_are_cut_again_and_again_lose_no_key() -> None:
    ended: list[Event] = []
    cuts = [Fate(down=2500 + 100 * number) for number in range(5)]
    with ExitStack() as stack:
        proxy = stack.enter_context(proxying(stack.enter_context(running(make_loop())), *cuts))
        link = stack.enter_context(connect(CONFIG, *proxy.address, on_event=ended.append))
        bound = link.bound(PATIENCE)
        while sum(isinstance(event, TransportEnded) for event in ended) < 5:
            assert link.call(QUERY * 8, timeout=PATIENCE, repeat=True) == (QUERY * 8)[::-1]
        assert link.bound(PATIENCE) == bound


def test_a_peer_that_writes_a_byte_at_a_time_is_understood() -> None:
    with running(make_loop()) as address, proxying(address, Fate(piece=1)) as proxy, connect(CONFIG, *proxy.address) as link:
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        assert proxy.accepted == 1


def test_a_peer_that_says_nothing_is_left_for_another_stream() -> None:
    told: list[Event] = []
    twice = Flag()

    def on_event(event: Event) -> None:
        told.append(event)
        if len(told) == 2:
            twice.set()

    with listening() as (_, address), connect(IMPATIENT, *address, on_event=on_event) as link:
        assert twice.wait(PATIENCE)
        assert link.status.temporary_key_id is None
    assert [type(event.error) for event in told[:2] if isinstance(event, TransportEnded)] == [PeerTimedOut] * 2


@contextmanager
def deafened() -> Iterator[tuple[Link, Proxy]]:
    """A bound link whose first stream takes little more than it took to bind it."""
    with ExitStack() as stack:
        proxy = stack.enter_context(proxying(stack.enter_context(running(make_loop())), Fate(deaf_after=3000)))
        link = stack.enter_context(connect(CONFIG, *proxy.address))
        link.bound(PATIENCE)
        yield link, proxy


def test_a_peer_that_takes_nothing_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "STALLED", 0.5)
    monkeypatch.setattr(drive, "FAREWELL", 0.05)
    with deafened() as (link, proxy):
        big = [link.submit(QUERY * 100_000) for _ in range(12)]
        with pytest.raises(CallUnanswered, match="give_up_at"):
            link.call(QUERY, timeout=0.05)
        assert proxy.accepted == 1
        assert {call.result(PATIENCE) for call in big} == {(QUERY * 100_000)[::-1]}
        assert proxy.accepted == 2


def test_a_stream_with_little_room_does_not_hold_up_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "FAREWELL", 0.05)
    with running(make_loop()) as address, proxying(address, Fate(deaf_after=3000)) as proxy:

        def dial_narrow() -> socket.socket:
            stream = socket.socket()
            # before they are connected: what they may grow to is settled then
            proxy._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2304)
            stream.connect(proxy.address)
            return stream

        with connect(CONFIG, dial=dial_narrow) as link:
            link.bound(PATIENCE)
            began = monotonic()
            # more than the sockets on the way hold
            big = [link.submit(QUERY * 100_000, timeout=0.3) for _ in range(12)]
            assert all(isinstance(call.exception(PATIENCE), CallUnanswered) for call in big)
            assert monotonic() - began < drive.STALLED / 3


# ---- dialling


class Dialler:
    """Dials ``address`` but when its script has an error instead; ``times`` tells when it was asked to."""

    def __init__(self, address: tuple[str, int], *script: Exception | None) -> None:
        self.times: list[float] = []
        self._address = address
        self._script = list(script)

    def __call__(self) -> socket.socket:
        self.times.append(monotonic())
        error = self._script.pop(0) if self._script else None
        if error is not None:
            raise error
        return dial(*self._address)


def cut(link: Link) -> None:
    """Ends the stream under a link."""
    link._pump.drive.interrupt()


def test_later_dials_are_tried_again_each_after_twice_the_wait() -> None:
    with running(make_loop()) as address:
        dialler = Dialler(address, None, *[ConnectionRefusedError() for _ in range(4)])
        with connect(evolve(CONFIG, retry=Retry(delay=0.02, ceiling=0.05)), dial=dialler) as link:
            bound = link.bound(PATIENCE)
            cut(link)
            assert link.call(QUERY, timeout=PATIENCE, repeat=True) == QUERY[::-1]
            assert link.bound() == bound
        gaps = [after - before for before, after in zip(dialler.times[1:], dialler.times[2:], strict=False)]
        assert len(gaps) == 4
        assert all(gap >= least - 0.001 for gap, least in zip(gaps, [0.02, 0.04, 0.05, 0.05], strict=True))


def test_a_dial_that_succeeds_begins_the_waits_anew() -> None:
    with running(make_loop()) as address:
        refused = [OSError("no"), OSError("no")]
        dialler = Dialler(address, None, *refused, None, *refused, None)
        with connect(evolve(CONFIG, retry=Retry(delay=0.01, ceiling=0.05, attempts=3)), dial=dialler) as link:
            for _ in range(2):
                link.call(QUERY, timeout=PATIENCE)
                cut(link)
            assert link.call(QUERY, timeout=PATIENCE, repeat=True) == QUERY[::-1]
        assert len(dialler.times) == 7


def test_the_time_that_the_connection_says_is_awaited() -> None:
    ended: list[float] = []

    def on_event(event: Event) -> None:
        if isinstance(event, TransportEnded):
            ended.append(monotonic())

    with running(make_loop()) as address:
        dialler = Dialler(address)
        with connect(evolve(CONFIG, retry=Retry(delay=0.2)), dial=dialler, on_event=on_event) as link:
            link.bound(PATIENCE)
            cut(link)
            link.call(QUERY, timeout=PATIENCE, repeat=True)
        assert dialler.times[1] - ended[0] > 0.1


def outcomes(link: Link) -> list[Callable[[], Any]]:
    """Everything that waits, begun before the end."""
    results: list[Callable[[], Any]] = [link.submit(IGNORED).result]
    for wait_for_it in (lambda: next(link.updates()), lambda: link.call(IGNORED)):
        future: Future[Any] = Future()

        def run(wait_for_it: Callable[[], Any] = wait_for_it, future: Future[Any] = future) -> None:
            try:
                future.set_result(wait_for_it())
            except Exception as error:
                future.set_exception(error)

        Thread(target=run).start()
        results.append(future.result)
    return results


def test_when_every_attempt_has_failed_the_link_ends_with_the_error(caplog: pytest.LogCaptureFixture) -> None:
    with running(Versatile().loop) as address:
        unreachable = socket.gaierror(socket.EAI_NONAME, "name or service not known")
        dialler = Dialler(address, None, ConnectionRefusedError(), unreachable)
        with connect(evolve(CONFIG, retry=Retry(delay=0.01, attempts=2)), dial=dialler) as link:
            link.bound(PATIENCE)
            waiting = outcomes(link)
            cut(link)
            for outcome in [*waiting, link.bound, link.renew, lambda: link.call(QUERY)]:
                with pytest.raises(socket.gaierror, match="not known"):
                    outcome()
        assert len(dialler.times) == 3
    assert "the link ends: gaierror" in caplog.text


def test_what_is_no_failure_of_the_network_ends_the_link() -> None:
    with running(make_loop()) as address, connect(CONFIG, dial=Dialler(address, None, ZeroDivisionError("bug"))) as link:
        link.bound(PATIENCE)
        cut(link)
        with pytest.raises(ZeroDivisionError, match="bug"):
            link.call(QUERY, timeout=PATIENCE)


@pytest.mark.parametrize("fails", [False, True])
def test_a_dial_under_way_does_not_hold_up_the_end(fails: bool) -> None:
    dialling, released = Flag(), Flag()
    opened: list[socket.socket] = []

    def slow_dial() -> socket.socket:
        if opened:
            dialling.set()
            released.wait(PATIENCE)
            if fails:
                raise ZeroDivisionError
        opened.append(dial(*address))
        return opened[-1]

    with running(make_loop()) as address:
        with connect(CONFIG, dial=slow_dial) as link:
            link.bound(PATIENCE)
            cut(link)
            assert dialling.wait(PATIENCE)
            # meanwhile the link does what can be done without a stream
            with pytest.raises(CallUnanswered, match="give_up_at"):
                link.call(QUERY, timeout=0.01)
        released.set()
        while len(opened) < 2 - fails or opened[-1].fileno() != -1:
            released.wait(0.001)


# ---- owners


def permanent_key(address: tuple[str, int]) -> PermanentKey:
    """One that the server at ``address`` knows."""
    told: list[Event] = []
    with connect(CONFIG, *address, on_event=told.append) as link:
        link.bound(PATIENCE)
    [made] = [event.key for event in told if isinstance(event, PermanentKeyCreated)]
    return made


def elsewhere(key: PermanentKey, **changes: Any) -> ClientConfig:
    """A client that does not have ``key``."""
    return evolve(CONFIG, permanent_key=ExternalKey(id=key.key.id), **changes)


def seal(key: PermanentKey, request: BindingRequest) -> bytes:
    return seal_binding(request, key.key, entropy=CONFIG.entropy, crypto=default_crypto())


def test_a_vault_binds() -> None:
    with running(make_loop()) as address:
        key = permanent_key(address)
        with serving_vault(Vault(key.key)) as witnessed:

            def owner(question: Question[Any]) -> bytes:
                assert isinstance(question, BindingRequired)
                return ask_vault(witnessed.server.url, question.request)

            with connect(elsewhere(key), *address, owner=owner) as link:
                assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
                assert link.bound().permanent_key_id == key.key.id
        assert len(witnessed.signed) == 1


def test_a_permanent_key_may_come_later_from_the_owner() -> None:
    with running(make_loop()) as address:
        key = permanent_key(address)

        def owner(question: Question[Any]) -> PermanentKey:
            assert isinstance(question, PermanentKeyRequired)
            return key

        with connect(evolve(CONFIG, permanent_key=PendingKey()), *address, owner=owner) as link:
            assert link.bound(PATIENCE).permanent_key_id == key.key.id


def test_the_owner_decides_on_a_key_that_the_server_has_lost() -> None:
    asked: list[Question[Any]] = []
    with running(make_loop()) as elsewhere_address:
        lost = evolve(permanent_key(elsewhere_address), created_at=1.0, last_bound_at=1.0)

    def owner(question: Question[Any]) -> Verdict:
        asked.append(question)
        return Verdict.REPLACE

    with linked(evolve(CONFIG, permanent_key=lost), owner=owner) as (link, _):
        assert link.bound(PATIENCE).permanent_key_id != lost.key.id
    assert [type(question) for question in asked] == [PermanentKeySuspected]


def test_traffic_goes_on_while_the_owner_thinks() -> None:
    asked, released = Flag(), Flag()
    with running(make_loop()) as address:
        key = permanent_key(address)

        def owner(question: BindingRequired) -> bytes:
            if asked.is_set():
                released.wait(PATIENCE)
            asked.set()
            return seal(key, question.request)

        renewed = Flag()

        def on_event(event: Event) -> None:
            if isinstance(event, KeyBound) and event.renewal:
                renewed.set()

        with connect(elsewhere(key), *address, owner=owner, on_event=on_event) as link:
            link.bound(PATIENCE)
            link.renew()
            while not link.status.open_questions or link.status.handshake is not None:
                assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
            assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
            assert not renewed.is_set()
            released.set()
            assert renewed.wait(PATIENCE)


def test_a_question_that_is_asked_again_is_answered_once() -> None:
    calls, told = [], []
    twice, released = Flag(), Flag()
    with running(make_loop()) as address:
        key = permanent_key(address)

        def owner(question: BindingRequired) -> bytes:
            calls.append(question)
            cut(link)
            released.wait(PATIENCE)
            return seal(key, question.request)

        def on_event(event: Event) -> None:
            if isinstance(event, BindingRequired):
                assert ready.wait(PATIENCE)
                told.append(event)
                if len(told) == 2:
                    twice.set()

        ready = Flag()
        with connect(elsewhere(key), *address, owner=owner, on_event=on_event) as link:
            ready.set()
            assert twice.wait(PATIENCE)
            released.set()
            assert link.bound(PATIENCE).permanent_key_id == key.key.id
        assert len(calls) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_an_answer_that_comes_too_late_is_nobodys(fails: bool) -> None:
    questions: list[BindingRequired] = []
    released, done = Flag(), Flag()
    with running(make_loop()) as address:
        key = permanent_key(address)

        def owner(question: BindingRequired) -> bytes:
            questions.append(question)
            if len(questions) == 1:
                released.wait(PATIENCE)
                done.set()
                if fails:
                    raise ZeroDivisionError
            return seal(key, question.request)

        with connect(elsewhere(key, timeouts=Timeouts(binding_required=0.1)), *address, owner=owner) as link:
            link.bound(PATIENCE)
            released.set()
            assert done.wait(PATIENCE)
            assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        assert len(questions) == 2


def test_what_the_owner_raises_ends_the_link() -> None:
    def owner(_question: Question[Any]) -> bytes:
        raise ZeroDivisionError("the vault is open")

    config = evolve(CONFIG, permanent_key=ExternalKey(id=1))
    with linked(config, owner=owner) as (link, _), pytest.raises(ZeroDivisionError, match="the vault is open"):
        link.bound(PATIENCE)


def test_what_is_no_answer_ends_the_link() -> None:
    config = evolve(CONFIG, permanent_key=ExternalKey(id=1))
    with linked(config, owner=lambda _: b"short") as (link, _), pytest.raises(ValueError, match="104 bytes"):
        link.bound(PATIENCE)


def test_a_question_without_an_owner_says_what_is_missing() -> None:
    config = evolve(CONFIG, permanent_key=ExternalKey(id=1))
    with linked(config) as (link, _), pytest.raises(LocalProtocolError, match=r"BindingRequired.*connect with owner="):
        link.bound(PATIENCE)


# ---- the end


def test_what_on_event_raises_ends_the_link(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []

    def on_event(event: Event) -> None:
        told.append(event)
        if isinstance(event, PermanentKeyCreated):
            assert ready.wait(PATIENCE)
            raise OSError("the disk is full")

    ready = Flag()
    with linked(on_event=on_event) as (link, _):
        waiting = outcomes(link)
        ready.set()
        for outcome in [*waiting, link.bound]:
            with pytest.raises(OSError, match="the disk is full"):
                outcome()
    # nothing was done with the key
    assert [type(event) for event in told] == [PermanentKeyCreated]
    assert "the link ends: OSError: the disk is full" in caplog.text


def test_what_ends_a_thread_ends_only_the_link() -> None:
    def on_event(_event: Event) -> None:
        raise SystemExit(3)

    with linked(on_event=on_event) as (link, _):
        with pytest.raises(LocalProtocolError, match="was ended by SystemExit") as ended:
            link.bound(PATIENCE)
        assert ended.value.__cause__ is not None
        assert isinstance(ended.value.__cause__.__cause__, SystemExit)


def test_on_event_may_fail_at_the_very_end() -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, ConnectionClosed):
            raise OSError("the log is full")

    with linked(on_event=on_event) as (link, _):
        link.bound(PATIENCE)
        link.close()
        with pytest.raises(OSError, match="the log is full"):
            link.bound(PATIENCE)


def test_what_was_put_in_before_the_end_is_told_of_it() -> None:
    held, released = Flag(), Flag()

    def on_event(_event: Event) -> None:
        held.set()
        released.wait(PATIENCE)
        raise OSError("the disk is full")

    with linked(on_event=on_event) as (link, _):
        assert held.wait(PATIENCE)
        call = link.submit(QUERY)
        released.set()
        with pytest.raises(OSError, match="the disk is full"):
            call.result(PATIENCE)


def test_it_may_be_closed_at_any_step() -> None:
    with running(make_loop()) as address:
        for after in range(0, 2100, 150):
            with proxying(address, Fate(silent_after=after)) as proxy, connect(CONFIG, *proxy.address) as link:
                call = link.submit(QUERY)
                assert proxy.silent.wait(PATIENCE)
                began = monotonic()
                link.close()
                assert monotonic() - began < PATIENCE / 6
                assert isinstance(call.exception(0), CallUnanswered)


STEPS = [PermanentKeyCreated, TemporaryKeyCreated, KeyBound, CallAnswered]


@pytest.mark.parametrize("number", range(4))
def test_it_may_be_closed_at_any_event(number: int) -> None:
    told: list[type[Event]] = []
    ready = Flag()
    closers: list[Thread] = []

    def on_event(event: Event) -> None:
        told.append(type(event))
        if len(told) == number + 1:
            assert ready.wait(PATIENCE)
            link.close()
            closers.append(Thread(target=link.close))
            closers[0].start()

    with linked(on_event=on_event) as (link, _):
        link.submit(QUERY)
        ready.set()
        assert list(link.updates()) == []
    closers[0].join(PATIENCE)
    assert told[: number + 1] == STEPS[: number + 1]
    assert told[-1] is ConnectionClosed


def test_a_peer_that_stalls_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "FAREWELL", 0.05)
    with deafened() as (link, _):
        big = [link.submit(QUERY * 100_000) for _ in range(12)]
        with pytest.raises(CallUnanswered, match="give_up_at"):
            link.call(QUERY, timeout=0.1)
        began = monotonic()
        link.close()
        assert monotonic() - began < PATIENCE / 6
        assert all(isinstance(call.exception(0), CallUnanswered) for call in big)


def test_a_stream_without_time_limits_is_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "GRACE", 0.05)
    with listening() as (_, address):
        stream = Stubborn(dial(*address))
        with connect(CONFIG, dial=lambda: stream) as link:
            assert stream.writing.wait(PATIENCE)
            call = link.submit(QUERY)
        assert stream.fileno() == -1
        assert isinstance(call.exception(0), CallUnanswered)


def test_where_no_thread_can_be_had_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    with listening() as (_, address):
        stream = dial(*address)
        with monkeypatch.context() as patched:
            patched.setattr(Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="new thread"):
                connect(CONFIG, dial=lambda: stream)
            with pytest.raises(RuntimeError, match="new thread"):
                make_pump(lambda: stream).start()
        assert stream.fileno() == -1


def make_pump(dial: Callable[[], ByteStream]) -> Pump:
    return Pump(ClientConnection(CONFIG), dial, None, retry=QUICK, on_event=lambda _: None)


def test_arithmetic_that_has_lost_its_point_is_dropped() -> None:
    def never() -> Iterator[None]:
        raise AssertionError("nobody asked for it any more")
        yield

    made = make_pump(partial(dial, "127.0.0.1", 1))
    made._computing[7] = (PermanentKeyRequired(number=7), never())  # type: ignore[assignment]
    made._compute()
    assert made._computing == {}
    made.close(PATIENCE)


def test_what_fails_at_the_very_end_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ZeroDivisionError("at the very end")

    made = make_pump(partial(dial, "127.0.0.1", 1))
    waiter: Answer[int] = Answer()
    made.mailbox.put(fail)
    made.mailbox.put(partial(waiter.work, lambda: 7))
    made.leave()
    assert waiter.result(0) == 7
    # whoever comes now does it alone, and waits for nobody
    assert not made.mailbox.put(fail)
    assert "at the very end" in caplog.text


def test_a_question_that_was_withdrawn_is_not_asked() -> None:
    made = make_pump(partial(dial, "127.0.0.1", 1))
    made._tell(PermanentKeyRequired(number=7))
    assert made.board.end is None
    made.close(PATIENCE)
