"""The error tree, the rules of the specification by name, and the one way to enforce one of them."""

from __future__ import annotations

from enum import Enum, auto
from typing import ClassVar, TypeVar

__all__ = [
    "Check",
    "Conduct",
    "ExchangeRefused",
    "LocalProtocolError",
    "MalformedMessage",
    "PeerTimedOut",
    "ProtocolError",
    "RemoteProtocolError",
    "Scope",
    "SecurityError",
    "TransportErrorReceived",
    "UnexpectedMessage",
    "require",
]


T = TypeVar("T")


class Scope(Enum):
    """What a broken rule costs (see ``docs/explanation/errors.md``)."""

    MESSAGE = auto()
    """The message is dropped and counted; everything else goes on."""
    STREAM = auto()
    """The stream ends; keys, session and calls stay."""
    EXCHANGE = auto()
    """The stream ends and the handshake starts again with new nonces; counted as an attempt."""
    BIND = auto()
    """The binding is refused; what follows is a :class:`BindVerdict`."""


class Check(Enum):
    """A rule that a peer can break. Each is enforced by ``require(condition, Check.X)``.

    The value is ``(scope, items, text)``: what a breach costs, the numbered items of the two security checklists
    (``c`` client, ``s`` server; ``docs/reference/checks.md``), and the rule in words.
    """

    # Handshake, client: https://core.telegram.org/mtproto/auth_key and /mtproto/security_guidelines
    NONCE = Scope.EXCHANGE, "c1 s10", "nonce is the one of this handshake"
    SERVER_NONCE = Scope.EXCHANGE, "c2 s10", "server_nonce is the one of this handshake"
    TRUSTED_KEY = Scope.EXCHANGE, "c4", "the server offers a key that we trust"
    PQ_SIZE = Scope.EXCHANGE, "c5", "pq is odd, at least 15 and below 2^63"
    PQ_COMPOSITE = Scope.EXCHANGE, "c5", "pq is a product of two different primes found in bounded work"
    ANSWER_LENGTH = Scope.EXCHANGE, "c8", "encrypted_answer is whole blocks of a sane size"
    ANSWER_SHA1 = Scope.EXCHANGE, "c9", "the hash of the answer covers exactly its bytes"
    ANSWER_PADDING = Scope.EXCHANGE, "c10", "fewer than 16 bytes follow the answer"
    INNER_NONCE = Scope.EXCHANGE, "c3", "nonce inside server_DH_inner_data is the one of this handshake"
    INNER_SERVER_NONCE = Scope.EXCHANGE, "c3", "server_nonce inside server_DH_inner_data is the one of this handshake"
    DH_PRIME_SIZE = Scope.EXCHANGE, "c11", "dh_prime has exactly 2048 bits"
    DH_PRIME_SAFE = Scope.EXCHANGE, "c11", "dh_prime and its half are prime"
    DH_GENERATOR = Scope.EXCHANGE, "c12", "g is 2 to 7 and a quadratic residue modulo dh_prime"
    G_A_RANGE = Scope.EXCHANGE, "c13", "g_a keeps 2^1984 away from both ends"
    NEW_NONCE_HASH = Scope.EXCHANGE, "c16", "server_DH_params_fail proves that it knows new_nonce"
    NEW_NONCE_HASH1 = Scope.EXCHANGE, "c16", "dh_gen_ok proves that the server has our key"
    NEW_NONCE_HASH2 = Scope.EXCHANGE, "c16", "dh_gen_retry proves that the server has our key"
    NEW_NONCE_HASH3 = Scope.EXCHANGE, "c16", "dh_gen_fail proves that the server has our key"
    DH_RETRY_LIMIT = Scope.EXCHANGE, "c17", "the server asks for another g_b only a few times"

    # Handshake, server
    HANDSHAKE_KNOWN = Scope.EXCHANGE, "s1", "the nonces name a handshake that waits for this request, younger than ten minutes"
    HANDSHAKES_PER_PEER = Scope.EXCHANGE, "s1 s23", "one peer has only so many unfinished handshakes"
    PQ_ECHO = Scope.EXCHANGE, "s3", "p and q are the factors of the pq that was issued"
    FINGERPRINT = Scope.EXCHANGE, "s4", "public_key_fingerprint names one of our keys"
    ENCRYPTED_DATA_SIZE = Scope.EXCHANGE, "s4", "encrypted_data is 256 bytes and below the modulus"
    RSA_PAD_HASH = Scope.EXCHANGE, "s5", "the padding of encrypted_data is whole"
    INNER_DATA_ECHO = Scope.EXCHANGE, "s6", "pq, p, q and both nonces inside are those outside"
    DATA_CENTER = Scope.EXCHANGE, "s7", "dc is this data centre"
    EXPIRES_IN = Scope.EXCHANGE, "s8", "expires_in is more than nothing"
    CLIENT_DATA_LENGTH = Scope.EXCHANGE, "s10", "encrypted_data of set_client_DH_params is whole blocks of a sane size"
    CLIENT_DATA_SHA1 = Scope.EXCHANGE, "s10", "the hash of client_DH_inner_data covers exactly its bytes"
    CLIENT_DATA_PADDING = Scope.EXCHANGE, "s10", "fewer than 16 bytes follow client_DH_inner_data"
    CLIENT_INNER_NONCE = Scope.EXCHANGE, "s10", "both nonces inside client_DH_inner_data are those of this handshake"
    G_B_RANGE = Scope.EXCHANGE, "s10", "g_b keeps 2^1984 away from both ends"
    REQUEST_CHANGED = Scope.EXCHANGE, "s11", "a request that comes again is the same to the byte"
    RETRY_ID = Scope.EXCHANGE, "s12", "retry_id is 0, or the aux hash of the key refused before"

    # Envelopes and session, both roles: https://core.telegram.org/mtproto/description and /service_messages
    PLAINTEXT_AWAITED = Scope.STREAM, "c21", "a message in the clear comes only while a handshake waits for it"
    KEY_KNOWN = Scope.STREAM, "c22 s14 s21", "auth_key_id names a key in use that has not expired"
    MSG_KEY = Scope.STREAM, "c23 s15", "msg_key is the hash of the whole plaintext, padding included"
    MESSAGE_LENGTH = Scope.STREAM, "c24 s16", "message_data_length is a multiple of four and fits"
    MESSAGE_PADDING = Scope.STREAM, "c24 s16", "padding is 12 to 1024 bytes"
    SESSION_ID = Scope.STREAM, "c25", "session_id is ours"
    MSG_ID_PARITY = Scope.STREAM, "c26", "msg_id has the parity of the other side"
    MSG_ID_SEEN = Scope.MESSAGE, "c27 s16", "a message id comes only once"
    MSG_ID_WINDOW = Scope.MESSAGE, "c28 s16", "msg_id lies within 300 s before and 30 s after the server's time"
    CONTAINER_COUNT = Scope.STREAM, "c29 s17", "a container holds at most 1024 messages"
    CONTAINER_BOUNDS = Scope.STREAM, "c29 s17", "the messages of a container fill it exactly"
    CONTAINER_NESTED = Scope.STREAM, "c29 s17", "no container lies in a container"
    CONTAINER_IDS = Scope.STREAM, "c29 s17", "a container is younger than what it holds"
    GZIP = Scope.STREAM, "c29", "packed data unpacks, once, to a sane size"
    NOTIFICATION_TARGET = Scope.MESSAGE, "c30", "bad_msg_notification and bad_server_salt name a message sent lately"
    RESULT_TARGET = Scope.MESSAGE, "c31", "rpc_result and msgs_state_info answer a message that waits"
    FUTURE_SALTS_ASKED = Scope.MESSAGE, "c32", "future_salts answers our request and holds no more than asked"
    FRAME_LIMIT = Scope.STREAM, "c37", "a frame is announced no longer than the ceiling"
    DETECTION = Scope.STREAM, "s25", "a stream begins with a transport that we speak"

    # Session, server: answered by bad_msg_notification, bad_server_salt or a transport error
    CLIENT_MSG_ID = Scope.MESSAGE, "s16", "a client's msg_id is divisible by four"
    CONTAINER_SEEN = Scope.MESSAGE, "s16", "the id of a container was not used before"
    SEQ_NO_EVEN = Scope.MESSAGE, "s16", "a container has an even seq_no"
    SEQ_NO_ODD = Scope.MESSAGE, "s16", "an API query has an odd seq_no"
    SEQ_NO_ORDER = Scope.MESSAGE, "s16", "seq_no grows with msg_id"
    SERVER_SALT = Scope.MESSAGE, "s16", "the salt is one of the key's, and valid now"
    ID_COUNT = Scope.STREAM, "s17", "a service message names at most 8192 ids"
    UNBOUND_CALL = Scope.MESSAGE, "s18", "a temporary key that is not bound calls only what it may"

    # Binding: https://core.telegram.org/method/auth.bindTempAuthKey
    BIND_RESULT = Scope.BIND, "c33", "the answer to the binding is boolTrue"
    BIND_KEY_KIND = Scope.BIND, "s19", "the binding comes under a temporary key"
    BIND_OTHER_KEY = Scope.BIND, "s19", "the temporary key is not bound to another permanent key"
    BIND_LENGTH = Scope.BIND, "s19", "encrypted_message is 104 bytes"
    BIND_KEY_ID = Scope.BIND, "s19", "encrypted_message is under the permanent key named outside, and that key exists"
    BIND_MSG_KEY = Scope.BIND, "s19", "msg_key is the hash of the 72 bytes without padding"
    BIND_SEQ_NO = Scope.BIND, "s19", "the inner seq_no is 0"
    BIND_INNER_LENGTH = Scope.BIND, "s19", "the inner message is 40 bytes"
    BIND_CONSTRUCTOR = Scope.BIND, "s19", "the inner message is bind_auth_key_inner"
    BIND_MSG_ID = Scope.BIND, "s19", "the inner msg_id is that of the message which holds the request"
    BIND_NONCE = Scope.BIND, "s19", "the nonce inside is the one outside"
    BIND_TEMPORARY_KEY = Scope.BIND, "s19", "temp_auth_key_id is the key that the request came under"
    BIND_PERMANENT_KEY = Scope.BIND, "s19", "perm_auth_key_id inside is the one outside"
    BIND_SESSION = Scope.BIND, "s19", "temp_session_id is the session that the request came in"
    BIND_EXPIRES_AT = Scope.BIND, "s19", "expires_at inside is the one outside"
    EXPIRES_AT_RANGE = Scope.BIND, "s19", "expires_at is to come, and not later than the key ends"

    def __init__(self, scope: Scope, items: str, text: str) -> None:
        self.scope = scope
        self.items = tuple(items.split())
        self.text = text


