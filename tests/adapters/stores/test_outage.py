"""A store that fails says so once, is left alone for a moment, and says once that it works again."""

from __future__ import annotations

import pytest

from mtproto_bind_adapters.stores.outage import Outage


def test_it_is_told_once_when_it_begins_and_once_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    outage = Outage("the store")
    outage.worked(1.0)
    for now in (2.0, 3.0, 4.0):
        outage.failed("it is full", now)
    outage.worked(7.5)
    outage.worked(8.0)
    outage.failed("it is down", 9.0)
    assert [entry.getMessage() for entry in caplog.records] == [
        "the store fails, and clients are sent away until it works again: it is full",
        "the store works again after 5.5 s",
        "the store fails, and clients are sent away until it works again: it is down",
    ]


@pytest.mark.parametrize(("pause", "now", "pauses"), [(0, 10.0, False), (1, 10.5, True), (1, 11.0, False), (1, 9.0, False)])
def test_it_is_not_tried_again_for_a_while(pause: float, now: float, pauses: bool) -> None:
    outage = Outage("the store", pause=pause)
    assert not outage.pauses(10.0)
    outage.failed("it is down", 10.0)
    assert outage.pauses(now) is pauses
