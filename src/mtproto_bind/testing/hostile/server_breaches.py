"""Every rule that a server can break, and the one value by which a ``HostileServer`` breaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..._crypto import KNOWN_PRIME
from ..._errors import Check
from ..._ground import to_minimal
from ..._limits import Limits
from ..._tl import BOOL_FALSE
from . import alterations as by
from .breach import Breach, Role

__all__ = ["BY_SERVER"]

# g = 3 fits all of them
TOO_SHORT: Final = (1 << 2046) + 5909755
"""Safe, and of 2047 bits."""
NOT_SAFE: Final = KNOWN_PRIME + 570
"""Prime, but its half is not."""
NOT_PRIME: Final = KNOWN_PRIME + 7872
"""Not prime, but its half is."""

SMALL: Final = 600
"""An exponent: 3 to this power is below 2^1984."""
TRUE: Final = bytes.fromhex("39d3ed3f")
"""``true#3fedd339 = True``, which is no Bool."""
NEVER_SENT: Final = -4 * by.SECOND

PARAMS_FAIL: Final = {"server_dh_params.fails": True}
RETRY: Final = {"dh_gen.retries": 1}
FAIL: Final = {"dh_gen.fails": True}
UPDATE: Final = {"update.sent": True}
CONTAINED: Final = {"result.in_container": True}
PACKED: Final = {"result.packed": True}
SALT_REFUSED: Final = {"call.refused": "salt"}
ID_REFUSED: Final = {"call.refused": "id"}


def _broken(
    check: Check, how: str, point: str, alter: by.Alter, variant: str = "", given: Mapping[str, Any] | None = None
) -> Breach:
    return Breach(check=check, by=Role.SERVER, how=how, point=point, alter=alter, variant=variant, given=given or {})


