"""What a server connection shows of itself."""

from __future__ import annotations

from attrs import frozen

from ..._errors import Check
from ..._wire import Framing
from .link import Link

__all__ = ["ServerStatus", "status"]


@frozen(kw_only=True)
class ServerStatus:
    """A look inside one stream, for logs and bug reports. No secrets.

    ``framing``: None: the client has not begun. ``sessions``: (key id, session id) of those that speak here. ``dropped``: how
    many messages broke which rule of scope MESSAGE.
    """

    framing: Framing | None
    sessions: tuple[tuple[int, int], ...]
    open_questions: int
    dropped: dict[Check, int]
    closed: bool


def status(link: Link) -> ServerStatus:
    """How things stand."""
    return ServerStatus(
        framing=link.stream.framing,
        sessions=tuple(link.sessions),
        open_questions=len(link.asked),
        dropped=dict(link.dropped),
        closed=link.closed,
    )
