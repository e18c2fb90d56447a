"""Constructors declared under their TL lines; reading and writing follow from the line.

https://core.telegram.org/mtproto/TL-formal

A class costs microseconds to declare, not the half millisecond of a generated one, so every constructor can have its own:
``@constructor(line)`` generates no code, and type checkers see the fields through :func:`typing.dataclass_transform`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, Self, TypeVar, dataclass_transform

from attrs import frozen
from attrs.exceptions import FrozenInstanceError

from .._errors import MalformedMessage, UnexpectedMessage
from .codec import Reader, Writer

__all__ = ["Constructor", "Field", "Kind", "Schema", "TLObject", "bare", "boxed", "constructor", "parse_line"]

C = TypeVar("C", bound="TLObject")

_OPAQUE: Final = frozenset({"query", "result", "packed_data"})
"""Fields that hold another layer's data, which may be anybody's secret: a repr shows only their length."""


@frozen
class Kind:
    """How a value of one TL type is read and written. ``smallest``: the fewest bytes that a value takes."""

    read: Callable[[Reader], Any]
    write: Callable[[Writer, Any], None]
    smallest: int


@frozen
class Field:
    """One field of a line. ``flag``: the bit of ``flags`` that says whether the field is there; None: always."""

    name: str
    type: str
    flag: int | None


@frozen
class Constructor:
    """A TL line, taken apart. ``id`` is the number (little endian on the wire)."""

    name: str
    id: int
    fields: tuple[Field, ...]
    line: str


class TLObject:
    """A value of one constructor: frozen, hashable, compared by type and fields."""

    constructor: ClassVar[Constructor]
    _names: ClassVar[tuple[str, ...]] = ()
    _kinds: ClassVar[tuple[Kind, ...]] = ()
    _hidden: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *values: Any, **named: Any) -> None:
        names = self._names
        if named or len(values) != len(names):
            given = dict(zip(names, values, strict=False)) | named
            if len(values) + len(named) != len(names) or given.keys() != set(names):
                raise TypeError(f"{type(self).__name__} takes {', '.join(names) or 'nothing'}")
            values = tuple(given[name] for name in names)
        self.__dict__.update(zip(names, values, strict=True))

    @classmethod
    def read_fields(cls, reader: Reader) -> Self:
        """The fields from ``reader``, after the constructor's id."""
        values: list[Any] = []
        flags = 0
        for each, kind in zip(cls.constructor.fields, cls._kinds, strict=True):
            if each.type == "#":
                flags = _read_flags(reader, cls.constructor)
            else:
                values.append(kind.read(reader) if each.flag is None or flags >> each.flag & 1 else None)
        return cls(*values)

    def write_fields(self, writer: Writer) -> None:
        """The fields to ``writer``, without the constructor's id."""
        values = self.__dict__
        for each, kind in zip(self.constructor.fields, self._kinds, strict=True):
            if each.type == "#":
                kind.write(writer, sum(1 << bit for bit in _flag_bits(self.constructor, values)))
            elif each.flag is None or values[each.name] is not None:
                kind.write(writer, values[each.name])

    def to_bytes(self) -> bytes:
        """The boxed object: id and fields. ``ValueError`` where a value does not fit its type."""
        writer = Writer()
        writer.uint32(self.constructor.id)
        self.write_fields(writer)
        return writer.to_bytes()

    def evolve(self, **changes: Any) -> Self:
        """The same object with some fields changed."""
        return type(self)(**{**self.__dict__, **changes})

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        shown = (f"{name}={self._show(name, value)}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError

    def _show(self, name: str, value: object) -> str:
        if name in self._hidden:
            return "<hidden>"
        if not isinstance(value, bytes):
            return repr(value)
        return value.hex() if 0 < len(value) <= 32 and name not in _OPAQUE else f"<{len(value)} bytes>"


@dataclass_transform(frozen_default=True)
def constructor(
    line: str, *, kinds: Mapping[str, Kind] | None = None, hidden: Iterable[str] = ()
) -> Callable[[type[C]], type[C]]:
    """Make a :class:`TLObject` of the annotated class below.

    ``kinds``: the types of the line that are no primitives. ``hidden``: fields that a repr does not show.
    """
    parsed = parse_line(line)
    known = {**PRIMITIVES, **(kinds or {})}

    def declare(cls: type[C]) -> type[C]:
        names = tuple(each.name for each in parsed.fields if each.type != "#")
        if tuple(cls.__annotations__) != names:
            raise TypeError(f"{cls.__name__} does not declare the fields {', '.join(names)}")
        cls.constructor = parsed
        cls._names = names
        # mypy makes the name final, as it is for a dataclass
        type.__setattr__(cls, "__match_args__", names)
        cls._kinds = tuple(_kind(each.type, known) for each in parsed.fields)
        cls._hidden = frozenset(hidden)
        return cls

    return declare


def parse_line(line: str) -> Constructor:
    """``name#id field:type ... = Result``. A field named ``bytes`` is called ``length``."""
    head, *words = line.split()
    name, _, number = head.partition("#")
    pairs = (word.split(":", 1) for word in words[: words.index("=")] if ":" in word and not word.startswith("{"))
    return Constructor(name, int(number, 16), tuple(_field(*pair) for pair in pairs), line)


def bare(cls: type[TLObject]) -> Kind:
    """An object without its id."""
    always = (kind for each, kind in zip(cls.constructor.fields, cls._kinds, strict=True) if each.flag is None)
    return Kind(cls.read_fields, lambda writer, value: value.write_fields(writer), sum(kind.smallest for kind in always))


def boxed(cls: type[TLObject]) -> Kind:
    """An object behind its id, where only this constructor may stand."""

    def read(reader: Reader) -> TLObject:
        start = reader.offset
        if reader.uint32() != cls.constructor.id:
            raise MalformedMessage(f"no {cls.constructor.name} where one should be", start)
        return cls.read_fields(reader)

    return Kind(read, lambda writer, value: writer.raw(value.to_bytes()), 4 + bare(cls).smallest)


class Schema:
    """Constructors by id: ``classes`` are read; ``rows``, more lines, are only known by name."""

    def __init__(self, classes: Iterable[type[TLObject]], rows: Iterable[str] = ()) -> None:
        self._classes = {cls.constructor.id: cls for cls in classes}
        declared = (cls.constructor for cls in self._classes.values())
        self._names = {each.id: each for each in (*declared, *map(parse_line, rows))}

    @property
    def constructors(self) -> tuple[Constructor, ...]:
        """Every line, in the order of declaration."""
        return tuple(self._names.values())

    @property
    def classes(self) -> tuple[type[TLObject], ...]:
        """Every class, in the order of declaration."""
        return tuple(self._classes.values())

    def read(self, data: bytes, offset: int = 0, end: int | None = None) -> tuple[TLObject, int]:
        """One boxed object from the front, and the offset where it ended; what follows is the caller's affair.

        :class:`MalformedMessage`, or :class:`UnexpectedMessage` where no class of this schema has the id.
        """
        reader = Reader(data, offset, end)
        number = reader.uint32()
        cls = self._classes.get(number)
        if cls is None:
            raise UnexpectedMessage((), self._names[number].name if number in self._names else f"0x{number:08x}")
        return cls.read_fields(reader), reader.offset

    def read_whole(self, data: bytes) -> TLObject:
        """The one boxed object that ``data`` is: as :meth:`read`, and nothing may follow."""
        value, end = self.read(data)
        if end != len(data):
            raise MalformedMessage(f"{len(data) - end} bytes follow {value.constructor.name}", end)
        return value

    def name_of(self, data: bytes, offset: int = 0) -> str | None:
        """The name of the constructor whose id begins at ``offset``; None where it is not known, or not whole."""
        known = self._names.get(int.from_bytes(data[offset : offset + 4], "little"))
        return known.name if known is not None and len(data) >= offset + 4 else None


PRIMITIVES: Final[Mapping[str, Kind]] = {
    "int": Kind(Reader.int32, Writer.int32, 4),
    "#": Kind(Reader.uint32, Writer.uint32, 4),
    "long": Kind(Reader.long, Writer.long, 8),
    "int128": Kind(Reader.int128, Writer.int128, 16),
    "int256": Kind(Reader.int256, Writer.int256, 32),
    "string": Kind(Reader.string, Writer.string, 4),
    "bytes": Kind(Reader.string, Writer.string, 4),
    "Vector<long>": Kind(Reader.longs, Writer.longs, 8),
    # whatever it is goes up to the end of the message, and means something to another layer
    "Object": Kind(Reader.rest, Writer.raw, 0),
    "!X": Kind(Reader.rest, Writer.raw, 0),
}


def _field(name: str, kind: str) -> Field:
    # two lines call a length "bytes", which is a type in Python
    name = "length" if name == "bytes" else name
    if kind.startswith("flags."):
        flag, _, kind = kind.removeprefix("flags.").partition("?")
        return Field(name, kind, int(flag))
    return Field(name, kind, None)


def _kind(name: str, known: Mapping[str, Kind]) -> Kind:
    if not name.startswith("vector<"):
        return known[name]
    item = known[name.removeprefix("vector<").removesuffix(">")]
    return Kind(
        lambda reader: reader.vector(item.read, smallest=item.smallest, boxed=False),
        lambda writer, items: writer.vector(items, item.write, boxed=False),
        4,
    )


def _read_flags(reader: Reader, of: Constructor) -> int:
    """``flags``, where a bit that no field of ours answers to would leave fields unread."""
    start = reader.offset
    flags = reader.uint32()
    if flags & ~sum(1 << each.flag for each in of.fields if each.flag is not None):
        raise MalformedMessage(f"{of.name} with flags {flags:#x}", start)
    return flags


def _flag_bits(of: Constructor, values: Mapping[str, Any]) -> list[int]:
    return [each.flag for each in of.fields if each.flag is not None and values[each.name] is not None]
