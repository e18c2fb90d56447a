"""API queries on a server: who may call what, and how the owner gets it."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest

from kit.puppet import Puppet, World, permanent_record, temporary_record
from mtproto_bind import UNAVAILABLE, CallReceived, Check, ConnectionClosed, KeyNeeded, Limits, LocalProtocolError, RpcError
from mtproto_bind._tl import (
    GzipPacked,
    HelpGetConfig,
    HelpGetNearestDc,
    InitConnection,
    InvokeAfterMsg,
    InvokeWithLayer,
    InvokeWithoutUpdates,
    MsgsAck,
    Ping,
    pack,
)

QUERY = bytes.fromhex("2d7a1f0e00000000")
NAMES = dict.fromkeys(("device_model", "system_version", "app_version", "system_lang_code", "lang_pack", "lang_code"), b"x")
WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "bare": lambda query: query,
    "layer": lambda query: InvokeWithLayer(
        layer=1, query=InitConnection(api_id=1, proxy=None, params=None, query=query, **NAMES).to_bytes()
    ).to_bytes(),
    "gzip": lambda query: GzipPacked(packed_data=pack(query)).to_bytes(),
    "zlib": lambda query: GzipPacked(packed_data=zlib.compress(query)).to_bytes(),
    "without updates": lambda query: InvokeWithoutUpdates(query=query).to_bytes(),
    "after": lambda query: InvokeAfterMsg(msg_id=4, query=query).to_bytes(),
}
NOT_BOUND = RpcError(401, "AUTH_KEY_PERM_EMPTY").to_bytes()


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("query", [HelpGetConfig().to_bytes(), HelpGetNearestDc().to_bytes(), QUERY])
def test_a_key_that_is_not_bound_calls_only_what_it_may(wrapper: str, query: bytes) -> None:
    one = Puppet(World(permanent_record(), temporary_record(bound=False)).dial(), temporary_record(bound=False))
    msg_id = one.say(WRAPPERS[wrapper](query))
    received = [event.body for event in one.line.told(CallReceived)]
    if query == QUERY:
        assert received == []
        assert one.results(msg_id) == [NOT_BOUND]
    else:
        assert received == [query]
        assert one.results(msg_id) == []
    assert not one.line.told(ConnectionClosed)


@pytest.mark.parametrize("record", [permanent_record(), temporary_record()])
def test_other_keys_call_anything(record: object) -> None:
    one = Puppet(World().dial(), record)  # type: ignore[arg-type]  # a StoredKey
    msg_id = one.say(WRAPPERS["layer"](WRAPPERS["without updates"](QUERY)))
    [call] = one.line.told(CallReceived)
    assert (call.body, call.layer, call.updates, call.msg_id) == (QUERY, 1, False, msg_id)
    assert (call.key_id, call.session_id) == (one.record.key.id, one.session_id)


@pytest.mark.parametrize(
    "body",
    [
        bytes.fromhex("0d0d9bda"),
        GzipPacked(packed_data=b"not packed at all").to_bytes(),
        GzipPacked(packed_data=pack(bytes(2000))).to_bytes(),
        bytes.fromhex("052ad4cd00000000"),
    ],
)
def test_a_query_that_cannot_be_read_is_an_error_of_its_own(body: bytes) -> None:
    """What stands around it was in order: the stream goes on."""
    one = Puppet(World(limits=Limits(unpacked=1000)).dial())
    msg_id = one.say(body)
    assert one.results(msg_id) == [RpcError(400, "INPUT_FETCH_ERROR").to_bytes()]
    assert one.line.told(CallReceived) == []
    after = one.say(QUERY)
    assert [call.msg_id for call in one.line.told(CallReceived)] == [after]


def test_so_many_unanswered_calls_and_no_more() -> None:
    one = Puppet(World(limits=Limits(unacknowledged=3)).dial())
    ids = [one.say(QUERY) for _ in range(4)]
    assert [call.msg_id for call in one.line.told(CallReceived)] == ids[:3]
    assert one.results(ids[3]) == [RpcError(420, "FLOOD_WAIT_1").to_bytes()]


def test_a_call_is_answered_once() -> None:
    one = Puppet(World().dial())
    msg_id = one.say(QUERY)
    [call] = one.line.told(CallReceived)
    one.line.link.send_error(call, 400, "BAD", one.world.now)
    one.line.run()
    assert one.results(msg_id) == [RpcError(400, "BAD").to_bytes()]
    with pytest.raises(LocalProtocolError, match="answered already"):
        one.line.link.send_result(call, QUERY, one.world.now)


def key_as_two_processes_see_it() -> Puppet:
    """This process remembers the key as it was made; another one has bound it meanwhile."""
    one = Puppet(World().dial())
    one.world.server.cache_key(temporary_record(bound=False))
    return one


def test_a_key_that_another_process_has_bound_is_bound() -> None:
    one = key_as_two_processes_see_it()
    msg_id = one.say(QUERY)
    assert [call.body for call in one.line.told(CallReceived)] == [QUERY]
    one.world.pass_time(11)
    assert one.heard(MsgsAck) == [MsgsAck(msg_ids=(msg_id,))]
    # and that is remembered
    one.world.hold = (KeyNeeded,)
    one.say(QUERY)
    assert len(one.line.told(CallReceived)) == 2


def test_a_key_that_the_owner_has_no_more_calls_nothing() -> None:
    """It is as if it had never been: so the client learns that it has to make another."""
    one = key_as_two_processes_see_it()
    one.world.hold = (KeyNeeded,)
    one.say(QUERY)
    one.line.answer(one.line.held[0], None)
    assert one.line.codes == [-404]
    [closed] = one.line.told(ConnectionClosed)
    assert closed.error.check is Check.KEY_KNOWN
    assert one.line.told(CallReceived) == []
    assert one.world.server.cached_key(one.record.key.id) is None
    assert len(one.world.server.sessions) == 0


def test_a_call_whose_stream_ends_while_the_owner_is_asked_may_come_again() -> None:
    one = key_as_two_processes_see_it()
    one.world.hold = (KeyNeeded,)
    message = one.hold(QUERY)
    one.contain(message)
    one.line.answer(one.line.held[0], UNAVAILABLE)
    assert one.line.told(ConnectionClosed) == [ConnectionClosed(error=None)]
    assert not one.heard(MsgsAck)
    one.world.hold = ()
    one.line = one.world.dial()
    one.repeat(message)
    assert [call.msg_id for call in one.line.told(CallReceived)] == [message.msg_id]


def test_a_query_whose_question_ended_with_its_stream_is_undecided_no_more() -> None:
    record = temporary_record(bound=False)
    one = Puppet(World(permanent_record(), record).dial(), record)
    one.say(Ping(ping_id=1))
    one.world.hold = (KeyNeeded,)
    one.say(QUERY)
    session = one.world.server.sessions.find(record.key.id, one.session_id)
    assert session is not None
    assert session.undecided == {one.sent[-1]}
    one.line.lose()
    assert session.undecided == set()


def test_a_query_that_was_answered_is_undecided_no_more() -> None:
    record = temporary_record(bound=False)
    one = Puppet(World(permanent_record(), record).dial(), record)
    msg_id = one.say(QUERY)
    session = one.world.server.sessions.find(record.key.id, one.session_id)
    assert session is not None
    assert one.results(msg_id) == [NOT_BOUND]
    assert session.undecided == set()
