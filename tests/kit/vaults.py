"""A vault in a thread, and what is said to it byte by byte."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from attrs import define, evolve, field

from mtproto_bind import AuthKey, BindingRequest
from mtproto_bind_adapters.vault import Vault, VaultServer

from .serving import PATIENCE

KEY = AuthKey(bytes(range(256)))
"""The permanent key of every vault here."""


def make_request(**changes: int) -> BindingRequest:
    """What may be signed by a vault that has ``KEY``."""
    request = BindingRequest(
        perm_auth_key_id=KEY.id,
        temp_auth_key_id=2,
        temp_session_id=3,
        nonce=4,
        msg_id=int(time.time()) << 32,
        expires_at=int(time.time()) + 86400,
    )
    return evolve(request, **changes)


@define
class Witnessed:
    """A server under way, and what it has told of itself."""

    server: VaultServer
    signed: list[BindingRequest] = field(factory=list)
    refused: list[str] = field(factory=list)

    def exchange_raw(self, data: bytes) -> bytes:
        """All that is answered to ``data``; nothing where the stream is lost."""
        with socket.create_connection(self.server.address, PATIENCE) as stream:
            try:
                stream.sendall(data)
                return b"".join(iter(lambda: stream.recv(4096), b""))
            except ConnectionError:
                return b""

    def exchange(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of the answer to ``data``."""
        head, _, body = self.exchange_raw(data).partition(b"\r\n\r\n")
        status, *lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(status.split()[1]), headers, body


@contextmanager
def serving_vault(vault: Vault | None = None, **settings: Any) -> Iterator[Witnessed]:
    """A vault on a free port of loopback."""
    with VaultServer(vault or Vault(KEY), **settings) as server:
        witnessed = Witnessed(server)
        server.on_signed, server.on_refused = witnessed.signed.append, witnessed.refused.append
        thread = Thread(target=server.run)
        thread.start()
        try:
            yield witnessed
        finally:
            server.stop()
            thread.join(PATIENCE)
            if thread.is_alive():
                raise RuntimeError("the vault does not stop")


def http(body: bytes = b"", *, method: str = "POST", path: str = "/sign", **headers: str | None) -> bytes:
    """A request; ``headers`` in place of the usual ones, None for one that is left out, ``_`` in a name for ``-``."""
    usual: dict[str, str | None] = {"Host": "127.0.0.1:1", "Content_Length": str(len(body))}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {**usual, **headers}.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body
