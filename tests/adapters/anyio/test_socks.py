"""Through a SOCKS5 proxy, willing and unwilling."""

from __future__ import annotations

import sys

import pytest

from kit.async_proxies import FORBIDDEN, SocksProxy, listening_with
from kit.certificates import tls_contexts
from kit.loops import cheap_client, serving
from kit.serving import QUERY, closed_port
from mtproto_bind_adapters.anyio import connect, socks5

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


async def test_a_link_through_a_proxy() -> None:
    proxy = SocksProxy()
    async with serving() as (_, address), listening_with(proxy.handle) as (host, port):
        async with connect(cheap_client(), dial=socks5(f"socks5://{host}:{port}", *address)) as link:
            assert await link.call(QUERY) == QUERY[::-1]
        assert proxy.asked_for == [address]


async def test_with_a_password_a_name_and_tls() -> None:
    proxy = SocksProxy(login=(b"us er", b"p@ss"))
    server, client = tls_contexts()
    async with serving(tls=server) as (_, (_, server_port)), listening_with(proxy.handle) as (host, port):
        dial = socks5(f"socks5h://us%20er:p%40ss@{host}:{port}", "localhost", server_port, tls=client)
        async with connect(cheap_client(), dial=dial) as link:
            assert await link.call(QUERY) == QUERY[::-1]
        assert proxy.asked_for == [("localhost", server_port)]


@pytest.mark.parametrize(
    ("proxy", "user", "why"),
    [
        (SocksProxy(answer=FORBIDDEN), "", "not allowed by ruleset"),
        (SocksProxy(login=(b"user", b"secret")), "user:wrong@", "authentication failure"),
        (SocksProxy(login=(b"user", b"secret")), "", "No acceptable authentication methods"),
        (SocksProxy(cut=True), "", "came"),
    ],
    ids=["refused", "wrong password", "no password", "cut"],
)
async def test_a_proxy_that_does_not_help_is_an_error_that_says_so(proxy: SocksProxy, user: str, why: str) -> None:
    async with listening_with(proxy.handle) as (host, port):
        with pytest.raises(ConnectionError, match=rf"expected the proxy {host} port {port} to reach 127.0.0.9.*{why}") as failed:
            await socks5(f"socks5://{user}{host}:{port}", "127.0.0.9", 443)()
        assert "wrong" not in str(failed.value)


async def test_a_proxy_that_is_not_there_is_an_error() -> None:
    host, port = closed_port()
    with pytest.raises(ConnectionError, match=f"expected the proxy {host} port {port} to reach"):
        await socks5(f"socks5://{host}:{port}", "127.0.0.9", 443)()


async def test_a_silent_proxy_is_not_waited_for_for_ever() -> None:
    async with listening_with(SocksProxy(silent=True).handle) as (host, port):
        with pytest.raises(TimeoutError, match=r"nothing came in 0\.01 s"):
            await socks5(f"socks5://{host}:{port}", "127.0.0.9", 443, timeout=0.01)()


@pytest.mark.parametrize("url", ["http://user:secret@host:1", "host:1", "socks5://", ""])
def test_what_is_no_such_proxy_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="expected socks5://") as failed:
        socks5(url, "host", 443)
    assert "secret" not in str(failed.value)


def test_where_python_socks_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mtproto-bind\[socks\]'"):
        socks5("socks5://host", "host", 443)
