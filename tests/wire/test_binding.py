"""The binding message under the permanent key."""

from __future__ import annotations

import pytest
from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st

from kit.streams import CRYPTO, numbered
from kit.tl_values import LONGS
from kit.vectors import load
from mtproto_bind._crypto import AuthKey, Entropy, Side, aes_v1, msg_key_v1
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import id_to_bytes
from mtproto_bind._tl import API, BindAuthKeyInner, BindTempAuthKey
from mtproto_bind._wire.binding import BindingInner, BindingRequest, open_binding, seal_binding

KEY = AuthKey(bytes(range(256)))
REQUEST = BindingRequest(
    perm_auth_key_id=KEY.id, temp_auth_key_id=2, temp_session_id=3, nonce=4, msg_id=1 << 62, expires_at=1_800_000_000
)
REQUESTS = st.builds(BindingRequest, st.just(KEY.id), LONGS, LONGS, LONGS, LONGS, st.integers(0, (1 << 31) - 1))


def wire_id(value: str) -> int:
    return int.from_bytes(bytes.fromhex(value), "little")


def scripted(*draws: bytes) -> Entropy:
    left = list(draws)

    def draw(size: int) -> bytes:
        drawn = left.pop(0)
        assert len(drawn) == size
        return drawn

    return draw


def sealed(request: BindingRequest = REQUEST) -> bytes:
    return seal_binding(request, KEY, entropy=numbered("binding"), crypto=CRYPTO)


def check_of(encrypted: bytes, key: AuthKey = KEY) -> Check:
    with pytest.raises(SecurityError) as caught:
        open_binding(encrypted, key, crypto=CRYPTO)
    return caught.value.check


def forge(head: bytes, inner: bytes) -> bytes:
    """104 bytes with a good msg_key: 16 random bytes, a head of 16, and what stands inside."""
    plaintext = bytes(16) + head + inner
    msg_key = msg_key_v1(plaintext, CRYPTO)
    encrypted = CRYPTO.ige_encrypt(plaintext + bytes(8), *aes_v1(KEY, msg_key, Side.CLIENT, CRYPTO))
    return id_to_bytes(KEY.id) + msg_key + encrypted


def test_the_published_binding() -> None:
    entry = load("bind_temp_auth_key")[0]
    key = AuthKey(bytes.fromhex(entry["perm_auth_key"]))
    request = BindingRequest(
        perm_auth_key_id=wire_id(entry["perm_auth_key_id_wire_le"]),
        temp_auth_key_id=wire_id(entry["temp_auth_key_id_wire_le"]),
        temp_session_id=wire_id(entry["temp_session_id_wire_le"]),
        nonce=wire_id(entry["nonce_wire_le"]),
        msg_id=entry["msg_id"],
        expires_at=entry["expires_at"],
    )
    entropy = scripted(bytes.fromhex(entry["random_prefix_16"]), bytes.fromhex(entry["padding_8"]))
    encrypted = seal_binding(request, key, entropy=entropy, crypto=CRYPTO)
    assert encrypted.hex() == entry["encrypted_message_104"]
    assert open_binding(encrypted, key, crypto=CRYPTO) == BindingInner(**asdict(request), seq_no=0)
    call = BindTempAuthKey(request.perm_auth_key_id, request.nonce, request.expires_at, encrypted)
    assert call.to_bytes().hex() == entry["bindTempAuthKey_request"]
    assert len(call.to_bytes()) == entry["request_length"]


def test_the_binding_of_the_published_run() -> None:
    run = load("synthetic_full_run")[0]
    bind, key = run["bind"], AuthKey(bytes.fromhex(run["permanent"]["auth_key"]))
    inner = API.read_whole(bytes.fromhex(bind["bind_auth_key_inner"]))
    assert isinstance(inner, BindAuthKeyInner)
    request = BindingRequest(
        inner.perm_auth_key_id, inner.temp_auth_key_id, inner.temp_session_id, inner.nonce, bind["msg_id"], bind["expires_at"]
    )
    entropy = scripted(bytes.fromhex(bind["random_prefix"]), bytes.fromhex(bind["padding_8"]))
    assert seal_binding(request, key, entropy=entropy, crypto=CRYPTO).hex() == bind["encrypted_message"]


@given(REQUESTS)
def test_what_is_sealed_opens(request: BindingRequest) -> None:
    inner = open_binding(sealed(request), KEY, crypto=CRYPTO)
    assert inner == BindingInner(**asdict(request), seq_no=0)
    assert len(sealed(request)) == 104


