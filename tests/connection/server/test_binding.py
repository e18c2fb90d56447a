"""auth.bindTempAuthKey on a server: found wherever it is, every field verified, one answer for every fault."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from kit.binders import ENDS, bind, hold_bind, request, unbound
from kit.puppet import KEYS, PERMANENT_KEY, START, Puppet, World, permanent_record, temporary_record
from mtproto_bind import (
    UNAVAILABLE,
    AuthKey,
    Binding,
    BindRequested,
    CallReceived,
    Check,
    ConnectionClosed,
    KeyBound,
    KeyNeeded,
    Limits,
    Question,
    RpcError,
)
from mtproto_bind._tl import (
    BOOL_TRUE,
    ContainedMessage,
    GetFutureSalts,
    GzipPacked,
    InitConnection,
    InvokeAfterMsg,
    InvokeWithLayer,
    InvokeWithoutUpdates,
    MsgsAck,
    PingDelayDisconnect,
    pack,
)
from mtproto_bind.testing import Owner

QUERY = bytes.fromhex("2d7a1f0e00000000")
INVALID = RpcError(400, "ENCRYPTED_MESSAGE_INVALID").to_bytes()
STRANGER = AuthKey(bytes(range(1, 256)) + b"\0")
NAMES = dict.fromkeys(("device_model", "system_version", "app_version", "system_lang_code", "lang_pack", "lang_code"), b"x")


def test_bound() -> None:
    one = unbound()
    assert bind(one) == BOOL_TRUE
    told = KeyBound(key_id=one.record.key.id, permanent_key_id=PERMANENT_KEY.id, expires_at=ENDS)
    assert one.line.told(KeyBound) == [told]
    assert one.world.owner.keys[one.record.key.id].bound_to == PERMANENT_KEY.id
    one.say(QUERY)
    assert len(one.line.told(CallReceived)) == 1


def test_bound_again_is_bound() -> None:
    one = unbound()
    assert [bind(one) for _ in range(3)] == [BOOL_TRUE] * 3
    # also for a key that another process has bound
    other = Puppet(World(permanent_record(), temporary_record()).dial())
    assert bind(other) == BOOL_TRUE


def test_the_permanent_key_is_asked_for_once() -> None:
    one = unbound()
    one.world.server.cache_key(one.record)
    one.world.hold = (KeyNeeded,)
    message = hold_bind(one)
    one.line.frame(one.seal(message))
    [question] = one.line.held
    assert question.key_id == PERMANENT_KEY.id
    one.line.answer(question, permanent_record())
    assert bind(one) == BOOL_TRUE
    assert one.line.held == [question]


WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda query: query,
    "gzip": lambda query: GzipPacked(packed_data=pack(query)).to_bytes(),
    "zlib": lambda query: GzipPacked(packed_data=zlib.compress(query)).to_bytes(),
    "without updates": lambda query: InvokeWithoutUpdates(query=query).to_bytes(),
    "after": lambda query: InvokeAfterMsg(msg_id=4, query=query).to_bytes(),
    "TDLib's": lambda query: InvokeWithLayer(
        layer=200,
        query=InitConnection(
            api_id=1,
            proxy=None,
            params=None,
            query=GzipPacked(packed_data=zlib.compress(query)).to_bytes(),
            **NAMES,
        ).to_bytes(),
    ).to_bytes(),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("contained", [False, True])
def test_found_where_it_is(wrapper: str, contained: bool) -> None:
    """M is the id of the message that holds it, never that of the container around that."""
    one = unbound()
    msg_id, seq_no = one.number()
    message = ContainedMessage(msg_id, seq_no, WRAPPERS[wrapper](request(one, msg_id)))
    if contained:
        beside = (one.hold(GetFutureSalts(num=2)), one.hold(PingDelayDisconnect(ping_id=1, disconnect_delay=75)))
        one.contain(message, *beside)
    else:
        one.line.frame(one.seal(message))
    assert one.results(msg_id) == [BOOL_TRUE]


OTHER = 12345


@pytest.mark.parametrize(
    "inner",
    [
        {"temp_auth_key_id": OTHER},
        {"temp_session_id": OTHER},
        {"nonce": OTHER},
        {"msg_id": OTHER},
        {"expires_at": ENDS - 1},
        {"key": STRANGER},
    ],
    ids=lambda inner: next(iter(inner)),
)
def test_every_field_inside_has_to_agree(inner: dict[str, Any]) -> None:
    one = unbound()
    assert bind(one, **inner) == INVALID
    assert not one.line.told(KeyBound)
    assert one.world.owner.keys[one.record.key.id].bound_to is None


@pytest.mark.parametrize(
    "outer",
    [
        {"perm_auth_key_id": OTHER},
        {"nonce": OTHER},
        {"expires_at": ENDS - 1},
        {"encrypted_message": b""},
        {"encrypted_message": bytes(104)},
        {"encrypted_message": bytes(108)},
        {"encrypted_message": PERMANENT_KEY.id.to_bytes(8, "little") + bytes(96)},
    ],
    ids=lambda outer: next(iter(outer)),
)
def test_and_with_what_stands_outside(outer: dict[str, Any]) -> None:
    one = unbound()
    assert bind(one, outer=outer) == INVALID
    assert not one.line.told(KeyBound)


def test_a_temporary_key_is_no_permanent_one() -> None:
    one = unbound()
    one.world.owner.keys[KEYS[1].id] = temporary_record(1)
    assert bind(one, key=KEYS[1]) == INVALID


def test_a_captured_binding_is_of_no_use_elsewhere() -> None:
    one = unbound()
    msg_id = one.number()[0]
    captured = request(one, msg_id)
    thief = Puppet(one.line, one.record, session_id=666)
    thief.say(captured, msg_id=msg_id)
    assert thief.results(msg_id) == [INVALID]


@pytest.mark.parametrize(
    ("expires_at", "answer"),
    [
        (ENDS, BOOL_TRUE),
        (ENDS - 3600, BOOL_TRUE),
        (ENDS + 60, BOOL_TRUE),
        (ENDS + 61, RpcError(400, "EXPIRES_AT_INVALID").to_bytes()),
        (int(START), RpcError(400, "EXPIRES_AT_INVALID").to_bytes()),
        (int(START) + 1, BOOL_TRUE),
    ],
)
def test_the_end_has_to_be_to_come_and_not_too_late(expires_at: int, answer: bytes) -> None:
    assert bind(unbound(), outer={"expires_at": expires_at}, expires_at=expires_at) == answer


def test_under_a_permanent_key() -> None:
    one = Puppet(World().dial(), permanent_record())
    assert bind(one) == RpcError(400, "TEMP_AUTH_KEY_EMPTY").to_bytes()


def test_a_key_of_another() -> None:
    one = unbound()
    assert bind(one) == BOOL_TRUE
    one.world.owner.keys[STRANGER.id] = evolve(permanent_record(), key=STRANGER)
    assert bind(one, key=STRANGER) == RpcError(400, "TEMP_AUTH_KEY_ALREADY_BOUND").to_bytes()
    assert one.world.owner.keys[one.record.key.id].bound_to == PERMANENT_KEY.id


def test_a_new_binding_frees_the_old_key_at_once() -> None:
    first, second = temporary_record(0, bound=False), temporary_record(1, bound=False)
    line = World(permanent_record(), first, second).dial()
    old, new = Puppet(line, first), Puppet(line, second)
    assert bind(old) == BOOL_TRUE
    old.say(QUERY)
    [call] = line.told(CallReceived)
    assert bind(new) == BOOL_TRUE
    # the old key calls nothing any more, but what it waits for still comes
    refused = old.say(QUERY)
    assert old.results(refused) == [RpcError(401, "AUTH_KEY_PERM_EMPTY").to_bytes()]
    line.link.send_result(call, QUERY, old.world.now)
    line.run()
    assert old.results(call.msg_id) == [QUERY]
    assert old.world.server.sessions.find(first.key.id, old.session_id) is not None
    old.world.pass_time(11)
    assert old.world.server.sessions.find(first.key.id, old.session_id) is None
    assert old.world.server.sessions.find(second.key.id, new.session_id) is not None


def test_media_keys_stand_beside_the_others() -> None:
    first, media = temporary_record(0, bound=False), temporary_record(1, bound=False, media=True)
    line = World(permanent_record(), first, media).dial()
    one, other = Puppet(line, first), Puppet(line, media)
    assert (bind(one), bind(other)) == (BOOL_TRUE, BOOL_TRUE)
    for each in (one, other):
        each.say(QUERY)
    assert len(line.told(CallReceived)) == 2


class Refusing(Owner):
    """Binds nothing."""

    def answer(self, question: Question[Any]) -> Any:
        return Binding.REFUSED if isinstance(question, BindRequested) else super().answer(question)


def test_the_owner_has_the_last_word() -> None:
    one = unbound(owner=Refusing())
    assert bind(one) == INVALID
    assert not one.line.told(KeyBound)


@pytest.mark.parametrize(("owner", "outer"), [(Refusing(), {}), (Owner(), {"nonce": 5})], ids=["by the owner", "for a fault"])
def test_refused_again_and_again_the_stream_ends(owner: Owner, outer: dict[str, Any]) -> None:
    """Telegram Desktop binds thousands of times in seconds otherwise."""
    one = unbound(owner=owner)
    answers = [bind(one, outer=outer) for _ in range(4)]
    assert not one.line.told(ConnectionClosed)
    answers.append(bind(one, outer=outer))
    assert answers == [INVALID] * 5, "the last answer leaves too"
    assert len(one.line.told(ConnectionClosed)) == 1
    assert one.line.codes == []


def test_a_binding_whose_stream_ended_meanwhile_may_come_again() -> None:
    """The owner was asked and did not answer in time: the same request on a new stream is taken as if it were the first."""
    for held in (BindRequested, KeyNeeded):
        one = unbound()
        one.world.server.cache_key(one.record)
        one.world.hold = (held,)
        msg_id, seq_no = one.number()
        message = ContainedMessage(msg_id, seq_no, request(one, msg_id))
        one.line.frame(one.seal(message))
        assert [type(question) for question in one.line.held] == [held]
        one.line.lose()
        one.world.hold = ()
        one.line = one.world.dial()
        one.repeat(message)
        assert one.results(msg_id) == [BOOL_TRUE]


@pytest.mark.parametrize("held", [BindRequested, KeyNeeded])
def test_a_store_that_fails_leaves_the_binding_unsaid(held: type[Question[Any]]) -> None:
    """Not even an acknowledgement leaves: the client would not send it again."""
    one = unbound()
    one.say(GetFutureSalts(num=1))
    one.world.hold = (held,)
    message = hold_bind(one)
    one.contain(message)
    one.world.server.send_update(one.record.key.id, one.session_id, QUERY, START)
    one.line.run()
    before = len(one.heard())
    assert one.heard()[-1].body == QUERY, "there would have been company"
    one.line.answer(one.line.held[0], UNAVAILABLE)
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert one.line.codes == []
    assert len(one.heard()) == before
    assert not one.heard(MsgsAck)
    one.world.hold = ()
    one.line = one.world.dial()
    one.repeat(message)
    assert one.results(message.msg_id) == [BOOL_TRUE]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_double_of_an_answered_binding_gets_the_answer_again(elsewhere: bool) -> None:
    one = unbound()
    message = hold_bind(one)
    one.contain(message)
    if elsewhere:
        one.line.lose()
        one.line = one.world.dial()
    one.repeat(message)
    assert one.results(message.msg_id) == [BOOL_TRUE] * 2
    assert sum(len(line.told(KeyBound)) for line in one.world.lines) == 1


def test_calls_behind_the_binding_may_be_anything() -> None:
    """They wait for it, even where the owner takes his time; those before it are refused."""
    one = unbound()
    one.world.hold = (BindRequested,)
    early, message, late = one.hold(QUERY), hold_bind(one), one.hold(QUERY)
    one.contain(early, message, late)
    [question] = one.line.held
    assert one.line.told(CallReceived) == []
    one.line.answer(question, one.world.owner.answer(question))
    assert [call.msg_id for call in one.line.told(CallReceived)] == [late.msg_id]
    assert one.results(early.msg_id) == [RpcError(401, "AUTH_KEY_PERM_EMPTY").to_bytes()]


def test_bound_to_another_key_while_the_owner_is_asked() -> None:
    one = unbound()
    one.world.owner.keys[STRANGER.id] = evolve(permanent_record(), key=STRANGER)
    one.world.hold = (KeyNeeded,)
    one.world.server.cache_key(one.record)
    slow = hold_bind(one, key=STRANGER)
    one.line.frame(one.seal(slow))
    line, one.line = one.line, one.world.dial()
    one.world.hold = ()
    assert bind(one) == BOOL_TRUE
    line.answer(line.held[0], one.world.owner.keys[STRANGER.id])
    one.line.run()
    assert one.results(slow.msg_id) == [RpcError(400, "TEMP_AUTH_KEY_ALREADY_BOUND").to_bytes()]


def test_a_key_that_leaves_the_cache_meanwhile_is_bound_all_the_same() -> None:
    one = unbound(limits=Limits(keys=1))
    first, second = hold_bind(one), hold_bind(one)
    one.contain(first, second)
    assert one.results() == [BOOL_TRUE] * 2
    one.say(QUERY)
    assert len(one.line.told(CallReceived)) == 1


def test_a_key_in_use_again_before_its_time_was_over_keeps_its_sessions() -> None:
    records = [temporary_record(name, bound=False) for name in range(2)]
    line = World(permanent_record(), *records).dial()
    one, other = (Puppet(line, record) for record in records)
    assert [bind(each) for each in (one, other, one)] == [BOOL_TRUE] * 3
    line.world.pass_time(11)
    sessions = line.world.server.sessions
    assert sessions.find(one.record.key.id, one.session_id) is not None
    assert sessions.find(other.record.key.id, other.session_id) is None


def test_refusals_are_all_alike() -> None:
    """Nobody learns which field was wrong: the same messages of the same lengths."""
    ways: list[dict[str, Any]] = [{"nonce": OTHER}, {"temp_session_id": OTHER}, {"key": STRANGER}, {"outer": {"nonce": OTHER}}]
    heard = []
    for way in ways:
        one = unbound()
        bind(one, **way)
        heard.append([(type(each.thing), len(each.body)) for each in one.heard()])
    assert heard == [heard[0]] * len(ways)


def test_the_owner_is_told_which_rule_was_broken_in_the_end() -> None:
    one = unbound(limits=Limits(bind_refusals=1))
    bind(one, temp_session_id=OTHER)
    [closed] = one.line.told(ConnectionClosed)
    assert closed.error.check is Check.BIND_SESSION
