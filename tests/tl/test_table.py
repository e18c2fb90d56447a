"""Constructors from lines: identifiers, values, and any bytes at all."""

from __future__ import annotations

import copy
import pickle

import pytest
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from kit.tl_values import crc_of, values
from kit.vectors import load
from mtproto_bind._errors import MalformedMessage, UnexpectedMessage
from mtproto_bind._tl import (
    API,
    HANDSHAKE,
    SERVICE,
    Constructor,
    ContainedMessage,
    FutureSalts,
    InputClientProxy,
    InvokeWithoutUpdates,
    MsgsAck,
    Ping,
    Pong,
    ResPQ,
    RpcAnswerUnknown,
    RpcResult,
    Schema,
    TLObject,
)
from mtproto_bind._tl.table import bare, boxed, constructor, parse_line

SCHEMAS = {"handshake": HANDSHAKE, "service": SERVICE, "api": API}
CONSTRUCTORS = [each for schema in SCHEMAS.values() for each in schema.constructors]
CLASSES = [cls for schema in SCHEMAS.values() for cls in schema.classes]
PING = Ping(0x0102030405060708)


@pytest.mark.parametrize("declared", CONSTRUCTORS, ids=lambda each: each.name)
def test_every_identifier_is_the_crc_of_its_line(declared: Constructor) -> None:
    # the identifier of this one was made of an older way to write the line
    line = declared.line.replace("vector<%Message>", "vector<message>")
    assert crc_of(line) == declared.id


def test_every_constructor_of_the_vectors_is_declared() -> None:
    declared = {each.name: each for each in CONSTRUCTORS}
    published = {entry["name"]: entry for entry in load("constructors")}
    # the last two: always bare, and in no table of the protocol
    for name in published.keys() - {"rsa_public_key", "error"}:
        assert declared[name].id == int(published[name]["id"], 16), name
        assert declared[name].line.replace("<%Message>", " message") == published[name]["line"]


def test_no_identifier_and_no_name_is_declared_twice() -> None:
    assert len({each.id for each in CONSTRUCTORS}) == len({each.name for each in CONSTRUCTORS}) == len(CONSTRUCTORS)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_is_written_is_read(cls: type[TLObject]) -> None:
    schema = next(schema for schema in SCHEMAS.values() if cls in schema.classes)

    @given(values(cls), st.binary(max_size=40))
    def check(value: TLObject, tail: bytes) -> None:
        encoded = value.to_bytes()
        assert len(encoded) % 4 == 0
        assert encoded[:4] == cls.constructor.id.to_bytes(4, "little")
        assert schema.read(encoded) == (value, len(encoded))
        assert schema.read_whole(encoded) == value
        assert schema.name_of(encoded) == cls.constructor.name
        # the object ends where it ends, whatever stands before and behind
        assert schema.read(b"before" + encoded + tail, 6, 6 + len(encoded)) == (value, 6 + len(encoded))
        assert hash(schema.read(encoded)[0]) == hash(value)

    check()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_is_cut_off_or_spoilt_is_a_value_or_an_error_of_ours(cls: type[TLObject]) -> None:
    schema = next(schema for schema in SCHEMAS.values() if cls in schema.classes)

    @given(values(cls), st.data())
    def check(value: TLObject, data: st.DataObject) -> None:
        encoded = bytearray(value.to_bytes())
        for _ in range(data.draw(st.integers(0, 3))):
            encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
        part = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
        try:
            found, end = schema.read(part)
        except (MalformedMessage, UnexpectedMessage):
            return
        assert end <= len(part)
        assert schema.read(found.to_bytes())[0] == found

    check()


@given(st.sampled_from(list(SCHEMAS.values())), st.binary(max_size=80), st.data())
def test_any_bytes_behind_any_identifier(schema: Schema, tail: bytes, data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([each.id for each in schema.constructors]) | st.integers(0, (1 << 32) - 1))
    try:
        found, end = schema.read(number.to_bytes(4, "little") + tail)
    except (MalformedMessage, UnexpectedMessage):
        return
    assert found.constructor.id == number
    assert 4 <= end <= 4 + len(tail)


def test_the_rest_of_a_message_is_the_callers_affair() -> None:
    assert HANDSHAKE.read(ResPQ(bytes(16), bytes(16), b"\x11", (1,)).to_bytes() + b"tail")[1] == 56
    with pytest.raises(MalformedMessage, match=r"1 bytes follow ping \(at byte 12\)"):
        SERVICE.read_whole(PING.to_bytes() + b"x")


@pytest.mark.parametrize(
    ("data", "got"),
    [
        ("00000000", "0x00000000"),
        ("44332211ffffffff", "0x11223344"),
        ("b5757299", "boolTrue"),
        ("dcf8f17300000000", "msg_container"),
    ],
)
def test_a_constructor_without_a_class(data: str, got: str) -> None:
    with pytest.raises(UnexpectedMessage, match=f"expected nothing, got {got}") as caught:
        SERVICE.read(bytes.fromhex(data))
    assert caught.value.got == got


