"""When a temporary key is renewed: ahead of its end, on the server's clock, with jitter."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["renewal_time"]

JITTER = 0.25
"""At most this part of the time ahead is added, so that many clients do not renew in one moment."""


def renewal_time(expires_at: int, lifetime: int, renew_ahead: float, entropy: Callable[[int], bytes]) -> float:
    """Server unix seconds at which the renewal begins; draws 2 bytes.

    min(renew_ahead, lifetime / 10) before the end, so that a short life works too, and up to a quarter of that earlier.
    """
    ahead = min(renew_ahead, lifetime / 10)
    jitter = int.from_bytes(entropy(2), "big") / 0xFFFF * JITTER
    return expires_at - ahead * (1 + jitter)
