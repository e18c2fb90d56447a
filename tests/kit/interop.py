"""Clients that nobody here wrote: whether they are there, the server that they talk to, and what it has to say of them."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from mtproto_bind import Event, KeyCreated, Server, ServerConfig, ServerConnection, Transport
from mtproto_bind_adapters.cli.application import Application
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncServer

from .keys import SERVER_KEY_PEM
from .programs import Program, talking
from .serving import DC, SERVER_KEY, running
from .sources import ROOT

FOLDER = ROOT / "tests" / "interop"
"""Where the programs are by which we drive them, and the packages of those in JavaScript."""
LOOPBACK = "127.0.0.1"
SERVE = [sys.executable, "-W", "error", "-m", "mtproto_bind_adapters.cli", "serve", "--listen", f"{LOOPBACK}:0", "--json"]
INSTALL_NODE = "apt-get install nodejs npm; npm ci --ignore-scripts in tests/interop (`make test` does the latter)"
INSTALL_PYTHON = "pip install --group interop, with pip 25.1 or later, in the root of the project (`make test` does it)"


def find_node(folder: Path = FOLDER) -> str:
    """Node, where it and the pinned packages are there. Fails the test, and says what to install, where they are not."""
    node = shutil.which("node")
    if node is None:
        pytest.fail(f"Node is missing: {INSTALL_NODE}")
    for name, wanted in json.loads((FOLDER / "package.json").read_text())["dependencies"].items():
        manifest = folder / "node_modules" / name / "package.json"
        found = json.loads(manifest.read_text())["version"] if manifest.is_file() else "nothing"
        if found != wanted:
            pytest.fail(f"expected {name} {wanted}, found {found}: {INSTALL_NODE}")
    return node


def find_python(name: str) -> str:
    """This Python, where the pinned package is there. Fails the test, and says what to install, where it is not."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["interop"]
    wanted = dict(line.split("==") for line in group if "==" in line)[name]
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "nothing"
    if found != wanted:
        pytest.fail(f"expected {name} {wanted}, found {found}: {INSTALL_PYTHON}")
    return sys.executable


@contextmanager
def serving(folder: Path, *options: object, carrier: str = "tcp") -> Iterator[tuple[Program, int]]:
    """``mtproto-bind serve`` with ``options``, and the port it listens on for ``carrier``: tcp, or websocket."""
    if carrier == "websocket":
        options = (*options, "--websocket", f"{LOOPBACK}:0")
    pem = folder / "private.pem"
    pem.write_text(SERVER_KEY_PEM)
    with talking([*SERVE, "--private-key", pem, *options], folder / "serve.log") as server:
        while (line := server.wait_for("listening"))["carrier"] != carrier:
            continue
        yield server, line["port"]


class Witness:
    """A server in this process, which behaves as that of the command line and remembers the keys themselves.

    ``transport``: what it speaks. The RSA padding from before 2021 is let in.
    """

    def __init__(self, transport: Transport) -> None:
        self.keys: dict[str, bytes] = {}
        """Every key that was made, by its id in 16 hex digits."""
        self.told: list[dict[str, Any]] = []
        self._application = Application(DC, lambda _line: None, lambda **values: self.told.append(values))
        server = Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC, old_rsa=True))
        self.loop = SyncServer(server, MemoryStore(), on_event=self._on_event, transport=transport)

    def _on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, KeyCreated):
            self.keys[f"{event.record.key.id:016x}"] = event.record.key.reveal()
        self._application.on_event(connection, event, now)


@contextmanager
def witnessing(transport: Transport) -> Iterator[tuple[Witness, int]]:
    """A :class:`Witness` under way, and the port it listens on."""
    witness = Witness(transport)
    with running(witness.loop) as (_, port):
        yield witness, port
