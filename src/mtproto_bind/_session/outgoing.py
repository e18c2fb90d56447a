"""From things to say to messages: numbers, and containers where several leave together.

https://core.telegram.org/mtproto/service_messages#containers
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import field, frozen

from .._limits import Limits
from .._tl import ContainedMessage, write_container
from .ids import FROM_CLIENT, MessageIds, SequenceNumbers
from .sent import Message, Sent

__all__ = ["Item", "Packet", "pack"]

HEADER = 16
"""Bytes of msg_id, seqno and bytes before each message of a container."""


@frozen(kw_only=True)
class Item:
    """Something to say.

    ``remainder`` is what its message id leaves modulo 4. ``keep``: until it is answered or acknowledged.
    ``numbered``: it was given its id and seq_no already, because it is sent again or was reserved.
    """

    body: bytes = field(repr=False)
    content_related: bool
    keep: bool = False
    about: object = None
    remainder: int = FROM_CLIENT
    numbered: tuple[int, int] | None = None
    again: bool = False
    """It left before under this id: it may travel in a container only."""


@frozen(kw_only=True)
class Packet:
    """What becomes one sealed message."""

    msg_id: int
    seq_no: int
    body: bytes = field(repr=False)


def pack(
    items: Iterable[Item], *, ids: MessageIds, numbers: SequenceNumbers, sent: Sent, server_time: float, limits: Limits
) -> Iterator[Packet]:
    """Number ``items`` in their order and put them into as few packets as the ceilings allow."""
    for batch in _batches(items, limits):
        messages = [_number(item, ids, numbers, sent, server_time) for item in batch]
        first = messages[0]
        # an id may be sent a second time only inside a container
        if len(batch) == 1 and not batch[0].again:
            sent.note(first.msg_id)
            yield Packet(msg_id=first.msg_id, seq_no=first.seq_no, body=first.body)
            continue
        # a container is younger than what it holds, and never content-related
        msg_id = ids.next(server_time, batch[0].remainder and 1)
        for message in messages:
            sent.note(message.msg_id)
        sent.note(msg_id, tuple(message.msg_id for message in messages))
        held = tuple(ContainedMessage(msg_id=one.msg_id, seqno=one.seq_no, body=one.body) for one in messages)
        yield Packet(msg_id=msg_id, seq_no=numbers.next(content_related=False), body=write_container(held))


def _number(item: Item, ids: MessageIds, numbers: SequenceNumbers, sent: Sent, server_time: float) -> Message:
    if item.numbered is not None:
        msg_id, seq_no = item.numbered
    else:
        msg_id = ids.next(server_time, item.remainder)
        seq_no = numbers.next(content_related=item.content_related)
    message = Message(msg_id=msg_id, seq_no=seq_no, body=item.body, about=item.about)
    if item.keep:
        known = sent.get(msg_id)
        if known is not None:
            return sent.again(known)
        sent.keep(message)
    return message


def _batches(items: Iterable[Item], limits: Limits) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        more = HEADER + len(item.body)
        if batch and (len(batch) >= limits.container_messages or size + more > limits.outgoing_message):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += more
    if batch:
        yield batch
