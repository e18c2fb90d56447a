"""A promise is kept once, and told to everybody who waits."""

from __future__ import annotations

import anyio
import pytest

from mtproto_bind_adapters.anyio.promise import Promise

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def test_all_who_wait_are_told_and_whoever_comes_later() -> None:
    promise: Promise[int] = Promise()
    heard: list[int] = []

    async def wait() -> None:
        heard.append(await promise)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.lowlevel.checkpoint()
        assert not promise.kept
        promise.set_result(1)
        assert promise.kept
    assert heard == [1, 1]
    assert await promise == 1


async def test_the_first_word_counts() -> None:
    kept: Promise[int] = Promise()
    kept.set_result(1)
    kept.set_exception(ValueError())
    kept.set_result(2)
    assert await kept == 1
    broken: Promise[int] = Promise()
    broken.set_exception(ValueError("broken"))
    broken.set_result(1)
    broken.set_exception(ValueError("again"))
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await broken


async def test_one_who_waits_no_more_leaves_the_others() -> None:
    promise: Promise[int] = Promise()
    with anyio.move_on_after(0):
        await promise
    promise.set_result(1)
    assert await promise == 1
