"""Counts what a test leaves behind: threads, and open descriptors."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from .serving import PATIENCE


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """What begins inside ends inside. Raises AssertionError where a thread or a descriptor is left."""
    threads, descriptors = set(threading.enumerate()), open_descriptors()
    yield
    # those that were told to end may need a moment
    until = monotonic() + PATIENCE
    for thread in set(threading.enumerate()) - threads:
        thread.join(max(until - monotonic(), 0.0))
        if thread.is_alive():
            raise AssertionError(f"the thread {thread.name} is left")
    if left := open_descriptors() - descriptors:
        raise AssertionError(f"the descriptors {sorted(left)} are left")


def open_descriptors() -> set[str]:
    """Their numbers, but for the one that lists them."""
    return {name for name in (entry.name for entry in Path("/dev/fd").iterdir()) if is_open(int(name))}


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