HANDSHAKE: Final = (
    _broken(Check.NONCE, "another nonce in resPQ", "res_pq.nonce", by.flipped),
    _broken(Check.NONCE, "another nonce in server_DH_params_ok", "server_dh_params.nonce", by.flipped, "params"),
    _broken(Check.NONCE, "another nonce in server_DH_params_fail", "server_dh_params.nonce", by.flipped, "refusal", PARAMS_FAIL),
    _broken(Check.NONCE, "another nonce in dh_gen_ok", "dh_gen_ok.nonce", by.flipped, "ok"),
    _broken(Check.NONCE, "another nonce in dh_gen_retry", "dh_gen_retry.nonce", by.flipped, "retry", RETRY),
    _broken(Check.NONCE, "another nonce in dh_gen_fail", "dh_gen_fail.nonce", by.flipped, "fail", FAIL),
    _broken(Check.SERVER_NONCE, "another server_nonce in server_DH_params_ok", "server_dh_params.server_nonce", by.flipped),
    _broken(Check.SERVER_NONCE, "another server_nonce in dh_gen_ok", "dh_gen_ok.server_nonce", by.flipped, "ok"),
    _broken(Check.TRUSTED_KEY, "no fingerprint but one that nobody knows", "res_pq.fingerprints", by.to((1,))),
    _broken(Check.PQ_SIZE, "an even pq", "res_pq.pq", by.to(to_minimal(2 * 1402015859))),
    _broken(Check.PQ_SIZE, "a pq of 64 bits", "res_pq.pq", by.to(to_minimal(4294967279 * 4294967291)), "large"),
    _broken(Check.PQ_SIZE, "a pq of nine bytes, if by a leading zero", "res_pq.pq", lambda pq, _: bytes(1) + pq, "long"),
    _broken(Check.PQ_COMPOSITE, "a pq that is prime", "res_pq.pq", by.to(to_minimal((1 << 61) - 1))),
    _broken(Check.PQ_COMPOSITE, "a pq that is a square", "res_pq.pq", by.to(to_minimal(1229739323**2)), "square"),
    _broken(
        Check.NEW_NONCE_HASH,
        "server_DH_params_fail with another hash",
        "server_dh_params.new_nonce_hash",
        by.flipped,
        "",
        PARAMS_FAIL,
    ),
    _broken(
        Check.ANSWER_LENGTH,
        "an encrypted_answer that ends within a block",
        "server_dh_params.encrypted_answer",
        by.plus(bytes(4)),
    ),
    _broken(
        Check.ANSWER_LENGTH, "an encrypted_answer of one block", "server_dh_params.encrypted_answer", by.to(bytes(16)), "short"
    ),
    _broken(
        Check.ANSWER_LENGTH,
        "an encrypted_answer of kilobytes",
        "server_dh_params.encrypted_answer",
        by.plus(bytes(Limits().handshake_inner)),
        "long",
    ),
    _broken(Check.ANSWER_SHA1, "another SHA-1 before server_DH_inner_data", "server_dh_inner.sha1", by.flipped),
    _broken(Check.ANSWER_PADDING, "a block more behind server_DH_inner_data", "server_dh_inner.padding", by.plus(bytes(16))),
    _broken(Check.INNER_NONCE, "another nonce in server_DH_inner_data", "server_dh_inner.nonce", by.flipped),
    _broken(Check.INNER_SERVER_NONCE, "another server_nonce in server_DH_inner_data", "server_dh_inner.server_nonce", by.flipped),
    _broken(Check.DH_PRIME_SIZE, "a safe prime of 2047 bits", "dh.prime", by.to(TOO_SHORT)),
    _broken(Check.DH_PRIME_SAFE, "a prime whose half is not prime", "dh.prime", by.to(NOT_SAFE)),
    _broken(Check.DH_PRIME_SAFE, "a number that is not prime, though its half is", "dh.prime", by.to(NOT_PRIME), "composite"),
    *(_broken(Check.DH_GENERATOR, f"g = {g}", "dh.g", by.to(g), "" if g == 5 else f"{g}") for g in (5, 2, 6, 1, 8, 9)),
    _broken(Check.G_A_RANGE, "a g_a below 2^1984, by a small a", "dh.a", by.to(SMALL)),
    _broken(Check.G_A_RANGE, "g_a = 1", "dh.a", by.to(0), "one"),
    _broken(
        Check.G_A_RANGE,
        "a g_a less than 2^1984 below dh_prime",
        "dh.g_a",
        lambda _, earlier: earlier["dh.prime"] - 3**SMALL,
        "high",
    ),
    _broken(Check.NEW_NONCE_HASH1, "another hash in dh_gen_ok", "dh_gen_ok.new_nonce_hash", by.flipped),
    _broken(Check.NEW_NONCE_HASH2, "another hash in dh_gen_retry", "dh_gen_retry.new_nonce_hash", by.flipped, "", RETRY),
    _broken(Check.NEW_NONCE_HASH3, "another hash in dh_gen_fail", "dh_gen_fail.new_nonce_hash", by.flipped, "", FAIL),
    _broken(Check.DH_RETRY_LIMIT, "dh_gen_retry once more than anybody bears", "dh_gen.retries", by.to(Limits().dh_retries + 1)),
    _broken(Check.MSG_ID_PARITY, "resPQ in a message whose id is divisible by four", "res_pq.msg_id", by.plus(-1), "plain"),
)
SESSION: Final = (
    _broken(Check.PLAINTEXT_AWAITED, "dh_gen_ok in the clear, when no handshake is going on", "plain.unasked", by.to(True)),
    _broken(Check.KEY_KNOWN, "a result under another auth_key_id", "result.key_id", by.flipped),
    _broken(Check.MSG_KEY, "a result whose msg_key is not its hash; it decrypts nevertheless", "result.msg_key", by.flipped),
    _broken(Check.MESSAGE_LENGTH, "a result with a message_data_length of odd words", "result.length", by.plus(-2)),
    _broken(Check.MESSAGE_LENGTH, "a result with a message_data_length beyond its end", "result.length", by.plus(4096), "beyond"),
    _broken(Check.MESSAGE_LENGTH, "a result with a negative message_data_length", "result.length", by.to(-4), "negative"),
    _broken(Check.MESSAGE_PADDING, "a result with more than 1024 bytes of padding", "result.padding", by.plus(bytes(1024))),
    _broken(Check.MESSAGE_PADDING, "a result with fewer than 12 bytes of padding", "result.padding", by.short_padding, "short"),
    _broken(Check.SESSION_ID, "a result for another session", "result.session_id", by.flipped),
    _broken(Check.MSG_ID_PARITY, "a result in a message whose id is divisible by four", "result.msg_id", by.plus(-1)),
    _broken(
        Check.MSG_ID_PARITY, "the same inside a container", "result.messages", by.changed(0, by.plus(-1)), "contained", CONTAINED
    ),
    _broken(
        Check.MSG_ID_PARITY, "a container whose id is divisible by four", "result.msg_id", by.plus(-1), "container", CONTAINED
    ),
    _broken(
        Check.MSG_ID_PARITY,
        "a message of such an id behind a result that is in order",
        "result.messages",
        by.even_last,
        "last",
        CONTAINED,
    ),
    _broken(Check.MSG_ID_SEEN, "an update twice", "update.frames", by.twice, "", UPDATE),
    _broken(Check.MSG_ID_SEEN, "two messages of one id in a container", "result.messages", by.same_ids, "contained", CONTAINED),
    _broken(Check.MSG_ID_WINDOW, "a result that is 400 seconds old", "result.msg_id", by.plus(-400 * by.SECOND)),
    _broken(Check.MSG_ID_WINDOW, "a result that is 60 seconds ahead of time", "result.msg_id", by.plus(60 * by.SECOND), "future"),
    _broken(Check.CONTAINER_COUNT, "a container of 1025 messages", "result.messages", by.crowded, "", CONTAINED),
    _broken(Check.CONTAINER_COUNT, "a container of -1 messages", "result.count", by.to(-1), "negative", CONTAINED),
    _broken(
        Check.CONTAINER_BOUNDS, "a container with something behind its messages", "result.tail", by.plus(bytes(4)), "", CONTAINED
    ),
    _broken(
        Check.CONTAINER_BOUNDS,
        "a contained message beyond the end",
        "result.messages",
        by.changed(2, by.plus(4096)),
        "beyond",
        CONTAINED,
    ),
    _broken(Check.CONTAINER_NESTED, "a container in a container", "result.messages", by.nested, "", CONTAINED),
    _broken(
        Check.CONTAINER_IDS, "a container with a lower id than what it holds", "result.msg_id", by.plus(by.BEFORE), "", CONTAINED
    ),
    _broken(Check.GZIP, "a packed result that is cut off", "result.packed_data", by.cut, "", PACKED),
    _broken(Check.GZIP, "a packed result of more than 16 MiB", "result.packed_data", by.bomb, "bomb", PACKED),
    _broken(Check.GZIP, "a result packed twice", "result.packed_data", by.packed_twice, "twice", PACKED),
    _broken(
        Check.NOTIFICATION_TARGET,
        "bad_server_salt for a message that was never sent",
        "refusal.bad_msg_id",
        by.plus(NEVER_SENT),
        "",
        SALT_REFUSED,
    ),
    _broken(
        Check.NOTIFICATION_TARGET,
        "bad_msg_notification for a message that was never sent",
        "refusal.bad_msg_id",
        by.plus(NEVER_SENT),
        "id",
        ID_REFUSED,
    ),
    _broken(Check.RESULT_TARGET, "a result for a message that was never sent", "result.req_msg_id", by.plus(NEVER_SENT)),
    _broken(Check.FUTURE_SALTS_ASKED, "future_salts that nobody asked for", "salts.unasked", by.to(NEVER_SENT)),
    _broken(Check.FUTURE_SALTS_ASKED, "future_salts in answer to a call", "salts.unasked", by.to(0), "call"),
    _broken(Check.FRAME_LIMIT, "a frame longer than any message", "result.frames", by.frames_too_long),
    _broken(Check.FRAME_LIMIT, "an HTTP answer", "stream.beginning", by.to(b"HTTP/1.1 404 Not Found\r\n\r\n"), "http"),
    _broken(Check.BIND_RESULT, "boolFalse in answer to the binding", "bind_result.result", by.to(BOOL_FALSE)),
    _broken(Check.BIND_RESULT, "true, which is no Bool, in answer to the binding", "bind_result.result", by.to(TRUE), "no-bool"),
)

BY_SERVER: Final = (*HANDSHAKE, *SESSION)
