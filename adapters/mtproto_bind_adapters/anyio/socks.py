"""Dialling through a SOCKS5 proxy, with python-socks."""

from __future__ import annotations

import ssl
from urllib.parse import unquote, urlsplit

import anyio
from anyio.abc import ByteStream

from ..extras import needs
from .dialing import TIMEOUT, Dial, secured

__all__ = ["socks5"]

PORT = 1080


def socks5(proxy_url: str, host: str, port: int, *, tls: bool | ssl.SSLContext = False, timeout: float = TIMEOUT) -> Dial:
    """Dials ``host`` through the proxy ``socks5://[user:password@]proxy[:port]``, which looks up the name.

    ``tls`` and ``timeout`` as for :func:`tcp`. Dialling raises ``OSError``, where the proxy refuses too. Raises ``ValueError``
    for another kind of URL, and ``ModuleNotFoundError`` where python-socks is missing.
    """
    with needs("socks"):
        from python_socks import ProxyType
        from python_socks.async_.anyio import Proxy
    url = urlsplit(proxy_url)
    if url.scheme not in ("socks5", "socks5h") or not url.hostname:
        # not the URL itself: it may have a password
        raise ValueError(f"expected socks5://[user:password@]host[:port] for a proxy, came the scheme {url.scheme!r}")
    user, password = (unquote(part) if part else None for part in (url.username, url.password))
    proxy_port = url.port or PORT
    name = f"the proxy {url.hostname} port {proxy_port}"
    proxy = Proxy(ProxyType.SOCKS5, url.hostname, proxy_port, user, password, True)

    async def dial() -> ByteStream:
        try:
            with anyio.fail_after(timeout):
                return await secured(await through(), host, tls)
        except TimeoutError:
            raise TimeoutError(f"expected {name} to reach {host} port {port}, nothing came in {timeout:g} s") from None

    async def through() -> ByteStream:
        try:
            # its own limit never comes before the one above
            stream: ByteStream = await proxy.connect(host, port, timeout=timeout * 2)
        except Exception as error:
            # what a broken proxy makes it raise is not of one family
            why = str(error) or "the end of the stream"
            raise ConnectionError(f"expected {name} to reach {host} port {port}, came: {why}") from error
        return stream

    return dial
