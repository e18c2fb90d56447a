"""What ``connect`` takes, and how its block ends."""

from __future__ import annotations

import threading

import anyio
import pytest
from anyio.abc import ByteStream

from kit.async_proxies import listening_with
from kit.certificates import tls_contexts
from kit.loops import BACKENDS, cheap_client, linked, serving
from kit.serving import CONFIG, PATIENCE, QUERY
from mtproto_bind import ClientConnection, Framing, LocalProtocolError, Transport
from mtproto_bind_adapters.anyio import connect, tcp


@pytest.mark.anyio
@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("framing", Framing)
async def test_over_every_framing(framing: Framing) -> None:
    transport = Transport(framing=framing)
    async with serving(transport=transport) as (_, address), linked(address, transport=transport) as link:
        assert await link.call(QUERY) == QUERY[::-1]


@pytest.mark.anyio
@pytest.mark.usefixtures("tidy")
async def test_a_connection_and_a_dial_of_one_s_own() -> None:
    async with serving() as (_, address):
        async with connect(ClientConnection(cheap_client()), dial=tcp(*address)) as link:
            await link.bound()
            saved = link.save()
        async with connect(ClientConnection(cheap_client(), saved), *address) as link:
            assert await link.call(QUERY) == QUERY[::-1]


@pytest.mark.anyio
@pytest.mark.usefixtures("tidy")
async def test_what_does_not_fit_together_is_refused() -> None:
    async def dial() -> ByteStream:
        raise NotImplementedError

    for refused, why in (
        (connect(cheap_client()), "expected host and port, or dial="),
        (connect(cheap_client(), "127.0.0.1"), "expected host and port, or dial="),
        (connect(cheap_client(), "127.0.0.1", dial=dial), "came all of them"),
        (connect(cheap_client(), port=443, dial=dial), "came all of them"),
        (connect(cheap_client(), dial=dial, tls=tls_contexts()[1]), "let the dial speak TLS"),
        (connect(ClientConnection(cheap_client()), dial=dial, side_by_side=True), "give it a ClientConfig, not a connection"),
        (connect("config", dial=dial), "expected a ClientConfig or a ClientConnection, got str"),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError, match=why):
            async with refused:
                raise NotImplementedError
    closed, used = ClientConnection(cheap_client()), ClientConnection(cheap_client())
    closed.close(0.0)
    used.transport_opened(Transport(), 0.0)
    for connection in (closed, used):
        with pytest.raises(LocalProtocolError, match="make another one"):
            async with connect(connection, dial=dial):
                raise NotImplementedError


@pytest.mark.anyio
@pytest.mark.usefixtures("tidy")
async def test_a_dial_has_its_time() -> None:
    async def wait(_stream: ByteStream) -> None:
        await anyio.sleep_forever()

    async with listening_with(wait) as address:
        with pytest.raises(TimeoutError, match=r"nothing came in 0\.01 s"):
            async with linked(address, tls=tls_contexts()[1], timeout=0.01):
                raise NotImplementedError


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_that_ends_in_the_midst_of_arithmetic_leaves_no_thread(backend: str) -> None:
    before = set(threading.enumerate())

    async def leave_early() -> None:
        async with serving() as (_, address), connect(CONFIG, *address):
            await anyio.sleep(0.01)

    anyio.run(leave_early, backend=backend)
    # trio keeps its idle threads for another loop
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.name.startswith("Trio thread")]
    for thread in left:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in left)
