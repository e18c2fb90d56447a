"""Replay, byte for byte, and what it says where something is different. Contract 6."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings

from kit.fault_scripts import HORIZON, scripts
from kit.fillings import FILLINGS
from kit.keys import SERVER_KEY
from kit.recorded import recorded_pair, transcripts_of, whole_story
from mtproto_bind import (
    UNAVAILABLE,
    ClientConnection,
    Crypto,
    KeyBound,
    KeyNeeded,
    PermanentKey,
    Server,
    TemporaryKeyCreated,
    Transport,
)
from mtproto_bind.testing import (
    CheapCrypto,
    Diverged,
    Mishap,
    Recorder,
    Role,
    Step,
    Transcript,
    make_client_config,
    make_server_config,
    play,
    redact,
    replay,
)

NOW = 1_800_000_000.25
STORY = whole_story()
CLIENT, SERVER = transcripts_of(STORY)


@pytest.mark.parametrize("recorded", [CLIENT, SERVER], ids=["client", "server"])
@pytest.mark.parametrize("crypto", FILLINGS, ids=lambda crypto: crypto.name)
def test_a_transcript_replays_byte_for_byte(recorded: Transcript, crypto: Crypto) -> None:
    replay(Transcript.from_text(recorded.to_text()), crypto=CheapCrypto(crypto))


def test_the_machine_is_as_it_was() -> None:
    client = replay(CLIENT)
    assert isinstance(client, ClientConnection)
    assert client.status == STORY.client.status
    assert isinstance(replay(SERVER), Server)


def test_up_to_a_step() -> None:
    bound = next(index for index, step in enumerate(CLIENT.steps) if str(step.gives).find("'KeyBound'") >= 0)
    before, after = replay(CLIENT, until=bound), replay(CLIENT, until=bound + 1)
    assert isinstance(before, ClientConnection)
    assert isinstance(after, ClientConnection)
    assert after.bound_key().key == STORY.owner.keys[after.bound_key().key.id].key
    with pytest.raises(ValueError, match="no step"):
        replay(CLIENT, until=0)


@given(scripts)
@settings(max_examples=15)
def test_whatever_goes_wrong_replays(script: list[Mishap]) -> None:
    pair = recorded_pair(client={"temporary_lifetime": 60})
    play(pair, script)
    pair.client.call(bytes(4), pair.client_now, repeat=True)
    pair.run(HORIZON)
    for recorded in transcripts_of(pair):
        replay(recorded)


def test_saved_state_and_an_answer_to_an_open_question() -> None:
    saved = STORY.client.save(temporary_key=False)
    recorder = Recorder()
    client = recorder.client(make_client_config(SERVER_KEY), saved)
    server = Server(make_server_config(SERVER_KEY))
    client.transport_opened(Transport(), NOW)
    client.next_event()
    link = server.accept(Transport.detect(), "peer", NOW)
    link.receive_data(client.data_to_send(NOW), NOW)
    link.next_event()
    client.receive_data(link.data_to_send(NOW), NOW)
    asked = client.next_event()
    # a driver that was cancelled finds it among the open ones
    [question] = client.open_questions
    assert question == asked
    client.answer(question, question.run(), NOW)  # type: ignore[attr-defined]  # the only kind there is here
    replay(recorder.transcript())


def changed(recorded: Transcript, do: str, **changes: Any) -> Transcript:
    """With the first step of that name changed; ``drawn``: the first one that draws."""
    at = next(index for index, step in enumerate(recorded.steps) if step.do == do or (do == "drawn" and step.draws))
    return evolve(recorded, steps=(*recorded.steps[:at], evolve(recorded.steps[at], **changes), *recorded.steps[at + 1 :]))


DRAWN = next(step for step in CLIENT.steps if step.draws)


@pytest.mark.parametrize(
    ("recorded", "says"),
    [
        (changed(CLIENT, "drawn", draws=()), "are drawn that were not"),
        (changed(CLIENT, "drawn", draws=("00", *DRAWN.draws[1:])), "are drawn that were not"),
        (changed(CLIENT, "drawn", draws=(*DRAWN.draws, "00")), "1 times less"),
        (changed(CLIENT, "data_to_send", gives={"bytes": "00"}), "gave bytes, and bytes then"),
        (changed(CLIENT, "transport_opened", gives={"raises": "KeyError"}), "gave nothing, and KeyError then"),
        (changed(CLIENT, "close", gives=3), "gave nothing, and int then"),
        (changed(CLIENT, "close", gives={"other": "thing"}), "gave nothing, and a value then"),
        (changed(CLIENT, "call", takes={"body": 3, "now": NOW}), "gave TypeError, and int then"),
    ],
)
def test_what_is_different_is_found(recorded: Transcript, says: str) -> None:
    with pytest.raises(Diverged, match=says) as found:
        replay(recorded)
    assert recorded.steps[found.value.step] != CLIENT.steps[found.value.step]


MADE = CLIENT.steps[0]
NO_MACHINE = evolve(CLIENT, steps=CLIENT.steps[1:])


@pytest.mark.parametrize(
    ("recorded", "says"),
    [
        (redact(CLIENT), "a redacted transcript cannot be replayed"),
        (NO_MACHINE, "step 0: a machine or stream that is not there"),
        (evolve(SERVER, steps=(SERVER.steps[0], Step(do="close", stream=1, takes={"now": NOW}))), "step 1: a machine or stream"),
        (changed(CLIENT, "made", takes={"config": 3}), "step 0: no settings of a client"),
        (changed(SERVER, "made", takes={"config": MADE.takes["config"]}), "step 0: no settings of a server"),
        (changed(CLIENT, "made", takes={**MADE.takes, "saved": "x"}), "step 0: no settings of a client"),
        (changed(CLIENT, "made", takes={"config": {"class": "x"}}), "step 0: expected a value"),
        (changed(CLIENT, "made", draws=("x",)), "step 0: a draw"),
        (changed(CLIENT, "answer", takes={"question": {"question": 99}}), "an answer to a question that was not asked"),
        (
            Transcript(role=Role.SERVER, steps=(SERVER.steps[0], Step(do="accept", takes={"question": {"question": 1}}))),
            "an answer to a question that was not asked",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(recorded: Transcript, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replay(recorded)


def test_other_kinds_of_answers() -> None:
    """UNAVAILABLE and keys among the answers, and a permanent key at hand among the settings."""
    pair = recorded_pair()
    pair.run_until(KeyBound)
    record = next(iter(pair.owner.keys.values()))
    known: dict[str, Any] = {"permanent_key": PermanentKey(key=record.key)}
    lost = recorded_pair(client=known)
    lost.run_until(TemporaryKeyCreated)
    lost.server_hold = True
    lost.run(5)
    link, question = lost.server_held[-1]
    assert isinstance(question, KeyNeeded)
    link.answer(question, UNAVAILABLE, lost.server_now)
    lost.run(1)
    for recorded in transcripts_of(lost):
        replay(recorded)
