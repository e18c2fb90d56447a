"""Acknowledgements to be sent: https://core.telegram.org/mtproto/service_messages_about_messages#acknowledgment-of-receipt."""

from __future__ import annotations

from attrs import define, field

__all__ = ["Acks"]

MANY = 16
"""With more than so many waiting they leave at once."""


@define
class Acks:
    """The ids of content-related messages that wait for their acknowledgement, oldest first."""

    delay: float
    """Seconds that an acknowledgement waits for company."""
    _waiting: dict[int, None] = field(factory=dict)
    _since: float | None = None

    def add(self, msg_id: int, now: float) -> None:
        """``msg_id`` has to be acknowledged."""
        self._waiting[msg_id] = None
        if self._since is None:
            self._since = now

    def drop(self, msg_id: int) -> None:
        """``msg_id`` is acknowledged otherwise, by its answer."""
        self._waiting.pop(msg_id, None)
        if not self._waiting:
            self._since = None

    def take(self, limit: int) -> tuple[int, ...]:
        """At most ``limit`` ids to put into one msgs_ack; they are waiting no longer."""
        taken = tuple(self._waiting)[:limit]
        for msg_id in taken:
            self.drop(msg_id)
        return taken

    def deadline(self) -> float | None:
        """When what waits has to leave even alone."""
        if self._since is None:
            return None
        return self._since if len(self._waiting) > MANY else self._since + self.delay

    def shift(self, seconds: float) -> None:
        """Our clock jumped by ``seconds``."""
        if self._since is not None:
            self._since += seconds

    def __contains__(self, msg_id: int) -> bool:
        return msg_id in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)
