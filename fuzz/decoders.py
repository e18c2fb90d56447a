"""Targets: every decoder and loader. Each takes any bytes, and may raise what it lists; anything else is a finding."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from reading import Orders, allowed

from mtproto_bind import (
    AuthKey,
    BindingRequest,
    ClientConnection,
    Framing,
    LocalProtocolError,
    MalformedMessage,
    PermanentKey,
    PrivateKey,
    PublicKey,
    SecurityError,
    Transport,
    UnexpectedMessage,
    default_crypto,
    open_binding,
)
from mtproto_bind._crypto import Side, aes_v1, aes_v2, msg_key_large_v2, msg_key_v1
from mtproto_bind._ground import Buffer, id_to_bytes
from mtproto_bind._handshake import ServerTools, thaw
from mtproto_bind._limits import Limits
from mtproto_bind._session import read_result, unroll
from mtproto_bind._tl import API, HANDSHAKE, SERVICE, Schema, read_container, unpack
from mtproto_bind._wire import ALL_FRAMINGS, Stream, codec_for, open_sealed, transport_error, unpack_plain
from mtproto_bind._wire.detection import detect
from mtproto_bind.testing import (
    Diverged,
    SeededEntropy,
    Transcript,
    describe,
    make_client_config,
    make_server_config,
    redact,
    replay,
)
from mtproto_bind_adapters.cli.console import Misuse
from mtproto_bind_adapters.cli.keyfile import KeyFile, read_private_key, read_public_key

CRYPTO = default_crypto()
KEY = AuthKey(bytes(range(256)))
LIMITS = Limits(frame=1 << 16, unpacked=1 << 16)


def require(condition: bool, text: str) -> None:
    """A promise that is broken is a finding too, under -O as well."""
    if not condition:
        raise RuntimeError(text)


@cache
def server_key() -> PrivateKey:
    """Any key."""
    return PrivateKey.from_pem((Path(__file__).parent / "server.pem").read_text(encoding="ascii"))


# ---- TL


def _read(schema: Schema, data: bytes) -> None:
    with allowed(MalformedMessage, UnexpectedMessage):
        value, end = schema.read(data)
        require(0 < end <= len(data), "read past the end")
        again, _end = schema.read(value.to_bytes())
        require(again == value and hash(again) == hash(value), f"{value} is written as {again}")
        require("\n" not in repr(value), "a repr of many lines")


def tl_handshake(data: bytes) -> None:
    """Messages of the handshake. MalformedMessage, UnexpectedMessage."""
    _read(HANDSHAKE, data)


def tl_service(data: bytes) -> None:
    """Service messages. MalformedMessage, UnexpectedMessage."""
    _read(SERVICE, data)


def tl_api(data: bytes) -> None:
    """The few methods of the API that are known. MalformedMessage, UnexpectedMessage."""
    _read(API, data)


def container(data: bytes) -> None:
    """Containers. SecurityError, MalformedMessage."""
    with allowed(SecurityError, MalformedMessage):
        held = read_container(data, limit=1024)
        require(held.to_bytes() == data, "a container is written in another way than it was read")


def packed(data: bytes) -> None:
    """gzip_packed, and results that may be packed. SecurityError, MalformedMessage."""
    with allowed(SecurityError, MalformedMessage):
        require(len(unpack(data, limit=LIMITS.unpacked)) <= LIMITS.unpacked, "more than the limit")
    with allowed(SecurityError, MalformedMessage):
        read_result(data, LIMITS)


# ---- the wire


def framing(data: bytes) -> None:
    """All framings, both roles, whole and byte by byte: the same frames. MalformedMessage, SecurityError."""
    # every cut of it is tried, and a long one finds no more than a short one
    data = data[:1000]
    for kind in Framing:
        for server in (False, True):
            require(
                _frames(kind, server, [data]) == _frames(kind, server, [data[at : at + 1] for at in range(len(data))]),
                f"{kind} depends on the cuts",
            )


def _frames(kind: Framing, server: bool, pieces: list[bytes]) -> list[bytes]:
    codec, buffer, frames = codec_for(kind, server=server, limit=LIMITS.frame), Buffer(), []
    with allowed(MalformedMessage, SecurityError):
        for piece in pieces:
            buffer.append(piece)
            while (frame := codec.decode(buffer)) is not None:
                frames.append(frame.payload)
                transport_error(frame.payload)
    return frames


def detection(data: bytes) -> None:
    """The beginning of a stream. SecurityError."""
    orders = Orders(data)
    choice = orders.number(4)
    transport = (
        Transport.detect(),
        Transport.detect(obfuscated_only=True),
        Transport.detect(ALL_FRAMINGS[:1]),
        Transport.detect(secrets=[bytes(16)]),
    )[choice]
    with allowed(SecurityError):
        detect(orders.take(64), transport)


def stream(data: bytes) -> None:
    """A whole stream of either role, obfuscated or not. SecurityError, MalformedMessage, LocalProtocolError."""
    orders = Orders(data)
    server = bool(orders.number(2))
    chosen = Transport(Framing.PADDED, obfuscated=True) if orders.number(2) else Transport()
    made = Stream(
        Transport.detect() if server else chosen, server=server, limits=LIMITS, entropy=SeededEntropy(b"1"), crypto=CRYPTO
    )
    with allowed(SecurityError, MalformedMessage, LocalProtocolError):
        while orders:
            made.receive(orders.piece())
            while made.next_frame() is not None:
                pass
            made.send(bytes(32))
            made.send_quick_ack(1 << 31)
        made.data_to_send()


def sealed(data: bytes) -> None:
    """Encrypted messages under a known key, and what they hold. SecurityError, MalformedMessage."""
    # as it came, and as the plaintext of a message that is sealed as it should be
    filled = data + bytes(max(-len(data) % 16, 48 - len(data)))
    for side in Side:
        msg_key = msg_key_large_v2(KEY, filled, side, CRYPTO)[8:24]
        proven = id_to_bytes(KEY.id) + msg_key + CRYPTO.ige_encrypt(filled, *aes_v2(KEY, msg_key, side, CRYPTO))
        for frame in (data, proven):
            with allowed(SecurityError, MalformedMessage):
                unroll(open_sealed(frame, KEY, side, CRYPTO), LIMITS)


def plain(data: bytes) -> None:
    """Messages in the clear. MalformedMessage, UnexpectedMessage."""
    with allowed(MalformedMessage, UnexpectedMessage):
        _msg_id, body = unpack_plain(data)
        HANDSHAKE.read(body)


def binding(data: bytes) -> None:
    """The message inside a binding, and what a vault is sent. SecurityError; ValueError."""
    filled = (data + bytes(80))[:80]
    msg_key = msg_key_v1(filled[:72], CRYPTO)
    proven = id_to_bytes(KEY.id) + msg_key + CRYPTO.ige_encrypt(filled, *aes_v1(KEY, msg_key, Side.CLIENT, CRYPTO))
    for sealed_ in (data, proven):
        with allowed(SecurityError):
            open_binding(sealed_, KEY, crypto=CRYPTO)
    with allowed(ValueError):
        request = BindingRequest.from_bytes(data)
        require(request.to_bytes() == data, "a request is written in another way than it was read")


# ---- loaders


def pem(data: bytes) -> None:
    """RSA keys in PEM. ValueError."""
    text = data.decode("latin-1")
    for kind in (PublicKey, PrivateKey):
        with allowed(ValueError):
            require(kind.from_pem(kind.from_pem(text).to_pem()) == kind.from_pem(text), "a key is written as another")


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def key_file(data: bytes) -> None:
    """Files that hold keys. Misuse, the error of the command line for people."""
    path = Path(_folder().name) / "key"
    path.write_bytes(data)
    for read in (KeyFile.read, read_public_key, read_private_key):
        with allowed(Misuse):
            read(path)


def saved_state(data: bytes) -> None:
    """What a client has saved. ValueError."""
    keys = (None, PermanentKey(key=KEY))
    for key in keys:
        with allowed(ValueError):
            client = ClientConnection(make_client_config(server_key(), permanent_key=key), data)
            require(client.save() == client.save(), "saving changes what is saved")
            client.transport_opened(Transport(), 1_800_000_000.0)
            client.next_event()
            client.data_to_send(1_800_000_000.0)


@cache
def _tools() -> ServerTools:
    config = make_server_config(server_key())
    return ServerTools(
        entropy=SeededEntropy(b"1"),
        crypto=CRYPTO,
        private_keys=config.private_keys,
        dc=None,
        g=config.dh_group[0],
        dh_prime=config.dh_group[1],
        limits=LIMITS,
        old_rsa=False,
        now=1_800_000_000.0,
    )


def handshake_record(data: bytes) -> None:
    """Half a handshake that servers share. ValueError."""
    with allowed(ValueError):
        thaw(data, _tools())


def transcript(data: bytes) -> None:
    """Transcripts: read, redacted, described, replayed. ValueError, Diverged."""
    text = data.decode("utf-8", "replace")
    with allowed(ValueError):
        read = Transcript.from_text(text)
        require(Transcript.from_text(read.to_text()) == read, "a transcript is written as another")
        shown = redact(read)
        require(Transcript.from_text(shown.to_text()) == shown, "a redacted transcript cannot be read")
        describe(read)
        with allowed(ValueError, Diverged):
            replay(read)
