"""The client's half of a binding: https://core.telegram.org/method/auth.bindTempAuthKey."""

from __future__ import annotations

from .._crypto import same
from .._errors import Check, require
from .._session import RpcError
from .._tl import BOOL_TRUE, BindTempAuthKey
from .._wire import SEALED_LENGTH, BindingRequest

__all__ = ["answer_of", "request_of"]


def request_of(request: BindingRequest, encrypted_message: bytes) -> BindTempAuthKey:
    """The call that carries a sealed binding; ``encrypted_message`` is 104 bytes.

    Raises ValueError where the 104 bytes are not a binding under the permanent key of ``request``.
    """
    if len(encrypted_message) != SEALED_LENGTH:
        raise ValueError(f"a sealed binding is {SEALED_LENGTH} bytes, got {len(encrypted_message)}")
    if not same(encrypted_message[:8], request.perm_auth_key_id.to_bytes(8, "little")):
        raise ValueError("the sealed binding is under another permanent key than the request names")
    return BindTempAuthKey(
        perm_auth_key_id=request.perm_auth_key_id,
        nonce=request.nonce,
        expires_at=request.expires_at,
        encrypted_message=encrypted_message,
    )


def answer_of(result: bytes | RpcError) -> RpcError | None:
    """The refusal in the answer to a binding; None: boolTrue, the keys are bound.

    Raises SecurityError(BIND_RESULT) for boolFalse, and for anything else that is neither boolTrue nor an error.
    """
    if isinstance(result, RpcError):
        return result
    require(result == BOOL_TRUE, Check.BIND_RESULT)
    return None
