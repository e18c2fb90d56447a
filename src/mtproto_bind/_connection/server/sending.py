"""What a server writes: composed at the moment of writing, session by session."""

from __future__ import annotations

from collections.abc import Iterable

from ..._session import REPLY, Item
from ..._tl import MsgsAck
from ..._wire import Stream
from .sessions import ServerSession

__all__ = ["compose"]


def compose(sessions: Iterable[ServerSession], stream: Stream, now: float, *, last: bool = False) -> None:
    """Frame everything that is due on this stream. ``last``: nothing follows, so acknowledgements do not wait."""
    for one in tuple(sessions):
        items = one.take_due()
        acks = one.session.acks
        deadline = acks.deadline()
        if deadline is not None and (items or last or deadline <= now):
            taken = acks.take(one.session.limits.ids)
            items.insert(0, Item(body=MsgsAck(msg_ids=taken).to_bytes(), content_related=False, remainder=REPLY))
        salt = one.salts.current(now)
        for frame in one.session.seal(items, salt=salt, server_time=now):
            stream.send(frame)
