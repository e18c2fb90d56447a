"""A recorder: a client or a server that works as ever, and everything that goes in and comes out is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from .._config import ClientConfig, Entropy, ServerConfig
from .._connection import ClientConnection, Server, ServerConnection
from .._questions import Question
from .hostile import Role
from .transcript import CLIENT_METHODS, LINK_METHODS, MADE, MOST_STEPS, SERVER_METHODS, Step, Transcript
from .values import Shape, encode

__all__ = ["Recorder"]


class Recorder:
    """Makes one machine and keeps what befalls it. Pure: it has no file, no clock and no thread either.

    ``most_steps``: so many are kept at most; afterwards the machine works on, and the transcript is not ``complete``. What is
    kept is secret as long as the keys are.
    """

    def __init__(self, *, most_steps: int = MOST_STEPS) -> None:
        self._most_steps = most_steps
        self._role: Role | None = None
        self._steps: list[Step] = []
        self._complete = True
        self._draws: list[str] = []
        self._streams = 0

    def client(self, config: ClientConfig, saved: bytes | None = None) -> ClientConnection:
        """A client connection as it would be without a recorder. ValueError where this recorder has a machine already."""
        self._begin(Role.CLIENT)
        takes = {"config": encode(config), "saved": encode(saved)}
        connection = ClientConnection(evolve(config, entropy=self._tapped(config.entropy)), saved)
        self._keep(Step(do=MADE, takes=takes))
        self._watch(connection, CLIENT_METHODS, 0)
        return connection

    def server(self, config: ServerConfig) -> Server:
        """A server as it would be without a recorder, with all its streams. ValueError as above."""
        self._begin(Role.SERVER)
        takes = {"config": encode(config)}
        server = Server(evolve(config, entropy=self._tapped(config.entropy)))
        self._keep(Step(do=MADE, takes=takes))
        self._watch(server, SERVER_METHODS, 0)
        return server

    def transcript(self) -> Transcript:
        """What has been recorded so far. ValueError where there is no machine yet."""
        if self._role is None:
            raise ValueError("nothing is recorded: make a machine with client() or server()")
        return Transcript(role=self._role, steps=tuple(self._steps), complete=self._complete)

    # ---- inside

    def _begin(self, role: Role) -> None:
        if self._role is not None:
            raise ValueError("a recorder records one machine: take another for the next")
        self._role = role

    def _tapped(self, entropy: Entropy) -> Entropy:
        def draw(size: int) -> bytes:
            drawn = entropy(size)
            self._draws.append(drawn.hex())
            return drawn

        return draw

    def _watch(self, machine: object, methods: Mapping[str, tuple[str, ...]], stream: int) -> None:
        for name, places in methods.items():
            setattr(machine, name, self._watched(getattr(machine, name), name, places, stream))

    def _watched(self, method: Callable[..., Any], name: str, places: tuple[str, ...], stream: int) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            takes = {key: _taken(value) for key, value in {**dict(zip(places, given, strict=False)), **named}.items()}
            gives: Shape = None
            try:
                result = method(*given, **named)
                gives = self._given(result)
            except Exception as error:
                # one that is no protocol error is what a bug report is about
                gives = {"raises": type(error).__name__}
                raise
            finally:
                self._keep(Step(do=name, stream=stream, takes=takes, gives=gives))
            return result

        return watched

    def _given(self, result: object) -> Shape:
        if not isinstance(result, ServerConnection):
            return encode(result)
        if "recorded_as" not in vars(result):
            self._streams += 1
            vars(result)["recorded_as"] = self._streams
            self._watch(result, LINK_METHODS, self._streams)
        return {"stream": vars(result)["recorded_as"]}

    def _keep(self, step: Step) -> None:
        draws, self._draws = tuple(self._draws), []
        # with the first step that does not fit it is at an end: what came later would not follow from what is here
        self._complete = self._complete and len(self._steps) < self._most_steps
        if self._complete:
            self._steps.append(evolve(step, draws=draws))


def _taken(value: object) -> Shape:
    return {"question": value.number} if isinstance(value, Question) else encode(value)
