"""With ``share_calls``: what acts is claimed first, so that it acts on one process only.

The ids that a session remembers are those that came to this process. A message that somebody on the path has copied would be
new to another one, and so would be what a client sends again after its streams have gone to and fro.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..._errors import Check
from ..._questions import CallClaimed, StoredKey
from ..._session import REPLY, Item, Received, time_of
from ..._tl import BadMsgNotification
from .link import Link
from .sessions import ServerSession

__all__ = ["claim", "taken_elsewhere"]

FORGOTTEN = 540.0
"""Seconds of age from which a claim may be kept no more: 600, less what clocks may be apart."""
TOO_OLD = 20
"""Nobody can tell any more what became of the message."""


def claim(
    connection: Link,
    record: StoredKey,
    one: ServerSession,
    message: Received,
    *,
    ours: Callable[[], None],
    others: Callable[[], None],
) -> None:
    """``ours`` is done if no other process has taken ``message``, else ``others``. Where calls are not shared it is ours."""
    if not connection.server.config.share_calls:
        ours()
        return

    def decided(mine: bool, now: float) -> None:
        if connection.server.sessions.find(record.key.id, one.session.session_id) is not one:
            # it has ended since, and its key perhaps too: nobody waits for the answer
            return
        one.undecided.discard(message.msg_id)
        if mine:
            one.session.acks.add(message.msg_id, now)
            ours()
        else:
            others()

    # what is not decided is not acknowledged
    one.hold(message.msg_id)
    if connection.now - time_of(message.msg_id) > FORGOTTEN:
        decided(False, connection.now)
        return
    question = CallClaimed(
        number=connection.asked.next_number(),
        key_id=record.key.id,
        session_id=one.session.session_id,
        msg_id=message.msg_id,
        claimant=one.unique_id,
    )
    connection.ask(question, decided, undo=partial(one.forget, message.msg_id))


def taken_elsewhere(connection: Link, one: ServerSession, message: Received) -> None:
    """Another process has taken ``message``, and its answer, if there is one, is there.

    A client that sends it again (which is done in a container) is told that nobody here knows what became of it. What comes as
    it first left may be a copy that somebody on the path has made, and brings him nothing.
    """
    connection.dropped[Check.MSG_ID_SEEN] += 1
    one.taken_elsewhere(message.msg_id)
    if message.contained:
        bad = BadMsgNotification(bad_msg_id=message.msg_id, bad_msg_seqno=message.seq_no, error_code=TOO_OLD)
        connection.reply(one, Item(body=bad.to_bytes(), content_related=False, remainder=REPLY))
