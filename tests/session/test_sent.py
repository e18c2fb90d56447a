"""What was sent, and is remembered until it is settled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._session.sent import Message, Sent


def make_message(msg_id: int, body: bytes = b"body") -> Message:
    return Message(msg_id=msg_id, seq_no=1, body=body, about=msg_id * 10)


def make_sent(*msg_ids: int, memory: int = 1000) -> Sent:
    sent = Sent(memory)
    for msg_id in msg_ids:
        sent.keep(make_message(msg_id))
        sent.note(msg_id)
    return sent


def test_what_is_kept_is_settled_once() -> None:
    sent = make_sent(8, 4)
    assert sent.all() == (make_message(8), make_message(4))
    assert sent.get(4) == make_message(4)
    assert sent.settle(4) == make_message(4)
    assert (sent.settle(4), sent.get(4), len(sent)) == (None, None, 1)


def test_found_by_what_it_is_about() -> None:
    sent = make_sent(8, 4)
    assert sent.about(40) == make_message(4)
    assert sent.about(8) is None
    sent.again(make_message(4))
    assert sent.about(40) == sent.get(4)
    # another message about the same comes later, and ends first or last
    later = Message(msg_id=16, seq_no=3, body=b"more", about=40)
    sent.keep(later)
    sent.settle(4)
    assert sent.about(40) == later
    sent.settle(16)
    assert sent.about(40) is None
    sent.forget_oldest()
    assert sent.about(80) is None


def test_room_is_made_from_the_oldest_on() -> None:
    sent = make_sent(8, 4)
    sent.forget_oldest()
    assert sent.all() == (make_message(4),)
    sent.forget_oldest()
    sent.forget_oldest()
    assert len(sent) == 0


def test_a_message_sent_again_keeps_its_place_and_counts() -> None:
    sent = make_sent(8, 4)
    once_more = sent.again(make_message(8))
    assert (once_more.times_sent, once_more.body, once_more.about) == (2, b"body", 80)
    assert sent.all() == (once_more, make_message(4))


def test_what_a_notification_may_name() -> None:
    sent = Sent(memory=2)
    sent.note(4)
    assert sent.lately(4)
    assert not sent.lately(8)
    sent.keep(make_message(4))
    sent.note(8)
    sent.note(12)
    # no longer among the latest, but waited for
    assert sent.lately(4)
    sent.settle(4)
    assert not sent.lately(4)
    assert sent.lately(8)


@given(st.integers(1, 5), st.lists(st.integers(0, 20), unique=True))
def test_the_memory_of_ids_is_bounded(memory: int, msg_ids: list[int]) -> None:
    sent = Sent(memory)
    for msg_id in msg_ids:
        sent.note(msg_id)
    assert [msg_id for msg_id in msg_ids if sent.lately(msg_id)] == msg_ids[-memory:]


def test_a_notification_for_a_container_is_about_all_in_it() -> None:
    sent = make_sent(4, 8, 12)
    sent.note(16, (4, 12, 14))
    assert sent.named_by(16) == (make_message(4), make_message(12))
    assert sent.named_by(8) == (make_message(8),)
    assert sent.named_by(20) == ()


def test_a_repr_shows_no_body() -> None:
    assert "secret" not in repr(make_message(4, b"secret"))


def test_a_container_is_known_for_as_long_as_one_of_its_messages_waits() -> None:
    sent = make_sent(4, memory=2)
    sent.note(8, (4,))
    for msg_id in range(100, 120, 4):
        sent.note(msg_id)
    assert sent.lately(8)
    assert sent.named_by(8) == (make_message(4),)


def test_containers_are_forgotten_with_what_they_held() -> None:
    sent = make_sent(4, memory=2)
    sent.keep(make_message(12))
    sent.note(8, (4,))
    sent.note(16, (12,))
    sent.note(20, (12,))
    sent.note(24)
    sent.note(28)
    sent.settle(4)
    sent.note(32)
    assert not sent.lately(8)
    assert sent.named_by(20) == (make_message(12),)
