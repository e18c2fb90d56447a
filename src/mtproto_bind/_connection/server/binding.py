"""auth.bindTempAuthKey on a server: https://core.telegram.org/method/auth.bindTempAuthKey."""

from __future__ import annotations

from functools import partial

from attrs import frozen

from ..._bind import Presented, error_of, verify_key, verify_sealed, verify_time
from ..._errors import Check, SecurityError, require
from ..._events import KeyBound
from ..._handshake import KeyKind
from ..._questions import Binding, BindRequested, StoredKey
from ..._session import Received, RpcError
from ..._tl import BOOL_TRUE, BindTempAuthKey
from .claims import claim, taken_elsewhere
from .link import Link
from .sessions import ServerSession

__all__ = ["Asker", "bind"]


@frozen
class Asker:
    """Who asks: under which key, in which session, with which message."""

    record: StoredKey
    session: ServerSession
    message: Received
    """It holds the request; not a container around it."""

    @property
    def key_id(self) -> int:
        """The id of the temporary key."""
        return self.record.key.id

    @property
    def msg_id(self) -> int:
        """The id of the message."""
        return self.message.msg_id

    def answer(self, body: bytes) -> None:
        """Answer the request."""
        self.session.answer(self.msg_id, body)

    def forget(self) -> None:
        """The stream ended while the owner was asked: the request may come again, as it was."""
        self.session.forget(self.msg_id)


def bind(connection: Link, asker: Asker, request: BindTempAuthKey) -> None:
    """Verify the request, ask the owner to bind, and answer.

    Where calls are shared a binding is claimed like one: a copy of it would bind a key again that another has replaced.
    """
    claim(
        connection,
        asker.record,
        asker.session,
        asker.message,
        ours=partial(_bind, connection, asker, request),
        others=partial(_look_up, connection, asker, request),
    )


def _look_up(connection: Link, asker: Asker, request: BindTempAuthKey) -> None:
    """Another process has the request, or had it when it ended: what it has done is seen in the key."""

    def found(answer: StoredKey | None) -> None:
        record = require(answer, Check.KEY_KNOWN, "the owner does not have the key any more")
        asker.session.undecided.discard(asker.msg_id)
        if record.bound_to == request.perm_auth_key_id:
            asker.answer(BOOL_TRUE)
        else:
            taken_elsewhere(connection, asker.session, asker.message)

    asker.session.hold(asker.msg_id)
    connection.ask_for_key(asker.key_id, found, undo=asker.forget)


def _bind(connection: Link, asker: Asker, request: BindTempAuthKey) -> None:
    # the answer acknowledges it; until then nothing does
    asker.session.hold(asker.msg_id)
    known = connection.server.cached_key(request.perm_auth_key_id)
    if known is not None:
        _verify(connection, asker, request, known)
        return

    def found(permanent: StoredKey | None) -> None:
        _verify(connection, asker, request, permanent)

    connection.ask_for_key(request.perm_auth_key_id, found, undo=asker.forget)


def _verify(connection: Link, asker: Asker, request: BindTempAuthKey, permanent: StoredKey | None) -> None:
    presented = Presented(temporary_key_id=asker.key_id, session_id=asker.session.session.session_id, msg_id=asker.msg_id)
    is_permanent = permanent is not None and permanent.kind is KeyKind.PERMANENT
    key = permanent.key if permanent is not None and is_permanent else None
    # as it is now: it may have been bound while the owner was asked
    config, record = connection.server.config, connection.server.current(asker.record)
    try:
        verify_key(temporary=record.kind is KeyKind.TEMPORARY, bound_to=record.bound_to, request=request)
        verify_sealed(request, key, presented, crypto=config.crypto)
        verify_time(request.expires_at, now=connection.now, key_expires_at=record.expires_at or 0.0, limits=config.limits)
    except SecurityError as error:
        _refuse(connection, asker, error)
        return

    def decided(word: Binding, now: float) -> None:
        if word is Binding.REFUSED:
            asker.answer(RpcError(400, "ENCRYPTED_MESSAGE_INVALID").to_bytes())
            connection.refuse_bind(None)
            return
        connection.server.bound(record, request.perm_auth_key_id, now)
        # a bare boolTrue, never packed: some clients look at its first four bytes only
        asker.answer(BOOL_TRUE)
        connection.tell(KeyBound(key_id=asker.key_id, permanent_key_id=request.perm_auth_key_id, expires_at=request.expires_at))

    connection.ask(
        BindRequested(
            number=connection.asked.next_number(),
            temporary_key_id=asker.key_id,
            permanent_key_id=request.perm_auth_key_id,
            media=record.media,
            expires_at=request.expires_at,
        ),
        decided,
        undo=asker.forget,
    )


def _refuse(connection: Link, asker: Asker, error: SecurityError) -> None:
    asker.answer(error_of(error).to_bytes())
    connection.refuse_bind(error)
