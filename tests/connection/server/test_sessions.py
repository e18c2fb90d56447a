"""Sessions of a server: what they keep, and how many there are."""

from __future__ import annotations

from kit.puppet import START, Puppet, World, permanent_record, temporary_record
from mtproto_bind import CallReceived, Limits, ServerConfig
from mtproto_bind._connection.server.sessions import AnswerTo, ServerSession, Sessions, Update
from mtproto_bind._crypto import Secret
from mtproto_bind._session import Item, Message
from mtproto_bind._tl import MsgsAck, NewSessionCreated, Ping
from mtproto_bind.testing import make_server_config

QUERY = bytes.fromhex("2d7a1f0e00000000")


def config(**limits: int) -> ServerConfig:
    from kit.keys import SERVER_KEY

    return make_server_config(SERVER_KEY, limits=Limits(**limits))


def make(**limits: int) -> Sessions:
    return Sessions(config(**limits), Secret(bytes(32)))


def test_a_session_is_made_once() -> None:
    sessions = make()
    record = temporary_record()
    assert sessions.find(record.key.id, 1) is None
    one = sessions.open(record, 1)
    assert sessions.open(record, 1) is one
    assert sessions.find(record.key.id, 1) is one
    other = sessions.open(permanent_record(), 1)
    assert other is not one
    assert other.unique_id != one.unique_id
    assert len(sessions) == 2
    assert one.salts.current(START) == record.first_salt


def test_those_longest_unused_make_room() -> None:
    sessions, record = make(sessions_per_key=2), temporary_record()
    sessions.open(record, 1)
    sessions.open(record, 2)
    sessions.open(record, 1)
    sessions.open(record, 3)
    assert [sessions.find(record.key.id, each) is not None for each in (1, 2, 3)] == [True, False, True]
    in_all, other = make(sessions=2), permanent_record()
    in_all.open(record, 1)
    in_all.open(other, 1)
    in_all.open(other, 2)
    assert in_all.find(record.key.id, 1) is None
    assert len(in_all) == 2


def test_of_all_sessions_too_the_longest_unused_makes_room() -> None:
    sessions, record, other = make(sessions=2), temporary_record(), permanent_record()
    sessions.open(record, 1)
    sessions.open(other, 1)
    sessions.open(record, 1)
    sessions.open(other, 2)
    assert sessions.find(record.key.id, 1) is not None
    assert sessions.find(other.key.id, 1) is None


def test_what_has_ended_takes_no_room() -> None:
    sessions, record = make(sessions_per_key=2), temporary_record()
    for each in (1, 2):
        sessions.open(record, each)
    sessions.end(record.key.id, 1)
    sessions.open(record, 3)
    assert [sessions.find(record.key.id, each) is not None for each in (1, 2, 3)] == [False, True, True]


def test_the_end_of_a_key_is_the_end_of_its_sessions() -> None:
    sessions, record, other = make(), temporary_record(), permanent_record()
    for each in range(3):
        sessions.open(record, each)
    sessions.open(other, 1)
    sessions.end_key(record.key.id)
    sessions.end_key(record.key.id)
    assert len(sessions) == 1
    assert sessions.end(other.key.id, 1)
    assert not sessions.end(other.key.id, 1)


def test_a_session_that_is_forgotten_speaks_no_more() -> None:
    one = Puppet(World(limits=Limits(sessions_per_key=1)).dial())
    one.say(QUERY)
    [call] = one.line.told(CallReceived)
    other = Puppet(one.line, session_id=5)
    other.say(Ping(ping_id=1))
    before = len(one.heard())
    # the answer comes too late for a session that made room
    one.line.link.send_result(call, QUERY, one.world.now)
    one.line.run()
    assert len(one.heard()) == before
    assert len(one.line.link._link.sessions) == 1


def answered(limit: int = 1000) -> tuple[Puppet, list[int]]:
    one = Puppet(World(limits=Limits(unacknowledged=limit)).dial())
    ids = []
    for _ in range(4):
        ids.append(one.say(QUERY))
        one.line.link.send_result(one.line.told(CallReceived)[-1], QUERY, one.world.now)
        one.line.run()
    return one, ids


def session_of(one: Puppet) -> ServerSession:
    session = one.world.server.sessions.find(one.record.key.id, one.session_id)
    if session is None:
        raise LookupError("no such session")
    return session


