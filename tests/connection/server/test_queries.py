"""Queries out of their wrappers, in any order, packed anywhere."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind import Check, Limits, MalformedMessage, SecurityError
from mtproto_bind._connection.server.queries import ALLOWED_UNBOUND, Query, peel
from mtproto_bind._session import constructor_id
from mtproto_bind._tl import (
    GzipPacked,
    HelpGetConfig,
    HelpGetNearestDc,
    InitConnection,
    InputClientProxy,
    InvokeAfterMsg,
    InvokeAfterMsgs,
    InvokeWithLayer,
    InvokeWithoutUpdates,
    pack,
)

QUERY = bytes.fromhex("0102030405060708")
LIMITS = Limits()
NAMES = dict.fromkeys(("device_model", "system_version", "app_version", "system_lang_code", "lang_pack", "lang_code"), b"x")
NULL = bytes.fromhex("687b6d3f")
"""jsonNull#3f6d7b68."""

Wrapper = Callable[[bytes], bytes]

WRAPPERS: dict[str, Wrapper] = {
    "layer": lambda query: InvokeWithLayer(layer=200, query=query).to_bytes(),
    "introduction": lambda query: InitConnection(api_id=7, proxy=None, params=None, query=query, **NAMES).to_bytes(),
    "proxy and params": lambda query: InitConnection(
        api_id=7, proxy=InputClientProxy(address=b"host", port=1), params=NULL, query=query, **NAMES
    ).to_bytes(),
    "without updates": lambda query: InvokeWithoutUpdates(query=query).to_bytes(),
    "after one": lambda query: InvokeAfterMsg(msg_id=4, query=query).to_bytes(),
    "after some": lambda query: InvokeAfterMsgs(msg_ids=(8, 12), query=query).to_bytes(),
    "gzip": lambda query: GzipPacked(packed_data=pack(query)).to_bytes(),
    "zlib": lambda query: GzipPacked(packed_data=zlib.compress(query)).to_bytes(),
}


@given(
    st.lists(st.sampled_from(sorted(WRAPPERS)), max_size=7).filter(lambda names: sum(n in ("gzip", "zlib") for n in names) <= 1)
)
def test_any_wrappers_in_any_order(names: list[str]) -> None:
    body = QUERY
    for name in reversed(names):
        body = WRAPPERS[name](body)
    query = peel(body, LIMITS)
    assert query.body == QUERY
    assert query.layer == (200 if "layer" in names else None)
    assert query.updates is ("without updates" not in names)
    waits = {"after one": (4,), "after some": (8, 12)}
    assert query.after == tuple(msg_id for name in names for msg_id in waits.get(name, ()))


def test_packed_twice_is_refused() -> None:
    with pytest.raises(SecurityError) as caught:
        peel(WRAPPERS["gzip"](WRAPPERS["layer"](WRAPPERS["gzip"](QUERY))), LIMITS)
    assert caught.value.check is Check.GZIP


def test_a_bomb_is_refused() -> None:
    with pytest.raises(SecurityError) as caught:
        peel(WRAPPERS["gzip"](bytes(1000)), Limits(unpacked=999))
    assert caught.value.check is Check.GZIP


def test_wrappers_without_end_are_left_on() -> None:
    body = QUERY
    for _ in range(8):
        body = WRAPPERS["without updates"](body)
    assert peel(body, LIMITS).body == QUERY
    assert peel(WRAPPERS["without updates"](body), LIMITS).body == WRAPPERS["without updates"](QUERY)


@pytest.mark.parametrize("body", [bytes.fromhex("0d0d9bda"), bytes.fromhex("0d0d9bda c8"), bytes.fromhex("a95ecdc1ffffffff")])
def test_a_broken_wrapper_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        peel(body, LIMITS)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_query_or_an_error(body: bytes) -> None:
    try:
        query = peel(body, LIMITS)
    except (MalformedMessage, SecurityError):
        return
    if not isinstance(query, Query):
        raise TypeError(query)


def test_what_may_be_called_before_the_binding() -> None:
    assert {constructor_id(HelpGetConfig().to_bytes()), constructor_id(HelpGetNearestDc().to_bytes())} < ALLOWED_UNBOUND
    assert len(ALLOWED_UNBOUND) == 3
