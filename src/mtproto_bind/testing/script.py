"""A script of what goes wrong with a pair beside its network: each thing at its time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from attrs import evolve, frozen

from .._handshake import KeyKind
from .network import Direction, FaultKind
from .pair import Pair

__all__ = [
    "AnswersHeld",
    "ClockStep",
    "ComputationsHeld",
    "Cut",
    "KeysForgotten",
    "Mishap",
    "PieceSpoiled",
    "ServerRestarted",
    "play",
]


@frozen(kw_only=True)
class Mishap:
    """Something that befalls a pair ``at`` seconds after the script begins. Subclass it for what is not here."""

    at: float

    def befall(self, pair: Pair) -> None:
        """It happens now."""
        raise NotImplementedError


def play(pair: Pair, script: Iterable[Mishap]) -> None:
    """Have each mishap befall ``pair`` at its time, counted from now, as it runs."""
    for mishap in script:
        pair.later(mishap.at, mishap.befall)


@frozen(kw_only=True)
class PieceSpoiled(Mishap):
    """``kind`` befalls the next piece written in ``direction``. ``byte`` and ``seconds``: see :class:`Fault`."""

    direction: Direction
    kind: FaultKind
    byte: int = 0
    seconds: float = 1.0

    def befall(self, pair: Pair) -> None:
        pair.network.befall_next(self.direction, self.kind, at=self.byte, seconds=self.seconds)


@frozen(kw_only=True)
class Cut(Mishap):
    """The stream is lost, for both ends, with everything under way."""

    def befall(self, pair: Pair) -> None:
        pair.cut()


@frozen(kw_only=True)
class ClockStep(Mishap):
    """A clock jumps by ``seconds``, forward or (negative) back: the client's, or the ``server``'s."""

    seconds: float
    server: bool = False

    def befall(self, pair: Pair) -> None:
        if self.server:
            pair.server_skew += self.seconds
        else:
            pair.client_skew += self.seconds


@frozen(kw_only=True)
class ServerRestarted(Mishap):
    """The server's process ends and another begins: see :meth:`Pair.restart_server`."""

    def befall(self, pair: Pair) -> None:
        pair.restart_server()


@frozen(kw_only=True)
class KeysForgotten(Mishap):
    """The owner loses all keys of this kind, with their bindings; the server's process begins anew, so nothing remembers them."""

    kind: KeyKind

    def befall(self, pair: Pair) -> None:
        owner = pair.owner
        left = {key_id: record for key_id, record in owner.keys.items() if record.kind is not self.kind}
        # a temporary key is bound to nothing where its permanent one is gone
        owner.keys = {id_: record if record.bound_to in left else evolve(record, bound_to=None) for id_, record in left.items()}
        owner.bindings = {of: key_id for of, key_id in owner.bindings.items() if of[0] in left and key_id in left}
        pair.restart_server()


@frozen(kw_only=True)
class ComputationsHeld(Mishap):
    """The client's computations have no answer for ``seconds``.

    ``lost``: they never have; then the stream is cut, as a driver that loses its work has to dial again to be asked again.
    """

    seconds: float
    lost: bool = False

    def befall(self, pair: Pair) -> None:
        pair.hold = True
        pair.later(self.seconds, partial(_end_hold, lost=self.lost))


@frozen(kw_only=True)
class AnswersHeld(Mishap):
    """The owner of the server answers neither questions nor calls for ``seconds``.

    ``lost``: what was asked meanwhile is never answered. A question then ends its stream after ``Timeouts.owner``.
    """

    seconds: float
    lost: bool = False

    def befall(self, pair: Pair) -> None:
        pair.server_hold = True
        pair.later(self.seconds, partial(_end_server_hold, lost=self.lost))


def _end_hold(pair: Pair, *, lost: bool) -> None:
    if lost:
        pair.held.clear()
        pair.cut()
    pair.release()


def _end_server_hold(pair: Pair, *, lost: bool) -> None:
    if lost:
        pair.server_held.clear()
    pair.server_release()
