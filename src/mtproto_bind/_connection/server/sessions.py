"""The sessions of a server: they outlive streams. https://core.telegram.org/mtproto/description#session"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from ..._config import ServerConfig
from ..._crypto import Secret, Side
from ..._ground import id_from_bytes
from ..._questions import StoredKey
from ..._session import REPLY, Item, ServerSalts, Session
from ..._tl import RpcResult

if TYPE_CHECKING:
    from .connection import ServerConnection

__all__ = ["AnswerTo", "ServerSession", "Sessions", "Update"]


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
    announced_from: int | None = None
    """first_msg_id of the new_session_created that was sent; None: it was not yet."""
    stream: ServerConnection | None = None
    """The stream that it speaks on: the one it was heard on last."""
    resend: bool = False
    outbox: deque[Item] = field(factory=deque, repr=False)
    running: dict[int, None] = field(factory=dict)
    """Calls that the owner has and has not answered."""

    def say(self, item: Item) -> None:
        """Send ``item`` when the stream is written next."""
        self.outbox.append(item)

    def answer(self, msg_id: int, body: bytes) -> None:
        """Answer the query ``msg_id``. The answer acknowledges it too, and stays until it is acknowledged itself."""
        self.session.acks.drop(msg_id)
        result = RpcResult(req_msg_id=msg_id, result=body).to_bytes()
        self.say(Item(body=result, content_related=True, keep=True, about=AnswerTo(msg_id), remainder=REPLY))

    def repeat_answer(self, msg_id: int) -> None:
        """The query came again: its answer leaves again too, if it is not on its way."""
        for message in self.session.sent.all():
            if message.about == AnswerTo(msg_id):
                numbered = (message.msg_id, message.seq_no)
                self.say(
                    Item(
                        body=message.body,
                        content_related=True,
                        keep=True,
                        about=message.about,
                        remainder=REPLY,
                        numbered=numbered,
                        again=True,
                    )
                )

    def answer_kept(self, msg_id: int) -> bool:
        """Whether the answer to ``msg_id`` is still here, on its way or unacknowledged."""
        about = AnswerTo(msg_id)
        return any(message.about == about for message in self.session.sent.all()) or any(
            item.about == about for item in self.outbox
        )


class Sessions:
    """All sessions, by key and session id, the longest unused first."""

    def __init__(self, config: ServerConfig, salt_secret: Secret) -> None:
        self._config = config
        self._salt_secret = salt_secret
        self._sessions: dict[tuple[int, int], ServerSession] = {}

    def find(self, key_id: int, session_id: int) -> ServerSession | None:
        return self._sessions.get((key_id, session_id))

    def open(self, record: StoredKey, session_id: int) -> ServerSession:
        """The session, made if there is none (draws 8 bytes then); those longest unused make room."""
        name = (record.key.id, session_id)
        known = self._sessions.pop(name, None) or self._make(record, session_id)
        self._sessions[name] = known
        return known

    def of_key(self, key_id: int) -> Iterator[ServerSession]:
        """Every session of one key."""
        return (one for (owner, _), one in self._sessions.items() if owner == key_id)

    def end(self, key_id: int, session_id: int) -> bool:
        """Forget a session; False: there is none."""
        return self._sessions.pop((key_id, session_id), None) is not None

    def end_key(self, key_id: int) -> None:
        """Forget all sessions of a key."""
        for name in [name for name in self._sessions if name[0] == key_id]:
            del self._sessions[name]

    def __len__(self) -> int:
        return len(self._sessions)

    def _make(self, record: StoredKey, session_id: int) -> ServerSession:
        config = self._config
        mine = [name for name in self._sessions if name[0] == record.key.id]
        if len(mine) >= config.limits.sessions_per_key:
            del self._sessions[mine[0]]
        if len(self._sessions) >= config.limits.sessions:
            del self._sessions[next(iter(self._sessions))]
        session = Session(
            record.key,
            session_id,
            Side.SERVER,
            crypto=config.crypto,
            entropy=config.entropy,
            limits=config.limits,
            timeouts=config.timeouts,
        )
        salts = ServerSalts(self._salt_secret, record.key.id, record.first_salt, record.created_at, config.crypto)
        return ServerSession(session, salts, unique_id=id_from_bytes(config.entropy(8)))
