"""A server's unfinished handshake as bytes, so that several processes can share it.

What is stored are the inputs; the answer is made again from them. At most a kibibyte, normally 618 bytes. It holds
secrets: store it where keys may be stored, and no longer than ten minutes.
"""

from __future__ import annotations

from .._crypto import Crypto, Secret, same
from .._errors import MalformedMessage, UnexpectedMessage
from .._ground import to_fixed, to_int
from .._tl import HANDSHAKE, Reader, ResPQ, Writer
from .server import (
    NO_RETRY,
    P_Q_BYTES,
    ExpectClientDHParams,
    ExpectReqDHParams,
    answer_with_offer,
    answer_with_retry,
    inner_data_of,
)
from .shared import DataCenter, Exchange, Group, KeyKind, Nonces, Offer, Purpose, ServerTools, padding_size

__all__ = ["freeze", "thaw"]

# the first byte is the version
TASK_SET = b"\x01\x01"
OFFER_MADE = b"\x01\x02"
SHARE_BYTES = 256
MARK_BYTES = 8


def freeze(state: ExpectReqDHParams | ExpectClientDHParams, tools: ServerTools) -> bytes:
    """The state as bytes. Two equal states give equal bytes."""
    if isinstance(state, ExpectReqDHParams):
        return TASK_SET + to_fixed(state.p, P_Q_BYTES) + state.answer
    writer = Writer()
    writer.raw(OFFER_MADE)
    offer = state.offer
    writer.int128(offer.exchange.nonce)
    writer.int128(offer.exchange.server_nonce)
    writer.int256(offer.exchange.new_nonce.reveal())
    writer.int32(offer.purpose.dc.number)
    writer.int32(offer.purpose.expires_in or 0)
    writer.int32(offer.server_time)
    writer.int32(offer.group.g)
    # the prime is the server's own and need not be stored; but another one in the other process must not go unnoticed
    writer.raw(_mark(offer.group.dh_prime, tools.crypto))
    writer.raw(to_fixed(offer.group.g_a, SHARE_BYTES))
    writer.raw(state.a.reveal())
    writer.raw(state.retry_id)
    writer.raw(state.padding)
    return writer.to_bytes()


def thaw(data: bytes, tools: ServerTools) -> ExpectReqDHParams | ExpectClientDHParams:
    """The state that :func:`freeze` made into ``data``; its answer is the same to the byte.

    ValueError for other bytes, for another version, and where the servers do not have the same ``dh_prime``.
    """
    if data[:1] != TASK_SET[:1]:
        raise ValueError("not a saved handshake of version 1")
    try:
        if data.startswith(TASK_SET):
            return _thaw_task(Reader(data, len(TASK_SET)))
        if data.startswith(OFFER_MADE):
            return _thaw_offer(Reader(data, len(OFFER_MADE)), tools)
    except (MalformedMessage, UnexpectedMessage) as error:
        raise ValueError("not a saved handshake") from error
    raise ValueError("not a saved handshake")


def _thaw_task(reader: Reader) -> ExpectReqDHParams:
    p = to_int(reader.raw(P_Q_BYTES))
    answer = reader.rest()
    message, end = HANDSHAKE.read(answer)
    if not isinstance(message, ResPQ) or end != len(answer) or p == 0 or to_int(message.pq) % p:
        raise ValueError("not a saved handshake")
    return ExpectReqDHParams(Nonces(message.nonce, message.server_nonce), p, to_int(message.pq) // p, answer)


def _thaw_offer(reader: Reader, tools: ServerTools) -> ExpectClientDHParams:
    exchange = Exchange(reader.int128(), reader.int128(), Secret(reader.int256()))
    dc, expires_in, server_time, g = (reader.int32() for _ in range(4))
    if not same(reader.raw(MARK_BYTES), _mark(tools.dh_prime, tools.crypto)):
        raise ValueError("the saved handshake has another dh_prime than this server")
    group = Group(g, tools.dh_prime, to_int(reader.raw(SHARE_BYTES)))
    a, retry_id, padding = Secret(reader.raw(SHARE_BYTES)), reader.raw(len(NO_RETRY)), reader.rest()
    kind = KeyKind.TEMPORARY if expires_in else KeyKind.PERMANENT
    offer = Offer(Purpose(kind, DataCenter.from_number(dc), expires_in or None), exchange, group, server_time)
    if len(padding) != padding_size(inner_data_of(offer)):
        raise ValueError("not a saved handshake")
    first = same(retry_id, NO_RETRY)
    answer = answer_with_offer(offer, padding, tools) if first else answer_with_retry(offer, retry_id, tools)
    return ExpectClientDHParams(offer, a, padding, retry_id, answer)


def _mark(dh_prime: int, crypto: Crypto) -> bytes:
    return crypto.sha256(to_fixed(dh_prime, SHARE_BYTES))[:MARK_BYTES]
