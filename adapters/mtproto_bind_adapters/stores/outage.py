"""What a store does not know how to mend, and the times in which it fails."""

from __future__ import annotations

import logging

__all__ = ["Outage", "StoreError"]

logger = logging.getLogger("mtproto_bind_adapters.stores")


class StoreError(Exception):
    """A store cannot be used as it is: the text says what was expected, what is there, and what to do. Nothing was changed."""


class Outage:
    """Told once when it begins and once when it ends, however many questions fail meanwhile.

    ``pause``: seconds in which a store that has just failed is not tried again, so that a thousand clients do not wait for it one
    after the other.
    """

    def __init__(self, name: str, *, pause: float = 0.0) -> None:
        self._name = name
        self._pause = pause
        self._since: float | None = None
        self._failed_at = float("-inf")

    def pauses(self, now: float) -> bool:
        """Whether it failed so lately that it is not to be tried. ``now``: unix seconds; they may step back."""
        return self._failed_at <= now < self._failed_at + self._pause

    def failed(self, why: str, now: float) -> None:
        """A question could not be answered."""
        self._failed_at = now
        if self._since is None:
            self._since = now
            logger.error("%s fails, and clients are sent away until it works again: %s", self._name, why)

    def worked(self, now: float) -> None:
        """A question was answered."""
        if self._since is not None:
            logger.warning("%s works again after %.1f s", self._name, max(0.0, now - self._since))
            self._since = None
