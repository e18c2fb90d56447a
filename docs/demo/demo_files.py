"""The static folder of the page, and a server of files with the headers that it wants.

    python docs/demo/demo_files.py FOLDER

puts into FOLDER all that a web server needs: the page, Python in WebAssembly from npm, and two wheels. Nothing else is loaded.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from mtproto_bind_adapters.browser import BIGINT_SOURCE

ROOT = Path(__file__).parent.parent.parent
PAGE = Path(__file__).parent / "page"
PYODIDE = ROOT / "tests" / "browser" / "node_modules" / "pyodide"
WHEELS = ROOT / "build" / "browser" / "wheels"
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
INSTALL = "make build/browser/made"

TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm", ".whl": "application/zip", ".json": "application/json"}
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws: wss: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    # isolated, a page has a clock that ticks in microseconds
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Missing(Exception):
    """Something that has to be installed first; the text says how."""


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout, in ``folder``."""
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603  our own words
    return next(folder.glob("mtproto_bind-*.whl"))


def assemble(folder: Path) -> None:
    """Fills ``folder``. Raises :class:`Missing`."""
    attrs = sorted(WHEELS.glob("attrs-*.whl"))
    if not PYODIDE.is_dir() or not attrs:
        raise Missing(f"expected Pyodide in {PYODIDE} and the wheel of attrs in {WHEELS}: run {INSTALL}")
    shutil.copytree(PAGE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyodide").mkdir(exist_ok=True)
    for name in PYODIDE_FILES:
        shutil.copy(PYODIDE / name, folder / "pyodide" / name)
    wheels = folder / "wheels"
    wheels.mkdir(exist_ok=True)
    shutil.copy(attrs[-1], wheels)
    build_wheel(wheels)
    modules = sorted(path.name for path in PAGE.glob("*.py"))
    files = {"wheels": sorted(path.name for path in wheels.iterdir()), "modules": modules}
    (folder / "files.json").write_text(json.dumps(files))
    (folder / "bigint.mjs").write_text(f"export default {BIGINT_SOURCE.strip()};\n")


class Files(SimpleHTTPRequestHandler):
    """Files with the right types and headers; what ``extra`` of the server has comes from memory."""

    server: FileServer
    protocol_version = "HTTP/1.1"
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012  as the standard library has it

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in self.server.extra:
            super().do_GET()
            return
        body = self.server.extra[path]
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


class FileServer(ThreadingHTTPServer):
    """Serves ``folder`` on loopback, in a thread of its own while the block lasts. ``port`` 0 picks one."""

    daemon_threads = True

    def __init__(
        self, folder: Path, *, port: int = 0, headers: Mapping[str, str] = HEADERS, handler: type[Files] = Files
    ) -> None:
        self.extra: dict[str, bytes] = {}
        self.headers = headers
        super().__init__(("127.0.0.1", port), partial(handler, directory=str(folder)))
        self._thread = Thread(target=self.serve_forever, args=(0.05,))

    def handle_error(self, *_args: Any) -> None:
        """A browser that is closed hangs up where it likes."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*_args)

    @property
    def origin(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *_args: Any) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
