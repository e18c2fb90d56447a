"""What acts is claimed first: what one process has taken, no other one runs."""

from __future__ import annotations

from typing import Any

import pytest

from kit.puppet import PERMANENT_KEY, SESSION, Line, Puppet, World, permanent_record, temporary_record
from mtproto_bind import UNAVAILABLE, CallClaimed, CallReceived, Check, ConnectionClosed, KeyBound, KeyNeeded, Limits
from mtproto_bind._bind.client import request_of
from mtproto_bind._tl import (
    BOOL_TRUE,
    BadMsgNotification,
    ContainedMessage,
    DestroySession,
    MsgsAck,
    MsgsStateInfo,
    MsgsStateReq,
    NewSessionCreated,
    Ping,
    write_container,
)
from mtproto_bind._wire import BindingRequest, seal_binding
from mtproto_bind.testing import CheapCrypto, Owner, SeededEntropy

QUERY = bytes.fromhex("2d7a1f0e00000000")
OTHER = bytes.fromhex("2d7a1f0e01000000")
PING = Ping(ping_id=7)


def processes(*records: Any, **settings: Any) -> tuple[World, World]:
    """Two servers of one owner."""
    owner = Owner()
    one, other = (World(*records, owner=owner, seed=bytes([number]), share_calls=True, **settings) for number in range(2))
    return one, other


def sealed_container(puppet: Puppet, *messages: ContainedMessage) -> bytes:
    """A container with these in it, as it goes into a frame."""
    return puppet.seal(ContainedMessage(*puppet.number(content_related=False), write_container(messages)))


def ran(*worlds: World) -> list[bytes]:
    """What was handed on, in all processes."""
    return [call.body for world in worlds for line in world.lines for call in line.told(CallReceived)]


def answer(line: Line, result: bytes = b"done") -> None:
    line.link.send_result(line.told(CallReceived)[-1], result, line.world.now)
    line.run()


def test_a_call_is_asked_about_before_it_is_handed_on() -> None:
    world, _ = processes()
    world.hold = (CallClaimed,)
    puppet = Puppet(world.dial())
    msg_id = puppet.say(QUERY)
    [question] = puppet.line.held
    assert (question.key_id, question.session_id, question.msg_id) == (puppet.record.key.id, SESSION, msg_id)
    assert ran(world) == []
    assert not puppet.line.link.wants_data
    puppet.line.answer(question, True)
    assert ran(world) == [QUERY]
    world.pass_time(11)
    assert puppet.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]
    answer(puppet.line)
    assert puppet.results(msg_id) == [b"done"]


def test_nobody_is_asked_where_calls_are_not_shared() -> None:
    world = World()
    world.hold = (CallClaimed, KeyNeeded)
    world.server.cache_key(temporary_record())
    Puppet(world.dial()).say(QUERY)
    assert ran(world) == [QUERY]


def test_a_captured_message_does_not_run_on_another_process() -> None:
    """Nor does it bring anything to whoever sends it: no answer, no acknowledgement, no word of the call."""
    one, other = processes()
    puppet = Puppet(one.dial())
    frame = puppet.seal(puppet.hold(QUERY))
    puppet.line.frame(frame)
    thief = other.dial()
    thief.frame(frame)
    other.pass_time(60)
    assert ran(one, other) == [QUERY]
    assert [type(each.thing) for each in thief.heard] == [NewSessionCreated]
    assert thief.link.status.dropped == {Check.MSG_ID_SEEN: 1}
    answer(puppet.line)
    assert puppet.heard()[-1].thing.result == b"done"


def test_a_copy_that_is_faster_runs_and_the_original_does_not() -> None:
    one, other = processes()
    puppet = Puppet(one.dial())
    message = puppet.hold(QUERY)
    other.dial().frame(puppet.seal(message))
    puppet.line.frame(puppet.seal(message))
    assert ran(one, other) == [QUERY]
    # the client asks, and is told as much as is known
    puppet.say(MsgsStateReq(msg_ids=(message.msg_id,)))
    assert puppet.heard(MsgsStateInfo)[-1].info == b"\x04"
    puppet.repeat(message)
    assert [(bad.bad_msg_id, bad.error_code) for bad in puppet.heard(BadMsgNotification)] == [(message.msg_id, 20)]


def test_what_is_sent_again_to_another_process_is_not_known_there() -> None:
    """Its client learns at once that nobody can tell, and not after a minute of waiting."""
    one, other = processes()
    puppet = Puppet(one.dial())
    message = puppet.hold(QUERY)
    puppet.line.frame(puppet.seal(message))
    line = other.dial()
    line.frame(sealed_container(puppet, message))
    [told] = [each.thing for each in line.heard if isinstance(each.thing, BadMsgNotification)]
    assert (told.bad_msg_id, told.bad_msg_seqno, told.error_code) == (message.msg_id, message.seqno, 20)
    assert ran(one, other) == [QUERY]
    # and once more when it comes once more
    line.frame(sealed_container(puppet, message))
    assert [each.thing.error_code for each in line.heard if isinstance(each.thing, BadMsgNotification)] == [20, 20]


