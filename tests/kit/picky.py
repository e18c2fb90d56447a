"""A server that refuses what comes behind a binding before the answer to it can have been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from mtproto_bind import RpcError, StoredKey
from mtproto_bind._connection.server import calls, sealed
from mtproto_bind._connection.server.link import Link
from mtproto_bind._connection.server.sessions import ServerSession
from mtproto_bind._session import Received
from mtproto_bind._tl import API


class Picky:
    """Takes the place of what a server does with its queries.

    A call that comes less than ``patience`` seconds after the binding of its key is answered 401 AUTH_KEY_PERM_EMPTY, or 400
    MSG_WAIT_FAILED if it follows another: ahead of the answer to the binding if ``at_once``, else behind it. The first
    bindings are refused with ``bind_errors``.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, *, patience: float = 0.0, at_once: bool = False, bind_errors: Iterable[RpcError] = ()
    ) -> None:
        self.refused: list[int] = []
        """Message ids of the calls that were."""
        self.bindings = 0
        self.on_bind: Callable[[ServerSession], None] = lambda _one: None
        self._patience = patience
        self._at_once = at_once
        self._bind_errors = list(bind_errors)
        self._bound_at: dict[int, float] = {}
        self._usual = calls.receive_query
        patch.setattr(sealed, "receive_query", self.receive_query)

    def receive_query(self, connection: Link, record: StoredKey, one: ServerSession, message: Received) -> None:
        if API.name_of(message.body) == "auth.bindTempAuthKey":
            self.bindings += 1
            self.on_bind(one)
            self._bind(connection, record, one, message)
        elif connection.now < self._bound_at.get(record.key.id, float("-inf")) + self._patience:
            self.refused.append(message.msg_id)
            follows = API.name_of(message.body) == "invokeAfterMsgs"
            error = RpcError(400, "MSG_WAIT_FAILED") if follows else RpcError(401, "AUTH_KEY_PERM_EMPTY")
            one.answer(message.msg_id, error.to_bytes())
            if self._at_once:
                one.outbox.appendleft(one.outbox.pop())
        else:
            self._usual(connection, record, one, message)

    def _bind(self, connection: Link, record: StoredKey, one: ServerSession, message: Received) -> None:
        if self._bind_errors:
            one.answer(message.msg_id, self._bind_errors.pop(0).to_bytes())
            return
        self._bound_at[record.key.id] = connection.now
        self._usual(connection, record, one, message)
