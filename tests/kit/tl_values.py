"""TL for tests: the identifier rule, and the strategies of the kit for every constructor."""

from __future__ import annotations

import re
import zlib

from mtproto_bind.testing.strategies import INTS, JSON, JSON_LEAVES, LONGS, STRINGS, WORDS, json_vector, values

__all__ = ["INTS", "JSON", "JSON_LEAVES", "LONGS", "STRINGS", "WORDS", "crc_of", "json_vector", "values"]


def crc_of(line: str) -> int:
    """The constructor id by the rule of the specification: the CRC32 of the line in its plain form."""
    name, rest = line.split("#", 1)
    line = f"{name} {rest.split(' ', 1)[1]}"
    line = re.sub(r" \w+:flags\.\d+\?true", "", line)
    # the name of a field stays; only the type is called string
    line = re.sub(r"([:?])bytes\b", r"\1string", line)
    return zlib.crc32(re.sub(r"[(){}>]", "", line.replace("<", " ")).encode())
