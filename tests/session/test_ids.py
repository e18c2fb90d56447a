"""Message ids and sequence numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.sessions import SECONDS
from mtproto_bind._session.ids import FROM_CLIENT, REPLY, UNASKED, MessageIds, SequenceNumbers, time_of

MOMENTS = st.lists(st.tuples(SECONDS, st.sampled_from([FROM_CLIENT, REPLY, UNASKED])), min_size=1, max_size=50)


@given(MOMENTS)
@example([(1_800_000_000.0, FROM_CLIENT)] * 3)
@example([(-5.0, UNASKED), (0.0, REPLY), (0.0, FROM_CLIENT)])
@example([(1.0 + 7 / 2**32, FROM_CLIENT)])
def test_ids_grow_and_keep_their_remainder_whatever_the_clock_does(moments: list[tuple[float, int]]) -> None:
    """Conduct.MSG_IDS_GROW."""
    ids = MessageIds()
    given_out = [ids.next(at, remainder) for at, remainder in moments]
    assert [msg_id % 4 for msg_id in given_out] == [remainder for _, remainder in moments]
    assert given_out[0] > 0
    assert all(one < other for one, other in pairwise(given_out))
    assert ids.last == given_out[-1]


@given(st.floats(1, 2**31))
@example(1_800_000_000.0)
def test_an_id_tells_its_time(at: float) -> None:
    assert abs(time_of(MessageIds().next(at)) - at) < 1e-6


@pytest.mark.parametrize("remainder", [FROM_CLIENT, REPLY, UNASKED])
def test_the_lower_half_carries_a_fraction(remainder: int) -> None:
    # at a whole second, and where the id before leaves no room
    assert MessageIds().next(7.0, remainder) == (7 << 32) + 4 + remainder
    ids = MessageIds(last=(8 << 32) - 1)
    assert ids.next(0.0, remainder) == (8 << 32) + 4 + remainder


def test_who_sends_what() -> None:
    assert (FROM_CLIENT, REPLY, UNASKED) == (0, 1, 3)


def test_a_clock_that_stands_still() -> None:
    ids = MessageIds()
    assert [ids.next(1.5, remainder) - (1 << 32) - (1 << 31) for remainder in (0, 0, 1, 1, 3, 0)] == [0, 4, 5, 9, 11, 12]


@given(st.lists(st.booleans(), max_size=50))
def test_sequence_numbers(kinds: list[bool]) -> None:
    numbers = SequenceNumbers()
    for place, content_related in enumerate(kinds):
        assert numbers.next(content_related=content_related) == 2 * sum(kinds[:place]) + content_related
