"""Transcripts: everything that went into one machine and came out of it, as a value and as lines of JSON."""

from __future__ import annotations

import json
from math import isfinite
from typing import Final

from attrs import field, frozen

from .hostile import Role
from .values import Shape

__all__ = ["CLIENT_METHODS", "LINK_METHODS", "SERVER_METHODS", "Step", "Transcript"]

VERSION: Final = 1
LONGEST_LINE: Final = 1 << 25
"""Characters: a frame of the largest size, in hexadecimal digits, has a third of it."""
LONGEST_TEXT: Final = 1 << 30
MOST_STEPS: Final = 1 << 20
MOST_DRAWS: Final = 1 << 16
LATEST: Final = 1e15
"""Unix seconds, in thirty million years."""

CLIENT_METHODS: Final = {
    "transport_opened": ("transport", "now"),
    "receive_data": ("data", "now"),
    "transport_lost": ("now",),
    "data_to_send": ("now",),
    "next_event": (),
    "answer": ("question", "value", "now"),
    "handle_timeout": ("now",),
    "call": ("body", "now"),
    "cancel": ("call_id", "now"),
    "renew": ("now",),
    "close": ("now",),
}
"""What changes a client, and the names of what it takes by place."""
SERVER_METHODS: Final = {
    "accept": ("transport", "peer", "now"),
    "handle_timeout": ("now",),
    "forget_key": ("key_id", "now"),
    "send_update": ("key_id", "session_id", "body", "now"),
}
LINK_METHODS: Final = {
    "receive_data": ("data", "now"),
    "transport_lost": ("now",),
    "data_to_send": ("now",),
    "next_event": (),
    "answer": ("question", "value", "now"),
    "handle_timeout": ("now",),
    "send_result": ("call", "body", "now"),
    "send_error": ("call", "code", "message", "now"),
    "close": ("now",),
}
MADE: Final = "made"
"""The first step, in which the machine is made."""
METHODS: Final = {Role.CLIENT: (CLIENT_METHODS, {}), Role.SERVER: (SERVER_METHODS, LINK_METHODS)}


@frozen(kw_only=True)
class Step:
    """One method that was called. What it took, drew and gave is in the JSON that a transcript is written in.

    ``stream``: of a server's streams, from 1; 0 for the server itself, and for a client.
    """

    do: str
    stream: int = 0
    takes: dict[str, Shape] = field(factory=dict, repr=False)
    draws: tuple[str, ...] = field(default=(), repr=False)
    """Hexadecimal digits."""
    gives: Shape = field(default=None, repr=False)

    @property
    def now(self) -> float | None:
        """Our unix seconds; None where the method takes no time, or what is there is none."""
        now = self.takes.get("now")
        return float(now) if isinstance(now, int | float) and abs(now) <= LATEST else None


@frozen(kw_only=True)
class Transcript:
    """What befell one client, or one server with all its streams. It holds keys, unless it is ``redacted``.

    ``complete``: False where the recorder had no more room.
    """

    role: Role
    steps: tuple[Step, ...] = field(repr=lambda steps: f"<{len(steps)} steps>")
    redacted: bool = False
    complete: bool = True

    def to_text(self) -> str:
        """Lines of JSON: a head, then one line for each step."""
        head = {
            "mtproto-bind transcript": VERSION,
            "role": self.role.value,
            "redacted": self.redacted,
            "complete": self.complete,
            "steps": len(self.steps),
        }
        return "".join(f"{json.dumps(line, allow_nan=False)}\n" for line in (head, *map(_line, self.steps)))

    @classmethod
    def from_text(cls, text: str) -> Transcript:
        """The inverse. ValueError names the line and says what is wrong with it, but repeats nothing of it."""
        if len(text) > LONGEST_TEXT:
            raise ValueError(f"expected a transcript of at most {LONGEST_TEXT} characters, got {len(text)}")
        lines = text.split("\n")
        if lines[-1]:
            raise ValueError(f"line {len(lines)}: the transcript is cut off, it ends within a line")
        lines.pop()
        role, redacted, complete, count = _head(_parsed(lines, 1))
        if len(lines) - 1 < count:
            raise ValueError(f"line {len(lines) + 1}: the transcript is cut off, it has {len(lines) - 1} steps of {count}")
        if len(lines) - 1 > count:
            raise ValueError(f"line {count + 2}: something follows the last step")
        steps = tuple(_step(_parsed(lines, number), number, role) for number in range(2, count + 2))
        return cls(role=role, steps=steps, redacted=redacted, complete=complete)


def _line(step: Step) -> dict[str, Shape]:
    line: dict[str, Shape] = {"do": step.do}
    for name in ("stream", "takes", "draws"):
        if value := getattr(step, name):
            line[name] = value
    return line if step.gives is None else {**line, "gives": step.gives}


def _parsed(lines: list[str], number: int) -> dict[str, Shape]:
    """The line of that number, from 1."""
    text = lines[number - 1] if number <= len(lines) else ""
    if len(text) > LONGEST_LINE:
        raise ValueError(f"line {number}: longer than {LONGEST_LINE} characters")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ValueError(f"line {number}: expected JSON, got something else") from None
    if not isinstance(value, dict):
        raise ValueError(f"line {number}: expected a JSON object, got something else")
    return value


def _refuse(_name: str) -> float:
    raise ValueError


def _finite(digits: str) -> float:
    # 1e999 is a number in JSON, and none that could be written again
    value = float(digits)
    return value if isfinite(value) else _refuse(digits)


def _head(head: dict[str, Shape]) -> tuple[Role, bool, bool, int]:
    version = head.get("mtproto-bind transcript")
    if version is None:
        raise ValueError("line 1: expected the head of a transcript, got something else")
    if version != VERSION or version is True:
        raise ValueError("line 1: a transcript of another version; this library reads version 1")
    role, redacted, complete, count = (head.get(name) for name in ("role", "redacted", "complete", "steps"))
    roles = {each.value: each for each in Role}
    if not isinstance(role, str) or role not in roles:
        raise ValueError("line 1: expected the role client or server, got another")
    if not isinstance(redacted, bool) or not isinstance(complete, bool):
        raise ValueError("line 1: expected true or false for redacted and complete, got something else")
    if not isinstance(count, int) or not 1 <= count <= MOST_STEPS:
        raise ValueError(f"line 1: expected 1 to {MOST_STEPS} steps, got another number")
    return roles[role], redacted, complete, count


def _step(line: dict[str, Shape], number: int, role: Role) -> Step:
    do, stream, takes = line.get("do"), line.get("stream", 0), line.get("takes", {})
    draws, gives = line.get("draws", []), line.get("gives")
    if not isinstance(stream, int) or not 0 <= stream <= MOST_STEPS:
        raise ValueError(f"line {number}: expected the number of a stream, got something else")
    methods = METHODS[role][stream > 0]
    if not isinstance(do, str) or (do != MADE if number == 2 else do not in methods):
        raise ValueError(f"line {number}: expected {MADE if number == 2 else 'a method of the machine'}, got something else")
    if not isinstance(takes, dict) or set(line) - {"do", "stream", "takes", "draws", "gives"}:
        raise ValueError(f"line {number}: expected a step (do, stream, takes, draws, gives), got something else")
    if not isinstance(draws, list) or len(draws) > MOST_DRAWS or not all(isinstance(each, str) for each in draws):
        raise ValueError(f"line {number}: expected a list of draws, got something else")
    return Step(do=do, stream=stream, takes=takes, draws=tuple(draws), gives=gives)
