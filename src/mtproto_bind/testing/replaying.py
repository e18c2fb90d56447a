"""Replay: the machine of a transcript once more, byte for byte, up to any step."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from .._connection import ClientConnection, Server, ServerConnection
from .._crypto import Crypto, default_crypto
from .._questions import Question
from .hostile import Role
from .transcript import MADE, Step, Transcript
from .values import Shape, decode, encode

__all__ = ["Diverged", "replay"]


class Diverged(AssertionError):
    """The machine did something else than in the transcript at step ``step``, counted from 0. Shows no values."""

    def __init__(self, step: int, text: str) -> None:
        super().__init__(f"step {step}: {text}")
        self.step = step


def replay(transcript: Transcript, *, until: int | None = None, crypto: Crypto | None = None) -> ClientConnection | Server:
    """Do again all steps, or those before step ``until``; the machine as it is then.

    Diverged where it draws, gives or raises anything else than was recorded. ValueError for a transcript that is redacted
    or does not fit together.
    """
    if transcript.redacted:
        raise ValueError("a redacted transcript cannot be replayed: the draws and bytes are gone")
    replayed = _Replay(transcript.role, crypto if crypto is not None else default_crypto())
    for number, step in enumerate(transcript.steps[:until]):
        replayed.take(number, step)
    if replayed.machine is None:
        raise ValueError("there is no step to replay, so there is no machine")
    return replayed.machine


class _Replay:
    """What has come back to life so far."""

    def __init__(self, role: Role, crypto: Crypto) -> None:
        self.machine: ClientConnection | Server | None = None
        self._role = role
        self._crypto = crypto
        self._number = 0
        self._draws: list[bytes] = []
        self._links: list[ServerConnection] = []
        self._questions: dict[tuple[int, int], Question[Any]] = {}

    def take(self, number: int, step: Step) -> None:
        """Do the step, and compare."""
        self._number = number
        try:
            self._draws = [bytes.fromhex(draw) for draw in reversed(step.draws)]
        except ValueError:
            raise ValueError(f"step {number}: a draw that is no hexadecimal digits") from None
        gives = self._made(step) if step.do == MADE else self._called(step)
        if self._draws:
            raise Diverged(number, f"{step.do} drew {len(self._draws)} times less than it did")
        if gives != step.gives:
            raise Diverged(number, f"{step.do} gave {_kind(gives)}, and {_kind(step.gives)} then, or another of the kind")

    def _made(self, step: Step) -> Shape:
        config = self._decoded(step.takes.get("config"))
        saved = self._decoded(step.takes.get("saved"))
        try:
            config = evolve(config, entropy=self._draw, crypto=self._crypto)
            self.machine = ClientConnection(config, saved) if self._role is Role.CLIENT else Server(config)
        except (TypeError, AttributeError, ValueError):
            raise ValueError(f"step {self._number}: no settings of a {self._role.value}") from None
        return None

    def _called(self, step: Step) -> Shape:
        machine = self._links[step.stream - 1] if 0 < step.stream <= len(self._links) else self.machine
        if machine is None or (step.stream > 0) != isinstance(machine, ServerConnection):
            raise ValueError(f"step {self._number}: a machine or stream that is not there")
        takes = {name: self._taken(step.stream, shape) for name, shape in step.takes.items()}
        try:
            result = getattr(machine, step.do)(**takes)
        except Diverged:
            raise
        except Exception as error:
            return {"raises": type(error).__name__}
        if isinstance(result, Question):
            self._questions[step.stream, result.number] = result
        if isinstance(result, ServerConnection):
            if result not in self._links:
                self._links.append(result)
            return {"stream": self._links.index(result) + 1}
        return encode(result)

    def _taken(self, stream: int, shape: Shape) -> Any:
        if isinstance(shape, dict) and set(shape) == {"question"}:
            question = self._question(stream, shape["question"])
            if question is None:
                raise ValueError(f"step {self._number}: an answer to a question that was not asked")
            return question
        return self._decoded(shape)

    def _question(self, stream: int, number: Shape) -> Question[Any] | None:
        machine = self._links[stream - 1] if stream else self.machine
        asked = machine.open_questions if isinstance(machine, ClientConnection | ServerConnection) else ()
        # a driver may have answered what it found among the open ones, before it was told
        return self._questions.get((stream, number)) or next((each for each in asked if each.number == number), None)

    def _decoded(self, shape: Shape) -> Any:
        try:
            return decode(shape)
        except ValueError as error:
            raise ValueError(f"step {self._number}: {error}") from None

    def _draw(self, size: int) -> bytes:
        if not self._draws or len(self._draws[-1]) != size:
            raise Diverged(self._number, f"{size} bytes are drawn that were not")
        return self._draws.pop()


def _kind(shape: Shape) -> str:
    """What was given, without its values."""
    if not isinstance(shape, dict):
        return type(shape).__name__ if shape is not None else "nothing"
    for name in ("class", "enum", "error", "raises"):
        if name in shape:
            return f"{shape[name]}"
    return "bytes" if "bytes" in shape else "a value"
