"""The face of a link: many callers, one connection."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event as Flag
from threading import Semaphore
from time import monotonic
from typing import Any

import pytest
from attrs import evolve

from kit.leftovers import leaving_nothing
from kit.links import IGNORED, REFUSED, asking_for_updates, linked, update
from kit.serving import CONFIG, PATIENCE, QUERY, closed_port, listening, make_loop, running
from mtproto_bind import (
    CallAnswered,
    ClientConnection,
    DataCenter,
    Event,
    KeyBound,
    LocalProtocolError,
    NotRun,
    OutcomeUnknown,
    PermanentKeyCreated,
    Retry,
    RpcError,
    TransportErrorReceived,
    UpdateReceived,
)
from mtproto_bind_adapters.sync import CallUnanswered, Link, connect
from mtproto_bind_adapters.sync import link as link_module
from mtproto_bind_adapters.sync.answer import Answer, PendingCall


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with leaving_nothing():
        yield


def test_from_nothing_to_an_answered_call() -> None:
    with linked() as (link, _):
        bound = link.bound(PATIENCE)
        assert link.call(QUERY) == QUERY[::-1]
        assert link.bound() == bound
        assert link.bound_key().key.id == bound.key_id
        assert link.status.temporary_key_state == "BOUND"
        assert link.round_trips >= 6


def test_a_call_waits_for_the_binding_by_itself() -> None:
    with linked() as (link, _):
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]


def test_many_threads_call_at_once_and_each_gets_its_own_answer() -> None:
    def call_many(link: Link, caller: int) -> None:
        for number in range(25):
            body = bytes([caller, number]) * 4
            assert link.call(body, timeout=PATIENCE) == body[::-1]

    with linked() as (link, server), ThreadPoolExecutor(20) as callers:
        for done in [callers.submit(call_many, link, caller) for caller in range(20)]:
            done.result(PATIENCE)
        assert len(server.received) == 500


def test_calls_of_one_thread_leave_in_their_order() -> None:
    with linked() as (link, server):
        bodies = [number.to_bytes(8, "little") for number in range(300)]
        calls = [link.submit(body) for body in bodies]
        assert [call.result(PATIENCE) for call in calls] == [body[::-1] for body in bodies]
        assert server.received == bodies


def test_a_call_may_follow_others() -> None:
    with linked() as (link, server):
        first = link.submit(QUERY)
        second = link.submit(QUERY * 2, after=[first])
        assert link.call(QUERY * 3, after=[first, second], updates=False, repeat=True) == (QUERY * 3)[::-1]
        assert server.received == [QUERY, QUERY * 2, QUERY * 3]
        assert link.status.calls == 0


def test_a_call_does_not_run_where_one_before_it_has_failed() -> None:
    with linked() as (link, server):
        failing = link.submit(REFUSED)
        with pytest.raises(CallUnanswered, match="INPUT_METHOD_INVALID") as refused:
            failing.result(PATIENCE)
        assert refused.value.reason == RpcError(400, "INPUT_METHOD_INVALID")
        with pytest.raises(CallUnanswered, match="has failed") as unrun:
            link.call(QUERY, after=[failing])
        assert isinstance(unrun.value.reason, NotRun)
        assert server.received == [REFUSED]


def test_a_call_of_another_link_cannot_come_first() -> None:
    with linked() as (link, _), linked() as (other, there):
        first = link.submit(QUERY)
        assert first.result(PATIENCE) == QUERY[::-1]
        for after in (first, link.submit(IGNORED)):
            with pytest.raises(ValueError, match="of the same link, got one of another"):
                other.submit(QUERY, after=[after])
            with pytest.raises(ValueError, match="of the same link, got one of another"):
                other.call(QUERY, after=[other.submit(QUERY * 2), after])
        assert other.call(QUERY * 3) == (QUERY * 3)[::-1]
        assert QUERY not in there.received


@contextmanager
def held_up(at: type[Event] = KeyBound) -> Iterator[Link]:
    """A link whose ``on_event`` does not return, once ``at`` has come."""
    held, released = Flag(), Flag()

    def on_event(event: Event) -> None:
        if isinstance(event, at):
            held.set()
            released.wait(PATIENCE)

    with linked(on_event=on_event) as (link, _):
        try:
            assert held.wait(PATIENCE)
            yield link
        finally:
            released.set()


def test_a_call_takes_no_longer_than_its_time_though_on_event_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MARGIN", 0.02)
    with held_up() as link:
        began = monotonic()
        with pytest.raises(CallUnanswered, match=r"not there within 0\.05 s: .*on_event perhaps") as unanswered:
            link.call(QUERY, timeout=0.05)
        assert monotonic() - began < PATIENCE / 6
        # it was not begun, and never will be
        assert isinstance(unanswered.value.reason, NotRun)


def test_a_call_that_was_begun_when_its_time_was_over_may_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    held, released = Flag(), Flag()

    def on_event(event: Event) -> None:
        if isinstance(event, CallAnswered):
            held.set()
            released.wait(PATIENCE)

    def over_when_held(_waiter: Answer[Any], timeout: float | None = None) -> Any:
        assert timeout == PATIENCE + link_module.MARGIN
        assert held.wait(PATIENCE)
        raise TimeoutError

    with linked(on_event=on_event) as (link, server), ThreadPoolExecutor(1) as caller:
        link.bound(PATIENCE)
        with monkeypatch.context() as patched:
            patched.setattr(PendingCall, "result", over_when_held)
            slow = caller.submit(link.call, IGNORED, timeout=PATIENCE)
            while IGNORED not in server.received:
                released.wait(0.001)
            first = link.submit(QUERY)
            error = slow.exception(PATIENCE)
        assert isinstance(error, CallUnanswered)
        assert isinstance(error.reason, OutcomeUnknown)
        assert "on_event perhaps" in error.reason.why
        released.set()
        assert first.result(PATIENCE) == QUERY[::-1]
        # it was cancelled
        assert link.status.calls == 0


def test_an_answer_that_comes_in_the_last_moment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with linked() as (link, _):
        monkeypatch.setattr(Answer, "result", just_too_late)
        assert link.call(QUERY, timeout=1.0) == QUERY[::-1]
        assert link.status.temporary_key_state == "BOUND"


def test_what_takes_no_time_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "PATIENCE", 0.02)
    asked: list[Callable[[Link], Any]] = [lambda link: link.status, Link.save, Link.renew, Link.bound_key]
    with held_up() as link:
        for ask in asked:
            with pytest.raises(TimeoutError, match=r"not there within 0\.02 s: .*on_event perhaps"):
                ask(link)
        monkeypatch.setattr(link_module, "PATIENCE", PATIENCE)
    # what was asked for too long ago is not done any more
    assert link.status.next_key_state is None


def test_a_timeout_that_ended_the_link_is_not_taken_for_one_of_waiting() -> None:
    with linked(on_event=lambda _event: time_out()) as (link, _):
        for wait_for_it in (link.bound, link.renew, lambda: link.call(QUERY), lambda: link.call(QUERY, timeout=PATIENCE)):
            with pytest.raises(TimeoutError, match="the disk does not answer"):
                wait_for_it()


def time_out() -> None:
    raise TimeoutError("the disk does not answer")


def test_a_call_that_was_cancelled_holds_nobody_up() -> None:
    with linked() as (link, _):
        ignored = link.submit(IGNORED)
        assert link.call(QUERY) == QUERY[::-1]
        assert ignored.cancel()
        assert link.call(QUERY * 2, after=[ignored]) == (QUERY * 2)[::-1]


def test_what_cannot_be_called_is_refused() -> None:
    with linked() as (link, _):
        with pytest.raises(TypeError, match="futures of submit"):
            link.submit(QUERY, after=[Future()])
        with pytest.raises(ValueError, match="multiple of 4 bytes"):
            link.call(b"odd")
        assert isinstance(link.submit("text").exception(PATIENCE), TypeError)  # type: ignore[arg-type]
        assert link.call(QUERY) == QUERY[::-1]


def test_a_call_that_was_not_sent_in_time_has_not_run() -> None:
    with listening() as (_, address), connect(CONFIG, *address) as link:
        with pytest.raises(CallUnanswered) as failed:
            link.call(QUERY, timeout=0.01)
        assert isinstance(failed.value.reason, NotRun)


def test_a_call_that_was_not_answered_in_time_may_have_run() -> None:
    with linked() as (link, server):
        link.bound(PATIENCE)
        with pytest.raises(CallUnanswered) as failed:
            link.call(IGNORED, timeout=0.05)
        assert isinstance(failed.value.reason, OutcomeUnknown)
        assert server.received == [IGNORED]


def test_nobody_waits_for_a_binding_longer_than_wanted() -> None:
    late = pytest.raises(TimeoutError, match=r"no key was bound within 0\.01 s")
    with listening() as (_, address), connect(CONFIG, *address) as link, late:
        link.bound(0.01)


def just_too_late(waiter: Answer[Any], timeout: float | None = None) -> Any:
    """The result, and the end of the time for it."""
    if timeout is None:
        return Future.result(waiter)
    Future.result(waiter, PATIENCE)
    raise TimeoutError


def test_a_binding_that_comes_in_the_last_moment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with linked() as (link, _):
        monkeypatch.setattr(Answer, "result", just_too_late)
        assert link.bound(0.01).key_id == link.bound_key().key.id


def test_a_call_that_is_cancelled_is_forgotten() -> None:
    with linked() as (link, server):
        link.bound(PATIENCE)
        ignored = link.submit(IGNORED)
        while not server.received:
            link.call(QUERY)
        assert ignored.cancel()
        assert link.status.calls == 0
        with pytest.raises(CancelledError):
            ignored.result(0)
        assert wait([ignored], 0).done
        answered = link.submit(QUERY)
        assert answered.result(PATIENCE) == QUERY[::-1]
        assert not answered.cancel()


def test_a_call_may_be_cancelled_before_it_is_made() -> None:
    held, cancelled = Flag(), Flag()

    def on_event(event: Event) -> None:
        if isinstance(event, KeyBound):
            held.set()
            cancelled.wait(PATIENCE)

    with linked(on_event=on_event) as (link, server):
        assert held.wait(PATIENCE)
        call = link.submit(QUERY)
        follower = link.submit(QUERY * 2, after=[call])
        assert call.cancel()
        cancelled.set()
        assert follower.result(PATIENCE) == (QUERY * 2)[::-1]
        assert server.received == [QUERY * 2]


def test_whoever_breaks_off_the_wait_breaks_off_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_waiter: Answer[Any], _timeout: float | None = None) -> Any:
        raise KeyboardInterrupt

    with listening() as (_, address), connect(CONFIG, *address) as link:
        with monkeypatch.context() as patched:
            patched.setattr(Answer, "result", interrupted)
            with pytest.raises(KeyboardInterrupt):
                link.call(QUERY)
            with pytest.raises(KeyboardInterrupt):
                link.bound()
        assert link.status.calls == 0


def test_updates_come_in_their_order() -> None:
    with linked() as (link, _):
        link.call(asking_for_updates(5), timeout=PATIENCE)
        updates = link.updates(PATIENCE)
        assert [next(updates) for _ in range(5)] == [update(number) for number in range(5)]
        assert link.updates_missed == 0
        with pytest.raises(TimeoutError, match=r"no update came within 0\.01 s"):
            next(link.updates(0.01))


def test_each_update_goes_to_one_reader() -> None:
    arrived = Semaphore(0)

    def on_event(event: Event) -> None:
        if isinstance(event, UpdateReceived):
            arrived.release()

    with linked(on_event=on_event) as (link, _), ThreadPoolExecutor(4) as readers:
        reading = [readers.submit(list, link.updates()) for _ in range(4)]
        for _ in range(4):
            link.call(asking_for_updates(50), timeout=PATIENCE)
        assert all(arrived.acquire(timeout=PATIENCE) for _ in range(200))
        link.close()
        read = [body for reader in reading for body in reader.result(PATIENCE)]
        assert sorted(read) == sorted(update(number) for number in range(50) for _ in range(4))


def test_updates_that_nobody_takes_make_room() -> None:
    with linked(updates_held=3) as (link, _):
        link.call(asking_for_updates(5), timeout=PATIENCE)
        while link.updates_missed < 2:
            link.call(QUERY)
        link.close()
        # what is held is there after the end, too
        assert list(link.updates()) == [update(2), update(3), update(4)]


def test_renewals_on_the_live_stream_lose_no_call() -> None:
    keys: list[int] = []
    renewed = Flag()

    def on_event(event: Event) -> None:
        if isinstance(event, KeyBound):
            keys.append(event.key_id)
            renewed.set()

    stop = Flag()

    def keep_calling(link: Link) -> int:
        count = 0
        while not stop.is_set():
            assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
            count += 1
        return count

    with linked(on_event=on_event) as (link, _), ThreadPoolExecutor(8) as callers:
        link.bound(PATIENCE)
        calling = [callers.submit(keep_calling, link) for _ in range(8)]
        for _ in range(3):
            renewed.clear()
            link.renew()
            assert renewed.wait(PATIENCE)
        stop.set()
        assert min(caller.result(PATIENCE) for caller in calling) > 0
        assert len(set(keys)) == 4
        assert link.bound().key_id == keys[-1]
        assert link.status.attempts == 0


def test_nothing_is_renewed_before_it_is_there() -> None:
    with listening() as (_, address), connect(CONFIG, *address) as link:
        with pytest.raises(LocalProtocolError, match="nothing to renew"):
            link.renew()
        with pytest.raises(LocalProtocolError, match="wait for KeyBound"):
            link.bound_key()


def test_what_was_saved_saves_the_handshakes() -> None:
    made: list[Any] = []
    with running(make_loop()) as address:
        with connect(CONFIG, *address, on_event=made.append) as link:
            bound = link.bound(PATIENCE)
            saved = link.save(temporary_key=True)
            assert len(link.save()) < len(saved)
        [permanent] = [event.key for event in made if isinstance(event, PermanentKeyCreated)]
        config = evolve(CONFIG, permanent_key=permanent)
        with connect(ClientConnection(config, saved), *address) as link:
            assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
            assert link.bound_key().key.id == bound.key_id
            # the ping that a stream begins with may leave before the call is there
            assert link.round_trips <= 2


def test_after_the_end_everything_says_so() -> None:
    with linked() as (link, _):
        bound = link.bound(PATIENCE)
        before = link.submit(IGNORED)
        link.call(QUERY)
        link.close()
        link.close()
        with pytest.raises(CallUnanswered, match="closed"):
            before.result(0)
        waits: list[Callable[[], Any]] = [link.bound, link.renew, lambda: link.call(QUERY), link.submit(QUERY).result]
        for closed in waits:
            with pytest.raises(LocalProtocolError, match="the link is closed"):
                closed()
        assert list(link.updates()) == []
        assert not before.cancel()
        # what it knew it still knows
        assert link.status.closed
        assert link.bound_key().key.id == bound.key_id
        assert link.save()
        # its end is no news
        assert link.submit(QUERY).cancel() is False


def test_what_ends_the_connection_is_told_to_everybody() -> None:
    elsewhere = evolve(CONFIG, dc=DataCenter(4), retry=Retry(attempts=1))
    with linked(elsewhere) as (link, _):
        for wait_for_it in (link.bound, link.bound, lambda: next(link.updates()), lambda: link.call(QUERY), link.renew):
            with pytest.raises(TransportErrorReceived) as ended:
                wait_for_it()
            assert ended.value.code == -444


def test_each_that_waits_is_raised_an_exception_of_its_own() -> None:
    elsewhere = evolve(CONFIG, dc=DataCenter(4), retry=Retry(attempts=1))
    with linked(elsewhere) as (link, _):
        told: list[BaseException] = []
        for _ in range(3):
            for wait_for_it in (link.bound, lambda: next(link.updates()), lambda: link.call(QUERY), link.renew):
                with pytest.raises(TransportErrorReceived, match="-444") as ended:
                    wait_for_it()
                told.append(ended.value)
        assert len(set(map(id, told))) == len(told)
        assert {error.__cause__ for error in told} == {link._pump.board.end}
        # one that was raised a thousand times would have a traceback of thousands of frames
        assert max(len(traceback.extract_tb(error.__traceback__)) for error in told) < 10


def test_several_threads_may_close_it() -> None:
    with linked() as (link, _), ThreadPoolExecutor(8) as closers:
        link.bound(PATIENCE)
        pump = link._pump
        for done in [closers.submit(link.close) for _ in range(8)]:
            done.result(PATIENCE)
            # the one that comes back first has waited for the end, too
            assert link.status.closed
            assert not pump._thread.is_alive()
        assert not pump.drive.is_open


def test_it_may_be_closed_in_the_middle_of_everything() -> None:
    def outcome(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as error:
            return error

    with linked() as (link, _), ThreadPoolExecutor(20) as others:
        bound = [others.submit(outcome, link.bound) for _ in range(4)]
        calls = [others.submit(outcome, lambda: link.call(IGNORED)) for _ in range(4)]
        updates = [others.submit(outcome, lambda: list(link.updates())) for _ in range(4)]
        statuses = [others.submit(outcome, lambda: link.status) for _ in range(4)]
        link.renew() if link.status.temporary_key_state == "BOUND" else None
        link.close()
        assert all(isinstance(one.result(PATIENCE), KeyBound | LocalProtocolError) for one in bound)
        assert all(isinstance(one.result(PATIENCE), CallUnanswered | LocalProtocolError) for one in calls)
        assert [one.result(PATIENCE) for one in updates] == [[]] * 4
        assert not any(isinstance(one.result(PATIENCE), Exception) for one in statuses)


def test_what_would_wait_for_itself_is_refused() -> None:
    refused: list[str] = []

    def on_event(event: Event) -> None:
        for wait_for_it in (link.bound, lambda: link.call(QUERY), lambda: next(link.updates())):
            with pytest.raises(LocalProtocolError, match="would wait for its own thread") as error:
                wait_for_it()
            refused.append(str(error.value))

    with running(make_loop()) as address:
        ready = Flag()
        link = connect(CONFIG, *address, on_event=lambda event: ready.wait(PATIENCE) and on_event(event))
        ready.set()
        with link:
            link.bound(PATIENCE)
    assert len(refused) >= 9


def test_what_does_not_wait_may_be_done_on_the_way() -> None:
    done: dict[str, Any] = {}

    def on_event(event: Event) -> None:
        if isinstance(event, KeyBound):
            assert ready.wait(PATIENCE)
            done["call"] = link.submit(QUERY)
            done["saved"] = link.save(temporary_key=True)
            done["status"] = link.status
            done["call"].add_done_callback(lambda _: link.close())

    ready = Flag()
    with running(make_loop()) as address, connect(CONFIG, *address, on_event=on_event) as link:
        ready.set()
        link.bound(PATIENCE)
        assert done["call"].result(PATIENCE) == QUERY[::-1]
        assert done["status"].temporary_key_state == "BOUND"
        assert len(done["saved"]) >= 303
        # the end has begun, and comes by itself
        assert list(link.updates()) == []
        with pytest.raises(LocalProtocolError, match="closed"):
            link.bound(PATIENCE)


def test_it_does_not_close_before_on_event_returns() -> None:
    held, released = Flag(), Flag()

    def on_event(_event: Event) -> None:
        held.set()
        released.wait(PATIENCE)

    with linked(on_event=on_event) as (link, _):
        assert held.wait(PATIENCE)
        with pytest.raises(TimeoutError, match="on_event perhaps"):
            link.close(0.02)
        released.set()


FORKED = """
import os, sys
from kit.links import linked
from kit.serving import PATIENCE, QUERY
from mtproto_bind import LocalProtocolError

