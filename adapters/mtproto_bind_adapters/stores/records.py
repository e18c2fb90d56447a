"""The record of a key as bytes, for stores that keep bytes. Secret."""

from __future__ import annotations

import struct
from math import isnan, nan

from mtproto_bind import AuthKey, KeyKind, StoredKey

from .outage import StoreError

__all__ = ["pack_record", "unpack_record"]

VERSION = 1
FIELDS = struct.Struct("<BBddQ256s")
"""Version, media, created_at, expires_at (NaN: it is a permanent key), first_salt, key."""


def pack_record(record: StoredKey) -> bytes:
    """282 bytes; what the key is bound to is not among them, for that changes."""
    expires_at = nan if record.expires_at is None else record.expires_at
    return FIELDS.pack(VERSION, record.media, record.created_at, expires_at, record.first_salt, record.key.reveal())


def unpack_record(data: bytes, key_id: int) -> StoredKey:
    """The record of the key ``key_id``. Raises :class:`StoreError` for what is none, without showing it."""
    if len(data) != FIELDS.size or data[0] != VERSION:
        expected = f"expected {FIELDS.size} bytes of version {VERSION}"
        raise StoreError(
            f"the record of key {key_id:016x} is damaged, or of another release: {expected}, found {len(data)} bytes"
        )
    _version, media, created_at, expires_at, first_salt, key = FIELDS.unpack(data)
    permanent = isnan(expires_at)
    record = StoredKey(
        key=AuthKey(key),
        kind=KeyKind.PERMANENT if permanent else KeyKind.TEMPORARY,
        media=bool(media),
        created_at=created_at,
        expires_at=None if permanent else expires_at,
        first_salt=first_salt,
    )
    if record.key.id != key_id:
        raise StoreError(f"the record of key {key_id:016x} holds another key")
    return record
