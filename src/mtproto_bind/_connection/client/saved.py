"""What a client keeps over a restart, as bytes with a version.

Never calls, message ids or half a handshake: a saved connection begins with a new session.
"""

from __future__ import annotations

from struct import Struct

from ..._config import PendingKey
from ..._crypto import AuthKey, Side
from ..._ground import id_from_bytes
from ..._keys import Slot, SlotState, renewal_time
from ..._session import ClientSalts, ClockSource, ServerClock, Session
from ..._tl import FutureSalt
from .state import ClientState

__all__ = ["restore", "save"]

VERSION = 1
HEAD = Struct("<BiQd?")
"""version, dc number, permanent key id (0: none), clock offset in seconds, whether a temporary key follows."""
KEY = Struct("<256sQqqB")
"""auth_key, salt, expires_at and lifetime in seconds, how many salts follow."""
SALT = Struct("<iiQ")
"""valid_since and valid_until in server unix seconds, salt."""


def save(state: ClientState, *, temporary_key: bool) -> bytes:
    """22 bytes; with the bound temporary key 303 and 16 for each salt that the server has promised, which are secret."""
    slot = state.keys.current if temporary_key else None
    head = HEAD.pack(VERSION, state.config.dc.number, state.keys.permanent_id or 0, state.clock.offset, slot is not None)
    if slot is None:
        return head
    salts = slot.salts.future
    key = KEY.pack(slot.session.key.reveal(), slot.salts.in_use, slot.expires_at, slot.lifetime, len(salts))
    return head + key + b"".join(SALT.pack(one.valid_since, one.valid_until, one.salt) for one in salts)


def restore(state: ClientState, saved: bytes) -> None:
    """Take up what was saved. Draws 8 bytes and 2 for a temporary key. Raises ValueError where it does not fit."""
    if saved[:1] != bytes([VERSION]):
        raise ValueError(f"saved state of version {saved[0] if saved else 'none'}; this library reads version {VERSION}")
    if len(saved) < HEAD.size:
        raise ValueError(f"saved state is cut off: it is {HEAD.size} bytes or more, got {len(saved)}")
    _version, dc, permanent_id, offset, has_key = HEAD.unpack_from(saved)
    if len(saved) != HEAD.size + has_key * _size_of_key(saved):
        raise ValueError("saved state is cut off, or something follows it")
    if dc != state.config.dc.number:
        raise ValueError(f"saved state is for data centre {dc}, the configuration for {state.config.dc.number}")
    if offset != offset or abs(offset) > 1e12:
        raise ValueError("saved state holds a clock offset that is no number of seconds")
    state.clock = ServerClock(offset, None, ClockSource.GUESS)
    if not has_key:
        return
    if isinstance(state.config.permanent_key, PendingKey) or state.keys.permanent_id != permanent_id:
        raise ValueError("saved state has a temporary key that is bound to another permanent key than the configuration names")
    salts = [FutureSalt(*salt) for salt in SALT.iter_unpack(saved[HEAD.size + KEY.size :])]
    key, salt, expires_at, lifetime, _count = KEY.unpack_from(saved, HEAD.size)
    _restore_key(state, key, ClientSalts(salt, float("-inf"), tuple(salts)), expires_at, lifetime)


def _size_of_key(saved: bytes) -> int:
    """How long the part about the temporary key says it is; its count of salts is its last byte."""
    return KEY.size + saved[HEAD.size + KEY.size - 1] * SALT.size if len(saved) >= HEAD.size + KEY.size else KEY.size


def _restore_key(state: ClientState, key: bytes, salts: ClientSalts, expires_at: int, lifetime: int) -> None:
    config = state.config
    if lifetime <= 0:
        raise ValueError("saved state holds a temporary key that never lived")
    session = Session(
        AuthKey(key),
        id_from_bytes(config.entropy(8)),
        Side.CLIENT,
        crypto=config.crypto,
        entropy=config.entropy,
        limits=config.limits,
        timeouts=config.timeouts,
    )
    slot = Slot(session=session, salts=salts, expires_at=expires_at, lifetime=lifetime, made_at=float("-inf"))
    slot.state = SlotState.BOUND
    slot.renew_at = renewal_time(expires_at, lifetime, config.renew_ahead, config.entropy)
    state.keys.current = slot
