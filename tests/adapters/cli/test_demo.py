"""``mtproto-bind demo``: what a newcomer runs first."""

from __future__ import annotations

import json
import re

import pytest

from mtproto_bind_adapters.cli import demo, main

STEPS = [
    "server  RSA key",
    "server  listening on 127.0.0.1 port",
    "client  permanent key",
    "client  bound: temporary key",
    "client  help.getNearestDc answered",
    "client  renewing on the live stream",
    "client  renewed: temporary key",
    "client  help.getNearestDc answered",
]


def test_it_shows_every_step_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out, err = capsys.readouterr()
    places = [out.find(step) for step in STEPS[:5]] + [out.rfind(step) for step in STEPS[5:]]
    assert -1 not in places
    assert places == sorted(places)
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


def test_a_failure_is_told_as_one(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PATIENCE", 0.0)
    assert main(["demo", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["class"] == "TimeoutError"
