"""Which message ids have come already, against a set that forgets its lowest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._session.doubles import Doubles

IDS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=80)


@given(st.integers(1, 20), IDS)
def test_against_a_model(size: int, coming: list[tuple[int, int]]) -> None:
    doubles, model = Doubles(size), dict[int, int]()
    for msg_id, seq_no in coming:
        full = len(model) == size
        assert doubles.seen(msg_id) == (msg_id in model or (full and msg_id < min(model)))
        assert doubles.knows(msg_id) == (msg_id in model)
        below = [model[one] for one in sorted(model) if one < msg_id]
        above = [model[one] for one in sorted(model) if one >= msg_id]
        assert doubles.neighbours(msg_id) == (below[-1] if below else None, above[0] if above else None)
        if not doubles.seen(msg_id):
            doubles.add(msg_id, seq_no)
            model[msg_id] = seq_no
            if full:
                del model[min(model)]
        assert len(doubles) == len(model)
        assert doubles.range() == (min(model), max(model))


@given(st.integers(1, 20), st.lists(st.integers(0, 60), max_size=80))
def test_nothing_is_taken_twice(size: int, coming: list[int]) -> None:
    doubles, taken = Doubles(size), list[int]()
    for msg_id in coming:
        if not doubles.seen(msg_id):
            doubles.add(msg_id, 0)
            taken.append(msg_id)
    assert len(taken) == len(set(taken))


def test_an_id_below_a_full_memory_is_too_old_to_tell() -> None:
    doubles = Doubles(2)
    for msg_id in (10, 20):
        assert not doubles.seen(5)
        doubles.add(msg_id, 1)
    assert doubles.seen(5)
    assert not doubles.knows(5)
    # one that lies between is new, and pushes the lowest out
    doubles.add(15, 1)
    assert (doubles.seen(10), doubles.knows(10), doubles.range()) == (True, False, (15, 20))


def test_what_was_not_acted_upon_may_come_again() -> None:
    doubles = Doubles(3)
    for msg_id in (10, 20, 30):
        doubles.add(msg_id, msg_id + 1)
    doubles.forget(20)
    doubles.forget(25)
    assert not doubles.seen(20)
    assert doubles.neighbours(20) == (11, 31)
    doubles.add(20, 21)
    assert (len(doubles), doubles.seen(20), doubles.neighbours(20)) == (3, True, (11, 21))


def test_room_does_not_bring_back_what_made_room() -> None:
    doubles = Doubles(2)
    for msg_id in (10, 20, 30):
        doubles.add(msg_id, 1)
    doubles.forget(30)
    # 10 was taken, though nothing remembers it
    assert doubles.seen(10)
    assert not doubles.seen(15)
    doubles.clear()
    assert not doubles.seen(10)


def test_an_empty_memory() -> None:
    doubles = Doubles(3)
    assert (doubles.range(), doubles.neighbours(5), len(doubles)) == (None, (None, None), 0)
    doubles.add(5, 1)
    doubles.clear()
    assert (doubles.range(), doubles.seen(5), doubles.neighbours(9), len(doubles)) == (None, False, (None, None), 0)


def test_what_was_forgotten_as_lowest_stays_forgotten() -> None:
    doubles = Doubles(1)
    for msg_id in (10, 20, 5):
        doubles.add(msg_id, 1)
    doubles.forget(20)
    assert doubles.seen(10)


def test_the_sequence_number_of_an_id_is_remembered_with_it() -> None:
    doubles = Doubles(3)
    for msg_id in (8, 4, 12):
        doubles.add(msg_id, msg_id + 1)
    assert [doubles.seq_no(msg_id) for msg_id in (4, 8, 12)] == [5, 9, 13]
