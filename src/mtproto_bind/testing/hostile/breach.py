"""One rule, and the one value by which it is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from attrs import field, frozen

from ..._errors import Check, Scope

__all__ = ["Breach", "Role"]


class Role(Enum):
    """Who breaks a rule; the other side is tested."""

    CLIENT = "client"
    SERVER = "server"


@frozen(kw_only=True)
class Breach:
    """What a hostile peer alters, and what an honest one answers.

    ``point`` names the value that is altered (the first time it is sent), ``alter`` makes the bad value of the good one and
    of all values sent before, by their points. Hashes, lengths and keys that follow from the value are made of the bad
    one, so that nothing else is wrong. ``given``: choices that the specification leaves open, taken to get there.
    """

    check: Check
    by: Role
    how: str
    """What is altered, in words."""
    point: str
    alter: Callable[[Any, Mapping[str, Any]], Any] = field(repr=False)
    given: Mapping[str, Any] = field(factory=dict, hash=False)
    variant: str = ""
    """Tells the ways to break one rule apart; the plainest one has none."""
    says: str = ""
    """What an honest server says to it, in the words of ``HostileClient.heard``; empty: nothing, as an honest client."""
    ends_stream: bool = field()
    """Whether the honest side ends the stream; by default as the scope of the check has it."""

    @ends_stream.default
    def _by_scope(self) -> bool:
        return self.check.scope in (Scope.STREAM, Scope.EXCHANGE)

    @property
    def name(self) -> str:
        """``CHECK`` or ``CHECK:variant``; one role has each name once."""
        return f"{self.check.name}:{self.variant}" if self.variant else self.check.name
