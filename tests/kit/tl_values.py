"""TL for tests: the identifier rule, and a Hypothesis strategy for every constructor, derived from its line."""

from __future__ import annotations

import re
import zlib
from typing import Any

from hypothesis import strategies as st

from mtproto_bind._tl import FutureSalt, InputClientProxy, TLObject

INTS = st.integers(-(1 << 31), (1 << 31) - 1)
LONGS = st.integers(0, (1 << 64) - 1)
WORDS = st.integers(0, 10).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n))
STRINGS = st.one_of(st.binary(max_size=12), st.integers(250, 260).map(lambda n: b"x" * n))

JSON_LEAVES = st.sampled_from(["687b6d3f", "6a5e34c7b5757299", "a4dfe02b0000000000000040"]).map(bytes.fromhex)


def json_vector(kind: str, items: list[bytes]) -> bytes:
    """A jsonArray or a jsonObject of values, the latter with a name before each."""
    member = bytes.fromhex("d91bdec0") + b"\x01a\0\0" if kind == "99c1d49d" else b""
    head = bytes.fromhex(kind)[::-1] + bytes.fromhex("15c4b51c") + len(items).to_bytes(4, "little")
    return head + b"".join(member + item for item in items)


JSON = st.recursive(
    JSON_LEAVES,
    lambda inner: st.builds(json_vector, st.sampled_from(["f7444763", "99c1d49d"]), st.lists(inner, max_size=3)),
    max_leaves=6,
)

_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "int": INTS,
    "long": LONGS,
    "int128": st.binary(min_size=16, max_size=16),
    "int256": st.binary(min_size=32, max_size=32),
    "string": STRINGS,
    "bytes": STRINGS,
    "Vector<long>": st.lists(LONGS, max_size=5).map(tuple),
    "Object": WORDS,
    "!X": WORDS,
    "JSONValue": JSON,
    "vector<future_salt>": st.lists(st.builds(FutureSalt, INTS, INTS, LONGS), max_size=4).map(tuple),
    "InputClientProxy": st.builds(InputClientProxy, STRINGS, INTS),
}


def values(cls: type[TLObject]) -> st.SearchStrategy[TLObject]:
    """Every object of one constructor."""
    fields = {
        each.name: _BY_TYPE[each.type] if each.flag is None else st.none() | _BY_TYPE[each.type]
        for each in cls.constructor.fields
        if each.type != "#"
    }
    return st.builds(cls, **fields)


def crc_of(line: str) -> int:
    """The constructor id by the rule of the specification: the CRC32 of the line in its plain form."""
    name, rest = line.split("#", 1)
    line = f"{name} {rest.split(' ', 1)[1]}"
    line = re.sub(r" \w+:flags\.\d+\?true", "", line)
    # the name of a field stays; only the type is called string
    line = re.sub(r"([:?])bytes\b", r"\1string", line)
    return zlib.crc32(re.sub(r"[(){}>]", "", line.replace("<", " ")).encode())
