"""One session under one key: numbers, salts, acknowledgements, containers, memories."""

from __future__ import annotations

from .acks import Acks
from .clock import ClockSource, ServerClock
from .doubles import Doubles
from .ids import FROM_CLIENT, REPLY, UNASKED, MessageIds, SequenceNumbers, time_of
from .incoming import Received, Unrolled, constructor_id, unpacked, unroll
from .outgoing import Item, Packet, pack
from .results import RpcError, read_result
from .salts import ClientSalts, ServerSalts
from .sent import Message, Sent
from .session import Session

__all__ = [
    "FROM_CLIENT",
    "REPLY",
    "UNASKED",
    "Acks",
    "ClientSalts",
    "ClockSource",
    "Doubles",
    "Item",
    "Message",
    "MessageIds",
    "Packet",
    "Received",
    "RpcError",
    "Sent",
    "SequenceNumbers",
    "ServerClock",
    "ServerSalts",
    "Session",
    "Unrolled",
    "constructor_id",
    "pack",
    "read_result",
    "time_of",
    "unpacked",
    "unroll",
]
