"""Arithmetic goes on slice by slice, while others have their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, cast

from mtproto_bind import Computation
from mtproto_bind_adapters.browser.slices import SlicedWork


class Sliced:
    """A computation of three slices, or one that fails in the third."""

    def __init__(self, log: list[Any], *, fails: bool = False) -> None:
        self.log = log
        self.fails = fails

    def slices(self) -> Generator[None, None, str]:
        try:
            for number in range(2):
                self.log.append(number)
                yield
            if self.fails:
                raise ValueError("no such number")
            return "done"
        finally:
            self.log.append("over")


def work(log: list[Any], **how: bool) -> SlicedWork:
    return SlicedWork(cast("Computation[Any]", Sliced(log, **how)), log.append, log.append)


def test_others_have_their_turn_between_two_slices() -> None:
    async def run() -> list[Any]:
        log: list[Any] = []
        work(log)
        for _ in range(4):
            log.append("other")
            await asyncio.sleep(0)
        return log

    assert asyncio.run(run()) == ["other", 0, "other", 1, "other", "over", "done", "other"]


def test_what_it_raises_is_told() -> None:
    async def run() -> list[Any]:
        log: list[Any] = []
        work(log, fails=True)
        for _ in range(3):
            await asyncio.sleep(0)
        return log

    *before, error = asyncio.run(run())
    assert before == [0, 1, "over"]
    assert str(error) == "no such number"


def test_cancelled_it_ends_where_it_is() -> None:
    async def run() -> list[Any]:
        log: list[Any] = []
        one = work(log)
        await asyncio.sleep(0)
        one.cancel()
        for _ in range(4):
            await asyncio.sleep(0)
        return log

    assert asyncio.run(run()) == [0, "over"]
