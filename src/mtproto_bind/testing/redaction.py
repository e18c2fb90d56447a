"""A transcript that may be shown: what is secret, or anybody's own, has a label in its place.

What stays is listed here, and everything else goes: method names, classes, enums, errors of this library, times, lengths,
and of messages the constructors with the fields that ``labels.py`` calls public.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from attrs import evolve

from .._crypto import Crypto, Side, default_crypto
from .._wire import Transport
from .frames import Keyring, Tap
from .hostile import Role
from .labels import ERROR_NAME, Labels
from .transcript import Step, Transcript
from .values import Shape, decode

__all__ = ["redact"]

SETTINGS: Final = frozenset(["DataCenter", "Limits", "Retry", "Timeouts", "ClockSource"])
"""Classes whose numbers are no secrets."""
_NUMBERS = (
    "number at now retry_at expires_at created_at last_bound_at answer_before give_up_at key_age permanent_key_age "
    "since_last_bound refusals code layer temporary_lifetime renew_ahead call_id gives msg_id after stream question"
)
NUMBERS: Final = frozenset(_NUMBERS.split())
TEXTS: Final = frozenset(["class", "work", "enum", "name", "error", "check", "text", "raises", "why", "role", "other"])
"""Texts that this library has written."""


def redact(transcript: Transcript, *, crypto: Crypto | None = None) -> Transcript:
    """The same without keys, nonces, draws, ids and payloads: see the guide on reproducing a bug for what stays.

    Equal values have equal labels. It cannot be replayed. One that is redacted already comes back as it is.
    """
    if transcript.redacted:
        return transcript
    redactor = _Redactor(transcript, crypto if crypto is not None else default_crypto())
    return evolve(transcript, steps=tuple(redactor.step(step) for step in transcript.steps), redacted=True)


class _Redactor:
    def __init__(self, transcript: Transcript, crypto: Crypto) -> None:
        self._crypto = crypto
        self._us = Side.CLIENT if transcript.role is Role.CLIENT else Side.SERVER
        self._them = Side.SERVER if transcript.role is Role.CLIENT else Side.CLIENT
        self._taps: dict[int, Tap] = {}
        self._labels = Labels()
        self._keyring = Keyring(self._labels, crypto)
        for step in transcript.steps:
            self._find_keys([step.takes, step.gives])

    def step(self, step: Step) -> Step:
        """The step as it may be shown."""
        self._open(step)
        takes = {name: self._hide(name, shape) for name, shape in step.takes.items() if name != "data"}
        if "data" in step.takes:
            takes["data"] = self._frames(step.stream, step.takes["data"], self._them)
        sent = step.do == "data_to_send"
        gives = self._frames(step.stream, step.gives, self._us) if sent else self._hide("gives", step.gives)
        return evolve(step, takes=takes, gives=gives, draws=tuple(f"<{len(draw) // 2} bytes>" for draw in step.draws))

    def _open(self, step: Step) -> None:
        """A new stream begins here, perhaps."""
        if step.do not in ("transport_opened", "accept"):
            return
        try:
            transport = decode(step.takes.get("transport"))
            stream = step.gives["stream"] if step.do == "accept" else 0
            self._taps[stream] = Tap(transport if transport is not None else Transport(), self._crypto)
        except (ValueError, TypeError, KeyError, AttributeError):
            # the call failed, or the transcript is not from us: what passes on the stream is told by its length
            pass

    def _frames(self, stream: int, shape: Shape, side: Side) -> Shape:
        try:
            data = decode(shape)
        except ValueError:
            data = None
        if not isinstance(data, bytes):
            return self._hide("gives", shape)
        tap = self._taps.get(stream)
        return {"size": len(data), "frames": [] if tap is None else tap.read(side, data, self._keyring)}

    def _hide(self, name: str, shape: Shape, within: str = "") -> Shape:
        match shape:
            case None | bool() | float():
                return shape
            case int():
                return shape if name in NUMBERS or within in SETTINGS else self._labels.of(name, shape)
            case str():
                return shape if _may_show(name, shape) else self._labels.of(name, shape)
            case list():
                return [self._hide(name, each, within) for each in shape]
            case {"bytes": str(digits)}:
                return f"{self._label(name, digits)[:-1]}, {len(digits) // 2} bytes>"
            case {"key": str(digits)}:
                return self._label("auth_key", digits)
            case {"secret": str(digits)}:
                return self._label("secret", digits)
            case _:
                kind = str(shape.get("class", "error" if "error" in shape else within))
                return {key: self._hide(key, inner, kind) for key, inner in shape.items()}

    def _label(self, name: str, digits: str) -> str:
        try:
            return self._labels.of("payload" if name == "body" else name, bytes.fromhex(digits))
        except ValueError:
            return self._labels.of(name, digits)

    def _find_keys(self, shape: Shape) -> None:
        """Every key that is anywhere in the transcript, and the label of its id."""
        match shape:
            case {"key": str()}:
                # one that is none is hidden all the same
                with suppress(ValueError):
                    self._keyring.add(decode(shape))
            case dict():
                self._find_keys(list(shape.values()))
            case list():
                for each in shape:
                    self._find_keys(each)
            case _:
                pass


def _may_show(name: str, text: str) -> bool:
    return name in TEXTS or (name == "message" and ERROR_NAME.fullmatch(text) is not None)
