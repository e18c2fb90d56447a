"""When a temporary key is renewed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._keys.renewal import JITTER, renewal_time
from mtproto_bind.testing.entropy import ScriptedEntropy

END = 1_800_086_400


@pytest.mark.parametrize(
    ("lifetime", "renew_ahead", "ahead"),
    [
        (86400, 3600.0, 3600.0),
        (600, 3600.0, 60.0),
        (36_000, 3600.0, 3600.0),
        (35_990, 3600.0, 3599.0),
        (86400, 0.0, 0.0),
    ],
)
def test_the_time_ahead(lifetime: int, renew_ahead: float, ahead: float) -> None:
    assert renewal_time(END, lifetime, renew_ahead, ScriptedEntropy([bytes(2)])) == END - ahead
    # at the most a quarter earlier
    assert renewal_time(END, lifetime, renew_ahead, ScriptedEntropy([b"\xff\xff"])) == END - ahead * 1.25


@given(st.integers(1, 1 << 31), st.floats(0, 1e9), st.binary(min_size=2, max_size=2))
def test_a_key_is_renewed_while_it_lives(lifetime: int, renew_ahead: float, drawn: bytes) -> None:
    at = renewal_time(END, lifetime, renew_ahead, ScriptedEntropy([drawn]))
    assert END - lifetime / 8 - 1e-6 <= at <= END
    assert JITTER <= 0.25


def test_many_clients_do_not_renew_in_one_moment() -> None:
    times = {renewal_time(END, 86400, 3600.0, ScriptedEntropy([bytes([high, 0])])) for high in range(256)}
    assert len(times) == 256
    assert max(times) - min(times) > 890