@given(REQUESTS)
def test_a_request_travels(request: BindingRequest) -> None:
    data = request.to_bytes()
    assert (len(data), data[0]) == (45, 1)
    assert BindingRequest.from_bytes(data) == request


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(REQUEST.to_bytes()[:-1], id="cut off"),
        pytest.param(REQUEST.to_bytes() + b"x", id="something follows"),
        pytest.param(b"\2" + REQUEST.to_bytes()[1:], id="another version"),
        pytest.param(REQUEST.to_bytes()[:-1] + b"\x80", id="a time that is none"),
    ],
)
def test_no_request(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"no binding request|expires_at"):
        BindingRequest.from_bytes(data)


@given(st.binary(max_size=50) | st.binary(min_size=45, max_size=45) | st.binary(min_size=44, max_size=44).map(b"\1".__add__))
def test_any_bytes_are_a_request_or_none(data: bytes) -> None:
    try:
        request = BindingRequest.from_bytes(data)
    except ValueError:
        return
    assert request.to_bytes() == data


@pytest.mark.parametrize("version", [0, 2, 255])
@pytest.mark.parametrize("more", [b"", b"fields of a later day"])
def test_a_version_that_is_not_known_is_named(version: int, more: bytes) -> None:
    with pytest.raises(ValueError, match=f"no binding request of version 1: this is version {version}$"):
        BindingRequest.from_bytes(bytes([version]) + REQUEST.to_bytes()[1:] + more)


@pytest.mark.parametrize("field", ["perm_auth_key_id", "temp_auth_key_id", "temp_session_id", "nonce", "msg_id", "expires_at"])
def test_numbers_that_are_none(field: str) -> None:
    for number in (-1, 1 << 64):
        with pytest.raises(ValueError, match=field):
            evolve(REQUEST, **{field: number})
    with pytest.raises(TypeError):
        evolve(REQUEST, **{field: "1"})


def test_a_request_for_another_key_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="names another permanent key"):
        sealed(evolve(REQUEST, perm_auth_key_id=1))


@pytest.mark.parametrize("size", [0, 24, 103, 105, 120])
def test_another_length(size: int) -> None:
    assert check_of((sealed() + bytes(16))[:size]) is Check.BIND_LENGTH


def test_another_key() -> None:
    assert check_of(sealed(), AuthKey(bytes(256))) is Check.BIND_KEY_ID
    assert check_of(bytes(8) + sealed()[8:]) is Check.BIND_KEY_ID


@given(st.integers(8, 103), st.integers(1, 255))
def test_a_changed_byte(place: int, change: int) -> None:
    changed = bytearray(sealed())
    changed[place] ^= change
    # the last 8 bytes of the plaintext are padding, which 1.0 does not prove; a change of the ciphertext reaches more
    assert check_of(bytes(changed)) is Check.BIND_MSG_KEY or place >= 88


def test_the_padding_is_not_hashed() -> None:
    plaintext = bytes(16) + id_to_bytes(5) + bytes(4) + b"\x28\0\0\0" + BindAuthKeyInner(1, 2, 3, 4, 5).to_bytes()
    msg_key = msg_key_v1(plaintext, CRYPTO)
    for padding in (bytes(8), b"\xff" * 8):
        encrypted = CRYPTO.ige_encrypt(plaintext + padding, *aes_v1(KEY, msg_key, Side.CLIENT, CRYPTO))
        assert open_binding(id_to_bytes(KEY.id) + msg_key + encrypted, KEY, crypto=CRYPTO).msg_id == 5


INNER = BindAuthKeyInner(4, 2, KEY.id, 3, 1_800_000_000).to_bytes()


@pytest.mark.parametrize(
    ("seq_no", "length", "inner", "check"),
    [
        (0, 40, INNER, None),
        (1, 40, INNER, Check.BIND_SEQ_NO),
        (1 << 31, 40, INNER, Check.BIND_SEQ_NO),
        (0, 36, INNER, Check.BIND_INNER_LENGTH),
        (0, 44, INNER, Check.BIND_INNER_LENGTH),
        (0, 40, bytes(4) + INNER[4:], Check.BIND_CONSTRUCTOR),
    ],
)
def test_what_is_inside(seq_no: int, length: int, inner: bytes, check: Check | None) -> None:
    encrypted = forge(id_to_bytes(REQUEST.msg_id) + seq_no.to_bytes(4, "little") + length.to_bytes(4, "little"), inner)
    if check is None:
        assert open_binding(encrypted, KEY, crypto=CRYPTO) == BindingInner(**asdict(REQUEST), seq_no=0)
    else:
        assert check_of(encrypted) is check


@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_are_refused(data: bytes, right_length: bool) -> None:
    if right_length:
        data = id_to_bytes(KEY.id) + data[:96].ljust(96, b"x")
    assert check_of(data) in (Check.BIND_LENGTH, Check.BIND_KEY_ID, Check.BIND_MSG_KEY)
