"""A vault over HTTP, on loopback only: who can reach it can have bindings signed."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from io import BufferedReader, RawIOBase
from socket import AF_INET6, SHUT_WR, socket
from socketserver import ThreadingTCPServer
from threading import BoundedSemaphore, Thread
from typing import Any
from urllib.parse import urlsplit

from mtproto_bind import BindingRequest

from .loopback import is_loopback
from .signer import Refused, Vault

__all__ = ["PATH", "VaultServer", "web_origin"]

PATH = "/sign"
BODY_LIMIT = 256
"""Bytes; a request has 45, and later versions may have more."""
DEADLINE = 5.0
"""Seconds for a whole request to come in."""
UNREAD_LIMIT = 1 << 16
"""Bytes of a refused request that are read and thrown away."""
MANY = 64
"""Clients at a time; who comes on top is hung up on."""
STOP_WITHIN = 0.1
"""Seconds until a server notices that it shall stop."""

ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?")
DEFAULT_PORTS = {"http": "80", "https": "443"}


def web_origin(url: str) -> str:
    """The origin that ``url`` names, as browsers write it. Raises ``ValueError`` where it names more or none."""
    found = ORIGIN.fullmatch(url.lower())
    if found is None:
        raise ValueError(f"{url!r} is not the origin of a web page: expected https://HOST or https://HOST:PORT, and nothing else")
    scheme, host, port = found["scheme"], found["host"], found["port"]
    return f"{scheme}://{host}" if port in {None, DEFAULT_PORTS[scheme]} else f"{scheme}://{host}:{port}"


class VaultServer(ThreadingTCPServer):
    """Serves ``vault`` by ``POST /sign``: the bytes of a request in, the 104 bytes of the sealed binding out.

    ``host``: an address of loopback, else ``ValueError``. ``port`` 0 picks one, see :attr:`address`. ``origin``: the only web
    origin whose pages may ask; None: none may. ``on_signed`` is told of each request before it is signed, ``on_refused`` why one
    was refused; both by the threads that serve. Raises ``OSError`` where nobody can listen there.
    """

    allow_reuse_address = os.name == "posix"
    # browsers open streams in advance, more than the usual five
    request_queue_size = 16

    def __init__(
        self,
        vault: Vault,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        origin: str | None = None,
        on_signed: Callable[[BindingRequest], None] = lambda _request: None,
        on_refused: Callable[[str], None] = lambda _why: None,
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"{host or 'every address'} is not loopback, and whoever can reach a vault can have it sign")
        self.vault = vault
        self.origin = None if origin is None else web_origin(origin)
        self.on_signed = on_signed
        self.on_refused = on_refused
        self._room = BoundedSemaphore(MANY)
        if ":" in host:
            self.address_family = AF_INET6
        super().__init__(("127.0.0.1" if host == "localhost" else host, port), Exchange)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self.socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        """Where to ask."""
        host, port = self.address
        return f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"

    def run(self) -> None:
        """Serves until :meth:`stop`."""
        self.serve_forever(STOP_WITHIN)

    def stop(self) -> None:
        """:meth:`run` comes to its end soon. May be called from any thread, and from a signal handler."""
        # shutdown() waits for the loop, which a handler in its own thread would wait for in vain
        Thread(target=self.shutdown, daemon=True).start()

    def close(self) -> None:
        """Closes the listener, and waits for what is being served."""
        self.server_close()

    def verify_request(self, *_args: Any, **_more: Any) -> bool:
        return self._room.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class BeforeDeadline(RawIOBase):
    """Reads from ``stream`` for so many seconds in all, however slowly the peer writes. Then raises ``TimeoutError``."""

    def __init__(self, stream: socket, seconds: float) -> None:
        self._stream = stream
        self._until = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._stream.settimeout(left)
        return self._stream.recv_into(buffer)


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer; the stream ends with it."""

    server: VaultServer
    protocol_version = "HTTP/1.0"
    # what cannot be read is answered with a head too
    default_request_version = "HTTP/1.0"

    # ---- what HTTP is to the standard library

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self.rfile = BufferedReader(BeforeDeadline(self.connection, DEADLINE))

    def handle(self) -> None:
        # a client that is gone is nobody's fault
        with suppress(OSError):
            super().handle()

    def parse_request(self) -> bool:
        if not super().parse_request():
            return False
        try:
            self._admit()
        except Refused as refused:
            self._refuse(refused)
            return False
        return True

    def send_error(self, code: int, *_args: Any, **_more: Any) -> None:
        # what it has to say may repeat what came, in HTML
        self._refuse(Refused("that is no HTTP request", status=code))

    def log_message(self, *_args: Any, **_more: Any) -> None:
        """Nothing: what there is to say goes to ``on_signed`` and ``on_refused``."""

    def version_string(self) -> str:
        return "mtproto-bind"

    # ---- what a vault does

    def do_POST(self) -> None:
        try:
            request = self.server.vault.examine(self._read_body())
        except Refused as refused:
            self._refuse(refused)
            return
        # whoever watches the vault sees what it signs before anybody else has it
        self.server.on_signed(request)
        self._answer(200, self.server.vault.seal(request), "application/octet-stream")

    def do_OPTIONS(self) -> None:
        """A browser asks on behalf of a page, which :meth:`_admit` has let through: https://fetch.spec.whatwg.org."""
        allowed = {"Methods": "POST", "Headers": "content-type", "Private-Network": "true"}
        self._answer(204, b"", None, {f"Access-Control-Allow-{name}": value for name, value in allowed.items()})

    def _admit(self) -> None:
        """Raises :class:`Refused` for a request that is not for us, whatever is in it."""
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        # a page whose name was made to lead to loopback still tells its name
        if len(hosts) != 1 or not is_loopback(hostname(hosts[0])):
            raise Refused("the Host header does not name loopback", status=403)
        if origins and origins != [self.server.origin]:
            raise Refused("web pages of this origin may not ask: see --origin", status=403)
        if self.command not in {"POST", "OPTIONS"}:
            raise Refused("only POST is answered", status=405)
        if self.path != PATH:
            raise Refused(f"there is nothing but {PATH} here", status=404)
        if self.command == "OPTIONS" and not origins:
            raise Refused("OPTIONS is for web pages, and this is none: it has no Origin header", status=403)

    def _read_body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or not lengths:
            raise Refused("Content-Length is required, and no Transfer-Encoding", status=411)
        if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            raise Refused("Content-Length is no number", status=400)
        # a number of a thousand digits is not even converted
        if len(lengths[0]) > len(str(BODY_LIMIT)) or int(lengths[0]) > BODY_LIMIT:
            raise Refused(f"a request has no more than {BODY_LIMIT} bytes", status=413)
        try:
            body = self.rfile.read(int(lengths[0]))
        except TimeoutError:
            raise Refused(f"the request did not come within {DEADLINE:g} seconds", status=408) from None
        if len(body) < int(lengths[0]):
            raise Refused("the request was cut off", status=400)
        return body

    def _refuse(self, refused: Refused) -> None:
        self.server.on_refused(str(refused))
        self._answer(refused.status, f"{refused}\n".encode(), "text/plain; charset=utf-8")
        # to close a stream that has unread bytes resets it, and the reset overtakes the answer
        self.connection.shutdown(SHUT_WR)
        self.rfile.read(UNREAD_LIMIT)

    def _answer(self, status: int, body: bytes, kind: str | None, more: dict[str, str] | None = None) -> None:
        headers = {"Content-Length": str(len(body)), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if kind is not None:
            headers["Content-Type"] = kind
        if status == 405:
            headers["Allow"] = "POST, OPTIONS"
        # only this origin is named, whoever asks: a page of another one cannot read what it is told
        if self.server.origin is not None:
            headers |= {"Access-Control-Allow-Origin": self.server.origin, "Vary": "Origin"}
        self.send_response(status)
        for name, value in {**headers, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def hostname(header: str) -> str | None:
    """The name in a Host header, without its port; None where there is none."""
    try:
        parts = urlsplit(f"//{header}")
    except ValueError:
        return None
    return parts.hostname if parts.netloc == header and "@" not in header else None
