"""What a client keeps over a restart, as bytes with a version.

Never calls, message ids or half a handshake: a saved connection begins with a new session.
"""

from __future__ import annotations

from struct import Struct

from ..._config import PendingKey
from ..._crypto import AuthKey, Side
from ..._ground import id_from_bytes
from ..._keys import Slot, SlotState, renewal_time
from ..._session import ClockSource, ServerClock, Session
from .state import ClientState

__all__ = ["restore", "save"]

VERSION = 1
HEAD = Struct("<BiQd?")
"""version, dc number, permanent key id (0: none), clock offset in seconds, whether a temporary key follows."""
KEY = Struct("<256sQqq")
"""auth_key, salt, expires_at and lifetime in seconds."""


def save(state: ClientState, *, temporary_key: bool) -> bytes:
    """22 bytes; with the bound temporary key 302, which are secret."""
    slot = state.keys.current if temporary_key else None
    head = HEAD.pack(VERSION, state.config.dc.number, state.keys.permanent_id or 0, state.clock.offset, slot is not None)
    if slot is None:
        return head
    return head + KEY.pack(slot.session.key.reveal(), slot.salt, slot.expires_at, slot.lifetime)


def restore(state: ClientState, saved: bytes) -> None:
    """Take up what was saved. Draws 8 bytes and 2 for a temporary key. Raises ValueError where it does not fit."""
    if saved[:1] != bytes([VERSION]):
        raise ValueError(f"saved state of version {saved[0] if saved else 'none'}; this library reads version {VERSION}")
    if len(saved) not in (HEAD.size, HEAD.size + KEY.size):
        raise ValueError(f"saved state is {HEAD.size} or {HEAD.size + KEY.size} bytes, got {len(saved)}")
    _version, dc, permanent_id, offset, has_key = HEAD.unpack_from(saved)
    if has_key is not (len(saved) > HEAD.size):
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
    _restore_key(state, *KEY.unpack_from(saved, HEAD.size))


def _restore_key(state: ClientState, key: bytes, salt: int, expires_at: int, lifetime: int) -> None:
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
    slot = Slot(session=session, salt=salt, expires_at=expires_at, lifetime=lifetime, made_at=float("-inf"))
    slot.state = SlotState.BOUND
    slot.renew_at = renewal_time(expires_at, lifetime, config.renew_ahead, config.entropy)
    state.keys.current = slot
