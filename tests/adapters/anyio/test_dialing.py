"""Opening streams, and what is said when none opens."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute

from kit.async_proxies import listening_with
from kit.certificates import tls_contexts
from kit.loops import linked, serving
from kit.serving import QUERY, closed_port
from mtproto_bind_adapters.anyio import tcp

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def turn_back(stream: ByteStream) -> None:
    await stream.send((await stream.receive())[::-1])


async def wait(_stream: ByteStream) -> None:
    await anyio.sleep_forever()


async def test_it_connects_and_sends_at_once() -> None:
    async with listening_with(turn_back) as address, await tcp(*address)() as stream:
        raw = stream.extra(SocketAttribute.raw_socket)
        assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        await stream.send(b"abc")
        assert await stream.receive() == b"cba"


async def test_a_closed_port_is_an_error() -> None:
    with pytest.raises(ConnectionRefusedError):
        await tcp(*closed_port())()


async def test_of_several_addresses_the_error_of_the_first_is_told() -> None:
    _, port = closed_port()
    with pytest.raises(ConnectionRefusedError):
        await tcp("localhost", port)()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows a name, and ``two.invalid`` has two addresses."""

    def getaddrinfo(host: Any, port: int, *_more: Any, **_options: Any) -> Any:
        if host in ("two.invalid", b"two.invalid"):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{number}", port)) for number in (1, 2)]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.usefixtures("names")
async def test_a_name_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(socket.gaierror, match="not known"):
        await tcp("nowhere.invalid", 443)()


@pytest.mark.usefixtures("names")
async def test_a_name_with_two_addresses_that_refuse() -> None:
    with pytest.raises(ConnectionRefusedError):
        await tcp("two.invalid", closed_port()[1])()


async def test_tls_to_those_whom_we_trust() -> None:
    server, client = tls_contexts()
    async with serving(tls=server) as (_, address):
        async with linked(address, tls=client) as link:
            assert await link.call(QUERY) == QUERY[::-1]
        async with await tcp(*address, tls=client)() as stream:
            assert stream.extra(TLSAttribute.tls_version) == "TLSv1.3"


async def test_no_tls_to_those_whom_we_do_not(caplog: pytest.LogCaptureFixture) -> None:
    server, _ = tls_contexts()
    async with serving(tls=server) as (_, address):
        with pytest.raises(ssl.SSLCertVerificationError):
            await tcp(*address, tls=True)()
        with pytest.raises(ssl.SSLCertVerificationError):
            async with linked(address, tls=True):
                raise NotImplementedError


async def test_a_server_that_speaks_no_tls_is_an_error() -> None:
    async with listening_with(turn_back) as address:
        with pytest.raises(ssl.SSLError):
            await tcp(*address, tls=tls_contexts()[1])()


async def test_a_server_that_leaves_in_the_midst_of_the_handshake_is_an_error() -> None:
    async def leave(stream: SocketStream) -> None:
        await stream.receive()

    async with listening_with(leave) as address:
        with pytest.raises(ConnectionResetError, match=r"expected 127\.0\.0\.1 to speak TLS"):
            await tcp(*address, tls=tls_contexts()[1])()


async def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    async with listening_with(wait) as address:
        with pytest.raises(TimeoutError, match=r"nothing came in 0\.01 s"):
            await tcp(*address, tls=tls_contexts()[1], timeout=0.01)()


async def test_dialling_that_is_cancelled_leaves_nothing() -> None:
    async with listening_with(wait) as address:
        with anyio.move_on_after(0.01) as scope:
            await tcp(*address, tls=tls_contexts()[1])()
        assert scope.cancelled_caught
