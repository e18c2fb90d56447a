"""The server's half of a binding: every field is compared, and every single one that differs is refused by its own rule."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from kit.sessions import CRYPTO, PERMANENT_KEY, SESSION_ID, TEMPORARY_KEY
from kit.vectors import load
from mtproto_bind._bind.server import NOBODY, Presented, error_of, verify_key, verify_sealed, verify_time
from mtproto_bind._crypto import AuthKey, Side, aes_v1, msg_key_v1
from mtproto_bind._errors import Check, Scope, SecurityError
from mtproto_bind._ground import id_from_bytes, id_to_bytes
from mtproto_bind._limits import Limits
from mtproto_bind._session import RpcError
from mtproto_bind._tl import API, BindAuthKeyInner, BindTempAuthKey

EXPIRES_AT = 1_800_086_400
MSG_ID = 1_800_000_000 << 32 | 4
NONCE = 0xFEDCBA9876543210
INNER = {
    "nonce": NONCE,
    "temp_auth_key_id": TEMPORARY_KEY.id,
    "perm_auth_key_id": PERMANENT_KEY.id,
    "temp_session_id": SESSION_ID,
    "expires_at": EXPIRES_AT,
}
PRESENTED = Presented(temporary_key_id=TEMPORARY_KEY.id, session_id=SESSION_ID, msg_id=MSG_ID)


def seal(key: AuthKey = PERMANENT_KEY, *, msg_id: int = MSG_ID, seq_no: int = 0, length: int = 40, **changes: Any) -> bytes:
    """The 104 bytes with a good msg_key, whatever else they say. ``constructor``: the first four bytes inside."""
    constructor = changes.pop("constructor", None)
    inner = BindAuthKeyInner(**{**INNER, **changes}).to_bytes()
    inner = inner if constructor is None else constructor + inner[4:]
    plaintext = bytes(16) + id_to_bytes(msg_id) + seq_no.to_bytes(4, "little") + length.to_bytes(4, "little") + inner
    msg_key = msg_key_v1(plaintext, CRYPTO)
    encrypted = CRYPTO.ige_encrypt(plaintext + bytes(8), *aes_v1(key, msg_key, Side.CLIENT, CRYPTO))
    return id_to_bytes(key.id) + msg_key + encrypted


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


REQUEST = BindTempAuthKey(perm_auth_key_id=PERMANENT_KEY.id, nonce=NONCE, expires_at=EXPIRES_AT, encrypted_message=seal())


@frozen
class Attempt:
    """A binding as it comes to a server, and what the server knows; as it stands, all is in order."""

    request: BindTempAuthKey = REQUEST
    presented: Presented = PRESENTED
    permanent_key: AuthKey | None = PERMANENT_KEY
    temporary: bool = True
    bound_to: int | None = None
    now: float = 1_800_000_000.0
    key_expires_at: float = float(EXPIRES_AT)
    limits: Limits = field(factory=Limits)

    def verify(self) -> None:
        verify_key(temporary=self.temporary, bound_to=self.bound_to, request=self.request)
        verify_sealed(self.request, self.permanent_key, self.presented, crypto=CRYPTO)
        verify_time(self.request.expires_at, now=self.now, key_expires_at=self.key_expires_at, limits=self.limits)


def asks(**changes: Any) -> Attempt:
    """One thing in the request is another."""
    return Attempt(request=REQUEST.evolve(**changes))


def sealed(key: AuthKey = PERMANENT_KEY, **changes: Any) -> Attempt:
    """One thing in the sealed part is another."""
    return asks(encrypted_message=seal(key, **changes))


def presented(**changes: Any) -> Attempt:
    """One circumstance is another."""
    return Attempt(presented=evolve(PRESENTED, **changes))


def at(now: float, key_expires_at: float = float(EXPIRES_AT)) -> Attempt:
    return Attempt(now=now, key_expires_at=key_expires_at)


OTHER_KEY = AuthKey(bytes(256))

FAULTS: list[tuple[Check, str, Attempt]] = [
    (Check.BIND_KEY_KIND, "under a permanent key", Attempt(temporary=False)),
    (Check.BIND_KEY_KIND, "under a permanent key that is bound", Attempt(temporary=False, bound_to=1)),
    (Check.BIND_OTHER_KEY, "bound to another", Attempt(bound_to=PERMANENT_KEY.id ^ 1)),
    (Check.BIND_LENGTH, "a byte too few", asks(encrypted_message=seal()[:-1])),
    (Check.BIND_LENGTH, "a block too many", asks(encrypted_message=seal() + bytes(16))),
    (Check.BIND_LENGTH, "nothing", asks(encrypted_message=b"")),
    (Check.BIND_KEY_ID, "another key named outside", asks(perm_auth_key_id=OTHER_KEY.id)),
    (Check.BIND_KEY_ID, "another key named in the sealed part", asks(encrypted_message=flipped(seal(), 3))),
    (Check.BIND_KEY_ID, "no such key", Attempt(permanent_key=None)),
    (Check.BIND_KEY_ID, "no such key, named alike", evolve(sealed(NOBODY), permanent_key=None)),
    (
        Check.BIND_KEY_ID,
        # everybody knows the key that opens for nobody, and can seal with it
        "sealed with the key of nobody",
        Attempt(
            request=REQUEST.evolve(perm_auth_key_id=NOBODY.id, encrypted_message=seal(NOBODY, perm_auth_key_id=NOBODY.id)),
            permanent_key=None,
        ),
    ),
    (Check.BIND_MSG_KEY, "another msg_key", asks(encrypted_message=flipped(seal(), 8 * 8))),
    (Check.BIND_MSG_KEY, "another first block", asks(encrypted_message=flipped(seal(), 24 * 8))),
    (Check.BIND_MSG_KEY, "sealed with another key", asks(encrypted_message=seal()[:8] + seal(OTHER_KEY)[8:])),
    (Check.BIND_SEQ_NO, "a seq_no", sealed(seq_no=1)),
    (Check.BIND_INNER_LENGTH, "a longer inner message", sealed(length=44)),
    (Check.BIND_CONSTRUCTOR, "another inner message", sealed(constructor=b"\x05\x2a\xd4\xcd")),
    (Check.BIND_MSG_ID, "sealed for another message", sealed(msg_id=MSG_ID + 4)),
    (Check.BIND_MSG_ID, "in another message", presented(msg_id=MSG_ID + 4)),
    (Check.BIND_NONCE, "another nonce inside", sealed(nonce=NONCE ^ 1)),
    (Check.BIND_NONCE, "another nonce outside", asks(nonce=NONCE ^ 1)),
    (Check.BIND_TEMPORARY_KEY, "sealed for another temporary key", sealed(temp_auth_key_id=TEMPORARY_KEY.id ^ 1)),
    (Check.BIND_TEMPORARY_KEY, "under another temporary key", presented(temporary_key_id=TEMPORARY_KEY.id ^ 1)),
    (Check.BIND_PERMANENT_KEY, "another permanent key inside", sealed(perm_auth_key_id=PERMANENT_KEY.id ^ 1)),
    (Check.BIND_SESSION, "sealed for another session", sealed(temp_session_id=SESSION_ID ^ 1)),
    (Check.BIND_SESSION, "in another session", presented(session_id=SESSION_ID ^ 1)),
    (Check.BIND_EXPIRES_AT, "another end inside", sealed(expires_at=EXPIRES_AT + 1)),
    (Check.BIND_EXPIRES_AT, "another end outside", asks(expires_at=EXPIRES_AT - 1)),
    (Check.EXPIRES_AT_RANGE, "over", at(EXPIRES_AT)),
    (Check.EXPIRES_AT_RANGE, "beyond the end of the key", at(EXPIRES_AT - 1, EXPIRES_AT - 60.5)),
]


@pytest.mark.parametrize(("check", "attempt"), [pytest.param(check, attempt, id=name) for check, name, attempt in FAULTS])
def test_what_differs_is_refused(check: Check, attempt: Attempt) -> None:
    with pytest.raises(SecurityError) as caught:
        attempt.verify()
    assert caught.value.check is check


def test_every_rule_of_the_server_is_broken_above() -> None:
    # the one that is left is the client's
    assert {check for check, _, _ in FAULTS} == {check for check in Check if check.scope is Scope.BIND} - {Check.BIND_RESULT}


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(Attempt(), id="as it should be"),
        pytest.param(Attempt(bound_to=PERMANENT_KEY.id), id="again"),
        pytest.param(at(EXPIRES_AT - 0.5), id="at the last moment"),
        pytest.param(at(EXPIRES_AT - 100, EXPIRES_AT - 60), id="within the tolerance"),
    ],
)
def test_what_is_accepted(attempt: Attempt) -> None:
    attempt.verify()


@given(st.integers(0, 104 * 8 - 1))
def test_no_bit_of_the_sealed_part_can_be_turned(bit: int) -> None:
    with pytest.raises(SecurityError) as caught:
        asks(encrypted_message=flipped(REQUEST.encrypted_message, bit)).verify()
    assert caught.value.check is (Check.BIND_KEY_ID if bit < 64 else Check.BIND_MSG_KEY)


PUBLIC_NAMES = {
    Check.BIND_KEY_KIND: "TEMP_AUTH_KEY_EMPTY",
    Check.BIND_OTHER_KEY: "TEMP_AUTH_KEY_ALREADY_BOUND",
    Check.EXPIRES_AT_RANGE: "EXPIRES_AT_INVALID",
}


@pytest.mark.parametrize("check", dict.fromkeys(check for check, _, _ in FAULTS))
def test_the_peer_is_told_the_same_for_every_fault_of_the_sealed_part(check: Check) -> None:
    """Conduct.BIND_UNIFORM."""
    assert error_of(SecurityError(check)) == RpcError(400, PUBLIC_NAMES.get(check, "ENCRYPTED_MESSAGE_INVALID"))


def request_of(data: str) -> BindTempAuthKey:
    thing = API.read_whole(bytes.fromhex(data))
    assert isinstance(thing, BindTempAuthKey)
    return thing


def wire_id(value: str) -> int:
    return id_from_bytes(bytes.fromhex(value))


def test_the_published_binding_is_accepted() -> None:
    entry = load("bind_temp_auth_key")[0]
    circumstances = Presented(
        temporary_key_id=wire_id(entry["temp_auth_key_id_wire_le"]),
        session_id=wire_id(entry["temp_session_id_wire_le"]),
        msg_id=entry["msg_id"],
    )
    key = AuthKey(bytes.fromhex(entry["perm_auth_key"]))
    verify_sealed(request_of(entry["bindTempAuthKey_request"]), key, circumstances, crypto=CRYPTO)


def test_the_binding_of_the_published_run_is_accepted() -> None:
    run = load("synthetic_full_run")[0]
    bind, temporary = run["bind"], run["temporary"]
    attempt = Attempt(
        request=request_of(bind["request"]),
        presented=Presented(
            temporary_key_id=wire_id(temporary["auth_key_id_wire_le"]),
            session_id=wire_id(bind["temp_session_id_wire"]),
            msg_id=bind["msg_id"],
        ),
        permanent_key=AuthKey(bytes.fromhex(run["permanent"]["auth_key"])),
        now=temporary["server_time"] + 10,
        key_expires_at=temporary["server_time"] + temporary["expires_in"],
    )
    attempt.verify()