def test_a_container_asks_for_one_call_after_another_and_runs_what_is_left() -> None:
    one, other = processes()
    puppet = Puppet(one.dial())
    first, second, third = puppet.hold(QUERY), puppet.hold(OTHER), puppet.hold(QUERY)
    puppet.line.frame(puppet.seal(second))
    other.hold = (CallClaimed,)
    line = other.dial()
    line.frame(sealed_container(puppet, first, second, third))
    asked = []
    while line.link.open_questions:
        [question] = line.link.open_questions
        asked.append(question.msg_id)
        line.answer(question, other.owner.answer(question))
    assert asked == [first.msg_id, second.msg_id, third.msg_id]
    assert [call.msg_id for call in line.told(CallReceived)] == [first.msg_id, third.msg_id]
    assert [each.thing.bad_msg_id for each in line.heard if isinstance(each.thing, BadMsgNotification)] == [second.msg_id]


def test_a_store_that_fails_costs_the_stream_and_nothing_else() -> None:
    """Even if it had written the claim down before it failed: the session that asked is told again that it is its own."""
    world, _ = processes()
    world.hold = (CallClaimed,)
    puppet = Puppet(world.dial())
    message = puppet.hold(QUERY)
    puppet.line.frame(puppet.seal(message))
    [question] = puppet.line.held
    assert world.owner.answer(question) is True
    puppet.line.answer(question, UNAVAILABLE)
    assert puppet.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert puppet.line.codes == []
    assert not puppet.heard(MsgsAck)
    world.hold = ()
    puppet.line = world.dial()
    puppet.repeat(message)
    assert ran(world) == [QUERY]


def test_a_session_that_was_forgotten_takes_a_copy_for_new_and_still_does_not_run_it() -> None:
    world, _ = processes(limits=Limits(sessions=1))
    puppet = Puppet(world.dial())
    frame = puppet.seal(puppet.hold(QUERY))
    puppet.line.frame(frame)
    Puppet(world.dial(), session_id=1).say(PING)
    world.dial().frame(frame)
    assert ran(world) == [QUERY]


def test_a_session_that_ends_while_the_owner_is_asked_runs_nothing() -> None:
    world, _ = processes()
    puppet = Puppet(world.dial())
    world.hold = (CallClaimed,)
    puppet.say(QUERY)
    [question] = puppet.line.held
    Puppet(world.dial(), session_id=1).say(DestroySession(session_id=SESSION))
    puppet.line.answer(question, True)
    assert ran(world) == []


@pytest.mark.parametrize(("age", "runs"), [(535.0, [QUERY]), (545.0, [])])
def test_what_is_older_than_claims_are_kept_is_not_asked_about(age: float, runs: list[bytes]) -> None:
    """A client sends it again after many minutes of streams that say nothing; it may have run ten minutes ago."""
    world, _ = processes()
    puppet = Puppet(world.dial())
    message = puppet.hold(QUERY, ago=age)
    puppet.contain(message)
    assert ran(world) == runs
    assert [bad.error_code for bad in puppet.heard(BadMsgNotification)] == ([] if runs else [20])
    assert len(world.owner.claims) == len(runs)


# ---- keys that other processes change


def test_what_the_owner_said_of_a_key_is_believed_for_a_while() -> None:
    world, _ = processes()
    puppet = Puppet(world.dial())
    puppet.say(QUERY)
    world.hold = (KeyNeeded,)
    world.pass_time(9)
    puppet.say(QUERY)
    assert not puppet.line.held
    world.pass_time(2)
    puppet.say(QUERY)
    [question] = puppet.line.held
    assert ran(world) == [QUERY] * 2
    puppet.line.answer(question, world.owner.answer(question))
    assert ran(world) == [QUERY] * 3


def test_a_key_that_another_process_has_replaced_is_given_up_within_that_time() -> None:
    one, other = processes(permanent_record(), temporary_record(0), temporary_record(1, bound=False))
    old, new = Puppet(other.dial(), temporary_record(0)), Puppet(one.dial(), temporary_record(1))
    one.owner.bindings[PERMANENT_KEY.id, False] = old.record.key.id
    old.say(QUERY)
    new.line.frame(new.seal(binding(new)))
    assert one.lines[0].told(KeyBound)
    other.pass_time(11)
    refused = old.say(OTHER)
    assert ran(other) == [QUERY]
    assert len(old.results(refused)) == 1
    # its sessions end as they do where it was replaced
    assert other.server.sessions.find(old.record.key.id, SESSION) is not None
    other.pass_time(11)
    assert other.server.sessions.find(old.record.key.id, SESSION) is None