class Conduct(Enum):
    """A rule that is ours to keep: held by a vector, a property or an architecture test which names it.

    The value is ``(items, text)``, as in :class:`Check`.
    """

    RSA_PAD_FRESH = "c6", "RSA_PAD: fresh temp_key, value below the modulus, at most 144 bytes"
    INNER_DATA_DC = "c7", "the inner data carries dc, and expires_in for a temporary key"
    G_B_REDRAWN = "c14", "our own g_b obeys the range rule; otherwise another b is drawn"
    B_FRESH = "c15", "b is 2048 bits, drawn anew for every try"
    RETRY_ID = "c17", "retry_id is the aux hash of the refused key"
    AUTH_KEY_WIDTH = "c18", "auth_key is 256 bytes, padded on the left"
    NONCE_BYTES = "c19", "fixed-width bytes never pass through integers"
    SERVER_TIME_LAST = "c20", "server_time is used only after the answer is proven"
    CLIENT_CONSTANT_TIME = "c1 c2 c3 c16 c23", "digests and nonces are compared in constant time through one helper"
    BIND_FRESH = "c33", "every binding has its own nonce, session, ids and expiry"
    NO_PERMANENT_TRAFFIC = "c34", "nothing is ever sent under the permanent key"
    TRANSPORT_ERRORS_UNPROVEN = "c35", "a transport error costs at most the temporary key"
    PERMANENT_KEY_KEPT = "c36", "a permanent key is never given up by the library itself"
    ENTROPY_ONLY = "c38", "every draw comes from the configured entropy"
    SECRETS_HIDDEN = "c39 s24", "no secret is in a repr, a log or an exception; what is spent is forgotten"
    MSG_IDS_GROW = "c40", "message ids grow even when the clock steps back"
    SALTS_APART = "c41", "every key has its own salts"
    EXPIRES_ON_SERVER_CLOCK = "c42", "expires_at is on the server's clock; nothing is sent under an expired key"

    SERVER_NONCE_FRESH = "s2", "server_nonce and pq are drawn for every handshake"
    UNIFORM_REFUSAL = "s5", "every failure of a handshake request is answered alike, with -404"
    EXPIRES_IN_CLAMPED = "s8", "expires_in is clamped to the ceiling"
    A_FRESH = "s9", "a is 2048 bits, drawn for every handshake; g fits the prime; g_a obeys the range rule"
    REPEATED_ANSWER = "s11", "an identical request gets the identical answer"
    KEY_COLLISION = "s12", "a key id that is taken, or 0, is answered dh_gen_retry"
    TEMPORARY_KEYS_END = "s13 s21", "a temporary key is kept in memory and ends with its time"
    EFFECTS_LAST = "s17", "nothing is executed until every check has passed"
    BIND_UNIFORM = "s19", "every fault of an encrypted_message is answered alike, and the repeated bind succeeds again"
    REBIND_ATOMIC = "s20", "a new binding replaces the old one in one step"
    NEW_SESSION = "s22", "an unknown session is announced with new_session_created; sessions never mix"
    QUEUES_BOUNDED = "s23", "queues of unacknowledged messages are bounded"
    DESTROY_KEY = "s26", "destroy_auth_key ends the key, its temporary keys and sessions"

    def __init__(self, items: str, text: str) -> None:
        self.items = tuple(items.split())
        self.text = text


