"""The client's half of a binding: the call, and what its answer says."""

from __future__ import annotations

import pytest

from kit.sessions import CRYPTO, PERMANENT_KEY
from kit.vectors import load
from mtproto_bind._bind.client import answer_of, request_of
from mtproto_bind._crypto import AuthKey
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import id_from_bytes
from mtproto_bind._limits import Limits
from mtproto_bind._session import RpcError, read_result
from mtproto_bind._tl import API, BOOL_FALSE, BOOL_TRUE, SERVICE, BindAuthKeyInner, RpcResult
from mtproto_bind._wire import BindingRequest, seal_binding
from mtproto_bind.testing.entropy import ScriptedEntropy

REQUEST = BindingRequest(
    perm_auth_key_id=PERMANENT_KEY.id,
    temp_auth_key_id=2,
    temp_session_id=3,
    nonce=4,
    msg_id=1 << 62,
    expires_at=1_800_000_000,
)
SEALED = seal_binding(REQUEST, PERMANENT_KEY, entropy=ScriptedEntropy([bytes(16), bytes(8)]), crypto=CRYPTO)


def request_from(inner: str, msg_id: int) -> BindingRequest:
    """What a vector's bind_auth_key_inner says."""
    thing = API.read_whole(bytes.fromhex(inner))
    assert isinstance(thing, BindAuthKeyInner)
    return BindingRequest(**vars(thing), msg_id=msg_id)


def test_the_call_of_the_published_binding() -> None:
    entry = load("bind_temp_auth_key")[0]
    request = request_from(entry["bind_auth_key_inner"], entry["msg_id"])
    entropy = ScriptedEntropy([bytes.fromhex(entry["random_prefix_16"]), bytes.fromhex(entry["padding_8"])])
    sealed = seal_binding(request, AuthKey(bytes.fromhex(entry["perm_auth_key"])), entropy=entropy, crypto=CRYPTO)
    assert request_of(request, sealed).to_bytes().hex() == entry["bindTempAuthKey_request"]


def test_the_call_of_the_published_run() -> None:
    run = load("synthetic_full_run")[0]
    bind = run["bind"]
    request = request_from(bind["bind_auth_key_inner"], bind["msg_id"])
    assert (request.perm_auth_key_id, request.temp_auth_key_id) == tuple(
        id_from_bytes(bytes.fromhex(run[kind]["auth_key_id_wire_le"])) for kind in ("permanent", "temporary")
    )
    entropy = ScriptedEntropy([bytes.fromhex(bind["random_prefix"]), bytes.fromhex(bind["padding_8"])])
    sealed = seal_binding(request, AuthKey(bytes.fromhex(run["permanent"]["auth_key"])), entropy=entropy, crypto=CRYPTO)
    assert request_of(request, sealed).to_bytes().hex() == bind["request"]


@pytest.mark.parametrize(
    ("sealed", "words"),
    [
        pytest.param(SEALED[:-1], "104 bytes, got 103", id="cut off"),
        pytest.param(SEALED + b"x", "104 bytes, got 105", id="too long"),
        pytest.param(b"", "104 bytes, got 0", id="nothing"),
        pytest.param(bytes(8) + SEALED[8:], "another permanent key", id="another key"),
    ],
)
def test_what_is_no_sealed_binding_of_this_request(sealed: bytes, words: str) -> None:
    assert request_of(REQUEST, SEALED).encrypted_message == SEALED
    with pytest.raises(ValueError, match=words):
        request_of(REQUEST, sealed)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("success_container", None), ("encrypted_message_invalid", RpcError(400, "ENCRYPTED_MESSAGE_INVALID"))],
)
def test_the_answers_of_the_published_run(name: str, answer: RpcError | None) -> None:
    run = load("synthetic_full_run")[0]
    given = run["answers"][name]
    # in the container it stands last, behind new_session_created
    thing = SERVICE.read_whole(bytes.fromhex(given.get("inner", [given])[-1]["body"]))
    assert isinstance(thing, RpcResult)
    assert thing.req_msg_id == run["bind"]["msg_id"]
    assert answer_of(read_result(thing.result, Limits())) == answer


@pytest.mark.parametrize("result", [BOOL_FALSE, b"", BOOL_TRUE + bytes(4), bytes(4)], ids=["false", "nothing", "more", "else"])
def test_only_true_binds(result: bytes) -> None:
    assert answer_of(BOOL_TRUE) is None
    with pytest.raises(SecurityError) as caught:
        answer_of(result)
    assert caught.value.check is Check.BIND_RESULT
