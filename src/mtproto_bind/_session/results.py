"""What an rpc_result holds: https://core.telegram.org/mtproto/service_messages#response-to-an-rpc-query."""

from __future__ import annotations

from attrs import frozen

from .._limits import Limits
from .._tl import SERVICE
from .._tl import RpcError as RpcErrorObject
from .incoming import unpacked

__all__ = ["RpcError", "read_result"]


@frozen
class RpcError:
    """The server's error: ``code`` as an HTTP status or negative, ``message`` in capitals, perhaps with a number in it."""

    code: int
    message: str

    def to_bytes(self) -> bytes:
        """As ``rpc_error``, boxed."""
        return RpcErrorObject(error_code=self.code, error_message=self.message.encode()).to_bytes()


def read_result(result: bytes, limits: Limits) -> bytes | RpcError:
    """The object of a result, unpacked; an rpc_error as such.

    Raises SecurityError(GZIP), MalformedMessage.
    """
    body = unpacked(result, limits)
    error = SERVICE.read_whole(body) if SERVICE.name_of(body) == "rpc_error" else None
    if not isinstance(error, RpcErrorObject):
        return body
    # an unexpected text must not break anything
    return RpcError(error.error_code, error.error_message.decode("utf-8", "replace"))
