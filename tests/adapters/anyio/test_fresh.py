"""Whoever waits for what will never come raises an error of its own."""

from __future__ import annotations

import errno
import ssl
from typing import Any, Self

import pytest

from mtproto_bind import Check, MalformedMessage, NotRun, PeerTimedOut, SecurityError, TransportErrorReceived, UnexpectedMessage
from mtproto_bind_adapters.anyio.fresh import fresh
from mtproto_bind_adapters.switchboard import CallUnanswered


class Odd(Exception):
    """Takes no text, and makes one."""

    def __init__(self, *, number: int) -> None:
        super().__init__(f"number {number}")
        self.number = number


ERRORS = [
    ZeroDivisionError("text", 1),
    OSError(errno.ENOENT, "no such file", "name"),
    ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
    ssl.SSLError(1, "alert"),
    ExceptionGroup("several", [ValueError()]),
    MalformedMessage("cut off", 7),
    PeerTimedOut("answer", 3.0),
    SecurityError(Check.DATA_CENTER, "detail"),
    TransportErrorReceived(-404),
    UnexpectedMessage(("one", "two"), "three"),
    Odd(number=3),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_same_class_and_text_and_the_first_as_its_cause(error: Exception) -> None:
    error.add_note("a note")
    with pytest.raises(type(error)) as first:
        raise error
    made = fresh(error)
    assert made is not error
    assert type(made) is type(error)
    assert str(made) == str(error)
    assert vars(made) == vars(error)
    assert made.args == error.args
    assert made.__traceback__ is None
    assert made.__cause__ is error
    assert isinstance(error, OSError) is hasattr(made, "errno")
    assert getattr(made, "errno", None) == getattr(error, "errno", None)
    # and nothing has happened to the first
    assert first.value.__traceback__ is not None


def test_how_a_call_ended_has_no_history() -> None:
    made = fresh(CallUnanswered(NotRun("because")))
    assert made.reason == NotRun("because")
    assert made.__cause__ is None


class Single(Exception):
    """Lets nobody make another one."""

    made: Self | None = None

    def __new__(cls, *arguments: Any) -> Self:
        if cls.made is not None:
            raise RuntimeError("there is one already")
        cls.made = super().__new__(cls, *arguments)
        return cls.made


def test_one_that_cannot_be_made_again_is_told_itself() -> None:
    error = Single("only one")
    assert fresh(error) is error
    assert error.__cause__ is None
