"""Transcripts as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.recorded import transcripts_of, whole_story
from mtproto_bind.testing import Role, Step, Transcript, redact, transcript

CLIENT, SERVER = transcripts_of(whole_story())
TEXT = CLIENT.to_text()
HEAD = {"mtproto-bind transcript": 1, "role": "client", "redacted": False, "complete": True, "steps": 1}
MADE = {"do": "made", "takes": {"config": None}}


def text_of(*lines: Any, **head: Any) -> str:
    return "".join(json.dumps(line) + "\n" for line in ({**HEAD, "steps": max(1, len(lines)), **head}, *lines))


@pytest.mark.parametrize("recorded", [CLIENT, SERVER, redact(CLIENT), redact(SERVER)])
def test_there_and_back(recorded: Transcript) -> None:
    text = recorded.to_text()
    assert Transcript.from_text(text) == recorded
    assert text.isascii()
    assert text.count("\n") == len(recorded.steps) + 1


def test_nothing_secret_is_in_a_repr() -> None:
    shown = repr(CLIENT) + repr(CLIENT.steps[0]) + repr(SERVER.steps[0])
    assert "bytes" not in shown
    assert "config" not in shown


def test_the_time_of_a_step() -> None:
    assert Step(do="close", takes={"now": 3}).now == 3.0
    assert Step(do="next_event").now is None
    # found by fuzzing: a number that is no time, and too large to be counted with
    assert Step(do="close", takes={"now": 10**400}).now is None


def test_what_is_false_or_zero_is_kept() -> None:
    recorded = Transcript(role=Role.CLIENT, steps=(Step(do="made", gives=False), Step(do="cancel", gives=0)))
    assert [step.gives for step in Transcript.from_text(recorded.to_text()).steps] == [False, 0]


@pytest.mark.parametrize("kept", range(0, len(TEXT), 997))
def test_a_text_that_is_cut_off_is_refused(kept: int) -> None:
    with pytest.raises(ValueError, match=r"^line \d+: the transcript is cut off|^line 1: expected JSON"):
        Transcript.from_text(TEXT[:kept])


def test_a_text_without_its_last_lines_is_refused() -> None:
    lines = TEXT.splitlines(keepends=True)
    with pytest.raises(ValueError, match=f"^line {len(lines) - 1}: the transcript is cut off"):
        Transcript.from_text("".join(lines[:-2]))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n", "line 1: expected JSON"),
        ("[]\n", "line 1: expected a JSON object"),
        ("{}\n", "line 1: expected the head"),
        ("[" * 100_000 + "\n", "line 1: expected JSON"),
        ('{"mtproto-bind transcript": NaN}\n', "line 1: expected JSON"),
        ('{"mtproto-bind transcript": 1e999}\n', "line 1: expected JSON"),
        (text_of(MADE, **{"mtproto-bind transcript": 2}), "line 1: a transcript of another version"),
        (text_of(MADE, **{"mtproto-bind transcript": True}), "line 1: a transcript of another version"),
        (text_of(MADE, role="peer"), "line 1: expected the role"),
        (text_of(MADE, role=[]), "line 1: expected the role"),
        (text_of(MADE, redacted=1), "line 1: expected true or false"),
        (text_of(MADE, complete=None), "line 1: expected true or false"),
        (text_of(MADE, steps=0), "line 1: expected 1 to"),
        (text_of(MADE, steps="1"), "line 1: expected 1 to"),
        (text_of(MADE, steps=1 << 40), "line 1: expected 1 to"),
        (text_of(MADE, MADE, steps=1), "line 3: something follows"),
        (text_of({"do": "call"}), "line 2: expected made"),
        (text_of({}), "line 2: expected made"),
        (text_of(MADE, MADE), "line 3: expected a method"),
        (text_of(MADE, {"do": "accept"}), "line 3: expected a method"),
        (text_of(MADE, {"do": "close", "stream": 1}), "line 3: expected a method"),
        (text_of(MADE, {"do": "close", "stream": -1}), "line 3: expected the number of a stream"),
        (text_of(MADE, {"do": "close", "stream": "1"}), "line 3: expected the number of a stream"),
        (text_of(MADE, {"do": "close", "takes": []}), "line 3: expected a step"),
        (text_of(MADE, {"do": "close", "more": 1}), "line 3: expected a step"),
        (text_of(MADE, {"do": "close", "draws": [1]}), "line 3: expected a list of draws"),
        (text_of(MADE, {"do": "close", "draws": "1"}), "line 3: expected a list of draws"),
        (text_of(MADE, {"do": "close", "draws": [""] * 70_000}), "line 3: expected a list of draws"),
    ],
)
def test_anything_else_is_refused_by_its_line(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        Transcript.from_text(text)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = transcript
    monkeypatch.setattr(module, "LONGEST_LINE", 1000)
    with pytest.raises(ValueError, match=r"^line 2: longer than 1000 characters"):
        Transcript.from_text(text_of({**MADE, "gives": "x" * 1000}))
    monkeypatch.setattr(module, "LONGEST_TEXT", 1000)
    with pytest.raises(ValueError, match="at most 1000 characters"):
        Transcript.from_text(TEXT)


@given(st.text(max_size=200))
@example("\n" * 3)
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        Transcript.from_text(text)


@given(st.integers(0, len(TEXT) - 1), st.characters(codec="ascii"))
def test_a_text_with_another_letter_is_read_or_refused(place: int, letter: str) -> None:
    try:
        read = Transcript.from_text(TEXT[:place] + letter + TEXT[place + 1 :])
    except ValueError as error:
        assert str(error).startswith("line ")  # noqa: PT017  it may be read as well
    else:
        assert len(read.steps) == len(CLIENT.steps)
