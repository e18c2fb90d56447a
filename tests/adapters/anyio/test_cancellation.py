"""Cancelled anywhere: a link goes on, or is gone without a trace."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.loops import BACKENDS, cancelled_at, cheap_client, linked, nothing_left, serving
from kit.serving import QUERY
from mtproto_bind_adapters.anyio import AnyioServer, Link

SOME = settings(max_examples=25)


@pytest.mark.parametrize("backend", BACKENDS)
@SOME
@given(step=st.integers(1, 120), side_by_side=st.booleans())
def test_a_block_that_is_cancelled_leaves_nothing(backend: str, step: int, side_by_side: bool) -> None:
    async def everything(address: Any) -> None:
        async with linked(address, side_by_side=side_by_side) as link:
            await link.bound()
            link.renew()
            await link.call(QUERY)
            await link.call(QUERY * 1000)
            await link.aclose()

    async def run() -> None:
        async with nothing_left(), serving() as (loop, address):
            async with nothing_left():
                with anyio.CancelScope() as scope:
                    await cancelled_at(step, scope, everything(address))
                while loop.clients:
                    await anyio.sleep(0.001)
            # and the server serves
            async with linked(address, cheap_client(b"another")) as link:
                assert await link.call(QUERY) == QUERY[::-1]

    anyio.run(run, backend=backend)


async def use(link: Link) -> None:
    """Waits in every way there is."""
    await link.bound()
    assert await link.call(QUERY) == QUERY[::-1]
    link.renew()
    first = link.begin(QUERY)
    second = link.begin(QUERY, after=[first.id])
    assert await second == await first
    assert await link.call(QUERY * 5000, repeat=True) == (QUERY * 5000)[::-1]
    with suppress(TimeoutError), anyio.fail_after(0.001):
        await anext(link.updates())


@pytest.mark.parametrize("backend", BACKENDS)
@SOME
@given(steps=st.lists(st.integers(1, 14), min_size=1, max_size=5))
def test_a_link_whose_users_are_cancelled_goes_on(backend: str, steps: list[int]) -> None:
    async def run() -> None:
        async with nothing_left(), serving() as (_, address), linked(address) as link:
            for step in steps:
                async with anyio.create_task_group() as tasks:
                    scope = anyio.CancelScope()

                    async def cancelled(step: int, scope: anyio.CancelScope) -> None:
                        with scope:
                            await cancelled_at(step, scope, use(link))

                    tasks.start_soon(cancelled, step, scope)
                    tasks.start_soon(use, link)
            assert await link.call(QUERY) == QUERY[::-1]
            assert link.status.calls == 0

    anyio.run(run, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@SOME
@given(step=st.integers(1, 40))
def test_a_server_that_is_cancelled_leaves_nothing(backend: str, step: int) -> None:
    async def use_it(loops: list[AnyioServer]) -> None:
        async with serving() as (loop, address), linked(address) as link:
            loops.append(loop)
            await link.call(QUERY)

    async def run() -> None:
        loops: list[AnyioServer] = []
        async with nothing_left():
            with anyio.CancelScope() as scope:
                await cancelled_at(step, scope, use_it(loops))
        assert all(loop.clients == () for loop in loops)

    anyio.run(run, backend=backend)
