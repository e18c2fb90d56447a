"""Packed data, with a ceiling."""

from __future__ import annotations

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._tl.packed import pack, unpack

DATA = b"some data, some data, some data, "


@given(st.binary(max_size=500))
def test_what_is_packed_is_unpacked(data: bytes) -> None:
    assert unpack(pack(data), limit=500) == data
    assert gzip.decompress(pack(data)) == data
    assert pack(data) == pack(data)


@pytest.mark.parametrize("packed", [gzip.compress(DATA), zlib.compress(DATA)], ids=["gzip", "zlib"])
def test_both_kinds_of_stream(packed: bytes) -> None:
    assert unpack(packed, limit=len(DATA)) == DATA


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(DATA, id="not packed"),
        pytest.param(pack(DATA)[:-1], id="cut off"),
        pytest.param(pack(DATA)[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(pack(DATA) + b"x", id="something follows"),
        pytest.param(pack(DATA) + pack(DATA), id="two streams"),
        pytest.param(zlib.compress(DATA)[:-4], id="zlib cut off"),
        pytest.param(zlib.compress(DATA, wbits=-15), id="raw deflate"),
        pytest.param(pack(bytes(51)), id="one byte too many"),
        pytest.param(pack(bytes(1 << 24)), id="a bomb"),
        pytest.param(pack(pack(bytes(1 << 24)) + bytes(1 << 20)), id="a bomb behind a stream"),
    ],
)
def test_what_is_refused(packed: bytes) -> None:
    with pytest.raises(SecurityError) as caught:
        unpack(packed, limit=50)
    assert caught.value.check is Check.GZIP


@given(st.binary(max_size=60))
def test_any_bytes_give_data_or_an_error_of_ours(packed: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\x00", b"\x78\x9c"):
        with contextlib.suppress(SecurityError):
            assert len(unpack(start + packed, limit=50)) <= 50
