"""Real browsers without a driver: started on a page, which reports for itself, and ended by their own process group."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from .demo import demo_files

__all__ = ["BROWSERS", "ReportServer", "browsing", "visit"]

BROWSERS = ("chromium", "firefox-esr")
PATIENCE = 90.0
"""Seconds for a page to report."""

CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
FIREFOX = "".join(
    f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
    for name, value in {
        "app.update.auto": False,
        "browser.safebrowsing.update.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "services.settings.server": "data:,",
        "toolkit.telemetry.enabled": False,
    }.items()
)
"""Else it asks hosts that have nothing to do with us."""


class Reporting(demo_files.Files):
    """Takes what a page posts."""

    server: ReportServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.reports.put(json.loads(body))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()


class ReportServer(demo_files.FileServer):
    """Serves a folder, and keeps what its pages report."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.reports: Queue[dict[str, Any]] = Queue()
        super().__init__(folder, handler=Reporting, **settings)


def command_of(browser: str, profile: Path, url: str) -> list[str]:
    """How ``browser`` is started on ``url``. Fails the test, and says what to install, where it is not there."""
    program = shutil.which(browser)
    if program is None:
        pytest.fail(f"{browser} is missing: apt-get update && apt-get install --yes --no-install-recommends {browser}")
    if browser == "chromium":
        return [program, *CHROMIUM, f"--user-data-dir={profile}", url]
    (profile / "user.js").write_text(FIREFOX)
    return [program, "--headless", "--no-remote", "--profile", str(profile), url]


@contextmanager
def browsing(browser: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """``browser`` on ``url``, in a fresh profile; ended, with all it has started, at the end of the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        profile = Path(folder)
        line = command_of(browser, profile, url)
        with (profile / "log").open("wb") as log:
            process = subprocess.Popen(line, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process group of our own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return


def visit(browser: str, server: ReportServer, path: str, *, patience: float = PATIENCE) -> dict[str, Any]:
    """What the page at ``path`` reports. Fails the test where the browser ends early, or nothing comes."""
    with browsing(browser, f"{server.origin}{path}") as process:
        until = time.monotonic() + patience
        while True:
            try:
                return server.reports.get(timeout=0.5)
            except Empty:
                if process.poll() is not None:
                    pytest.fail(f"{browser} ended by itself with {process.returncode}")
                if time.monotonic() > until:
                    pytest.fail(f"expected a report from {browser}, nothing came in {patience:g} s")
