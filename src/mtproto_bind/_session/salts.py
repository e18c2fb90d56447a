"""Salts belong to the authorization key: https://core.telegram.org/mtproto/description#server-salt."""

from __future__ import annotations

from .._crypto import Secret, later_salt
from .._tl import FutureSalt

__all__ = ["PERIOD", "ServerSalts"]

PERIOD = 1800
"""Seconds after which a new salt begins; each one is good for two periods."""


class ServerSalts:
    """The salts of one key, on a server, computed: any process that shares ``secret`` knows them.

    The salt that the exchange yields serves the first period: clients take it for valid (Telegram Desktop and mtcute
    are lost without it). The others are HMAC-SHA256 of the key id and the number of the period.
    """

    def __init__(self, secret: Secret, auth_key_id: int, first_salt: int, created_at: float) -> None:
        self._secret = secret
        self._auth_key_id = auth_key_id
        self._first_salt = first_salt
        self._created_at = int(created_at)

    def current(self, now: float) -> int:
        """The salt of the period at ``now`` (unix seconds, the server's own clock)."""
        return self._of(self._period(now))

    def accepts(self, salt: int, now: float) -> bool:
        """Whether ``salt`` is that of this period or the one before."""
        period = self._period(now)
        return salt in {self._of(period), self._of(max(0, period - 1))}

    def future(self, count: int, now: float) -> tuple[FutureSalt, ...]:
        """The salt of this period and of the ``count - 1`` after it, each with its validity in server unix seconds."""
        first = self._period(now)
        return tuple(
            FutureSalt(
                valid_since=self._created_at + period * PERIOD,
                valid_until=self._created_at + (period + 2) * PERIOD,
                salt=self._of(period),
            )
            for period in range(first, first + count)
        )

    def _period(self, now: float) -> int:
        return max(0, (int(now) - self._created_at) // PERIOD)

    def _of(self, period: int) -> int:
        return later_salt(self._secret, self._auth_key_id, period) if period else self._first_salt
