"""Peers that break exactly one rule, once: a server against which to test clients, a client against which to test servers.

Bytes in, bytes out, so that they fit any stream. Without a breach they are honest, and the library's own machines have
no part in them.
"""

from __future__ import annotations

from typing import Final

from ..._errors import Check
from .breach import Breach, Role
from .client import HostileClient
from .client_breaches import BY_CLIENT
from .server import HostileServer
from .server_breaches import BY_SERVER

__all__ = ["BREACHES", "Breach", "HostileClient", "HostileServer", "Role", "breaches_of"]

BREACHES: Final = (*BY_SERVER, *BY_CLIENT)
"""Every way that is known here to break a rule, the plainest of each rule first."""


def breaches_of(check: Check) -> tuple[Breach, ...]:
    """The ways to break ``check``, by either role."""
    return tuple(breach for breach in BREACHES if breach.check is check)
