"""Draws ``docs/reference/states.md`` from the states themselves. To write it anew: ``python tests/kit/drawing.py``."""

from __future__ import annotations

from pathlib import Path

from mtproto_bind._handshake import OwnerState, PeerState, Route, State, WorkState, client, routes, server
from mtproto_bind._tl import TLObject

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "states.md"
FIRST = {"client": client.ExpectResPQ, "server": server.ExpectReqPQ}

INTRODUCTION = """\
# States of the handshake

One class stands for each wait, and holds exactly what is valid in it. A step takes a state and returns the next one, or
raises and leaves the state as it was. States that wait for the peer take one message each; those that wait for
arithmetic take its result; the server's last question goes to the owner of the keys.

This page is drawn from the annotations of the classes in `mtproto_bind._handshake`, by `python tests/kit/drawing.py`. The
steps are those of [Creating an Authorization Key](https://core.telegram.org/mtproto/auth_key).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(section(role, first) for role, first in FIRST.items())])


def section(role: str, first: type[State]) -> str:
    """One role: what each state is, then the picture."""
    states = reachable(first)
    rows = [f"| `{state.__name__}` | {waits_for(state)} | {summary(state)} |" for state in states]
    table = ["| state | waits for | what it is |", "| --- | --- | --- |", *rows]
    return "\n".join([f"## The {role}", "", *table, "", "```mermaid", *diagram(first), "```", ""])


def reachable(first: type[State]) -> list[type[State]]:
    """Every state that can follow, each after one that leads to it."""
    found = [first]
    for state in found:
        targets = dict.fromkeys(target for route in routes(state) for target in route.leads_to)
        found += [target for target in targets if target not in found]
    return found


def diagram(first: type[State]) -> list[str]:
    """A Mermaid diagram, line by line. A way that ends in an error ends in a black dot; so does the agreed key."""
    lines = ["stateDiagram-v2", f"    [*] --> {first.__name__}"]
    for state in reachable(first):
        for route in routes(state):
            targets = [target.__name__ for target in route.leads_to] or ["[*]"]
            lines += [f"    {state.__name__} --> {target}: {trigger(route)}" for target in targets]
        if not routes(state):
            lines.append(f"    {state.__name__} --> [*]")
    return lines


def trigger(route: Route) -> str:
    """The constructor that comes, or the handler's name."""
    if isinstance(route.takes, type) and issubclass(route.takes, TLObject):
        return route.takes.constructor.name
    return route.handler.removeprefix("on_")


def waits_for(state: type[State]) -> str:
    """In a word or two."""
    kinds: dict[type[State], str] = {PeerState: "the peer", WorkState: "arithmetic", OwnerState: "the owner"}
    return next((word for kind, word in kinds.items() if issubclass(state, kind)), "nothing")


def summary(state: type[State]) -> str:
    """The first paragraph of the docstring, on one line."""
    return " ".join((state.__doc__ or "").split("\n\n")[0].replace("``", "`").split())


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