@pytest.mark.parametrize("size", range(4))
def test_less_than_an_identifier(size: int) -> None:
    with pytest.raises(MalformedMessage):
        SERVICE.read(bytes(size))


def test_names() -> None:
    assert SERVICE.name_of(b"...." + PING.to_bytes(), 4) == "ping"
    assert SERVICE.name_of(PING.to_bytes()[:3]) is None
    assert SERVICE.name_of(b"") is None
    assert HANDSHAKE.name_of(PING.to_bytes()) is None
    # an identifier that ends in a zero byte is not known by three bytes
    zeros = Schema((), rows=("zeros#00414243 = Zeros",))
    assert zeros.name_of(b"CBA\0") == "zeros"
    assert zeros.name_of(b"CBA") is None


def test_values() -> None:
    again = Ping(ping_id=PING.ping_id)
    assert again == PING
    assert hash(again) == hash(PING)
    assert Ping(1) != PING
    # the same fields, another constructor
    assert Pong(1, 2) != (1, 2)
    assert MsgsAck((1,)) != Schema.read(API, bytes.fromhex("88a1488e15c4b51c010000000100000000000000"))[0]
    assert PING.evolve(ping_id=1) == Ping(1)
    assert {PING, again, RpcAnswerUnknown(), RpcAnswerUnknown()} == {PING, RpcAnswerUnknown()}
    assert copy.copy(PING) == copy.deepcopy(PING) == pickle.loads(pickle.dumps(PING)) == PING
    match PING:
        case Ping(number):
            assert number == 0x0102030405060708


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        PING.ping_id = 1  # type: ignore[misc]  # that it cannot is what is tested
    with pytest.raises(FrozenInstanceError):
        del PING.ping_id


@pytest.mark.parametrize(("args", "named"), [((), {}), ((1, 2), {}), ((1,), {"ping_id": 1}), ((), {"pong_id": 1})])
def test_arguments_that_do_not_fit(args: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Ping takes ping_id"):
        Ping(*args, **named)


def test_arguments_where_there_are_none() -> None:
    with pytest.raises(TypeError, match="RpcAnswerUnknown takes nothing"):
        RpcAnswerUnknown(1)  # type: ignore[call-arg]  # refused by type checkers too


def test_a_repr_shows_short_bytes_and_the_length_of_others() -> None:
    assert repr(ResPQ(bytes(16), b"\xab" * 16, b"", (1, 2))) == (
        f"ResPQ(nonce={'00' * 16}, server_nonce={'ab' * 16}, pq=<0 bytes>, server_public_key_fingerprints=(1, 2))"
    )
    assert "info=<33 bytes>" in repr(SERVICE.read(bytes.fromhex("7db5de04") + bytes(8) + b"\x21" + bytes(35))[0])


def test_a_repr_shows_up_to_32_bytes() -> None:
    assert repr(InputClientProxy(b"x", 1)) == "InputClientProxy(address=78, port=1)"
    assert repr(InputClientProxy(b"x" * 32, 1)) == f"InputClientProxy(address={'78' * 32}, port=1)"
    assert repr(InputClientProxy(b"x" * 33, 1)) == "InputClientProxy(address=<33 bytes>, port=1)"


def test_a_repr_does_not_show_what_belongs_to_another_layer() -> None:
    assert repr(RpcResult(1, b"code")) == "RpcResult(req_msg_id=1, result=<4 bytes>)"
    assert repr(InvokeWithoutUpdates(b"code")) == "InvokeWithoutUpdates(query=<4 bytes>)"
    assert repr(ContainedMessage(4, 1, b"code")) == "ContainedMessage(msg_id=4, seqno=1, body=<4 bytes>)"


def test_a_line_is_taken_apart() -> None:
    parsed = parse_line("a.b#0000000f {X:Type} flags:# bytes:flags.3?bytes query:!X = X")
    assert (parsed.name, parsed.id) == ("a.b", 15)
    assert [(each.name, each.type, each.flag) for each in parsed.fields] == [
        ("flags", "#", None),
        ("length", "bytes", 3),
        ("query", "!X", None),
    ]


def test_a_class_must_have_the_fields_of_its_line() -> None:
    with pytest.raises(TypeError, match="Wrong does not declare the fields a, b"):

        @constructor("wrong#00000000 a:int b:int = Wrong")
        class Wrong(TLObject):
            b: int
            a: int


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if cls is not FutureSalts], ids=lambda cls: cls.__name__)
def test_the_fewest_bytes_of_an_object(cls: type[TLObject]) -> None:
    # nothing in it but zeros, empty strings and empty vectors, and no optional field
    empty = {"int": 0, "long": 0, "int128": bytes(16), "int256": bytes(32), "Vector<long>": ()}
    fields = (each for each in cls.constructor.fields if each.type != "#")
    smallest = cls(*(None if each.flag is not None else empty.get(each.type, b"") for each in fields))
    assert bare(cls).smallest == len(smallest.to_bytes()) - 4
    assert boxed(cls).smallest == len(smallest.to_bytes())


def test_the_fewest_bytes_of_an_object_with_a_bare_vector() -> None:
    assert boxed(FutureSalts).smallest == len(FutureSalts(0, 0, ()).to_bytes())