class ProtocolError(Exception):
    """The root of what this library raises or tells, except bad arguments (``TypeError``, ``ValueError``)."""


class LocalProtocolError(ProtocolError):
    """You asked for what the present state does not allow. Nothing has changed."""


class RemoteProtocolError(ProtocolError):
    """The peer did what the protocol does not allow, or refused. Told by events, never raised by a method of a connection."""

    scope: Scope = Scope.STREAM


class MalformedMessage(RemoteProtocolError):
    """Bytes that are not what they should be.

    ``offset`` counts bytes from the beginning of what was read.
    """

    def __init__(self, text: str, offset: int = 0) -> None:
        super().__init__(f"{text} (at byte {offset})")
        self.offset = offset


class UnexpectedMessage(RemoteProtocolError):
    """A message of a kind that nobody waits for. ``expected`` and ``got`` are constructor names."""

    def __init__(self, expected: tuple[str, ...], got: str) -> None:
        super().__init__(f"expected {' or '.join(expected) or 'nothing'}, got {got}")
        self.expected = expected
        self.got = got


class SecurityError(RemoteProtocolError):
    """A rule of the specification is broken. ``check`` says which."""

    def __init__(self, check: Check, detail: str = "") -> None:
        super().__init__(f"{check.name}: not so that {check.text}" + (f" ({detail})" if detail else ""))
        self.check = check
        self.scope = check.scope


