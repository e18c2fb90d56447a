"""Message ids and sequence numbers: https://core.telegram.org/mtproto/description#message-identifier-msg-id."""

from __future__ import annotations

from attrs import define

__all__ = ["FROM_CLIENT", "REPLY", "UNASKED", "MessageIds", "SequenceNumbers", "time_of"]

FROM_CLIENT = 0
"""``msg_id % 4`` of what a client sends."""
REPLY = 1
"""``msg_id % 4`` of what a server sends in answer to a client's message."""
UNASKED = 3
"""``msg_id % 4`` of what a server sends unasked."""


@define
class MessageIds:
    """Grows with the server's time, and goes on growing when the clock steps back."""

    last: int = 0

    def next(self, server_time: float, remainder: int = FROM_CLIENT) -> int:
        """The next id: about ``server_time * 2^32``, with the given remainder modulo 4, above all before it."""
        # a product with a power of two is exact, so the id carries every bit of the clock
        wanted = int(server_time * (1 << 32)) & ~3 | remainder
        if wanted <= self.last:
            wanted = (self.last & ~3) | remainder
            if wanted <= self.last:
                wanted += 4
        # the lower half has to carry a fraction
        if not wanted & 0xFFFFFFFC:
            wanted += 4
        self.last = wanted
        return wanted


@define
class SequenceNumbers:
    """Twice the number of content-related messages before this one, plus one if it is one itself."""

    content_related: int = 0

    def next(self, *, content_related: bool) -> int:
        number = 2 * self.content_related + content_related
        self.content_related += content_related
        return number


def time_of(msg_id: int) -> float:
    """The server time (unix seconds) at which a message id was made."""
    return msg_id / (1 << 32)
