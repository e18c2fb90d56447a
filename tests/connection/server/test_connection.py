"""The face of one stream on a server: bytes, events, questions, time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kit.keys import SERVER_KEY
from kit.puppet import START, Puppet, World, permanent_record, temporary_record
from mtproto_bind import (
    NEED_DATA,
    UNAVAILABLE,
    CallReceived,
    Check,
    Computation,
    ConnectionClosed,
    Framing,
    KeyNeeded,
    Limits,
    PeerTimedOut,
    Question,
    SecurityError,
    Server,
    Timeouts,
    Transport,
)
from mtproto_bind._crypto import Factor
from mtproto_bind._tl import MsgsAck, Ping, PingDelayDisconnect, Pong, ReqPQMulti, RpcDropAnswer, RpcResult
from mtproto_bind._wire import pack_plain
from mtproto_bind.testing import make_server_config

QUERY = bytes.fromhex("2d7a1f0e00000000")
STRANGERS = {
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(64),
    "TLS": b"\x16\x03\x01\x02\x00" + bytes(64),
    "SSH": b"SSH-2.0-x\r\n" + bytes(64),
}
GARBAGE = [
    b"\xee" * 4 + b"\x08\0\0\0" + b"\1" * 8,
    b"\xef\x7f\xff\xff\xff",
    bytes(200),
    b"\xee" * 4 + b"\x48\0\0\0" + b"\7" * 72,
]


@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("obfuscated", [False, True])
def test_any_transport_is_recognised(framing: Framing, obfuscated: bool) -> None:
    if framing is Framing.FULL and obfuscated:
        return
    one = Puppet(World().dial(framing=framing, obfuscated=obfuscated))
    one.say(Ping(ping_id=1))
    assert one.heard(Pong)


@pytest.mark.parametrize("seen", STRANGERS)
def test_what_is_no_transport_is_named_and_closed(seen: str) -> None:
    line = World().dial()
    line.write(STRANGERS[seen])
    [closed] = line.told(ConnectionClosed)
    assert isinstance(closed.error, SecurityError)
    assert closed.error.check is Check.DETECTION
    assert seen in str(closed.error)
    assert line.codes == [], "nobody knows how to tell it"


def test_nothing_follows_the_end() -> None:
    one = Puppet(World().dial())
    one.say(Ping(ping_id=1))
    link = one.line.link
    link.close(START)
    link.close(START)
    one.line.run()
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    link.receive_data(b"\1" * 100, START)
    link.transport_lost(START)
    link.handle_timeout(START + 1e6)
    assert link.next_event() is NEED_DATA
    assert link.next_deadline() is None
    assert link.data_to_send(START) == b""
    assert not link.wants_data


def test_what_had_come_is_read_before_the_end() -> None:
    one = Puppet(World().dial())
    one.say(Ping(ping_id=0))
    one.line.end.send(one.seal(one.hold(QUERY)))
    one.line.link.receive_data(one.line.end.data_to_send(), START)
    one.line.link.transport_lost(START)
    one.line.end.send(one.seal(one.hold(QUERY)))
    one.line.link.receive_data(one.line.end.data_to_send(), START)
    one.line.run()
    assert [type(event) for event in one.line.events] == [CallReceived, ConnectionClosed]


def test_while_a_question_is_open_nothing_further_is_read() -> None:
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.line.frame(*(one.seal(one.hold(Ping(ping_id=each))) for each in range(3)))
    link = one.line.link
    [question] = one.line.held
    assert link.open_questions == (question,)
    assert not link.wants_data
    assert link.next_event() is NEED_DATA
    one.line.answer(question, one.record)
    assert link.wants_data
    assert link.open_questions == ()
    assert [pong.ping_id for pong in one.heard(Pong)] == [0, 1, 2]


def test_answers_are_checked_and_late_ones_ignored() -> None:
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    [question] = one.line.held
    with pytest.raises(TypeError):
        one.line.link.answer(question, 7, START)  # type: ignore[misc]  # no key at all
    with pytest.raises(ValueError, match="asked for key"):
        one.line.link.answer(question, next(r for r in one.world.owner.keys.values() if r != one.record), START)
    one.line.answer(question, one.record)
    one.line.answer(question, None)
    assert not one.line.told(ConnectionClosed)


def test_a_store_that_fails_costs_the_stream_without_a_word() -> None:
    """-404 would cost the client its key."""
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    one.line.answer(one.line.held[0], UNAVAILABLE)
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert one.line.codes == []


def test_arithmetic_does_not_fail() -> None:
    line = World().dial()
    computation = Computation(number=1, work=Factor(15, 1), crypto=line.world.server.config.crypto)
    line.link._link.asked.ask(computation, lambda _value, _now: None)
    with pytest.raises(TypeError, match="server's questions"):
        line.link.answer(computation, UNAVAILABLE, START)
    assert line.link.open_questions == (computation,)


def test_a_stream_that_says_nothing_is_closed_in_time() -> None:
    for begins in (b"", b"\xee\xee", b"\xee" * 4 + b"\x50\0\0\0half"):
        world = World(timeouts=Timeouts(frame=20))
        line = world.dial()
        line.write(begins)
        world.pass_time(19)
        assert not line.told(ConnectionClosed)
        world.pass_time(2)
        [closed] = line.told(ConnectionClosed)
        assert isinstance(closed.error, PeerTimedOut)


def test_a_stream_that_has_spoken_may_be_silent() -> None:
    one = Puppet(World(timeouts=Timeouts(frame=20)).dial())
    one.say(Ping(ping_id=1))
    one.world.pass_time(10_000)
    assert not one.line.told(ConnectionClosed)


def test_a_stream_that_is_lost_while_the_owner_thinks_ends_at_once() -> None:
    one = Puppet(World().dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    one.line.lose()
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    one.line.answer(one.line.held[0], None)
    assert len(one.line.told(ConnectionClosed)) == 1


def test_while_the_owner_thinks_the_client_owes_nothing() -> None:
    one = Puppet(World(timeouts=Timeouts(frame=20, owner=30)).dial())
    one.world.hold = (KeyNeeded,)
    one.say(Ping(ping_id=1))
    one.world.pass_time(25)
    assert not one.line.told(ConnectionClosed)


def test_two_deadlines_that_have_passed_are_one_end() -> None:
    one = Puppet(World().dial())
    one.say(PingDelayDisconnect(ping_id=1, disconnect_delay=10))
    one.line.write(b"\x50\0\0\0half")
    one.line.link.handle_timeout(START + 1e6)
    one.line.run()
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)], "the earlier one"


def test_bytes_that_trickle_have_no_more_time() -> None:
    one = Puppet(World(timeouts=Timeouts(frame=20)).dial())
    one.say(Ping(ping_id=1))
    for byte in b"\x50\0\0\0half of it":
        one.line.write(bytes([byte]))
        one.world.pass_time(1.5)
    assert isinstance(one.line.told(ConnectionClosed)[0].error, PeerTimedOut)


def test_two_deadlines_of_one_moment_are_one_end() -> None:
    one = Puppet(World(timeouts=Timeouts(frame=30, owner=30)).dial())
    one.world.hold = (KeyNeeded,)
    one.line.frame(one.seal(one.hold(Ping(ping_id=1))))
    one.line.write(b"\x50\0\0\0half")
    one.world.pass_time(100)
    assert len(one.line.told(ConnectionClosed)) == 1


def test_a_frame_above_the_ceiling_is_refused_before_it_has_come() -> None:
    line = World(limits=Limits(frame=1000)).dial()
    line.write(b"\xee" * 4 + (1004).to_bytes(4, "little"))
    [closed] = line.told(ConnectionClosed)
    assert isinstance(closed.error, SecurityError)
    assert closed.error.check is Check.FRAME_LIMIT


def test_garbage_on_one_stream_leaves_the_others_alone() -> None:
    world = World()
    one = Puppet(world.dial())
    one.say(Ping(ping_id=1))
    for garbage in GARBAGE:
        world.dial(peer="bad", framing=Framing.ABRIDGED if garbage[0] == 0xEF else Framing.INTERMEDIATE).write(garbage)
    one.say(Ping(ping_id=2))
    assert [pong.ping_id for pong in one.heard(Pong)] == [1, 2]


def test_a_late_answer_of_the_owner_for_a_session_begun_anew_goes_nowhere() -> None:
    one = Puppet(World().dial())
    one.say(QUERY)
    [call] = one.line.told(CallReceived)
    one.world.server.sessions.end(one.record.key.id, one.session_id)
    one.say(Ping(ping_id=1))
    one.line.link.send_result(call, QUERY, START)
    one.line.run()
    assert one.results(call.msg_id) == []


def test_the_time_of_every_call_counts() -> None:
    """A driver need not say handle_timeout first."""
    one = Puppet(World(permanent_record(), temporary_record(0), temporary_record(1)).dial())
    one.say(Ping(ping_id=1))
    msg_id = one.say(QUERY)
    link, world = one.line.link, one.world
    world.now = START + 11
    one.line.run()
    assert one.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))], "data_to_send"
    world.hold = (KeyNeeded,)
    other = Puppet(world.dial(), temporary_record(1))
    other.say(QUERY)
    [question] = other.line.held
    other.line.link.answer(question, temporary_record(1), START + 20)
    assert isinstance(other.line.link.next_event(), CallReceived)
    assert other.line.link.next_deadline() == START + 30, "answer"
    [call] = one.line.told(CallReceived)
    link.send_result(call, QUERY, START + 40)
    link.close(START + 50)
    one.line.run()
    result = next(each for each in one.heard() if isinstance(each.thing, RpcResult))
    assert result.msg_id >> 32 == int(START) + 50, "close"


def test_a_call_may_take_long() -> None:
    """So long that the memory of doubles has forgotten it."""
    one = Puppet(World(limits=Limits(doubles=4)).dial())
    msg_id = one.say(QUERY)
    for _ in range(9):
        one.say(Ping(ping_id=1))
    [call] = one.line.told(CallReceived)
    assert one.line.link.send_result(call, QUERY, START) is one.line.link
    one.line.run()
    assert one.results(msg_id) == [QUERY]


def test_an_answer_leaves_where_its_session_speaks_now() -> None:
    one = Puppet(World().dial())
    for _ in range(4):
        one.say(QUERY)
    first, (a, b, c, d) = one.line, one.line.told(CallReceived)
    assert first.link.send_result(a, QUERY, START) is first.link
    one.line = one.world.dial()
    one.say(RpcDropAnswer(req_msg_id=d.msg_id), seq_no=9)
    assert first.link.send_error(b, 400, "BAD", START) is one.line.link
    assert first.link.send_result(d, QUERY, START) is None, "nobody wants it"
    one.line.lose()
    assert first.link.send_result(c, QUERY, START) is None
    one.line = one.world.dial()
    one.say(Ping(ping_id=1), seq_no=10)
    assert len(one.results(c.msg_id)) == 1


def test_a_plain_message_before_the_handshake_is_no_fault() -> None:
    server = Server(make_server_config(SERVER_KEY))
    link = server.accept(Transport.detect(), "peer", START)
    message = pack_plain(0, ReqPQMulti(nonce=bytes(16)).to_bytes())
    link.receive_data(b"\xee" * 4 + len(message).to_bytes(4, "little") + message, START)
    assert link.next_event() is NEED_DATA
    assert link.data_to_send(START)


def transcript() -> bytes:
    """A stream with everything in it: a handshake's first step, calls, a container, and a breach at the end."""
    one = Puppet(World().dial())
    probe = pack_plain(0, ReqPQMulti(nonce=bytes(16)).to_bytes())
    said = [one.seal(one.hold(thing)) for thing in (QUERY, Ping(ping_id=1), QUERY)]
    for frame in (probe, *said, probe, bytes(24)):
        one.line.end.send(frame)
    return one.line.end.data_to_send()


