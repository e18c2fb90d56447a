"""What comes under a key: opened, checked as a whole, and only then acted upon."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.puppet import KEYS, SALT, SESSION, START, Line, Puppet, World, kinds, permanent_record, temporary_record
from mtproto_bind import (
    CallReceived,
    Check,
    ConnectionClosed,
    Framing,
    KeyNeeded,
    Limits,
    MalformedMessage,
    UnexpectedMessage,
)
from mtproto_bind._crypto import Secret
from mtproto_bind._tl import (
    BadMsgNotification,
    BadServerSalt,
    ContainedMessage,
    GetFutureSalts,
    GzipPacked,
    HttpWait,
    MsgResendReq,
    MsgsAck,
    MsgsAllInfo,
    MsgsStateReq,
    NewSessionCreated,
    Ping,
    PingDelayDisconnect,
    Pong,
    RpcResult,
    pack,
)

QUERY = bytes.fromhex("2d7a1f0e00000000")
OTHER = bytes.fromhex("2d7a1f0e01000000")
PING = Ping(ping_id=7)


def ready(**settings: Any) -> tuple[Line, Puppet]:
    """A line, and a session that the server knows already."""
    line = World(**settings).dial()
    puppet = Puppet(line)
    puppet.say(PING)
    return line, puppet


def closed_with(line: Line) -> Any:
    [closed] = line.told(ConnectionClosed)
    return closed.error


def refused(puppet: Puppet) -> list[tuple[int, int]]:
    """(message, code) of every notification."""
    return [(each.bad_msg_id, each.error_code) for each in puppet.heard(BadMsgNotification)]


def bodies(line: Line) -> list[bytes]:
    return [call.body for call in line.told(CallReceived)]


# ---- keys and envelopes


def test_an_unknown_key_is_404_and_the_end() -> None:
    line = World(permanent_record()).dial()
    Puppet(line).say(PING)
    assert line.codes == [-404]
    assert closed_with(line).check is Check.KEY_KNOWN
    line.write(b"more")
    assert line.codes == [-404]


def test_a_key_is_asked_for_once() -> None:
    world = World()
    world.hold = (KeyNeeded,)
    line = world.dial()
    puppet = Puppet(line)
    puppet.say(PING)
    [question] = line.held
    assert question.key_id == KEYS[0].id
    assert not puppet.heard()
    line.answer(question, world.owner.keys[KEYS[0].id])
    puppet.say(PING)
    Puppet(world.dial(), session_id=5).say(PING)
    assert len(puppet.heard(Pong)) == 2
    assert line.held == [question]


@pytest.mark.parametrize("cached", [False, True])
def test_an_expired_key_is_404(cached: bool) -> None:
    world = World(temporary_record(lifetime=100))
    line = world.dial()
    puppet = Puppet(line)
    world.now = START + (99 if cached else 100)
    puppet.say(PING)
    if cached:
        assert puppet.heard(Pong)
        world.now = START + 100
        puppet.say(PING)
    assert line.codes == [-404]
    assert closed_with(line).check is Check.KEY_KNOWN


def flip(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]


@given(st.integers(8, 24 + 64 - 1))
@settings(max_examples=20, deadline=None)
def test_any_forged_byte_is_404(at: int) -> None:
    """msg_key covers everything: the padding, and the fields that are never looked at otherwise."""
    line, puppet = ready()
    frame = puppet.seal(puppet.hold(PING))
    line.frame(flip(frame, at))
    assert line.codes == [-404]
    assert closed_with(line).check is Check.MSG_KEY
    assert len(puppet.heard(Pong)) == 1


@pytest.mark.parametrize(
    ("length", "padding", "check"),
    [
        (0, 16, Check.MESSAGE_LENGTH),
        (-4, 16, Check.MESSAGE_LENGTH),
        (6, 16, Check.MESSAGE_LENGTH),
        (36, 16, Check.MESSAGE_LENGTH),
        (1 << 30, 16, Check.MESSAGE_LENGTH),
        (24, 16, Check.MESSAGE_PADDING),
        (4, 1024, Check.MESSAGE_PADDING),
    ],
)
def test_a_wrong_length_is_404(length: int, padding: int, check: Check) -> None:
    line, puppet = ready()
    msg_id, seq_no = puppet.number(content_related=False)
    line.frame(puppet.seal_raw(msg_id, seq_no, length=length, body=PING.to_bytes() + bytes(4), padding=padding))
    assert line.codes == [-404]
    assert closed_with(line).check is check


@pytest.mark.parametrize("framing", list(Framing))
def test_every_framing_carries_messages(framing: Framing) -> None:
    line = World().dial(framing=framing)
    puppet = Puppet(line)
    puppet.say(PING)
    assert puppet.heard(Pong) == [Pong(msg_id=puppet.sent[0], ping_id=7)]


def test_a_key_may_change_on_a_live_stream() -> None:
    world = World(temporary_record(0), temporary_record(1))
    line = world.dial()
    first, second = Puppet(line, temporary_record(0)), Puppet(line, temporary_record(1))
    for puppet in (first, second, first):
        puppet.say(PING)
    assert len(first.heard(Pong)) == 2
    assert len(second.heard(Pong)) == 1


def test_sessions_never_mix() -> None:
    line, one = ready()
    other = Puppet(line, session_id=SESSION + 1)
    call = one.say(QUERY)
    other.say(OTHER)
    [mine, theirs] = line.told(CallReceived)
    assert (mine.session_id, theirs.session_id) == (SESSION, SESSION + 1)
    line.link.send_result(theirs, b"othr", line.world.now)
    line.link.send_result(mine, b"mine", line.world.now)
    line.run()
    assert one.results() == one.results(call) == [b"mine"]
    assert other.results() == [b"othr"]


# ---- notifications: the message is ignored, and the client told why


def test_18_for_an_id_that_is_not_a_clients() -> None:
    line, puppet = ready()
    msg_id, seq_no = puppet.number()
    puppet.say(QUERY, msg_id=msg_id + 1, seq_no=seq_no)
    assert refused(puppet) == [(msg_id + 1, 18)]
    inner = puppet.hold(QUERY)
    outer = puppet.contain(puppet.hold(OTHER), ContainedMessage(inner.msg_id + 2, inner.seqno, QUERY))
    assert refused(puppet)[1:] == [(outer, 18)]
    assert not line.told(CallReceived)


@pytest.mark.parametrize(("ago", "code"), [(300.5, 16), (1e6, 16), (-30.5, 17), (-1e6, 17)])
def test_16_and_17_outside_the_window(ago: float, code: int) -> None:
    line, puppet = ready()
    msg_id = puppet.say(QUERY, ago=ago)
    assert refused(puppet) == [(msg_id, code)]
    assert not line.told(CallReceived)


@pytest.mark.parametrize("ago", [299.5, -29.5])
def test_inside_the_window_it_counts(ago: float) -> None:
    line = World().dial()
    puppet = Puppet(line)
    puppet.say(QUERY, ago=ago)
    assert bodies(line) == [QUERY]


def test_the_window_is_that_of_the_container() -> None:
    """A message that has waited for long is sent inside a container that is new."""
    line = World().dial()
    puppet = Puppet(line)
    old = puppet.hold(QUERY, ago=3000)
    puppet.contain(old)
    assert bodies(line) == [QUERY]


def test_19_for_the_id_of_a_container_that_was_used() -> None:
    line, puppet = ready()
    first = puppet.contain(puppet.hold(QUERY))
    puppet.contain(ContainedMessage(first - 4, 3, OTHER), msg_id=first)
    assert refused(puppet) == [(first, 19)]
    call = puppet.say(OTHER)
    puppet.contain(ContainedMessage(call - 8, 3, QUERY), msg_id=call)
    assert refused(puppet)[1:] == [(call, 19)]
    assert bodies(line) == [QUERY, OTHER]


def test_20_for_what_is_too_old_to_tell() -> None:
    line, puppet = ready(limits=Limits(doubles=4))
    early = puppet.hold(QUERY)
    for _ in range(4):
        puppet.say(PING)
    puppet.repeat(early)
    assert refused(puppet) == [(early.msg_id, 20)]
    assert not line.told(CallReceived)


def test_32_for_a_seq_no_that_falls() -> None:
    line, puppet = ready()
    puppet.say(QUERY)
    second = puppet.say(QUERY)
    third = puppet.say(QUERY, seq_no=3)
    assert refused(puppet) == [(third, 32)], "the number of the one before, and odd"
    fourth = puppet.say(QUERY, seq_no=1)
    assert refused(puppet)[1:] == [(fourth, 32)]
    fifth = puppet.say(PING, seq_no=2)
    assert refused(puppet)[2:] == [(fifth, 32)]
    assert [call.msg_id for call in line.told(CallReceived)][1:] == [second]


def test_33_for_a_seq_no_that_runs_ahead() -> None:
    line, puppet = ready()
    early = puppet.hold(QUERY)
    late = puppet.say(QUERY)
    puppet.say(QUERY, msg_id=early.msg_id, seq_no=3)
    assert refused(puppet) == [(early.msg_id, 33)]
    puppet.say(QUERY, msg_id=early.msg_id, seq_no=101)
    assert refused(puppet)[1:] == [(early.msg_id, 33)]
    puppet.say(PING, msg_id=early.msg_id, seq_no=4)
    assert refused(puppet)[2:] == [(early.msg_id, 33)]
    puppet.say(QUERY, msg_id=early.msg_id, seq_no=early.seqno)
    assert {call.msg_id for call in line.told(CallReceived)} == {early.msg_id, late}


def test_messages_that_are_not_content_related_share_a_number() -> None:
    line, puppet = ready()
    for _ in range(3):
        puppet.say(PING)
    assert len(puppet.heard(Pong)) == 4
    assert not refused(puppet)
    assert not line.told(ConnectionClosed)


def test_the_order_holds_inside_a_container_too() -> None:
    line, puppet = ready()
    first, second = puppet.hold(QUERY), puppet.hold(QUERY)
    swapped = [ContainedMessage(one.msg_id, other.seqno, one.body) for one, other in ((first, second), (second, first))]
    outer = puppet.contain(*swapped)
    assert refused(puppet) == [(outer, 32)]
    assert not line.told(CallReceived)
    # in whatever order they lie there
    puppet.contain(second, first)
    assert len(line.told(CallReceived)) == 2


def test_the_container_has_its_own_place_in_the_order() -> None:
    line, puppet = ready()
    outer = puppet.contain(puppet.hold(QUERY), seq_no=0)
    assert refused(puppet) == [(outer, 32)]
    assert not line.told(CallReceived)


def test_34_for_a_container_with_an_odd_seq_no() -> None:
    line, puppet = ready()
    outer = puppet.contain(puppet.hold(QUERY), seq_no=3)
    assert refused(puppet) == [(outer, 34)]
    assert not line.told(CallReceived)


@pytest.mark.parametrize("body", [QUERY, GzipPacked(packed_data=pack(QUERY)).to_bytes()])
def test_35_for_a_query_with_an_even_seq_no(body: bytes) -> None:
    line, puppet = ready()
    msg_id = puppet.say(body, seq_no=0)
    assert refused(puppet) == [(msg_id, 35)]
    outer = puppet.contain(puppet.hold(body, seq_no=0))
    assert refused(puppet)[1:] == [(outer, 35)]
    assert not line.told(CallReceived)


@pytest.mark.parametrize(
    "thing", [PING, GetFutureSalts(num=1), MsgsStateReq(msg_ids=()), PingDelayDisconnect(ping_id=1, disconnect_delay=75)]
)
@pytest.mark.parametrize("seq_no", [0, 1])
def test_service_messages_may_be_either(thing: Any, seq_no: int) -> None:
    _line, puppet = ready()
    puppet.say(thing, seq_no=seq_no)
    assert not refused(puppet)
    assert len([each for each in puppet.heard() if not isinstance(each.thing, MsgsAck)]) == 3


def test_an_odd_acknowledgement_is_taken_and_not_acknowledged() -> None:
    """mtcute sends them so, and Telegram takes them."""
    line, puppet = ready()
    odd = puppet.say(MsgsAck(msg_ids=(puppet.heard()[0].msg_id,)), seq_no=1)
    line.world.pass_time(20)
    assert not refused(puppet)
    assert not any(odd in each.msg_ids for each in puppet.heard(MsgsAck))


def test_48_for_a_salt_that_is_not_the_keys() -> None:
    """Telethon begins with salt 0 and learns the right one so."""
    line, puppet = ready()
    msg_id = puppet.say(QUERY, salt=0)
    [notification] = puppet.heard(BadServerSalt)
    assert notification == BadServerSalt(bad_msg_id=msg_id, bad_msg_seqno=1, error_code=48, new_server_salt=SALT)
    assert not line.told(CallReceived)
    outer = puppet.contain(puppet.hold(QUERY), salt=1)
    assert puppet.heard(BadServerSalt)[1].bad_msg_id == outer
    puppet.say(MsgsAck(msg_ids=()), salt=2)
    assert len(puppet.heard(BadServerSalt)) == 3, "for whatever message"


def test_the_salt_of_the_exchange_is_good_for_an_hour() -> None:
    world = World(salt_secret=Secret(bytes(32)))
    line = world.dial()
    puppet = Puppet(line)
    puppet.say(GetFutureSalts(num=3))
    salts = puppet.heard()[-1].thing.salts
    assert salts[0].salt == SALT
    world.now = START + 3599
    puppet.say(PING)
    assert len(puppet.heard(Pong)) == 1
    assert puppet.heard()[-1].salt == salts[1].salt
    world.now = START + 3601
    puppet.say(PING)
    assert puppet.heard(BadServerSalt)[-1].new_server_salt == salts[2].salt
    puppet.salt = salts[1].salt
    puppet.say(PING)
    assert len(puppet.heard(Pong)) == 2


def test_a_refused_message_has_not_come() -> None:
    """It may come again under the same id, once what was wrong is mended."""
    line, puppet = ready()
    message = puppet.hold(QUERY)
    line.frame(puppet.seal(message, salt=0))
    line.frame(puppet.seal(message))
    assert [call.msg_id for call in line.told(CallReceived)] == [message.msg_id]


def test_notifications_need_no_acknowledgement() -> None:
    _line, puppet = ready()
    puppet.say(QUERY, salt=0)
    [notification] = [each for each in puppet.heard() if isinstance(each.thing, BadServerSalt)]
    assert notification.seq_no % 2 == 0
    assert notification.msg_id % 4 == 1


# ---- containers


def test_all_or_nothing() -> None:
    line, puppet = ready()
    good, bad = puppet.hold(QUERY), puppet.hold(QUERY, seq_no=0)
    outer = puppet.contain(good, puppet.hold(PING), bad)
    assert refused(puppet) == [(outer, 35)]
    assert len(puppet.heard(Pong)) == 1
    assert not line.told(CallReceived)
    puppet.contain(good)
    assert bodies(line) == [QUERY]


def test_an_empty_container_says_nothing() -> None:
    line, puppet = ready()
    puppet.contain()
    assert not refused(puppet)
    assert not line.told(ConnectionClosed)


def container(count: int, *messages: tuple[int, int, int, bytes]) -> bytes:
    """A container as it stands, whatever it says of itself."""
    body = bytes.fromhex("dcf8f173") + count.to_bytes(4, "little")
    for msg_id, seq_no, length, content in messages:
        body += msg_id.to_bytes(8, "little") + seq_no.to_bytes(4, "little") + length.to_bytes(4, "little") + content
    return body


@pytest.mark.parametrize(
    ("body", "check", "code"),
    [
        (container(1025), Check.CONTAINER_COUNT, -429),
        (container(1 << 31), Check.CONTAINER_COUNT, -429),
        (container(1), Check.CONTAINER_BOUNDS, -404),
        (container(0, (4, 1, 4, QUERY)), Check.CONTAINER_BOUNDS, -404),
        (container(1, (4, 1, 12, QUERY)), Check.CONTAINER_BOUNDS, -404),
        (container(1, (4, 1, 6, QUERY)), Check.CONTAINER_BOUNDS, -404),
        (container(1, (4, 1, 8, container(0))), Check.CONTAINER_NESTED, -404),
        (container(1, (1 << 63, 1, 8, QUERY)), Check.CONTAINER_IDS, -404),
    ],
)
def test_a_container_that_is_none(body: bytes, check: Check, code: int) -> None:
    line, puppet = ready()
    puppet.say(body, seq_no=0)
    assert closed_with(line).check is check
    assert line.codes == [code]
    assert not line.told(CallReceived)


def test_a_container_holds_1024() -> None:
    line, puppet = ready()
    held = [puppet.hold(PING) for _ in range(1024)]
    puppet.contain(*held)
    assert len(puppet.heard(Pong)) == 1025
    assert not line.told(ConnectionClosed)


@pytest.mark.parametrize("kind", [MsgsAck, MsgsStateReq, MsgResendReq])
def test_8193_ids_are_429(kind: Any) -> None:
    line, puppet = ready()
    puppet.say(kind(msg_ids=tuple(range(8192))))
    assert not line.codes
    puppet.say(kind(msg_ids=tuple(range(8193))))
    assert line.codes == [-429]
    assert closed_with(line).check is Check.ID_COUNT


def test_8193_ids_of_states_unasked_are_429() -> None:
    line, puppet = ready()
    puppet.contain(puppet.hold(MsgsAllInfo(msg_ids=tuple(range(8193)), info=b"")))
    assert line.codes == [-429]


@pytest.mark.parametrize("body", [PING.to_bytes() + bytes(4), PING.to_bytes()[:-4]])
def test_a_service_message_that_is_none(body: bytes) -> None:
    line, puppet = ready()
    puppet.say(body, seq_no=0)
    assert line.codes == [-404]
    assert isinstance(closed_with(line), MalformedMessage | UnexpectedMessage)


def test_what_only_a_server_says_is_ignored() -> None:
    line, puppet = ready()
    for thing in (Pong(msg_id=4, ping_id=5), HttpWait(max_delay=0, wait_after=0, max_wait=0)):
        puppet.say(thing)
    assert len(puppet.heard()) == 2
    assert not line.told(ConnectionClosed)


# ---- new sessions


def test_a_new_session_is_announced_once() -> None:
    line = World().dial()
    puppet = Puppet(line)
    first = puppet.say(PING)
    for _ in range(3):
        puppet.say(PING)
    [created] = puppet.heard(NewSessionCreated)
    assert created.first_msg_id == first
    assert created.server_salt == SALT
    [announced] = [each for each in puppet.heard() if each.thing == created]
    assert announced.seq_no % 2 == 1
    assert announced.msg_id % 4 == 3
    assert kinds(puppet.heard())[0] == "NewSessionCreated", "before every answer"


def test_the_lowest_id_in_a_container_is_the_first() -> None:
    line = World().dial()
    puppet = Puppet(line)
    inner = puppet.hold(QUERY)
    puppet.contain(puppet.hold(QUERY), inner)
    assert puppet.heard(NewSessionCreated)[0].first_msg_id == inner.msg_id


def test_a_lower_id_is_announced_again() -> None:
    line = World().dial()
    puppet = Puppet(line)
    lower = puppet.hold(QUERY)
    first = puppet.say(QUERY)
    puppet.contain(lower)
    puppet.say(QUERY)
    one, two = puppet.heard(NewSessionCreated)
    assert (one.first_msg_id, two.first_msg_id) == (first, lower.msg_id)
    assert one.unique_id == two.unique_id


def test_the_first_message_again_is_not_announced_again() -> None:
    line = World().dial()
    puppet = Puppet(line)
    first = puppet.hold(QUERY)
    puppet.contain(first)
    puppet.repeat(first)
    assert len(puppet.heard(NewSessionCreated)) == 1


def test_a_session_made_anew_has_another_name() -> None:
    line, puppet = ready()
    Puppet(line, session_id=1).say(QUERY)
    assert line.world.server.sessions.end(puppet.record.key.id, SESSION)
    puppet.say(PING)
    one, two = puppet.heard(NewSessionCreated)
    assert one.unique_id != two.unique_id


def test_announcements_that_nobody_acknowledges_are_bounded() -> None:
    """Ever lower ids make ever more of them."""
    line = World(limits=Limits(unacknowledged=5)).dial()
    puppet = Puppet(line)
    held = [puppet.hold(PING) for _ in range(20)]
    for message in reversed(held):
        puppet.contain(message)
    assert len(puppet.heard(NewSessionCreated)) == 20
    session = line.world.server.sessions.find(puppet.record.key.id, SESSION)
    assert session is not None
    assert len(session.session.sent) <= 5


def test_a_refused_message_announces_nothing() -> None:
    line = World().dial()
    puppet = Puppet(line)
    puppet.say(QUERY, salt=0)
    assert kinds(puppet.heard()) == ["BadServerSalt"]
    msg_id = puppet.say(QUERY, seq_no=1)
    assert puppet.heard(NewSessionCreated)[0].first_msg_id == msg_id


# ---- doubles


def test_a_query_runs_once_and_is_acknowledged_again() -> None:
    line, puppet = ready()
    message = puppet.hold(QUERY)
    puppet.contain(message)
    line.world.pass_time(11)
    puppet.repeat(message)
    line.world.pass_time(11)
    assert bodies(line) == [QUERY]
    assert [each.msg_ids for each in puppet.heard(MsgsAck)] == [(message.msg_id,)] * 2


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_double_gets_the_stored_answer(elsewhere: bool) -> None:
    line, puppet = ready()
    message = puppet.hold(QUERY)
    puppet.contain(message)
    [call] = line.told(CallReceived)
    line.link.send_result(call, b"done", line.world.now)
    line.run()
    if elsewhere:
        puppet.line = line.world.dial()
    puppet.repeat(message)
    puppet.repeat(message)
    answers = [each for each in puppet.heard() if isinstance(each.thing, RpcResult)]
    assert [each.thing.result for each in answers] == [b"done"] * 3
    assert len({(each.msg_id, each.seq_no) for each in answers}) == 1, "the same message"
    assert all(each.container is not None for each in answers[1:]), "an id leaves twice in a container only"
    assert len({each.container for each in answers}) == 3
    assert sum(len(each.told(CallReceived)) for each in line.world.lines) == 1


def test_an_acknowledged_answer_is_gone() -> None:
    line, puppet = ready()
    message = puppet.hold(QUERY)
    puppet.contain(message)
    line.link.send_result(line.told(CallReceived)[0], b"done", line.world.now)
    line.run()
    [answer] = [each for each in puppet.heard() if isinstance(each.thing, RpcResult)]
    # both in one container: the acknowledgement comes first
    puppet.contain(puppet.hold(MsgsAck(msg_ids=(answer.msg_id,))), message)
    assert puppet.results() == [b"done"]
    assert bodies(line) == [QUERY]


def test_an_answer_acknowledged_while_it_waits_to_be_repeated() -> None:
    line, puppet = ready()
    message = puppet.hold(QUERY)
    puppet.contain(message)
    line.link.send_result(line.told(CallReceived)[0], b"done", line.world.now)
    line.run()
    [answer] = [each for each in puppet.heard() if isinstance(each.thing, RpcResult)]
    puppet.contain(message, puppet.hold(MsgsAck(msg_ids=(answer.msg_id,))))
    assert puppet.results() == [b"done"]


def test_a_double_in_one_container_runs_once() -> None:
    line, puppet = ready()
    message = puppet.hold(QUERY)
    puppet.contain(message, message)
    assert bodies(line) == [QUERY]


def test_a_double_of_a_service_message_says_nothing() -> None:
    line, puppet = ready()
    message = puppet.hold(PING)
    puppet.contain(message)
    puppet.repeat(message)
    line.world.pass_time(20)
    assert len(puppet.heard(Pong)) == 2


def test_a_single_message_that_comes_twice_runs_once() -> None:
    """Not what a client does; what somebody on the path may do with a message of the last minutes."""
    line, puppet = ready()
    frame = puppet.seal(puppet.hold(QUERY))
    line.frame(frame)
    line.frame(frame)
    line.world.dial().frame(frame)
    assert len([each for one in line.world.lines for each in one.told(CallReceived)]) == 1
