"""A record as bytes comes back as it was, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.stores import NOW, record
from mtproto_bind import AuthKey, KeyKind, StoredKey
from mtproto_bind_adapters.stores import StoreError
from mtproto_bind_adapters.stores.records import pack_record, unpack_record

times = st.floats(0, 1e11)


@given(st.binary(min_size=256, max_size=256), st.booleans(), times, st.none() | times, st.integers(0, (1 << 64) - 1))
def test_it_comes_back(key: bytes, media: bool, created_at: float, expires_at: float | None, first_salt: int) -> None:
    one = StoredKey(
        key=AuthKey(key),
        kind=KeyKind.PERMANENT if expires_at is None else KeyKind.TEMPORARY,
        media=media,
        created_at=created_at,
        expires_at=expires_at,
        first_salt=first_salt,
    )
    data = pack_record(one)
    assert len(data) == 282
    assert unpack_record(data, one.key.id) == one


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"\2" + data[1:], lambda data: data[:-1] + b"\0"],
    ids=["short", "long", "another version", "another key"],
)
def test_what_is_damaged_is_refused_and_not_shown(spoil: object) -> None:
    one = record(7, expires_at=NOW)
    data = spoil(pack_record(one))  # type: ignore[operator]  # a function
    with pytest.raises(StoreError, match=f"the record of key {one.key.id:016x}") as raised:
        unpack_record(data, one.key.id)
    assert "07070707" not in str(raised.value)