TRANSCRIPT = transcript()


def replay(cuts: list[int]) -> tuple[list[str], bytes]:
    """What is told (errors have no equality but their text) and what is written, where the stream comes in these pieces."""
    world = World()
    line = world.dial()
    for begin, end in pairwise([0, *sorted(cuts), len(TRANSCRIPT)]):
        line.link.receive_data(TRANSCRIPT[begin:end], START)
        while (event := line.link.next_event()) is not NEED_DATA:
            if isinstance(event, Question):
                line.link.answer(event, world.owner.answer(event), START)
            else:
                line.events.append(event)
    return [repr(event) for event in line.events], line.link.data_to_send(START)


@given(st.lists(st.integers(0, len(TRANSCRIPT)), max_size=12))
@example(list(range(len(TRANSCRIPT))))
@settings(deadline=None)
def test_however_the_stream_is_cut(cuts: list[int]) -> None:
    """The same events, and with the same entropy the same bytes."""
    events, written = replay(cuts)
    assert (events, written) == replay([])
    assert [event.partition("(")[0] for event in events] == ["CallReceived", "CallReceived", "ConnectionClosed"]
    assert len(written) > 300


def test_handshakes_and_sealed_messages_share_a_stream() -> None:
    one = Puppet(World().dial())
    for number in range(3):
        assert len(one.line.tell(ReqPQMulti(nonce=bytes([number]) * 16))) == 1
        one.say(Ping(ping_id=number))
    assert [pong.ping_id for pong in one.heard(Pong)] == [0, 1, 2]
