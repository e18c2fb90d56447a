"""Handshakes on a server, over streams that come and go, and over processes that share them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from kit.keys import SERVER_KEY
from kit.puppet import CRYPTO, START, Line, World, permanent_record
from mtproto_bind import (
    UNAVAILABLE,
    Check,
    Computation,
    ConnectionClosed,
    DataCenter,
    HandshakeAdvanced,
    HandshakeNeeded,
    KeyCreated,
    KeyKind,
    KeyOffered,
    Limits,
    MalformedMessage,
    ProvenPrimes,
    Question,
    SecurityError,
    Stored,
)
from mtproto_bind._handshake import Asking, ClientTools, KeyAgreed, Purpose, WorkState, begin, deliver, resume
from mtproto_bind._tl import HANDSHAKE, DHGenOk, MsgsAck, ReqPQ, ReqPQMulti, ResPQ, SetClientDHParams
from mtproto_bind.testing import Owner, SeededEntropy

DC = DataCenter(2)
PERMANENT = Purpose(KeyKind.PERMANENT, DC)
TEMPORARY = Purpose(KeyKind.TEMPORARY, DC, 3600)


class Shaker:
    """A client in the middle of a handshake, on whichever line it likes."""

    def __init__(self, purpose: Purpose = PERMANENT, seed: bytes = b"shaker") -> None:
        self.tools = ClientTools(
            entropy=SeededEntropy(seed),
            crypto=CRYPTO,
            server_keys=(SERVER_KEY.public,),
            limits=Limits(),
            proven_primes=ProvenPrimes(),
        )
        self.state: Any = begin(purpose, self.tools)

    @property
    def request(self) -> bytes:
        if not isinstance(self.state, Asking):
            raise TypeError(self.state)
        return self.state.request

    def ask(self, line: Line) -> bytes:
        """Ask, and go on with the answer; the answer."""
        [answer] = line.tell(self.request)
        self.hear(answer)
        return answer

    def hear(self, answer: bytes) -> None:
        self.state = deliver(self.state, answer, self.tools)
        while isinstance(self.state, WorkState):
            self.state = resume(self.state, self.state.work.run(CRYPTO), self.tools)

    def finish(self, line: Line) -> KeyAgreed:
        while not isinstance(self.state, KeyAgreed):
            self.ask(line)
        return self.state


def closed_for(line: Line) -> tuple[Check | None, list[int]]:
    [closed] = line.told(ConnectionClosed)
    return (closed.error.check if isinstance(closed.error, SecurityError) else None), line.codes


def test_several_handshakes_on_one_stream() -> None:
    line = World().dial()
    for number, purpose in enumerate((PERMANENT, TEMPORARY, TEMPORARY)):
        key = Shaker(purpose, bytes([number])).finish(line).key
        record = line.told(KeyCreated)[-1].record
        assert record.key == key
        assert line.world.server.cached_key(key.id) == record, "it need not be asked for"
        assert line.world.owner.keys[key.id].key == key
    assert [event.record.kind for event in line.told(KeyCreated)] == [KeyKind.PERMANENT, KeyKind.TEMPORARY, KeyKind.TEMPORARY]
    assert [event.record.expires_at for event in line.told(KeyCreated)] == [None, int(START) + 3600.0, int(START) + 3600.0]
    assert all(msg_id % 4 == 1 for msg_id in line.plain_ids)


def test_even_side_by_side() -> None:
    line = World().dial()
    one, other = Shaker(PERMANENT, b"one"), Shaker(TEMPORARY, b"other")
    for _ in range(3):
        one.ask(line)
        other.ask(line)
    assert isinstance(one.state, KeyAgreed)
    assert isinstance(other.state, KeyAgreed)


@pytest.mark.parametrize("steps", [1, 2])
def test_begun_on_one_stream_and_finished_on_another(steps: int) -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    for _ in range(steps):
        shaker.ask(line)
    line.lose()
    assert shaker.finish(world.dial()).key.id in world.owner.keys


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_the_same_request_gets_the_same_answer_whatever_follows_it(steps: int) -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    for _ in range(steps):
        shaker.ask(line)
    request = shaker.request
    [answer] = line.tell(request)
    other = world.dial(peer="another host")
    assert line.tell(request + bytes(64)) == other.tell(request) == [answer]
    shaker.hear(answer)
    shaker.finish(other)
    assert sum(len(each.told(KeyCreated)) for each in world.lines) == 1


def test_a_probe_is_answered_and_forgotten() -> None:
    """Clients probe with nonces that they never use again, and go on with another handshake."""
    line = World().dial()
    for number in range(5):
        request = (ReqPQ if number % 2 else ReqPQMulti)(nonce=bytes([number]) * 16)
        [answer] = line.tell(request, msg_id=number % 2)
        found, _ = HANDSHAKE.read(answer)
        assert isinstance(found, ResPQ)
    Shaker().finish(line)


def test_an_acknowledgement_in_the_clear_is_ignored() -> None:
    line = World().dial()
    assert line.tell(MsgsAck(msg_ids=(4, 8))) == []
    shaker = Shaker()
    shaker.ask(line)
    assert line.tell(MsgsAck(msg_ids=(4, 8))) == []
    shaker.finish(line)


def test_another_request_for_the_same_nonces_is_refused() -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    changed = shaker.request[:-1] + bytes([shaker.request[-1] ^ 1])
    shaker.ask(line)
    thief = world.dial()
    thief.tell(changed)
    assert closed_for(thief) == (Check.REQUEST_CHANGED, [-404])
    # and costs the rightful client nothing
    last = shaker.request
    key = shaker.finish(line).key
    again = world.dial()
    again.tell(last[:-8] + bytes(8))
    assert closed_for(again) == (Check.REQUEST_CHANGED, [-404])
    assert key.id in world.owner.keys


def test_out_of_turn_and_out_of_nowhere() -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    found, _ = HANDSHAKE.read(shaker.request)
    early = SetClientDHParams(nonce=found.nonce, server_nonce=found.server_nonce, encrypted_data=bytes(64))  # type: ignore[attr-defined]
    hasty = world.dial()
    hasty.tell(early)
    assert closed_for(hasty) == (Check.HANDSHAKE_KNOWN, [-404])
    stranger = world.dial()
    stranger.tell(SetClientDHParams(nonce=bytes(16), server_nonce=bytes(16), encrypted_data=bytes(64)))
    assert closed_for(stranger) == (Check.HANDSHAKE_KNOWN, [-404])
    server = world.dial()
    server.tell(DHGenOk(nonce=bytes(16), server_nonce=bytes(16), new_nonce_hash1=bytes(16)))
    assert closed_for(server) == (Check.HANDSHAKE_KNOWN, [-404])
    shaker.finish(line)


def test_a_wrong_request_is_the_end_of_its_handshake() -> None:
    """Everything after it gets -404 too, so that nobody tries twice."""
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    request = shaker.request
    line.tell(request[:-1] + bytes([request[-1] ^ 1]))
    assert line.codes == [-404]
    after = world.dial()
    after.tell(request)
    assert closed_for(after) == (Check.HANDSHAKE_KNOWN, [-404])


def test_ten_minutes_and_no_longer() -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    world.pass_time(599)
    shaker.ask(line)
    world.pass_time(2)
    line.tell(shaker.request)
    assert closed_for(line) == (Check.HANDSHAKE_KNOWN, [-404])


def test_one_peer_has_only_so_many() -> None:
    world = World(limits=Limits(handshakes_per_peer=2))
    line = world.dial()
    for number in range(2):
        line.tell(ReqPQMulti(nonce=bytes([number]) * 16))
    line.tell(ReqPQMulti(nonce=bytes([9]) * 16))
    assert closed_for(line) == (Check.HANDSHAKES_PER_PEER, [-429])
    Shaker().finish(world.dial(peer="another"))


def test_another_data_centre() -> None:
    line = World(dc=DataCenter(3)).dial()
    shaker = Shaker()
    shaker.ask(line)
    line.tell(shaker.request)
    assert closed_for(line) == (Check.DATA_CENTER, [-444])


class Taking(Owner):
    """Has a key of every id, so many times."""

    times = 2

    def answer(self, question: Question[Any]) -> Any:
        if isinstance(question, KeyOffered) and self.times:
            self.times -= 1
            return Stored.TAKEN
        return super().answer(question)


def test_a_key_id_that_is_taken_asks_for_another_share() -> None:
    line = World(owner=Taking()).dial()
    shaker = Shaker()
    for _ in range(4):
        shaker.ask(line)
    assert len(line.told(KeyCreated)) == 0
    agreed = shaker.finish(line)
    assert line.told(KeyCreated)[0].record.key == agreed.key
    assert len(line.plain) == 5


def test_a_key_id_of_the_cache_is_taken_without_asking() -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    shaker.ask(line)
    # the id of the very key that will come out, under another name
    ready = shaker.state.key
    world.server.cache_key(evolve(permanent_record(), key=ready))
    shaker.ask(line)
    assert not isinstance(shaker.state, KeyAgreed)
    assert shaker.finish(line).key != ready


def test_the_owner_hears_of_a_key_before_the_client_does() -> None:
    world = World()
    world.hold = (KeyOffered,)
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    shaker.ask(line)
    assert line.tell(shaker.request) == []
    [question] = line.held
    # the stream is lost, and the answer with it; the client asks again elsewhere
    line.lose()
    world.hold = ()
    line.answer(question, Stored.KEPT)
    assert shaker.finish(world.dial()).key == question.record.key


def test_the_same_request_on_two_streams_is_answered_on_both() -> None:
    """The first is still computing, perhaps for a dead stream, when the request comes again."""
    world = World()
    shaker, slow = Shaker(), world.dial()
    shaker.ask(slow)
    world.hold = (Computation,)
    assert slow.tell(shaker.request) == []
    world.hold = ()
    fast = world.dial()
    [answer] = fast.tell(shaker.request)
    [computation] = slow.held
    slow.answer(computation, computation.run())
    assert slow.plain[-1] == answer
    shaker.hear(answer)
    shaker.finish(fast)


@pytest.mark.parametrize("first_is_slow", [True, False])
def test_a_key_offered_on_two_streams_is_one_key(first_is_slow: bool) -> None:
    """The owner is slow, and the client asks again on another stream: no dh_gen_retry, which many give up at."""
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    shaker.ask(line)
    world.hold = (KeyOffered,)
    lines = (line, world.dial())
    for each in lines:
        assert each.tell(shaker.request) == []
    for each in lines if first_is_slow else reversed(lines):
        [question] = each.held
        each.answer(question, world.owner.answer(question))
    # the stream that came last has the answer in any case; the other one if it was in time
    assert len(lines[1].plain) == 1
    assert lines[0].plain[2:] == ([] if first_is_slow else lines[1].plain)
    request = shaker.request
    shaker.hear(lines[1].plain[0])
    assert shaker.state.key.id in world.owner.keys
    assert sum(len(each.told(KeyCreated)) for each in lines) == 1
    assert line.tell(request) == lines[1].plain, "whoever asks again is answered"


def test_an_owner_that_cannot_store_costs_the_stream_alone() -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    shaker.ask(line)
    world.hold = (KeyOffered,)
    line.tell(shaker.request)
    line.answer(line.held[0], UNAVAILABLE)
    assert line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert line.codes == []
    world.hold = ()
    shaker.finish(world.dial())


def test_who_has_no_name_is_one_peer() -> None:
    world = World(limits=Limits(handshakes_per_peer=1))
    line = world.dial(peer=None)
    for number in range(3):
        Shaker(PERMANENT, bytes([number])).finish(line)
    line.tell(ReqPQMulti(nonce=bytes([8]) * 16))
    other = world.dial(peer=None)
    other.tell(ReqPQMulti(nonce=bytes([9]) * 16))
    assert closed_for(other) == (Check.HANDSHAKES_PER_PEER, [-429])


def test_two_at_once_with_different_requests() -> None:
    world = World()
    shaker, line = Shaker(), world.dial()
    shaker.ask(line)
    world.hold = (Computation,)
    line.tell(shaker.request)
    thief = world.dial()
    thief.tell(shaker.request[:-1] + bytes([shaker.request[-1] ^ 1]))
    assert closed_for(thief) == (Check.REQUEST_CHANGED, [-404])
    [computation] = line.held
    world.hold = ()
    line.answer(computation, computation.run())
    shaker.hear(line.plain[-1])
    shaker.finish(line)


def test_answers_are_padded_where_that_is_wished() -> None:
    drawn: list[int] = []
    source = SeededEntropy(b"padding")

    def entropy(size: int) -> bytes:
        drawn.append(size)
        return source(size)

    line = World(plain_padding=True, entropy=entropy, limits=Limits(handshakes_per_peer=1000)).dial()
    Shaker().finish(line)
    # one handshake for each, so that none is a repetition; all draw one byte for the length, then the padding
    sizes = []
    for number in range(500):
        [answer] = line.tell(ReqPQMulti(nonce=number.to_bytes(16, "big")))
        sizes.append(len(answer) - 64)
        assert drawn[-2:] == [1, sizes[-1]] if sizes[-1] else drawn[-1] == 1
    assert {size % 4 for size in sizes} == {0}
    assert (min(sizes), max(sizes)) == (0, 252)


# ---- several processes


def processes(count: int = 2) -> list[World]:
    """Servers of one owner that share their handshakes."""
    owner = Owner()
    return [World(owner=owner, seed=bytes([number]), share_handshakes=True) for number in range(count)]


def test_begun_in_one_process_and_finished_in_another() -> None:
    worlds = processes(3)
    shaker = Shaker()
    for world in worlds:
        shaker.ask(world.dial())
    assert isinstance(shaker.state, KeyAgreed)
    assert worlds[2].lines[0].told(KeyCreated)
    assert worlds[0].owner.handshakes == {}, "what is finished is not kept"


def test_the_same_request_gets_the_same_answer_from_all() -> None:
    one, other = processes()
    shaker = Shaker()
    shaker.ask(one.dial())
    request = shaker.request
    [answer] = one.dial().tell(request)
    assert other.dial().tell(request) == [answer]
    shaker.hear(answer)
    shaker.finish(other.dial())


def test_a_memory_that_is_old_is_no_hindrance() -> None:
    """Begun here, gone on there, and here again, where the handshake is remembered as it was."""
    one, other = processes()
    shaker = Shaker()
    shaker.ask(one.dial())
    shaker.ask(other.dial())
    request = shaker.request
    shaker.ask(one.dial())
    assert isinstance(shaker.state, KeyAgreed)
    assert len(one.dial().tell(request)) == 1


def test_a_handshake_fetched_twice_at_once_is_counted_once() -> None:
    one, other = processes()
    shaker = Shaker()
    shaker.ask(one.dial())
    other.hold = (HandshakeNeeded,)
    lines = [other.dial(), other.dial()]
    for line in lines:
        line.tell(shaker.request)
    other.hold = ()
    answers = []
    for line in lines:
        [question] = line.held
        line.answer(question, other.owner.answer(question))
        answers += line.plain
    assert len(answers) == 2
    assert len(set(answers)) == 1
    assert len(other.server.handshakes) == 1
    shaker.hear(answers[0])
    shaker.finish(other.dial())
    other.server.handshakes.may_begin("peer", other.now)
    assert not +other.server.handshakes._of_peer


def test_asked_again_before_the_beginning_is_stored() -> None:
    """The answer of another stream has not left yet, so it cannot be repeated: this is a handshake of its own."""
    [world] = processes(1)
    world.hold = (HandshakeAdvanced,)
    slow, shaker = world.dial(), Shaker()
    assert slow.tell(shaker.request) == []
    world.hold = ()
    key = shaker.finish(world.dial()).key
    assert key.id in world.owner.keys


def test_the_slower_of_two_processes_gives_way() -> None:
    one, other = processes()
    shaker, slow = Shaker(), one.dial()
    shaker.ask(slow)
    one.hold = (HandshakeAdvanced,)
    slow.tell(shaker.request)
    [question] = slow.held
    answer = shaker.ask(other.dial())
    slow.answer(question, one.owner.answer(question))
    assert closed_for(slow) == (Check.HANDSHAKE_KNOWN, [-404])
    assert len(one.server.handshakes) == 0, "what is remembered here is of no use"
    one.hold = ()
    assert answer
    shaker.finish(one.dial())


@pytest.mark.parametrize("stored", [b"", bytes(32), bytes(32) + b"\2\1" + bytes(100)])
def test_a_damaged_store_makes_the_client_begin_again(stored: bytes) -> None:
    [world] = processes(1)
    world.hold = (HandshakeNeeded,)
    line = world.dial()
    line.tell(SetClientDHParams(nonce=bytes(16), server_nonce=bytes(16), encrypted_data=bytes(64)))
    line.answer(line.held[0], stored)
    [closed] = line.told(ConnectionClosed)
    assert isinstance(closed.error, MalformedMessage | SecurityError)
    assert line.codes == [-404]


def test_nobody_knows_these_nonces() -> None:
    [world] = processes(1)
    line = world.dial()
    line.tell(SetClientDHParams(nonce=bytes(16), server_nonce=bytes(16), encrypted_data=bytes(64)))
    assert closed_for(line) == (Check.HANDSHAKE_KNOWN, [-404])


def test_a_beginning_that_nobody_heard_of_is_forgotten() -> None:
    [world] = processes(1)
    world.hold = (HandshakeAdvanced,)
    line = world.dial()
    line.tell(ReqPQMulti(nonce=bytes(16)))
    assert len(world.server.handshakes) == 1
    line.lose()
    assert len(world.server.handshakes) == 0
