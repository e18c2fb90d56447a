"""Cancelled anywhere: a link goes on, or is gone without a trace."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.certificates import tls_contexts
from kit.loops import BACKENDS, Address, cancelled_at, cheap_client, nothing_left, serving
from kit.serving import QUERY
from mtproto_bind import ClientConfig
from mtproto_bind_adapters.anyio import AnyioServer, Dial, Link, connect, tcp
from mtproto_bind_adapters.websocket import WEBSOCKET_TRANSPORT, WebSocketListener, connect_websocket

SOME = settings(max_examples=25)


def over_tcp(address: Address) -> Dial:
    return tcp(*address)


def over_tls(address: Address) -> Dial:
    return tcp(*address, tls=tls_contexts().client)


def over_websocket(address: Address) -> Dial:
    return partial(connect_websocket, f"ws://{address[0]}:{address[1]}/apiws")


WAYS: dict[str, tuple[Callable[[Address], Dial], dict[str, Any]]] = {
    "TCP": (over_tcp, {}),
    "TLS": (over_tls, {"tls": tls_contexts().server}),
    "WebSocket": (over_websocket, {"layer": WebSocketListener}),
}
"""How a client dials, and what its server needs for that."""


def linked(way: str, address: Address, config: ClientConfig | None = None, **settings: Any) -> AbstractAsyncContextManager[Link]:
    """A client of the server at ``address``; its transport will do for all ways."""
    return connect(config or cheap_client(), dial=WAYS[way][0](address), transport=WEBSOCKET_TRANSPORT, **settings)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
@SOME
@given(step=st.integers(1, 150), side_by_side=st.booleans())
def test_a_block_that_is_cancelled_leaves_nothing(way: str, backend: str, step: int, side_by_side: bool) -> None:
    async def everything(address: Address) -> None:
        async with linked(way, address, side_by_side=side_by_side) as link:
            await link.bound()
            link.renew()
            await link.call(QUERY)
            await link.call(QUERY * 1000)
            await link.aclose()

    async def run() -> None:
        async with nothing_left(), serving(**WAYS[way][1]) as (loop, address):
            async with nothing_left():
                with anyio.CancelScope() as scope:
                    await cancelled_at(step, scope, everything(address))
                while loop._here:
                    await anyio.sleep(0.001)
            # and the server serves
            async with linked(way, address, cheap_client(b"another")) as link:
                assert await link.call(QUERY) == QUERY[::-1]

    anyio.run(run, backend=backend)


async def use(link: Link) -> None:
    """Waits in every way there is."""
    await link.bound()
    assert await link.call(QUERY) == QUERY[::-1]
    link.renew()
    first = link.submit(QUERY)
    second = link.submit(QUERY, after=[first])
    assert await second == await first
    assert await link.call(QUERY * 5000, repeat=True) == (QUERY * 5000)[::-1]
    with suppress(TimeoutError), anyio.fail_after(0.001):
        await anext(link.updates())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
@SOME
@given(steps=st.lists(st.integers(1, 14), min_size=1, max_size=5))
def test_a_link_whose_users_are_cancelled_goes_on(way: str, backend: str, steps: list[int]) -> None:
    async def run() -> None:
        async with nothing_left(), serving(**WAYS[way][1]) as (_, address), linked(way, address) as link:
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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("backend", BACKENDS)
@SOME
@given(step=st.integers(1, 50))
def test_a_server_that_is_cancelled_leaves_nothing(way: str, backend: str, step: int) -> None:
    async def use_it(loops: list[AnyioServer]) -> None:
        async with serving(**WAYS[way][1]) as (loop, address), linked(way, address) as link:
            loops.append(loop)
            await link.call(QUERY)

    async def run() -> None:
        loops: list[AnyioServer] = []
        async with nothing_left():
            with anyio.CancelScope() as scope:
                await cancelled_at(step, scope, use_it(loops))
        assert all(loop.clients == () for loop in loops)

    anyio.run(run, backend=backend)
