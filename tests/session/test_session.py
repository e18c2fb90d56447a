"""A session from end to end: what is packed and sealed on one side is opened and unrolled on the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.sessions import BODIES, CRYPTO, NOW, PERMANENT_KEY, SESSION_ID, TEMPORARY_KEY, make_items, make_session
from kit.vectors import load
from mtproto_bind._crypto import AuthKey, Side
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import id_from_bytes, id_to_bytes
from mtproto_bind._limits import Limits, Timeouts
from mtproto_bind._session import Item, Session, unroll
from mtproto_bind.testing.entropy import ScriptedEntropy

SIDES = st.sampled_from(Side)


def other(side: Side) -> Side:
    return Side.SERVER if side is Side.CLIENT else Side.CLIENT


@given(SIDES, st.lists(BODIES, max_size=8), st.integers(1, 4), st.integers(0, 2**64 - 1))
def test_what_is_sealed_arrives(side: Side, bodies: list[bytes], count: int, salt: int) -> None:
    sender, receiver = (make_session(each, limits=Limits(container_messages=count)) for each in (side, other(side)))
    arrived: list[bytes] = []
    for frame in sender.seal(make_items(bodies, keep=True), salt=salt, server_time=NOW):
        assert frame[:8] == id_to_bytes(TEMPORARY_KEY.id)
        opened = receiver.open(frame)
        assert (opened.salt, opened.session_id) == (salt, SESSION_ID)
        arrived += [message.body for message in unroll(opened, receiver.limits).messages]
    assert arrived == bodies
    assert [message.body for message in sender.sent.all()] == bodies


@pytest.mark.parametrize("side", Side)
def test_nobody_takes_his_own_messages(side: Side) -> None:
    session = make_session(side)
    (frame,) = session.seal(make_items([b"body"]), salt=1, server_time=NOW)
    with pytest.raises(SecurityError) as caught:
        session.open(frame)
    assert caught.value.check is Check.MSG_KEY


def test_a_message_of_another_session() -> None:
    (frame,) = make_session(session_id=SESSION_ID + 1).seal(make_items([b"body"]), salt=1, server_time=NOW)
    with pytest.raises(SecurityError) as caught:
        make_session(Side.SERVER).open(frame)
    assert caught.value.check is Check.SESSION_ID


def test_reserved_numbers() -> None:
    session = make_session()
    reserved = session.reserve(NOW)
    later = session.reserve(NOW)
    assert [reserved[1], later[1]] == [1, 3]
    assert reserved[0] < later[0]
    assert session.reserve(NOW, 3)[0] % 4 == 3
    assert session.ids.last < session.reserve(NOW - 1000)[0]


def test_a_repr_shows_no_key() -> None:
    assert repr(make_session()) == f"<Session 0123456789abcdef under {TEMPORARY_KEY.id:016x}>"


def test_the_ceilings_are_those_of_the_configuration() -> None:
    session = Session(
        PERMANENT_KEY,
        1,
        Side.SERVER,
        crypto=CRYPTO,
        entropy=ScriptedEntropy([]),
        limits=Limits(doubles=7),
        timeouts=Timeouts(acknowledge=3.0),
    )
    assert (session.doubles.size, session.sent.memory, session.acks.delay) == (7, 7, 3.0)
    assert session.seal([], salt=1, server_time=NOW) == []


def run_session(side: Side, draws: list[bytes]) -> Session:
    """The session of the published run."""
    run = load("synthetic_full_run")[0]
    return Session(
        AuthKey(bytes.fromhex(run["temporary"]["auth_key"])),
        id_from_bytes(bytes.fromhex(run["bind"]["temp_session_id_wire"])),
        side,
        crypto=CRYPTO,
        entropy=ScriptedEntropy(draws),
        limits=Limits(),
        timeouts=Timeouts(),
    )


def test_the_request_of_the_published_run() -> None:
    run = load("synthetic_full_run")[0]
    bind, request = run["bind"], bytes.fromhex(run["bind"]["request"])
    plaintext = bytes.fromhex(bind["request_plaintext_v2"])
    padding = plaintext[32 + len(request) :]
    session = run_session(Side.CLIENT, [bytes([(len(padding) - 12) // 16]), padding])
    salt = id_from_bytes(bytes.fromhex(run["temporary"]["server_salt_wire_le"]))
    assert session.reserve(bind["msg_id"] / 2**32) == (bind["msg_id"], bind["request_seq_no"])
    item = Item(body=request, content_related=True, keep=True, numbered=(bind["msg_id"], bind["request_seq_no"]))
    (frame,) = session.seal([item], salt=salt, server_time=0.0)
    assert frame.hex() == bind["request_message"]
    opened = run_session(Side.SERVER, []).open(frame)
    assert (opened.msg_id, opened.seq_no, opened.body, opened.salt) == (bind["msg_id"], 1, request, salt)


@pytest.mark.parametrize("name", ["success_container", "encrypted_message_invalid", "bad_server_salt"])
def test_the_answers_of_the_published_run(name: str) -> None:
    answer = load("synthetic_full_run")[0]["answers"][name]
    unrolled = unroll(run_session(Side.CLIENT, []).open(bytes.fromhex(answer["message"])), Limits())
    expected = answer.get("inner", [answer])
    assert [(one.msg_id, one.seq_no, one.body.hex()) for one in unrolled.messages] == [
        (one["msg_id"], one["seq_no"], one["body"]) for one in expected
    ]
    assert unrolled.msg_id == answer.get("container_msg_id", answer.get("msg_id"))
