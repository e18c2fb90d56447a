"""From bytes to messages: framing, obfuscation, and the three envelopes."""

from __future__ import annotations

from .binding import SEALED_LENGTH, BindingInner, BindingRequest, open_binding, seal_binding
from .framing import Frame, FrameCodec, Framing, codec_for
from .plain import pack_plain, unpack_plain
from .sealed import LEAST_PADDING, MOST_PADDING, Opened, draw_padding, key_id_of, open_sealed, seal
from .secret import parse_secret
from .stream import Stream, encode_transport_error, is_no_op, transport_error
from .transport import ALL_FRAMINGS, ServerTransport, Transport

__all__ = [
    "ALL_FRAMINGS",
    "LEAST_PADDING",
    "MOST_PADDING",
    "SEALED_LENGTH",
    "BindingInner",
    "BindingRequest",
    "Frame",
    "FrameCodec",
    "Framing",
    "Opened",
    "ServerTransport",
    "Stream",
    "Transport",
    "codec_for",
    "draw_padding",
    "encode_transport_error",
    "is_no_op",
    "key_id_of",
    "open_binding",
    "open_sealed",
    "pack_plain",
    "parse_secret",
    "seal",
    "seal_binding",
    "transport_error",
    "unpack_plain",
]
