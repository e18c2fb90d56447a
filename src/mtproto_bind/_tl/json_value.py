"""``JSONValue``, which ``initConnection`` may hold: only to know where it ends. https://core.telegram.org/type/JSONValue"""

from __future__ import annotations

from typing import Final

from .._errors import MalformedMessage
from .codec import Reader
from .table import parse_line

__all__ = ["JSON_ROWS", "read_json"]

JSON_ROWS: Final = (
    "jsonNull#3f6d7b68 = JSONValue",
    "jsonBool#c7345e6a value:Bool = JSONValue",
    "jsonNumber#2be0dfa4 value:double = JSONValue",
    "jsonString#b71e767a value:string = JSONValue",
    "jsonArray#f7444763 value:Vector<JSONValue> = JSONValue",
    "jsonObject#99c1d49d value:Vector<JSONObjectValue> = JSONValue",
    "jsonObjectValue#c0de1bd9 key:string value:JSONValue = JSONObjectValue",
)

DEEPEST: Final = 32
"""Values inside values; real clients send one object of numbers."""

_NULL, _BOOL, _NUMBER, _STRING, _ARRAY, _OBJECT, _MEMBER = (parse_line(line).id for line in JSON_ROWS)


def read_json(reader: Reader) -> bytes:
    """The bytes of one value. No recursion: ``open_values`` holds, for each level, how many values it still awaits."""
    start = reader.offset
    open_values = [1]
    in_object = [False]
    while open_values:
        if not open_values[-1]:
            open_values.pop()
            in_object.pop()
            continue
        open_values[-1] -= 1
        if in_object[-1]:
            _read_name(reader)
        count, named = _read_value(reader)
        if count:
            if len(open_values) > DEEPEST:
                raise MalformedMessage(f"JSON values more than {DEEPEST} deep", reader.offset)
            open_values.append(count)
            in_object.append(named)
    return reader.since(start)


def _read_name(reader: Reader) -> None:
    start = reader.offset
    if reader.uint32() != _MEMBER:
        raise MalformedMessage("no jsonObjectValue where one should be", start)
    reader.string()


def _read_value(reader: Reader) -> tuple[int, bool]:
    """Read a value up to the values inside it: how many there are, and whether each has a name."""
    start = reader.offset
    kind = reader.uint32()
    if kind == _ARRAY:
        return reader.count(4), False
    if kind == _OBJECT:
        # an id, a name of at least 4 bytes, and a value of at least 4
        return reader.count(12), True
    if kind == _STRING:
        reader.string()
    elif kind == _NUMBER:
        reader.raw(8)
    elif kind == _BOOL:
        reader.raw(4)
    elif kind != _NULL:
        raise MalformedMessage("no JSONValue where one should be", start)
    return 0, False
