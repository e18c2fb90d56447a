"""From things to say to packets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.sessions import BODIES, NOW, make_items
from mtproto_bind._limits import Limits
from mtproto_bind._session.ids import FROM_CLIENT, REPLY, UNASKED, MessageIds, SequenceNumbers
from mtproto_bind._session.outgoing import HEADER, Item, Packet, pack
from mtproto_bind._session.sent import Sent
from mtproto_bind._tl import ContainedMessage, is_container, read_container

BODY = b"body"


def make_item(body: bytes = BODY, remainder: int = FROM_CLIENT) -> Item:
    return Item(body=body, content_related=True, keep=True, about=body, remainder=remainder)


class Packer:
    """Packs for one session."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.ids, self.numbers, self.sent = MessageIds(), SequenceNumbers(), Sent(1000)
        self.limits = limits or Limits()

    def __call__(self, *items: Item) -> list[Packet]:
        return list(pack(items, ids=self.ids, numbers=self.numbers, sent=self.sent, server_time=NOW, limits=self.limits))


def held(packet: Packet) -> tuple[ContainedMessage, ...]:
    """The messages of a container; a message alone as the only one."""
    if not is_container(packet.body):
        return (ContainedMessage(msg_id=packet.msg_id, seqno=packet.seq_no, body=packet.body),)
    return read_container(packet.body, limit=1024).messages


def test_nothing_to_say() -> None:
    assert Packer()() == []


def test_one_thing_goes_alone() -> None:
    packer = Packer()
    (packet,) = packer(make_item())
    assert packet == Packet(msg_id=packer.ids.last, seq_no=1, body=BODY)
    assert packer.sent.lately(packet.msg_id)
    (kept,) = packer.sent.all()
    assert (kept.msg_id, kept.seq_no, kept.body, kept.about, kept.times_sent) == (packet.msg_id, 1, BODY, BODY, 1)


def test_several_go_in_a_container_that_is_younger_and_needs_no_acknowledgement() -> None:
    packer = Packer()
    (packet,) = packer(*(make_item(BODY * size) for size in (1, 2, 3)))
    messages = held(packet)
    assert [message.body for message in messages] == [BODY, BODY * 2, BODY * 3]
    assert [message.seqno for message in messages] == [1, 3, 5]
    assert packet.seq_no == 6
    assert packet.msg_id > max(message.msg_id for message in messages)
    # a notification for the container is about them all
    assert [message.body for message in packer.sent.named_by(packet.msg_id)] == [BODY, BODY * 2, BODY * 3]
    assert all(packer.sent.lately(message.msg_id) for message in messages)


def test_what_nobody_waits_for_is_not_kept() -> None:
    packer = Packer()
    (packet,) = packer(Item(body=BODY, content_related=False))
    assert packet.seq_no == 0
    assert len(packer.sent) == 0
    assert packer.sent.lately(packet.msg_id)
    # nor in a container, though a notification may name each
    item = Item(body=BODY, content_related=False)
    (packet,) = packer(item, item)
    assert len(packer.sent) == 0
    assert all(packer.sent.lately(message.msg_id) for message in held(packet))


def test_a_reserved_id_is_used() -> None:
    packer = Packer()
    numbered = (packer.ids.next(NOW), packer.numbers.next(content_related=True))
    item = Item(body=BODY, content_related=True, keep=True, numbered=numbered)
    (packet,) = packer(item)
    assert (packet.msg_id, packet.seq_no) == numbered
    assert packer.sent.all()[0].times_sent == 1


def test_what_is_sent_again_keeps_its_number_and_goes_into_a_container_even_alone() -> None:
    packer = Packer()
    (first,) = packer(make_item())
    (kept,) = packer.sent.all()
    again = Item(body=BODY, content_related=True, keep=True, numbered=(kept.msg_id, kept.seq_no), again=True)
    (packet,) = packer(again)
    assert is_container(packet.body)
    assert held(packet) == (ContainedMessage(msg_id=first.msg_id, seqno=first.seq_no, body=BODY),)
    assert packet.msg_id > first.msg_id
    assert packet.seq_no == 2
    assert [message.times_sent for message in packer.sent.all()] == [2]


@pytest.mark.parametrize("remainder", [REPLY, UNASKED])
def test_a_server_numbers_its_containers_oddly(remainder: int) -> None:
    (packet,) = Packer()(make_item(remainder=remainder), make_item(remainder=REPLY))
    assert packet.msg_id % 4 == REPLY
    assert [message.msg_id % 4 for message in held(packet)] == [remainder, REPLY]


def test_the_ceilings_of_a_container() -> None:
    packets = Packer(Limits(container_messages=3))(*(make_item() for _ in range(7)))
    assert [len(held(packet)) for packet in packets] == [3, 3, 1]
    # 16 bytes stand before each body
    two = 2 * (16 + len(BODY))
    assert [len(held(packet)) for packet in Packer(Limits(outgoing_message=two))(*(make_item() for _ in range(5)))] == [2, 2, 1]
    assert [len(held(packet)) for packet in Packer(Limits(outgoing_message=two - 1))(make_item(), make_item())] == [1, 1]


def test_what_is_too_large_for_company_goes_alone() -> None:
    bodies = [BODY, BODY * 100, BODY]
    packets = Packer(Limits(outgoing_message=100))(*map(make_item, bodies))
    assert [packet.body for packet in packets] == bodies


@given(st.lists(BODIES, max_size=12), st.integers(1, 5), st.integers(20, 200))
def test_whatever_is_said_is_packed_in_order_and_within_bounds(bodies: list[bytes], count: int, size: int) -> None:
    packets = Packer(Limits(container_messages=count, outgoing_message=size))(*make_items(bodies))
    messages = [message for packet in packets for message in held(packet)]
    assert [message.body for message in messages] == bodies
    assert all(one.msg_id < other.msg_id for one, other in pairwise(messages))
    assert all(one.msg_id < other.msg_id for one, other in pairwise(packets))
    for place, message in enumerate(messages):
        assert message.seqno == place // 2 * 2 + place % 2
    for packet in packets:
        assert len(held(packet)) <= count
        assert len(held(packet)) == 1 or sum(HEADER + len(message.body) for message in held(packet)) <= size
        assert not is_container(packet.body) or packet.seq_no >= max(message.seqno for message in held(packet))


def test_a_repr_shows_no_body() -> None:
    item = make_item(b"secret!!")
    assert "secret" not in repr(Item(body=item.body, content_related=True)) + repr(Packer()(item))
