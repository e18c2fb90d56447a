"""What a transport error may cost, and how long is waited."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._keys.recovery import FRESH, Backoff, Charge, Circumstances, charge
from mtproto_bind._limits import Retry


def circumstances(**changes: Any) -> Circumstances:
    """An old key, and nothing but sealed messages since the last authenticated one."""
    usual = {
        "handshake_unanswered": False,
        "sealed_since_proof": True,
        "plain_since_proof": False,
        "key_age": 3600.0,
        "lost_once": False,
    }
    return Circumstances(**{**usual, **changes})


@pytest.mark.parametrize(
    ("code", "changes", "cost"),
    [
        pytest.param(-404, {}, Charge.TEMPORARY_KEY, id="the key is unknown"),
        pytest.param(-404, {"sealed_since_proof": False}, Charge.STREAM, id="nothing left under the key"),
        pytest.param(-404, {"plain_since_proof": True}, Charge.STREAM, id="it may be about the handshake"),
        pytest.param(-404, {"handshake_unanswered": True}, Charge.EXCHANGE, id="a handshake waits"),
        pytest.param(-404, {"handshake_unanswered": True, "plain_since_proof": True}, Charge.EXCHANGE, id="it left just now"),
        pytest.param(-404, {"key_age": FRESH - 0.1}, Charge.STREAM, id="a young key"),
        pytest.param(-404, {"key_age": FRESH}, Charge.TEMPORARY_KEY, id="a key just old enough"),
        pytest.param(-404, {"key_age": 1.0, "lost_once": True}, Charge.TEMPORARY_KEY, id="a young key for the second time"),
        pytest.param(-429, {}, Charge.STREAM, id="too much"),
        pytest.param(-429, {"handshake_unanswered": True}, Charge.STREAM, id="too much, with a handshake"),
        pytest.param(-444, {}, Charge.STREAM, id="another data centre, without a handshake"),
        pytest.param(-444, {"handshake_unanswered": True}, Charge.EXCHANGE, id="another data centre"),
        pytest.param(-500, {}, Charge.STREAM, id="not documented"),
        pytest.param(-500, {"handshake_unanswered": True}, Charge.STREAM, id="not documented, with a handshake"),
    ],
)
def test_what_an_error_costs(code: int, changes: dict[str, Any], cost: Charge) -> None:
    assert charge(code, circumstances(**changes)) is cost


@pytest.mark.parametrize("code", [-404, -429, -444, -1])
def test_an_error_that_anyone_can_send_costs_a_temporary_key_at_most(code: int) -> None:
    """Conduct.TRANSPORT_ERRORS_UNPROVEN."""
    assert FRESH == 60.0
    assert {cost.name for cost in Charge} == {"STREAM", "EXCHANGE", "TEMPORARY_KEY"}
    for waits, sealed, plain, lost, age in product([False, True], [False, True], [False, True], [False, True], [1.0, 3600.0]):
        cost = charge(
            code,
            Circumstances(
                handshake_unanswered=waits, sealed_since_proof=sealed, plain_since_proof=plain, key_age=age, lost_once=lost
            ),
        )
        if cost is Charge.TEMPORARY_KEY:
            assert code == -404
            assert sealed
            assert not plain
            assert not waits
            assert age >= FRESH or lost


def test_waits_double_up_to_the_ceiling() -> None:
    backoff = Backoff(Retry(delay=1.0, ceiling=60.0))
    assert [backoff.failed() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.succeeded()
    assert [backoff.failed() for _ in range(2)] == [1, 2]


@given(st.floats(0.001, 1000), st.floats(0.001, 1e6))
def test_waits_never_shrink_and_never_exceed_the_ceiling(delay: float, ceiling: float) -> None:
    backoff = Backoff(Retry(delay=delay, ceiling=ceiling))
    waits = [backoff.failed() for _ in range(50)]
    assert waits[0] == min(delay, ceiling)
    assert all(one <= other for one, other in pairwise(waits))
    assert max(waits) <= ceiling


def test_failures_for_years() -> None:
    backoff = Backoff(Retry(delay=1.0, ceiling=60.0), failures=10_000_000)
    assert (backoff.failed(), backoff.failures) == (60.0, 10_000_001)
