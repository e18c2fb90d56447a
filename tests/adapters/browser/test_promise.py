"""A promise is kept once, and tells whoever waits, before or after."""

from __future__ import annotations

import asyncio

import pytest

from mtproto_bind_adapters.browser.promise import Promise


def test_it_is_kept_once() -> None:
    async def run() -> None:
        promise: Promise[int] = Promise()
        waiting = asyncio.create_task(wait(promise))
        await asyncio.sleep(0)
        assert not promise.kept
        promise.set_result(1)
        promise.set_result(2)
        promise.set_exception(ValueError("too late"))
        assert promise.kept
        assert (await waiting, await promise) == (1, 1)

    asyncio.run(run())


def test_an_error_is_raised_for_all_and_may_be_ignored() -> None:
    async def run() -> None:
        promise: Promise[int] = Promise()
        promise.set_exception(ValueError("no"))
        promise.set_result(1)
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await promise
        ignored: Promise[int] = Promise()
        ignored.set_exception(ValueError("nobody asks"))

    asyncio.run(run())


async def wait(promise: Promise[int]) -> int:
    return await promise
