"""The command line as a program of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAM = [sys.executable, "-W", "error", "-m", "mtproto_bind_adapters.cli"]


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """``mtproto-bind`` with ``arguments``, under way; killed at the end if it is still there."""
    command = [*PROGRAM, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def bind_line(address: tuple[str, int], pem: Path, *more: object) -> list[str]:
    """``mtproto-bind bind`` to a server at ``address`` whose public key is in ``pem``."""
    host, port = address
    return ["bind", "--host", host, "--port", str(port), "--server-key", str(pem), *map(str, more)]


def error_of(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The error on the last line of stdout. Raises AssertionError unless it is one line, and the last one of stderr too."""
    out, err = capsys.readouterr()
    error = dict(json.loads(out)["error"])
    text = error["text"]
    if err.splitlines()[-1] != f"mtproto-bind: {text}" or not text.startswith("expected ") or "\n" in text:
        raise AssertionError(f"expected one line that says what was expected, on both streams, came {text!r} and {err!r}")
    return error
