"""auth.bindTempAuthKey on a server: https://core.telegram.org/method/auth.bindTempAuthKey."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from ..._bind import Presented, error_of, verify_key, verify_sealed, verify_time
from ..._errors import SecurityError
from ..._events import KeyBound
from ..._handshake import KeyKind
from ..._questions import Binding, BindRequested, KeyNeeded, StoredKey
from ..._session import RpcError
from ..._tl import BOOL_TRUE, BindTempAuthKey
from .sessions import ServerSession

if TYPE_CHECKING:
    from .connection import ServerConnection

__all__ = ["Asker", "bind"]


@frozen
class Asker:
    """Who asks: under which key, in which session, with which message."""

    key_id: int
    session: ServerSession
    msg_id: int
    """Of the message that holds the request, not of a container around it."""


def bind(connection: ServerConnection, asker: Asker, request: BindTempAuthKey) -> None:
    """Verify the request, ask the owner to bind, and answer."""
    record = connection.server.cached_key(asker.key_id)
    if record is None:
        return
    try:
        verify_key(temporary=record.kind is KeyKind.TEMPORARY, bound_to=record.bound_to, request=request)
    except SecurityError as error:
        _refuse(connection, asker, error)
        return
    known = connection.server.cached_key(request.perm_auth_key_id)
    if known is not None:
        _verify(connection, asker, request, record, known)
        return

    def found(permanent: StoredKey | None, _now: float) -> None:
        if permanent is not None:
            connection.server.cache_key(permanent)
        _verify(connection, asker, request, record, permanent)

    connection.ask(KeyNeeded(number=connection.asked.next_number(), key_id=request.perm_auth_key_id), found)


def _verify(
    connection: ServerConnection, asker: Asker, request: BindTempAuthKey, record: StoredKey, permanent: StoredKey | None
) -> None:
    presented = Presented(temporary_key_id=asker.key_id, session_id=asker.session.session.session_id, msg_id=asker.msg_id)
    is_permanent = permanent is not None and permanent.kind is KeyKind.PERMANENT
    key = permanent.key if permanent is not None and is_permanent else None
    config = connection.server.config
    try:
        verify_sealed(request, key, presented, crypto=config.crypto)
        verify_time(request.expires_at, now=connection.now, key_expires_at=record.expires_at or 0.0, limits=config.limits)
    except SecurityError as error:
        _refuse(connection, asker, error)
        return

    def decided(word: Binding, now: float) -> None:
        if word is Binding.REFUSED:
            asker.session.answer(asker.msg_id, RpcError(400, "ENCRYPTED_MESSAGE_INVALID").to_bytes())
            return
        connection.server.bound(asker.key_id, request.perm_auth_key_id, now)
        # a bare boolTrue, never packed: some clients look at its first four bytes only
        asker.session.answer(asker.msg_id, BOOL_TRUE)
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
    )


def _refuse(connection: ServerConnection, asker: Asker, error: SecurityError) -> None:
    asker.session.answer(asker.msg_id, error_of(error).to_bytes())
    connection.refuse_bind(error)
