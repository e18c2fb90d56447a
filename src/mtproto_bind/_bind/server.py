"""The server's half: every field of a binding verified, and one answer for every fault of the sealed part.

https://core.telegram.org/method/auth.bindTempAuthKey
"""

from __future__ import annotations

from attrs import frozen

from .._crypto import AuthKey, Crypto, same
from .._errors import Check, SecurityError, require
from .._limits import Limits
from .._session import RpcError
from .._tl import BindTempAuthKey
from .._wire import BindingInner, open_binding

__all__ = ["Presented", "error_of", "verify_key", "verify_sealed", "verify_time"]

NOBODY = AuthKey(bytes(range(256)))
"""Opens the binding of a permanent key that does not exist, so that its refusal takes as long as any other."""


@frozen(kw_only=True)
class Presented:
    """The circumstances in which a binding came: they have to be the ones sealed in it."""

    temporary_key_id: int
    session_id: int
    msg_id: int
    """Of the message that holds the request, not of a container around it."""


def verify_key(*, temporary: bool, bound_to: int | None, request: BindTempAuthKey) -> None:
    """The key that the request came under is a temporary one, and not another's."""
    require(temporary, Check.BIND_KEY_KIND)
    require(bound_to is None or _same(bound_to, request.perm_auth_key_id), Check.BIND_OTHER_KEY)


def verify_sealed(request: BindTempAuthKey, permanent_key: AuthKey | None, presented: Presented, *, crypto: Crypto) -> None:
    """Open ``encrypted_message`` with the permanent key (None: there is none) and compare it with its circumstances.

    Raises SecurityError with the Check that failed first: for our own log. The peer is told the same for all.
    """
    require(len(request.encrypted_message) == 104, Check.BIND_LENGTH, f"{len(request.encrypted_message)} bytes")
    inner = _open(request, permanent_key, crypto)
    require(inner.msg_id == presented.msg_id, Check.BIND_MSG_ID)
    require(_same(inner.nonce, request.nonce), Check.BIND_NONCE)
    require(_same(inner.temp_auth_key_id, presented.temporary_key_id), Check.BIND_TEMPORARY_KEY)
    require(_same(inner.perm_auth_key_id, request.perm_auth_key_id), Check.BIND_PERMANENT_KEY)
    require(_same(inner.temp_session_id, presented.session_id), Check.BIND_SESSION)
    require(inner.expires_at == request.expires_at, Check.BIND_EXPIRES_AT)


def verify_time(expires_at: int, *, now: float, key_expires_at: float, limits: Limits) -> None:
    """``expires_at`` (server unix seconds) is to come, and at most the tolerance after the end of the key."""
    require(now < expires_at <= key_expires_at + limits.expires_at_tolerance, Check.EXPIRES_AT_RANGE)


def error_of(error: SecurityError) -> RpcError:
    """The public name of a refusal. Every fault of the sealed part has the same."""
    names = {
        Check.BIND_KEY_KIND: "TEMP_AUTH_KEY_EMPTY",
        Check.BIND_OTHER_KEY: "TEMP_AUTH_KEY_ALREADY_BOUND",
        Check.EXPIRES_AT_RANGE: "EXPIRES_AT_INVALID",
    }
    return RpcError(400, names.get(error.check, "ENCRYPTED_MESSAGE_INVALID"))


def _open(request: BindTempAuthKey, permanent_key: AuthKey | None, crypto: Crypto) -> BindingInner:
    sealed = request.encrypted_message
    known = permanent_key is not None and same(sealed[:8], request.perm_auth_key_id.to_bytes(8, "little"))
    # the same work is done for a key that does not exist, so that time tells nothing
    key = permanent_key if permanent_key is not None and known else NOBODY
    try:
        inner = open_binding(key.id.to_bytes(8, "little") + sealed[8:], key, crypto=crypto)
    except SecurityError:
        require(known, Check.BIND_KEY_ID)
        raise
    require(known, Check.BIND_KEY_ID)
    return inner


def _same(left: int, right: int) -> bool:
    return same(left.to_bytes(8, "little"), right.to_bytes(8, "little"))