with linked() as (link, server):
    link.bound(PATIENCE)
    child = os.fork()
    if not child:
        said = []
        for forbidden in (link.bound, lambda: link.call(QUERY), lambda: link.submit(QUERY), link.updates, link.save, link.renew):
            try:
                forbidden()
            except LocalProtocolError as error:
                said.append("fork" in str(error))
        link.close()
        os._exit(0 if said == [True] * 6 else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), link.call(QUERY, timeout=PATIENCE) == QUERY[::-1])
"""


FORGETFUL = """
import sys
from kit.serving import CONFIG, PATIENCE, QUERY
from mtproto_bind_adapters.sync import connect

link = connect(CONFIG, "127.0.0.1", int(sys.argv[1]))
print(link.call(QUERY, timeout=PATIENCE) == QUERY[::-1])
"""


def in_another_process(program: str, *arguments: object) -> str:
    """What it prints."""
    # the warning is about locks that others hold when it forks; the child takes none
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_fork_does_not_take_it_along() -> None:
    assert in_another_process(FORKED).split() == ["0", "True"]


def test_a_program_that_forgets_to_close_it_ends_all_the_same() -> None:
    with running(make_loop()) as (_, port):
        assert in_another_process(FORGETFUL, port).split() == ["True"]


def test_another_process_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with linked() as (link, _):
        link.bound(PATIENCE)
        with monkeypatch.context() as patched:
            patched.setattr(os, "getpid", lambda: -1)
            with pytest.raises(LocalProtocolError, match="a fork does not take it along"):
                link.submit(QUERY)
            link.close()
        assert link.call(QUERY) == QUERY[::-1]


def test_a_port_where_nobody_listens_is_told_at_once() -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(CONFIG, *closed_port())
