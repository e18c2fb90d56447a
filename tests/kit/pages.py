"""The blocks of code in the pages of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .sources import ROOT

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
JAVASCRIPT_PAGE = ROOT / "docs" / "how-to" / "bind-from-javascript.md"
"""The one page with ``js`` blocks. ``tests/interop/test_bind_from_javascript.py`` runs them, after the rest of the page."""


def blocks(page: Path) -> Iterator[tuple[int, str, str]]:
    """Line, kind and content of every block of a page."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        yield text[: found.start()].count("\n") + 2, found[1], found[2]
