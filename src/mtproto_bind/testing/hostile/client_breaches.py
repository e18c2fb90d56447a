"""Every rule that a client can break, and the one value by which a ``HostileClient`` breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ..._crypto import AuthKey
from ..._errors import Check
from ..._limits import Limits
from ..._tl import HelpGetConfig, InvokeWithoutUpdates
from . import alterations as by
from .breach import Breach, Role
from .calling import Agreed

__all__ = ["BY_CLIENT"]

SMALL: Final = 600
"""An exponent: 3 to this power is below 2^1984."""
NOBODY: Final = AuthKey(bytes(range(256)))
"""A key that no server has, and anybody can have."""
DAY: Final = 86400

CONTAINED: Final = {"call.in_container": True}
PACKED: Final = {"call.packed": True}
EIGHT_BYTES: Final = {"call.query": InvokeWithoutUpdates(query=HelpGetConfig().to_bytes()).to_bytes()}
"""A call whose shortest padding is a block and more."""


def _broken(
    check: Check,
    how: str,
    point: str,
    alter: by.Alter,
    variant: str = "",
    given: Mapping[str, Any] | None = None,
    says: str = "transport_error -404",
) -> Breach:
    # a server that does not know how a stream is framed ends it without a word
    ends = says.startswith("transport_error") or not says
    return Breach(
        check=check,
        by=Role.CLIENT,
        how=how,
        point=point,
        alter=alter,
        variant=variant,
        given=given or {},
        says=says,
        ends_stream=ends,
    )


def _invented(agreed: Agreed, _earlier: Mapping[str, Any]) -> Agreed:
    return Agreed(NOBODY, agreed.salt, agreed.expires_at)


def _before_the_first(_msg_id: int, earlier: Mapping[str, Any]) -> Any:
    return earlier["call.msg_id"] + by.BEFORE


HANDSHAKE: Final = (
    _broken(Check.HANDSHAKE_KNOWN, "another nonce in req_DH_params", "req_dh_params.nonce", by.flipped),
    _broken(
        Check.HANDSHAKE_KNOWN, "another server_nonce in req_DH_params", "req_dh_params.server_nonce", by.flipped, "server_nonce"
    ),
    _broken(Check.HANDSHAKE_KNOWN, "another nonce in set_client_DH_params", "set_client_dh_params.nonce", by.flipped, "share"),
    _broken(Check.HANDSHAKE_KNOWN, "set_client_DH_params before req_DH_params", "req_dh_params.skipped", by.to(True), "order"),
    _broken(Check.HANDSHAKE_KNOWN, "dh_gen_ok from a client", "plain.answer_sent", by.to(True), "answer"),
    _broken(
        Check.HANDSHAKES_PER_PEER,
        "one handshake more than a peer may begin",
        "probes",
        by.to(Limits().handshakes_per_peer + 1),
        says="transport_error -429",
    ),
    _broken(Check.PQ_ECHO, "another p in req_DH_params", "req_dh_params.p", by.flipped),
    _broken(Check.PQ_ECHO, "another q in req_DH_params", "req_dh_params.q", by.flipped, "q"),
    _broken(Check.FINGERPRINT, "another public_key_fingerprint", "req_dh_params.fingerprint", by.flipped),
    _broken(
        Check.ENCRYPTED_DATA_SIZE,
        "an encrypted_data of 257 bytes, if by a leading zero",
        "req_dh_params.encrypted_data",
        lambda data, _: bytes(1) + data,
    ),
    _broken(
        Check.ENCRYPTED_DATA_SIZE,
        "an encrypted_data that is no number below the modulus",
        "req_dh_params.encrypted_data",
        by.to(b"\xff" * 256),
        "modulus",
    ),
    _broken(Check.RSA_PAD_HASH, "another hash in RSA_PAD", "rsa_pad.error_in_hash", by.flipped),
    _broken(Check.INNER_DATA_ECHO, "another pq in the inner data", "inner_data.pq", by.flipped),
    _broken(Check.INNER_DATA_ECHO, "another p in the inner data", "inner_data.p", by.flipped, "p"),
    _broken(Check.INNER_DATA_ECHO, "another q in the inner data", "inner_data.q", by.flipped, "q"),
    _broken(Check.INNER_DATA_ECHO, "another nonce in the inner data", "inner_data.nonce", by.flipped, "nonce"),
    _broken(
        Check.INNER_DATA_ECHO, "another server_nonce in the inner data", "inner_data.server_nonce", by.flipped, "server_nonce"
    ),
    _broken(Check.DATA_CENTER, "another data centre", "inner_data.dc", by.plus(1), says="transport_error -444"),
    _broken(
        Check.DATA_CENTER,
        "the test data centre of the same number",
        "inner_data.dc",
        by.plus(10_000),
        "test",
        says="transport_error -444",
    ),
    _broken(Check.EXPIRES_IN, "a temporary key for no time", "inner_data.expires_in", by.to(0)),
    _broken(Check.EXPIRES_IN, "a temporary key for less than no time", "inner_data.expires_in", by.to(-DAY), "negative"),
    _broken(
        Check.CLIENT_DATA_LENGTH,
        "an encrypted_data that ends within a block",
        "set_client_dh_params.encrypted_data",
        by.plus(bytes(4)),
    ),
    _broken(
        Check.CLIENT_DATA_LENGTH,
        "an encrypted_data of one block",
        "set_client_dh_params.encrypted_data",
        by.to(bytes(16)),
        "short",
    ),
    _broken(Check.CLIENT_DATA_SHA1, "another SHA-1 before client_DH_inner_data", "client_dh_inner.sha1", by.flipped),
    _broken(Check.CLIENT_DATA_PADDING, "a block more behind client_DH_inner_data", "client_dh_inner.padding", by.plus(bytes(16))),
    _broken(Check.CLIENT_INNER_NONCE, "another nonce in client_DH_inner_data", "client_dh_inner.nonce", by.flipped),
    _broken(
        Check.CLIENT_INNER_NONCE,
        "another server_nonce in client_DH_inner_data",
        "client_dh_inner.server_nonce",
        by.flipped,
        "server_nonce",
    ),
    _broken(Check.G_B_RANGE, "a g_b below 2^1984, by a small b", "dh.b", by.to(SMALL)),
    _broken(Check.G_B_RANGE, "g_b = 1", "dh.b", by.to(0), "one"),
    _broken(Check.RETRY_ID, "a retry_id where nothing was refused", "client_dh_inner.retry_id", by.to(1)),
    _broken(Check.REQUEST_CHANGED, "another req_DH_params once the first is answered", "req_dh_params.again", by.to(True)),
    _broken(
        Check.REQUEST_CHANGED,
        "another set_client_DH_params once the key is made",
        "set_client_dh_params.again",
        by.to(True),
        "share",
    ),
)

_notified = partial("bad_msg_notification {}".format)

SESSION: Final = (
    _broken(Check.DETECTION, "an HTTP request", "stream.beginning", by.to(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), says=""),
    _broken(Check.FRAME_LIMIT, "a frame longer than any message", "call.frames", by.frames_too_long),
    _broken(Check.KEY_KNOWN, "a call under another auth_key_id", "call.key_id", by.flipped),
    _broken(Check.MSG_KEY, "a call whose msg_key is not its hash; it decrypts nevertheless", "call.msg_key", by.flipped),
    _broken(Check.MESSAGE_LENGTH, "a call with a message_data_length of odd words", "call.length", by.plus(-2)),
    _broken(Check.MESSAGE_LENGTH, "a call with a message_data_length beyond its end", "call.length", by.plus(4096), "beyond"),
    _broken(Check.MESSAGE_PADDING, "a call with more than 1024 bytes of padding", "call.padding", by.plus(bytes(1024))),
    _broken(
        Check.MESSAGE_PADDING,
        "a call with fewer than 12 bytes of padding",
        "call.padding",
        by.short_padding,
        "short",
        EIGHT_BYTES,
    ),
    _broken(Check.CLIENT_MSG_ID, "a call whose id is odd", "call.msg_id", by.plus(1), says=_notified(18)),
    _broken(
        Check.CLIENT_MSG_ID,
        "the same inside a container",
        "call.messages",
        by.changed(0, by.plus(1)),
        "contained",
        CONTAINED,
        _notified(18),
    ),
    _broken(Check.MSG_ID_SEEN, "a call twice", "call.frames", by.twice, says="rpc_result"),
    _broken(Check.MSG_ID_WINDOW, "a call that is 400 seconds old", "call.msg_id", by.plus(-400 * by.SECOND), says=_notified(16)),
    _broken(
        Check.MSG_ID_WINDOW,
        "a call that is 60 seconds ahead of time",
        "call.msg_id",
        by.plus(60 * by.SECOND),
        "future",
        says=_notified(17),
    ),
    _broken(Check.SERVER_SALT, "a call with another salt", "call.salt", by.flipped, says="bad_server_salt"),
    _broken(Check.SEQ_NO_ODD, "a call with an even seq_no", "call.seq_no", by.plus(1), says=_notified(35)),
    _broken(Check.SEQ_NO_EVEN, "a container with an odd seq_no", "call.seq_no", by.plus(1), "", CONTAINED, _notified(34)),
    _broken(
        Check.SEQ_NO_ORDER,
        "a second call with the seq_no of the first",
        "second_call.seq_no",
        lambda _, earlier: earlier["call.seq_no"],
        says=_notified(32),
    ),
    _broken(
        Check.SEQ_NO_ORDER,
        "a second call with an id below the first",
        "second_call.msg_id",
        _before_the_first,
        "high",
        says=_notified(33),
    ),
    _broken(
        Check.CONTAINER_COUNT, "a container of 1025 messages", "call.messages", by.crowded, "", CONTAINED, "transport_error -429"
    ),
    _broken(
        Check.CONTAINER_BOUNDS, "a container with something behind its messages", "call.tail", by.plus(bytes(4)), "", CONTAINED
    ),
    _broken(
        Check.CONTAINER_BOUNDS,
        "a contained message beyond the end",
        "call.messages",
        by.changed(2, by.plus(4096)),
        "beyond",
        CONTAINED,
    ),
    _broken(Check.CONTAINER_NESTED, "a container in a container", "call.messages", by.nested, "", CONTAINED),
    _broken(
        Check.CONTAINER_IDS, "a container with a lower id than what it holds", "call.msg_id", by.plus(by.BEFORE), "", CONTAINED
    ),
    _broken(Check.CONTAINER_SEEN, "a container twice", "call.frames", by.twice, "", CONTAINED, _notified(19)),
    _broken(
        Check.GZIP, "a packed call that is cut off", "call.packed_data", by.cut, "", PACKED, "rpc_error 400 INPUT_FETCH_ERROR"
    ),
    _broken(
        Check.GZIP,
        "a packed call of more than 16 MiB",
        "call.packed_data",
        by.bomb,
        "bomb",
        PACKED,
        "rpc_error 400 INPUT_FETCH_ERROR",
    ),
    _broken(
        Check.GZIP, "a call packed twice", "call.packed_data", by.packed_twice, "twice", PACKED, "rpc_error 400 INPUT_FETCH_ERROR"
    ),
    _broken(
        Check.GZIP,
        "a call packed twice, with a wrapper between",
        "call.packed_data",
        by.packed_in_wrapper,
        "wrapped",
        PACKED,
        "rpc_error 400 INPUT_FETCH_ERROR",
    ),
    _broken(
        Check.ID_COUNT,
        "an acknowledgement of 8193 messages",
        "ack.msg_ids",
        by.to(tuple(range(1, Limits().ids + 2))),
        says="transport_error -429",
    ),
    _broken(Check.UNBOUND_CALL, "a call before the binding", "bind.sent", by.to(False), says="rpc_error 401 AUTH_KEY_PERM_EMPTY"),
)

_sealed = partial(_broken, says="rpc_error 400 ENCRYPTED_MESSAGE_INVALID")

BINDING: Final = (
    _broken(
        Check.BIND_KEY_KIND,
        "the binding under the permanent key",
        "bind.under_permanent",
        by.to(True),
        says="rpc_error 400 TEMP_AUTH_KEY_EMPTY",
    ),
    _broken(
        Check.BIND_OTHER_KEY,
        "the bound key to another permanent key",
        "bind.again_to_other",
        by.to(True),
        says="rpc_error 400 TEMP_AUTH_KEY_ALREADY_BOUND",
    ),
    _broken(
        Check.EXPIRES_AT_RANGE,
        "an expires_at an hour after the end of the key",
        "bind.expires_at",
        by.plus(3600),
        says="rpc_error 400 EXPIRES_AT_INVALID",
    ),
    _broken(
        Check.EXPIRES_AT_RANGE,
        "an expires_at in the past",
        "bind.expires_at",
        by.plus(-DAY - 1),
        "past",
        says="rpc_error 400 EXPIRES_AT_INVALID",
    ),
    _sealed(Check.BIND_LENGTH, "an encrypted_message of 120 bytes", "bind_message.padding", by.plus(bytes(16))),
    _sealed(Check.BIND_KEY_ID, "a permanent key that the server has not", "bind.permanent_key", _invented),
    _sealed(
        Check.BIND_KEY_ID,
        "an encrypted_message under another key than is named outside",
        "bind.sealing_key",
        by.to(NOBODY),
        "other",
    ),
    _sealed(
        Check.BIND_MSG_KEY, "an inner msg_key that is not the hash; it decrypts nevertheless", "bind_message.msg_key", by.flipped
    ),
    _sealed(Check.BIND_SEQ_NO, "the inner seq_no 1", "bind_message.seq_no", by.to(1)),
    _sealed(Check.BIND_INNER_LENGTH, "an inner message of 36 bytes", "bind_message.length", by.plus(-4)),
    _sealed(Check.BIND_CONSTRUCTOR, "another constructor inside", "bind_inner.constructor", by.flipped),
    _sealed(Check.BIND_MSG_ID, "another msg_id inside", "bind_message.msg_id", by.plus(4)),
    _sealed(Check.BIND_NONCE, "another nonce inside", "bind_inner.nonce", by.flipped),
    _sealed(Check.BIND_TEMPORARY_KEY, "another temp_auth_key_id inside", "bind_inner.temp_auth_key_id", by.flipped),
    _sealed(Check.BIND_PERMANENT_KEY, "another perm_auth_key_id inside", "bind_inner.perm_auth_key_id", by.flipped),
    _sealed(Check.BIND_SESSION, "another temp_session_id inside", "bind_inner.temp_session_id", by.flipped),
    _sealed(Check.BIND_EXPIRES_AT, "another expires_at inside", "bind_inner.expires_at", by.flipped),
)

BY_CLIENT: Final = (*HANDSHAKE, *SESSION, *BINDING)
