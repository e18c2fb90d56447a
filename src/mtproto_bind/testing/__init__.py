"""For tests of what is built on this library, and of other clients and servers: two ends on a virtual clock.

Pure, like the core. Nothing here is for keys that are to be secret. ``strategies`` and ``stateful`` need hypothesis
(``pip install "mtproto-bind[testing]"``) and are imported by those who use them.
"""

from __future__ import annotations

from .cheap import CheapCrypto
from .configs import make_client_config, make_server_config
from .conversation import converse
from .describing import Row, RowKind, describe, rows
from .entropy import ScriptedEntropy, SeededEntropy
from .hostile import BREACHES, Breach, HostileClient, HostileServer, Role, breaches_of
from .network import Direction, Fault, FaultKind, Network, Piece
from .pair import Owner, Pair, Told
from .recording import Recorder
from .redaction import redact
from .replaying import Diverged, replay
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
from .transcript import Step, Transcript

__all__ = [
    "BREACHES",
    "AnswersHeld",
    "Breach",
    "CheapCrypto",
    "ClockStep",
    "ComputationsHeld",
    "Cut",
    "Direction",
    "Diverged",
    "Fault",
    "FaultKind",
    "HostileClient",
    "HostileServer",
    "KeysForgotten",
    "Mishap",
    "Network",
    "Owner",
    "Pair",
    "Piece",
    "PieceSpoiled",
    "Recorder",
    "Role",
    "Row",
    "RowKind",
    "ScriptedEntropy",
    "SeededEntropy",
    "ServerRestarted",
    "Step",
    "Told",
    "Transcript",
    "breaches_of",
    "converse",
    "describe",
    "make_client_config",
    "make_server_config",
    "play",
    "redact",
    "replay",
    "rows",
]
