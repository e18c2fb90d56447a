"""``make demo-web``: the page on loopback, beside a server, a forgetful one, a silent one, and a vault. Ctrl-C ends them all.

python docs/demo/demo_web.py [--port PORT]
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any

from demo_files import FileServer, Missing, assemble

from mtproto_bind_adapters.websocket import ServerCarrier

COMMAND = [sys.executable, "-m", "mtproto_bind_adapters.cli"]
NOWHERE = "127.0.0.1:0"
PATIENCE = 10.0
"""Seconds for a program to come to its end."""


@contextmanager
def program(*words: object) -> Iterator[Iterator[dict[str, Any]]]:
    """``mtproto-bind`` with ``words``, under way; the events that it tells. It is ended with the block."""
    line = [*COMMAND, *map(str, words), "--json"]
    # a Ctrl-C is for us; who we have started is ended by us
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)  # noqa: S603
    try:
        yield map(json.loads, process.stdout or ())
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def drain(lines: Iterator[dict[str, Any]]) -> None:
    """Reads what nobody wants to know, so that whoever tells it does not wait."""

    def read() -> None:
        with suppress(ValueError):
            for _ in lines:
                pass

    Thread(target=read, daemon=True).start()


@contextmanager
def server(private_key: Path) -> Iterator[tuple[int, str]]:
    """``mtproto-bind serve``; its TCP port, and its URL for WebSockets."""
    with program("serve", "--listen", NOWHERE, "--websocket", NOWHERE, "--private-key", private_key) as lines:
        ports = {line["carrier"]: int(line["port"]) for line in (next(lines), next(lines))}
        drain(lines)
        yield ports["tcp"], f"ws://127.0.0.1:{ports['websocket']}/apiws"


@contextmanager
def vault(key: Path, origin: str) -> Iterator[str]:
    """``mtproto-bind sign`` for pages of ``origin``; its URL."""
    with program("sign", "--permanent-key", key, "--listen", NOWHERE, "--origin", origin) as lines:
        port = next(lines)["port"]
        drain(lines)
        yield f"http://127.0.0.1:{port}/sign"


class Silent(BaseRequestHandler):
    """Opens WebSockets, and says nothing in them."""

    def handle(self) -> None:
        carrier = ServerCarrier()
        with suppress(OSError):
            while data := self.request.recv(65536):
                carrier.receive(data)
                self.request.sendall(carrier.data_to_send())
                if carrier.ended:
                    return


class SilentServer(ThreadingTCPServer):
    """A server with nothing to say."""

    daemon_threads = True


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that says nothing; its URL."""
    with SilentServer(("127.0.0.1", 0), Silent) as listener:
        thread = Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"ws://127.0.0.1:{listener.server_address[1]}/apiws"
        finally:
            listener.shutdown()
            thread.join()


def nobody() -> str:
    """A URL where nobody listens: its port was given back a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"ws://127.0.0.1:{listener.getsockname()[1]}/apiws"


def run(*words: object) -> str:
    """``mtproto-bind`` with ``words``, to its end; what it printed."""
    line = [*COMMAND, *map(str, words)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout  # noqa: S603


@contextmanager
def surroundings(folder: Path, origin: str) -> Iterator[dict[str, Any]]:
    """Servers and a vault for a page of ``origin``; what the page has to know of them. Keys are files in ``folder``."""
    private, public, key = folder / "server.pem", folder / "public.pem", folder / "key.json"
    public.write_text(run("genkey", "--out", private).partition("\n")[2])
    with ExitStack() as stack:
        port, url = stack.enter_context(server(private))
        _, forgetful = stack.enter_context(server(private))
        where = ("--host", "127.0.0.1", "--port", port, "--server-key", public)
        run("bind", *where, "--no-bind", "--save-permanent-key", key)
        yield {
            "url": url,
            "forgetful": forgetful,
            "silent": stack.enter_context(silent_server()),
            "nobody": nobody(),
            "pem": public.read_text(),
            "dc": 2,
            "vault": stack.enter_context(vault(key, origin)),
            "permanent_key_id": json.loads(key.read_text())["key_id"],
        }


def main() -> int:
    """Serves until Ctrl-C, or SIGTERM."""
    parser = argparse.ArgumentParser(description="Serves the demo page on loopback, beside a server and a vault of its own.")
    parser.add_argument("--port", type=int, default=8446, help="0 picks a free one (default: 8446)")
    options = parser.parse_args()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page"
        try:
            assemble(page)
            files = FileServer(page, port=options.port)
        except (Missing, OSError) as error:
            print(f"demo-web: {error}", file=sys.stderr)
            return 1
        with files, surroundings(Path(folder), files.origin) as local:
            files.extra["/local.json"] = json.dumps(local).encode()
            print(f"open {files.origin}/ in a browser; Ctrl-C ends it", flush=True)
            # with a timeout, for a wait without one hears no signal on some systems
            while not stop.wait(0.5):
                pass
    print("ended", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
