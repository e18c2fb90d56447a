"""What a server writes: composed at the moment of writing, session by session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._session import REPLY, Item
from ..._tl import MsgsAck
from ..._wire import Stream
from .sessions import ServerSession

if TYPE_CHECKING:
    from .connection import ServerConnection

__all__ = ["compose"]


def compose(connection: ServerConnection, stream: Stream) -> None:
    """Frame everything that is due on this stream."""
    for one in tuple(connection.sessions.values()):
        items = [*_again(one), *one.outbox]
        one.outbox.clear()
        acks = one.session.acks
        deadline = acks.deadline()
        if len(acks) and (items or (deadline is not None and deadline <= connection.now)):
            taken = acks.take(one.session.limits.ids)
            items.insert(0, Item(body=MsgsAck(msg_ids=taken).to_bytes(), content_related=False, remainder=REPLY))
        salt = one.salts.current(connection.now)
        for frame in one.session.seal(items, salt=salt, server_time=connection.now):
            stream.send(frame)


def _again(one: ServerSession) -> list[Item]:
    """On a new stream of the session: what is not acknowledged, under the same ids."""
    if not one.resend:
        return []
    one.resend = False
    return [
        Item(
            body=message.body,
            content_related=True,
            keep=True,
            about=message.about,
            remainder=message.msg_id & 3,
            numbered=(message.msg_id, message.seq_no),
            again=True,
        )
        for message in one.session.sent.all()
    ]
