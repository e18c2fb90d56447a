"""Quick acknowledgements: https://core.telegram.org/mtproto/mtproto-transports#quick-ack."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from kit.puppet import CRYPTO, Puppet, World, permanent_record, temporary_record
from kit.vectors import load
from mtproto_bind import NEED_DATA, AuthKey, Framing, KeyNeeded, Limits, ServerConnection, Transport
from mtproto_bind._crypto import Side
from mtproto_bind._ground import id_from_bytes
from mtproto_bind._session import time_of
from mtproto_bind._tl import HANDSHAKE, ReqPQMulti
from mtproto_bind._wire import Stream, codec_for, key_id_of, open_sealed, pack_plain, unpack_plain
from mtproto_bind.testing import SeededEntropy

[VECTOR] = [entry for entry in load("messages_v2") if "quick_ack_token_wire" in entry]
MESSAGE = bytes.fromhex(VECTOR["message"])
TOKEN = bytes.fromhex(VECTOR["quick_ack_token_wire"])
"""The first four bytes of msg_key_large, whose last has its highest bit set already."""
WIRE = {
    Framing.ABRIDGED: TOKEN[::-1],
    Framing.INTERMEDIATE: TOKEN,
    Framing.PADDED: bytes.fromhex("08000000ffffffff") + TOKEN,
}
QUERY = bytes.fromhex("2d7a1f0e00000000")
TRANSPORTS = [Transport(framing, obfuscated=obfuscated) for framing in WIRE for obfuscated in (False, True)]


def world_of_the_vector() -> World:
    """A server that has the key of the vector, at the time of its message."""
    key = AuthKey(bytes.fromhex(VECTOR["auth_key"]))
    now = time_of(VECTOR["msg_id"])
    salt = id_from_bytes(bytes.fromhex(VECTOR["salt"]))
    world = World(evolve(permanent_record(), key=key, created_at=now, first_salt=salt))
    world.now = now
    return world


class Asking:
    """A client that asks for quick acknowledgements, and looks at the bytes of the server."""

    def __init__(self, world: World, transport: Transport) -> None:
        self.world = world
        self.link: ServerConnection = world.server.accept(Transport.detect(), "peer", world.now)
        self._stream = Stream(transport, server=False, limits=Limits(), entropy=SeededEntropy(b"asks"), crypto=CRYPTO)
        self._codec = codec_for(transport.framing, server=False, limit=1 << 20)

    def ask(self, payload: bytes, *, quick_ack: bool = True) -> bytes:
        """What the server writes, in clear, when ``payload`` comes."""
        self._stream._write(self._codec.encode(payload, quick_ack=quick_ack))
        self.link.receive_data(self._stream.data_to_send(), self.world.now)
        return self.written()

    def written(self) -> bytes:
        """What the server writes now, in clear; its questions are answered, unless they are held."""
        while (event := self.link.next_event()) is not NEED_DATA:
            if not isinstance(event, self.world.hold) and hasattr(event, "check"):
                self.link.answer(event, self.world.owner.answer(event), self.world.now)
        data = self.link.data_to_send(self.world.now)
        return self._stream._keystreams.incoming(data) if self._stream._keystreams else data


def describe(transport: Transport) -> str:
    return f"{transport.framing.value}{' obfuscated' * transport.obfuscated}"


@pytest.mark.parametrize("transport", TRANSPORTS, ids=describe)
def test_the_token_comes_first_in_every_framing(transport: Transport) -> None:
    world = world_of_the_vector()
    asking = Asking(world, transport)
    written = asking.ask(MESSAGE)
    token = WIRE[transport.framing]
    assert written.startswith(token)
    # the answers follow as usual
    rest = Stream(Transport(transport.framing), server=False, limits=Limits(), entropy=SeededEntropy(b"rest"), crypto=CRYPTO)
    rest.receive(written[len(token) :])
    answer = rest.next_frame()
    assert answer is not None
    key = next(iter(world.records.values())).key
    assert open_sealed(answer, key, Side.SERVER, CRYPTO).session_id == id_from_bytes(bytes.fromhex(VECTOR["session_id"]))


@pytest.mark.parametrize("transport", [*TRANSPORTS, Transport(Framing.FULL)], ids=describe)
def test_who_does_not_ask_gets_none(transport: Transport) -> None:
    written = Asking(world_of_the_vector(), transport).ask(MESSAGE, quick_ack=False)
    assert TOKEN not in written
    assert TOKEN[::-1] not in written
    assert written


def sealed(world: World) -> tuple[Puppet, bytes, bytes]:
    """A session, a message of it as it goes into a frame, and its token."""
    puppet = Puppet(world.dial())
    frame = puppet.seal(puppet.hold(QUERY))
    return puppet, frame, token_of(puppet, frame)


def token_of(puppet: Puppet, frame: bytes) -> bytes:
    return open_sealed(frame, puppet.record.key, Side.CLIENT, CRYPTO).quick_ack_token.to_bytes(4, "little")


def test_it_waits_until_the_key_is_known() -> None:
    world = World()
    world.hold = (KeyNeeded,)
    asking = Asking(world, Transport())
    _puppet, frame, token = sealed(world)
    assert asking.ask(frame) == b""
    [question] = asking.link.open_questions
    asking.link.answer(question, temporary_record(), world.now)
    assert asking.written().startswith(token)


@pytest.mark.parametrize("said", [{"salt": 1}, {"seq_no": 0}, {"ago": 400.0}, {"msg_id": 6}], ids=lambda said: next(iter(said)))
def test_a_refused_message_gets_none(said: dict[str, Any]) -> None:
    """bad_msg_notification or bad_server_salt says what became of it."""
    world = World()
    asking = Asking(world, Transport())
    puppet = Puppet(world.dial())
    salt = said.pop("salt", None)
    frame = puppet.seal(puppet.hold(QUERY, **said), salt=salt)
    written = asking.ask(frame)
    assert written
    assert int.from_bytes(written[:4], "little") == len(written) - 4, "one sealed frame, and nothing else"
    assert key_id_of(written[4:]) == puppet.record.key.id


def test_what_cannot_be_opened_gets_none() -> None:
    world = World()
    _puppet, frame, _token = sealed(world)
    assert Asking(world, Transport()).ask(frame[:-1] + bytes([frame[-1] ^ 1])) == bytes.fromhex("040000006cfeffff")


def test_a_copy_gets_none() -> None:
    """Who has copied a message on its way learns nothing from it."""
    world = World()
    puppet, frame, _token = sealed(world)
    puppet.line.frame(frame)
    assert Asking(world, Transport()).ask(frame) == b""


def test_a_message_sent_again_in_a_new_container_gets_one() -> None:
    world = World()
    puppet = Puppet(world.dial())
    message = puppet.hold(QUERY)
    puppet.contain(message)
    frames: list[bytes] = []
    puppet.line.frame = lambda *payloads: frames.extend(payloads)  # type: ignore[method-assign]  # another line takes it
    puppet.repeat(message)
    assert Asking(world, Transport()).ask(frames[0]).startswith(token_of(puppet, frames[0]))


def test_a_handshake_gets_none() -> None:
    asking = Asking(World(), Transport())
    written = asking.ask(pack_plain(0, ReqPQMulti(nonce=bytes(16)).to_bytes()))
    assert int.from_bytes(written[:4], "little") == len(written) - 4
    assert HANDSHAKE.name_of(unpack_plain(written[4:])[1]) == "resPQ"


def test_full_frames_cannot_ask() -> None:
    """The highest bit of a length makes it one that nobody takes."""
    world = world_of_the_vector()
    link = world.server.accept(Transport(Framing.FULL), "peer", world.now)
    frame = codec_for(Framing.FULL, server=False, limit=1 << 20).encode(MESSAGE)
    link.receive_data(frame[:3] + bytes([frame[3] | 0x80]) + frame[4:], world.now)
    while link.next_event() is not NEED_DATA:
        pass
    assert link.status.closed
    assert TOKEN not in link.data_to_send(world.now)
