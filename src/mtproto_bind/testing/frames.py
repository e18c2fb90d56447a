"""A tap on both ways of a stream: which frames pass, told without their secrets."""

from __future__ import annotations

from typing import Final

from .._crypto import AuthKey, Crypto, Side
from .._errors import RemoteProtocolError, UnexpectedMessage
from .._ground import Buffer
from .._limits import Limits
from .._session import unroll
from .._tl import HANDSHAKE
from .._wire import (
    FrameCodec,
    ServerTransport,
    Stream,
    Transport,
    codec_for,
    key_id_of,
    open_sealed,
    transport_error,
    unpack_plain,
)
from .labels import Labels, told, told_body

__all__ = ["Keyring", "Tap"]

LIMITS: Final = Limits()


class Keyring:
    """The keys that a transcript holds, to look into what is sealed under them."""

    def __init__(self, labels: Labels, crypto: Crypto) -> None:
        self.labels = labels
        self._crypto = crypto
        self._keys: dict[int, AuthKey] = {}

    def add(self, key: AuthKey) -> None:
        """One more."""
        self._keys[key.id] = key

    def tell(self, frame: bytes, side: Side) -> str:
        """A frame that ``side`` has written, in a line; what cannot be read is told by its length."""
        code = transport_error(frame)
        if code is not None:
            return f"transport error {code}"
        try:
            return self._tell_plain(frame) if key_id_of(frame) == 0 else self._tell_sealed(frame, side)
        except RemoteProtocolError as error:
            return f"unreadable, {len(frame)} bytes: {type(error).__name__}"

    def _tell_plain(self, frame: bytes) -> str:
        msg_id, body = unpack_plain(frame)
        try:
            shown = told(HANDSHAKE.read(body)[0], self.labels)
        except UnexpectedMessage:
            shown = told_body(body, self.labels)
        return f"{shown} (in the clear, msg_id={msg_id:016x}, {len(frame)} bytes)"

    def _tell_sealed(self, frame: bytes, side: Side) -> str:
        key_id = key_id_of(frame)
        under = f"under {self.labels.of('key_id', key_id)}, {len(frame)} bytes"
        key = self._keys.get(key_id)
        if key is None:
            return f"sealed ({under})"
        opened = open_sealed(frame, key, side, self._crypto)
        held = unroll(opened, LIMITS)
        lines = [f"{told_body(one.body, self.labels)} #{one.msg_id:016x}/{one.seq_no}" for one in held.messages]
        shown = f"container [{'; '.join(lines)}]" if held.is_container else lines[0]
        session, salt = self.labels.of("session_id", opened.session_id), self.labels.of("salt", opened.salt)
        return f"{shown} ({under}, {session}, {salt})"


class Tap:
    """Reads along on one stream. ``transport``: what the client chose, or what the server takes."""

    def __init__(self, transport: Transport | ServerTransport, crypto: Crypto) -> None:
        self._stream = Stream(transport, server=True, limits=LIMITS, entropy=bytes, crypto=crypto)
        self._answers = Buffer()
        self._codec: FrameCodec | None = None
        self._lost = {Side.CLIENT: False, Side.SERVER: False}

    def read(self, side: Side, data: bytes, keyring: Keyring) -> list[str]:
        """What ``side`` has said with these bytes, a line for each frame that is whole now."""
        if self._lost[side]:
            return []
        try:
            frames = self._from_client(data) if side is Side.CLIENT else self._from_server(data)
        except RemoteProtocolError as error:
            self._lost[side] = True
            return [f"no frames any more: {type(error).__name__}"]
        return [keyring.tell(frame, side) for frame in frames]

    def _from_client(self, data: bytes) -> list[bytes]:
        self._stream.receive(data)
        frames = []
        while (frame := self._stream.next_frame()) is not None:
            frames.append(frame)
        return frames

    def _from_server(self, data: bytes) -> list[bytes]:
        framing, keystreams = self._stream.framing, self._stream._keystreams
        if self._codec is None and framing is not None:
            self._codec = codec_for(framing, server=False, limit=LIMITS.frame)
        # what the server hides with its keystream is shown by the same
        self._answers.append(keystreams.outgoing(data) if keystreams is not None else data)
        frames = []
        while self._codec is not None and (frame := self._codec.decode(self._answers)) is not None:
            frames.append(frame.payload)
        return frames
