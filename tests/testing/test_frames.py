"""A tap on both ways of a stream."""

from __future__ import annotations

import pytest

from kit.pairs import make_pair
from mtproto_bind import AuthKey, Framing, KeyBound, Transport, default_crypto
from mtproto_bind._crypto import Side
from mtproto_bind._tl import MsgsAck, ReqPQMulti
from mtproto_bind._wire import encode_transport_error, pack_plain
from mtproto_bind.testing import Direction, Network
from mtproto_bind.testing.frames import Keyring, Tap
from mtproto_bind.testing.labels import Labels

CRYPTO = default_crypto()


class Kept(Network):
    """Keeps what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[Side, bytes]] = []

    def write(self, data: bytes, direction: Direction, stream: int, now: float) -> None:
        self.kept.append((Side.CLIENT if direction is Direction.TO_SERVER else Side.SERVER, data))
        super().write(data, direction, stream, now)


def heard(transport: Transport, tap: Tap, *, keys: bool = True) -> list[str]:
    """What a tap tells of a whole stream."""
    network = Kept()
    pair = make_pair(transport=transport, network=network)
    pair.run_until(KeyBound)
    pair.run(1)
    keyring = Keyring(Labels(), CRYPTO)
    for record in pair.owner.keys.values() if keys else ():
        keyring.add(record.key)
    return [line for side, data in network.kept for line in tap.read(side, data, keyring)]


TRANSPORTS = [
    *map(Transport, Framing),
    Transport(Framing.ABRIDGED, obfuscated=True),
    Transport(Framing.PADDED, obfuscated=True),
]


@pytest.mark.parametrize("transport", TRANSPORTS, ids=str)
def test_every_transport_is_read_along(transport: Transport) -> None:
    lines = heard(transport, Tap(Transport.detect(), CRYPTO))
    names = [line.split(" ", 1)[0] for line in lines]
    handshake = ["req_pq_multi", "resPQ", "req_DH_params", "server_DH_params_ok", "set_client_DH_params", "dh_gen_ok"]
    assert names[:13] == [*handshake, *handshake, "auth.bindTempAuthKey"]
    assert not any("unreadable" in line or "no frames" in line for line in lines)
    # the tap of a client's own side knows what was chosen
    assert heard(transport, Tap(transport, CRYPTO)) == lines


def test_what_is_sealed_stays_so_without_its_key() -> None:
    lines = heard(Transport(), Tap(Transport(), CRYPTO), keys=False)
    assert lines[12].startswith("sealed (under <key_id 1>, ")


@pytest.mark.parametrize(
    ("side", "frame", "text"),
    [
        (Side.SERVER, encode_transport_error(-404), "transport error -404"),
        (Side.SERVER, b"1234", "unreadable, 4 bytes: MalformedMessage"),
        (Side.SERVER, bytes(8) + b"12", "unreadable, 10 bytes: MalformedMessage"),
        (
            Side.CLIENT,
            pack_plain(4, MsgsAck(msg_ids=(1,)).to_bytes()),
            "msgs_ack msg_ids=[1] (in the clear, msg_id=0000000000000004, 40 bytes)",
        ),
        (
            Side.CLIENT,
            pack_plain(4, b"what"),
            "0x74616877 <payload 1, 4 bytes> (in the clear, msg_id=0000000000000004, 24 bytes)",
        ),
    ],
)
def test_frames(side: Side, frame: bytes, text: str) -> None:
    assert Keyring(Labels(), CRYPTO).tell(frame, side) == text


def test_a_forged_message_is_unreadable() -> None:
    keyring, key = Keyring(Labels(), CRYPTO), AuthKey(bytes(range(256)))
    keyring.add(key)
    assert keyring.tell(key.id.to_bytes(8, "little") + bytes(80), Side.SERVER) == "unreadable, 88 bytes: SecurityError"


def test_what_is_no_stream_is_told_once() -> None:
    tap, keyring = Tap(Transport.detect(), CRYPTO), Keyring(Labels(), CRYPTO)
    assert tap.read(Side.CLIENT, b"GET / HTTP/1.1\r\n", keyring) == ["no frames any more: SecurityError"]
    assert tap.read(Side.CLIENT, b"more", keyring) == []
    # nobody knows how the server speaks
    assert tap.read(Side.SERVER, b"\x01\0\0\0", keyring) == []


def test_pieces_and_ends() -> None:
    tap, keyring = Tap(Transport(), CRYPTO), Keyring(Labels(), CRYPTO)
    plain = pack_plain(4, ReqPQMulti(nonce=bytes(16)).to_bytes())
    data = Framing.INTERMEDIATE.tag + len(plain).to_bytes(4, "little") + plain
    assert [len(tap.read(Side.CLIENT, data[at : at + 1], keyring)) for at in range(len(data))] == [0] * (len(data) - 1) + [1]
    assert tap.read(Side.SERVER, b"\xff\xff\xff\x7f", keyring) == ["no frames any more: SecurityError"]
