"""The salts of a key as its client knows them."""

from __future__ import annotations

from kit.sessions import NOW
from mtproto_bind._session import ClientSalts
from mtproto_bind._session.salts import ASK_AGAIN, GOOD_FOR, MOST_SALTS, PERIOD
from mtproto_bind._tl import FutureSalt

DAY = 86_400


def promised(*, first: int = 2, count: int = 4) -> list[FutureSalt]:
    """Salts 2, 3, 4, 5: each begins a period after the one before and is good for two."""
    return [
        FutureSalt(valid_since=int(NOW) + number * PERIOD, valid_until=int(NOW) + (number + 2) * PERIOD, salt=first + number)
        for number in range(count)
    ]


def test_a_promised_salt_is_used_once_its_time_has_surely_come() -> None:
    salts = ClientSalts(1, NOW)
    salts.promised(reversed(promised()))
    assert salts.at(int(NOW)) == 1
    assert salts.at(int(NOW) + ASK_AGAIN) == 2
    assert salts.at(int(NOW) + PERIOD + ASK_AGAIN - 1) == 2
    assert salts.at(int(NOW) + PERIOD + ASK_AGAIN) == 3
    # a machine that slept takes the latest that has begun
    assert salts.at(int(NOW) + 3 * PERIOD + ASK_AGAIN) == 5
    assert salts.future == ()


def test_what_the_server_names_is_better_than_what_it_promised() -> None:
    salts = ClientSalts(1, NOW)
    salts.promised(promised())
    salts.told(3, NOW)
    assert salts.at(NOW + 10) == 3
    assert [one.salt for one in salts.future] == [2, 4, 5]
    salts.told(77, NOW + 2 * PERIOD)
    assert [one.salt for one in salts.future] == [4, 5]


def test_salts_are_asked_for_where_the_one_in_use_may_end_and_no_more_than_once_a_minute() -> None:
    salts = ClientSalts(1, NOW)
    assert salts.wanted(NOW + GOOD_FOR - 1, NOW + DAY) == 0
    later = NOW + GOOD_FOR
    assert salts.wanted(later, NOW + DAY) == 49
    salts.ask(4, 49, later)
    assert salts.asked == (4, 49)
    assert salts.wanted(later + ASK_AGAIN - 1, NOW + DAY) == 0
    assert salts.wanted(later + ASK_AGAIN, NOW + DAY) > 0
    salts.promised(promised())
    assert salts.asked is None
    assert salts.wanted(later + ASK_AGAIN, NOW + DAY) == 0


def test_when_the_last_promised_salt_is_in_use_the_next_ones_are_asked_for_in_time() -> None:
    """It is as old as its beginning, however late it was taken up."""
    salts = ClientSalts(1, NOW)
    salts.promised(promised(count=1))
    assert salts.at(NOW + GOOD_FOR - 1) == 2
    assert salts.wanted(NOW + GOOD_FOR - 1, NOW + DAY) == 0
    assert salts.wanted(NOW + GOOD_FOR, NOW + DAY) == 49


def test_one_request_asks_for_at_most_sixty_four() -> None:
    assert ClientSalts(1, 0.0).wanted(NOW, NOW + 100 * DAY) == MOST_SALTS == 64
    assert ClientSalts(1, 0.0).wanted(NOW, NOW + 5) == 2


def test_a_repr_shows_no_salt() -> None:
    salts = ClientSalts(0x5EC2E7, NOW)
    salts.promised(promised(first=0x5EC2E8))
    assert str(0x5EC2E7) not in repr(salts)
    assert str(0x5EC2E8) not in repr(salts)
