"""Temporary keys in their slots, for the tests of their life."""

from __future__ import annotations

from mtproto_bind._crypto import AuthKey, Side
from mtproto_bind._keys import Slot, SlotState
from mtproto_bind._limits import Limits, Timeouts
from mtproto_bind._session import ClientSalts, Session
from mtproto_bind.testing.entropy import SeededEntropy

from .sessions import CRYPTO, NOW, SESSION_ID

LIFETIME = 86400


def make_slot(number: int = 1, state: SlotState = SlotState.UNBOUND, renew_at: float | None = None) -> Slot:
    """The temporary key ``number``, made at ``NOW``."""
    session = Session(
        AuthKey(bytes([number]) * 256),
        SESSION_ID,
        Side.CLIENT,
        crypto=CRYPTO,
        entropy=SeededEntropy(b"slot"),
        limits=Limits(),
        timeouts=Timeouts(),
    )
    slot = Slot(session=session, salts=ClientSalts(number, NOW), expires_at=int(NOW) + LIFETIME, lifetime=LIFETIME, made_at=NOW)
    slot.state = state
    slot.renew_at = renew_at
    return slot
