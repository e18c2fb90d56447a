"""The handshake: one class for each wait, in the order of the specification, for both roles."""

from __future__ import annotations

from .client import begin
from .saved import freeze, thaw
from .server import listening
from .shared import ClientTools, DataCenter, KeyKind, Purpose, ServerTools
from .state import OwnerState, PeerState, Route, State, WorkState, deliver, resume, routes

__all__ = [
    "ClientTools",
    "DataCenter",
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
