"""A transcript for readers: lines of text, and the rows of a sequence diagram. Always without its secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from attrs import frozen

from .._crypto import Crypto
from .redaction import redact
from .transcript import MADE, Step, Transcript
from .values import Shape

__all__ = ["Row", "RowKind", "describe", "rows"]


class RowKind(Enum):
    """Between whom something passed."""

    SENT = "->"
    """From this machine to its peer."""
    RECEIVED = "<-"
    """From the peer to this machine."""
    TOLD = "!"
    """An event or a question, from this machine to its owner."""
    DONE = "*"
    """What the owner did or answered."""


@frozen(kw_only=True)
class Row:
    """One line of a description, one arrow of a diagram.

    ``at``: seconds after the first moment of the transcript. ``step``: its index in ``Transcript.steps``. ``stream``: as in
    :class:`Step`; of a client they are counted here, from 1. ``name``: the first word of ``text``: the message, event or act.
    """

    at: float
    step: int
    stream: int
    kind: RowKind
    text: str

    @property
    def name(self) -> str:
        """What it is, in a word."""
        return self.text.split(" ", 1)[0]


SILENT: Final = {"handle_timeout", "next_event", "data_to_send", "receive_data"}
"""What an owner does all the time; only what comes of it is of interest."""


def rows(transcript: Transcript, *, crypto: Crypto | None = None) -> tuple[Row, ...]:
    """What happened, in order: a row for each frame, event and act. No row shows a secret."""
    return tuple(_rows(redact(transcript, crypto=crypto)))


def describe(transcript: Transcript, *, crypto: Crypto | None = None) -> str:
    """The transcript as lines of text: seconds, stream, direction, and what it was."""
    head = f"{transcript.role.value}, {len(transcript.steps)} steps{'' if transcript.complete else ', cut off by the recorder'}"
    lines = [f"{row.at:10.3f}  {row.stream:3}  {row.kind.value:2}  {row.text}" for row in rows(transcript, crypto=crypto)]
    return "\n".join([head, *lines, ""])


def _rows(transcript: Transcript) -> Iterator[Row]:
    times = [step.now for step in transcript.steps if step.now is not None]
    start = at = times[0] if times else 0.0
    streams = 0
    for index, step in enumerate(transcript.steps):
        at = at if step.now is None else step.now
        streams += step.do == "transport_opened"
        for kind, text in _told(step):
            yield Row(at=at - start, step=index, stream=step.stream or streams, kind=kind, text=text)


def _told(step: Step) -> Iterator[tuple[RowKind, str]]:
    if step.do == "receive_data":
        yield from ((RowKind.RECEIVED, text) for text in _texts(step.takes.get("data")))
    elif step.do == "data_to_send":
        yield from ((RowKind.SENT, text) for text in _texts(step.gives))
    elif step.do == "next_event" and isinstance(step.gives, dict) and "class" in step.gives:
        yield RowKind.TOLD, _shown(step.gives)
    elif step.do not in SILENT:
        takes = {name: shape for name, shape in step.takes.items() if name not in ("now", "config", "role")}
        yield RowKind.DONE, " ".join([step.do, *_pairs(takes)])
    if isinstance(step.gives, dict) and "raises" in step.gives:
        yield RowKind.TOLD, f"{step.gives['raises']} raised by {'the making' if step.do == MADE else step.do}"


def _texts(shape: Shape) -> list[str]:
    """The frames of a redacted step, or its length where none is whole."""
    if not isinstance(shape, dict) or not isinstance(shape.get("frames"), list):
        return []
    size = shape.get("size")
    return [str(each) for each in shape["frames"]] or ([f"{size} bytes"] if size else [])


def _shown(shape: Shape) -> str:
    match shape:
        case {"class": kind, **fields}:
            return " ".join([str(kind), *_pairs(fields)])
        case {"enum": _, "name": name}:
            return str(name)
        case {"error": kind, "text": text}:
            return f"{kind} ({text})"
        case {"question": number}:
            return f"question {number}"
        case dict():
            return " ".join(_pairs(shape))
        case list():
            return f"[{', '.join(map(_shown, shape))}]"
        case _:
            return str(shape)


def _pairs(fields: Mapping[Any, Shape]) -> list[str]:
    """Names and values; what is not there is not told, what is made of parts stands in brackets."""
    shown = [(name, each, _shown(each)) for name, each in fields.items() if each is not None]
    return [f"{name}=({text})" if isinstance(each, dict) and " " in text else f"{name}={text}" for name, each, text in shown]
