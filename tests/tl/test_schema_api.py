"""The API methods that a connection knows."""

from __future__ import annotations

import pytest

from kit.vectors import load
from mtproto_bind._errors import MalformedMessage
from mtproto_bind._tl.schema_api import (
    API,
    BindAuthKeyInner,
    BindTempAuthKey,
    HelpGetConfig,
    InitConnection,
    InputClientProxy,
    InvokeWithLayer,
)

QUERY = HelpGetConfig().to_bytes()
PLAIN = InitConnection(
    api_id=1,
    device_model=b"model",
    system_version=b"1",
    app_version=b"2",
    system_lang_code=b"en",
    lang_pack=b"",
    lang_code=b"en",
    proxy=None,
    params=None,
    query=QUERY,
)
PARAMS = bytes.fromhex("9dd4c19915c4b51c01000000d91bdec009747a5f6f66667365740000a4dfe02b000000000020bc40")
"""The object {"tz_offset": 7200.0}."""


def test_the_published_binding() -> None:
    entry = load("bind_temp_auth_key")[0]
    request = bytes.fromhex(entry["bindTempAuthKey_request"])
    value = API.read_whole(request)
    assert isinstance(value, BindTempAuthKey)
    assert value.encrypted_message.hex() == entry["encrypted_message_104"]
    assert value.to_bytes() == request
    inner = API.read_whole(bytes.fromhex(entry["bind_auth_key_inner"]))
    assert isinstance(inner, BindAuthKeyInner)
    assert (inner.nonce, inner.expires_at) == (value.nonce, value.expires_at)
    assert inner.to_bytes().hex() == entry["bind_auth_key_inner"]


@pytest.mark.parametrize(
    ("proxy", "params", "flags"),
    [(None, None, 0), (InputClientProxy(b"host", 443), None, 1), (None, PARAMS, 2), (InputClientProxy(b"host", 443), PARAMS, 3)],
)
def test_flags_say_what_is_there(proxy: InputClientProxy | None, params: bytes | None, flags: int) -> None:
    value = PLAIN.evolve(proxy=proxy, params=params)
    wrapped = InvokeWithLayer(200, value.to_bytes())
    assert value.to_bytes()[4] == flags
    found = API.read_whole(wrapped.to_bytes())
    assert isinstance(found, InvokeWithLayer)
    assert API.read_whole(found.query) == value
    assert API.read_whole(value.query) == HelpGetConfig()


def test_a_flag_of_nothing_we_know_is_refused() -> None:
    encoded = bytearray(PLAIN.to_bytes())
    encoded[4] = 4
    with pytest.raises(MalformedMessage, match=r"initConnection with flags 0x4 \(at byte 4\)"):
        API.read(bytes(encoded))


def test_a_proxy_is_a_proxy() -> None:
    encoded = PLAIN.evolve(proxy=InputClientProxy(b"", 0), query=b"").to_bytes()
    with pytest.raises(MalformedMessage, match="no inputClientProxy where one should be"):
        API.read(encoded[:-12] + HelpGetConfig().to_bytes() + encoded[-8:])
