"""Timers with names, on the driver's clock."""

from __future__ import annotations

from collections.abc import Hashable

from attrs import define, field

__all__ = ["Timers"]


@define
class Timers:
    """One deadline (our unix seconds) for each name."""

    _due: dict[Hashable, float] = field(factory=dict)

    def set(self, name: Hashable, at: float) -> None:
        self._due[name] = at

    def set_if_unset(self, name: Hashable, at: float) -> None:
        self._due.setdefault(name, at)

    def clear(self, name: Hashable) -> None:
        self._due.pop(name, None)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._due

    def take_due(self, now: float) -> tuple[Hashable, ...]:
        """The names whose time has come, the earliest first; they are cleared."""
        names = sorted((name for name, at in self._due.items() if at <= now), key=self._due.__getitem__)
        for name in names:
            del self._due[name]
        return tuple(names)

    def earliest(self) -> float | None:
        return min(self._due.values(), default=None)

    def shift(self, seconds: float) -> None:
        """Our clock jumped by ``seconds``: every deadline moves with it."""
        for name in self._due:
            self._due[name] += seconds
