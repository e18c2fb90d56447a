"""The sessions of a server: they outlive streams. https://core.telegram.org/mtproto/description#session"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from ..._config import ServerConfig
from ..._crypto import Secret, Side
from ..._ground import id_from_bytes
from ..._questions import StoredKey
from ..._session import REPLY, Item, Message, ServerSalts, Session, time_of
from ..._tl import MsgDetailedInfo, RpcResult

if TYPE_CHECKING:
    from .link import Link

__all__ = ["CONTAINERS_UNREAD", "AnswerTo", "ServerSession", "Sessions", "Update"]

CONTAINERS_UNREAD = 2
"""The replies to so many full containers wait for a client that does not read."""
LARGE = 1024
"""Bytes of an answer that a query which comes again gets announced only, so that the client fetches it if it lacks it.

What is smaller fits one packet of the network together with everything around it: to announce it would save nothing, and
cost a round trip.
"""


@frozen
class AnswerTo:
    """What a message of ours is: the result of the query ``msg_id``."""

    msg_id: int


@frozen
class Update:
    """What a message of ours is: something that the owner sent unasked."""

    body: bytes = field(repr=False)


@define(eq=False)
class ServerSession:
    """One session of one key: its memories, and what waits to be sent."""

    session: Session
    salts: ServerSalts
    unique_id: int
    keeps: float
    """Seconds for which what is not acknowledged is kept to be sent again."""
    announced_from: int | None = None
    """first_msg_id of the new_session_created that was sent; None: it was not yet."""
    stream: Link | None = None
    """The stream that it speaks on: the one it was heard on last."""
    resend: bool = False
    """The stream is new: everything that is not acknowledged leaves again, under the same ids."""
    again: set[int] = field(factory=set)
    """Ids of messages that leave again even on the same stream, if they are not acknowledged meanwhile."""
    outbox: deque[Item] = field(factory=deque, repr=False)
    answering: set[int] = field(factory=set)
    """Queries whose answers are in it."""
    running: dict[int, None] = field(factory=dict)
    """Calls that the owner has and has not answered."""
    dropped: set[int] = field(factory=set)
    """Those of them whose answer the client has given up."""
    undecided: set[int] = field(factory=set)
    """Messages that wait for a word of the owner: they may have to come again, and are not acknowledged before."""
    elsewhere: dict[int, None] = field(factory=dict)
    """Calls that another process has taken, the last ``Limits.doubles`` of them."""
    done: dict[int, None] = field(factory=dict)
    """Queries whose answers the client has acknowledged, the last ``Limits.doubles`` of them."""

    def say(self, item: Item) -> None:
        """Send ``item`` when the stream is written next.

        Where too much waits to be acknowledged, the oldest is forgotten (a server may). A reply that nobody keeps is not
        made where the client does not read those before it.
        """
        sent, limits = self.session.sent, self.session.limits
        if not item.keep and len(self.outbox) >= CONTAINERS_UNREAD * limits.container_messages:
            return
        if item.keep and len(sent) + len(self.outbox) >= limits.unacknowledged:
            sent.forget_oldest()
        self.outbox.append(item)
        if isinstance(item.about, AnswerTo):
            self.answering.add(item.about.msg_id)

    def hold(self, msg_id: int) -> None:
        """Nothing is decided about ``msg_id`` yet."""
        self.session.acks.drop(msg_id)
        self.undecided.add(msg_id)

    def forget(self, msg_id: int) -> None:
        """Nothing was decided about ``msg_id``: it may come again, as it was."""
        self.undecided.discard(msg_id)
        self.session.doubles.forget(msg_id)

    def finish(self, msg_id: int) -> None:
        """The client has the answer to ``msg_id``."""
        self._remember(self.done, msg_id)

    def taken_elsewhere(self, msg_id: int) -> None:
        """Another process has ``msg_id``: it has come, and that is all that is known of it here."""
        self._remember(self.elsewhere, msg_id)

    def answer(self, msg_id: int, body: bytes) -> None:
        """Answer the query ``msg_id``. The answer acknowledges it too, and stays until it is acknowledged itself."""
        self.undecided.discard(msg_id)
        self.session.acks.drop(msg_id)
        result = RpcResult(req_msg_id=msg_id, result=body).to_bytes()
        self.say(Item(body=result, content_related=True, keep=True, about=AnswerTo(msg_id), remainder=REPLY))

    def repeat_answer(self, msg_id: int) -> None:
        """The query came again: its answer leaves again too, or word of it, if it is not on its way."""
        answer = self.kept_answer(msg_id)
        if answer is None:
            return
        # with a new stream it leaves in any case
        if self.resend or len(answer.body) <= LARGE:
            self.again.add(answer.msg_id)
            return
        info = MsgDetailedInfo(msg_id=msg_id, answer_msg_id=answer.msg_id, length=len(answer.body), status=0)
        self.say(Item(body=info.to_bytes(), content_related=False, remainder=REPLY))

    def take_due(self, now: float) -> list[Item]:
        """What is to be written now; it waits no longer."""
        if self.resend:
            self._forget_old(now)
        messages = self.session.sent.all() if self.resend or self.again else ()
        items = [_again(message) for message in messages if self.resend or message.msg_id in self.again]
        items += self.outbox
        self.resend = False
        self.again.clear()
        self.outbox.clear()
        self.answering.clear()
        return items

    def _remember(self, memory: dict[int, None], msg_id: int) -> None:
        memory[msg_id] = None
        if len(memory) > self.session.limits.doubles:
            del memory[next(iter(memory))]

    def _forget_old(self, now: float) -> None:
        """What nobody has acknowledged for so long, nor asks for now, is not sent again (a server may forget it)."""
        for message in self.session.sent.all():
            if message.msg_id not in self.again and now - time_of(message.msg_id) > self.keeps:
                self.session.sent.settle(message.msg_id)

    def kept_answer(self, msg_id: int) -> Message | None:
        """The answer to ``msg_id``, if it has left and is not acknowledged."""
        return self.session.sent.about(AnswerTo(msg_id))

    def has_nothing_of(self, msg_id: int) -> bool:
        """Whether the query ``msg_id`` is neither under way nor answered, as far as is remembered."""
        return not (msg_id in self.running or msg_id in self.undecided or msg_id in self.done or self.answer_kept(msg_id))

    def answer_kept(self, msg_id: int) -> bool:
        """Whether the answer to ``msg_id`` is still here, on its way or unacknowledged."""
        return msg_id in self.answering or self.kept_answer(msg_id) is not None


def _again(message: Message) -> Item:
    """``message`` once more, under its own id."""
    return Item(
        body=message.body,
        content_related=True,
        keep=True,
        about=message.about,
        remainder=message.msg_id & 3,
        numbered=(message.msg_id, message.seq_no),
        again=True,
    )


class Sessions:
    """All sessions, by key and session id; where there are too many, those longest unused make room."""

    def __init__(self, config: ServerConfig, salt_secret: Secret) -> None:
        self._config = config
        self._salt_secret = salt_secret
        self._sessions: dict[tuple[int, int], ServerSession] = {}
        self._of_key: dict[int, dict[int, None]] = {}

    def find(self, key_id: int, session_id: int) -> ServerSession | None:
        return self._sessions.get((key_id, session_id))

    def open(self, record: StoredKey, session_id: int, draft: ServerSession | None = None) -> ServerSession:
        """The session; where there is none, ``draft`` becomes it, or it is made (see :meth:`draft`)."""
        key_id, limits = record.key.id, self._config.limits
        known = self._sessions.get((key_id, session_id))
        if known is None:
            mine = self._of_key.get(key_id, {})
            if len(mine) >= limits.sessions_per_key:
                self.end(key_id, next(iter(mine)))
            if len(self._sessions) >= limits.sessions:
                self.end(*next(iter(self._sessions)))
            known = draft if draft is not None else self.draft(record, session_id)
        # the last place is the one used latest
        self._sessions.pop((key_id, session_id), None)
        self._sessions[key_id, session_id] = known
        mine = self._of_key.setdefault(key_id, {})
        mine.pop(session_id, None)
        mine[session_id] = None
        return known

    def end(self, key_id: int, session_id: int) -> bool:
        """Forget a session; False: there is none."""
        ended = self._sessions.pop((key_id, session_id), None)
        if ended is None:
            return False
        if ended.stream is not None:
            ended.stream.detach(ended)
        mine = self._of_key[key_id]
        del mine[session_id]
        if not mine:
            del self._of_key[key_id]
        return True

    def end_key(self, key_id: int) -> None:
        """Forget all sessions of a key."""
        for session_id in tuple(self._of_key.get(key_id, ())):
            self.end(key_id, session_id)

    def shift(self, seconds: float) -> None:
        """Our clock jumped by ``seconds``."""
        for one in self._sessions.values():
            one.session.acks.shift(seconds)

    def __len__(self) -> int:
        return len(self._sessions)

    def draft(self, record: StoredKey, session_id: int) -> ServerSession:
        """A session that is not remembered. Draws 8 bytes."""
        config = self._config
        session = Session(
            record.key,
            session_id,
            Side.SERVER,
            crypto=config.crypto,
            entropy=config.entropy,
            limits=config.limits,
            timeouts=config.timeouts,
        )
        salts = ServerSalts(self._salt_secret, record.key.id, record.first_salt, record.created_at)
        unique_id = id_from_bytes(config.entropy(8))
        return ServerSession(session, salts, unique_id=unique_id, keeps=config.timeouts.unacknowledged)
