"""What a client knows of the server's clock, as a value."""

from __future__ import annotations

from enum import Enum, auto

from attrs import evolve, frozen

__all__ = ["ClockSource", "ServerClock"]

SECOND = 1.0
"""server_time is cut to whole seconds."""
LATEST = float((1 << 31) - 1)
"""The last moment that the protocol can name; message ids of twice that time would not fit 64 bits."""


class ClockSource(Enum):
    """Where the knowledge comes from."""

    GUESS = auto()
    """Nothing has been heard yet: our own clock."""
    HANDSHAKE = auto()
    """server_time, proven by the hash of the answer."""
    MESSAGE = auto()
    """The id of an authenticated message."""
    NOTIFICATION = auto()
    """bad_msg_notification 16 or 17, authenticated and for a message sent lately."""


@frozen
class ServerClock:
    """``offset``: seconds to add to our clock. ``uncertainty``: seconds either way; None: unknown."""

    offset: float = 0.0
    uncertainty: float | None = None
    source: ClockSource = ClockSource.GUESS

    def time(self, now: float) -> float:
        """The server's unix time at our time ``now``."""
        return now + self.offset

    @property
    def certain(self) -> bool:
        """Whether anything authenticated has told the time since our own clock last jumped."""
        return self.uncertainty is not None

    def told_by_handshake(self, server_time: int, asked_at: float, now: float) -> ServerClock:
        """From server_time (server's unix seconds), asked for at ``asked_at`` and received at ``now`` (both ours)."""
        return ServerClock(server_time - now, SECOND + max(0.0, now - asked_at), ClockSource.HANDSHAKE)

    def told_by_message(self, server_time: float, now: float) -> ServerClock:
        """From a message that was made at ``server_time``, so that it is at least so late there.

        Moves forward only: an old message says nothing about how early it is.
        """
        if self.certain and self.time(now) >= server_time:
            return self
        return ServerClock(min(server_time, LATEST) - now, self.uncertainty or SECOND, ClockSource.MESSAGE)

    def told_by_notification(self, server_time: float, now: float) -> ServerClock:
        """From the id of a notification that says our ids are wrong: it was made just now."""
        return ServerClock(min(server_time, LATEST) - now, SECOND, ClockSource.NOTIFICATION)

    def agrees(self, other: ServerClock) -> bool:
        """Whether both are certain, and no further apart than either may be wrong."""
        if self.uncertainty is None or other.uncertainty is None:
            return False
        return abs(self.offset - other.offset) <= self.uncertainty + other.uncertainty

    def doubted(self) -> ServerClock:
        """The same offset after our own clock jumped: believed until something authenticated tells better."""
        return evolve(self, uncertainty=None)