class ExchangeRefused(RemoteProtocolError):
    """The server refused the handshake, and proved that it is the one who says so."""

    scope = Scope.EXCHANGE


class TransportErrorReceived(RemoteProtocolError):
    """A bare transport error; anyone on the path can send one. ``code`` is negative, as on the wire."""

    MEANING: ClassVar[dict[int, str]] = {
        -404: "the server does not know the key, or refuses the handshake request",
        -429: "too many connections or too much at once: wait before the next try",
        -444: "the server is not the data centre that was asked for: check dc, test and media",
    }

    def __init__(self, code: int) -> None:
        super().__init__(f"transport error {code}: {self.MEANING.get(code, 'not documented')}")
        self.code = code


class PeerTimedOut(RemoteProtocolError):
    """Nothing came in time. ``waiting_for`` says what was awaited."""

    def __init__(self, waiting_for: str, seconds: float) -> None:
        super().__init__(f"no {waiting_for} within {seconds:g} s")
        self.waiting_for = waiting_for


def require(condition: T | None, check: Check, detail: str = "") -> T:
    """Raise :class:`SecurityError` unless ``condition`` is true, and return it. The only place where one is made.

    ``detail`` goes into the message: numbers and names only, never nonces or keys.
    """
    if not condition:
        raise SecurityError(check, detail)
    return condition
