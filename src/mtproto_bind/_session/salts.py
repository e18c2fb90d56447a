"""Salts belong to the authorization key: https://core.telegram.org/mtproto/description#server-salt."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from .._crypto import Secret, later_salt
from .._tl import FutureSalt

__all__ = ["PERIOD", "ClientSalts", "ServerSalts"]

PERIOD = 1800
"""Seconds after which a new salt begins; each one is good for two periods."""
GOOD_FOR = 600.0
"""Seconds for which a salt is taken for good when nothing is known of its end, as TDLib does."""
ASK_AGAIN = 60.0
"""Seconds after which an unanswered request for salts is repeated."""
MOST_SALTS = 64
"""What one request may ask for."""


@define
class ClientSalts:
    """The salts of one key, on a client: the one in use, and those that the server has promised.

    All times are server unix seconds.
    """

    in_use: int = field(repr=False)
    told_at: float
    """When the server last used or named the one in use."""
    future: tuple[FutureSalt, ...] = field(default=(), repr=False)
    """Promised, the earliest first."""
    asked: tuple[int, int] | None = None
    """The message id of our request, and how many salts it asked for."""
    _asked_at: float = float("-inf")

    def at(self, server_time: float) -> int:
        """The salt to seal with."""
        # the one before is good for another period, and our idea of the server's clock may be ahead
        begun = [one for one in self.future if one.valid_since + ASK_AGAIN <= server_time]
        if begun:
            self.future = self.future[len(begun) :]
            self.in_use, self.told_at = begun[-1].salt, begun[-1].valid_since
        return self.in_use

    def told(self, salt: int, server_time: float) -> None:
        """The server names the salt of this moment, which is better than any promise."""
        self.in_use, self.told_at = salt, server_time
        self.future = tuple(one for one in self.future if one.salt != salt and one.valid_since + ASK_AGAIN > server_time)

    def promised(self, salts: Iterable[FutureSalt]) -> None:
        """The answer to our request. Those that have ended, or are in use, go with the next look at them."""
        self.asked = None
        self.future = tuple(sorted(salts, key=lambda one: one.valid_since))

    def wanted(self, server_time: float, until: float) -> int:
        """How many salts to ask for now, enough for ``until``; 0: enough are known, or asked for."""
        if self.future or server_time < self.told_at + GOOD_FOR or server_time < self._asked_at + ASK_AGAIN:
            return 0
        return min(MOST_SALTS, 1 + max(1, int((until - server_time) // PERIOD + 1)))

    def ask(self, msg_id: int, count: int, server_time: float) -> None:
        """``count`` salts are asked for in message ``msg_id``."""
        self.asked, self._asked_at = (msg_id, count), server_time


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
