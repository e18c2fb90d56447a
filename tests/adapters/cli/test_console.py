"""What goes to which stream."""

from __future__ import annotations

import json

import pytest

from mtproto_bind_adapters.cli.console import Console, Failure


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


def test_a_failure_tells_class_check_and_text() -> None:
    assert Failure("no", kind="SecurityError", check="NONCE").as_json() == {
        "class": "SecurityError",
        "check": "NONCE",
        "text": "no",
    }
    assert Failure("no", kind="OSError").as_json()["check"] is None
