"""What a command says: to a person line by line, or to a program as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TextIO

from .timeline import Plain, Timeline

if TYPE_CHECKING:
    from .picture import RichPicture

__all__ = ["Console", "Failure", "Misuse", "ReaderGone"]


class Misuse(Exception):
    """The command cannot be run as it was given: exit code 2."""


class Failure(Exception):
    """The run came to nothing: exit code 1. The text says what was expected, what came, and what to do."""

    def __init__(self, text: str, *, kind: str, check: str | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.check = check

    def as_json(self) -> dict[str, str | None]:
        """The ``error`` of the object that ``--json`` prints."""
        return {"class": self.kind, "check": self.check, "text": str(self)}


class ReaderGone(BaseException):
    """Nobody reads what we say any more. No ``Exception``: on its way it must not be taken for the fault of a client."""


class Console:
    """Lines for a person go to stdout; with ``as_json`` to stderr, so that stdout holds nothing but JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, text: str) -> None:
        """A line for a person."""
        write(sys.stderr if self.as_json else sys.stdout, text)

    def complain(self, text: str) -> None:
        """A line about what went wrong."""
        write(sys.stderr, f"mtproto-bind: {text}")

    def tell(self, **values: Any) -> None:
        """One JSON object on a line of its own; nothing without ``as_json``."""
        if self.as_json:
            write(sys.stdout, json.dumps(values))

    @contextmanager
    def timeline(self) -> Iterator[Timeline]:
        """Where a command shows its steps: drawn on a terminal, where ``rich`` is installed; else a line for each."""
        with self._drawing() or nullcontext(Plain(self.say)) as picture:
            yield Timeline(picture)

    def _drawing(self) -> RichPicture | None:
        if self.as_json or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
            return None
        try:
            from .picture import RichPicture
        except ModuleNotFoundError:
            return None
        return RichPicture()


def write(stream: TextIO, line: str) -> None:
    """In one piece, so that the lines of two threads do not mix. Raises :class:`ReaderGone`."""
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except BrokenPipeError:
        # what is still in the buffer would be complained of once more at the end of the process
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        raise ReaderGone from None
