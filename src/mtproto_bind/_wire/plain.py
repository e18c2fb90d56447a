"""The envelope of handshake messages: https://core.telegram.org/mtproto/description#unencrypted-message.

Nothing in it is proven. Bytes behind the object, inside the announced length or after it, are normal in both directions.
"""

from __future__ import annotations

from .._errors import MalformedMessage
from .._ground import id_from_bytes, id_to_bytes

__all__ = ["pack_plain", "unpack_plain"]

_HEAD = 8 + 8 + 4


def pack_plain(msg_id: int, body: bytes, padding: bytes = b"") -> bytes:
    """auth_key_id 0 (8 bytes), msg_id (8), length (4), body; ``padding`` is counted in the length."""
    return bytes(8) + id_to_bytes(msg_id) + (len(body) + len(padding)).to_bytes(4, "little") + body + padding


def unpack_plain(frame: bytes) -> tuple[int, bytes]:
    """(msg_id, what was announced: one boxed object and perhaps more). Bytes after that are ignored.

    :class:`MalformedMessage` where the lengths do not fit, or the message is not in the clear. The id is not looked at:
    TDLib sends 0 in every handshake message, and 1 when it probes a proxy.
    """
    if len(frame) < _HEAD:
        raise MalformedMessage(f"a message in the clear of {len(frame)} bytes", len(frame))
    if frame[:8] != bytes(8):
        raise MalformedMessage("auth_key_id is not 0")
    length = int.from_bytes(frame[16:_HEAD], "little", signed=True)
    if not 4 <= length <= len(frame) - _HEAD:
        raise MalformedMessage(f"a message of {length} bytes in {len(frame) - _HEAD}", 16)
    return id_from_bytes(frame[8:16]), frame[_HEAD : _HEAD + length]
