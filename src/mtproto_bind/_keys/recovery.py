"""What a transport error may cost, and how long to wait before the next try."""

from __future__ import annotations

from enum import Enum, auto

from attrs import define, frozen

from .._limits import Retry

__all__ = ["FRESH", "Backoff", "Charge", "Circumstances", "charge"]

FRESH = 60.0
"""Seconds: a younger key may not have reached every server of the data centre yet."""


class Charge(Enum):
    """What a transport error is charged to. A permanent key is not among them."""

    STREAM = auto()
    EXCHANGE = auto()
    TEMPORARY_KEY = auto()


@frozen(kw_only=True)
class Circumstances:
    """What happened on the stream that brought the error."""

    handshake_unanswered: bool
    """A handshake query that left on this stream waits for its answer."""
    sealed_since_proof: bool
    """Something sealed left since the last authenticated message (or since the stream was opened)."""
    plain_since_proof: bool
    """Something in the clear left since then, so that the error may be about that."""
    key_age: float
    """Seconds since the temporary key in use was made."""
    lost_once: bool
    """Such an error came for this key before."""


def charge(code: int, circumstances: Circumstances) -> Charge:
    """Charge a transport error, which anyone on the path can send.

    -404 says that the key is unknown, that a handshake query is wrong, or that a packet is malformed.
    """
    if circumstances.handshake_unanswered and code in (-404, -444):
        return Charge.EXCHANGE
    about_the_key = code == -404 and circumstances.sealed_since_proof and not circumstances.plain_since_proof
    if about_the_key and (circumstances.key_age >= FRESH or circumstances.lost_once):
        return Charge.TEMPORARY_KEY
    return Charge.STREAM


@define
class Backoff:
    """Doubles with every failure, from ``retry.delay`` to ``retry.ceiling`` seconds; forgotten at the first success."""

    retry: Retry
    failures: int = 0

    @property
    def wait(self) -> float:
        """Seconds to wait after the next failure."""
        # the exponent is bounded, so that failures for years do not overflow
        return min(self.retry.ceiling, self.retry.delay * 2.0 ** min(self.failures, 30))

    def failed(self) -> float:
        """Count a failure; the seconds to wait before the next try."""
        wait = self.wait
        self.failures += 1
        return wait

    def succeeded(self) -> None:
        self.failures = 0
