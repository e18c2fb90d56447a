"""The handshake: one class for each wait, in the order of the specification, for both roles.

The states of the client are here by name; those of the server, one of which has the same name, are in :mod:`.server`.
"""

from __future__ import annotations

from .client import Asking, ExpectDHAnswer, ExpectResPQ, ExpectServerDHParams, KeyAgreed, begin
from .saved import freeze, thaw
from .server import listening
from .shared import ClientTools, DataCenter, KeyKind, Purpose, ServerTools
from .state import OwnerState, PeerState, Route, State, WorkState, deliver, resume, routes

__all__ = [
    "Asking",
    "ClientTools",
    "DataCenter",
    "ExpectDHAnswer",
    "ExpectResPQ",
    "ExpectServerDHParams",
    "KeyAgreed",
    "KeyKind",
    "OwnerState",
    "PeerState",
    "Purpose",
    "Route",
    "ServerTools",
    "State",
    "WorkState",
    "begin",
    "deliver",
    "freeze",
    "listening",
    "resume",
    "routes",
    "thaw",
]
