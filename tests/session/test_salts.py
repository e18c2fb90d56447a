"""The salts of a server's key: which is given out, and which is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kit.sessions import NOW
from mtproto_bind._crypto import Secret
from mtproto_bind._session.salts import PERIOD, ServerSalts

SECRET = Secret(bytes(range(32)))
FIRST = 0xFEDCBA9876543210
AGES = st.floats(0, 2 * 86400)


def make_salts(*, secret: Secret = SECRET, key_id: int = 7, first: int = FIRST) -> ServerSalts:
    return ServerSalts(secret, key_id, first, NOW)


def test_the_salt_of_the_exchange_serves_first() -> None:
    assert PERIOD == 1800
    salts = make_salts()
    for age in (0, 1, PERIOD - 1):
        assert salts.current(NOW + age) == FIRST
    assert salts.current(NOW + PERIOD) != FIRST
    # it is good for two periods in all
    assert salts.accepts(FIRST, NOW + 2 * PERIOD - 1)
    assert not salts.accepts(FIRST, NOW + 2 * PERIOD)


def test_a_clock_before_the_key_was_made() -> None:
    salts = make_salts()
    assert salts.current(NOW - 5000) == FIRST
    assert salts.accepts(FIRST, NOW - 5000)
    assert not salts.accepts(salts.current(NOW + PERIOD), NOW - 5000)


@given(AGES)
def test_a_salt_is_accepted_for_one_period_more(age: float) -> None:
    salts, now = make_salts(), NOW + age
    salt = salts.current(now)
    assert salts.accepts(salt, now)
    assert salts.accepts(salt, now + PERIOD)
    assert not salts.accepts(salt, now + 2 * PERIOD)
    # nor before its time
    assert salts.accepts(salt, now - PERIOD) == (salts.current(now - PERIOD) == salt)


@given(AGES, st.integers(1, 64))
def test_what_is_promised_holds(age: float, count: int) -> None:
    salts, now = make_salts(), NOW + age
    promised = salts.future(count, now)
    assert len(promised) == count
    assert promised[0].salt == salts.current(now)
    assert promised[0].valid_since <= now < promised[0].valid_until - PERIOD
    for each in promised:
        assert each.valid_until - each.valid_since == 2 * PERIOD
        assert salts.current(each.valid_since) == each.salt
        assert salts.accepts(each.salt, each.valid_until - 1)
        assert not salts.accepts(each.salt, each.valid_until)
    assert [each.valid_since - promised[0].valid_since for each in promised] == [place * PERIOD for place in range(count)]


@given(st.integers(0, 2**64 - 1))
def test_no_other_salt_is_accepted(salt: int) -> None:
    assert make_salts().accepts(salt, NOW) == (salt == FIRST)


def test_every_key_has_its_own_salts_and_nobody_foresees_them() -> None:
    later = NOW + PERIOD
    known = make_salts().current(later)
    assert make_salts(key_id=8).current(later) != known
    assert make_salts(secret=Secret(bytes(32))).current(later) != known
    # whoever shares the secret knows them
    assert make_salts().current(later) == known
