"""Ceilings and waits: what is documented has its number, and none can be nothing."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import fields
from attrs.exceptions import FrozenInstanceError

from mtproto_bind._limits import Limits, Retry, Timeouts

KINDS: list[Any] = [Limits, Timeouts, Retry]
NUMBERS = [(kind, each.name) for kind in KINDS for each in fields(kind)]


def test_the_documented_numbers() -> None:
    limits, timeouts = Limits(), Timeouts()
    assert (limits.container_messages, limits.ids) == (1024, 8192)
    # the memory for doubles has at least the 500 that peers have
    assert limits.doubles >= 500
    assert limits.temporary_lifetime == 86400
    assert limits.expires_at_tolerance >= 60
    assert timeouts.handshake_memory == 600.0
    # a message id lives 300 s
    assert timeouts.binding_required < 300


def test_a_client_tries_for_ever_unless_told_otherwise() -> None:
    assert Retry() == Retry(attempts=None, delay=1.0, ceiling=60.0)


@pytest.mark.parametrize(("kind", "name"), NUMBERS, ids=lambda value: getattr(value, "__name__", value))
def test_every_number_is_above_nothing_and_stays(kind: Any, name: str) -> None:
    for number in (0, -1):
        with pytest.raises(ValueError, match=name):
            kind(**{name: number})
    with pytest.raises(TypeError):
        kind(**{name: "1"})
    value = kind(**{name: 1})
    assert getattr(value, name) == 1
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 2)


def test_what_the_lengths_of_frames_can_say() -> None:
    """31 bits when we read; less than 2**24 when we write, with everything that comes around a message."""
    assert Limits().frame == (1 << 22) + 1024
    assert Limits(frame=(1 << 31) - 1).frame == (1 << 31) - 1
    with pytest.raises(ValueError, match="frame"):
        Limits(frame=1 << 31)
    most = (1 << 24) - 2048
    assert Limits(outgoing_message=most).outgoing_message == most
    with pytest.raises(ValueError, match="outgoing_message"):
        Limits(outgoing_message=most + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_have_names(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind(5)
    # of every frozen value there is one that is equal
    assert kind() == kind()
