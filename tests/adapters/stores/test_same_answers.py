"""Whatever is asked, in whatever order: every store gives the answers of the one in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kit.redis_server import RedisServer
from kit.stores import NOW, RedisRig, Rig, record
from mtproto_bind_adapters.stores import MemoryStore, SqliteStore

PERMANENT = [record(1), record(2)]
TEMPORARY = [record(number, expires_at=NOW + 40 * number, media=number > 5) for number in (3, 4, 5, 6, 7)]
Wish = Callable[[Rig], Any]

permanent = st.sampled_from(PERMANENT)
temporary = st.sampled_from(TEMPORARY)
stages = st.sampled_from([None, b"one", b"two"])
wishes: st.SearchStrategy[Wish] = st.one_of(
    (permanent | temporary).map(lambda one: lambda rig: rig.offer(one)),
    (permanent | temporary).map(lambda one: lambda rig: rig.find(one)),
    st.tuples(temporary, permanent).map(lambda pair: lambda rig: rig.bind(*pair)),
    st.tuples(temporary, permanent).map(lambda pair: lambda rig: rig.bind(*pair)),
    (permanent | temporary).map(lambda one: lambda rig: rig.destroy(one)),
    st.tuples(permanent, st.booleans()).map(lambda pair: lambda rig: rig.bound_to(pair[0], media=pair[1])),
    st.tuples(stages, stages).map(lambda pair: lambda rig: rig.advance(*pair)),
    st.tuples(st.integers(5, 6), st.integers(0, 1)).map(lambda pair: lambda rig: rig.claim(pair[0], msg_id=4 * pair[1])),
    st.sampled_from([1.0, 50.0, 300.0]).map(lambda seconds: lambda rig: rig.later(seconds)),
)
scripts = st.lists(wishes, min_size=5, max_size=25)


def said_by(rig: Rig, script: list[Wish]) -> list[Any]:
    """The answers, and at the end what is known of every key."""
    rig.offer(*PERMANENT, *TEMPORARY)
    answers = [wish(rig) for wish in script]
    # what has ended without being asked for is bound to nothing either
    known = [rig.find(one) for one in (*PERMANENT, *TEMPORARY)]
    return [*answers, *known, *(rig.bound_to(one, media=media) for one in PERMANENT for media in (False, True))]


@settings(max_examples=40)
@given(scripts)
def test_of_a_file(script: list[Wish]) -> None:
    with TemporaryDirectory() as folder, SqliteStore(Path(folder) / "keys.db") as store:
        assert said_by(Rig(store), script) == said_by(Rig(MemoryStore()), script)


def test_of_redis(redis_one: RedisServer, redis_permanent: RedisServer) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for server in (redis_one, redis_permanent)]

        @settings(max_examples=40)
        @given(scripts)
        def tells_the_same(script: list[Wish]) -> None:
            expected = said_by(Rig(MemoryStore()), script)
            assert said_by(RedisRig(clients[0], list(clients), clients[1]), script) == expected

        tells_the_same()
