"""For tests of what is built on this library, and of other clients and servers: two ends on a virtual clock.

Pure, like the core. Nothing here is for keys that are to be secret.
"""

from __future__ import annotations

from .cheap import CheapCrypto
from .configs import make_client_config, make_server_config
from .entropy import ScriptedEntropy, SeededEntropy
from .network import Direction, Fault, FaultKind, Network, Piece
from .pair import Owner, Pair, Told
from .script import (
    AnswersHeld,
    ClockStep,
    ComputationsHeld,
    Cut,
    KeysForgotten,
    Mishap,
    PieceSpoiled,
    ServerRestarted,
    play,
)

__all__ = [
    "AnswersHeld",
    "CheapCrypto",
    "ClockStep",
    "ComputationsHeld",
    "Cut",
    "Direction",
    "Fault",
    "FaultKind",
    "KeysForgotten",
    "Mishap",
    "Network",
    "Owner",
    "Pair",
    "Piece",
    "PieceSpoiled",
    "ScriptedEntropy",
    "SeededEntropy",
    "ServerRestarted",
    "Told",
    "make_client_config",
    "make_server_config",
    "play",
]
