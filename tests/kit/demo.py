"""The programs of ``docs/demo``, which are no package."""

from __future__ import annotations

import sys
from importlib import import_module

from .sources import ROOT

__all__ = ["DEMO", "demo_files", "demo_web"]

DEMO = ROOT / "docs" / "demo"
sys.path.append(str(DEMO))

demo_files = import_module("demo_files")
demo_web = import_module("demo_web")
