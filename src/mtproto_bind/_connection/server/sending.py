"""What a server writes: composed at the moment of writing, session by session."""

from __future__ import annotations

from collections.abc import Iterable

from ..._session import REPLY, Item
from ..._tl import MsgsAck
from ..._wire import Stream
from .sessions import ServerSession

__all__ = ["compose", "frame_items"]


def compose(sessions: Iterable[ServerSession], stream: Stream, now: float, *, last: bool = False) -> None:
    """Frame everything that is due on this stream. ``last``: nothing follows, so acknowledgements do not wait."""
    for one in tuple(sessions):
        items = one.take_due(now)
        acks = one.session.acks
        deadline = acks.deadline()
        if deadline is not None and (items or last or deadline <= now):
            taken = acks.take(one.session.limits.ids)
            items.insert(0, Item(body=MsgsAck(msg_ids=taken).to_bytes(), content_related=False, remainder=REPLY))
        frame_items(one, items, stream, now)


def frame_items(one: ServerSession, items: Iterable[Item], stream: Stream, now: float) -> None:
    """Frame ``items`` of a session, on whichever stream."""
    for frame in one.session.seal(items, salt=one.salts.current(now), server_time=now):
        stream.send(frame)
