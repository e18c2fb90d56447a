"""The pair itself: faults happen as scripted, time passes as told, and the same script gives the same story."""

from __future__ import annotations

import pytest
from attrs import evolve

from kit.pairs import OTHER_QUERY, bound_pair, make_pair
from mtproto_bind import (
    CallAnswered,
    ConnectionClosed,
    Destruction,
    DestructionRequested,
    Event,
    Framing,
    HandshakeNeeded,
    KeyBound,
    KeyCreated,
    KeyNeeded,
    KeyOffered,
    PeerTimedOut,
    Question,
    Stored,
    Transport,
    TransportEnded,
)
from mtproto_bind.testing import Direction, Fault, FaultKind, Network, Owner, Pair


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("obfuscated", [False, True])
def test_over_every_transport(framing: Framing, obfuscated: bool) -> None:
    if framing is Framing.FULL and obfuscated:
        with pytest.raises(ValueError, match="full"):
            Transport(framing, obfuscated)
        return
    pair = make_pair(transport=Transport(framing, obfuscated))
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run_until(CallAnswered)


@pytest.mark.parametrize("kind", [FaultKind.DROP, FaultKind.CUT, FaultKind.CORRUPT, FaultKind.DUPLICATE, FaultKind.HALF_OPEN])
@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("index", range(9))
def test_any_one_fault_is_survived(kind: FaultKind, direction: Direction, index: int) -> None:
    """Whatever happens to one piece, the keys get bound, both ends agree on them, and the call runs once."""
    pair = make_pair(network=Network(faults=[Fault(direction=direction, index=index, kind=kind, at=30)]))
    pair.client.call(OTHER_QUERY, pair.client_now)
    if not pair.run(100, lambda each: bool(each.events(CallAnswered))):
        # no real stream loses bytes in its middle; a call lost so is sent again on the next stream
        pair.cut()
        pair.run_until(CallAnswered)
    assert len(pair.owner.ran) == 1
    key = pair.client.bound_key()
    assert pair.owner.keys[key.key.id].key == key.key
    assert pair.owner.keys[key.key.id].bound_to == key.permanent_key_id


def test_a_delay_reorders() -> None:
    network = Network(latency=1.0, faults=[Fault(direction=Direction.TO_SERVER, index=0, kind=FaultKind.DELAY, seconds=5)])
    network.write(b"first", Direction.TO_SERVER, 1, 0.0)
    network.write(b"second", Direction.TO_SERVER, 1, 0.5)
    assert [piece.data for piece in network.take_due(10)] == [b"second", b"first"]


def test_the_same_script_gives_the_same_story() -> None:
    """Contract 6: same inputs, same times, same entropy, same answers: same bytes, same events."""

    class Recorder(Network):
        written: list[bytes]

        def write(self, data: bytes, direction: Direction, stream: int, now: float) -> None:
            self.written = [*getattr(self, "written", []), data]
            super().write(data, direction, stream, now)

    def story() -> tuple[list[bytes], list[Event]]:
        network = Recorder(faults=[Fault(direction=Direction.TO_CLIENT, index=3, kind=FaultKind.CUT)])
        pair = make_pair(network=network)
        pair.client.call(OTHER_QUERY, pair.client_now)
        pair.run(100_000)
        return network.written, [told.event for told in pair.told]

    assert story() == story()


def test_time_stands_where_it_is_told_to() -> None:
    pair = bound_pair()
    before = pair.now
    assert not pair.run(12.5)
    assert pair.now == pytest.approx(before + 12.5)
    assert pair.client_now == pair.now


def test_what_does_not_come_is_said() -> None:
    with pytest.raises(AssertionError, match=r"no ConnectionClosed within 1 s; told were \['PermanentKeyCreated'"):
        make_pair().run_until(ConnectionClosed, 1)


def test_a_cut_is_told_to_both_ends() -> None:
    pair = bound_pair()
    pair.cut()
    pair.run(0.01)
    assert [type(told.event) for told in pair.told[-1:]] == [TransportEnded]
    assert pair.server_events(ConnectionClosed) == [ConnectionClosed(error=None)]


