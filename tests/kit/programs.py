"""Other programs that are talked to in lines: what they print is one JSON object a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

PATIENCE = 60.0
"""Seconds to wait for any one thing; none is meant to take so long."""


class Program:
    """A program under way. Raises AssertionError, with what it said on stderr, where it does not do what is expected."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        """Every line so far."""
        self._log = log
        self._lines: Queue[str | None] = Queue()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def order(self, line: str) -> None:
        """Write a line to its stdin."""
        if self.process.stdin is not None:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next line whose ``event`` is this one; those before it are passed over, and are in :attr:`told`."""
        while (line := self._next_line(f"the event {event}")) is not None:
            self.told.append(json.loads(line))
            if self.told[-1]["event"] == event:
                return self.told[-1]
        raise AssertionError(f"expected the event {event}, came the end\n{self._said()}")

    def finish(self, *, by: signal.Signals | None = None) -> None:
        """Close its stdin, or send it a signal, and expect it to end well; its last lines are in :attr:`told`."""
        if by is not None:
            self.process.send_signal(by)
        elif self.process.stdin is not None:
            self.process.stdin.close()
        while (line := self._next_line("the end")) is not None:
            self.told.append(json.loads(line))
        code = self.process.wait(PATIENCE)
        if code != 0:
            raise AssertionError(f"expected exit code 0, came {code}\n{self._said()}")

    def events(self, event: str) -> list[dict[str, Any]]:
        """The lines of :attr:`told` whose ``event`` is this one, without that word."""
        return [{name: value for name, value in line.items() if name != "event"} for line in self.told if line["event"] == event]

    def kill(self) -> None:
        """End it and all it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            # what was never read by the dead cannot be flushed to them either
            with suppress(BrokenPipeError):
                pipe.close()

    def _next_line(self, awaited: str) -> str | None:
        try:
            return self._lines.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"expected {awaited}, came nothing for {PATIENCE:.0f} seconds\n{self._said()}") from None

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def _said(self) -> str:
        told = "\n".join(map(json.dumps, self.told))
        return f"stdout:\n{told}\nstderr:\n{self._log.read_text(errors='replace')}"


@contextmanager
def talking(command: Sequence[object], log: Path) -> Iterator[Program]:
    """``command`` under way in a process group of its own, its stderr in the file ``log``; killed at the end, group and all."""
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    program = Program(process, log)
    try:
        yield program
    finally:
        program.kill()
