"""``mtproto-bind demo``: what a newcomer runs first."""

from __future__ import annotations

import json
import re

import pytest

from mtproto_bind_adapters.cli import demo, main
from mtproto_bind_adapters.sync import SyncDriver

STEPS = [
    "server  RSA key",
    "server  listening on 127.0.0.1 port",
    "client  bound: temporary key",
    "client  help.getNearestDc answered",
    "client  renewing on the live stream",
    "client  renewed: temporary key",
    "client  help.getNearestDc answered",
]
SIDE_BY_SIDE = ["keys    permanent key", "client  temporary key"]
"""Either may be the first."""


def test_it_shows_every_step_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    places = [out.find(step) for step in STEPS[:4]] + [out.rfind(step) for step in STEPS[4:]]
    assert -1 not in places
    assert places == sorted(places)
    assert all(places[1] < out.find(step) < places[2] for step in SIDE_BY_SIDE)
    assert len(re.findall(r"server  \w{16} bound to \w{16}", out)) == 2
    assert err == ""


def test_json_tells_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json"]) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert values["bound"] is True
    assert values["calls_answered"] == 2
    assert values["renewed_key_id"] != values["temporary_key_id"]
    assert values["permanent_key_id"] in err


def test_it_takes_four_round_trips_to_the_first_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Three for both keys together, and one for the binding and the call behind it."""
    assert main(["demo", "--json"]) == 0
    out, err = capsys.readouterr()
    values = json.loads(out)
    assert (values["permanent_key_round_trips"], values["temporary_key_round_trips"]) == (3, 3)
    assert values["first_answer_round_trips"] == 4
    assert "4 round trips after the beginning" in err
    # the renewal and the last call are on the same connection
    assert values["round_trips"] > 4


def test_a_failure_is_told_as_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PATIENCE", 0.0)
    assert main(["demo", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["class"] == "TimeoutError"


def test_a_connection_that_makes_no_permanent_key_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(driver: SyncDriver, _say: object) -> None:
        driver.close()
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(demo, "make_permanent_key", fail)
    assert main(["demo", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["class"] == "ConnectionRefusedError"
    assert "nobody listens" in error["text"]


def test_a_call_that_fails_is_told_at_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "GET_NEAREST_DC", bytes(4))
    assert main(["demo", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["class"] == "CallUnanswered"
    assert "INPUT_METHOD_INVALID" in error["text"]