def test_machines_that_go_round_in_circles_are_caught() -> None:
    pair = make_pair()

    class Restless:
        def __getattr__(self, name: str) -> object:
            return getattr(pair.client, name)

        def data_to_send(self, now: float) -> bytes:
            return b"again"

    restless = Pair(Restless(), pair.server)  # type: ignore[arg-type]  # not a client at all
    with pytest.raises(AssertionError, match="circles"):
        restless.run(1)


def test_time_that_stands_still_is_caught() -> None:
    pair = bound_pair()
    deadline = pair.now + 1
    pair.client.next_deadline = lambda: deadline  # type: ignore[method-assign]  # what is due is never done
    with pytest.raises(AssertionError, match="time stands still"):
        pair.run(2)


def test_no_skew_makes_time_stand_still() -> None:
    """A deadline on a clock that is ahead by a fraction is not met a rounding error too early."""
    for tenths in range(1, 30):
        pair = bound_pair(client_skew=tenths / 10 + 1e-7, server_skew=-tenths / 7)
        assert not pair.run(600)


def test_an_owner_keeps_shared_handshakes() -> None:
    pair = make_pair(server={"share_handshakes": True})
    pair.run_until(KeyBound)
    assert len(pair.server_events(KeyCreated)) == 2
    assert pair.owner.handshakes == {}, "what is finished is not kept"


def test_an_owner_answers_a_server_and_nobody_else() -> None:
    owner = Owner()
    with pytest.raises(TypeError, match="asks no Question"):
        owner.answer(Question(number=1))
    assert owner.answer(KeyNeeded(number=1, key_id=7)) is None
    assert owner.answer(HandshakeNeeded(number=1, nonce=bytes(16), server_nonce=bytes(16))) is None


def test_an_owner_destroys_a_permanent_key_with_what_is_bound_to_it() -> None:
    pair = bound_pair()
    permanent_key_id = pair.client.bound_key().permanent_key_id
    question = DestructionRequested(number=1, permanent_key_id=permanent_key_id)
    other = DestructionRequested(number=2, permanent_key_id=pair.client.bound_key().key.id)
    assert pair.owner.answer(other) is Destruction.NONE, "that one is temporary"
    assert pair.owner.answer(question) is Destruction.DONE
    assert (pair.owner.keys, pair.owner.bindings) == ({}, {})
    assert pair.owner.answer(question) is Destruction.NONE


def test_a_key_id_is_taken_only_once() -> None:
    pair = bound_pair()
    record = next(iter(pair.owner.keys.values()))
    # the same record again is the same key: its answer was lost, say
    assert pair.owner.answer(KeyOffered(number=1, record=record)) is Stored.KEPT
    assert pair.owner.answer(KeyOffered(number=1, record=evolve(record, media=not record.media))) is Stored.TAKEN


def test_a_silent_line_is_noticed() -> None:
    network = Network(faults=[Fault(direction=Direction.TO_SERVER, index=0, kind=FaultKind.HALF_OPEN)])
    pair = make_pair(network=network)
    ended = pair.run_until(TransportEnded)
    assert isinstance(ended, TransportEnded)
    assert isinstance(ended.error, PeerTimedOut)


def test_questions_can_be_left_open() -> None:
    from mtproto_bind import PendingKey, PermanentKeyRequired

    pair = make_pair(client={"permanent_key": PendingKey()})
    pair.run_until(PermanentKeyRequired)
    assert len(pair.client.open_questions) == 1


def test_a_client_that_hangs_up_hears_no_more() -> None:
    """What the server wrote meanwhile is lost with the stream; what the client wrote last still arrives."""
    pair = bound_pair()
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(0.06)
    assert pair.owner.ran == [OTHER_QUERY]
    pair.client.close(pair.client_now)
    pair.run(1)
    assert not pair.events(CallAnswered)
    assert pair.events(ConnectionClosed)
    assert pair.link is None
