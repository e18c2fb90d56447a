"""States are values: one frozen class for each wait, one method for each thing that can end the wait.

A method takes what came and the tools, and returns the next state, or raises and leaves the old one as it was. What a
state waits for, the diagrams of ``docs/reference/states.md`` and the test of every state with every message are all read
off the annotations of these methods, so they cannot disagree.
"""

from __future__ import annotations

from types import FunctionType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, get_args, get_origin, get_type_hints

from .._crypto import Work
from .._errors import UnexpectedMessage
from .._tl import HANDSHAKE, SERVICE, TLObject

__all__ = ["OwnerState", "PeerState", "Route", "State", "WorkState", "deliver", "resume", "routes"]


class State:
    """One moment of a handshake. Frozen; holds exactly what is valid in it."""

    __slots__ = ()

    ignored: ClassVar[frozenset[str]] = frozenset()
    """Constructors that change nothing."""


class PeerState(State):
    """Waits for the peer: handlers ``on_<constructor>(message, tools)``."""

    __slots__ = ()


class WorkState(State):
    """Waits for arithmetic: one handler ``on_<result>(value, tools)`` for what ``work`` yields."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def work(self) -> Work[Any]: ...


class OwnerState(State):
    """Waits for the owner's word: handlers are called by name, with the tools alone."""

    __slots__ = ()


class Route(NamedTuple):
    """One way out of a state. ``takes``: the type of what comes; ``leads_to`` is empty where the handshake ends in an error."""

    handler: str
    takes: object
    leads_to: tuple[type[State], ...]


_ROUTES: dict[type[State], tuple[Route, ...]] = {}


def routes(kind: type[State]) -> tuple[Route, ...]:
    """The ways out of a state, in the order in which they are written."""
    if kind not in _ROUTES:
        handlers = [member for name, member in vars(kind).items() if isinstance(member, FunctionType) and name[0] != "_"]
        _ROUTES[kind] = tuple(_route(handler) for handler in handlers)
    return _ROUTES[kind]


def deliver(state: State, body: bytes, tools: object) -> State:
    """The state after a message in the clear.

    One object is read from the front of ``body``; whatever follows it is padding, which peers add as they like
    (https://core.telegram.org/mtproto/samples-auth_key). Raises what the handler raises, :class:`MalformedMessage`, or
    :class:`UnexpectedMessage` where the state waits for something else.
    """
    if state.ignored and SERVICE.name_of(body) in state.ignored:
        return state
    handlers = _handlers(type(state))
    expected = tuple(message.constructor.name for message in handlers)
    try:
        message, _end = HANDSHAKE.read(body)
    except UnexpectedMessage as error:
        raise UnexpectedMessage(expected, error.got) from None
    if type(message) not in handlers:
        raise UnexpectedMessage(expected, message.constructor.name)
    after: State = getattr(state, handlers[type(message)])(message, tools)
    return after


def resume(state: WorkState, value: object, tools: object) -> State:
    """The state after its arithmetic is done; ``value`` is what ``state.work`` yielded."""
    [route] = routes(type(state))
    after: State = getattr(state, route.handler)(value, tools)
    return after


def _handlers(kind: type[State]) -> dict[type[TLObject], str]:
    """Which method takes which message."""
    ways = [(route.takes, route.handler) for route in routes(kind)]
    return {takes: handler for takes, handler in ways if isinstance(takes, type) and issubclass(takes, TLObject)}


def _route(method: FunctionType) -> Route:
    hints = get_type_hints(method)
    result = hints.pop("return")
    takes = next((hint for parameter, hint in hints.items() if parameter != "tools"), None)
    targets = get_args(result) if get_origin(result) is UnionType else (result,)
    return Route(method.__name__, takes, tuple(target for target in targets if target is not NoReturn))
