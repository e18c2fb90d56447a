"""Answers to what was called: https://core.telegram.org/mtproto/service_messages#response-to-an-rpc-query."""

from __future__ import annotations

from ..._errors import Check, require
from ..._events import CallId
from ..._keys import Slot
from ..._session import Message, RpcError, read_result
from ..._tl import RpcResult
from .binding import bind_answered
from .state import ClientState

__all__ = ["result_came"]

UNBOUND = "AUTH_KEY_PERM_EMPTY"
"""The server does not hold the temporary key for bound (any more)."""
NOT_WAITED_FOR = frozenset({"MSG_WAIT_FAILED", "MSG_WAIT_TIMEOUT"})
"""A call named in invokeAfterMsgs failed, or was not there. https://core.telegram.org/api/invoking"""
STRANGERS = frozenset({"CONNECTION_NOT_INITED", "CONNECTION_LAYER_INVALID"})
"""The server has forgotten who calls."""


def result_came(state: ClientState, slot: Slot, thing: RpcResult) -> None:
    """An rpc_result under the key of ``slot``. Raises SecurityError(RESULT_TARGET) where nothing was asked."""
    state.envelope_refusals = 0
    message = slot.session.sent.get(thing.req_msg_id)
    if message is None:
        # the call was cancelled or given up, or had its answer already
        require(slot.session.sent.lately(thing.req_msg_id), Check.RESULT_TARGET)
        return
    result = read_result(thing.result, state.config.limits)
    slot.session.sent.settle(thing.req_msg_id)
    if isinstance(message.about, int):
        _call_answered(state, slot, message, CallId(message.about), result)
    else:
        bind_answered(state, slot, result)


def _call_answered(state: ClientState, slot: Slot, message: Message, call_id: CallId, result: bytes | RpcError) -> None:
    if not isinstance(result, RpcError):
        slot.introduced = True
        state.tell(state.calls.answered(call_id, result))
        return
    if result.message == UNBOUND and result.code == 401:
        # what went out beside this call is refused alike, but only this one is known to be
        state.abandon(call_id, message.times_sent == 1, result.message)
        if message.msg_id > slot.bound_after:
            slot.refused = True
    elif result.message in STRANGERS and state.config.api is not None:
        slot.introduced = False
        state.abandon(call_id, message.times_sent == 1, result.message)
    elif result.message in NOT_WAITED_FOR and state.calls.has_to_wait(call_id):
        # the server did not know the one before by the id that it had then
        state.abandon(call_id, message.times_sent == 1, result.message)
    else:
        state.tell(state.calls.failed(call_id, result))
