"""What goes to which stream."""

from __future__ import annotations

import json
import sys

import pytest

from mtproto_bind_adapters.cli.console import Console, Failure
from mtproto_bind_adapters.cli.picture import RichPicture


def speak(*, as_json: bool) -> None:
    console = Console(as_json=as_json)
    console.say("for a person")
    console.complain("it hurts")
    console.tell(event="done", count=2)


def test_without_json_people_read_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    speak(as_json=False)
    assert capsys.readouterr() == ("for a person\n", "mtproto-bind: it hurts\n")


def test_with_json_stdout_holds_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    speak(as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"event": "done", "count": 2}
    assert err == "for a person\nmtproto-bind: it hurts\n"


@pytest.mark.parametrize("case", ["a pipe", "a dumb terminal", "json", "no rich"])
def test_steps_are_lines_where_they_cannot_be_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: case != "a pipe")
    monkeypatch.setenv("TERM", "dumb" if case == "a dumb terminal" else "xterm")
    if case == "no rich":
        monkeypatch.setitem(sys.modules, "mtproto_bind_adapters.cli.picture", None)
    with Console(as_json=case == "json").timeline() as timeline:
        timeline.note("server", "listening")
    out, err = capsys.readouterr()
    assert (err if case == "json" else out).endswith(" ms  server  listening\n")
    assert "\x1b" not in out + err


def test_on_a_terminal_they_are_drawn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Console(as_json=False).timeline() as timeline:
        timeline.note("server", "listening")
    assert "server" in capsys.readouterr().out
    assert isinstance(timeline._picture, RichPicture)


def test_a_failure_tells_class_check_and_text() -> None:
    assert Failure("no", kind="SecurityError", check="NONCE").as_json() == {
        "class": "SecurityError",
        "check": "NONCE",
        "text": "no",
    }
    assert Failure("no", kind="OSError").as_json()["check"] is None
