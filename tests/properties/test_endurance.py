"""The long runs of ``make endurance``, shortened."""

from __future__ import annotations

import pytest

from kit.endurance import main, with_counting_server, with_serve
from kit.week import run_days

HOURS = 2 / 24
SECONDS = 3.0
MEAN = 0.2


def test_two_simulated_hours() -> None:
    table = run_days(seed=1, days=HOURS)
    assert (table["calls lost"], table["calls doubled"]) == (0, 0)
    assert int(str(table["calls answered"])) > 50
    assert int(str(table["new streams"])) > 20


def test_the_same_seed_gives_the_same_run() -> None:
    assert run_days(seed=2, days=HOURS / 4) == run_days(seed=2, days=HOURS / 4)


def test_streams_that_are_killed() -> None:
    table = with_counting_server(SECONDS, mean=MEAN)
    assert (table["calls lost"], table["calls doubled"]) == (0, 0)
    assert int(str(table["streams killed"])) > 0


def test_streams_that_are_killed_with_serve() -> None:
    table = with_serve(SECONDS, mean=MEAN)
    assert table["calls lost"] == 0
    assert int(str(table["streams killed"])) > 0


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["week", "--days", "0.02", "--seed", "3"]) == 0
    said = capsys.readouterr().out
    assert "calls lost" in said
    assert "seed 3" in said


def test_a_broken_promise_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing may hang on the ends any more than nothing
    monkeypatch.setattr("kit.week.MOST", 0)
    assert main(["week", "--days", "0.01"]) == 1
    assert "BROKEN: what hangs on the ends grows" in capsys.readouterr().out
