"""A copy of the library with one bug planted in it, to see whether the kit finds it."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from kit.sources import CORE


@contextmanager
def planted(folder: Path, file: str, old: str, new: str) -> Iterator[ModuleType]:
    """The copy, made in ``folder``, with ``old`` (which is there once) replaced by ``new`` in ``file``. ValueError otherwise.

    It is another package: its classes are not those of the original, which plays the other side.
    """
    name = "planted_mtproto_bind"
    copy = folder / name
    shutil.copytree(CORE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    source = (copy / file).read_text(encoding="utf-8")
    if source.count(old) != 1:
        raise ValueError(f"{file} has {source.count(old)} times {old!r}, expected once")
    (copy / file).write_text(source.replace(old, new), encoding="utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
        importlib.import_module(f"{name}.testing")
        yield module
    finally:
        sys.path.remove(str(folder))
        for each in [each for each in sys.modules if each.split(".")[0] == name]:
            del sys.modules[each]