# ---- bindings


def binding(puppet: Puppet) -> ContainedMessage:
    """auth.bindTempAuthKey for the key of ``puppet``, under the next message id."""
    msg_id, seq_no = puppet.number()
    request = BindingRequest(
        perm_auth_key_id=PERMANENT_KEY.id,
        temp_auth_key_id=puppet.record.key.id,
        temp_session_id=puppet.session_id,
        nonce=5,
        msg_id=msg_id,
        expires_at=int(puppet.record.expires_at or 0),
    )
    sealed = seal_binding(request, PERMANENT_KEY, entropy=SeededEntropy(b"bind"), crypto=CheapCrypto())
    return ContainedMessage(msg_id, seq_no, request_of(request, sealed).to_bytes())


def two_keys() -> tuple[World, World]:
    return processes(permanent_record(), temporary_record(0, bound=False), temporary_record(1, bound=False))


def bound_to(world: World, name: int) -> int | None:
    return world.owner.keys[temporary_record(name).key.id].bound_to


def test_a_captured_binding_does_not_bring_back_a_key_that_was_replaced() -> None:
    one, other = two_keys()
    old, new = Puppet(one.dial(), temporary_record(0)), Puppet(one.dial(), temporary_record(1))
    frame = old.seal(binding(old))
    old.line.frame(frame)
    new.line.frame(new.seal(binding(new)))
    thief = other.dial()
    thief.frame(frame)
    assert (bound_to(one, 0), bound_to(one, 1)) == (None, PERMANENT_KEY.id)
    assert [type(each.thing) for each in thief.heard] == [NewSessionCreated]


def test_a_binding_that_another_process_has_made_is_made() -> None:
    """It ended before it could answer; the client sends the same again to the next one."""
    one, other = two_keys()
    puppet = Puppet(one.dial(), temporary_record(0))
    message = binding(puppet)
    puppet.line.frame(puppet.seal(message))
    line = other.dial()
    line.frame(sealed_container(puppet, message))
    assert [each.thing.result for each in line.heard if hasattr(each.thing, "result")] == [BOOL_TRUE]
    assert not line.told(KeyBound)


def test_a_binding_that_another_process_has_and_has_not_made_is_built_again() -> None:
    one, other = two_keys()
    puppet = Puppet(one.dial(), temporary_record(0))
    message = binding(puppet)
    one.owner.claims[puppet.record.key.id, SESSION, message.msg_id] = 1
    line = other.dial()
    line.frame(sealed_container(puppet, message))
    assert [each.thing.error_code for each in line.heard if isinstance(each.thing, BadMsgNotification)] == [20]
    line.frame(puppet.seal(binding(puppet)))
    assert bound_to(other, 0) == PERMANENT_KEY.id


def test_a_binding_under_a_key_that_is_gone_ends_like_any_other_message_under_it() -> None:
    one, other = two_keys()
    puppet = Puppet(one.dial(), temporary_record(0))
    message = binding(puppet)
    puppet.line.frame(puppet.seal(message))
    other.hold = (CallClaimed,)
    line = other.dial()
    line.frame(sealed_container(puppet, message))
    del other.owner.keys[puppet.record.key.id]
    line.answer(line.held[0], False)
    assert line.codes == [-404]


def test_a_binding_whose_stream_ends_while_its_key_is_looked_up_may_come_again() -> None:
    one, other = two_keys()
    puppet = Puppet(one.dial(), temporary_record(0))
    message = binding(puppet)
    puppet.line.frame(puppet.seal(message))
    line = other.dial()
    line.frame(puppet.seal(ContainedMessage(*puppet.number(content_related=False), PING.to_bytes())))
    other.hold = (KeyNeeded,)
    line.frame(sealed_container(puppet, message))
    line.answer(line.held[0], UNAVAILABLE)
    other.hold = ()
    line = other.dial()
    line.frame(sealed_container(puppet, message))
    assert [each.thing.result for each in line.heard if hasattr(each.thing, "result")] == [BOOL_TRUE]


def test_calls_under_permanent_keys_are_claimed_too() -> None:
    """Clients without forward secrecy have no other."""
    one, other = processes()
    puppet = Puppet(one.dial(), permanent_record())
    frame = puppet.seal(puppet.hold(QUERY))
    puppet.line.frame(frame)
    other.dial().frame(frame)
    assert ran(one, other) == [QUERY]
