"""What the Python clients of this folder have in common: their arguments, their lines, and that they stay on loopback."""

from __future__ import annotations

import json
import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

DC = 2


class Order(NamedTuple):
    """What the command line says: ``HOST PORT PEM TRANSPORT...``, each transport a name, or name:secret for an MTProxy."""

    host: str
    port: int
    pem: str
    """The server's public RSA key (PKCS#1)."""
    transports: list[tuple[str, str]]
    """Name and secret, in hex; empty: none."""


def read_order() -> Order:
    if len(sys.argv) < 5:
        sys.exit(f"usage: {sys.argv[0]} HOST PORT PEM TRANSPORT[:SECRET]...")
    host, port, path, *transports = sys.argv[1:]
    split = [transport.partition(":") for transport in transports]
    return Order(host, int(port), Path(path).read_text(), [(name, secret) for name, _, secret in split])


def tell(event: str, **values: object) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def tell_answer(transport: str, answer: object, key: bytes) -> None:
    """What ``help.getNearestDc`` gave, and the key under which it was asked (the last 8 of the 20 bytes are its id)."""
    key_id = f"{int.from_bytes(key[-8:], 'little'):016x}"
    tell("answered", transport=transport, answer=type(answer).__name__, nearest_dc=answer.nearest_dc, key_id=key_id)


def stay_on_loopback() -> None:
    """From here on no socket leads anywhere else: the program ends where one is about to."""
    sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    address = arguments[1] if event in ("socket.connect", "socket.sendto") else None
    if isinstance(address, tuple) and not ip_address(address[0]).is_loopback:
        sys.stderr.write(f"{address[0]} is not on loopback\n")
        sys.stderr.flush()
        # an exception would be one more failed attempt to the client, and hidden from us
        os._exit(1)
