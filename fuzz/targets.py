"""Every target by name. A target takes any bytes; what it raises, it lists, and catches: all else is a finding."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import decoders
import machines

__all__ = ["CORPUS", "TARGETS", "corpus", "keep", "shares"]

CORPUS = Path(__file__).parent / "corpus"
"""A folder for each target; files of hexadecimal digits, so that a reader can look at them and compare."""
LINE = 100

LARGE = {"client", "server", "session", "transcript"}

TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        decoders.tl_handshake,
        decoders.tl_service,
        decoders.tl_api,
        decoders.container,
        decoders.packed,
        decoders.framing,
        decoders.detection,
        decoders.stream,
        decoders.sealed,
        decoders.plain,
        decoders.binding,
        decoders.pem,
        decoders.key_file,
        decoders.saved_state,
        decoders.handshake_record,
        decoders.transcript,
        machines.client,
        machines.server,
        machines.session,
    )
}


def shares(names: list[str], seconds: float) -> dict[str, float]:
    """How many seconds each target has: what holds most gets most."""
    weights = {name: 4 if name in LARGE else 1 for name in names}
    return {name: seconds * weight / sum(weights.values()) for name, weight in weights.items()}


def corpus(name: str) -> list[bytes]:
    """The inputs that are kept for a target."""
    return [bytes.fromhex(path.read_text(encoding="ascii")) for path in sorted((CORPUS / name).glob("*.hex"))]


def keep(name: str, title: str, data: bytes) -> Path:
    """Keep an input, under a title; the file."""
    digits = data.hex()
    path = CORPUS / name / f"{title}.hex"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{digits[at : at + LINE]}\n" for at in range(0, len(digits), LINE)), encoding="ascii")
    return path
