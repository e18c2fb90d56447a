"""The test vectors: JSON files beside the tests, each entry with its source."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "vectors"


@cache
def load(name: str) -> list[dict[str, Any]]:
    """The entries of ``tests/vectors/<name>.json``."""
    entries = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
    if not entries:
        raise ValueError(f"{name}.json holds no vectors")
    return entries
