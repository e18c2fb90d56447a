"""Whole conversations: an honest one ends with an answered call, one with a breach names the rule that was broken."""

from __future__ import annotations

import json

import pytest

from kit.keys import SERVER_KEY
from mtproto_bind import Check, ClientConnection
from mtproto_bind.testing import BREACHES, Breach, Role, Transcript, breaches_of, replay
from mtproto_bind.testing.conversation import converse


def events(transcript: Transcript) -> list[str]:
    """The classes of all events but computations."""
    given = [step.gives for step in transcript.steps if step.do == "next_event"]
    return [shape["class"] for shape in given if "class" in shape and shape["class"] != "Computation"]


def test_an_honest_server() -> None:
    transcript = converse(SERVER_KEY, Role.CLIENT)
    assert events(transcript) == ["PermanentKeyCreated", "TemporaryKeyCreated", "KeyBound", "CallAnswered", "ConnectionClosed"]
    client = replay(transcript)
    assert isinstance(client, ClientConnection)
    assert client.status.dropped == {}


def test_an_honest_client() -> None:
    transcript = converse(SERVER_KEY, Role.SERVER)
    happened = [name for name in events(transcript) if name not in ("KeyOffered", "BindRequested")]
    assert happened == ["KeyCreated", "KeyCreated", "KeyBound", "CallReceived", "CallReceived", "ConnectionClosed"]


def test_seeds_tell_conversations_apart() -> None:
    one, other = (converse(SERVER_KEY, Role.CLIENT, seed=seed) for seed in (b"1", b"2"))
    assert converse(SERVER_KEY, Role.CLIENT, seed=b"1") == one != other


def test_cuts_change_nothing_that_is_told() -> None:
    whole = converse(SERVER_KEY, Role.CLIENT)
    by_bytes = converse(SERVER_KEY, Role.CLIENT, cut=lambda data: [data[at : at + 1] for at in range(len(data))])
    assert events(by_bytes) == events(whole)
    assert len(by_bytes.steps) > len(whole.steps)


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: f"{breach.by.value} {breach.name}")
def test_a_breach_is_named_or_dropped(breach: Breach) -> None:
    role = Role.SERVER if breach.by is Role.CLIENT else Role.CLIENT
    transcript = converse(SERVER_KEY, role, breach)
    text = json.dumps([step.gives for step in transcript.steps])
    named = f'"check": "{breach.check.name}"' in text
    assert named == breach.ends_stream
    replay(transcript)


def test_who_is_recorded_breaks_nothing() -> None:
    with pytest.raises(ValueError, match="is broken by a server, and that is who is recorded"):
        converse(SERVER_KEY, Role.SERVER, breaches_of(Check.DH_GENERATOR)[0])
