"""One session under one key, as either side keeps it: https://core.telegram.org/mtproto/description#session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from .._crypto import AuthKey, Crypto, Side
from .._errors import Check, require
from .._limits import Limits, Timeouts
from .._wire import Opened, draw_padding, open_sealed, seal
from .acks import Acks
from .doubles import Doubles
from .ids import MessageIds, SequenceNumbers
from .outgoing import Item, pack
from .sent import Sent

__all__ = ["Session"]


class Session:
    """Numbers, memories and envelopes of one (key, session id).

    A session outlives streams. ``side`` is who we are.
    """

    def __init__(
        self,
        key: AuthKey,
        session_id: int,
        side: Side,
        *,
        crypto: Crypto,
        entropy: Callable[[int], bytes],
        limits: Limits,
        timeouts: Timeouts,
    ) -> None:
        self.key = key
        self.session_id = session_id
        self.side = side
        self.ids = MessageIds()
        self.numbers = SequenceNumbers()
        self.doubles = Doubles(limits.doubles)
        self.acks = Acks(timeouts.acknowledge)
        self.sent = Sent(limits.doubles)
        self.limits = limits
        self._crypto = crypto
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"<Session {self.session_id:016x} under {self.key.id:016x}>"

    def reserve(self, server_time: float, remainder: int = 0, *, content_related: bool = True) -> tuple[int, int]:
        """A message id and a seq_no, to be used before anything else is numbered."""
        return self.ids.next(server_time, remainder), self.numbers.next(content_related=content_related)

    def seal(self, items: Iterable[Item], *, salt: int, server_time: float) -> list[bytes]:
        """``items`` as sealed messages, ready to be framed; numbers are given and padding is drawn here."""
        packets = pack(items, ids=self.ids, numbers=self.numbers, sent=self.sent, server_time=server_time, limits=self.limits)
        return [
            seal(
                self.key,
                self.side,
                salt=salt,
                session_id=self.session_id,
                msg_id=packet.msg_id,
                seq_no=packet.seq_no,
                body=packet.body,
                padding=draw_padding(len(packet.body), self._entropy),
                crypto=self._crypto,
            )
            for packet in packets
        ]

    def open(self, frame: bytes, also: Collection[int] = ()) -> Opened:
        """Open a message of the other side that came to this session, or to one of ``also``.

        Raises SecurityError: the checks of the envelope, and that the session is one of these.
        """
        other = Side.SERVER if self.side is Side.CLIENT else Side.CLIENT
        opened = open_sealed(frame, self.key, other, crypto=self._crypto)
        require(opened.session_id == self.session_id or opened.session_id in also, Check.SESSION_ID)
        return opened
