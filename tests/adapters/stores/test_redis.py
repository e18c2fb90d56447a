"""Keys that many processes share: whatever the race, one wins; whatever fails, clients are sent away and lose nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from kit.proxy import Proxy
from kit.redis_server import RedisServer, redis_server
from kit.stores import NOW, RedisRig, record
from mtproto_bind import UNAVAILABLE, Binding, Destruction, Stored

PERMANENT = record(1)
FIRST = record(2, expires_at=NOW + 100)
SECOND = record(3, expires_at=NOW + 200)
MEDIA = record(4, expires_at=NOW + 200, media=True)
PROCESSES = 6
TIMES = 40


@pytest.fixture
def rig(redis_one: RedisServer) -> Iterator[RedisRig]:
    with redis_one.client() as client:
        made = RedisRig(redis_one.url, [client])
        yield made
        made.store.close()  # type: ignore[union-attr]  # it is one in Redis


def at_once(*questions: Callable[[], Any]) -> list[Any]:
    """All asked at the same moment, each as by a process of its own."""
    barrier = Barrier(len(questions))

    def ask(question: Callable[[], Any]) -> Any:
        barrier.wait(60)
        return question()

    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(ask, questions))


# ---- what is there, and for how long


def test_what_has_to_be_forgotten_has_a_time_to_live(rig: RedisRig) -> None:
    rig.offer(PERMANENT, FIRST, MEDIA)
    rig.bind(FIRST, PERMANENT)
    rig.bind(MEDIA, PERMANENT)
    rig.advance(None, b"one")
    rig.claim(5, key_id=FIRST.key.id)
    permanent, first, media = (f"{{{one.key.id:016x}}}" for one in (PERMANENT, FIRST, MEDIA))
    seconds = {name: -(-left // 1000) for name, (_, left) in rig.names().items()}
    assert seconds == {
        f"{permanent}:permanent": 0,
        f"{permanent}:bound": 100,
        f"{permanent}:bound-media": 200,
        f"{first}:temporary": 100,
        f"{first}:bound-to": 100,
        f"{media}:temporary": 200,
        f"{media}:bound-to": 200,
        f"{{{(b'n' * 16 + b's' * 16).hex()}}}:handshake": 600,
        f"{first}:call:{2:016x}:{4:016x}": 600,
    }
    rig.advance(b"one", b"two")
    rig.destroy(PERMANENT)
    assert sorted(rig.names()) == sorted(name for name in seconds if name.endswith("handshake") or ":call:" in name)


def test_permanent_keys_lie_where_they_are_kept_and_nothing_else_does(
    redis_one: RedisServer, redis_permanent: RedisServer
) -> None:
    with redis_one.client() as one, redis_permanent.client() as other:
        rig = RedisRig(one, [other], other)
        rig.offer(PERMANENT, FIRST)
        rig.bind(FIRST, PERMANENT)
        rig.claim(5)
        rig.advance(None, b"one")
        assert list(rig.names()) == [f"{{{PERMANENT.key.id:016x}}}:permanent"]


def test_an_expired_key_that_redis_still_has_is_gone(rig: RedisRig) -> None:
    """Its clock may be behind."""
    rig.offer(FIRST)
    rig.now += 100
    assert rig.find(FIRST) is None
    assert rig.offer(record(9, expires_at=NOW)) == [Stored.KEPT]


def test_a_record_that_was_damaged_is_not_taken_for_one_that_is_not_there(rig: RedisRig, redis_one: RedisServer) -> None:
    rig.offer(PERMANENT)
    with redis_one.client() as client:
        client.set(f"{rig.prefix}{{{PERMANENT.key.id:016x}}}:permanent", b"\1" + bytes(281))
    assert rig.find(PERMANENT) is UNAVAILABLE


# ---- races


def test_of_many_bindings_at_once_one_is_in_force(rig: RedisRig) -> None:
    temporary = [record(10 + number, expires_at=NOW + 100) for number in range(PROCESSES)]
    rig.offer(PERMANENT, *temporary)
    for _ in range(TIMES):
        words = at_once(*(partial(rig.bind, one, PERMANENT) for one in temporary))
        assert words == [Binding.MADE] * PROCESSES
        bound = [one.key.id for one in temporary if rig.find(one).bound_to is not None]
        assert bound == [rig.bound_to(PERMANENT)]


def test_a_key_that_is_destroyed_while_it_is_bound_has_nothing_bound_to_it(rig: RedisRig) -> None:
    """Whoever is second sees what the first has done."""
    for _ in range(TIMES):
        rig.offer(PERMANENT, FIRST, SECOND)
        rig.bind(FIRST, PERMANENT)
        bound, destroyed = at_once(partial(rig.bind, SECOND, PERMANENT), partial(rig.destroy, PERMANENT))
        assert destroyed is Destruction.DONE
        assert rig.bound_to(PERMANENT) is None
        second = rig.find(SECOND)
        assert second is None or (bound is Binding.REFUSED and second.bound_to is None)


def test_a_key_that_is_destroyed_in_the_midst_of_its_binding(rig: RedisRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.offer(PERMANENT, FIRST)
    store: Any = rig.store
    slot = store._slot

    def destroyed_before(*arguments: Any) -> str:
        monkeypatch.undo()
        assert rig.destroy(PERMANENT) is Destruction.DONE
        return str(slot(*arguments))

    monkeypatch.setattr(store, "_slot", destroyed_before)
    assert rig.bind(FIRST, PERMANENT) is Binding.REFUSED
    assert rig.bound_to(PERMANENT) is None
    assert rig.names() == {}


def test_of_many_steps_of_one_handshake_one_is_taken(rig: RedisRig) -> None:
    for _ in range(TIMES):
        steps = [b"step %d" % number for number in range(PROCESSES)]
        words = at_once(*(partial(rig.advance, None, step) for step in steps))
        assert words.count(True) == 1
        assert rig.handshake() == steps[words.index(True)]
        rig.advance(rig.handshake(), None)


def test_a_call_is_claimed_once(rig: RedisRig) -> None:
    for call in range(TIMES):
        words = at_once(*(partial(rig.claim, who, msg_id=4 * call) for who in range(PROCESSES)))
        assert words.count(True) == 1


# ---- a server that fails


@pytest.fixture
def way(redis_one: RedisServer) -> Iterator[Proxy]:
    with Proxy(redis_one.port) as proxy:
        yield proxy


@pytest.fixture
def far(way: Proxy, redis_one: RedisServer) -> Iterator[RedisRig]:
    """The same, behind a way that can be made slow or be cut."""
    with redis_one.client() as client:
        made = RedisRig(f"redis://127.0.0.1:{way.port}", [client], timeout=0.1)
        made.offer(PERMANENT, FIRST)
        yield made
        made.store.close()  # type: ignore[union-attr]  # it is one in Redis


def test_a_server_that_is_slow_sends_clients_away_and_is_left_alone_for_a_moment(
    far: RedisRig, way: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    way.hold()
    began = time.monotonic()
    assert far.find(PERMANENT) is UNAVAILABLE
    assert 0.05 < time.monotonic() - began < 10
    way.release()
    # nobody waits for it again within a second, however many ask
    assert [far.find(PERMANENT) for _ in range(1000)] == [UNAVAILABLE] * 1000
    far.now += 1
    assert far.find(PERMANENT) == PERMANENT
    lines = [entry.getMessage() for entry in caplog.records if "the key store" in entry.getMessage()]
    assert lines == [
        "the key store in Redis fails, and clients are sent away until it works again: Timeout reading from socket",
        "the key store in Redis works again after 1.0 s",
    ]


def test_what_was_done_while_its_answer_was_lost_may_be_asked_for_again(far: RedisRig, way: Proxy) -> None:
    questions: list[Callable[[], Any]] = [
        lambda: far.offer(SECOND)[0],
        lambda: far.bind(FIRST, PERMANENT),
        lambda: far.claim(5),
        lambda: far.destroy(PERMANENT),
    ]
    words = []
    for question in questions:
        way.hold(answers_only=True)
        assert question() is UNAVAILABLE
        way.release()
        far.now += 1
        words.append(question())
    assert words == [Stored.KEPT, Binding.MADE, True, Destruction.NONE]
    assert far.find(FIRST) is None, "it was bound to what was destroyed"


def test_a_way_that_is_cut_is_found_again(far: RedisRig, way: Proxy) -> None:
    way.cut()
    assert far.find(PERMANENT) is UNAVAILABLE
    far.now += 1
    assert far.claim(5) is UNAVAILABLE
    way.mend()
    far.now += 1
    assert [far.find(PERMANENT), far.claim(5)] == [PERMANENT, True]


def test_a_server_that_is_full_takes_nothing_and_keeps_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = ("--save", "", "--maxmemory-policy", "noeviction")
    with redis_server(tmp_path, *options) as server, server.client() as client:
        rig = RedisRig(server.url, [client])
        rig.offer(PERMANENT, FIRST)
        client.config_set("maxmemory", 1)
        assert rig.offer(SECOND) == [UNAVAILABLE]
        rig.now += 1
        assert rig.bind(FIRST, PERMANENT) is UNAVAILABLE
        client.config_set("maxmemory", 0)
        rig.now += 1
        assert rig.bind(FIRST, PERMANENT) is Binding.MADE
        rig.store.close()  # type: ignore[union-attr]  # it is one in Redis
    told = [entry.getMessage() for entry in caplog.records if "fails" in entry.getMessage()]
    assert len(told) == 1
    assert told[0].endswith("OutOfMemoryError command")


def test_a_server_that_is_killed_and_started_again(tmp_path: Path) -> None:
    """What it kept on its disk is there; what it must not keep is not, and the clients make other temporary keys."""
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    keeping = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
    with redis_server(tmp_path / "one") as one, redis_server(tmp_path / "other", *keeping) as other:
        rig = RedisRig(one.url, [], other.url)
        with closing(rig.store):  # type: ignore[type-var]  # it is one in Redis
            rig.offer(PERMANENT, FIRST)
            for server in (one, other):
                server.stop()
            assert rig.find(PERMANENT) is UNAVAILABLE
            for server in (one, other):
                server.start()
            rig.now += 1
            assert [rig.find(PERMANENT), rig.find(FIRST)] == [PERMANENT, None]
    written = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert PERMANENT.key.reveal() in written
    assert FIRST.key.reveal() not in written
