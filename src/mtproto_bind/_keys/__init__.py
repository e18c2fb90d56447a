"""The life of a client's keys: what is lacking, where each stands, when it is renewed, what an error may cost."""

from __future__ import annotations

from .goal import Need, lacking
from .recovery import FRESH, Backoff, Charge, Circumstances, charge
from .renewal import renewal_time
from .slots import STEPS, Keys, Slot, SlotState

__all__ = [
    "FRESH",
    "STEPS",
    "Backoff",
    "Charge",
    "Circumstances",
    "Keys",
    "Need",
    "Slot",
    "SlotState",
    "charge",
    "lacking",
    "renewal_time",
]
