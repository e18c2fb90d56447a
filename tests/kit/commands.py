"""The command line as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