def test_an_answer_is_kept_on_its_way_and_until_it_is_acknowledged() -> None:
    one, ids = answered()
    session = session_of(one)
    assert all(session.answer_kept(msg_id) for msg_id in ids)
    assert not session.answer_kept(5)
    kept = session.kept_answer(ids[0])
    assert kept is not None
    assert kept.about == AnswerTo(ids[0])
    one.say(MsgsAck(msg_ids=(kept.msg_id,)))
    assert not session.answer_kept(ids[0])
    session.repeat_answer(ids[0])
    assert session.take_due(START) == []
    session.say(Item(body=QUERY, content_related=True, keep=True, about=AnswerTo(77)))
    assert session.answer_kept(77), "it has not left yet"


def test_an_answer_leaves_again_once_however_often_it_is_asked_for() -> None:
    one, ids = answered()
    session = session_of(one)
    kept = session.kept_answer(ids[1])
    assert kept is not None
    for _ in range(3):
        session.repeat_answer(ids[1])
    assert session.take_due(START) == [
        Item(
            body=kept.body,
            content_related=True,
            keep=True,
            about=kept.about,
            remainder=1,
            numbered=(kept.msg_id, kept.seq_no),
            again=True,
        )
    ]
    assert session.take_due(START) == []


def test_an_answer_acknowledges_its_query() -> None:
    session = make().open(temporary_record(), 1)
    session.session.acks.add(4, START)
    session.answer(4, QUERY)
    assert len(session.session.acks) == 0


def test_a_new_stream_brings_everything_again_once() -> None:
    one, ids = answered()
    session = session_of(one)
    session.resend = True
    assert len([item for item in session.take_due(START) if isinstance(item.about, AnswerTo)]) == len(ids)
    assert session.take_due(START) == []


def test_what_waits_to_leave_counts_as_unacknowledged() -> None:
    session = make(unacknowledged=2).open(temporary_record(), 1)
    session.session.sent.keep(Message(msg_id=1, seq_no=1, body=QUERY, about=AnswerTo(4)))
    session.answer(8, QUERY)
    assert session.answer_kept(4)
    session.answer(12, QUERY)
    assert [session.answer_kept(each) for each in (4, 8, 12)] == [False, True, True]


def test_replies_that_the_client_does_not_read_have_an_end() -> None:
    """20,000 pings from a client that reads nothing would make 20,000 pongs wait."""
    session = make(container_messages=2).open(temporary_record(), 7)
    for _ in range(9):
        session.say(Item(body=QUERY, content_related=False))
    assert len(session.outbox) == 4
    session.answer(8, QUERY)
    assert session.answer_kept(8), "answers are not replies of that kind"


def test_a_repr_shows_no_update() -> None:
    assert "secret" not in repr(Update(b"secret!!"))
    assert "secret" not in repr(Item(body=QUERY, content_related=True, about=Update(b"secret!!")))


def test_where_too_much_stays_the_oldest_is_forgotten() -> None:
    one, ids = answered(limit=3)
    session = session_of(one)
    assert [session.answer_kept(msg_id) for msg_id in ids] == [False, True, True, True]


def test_what_nobody_acknowledges_is_kept_for_ten_minutes() -> None:
    """A server may forget it then."""
    one, ids = answered()
    one.line.lose()
    one.world.pass_time(599)
    one.line = one.world.dial()
    one.say(Ping(ping_id=1))
    assert len(one.results()) == 2 * len(ids)
    one.line.lose()
    one.world.pass_time(2)
    one.line = one.world.dial()
    one.say(Ping(ping_id=2))
    assert len(one.results()) == 2 * len(ids)
    assert not any(session_of(one).answer_kept(msg_id) for msg_id in ids)


def test_what_is_asked_for_is_repeated_however_old_it_is() -> None:
    one = Puppet(World().dial())
    message = one.hold(QUERY)
    one.contain(message)
    one.line.link.send_result(one.line.told(CallReceived)[0], QUERY, one.world.now)
    one.line.run()
    one.line.lose()
    one.world.pass_time(700)
    one.line = one.world.dial()
    one.repeat(message)
    assert one.results(message.msg_id) == [QUERY, QUERY]


def test_what_is_not_acknowledged_leaves_again_on_a_new_stream() -> None:
    one, ids = answered()
    sent = {each.msg_id: each.body for each in one.heard() if each.seq_no % 2}
    one.line.lose()
    one.line = one.world.dial()
    one.say(Ping(ping_id=1))
    again = [each for each in one.line.heard if each.msg_id in sent]
    assert {each.msg_id: each.body for each in again} == sent
    assert all(each.container is not None for each in again)
    assert len(sent) == len(ids) + 1, "the answers, and new_session_created"
    assert len(one.heard(NewSessionCreated)) == 2, "the same one twice"
