"""What is still lacking, in order: the life of the keys on one page. https://core.telegram.org/api/pfs"""

from __future__ import annotations

from enum import Enum, auto

from .._config import Goal, PendingKey
from .slots import Keys, SlotState

__all__ = ["Need", "lacking"]


class Need(Enum):
    """The next thing to do."""

    PERMANENT_KEY = auto()
    TEMPORARY_KEY = auto()
    OWNERS_KEY = auto()
    """The permanent key that another connection makes."""
    BINDING = auto()


def lacking(keys: Keys, goal: Goal, *, server_time: float) -> Need | None:
    """The first thing that is lacking at ``server_time`` (server unix seconds); None: all is well."""
    # identity first: every temporary key is bound to it
    if keys.permanent is None:
        return Need.PERMANENT_KEY
    if goal is Goal.PERMANENT_KEY:
        return None
    # a temporary key, never used before it is bound
    if keys.current is None and keys.next is None:
        return Need.TEMPORARY_KEY
    if goal is Goal.TEMPORARY_KEY:
        return None
    if keys.next is not None:
        if keys.next.state is not SlotState.UNBOUND:
            return None
        return Need.OWNERS_KEY if isinstance(keys.permanent, PendingKey) else Need.BINDING
    # renewal: the same steps again, beside the live key
    renew_at = keys.current.renew_at if keys.current is not None else None
    return Need.TEMPORARY_KEY if renew_at is not None and renew_at <= server_time else None
