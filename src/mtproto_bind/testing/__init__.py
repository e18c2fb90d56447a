"""For tests of what is built on this library, and of other clients and servers: two ends on a virtual clock.

Pure, like the core. Nothing here is for keys that are to be secret.
"""

from __future__ import annotations

from .cheap import CheapCrypto
from .entropy import ScriptedEntropy, SeededEntropy
from .network import Direction, Fault, FaultKind, Network, Piece
from .pair import Owner, Pair, Told, make_client_config, make_server_config

__all__ = [
    "CheapCrypto",
    "Direction",
    "Fault",
    "FaultKind",
    "Network",
    "Owner",
    "Pair",
    "Piece",
    "ScriptedEntropy",
    "SeededEntropy",
    "Told",
    "make_client_config",
    "make_server_config",
]
