"""What a server writes: composed at the moment of writing, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._session import REPLY, Item
from ..._tl import MsgsAck
from ..._wire import Stream

if TYPE_CHECKING:
    from .connection import ServerConnection

__all__ = ["compose"]


def compose(connection: ServerConnection, stream: Stream, *, last: bool = False) -> None:
    """Frame everything that is due on this stream. ``last``: nothing follows, so acknowledgements do not wait."""
    for one in tuple(connection.sessions.values()):
        items = one.take_due()
        acks = one.session.acks
        deadline = acks.deadline()
        if deadline is not None and (items or last or deadline <= connection.now):
            taken = acks.take(one.session.limits.ids)
            items.insert(0, Item(body=MsgsAck(msg_ids=taken).to_bytes(), content_related=False, remainder=REPLY))
        salt = one.salts.current(connection.now)
        for frame in one.session.seal(items, salt=salt, server_time=connection.now):
            stream.send(frame)
