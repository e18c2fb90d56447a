"""Hypothesis strategies for what tests of a client or a server need: ``pip install "mtproto-bind[testing]"``.

Keys, nonces, messages, sealed messages, cuts, clocks, faults, breaches, and transcripts of whole conversations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import field, frozen
from hypothesis import strategies as st

from .._crypto import AuthKey, PrivateKey, Side, default_crypto
from .._handshake import KeyKind
from .._tl import API, HANDSHAKE, SERVICE, FutureSalt, InputClientProxy, TLObject
from .._wire import seal
from .conversation import converse
from .hostile import BREACHES, Breach, Role
from .network import Direction, FaultKind
from .script import AnswersHeld, ClockStep, ComputationsHeld, Cut, KeysForgotten, Mishap, PieceSpoiled, ServerRestarted
from .transcript import Transcript

__all__ = [
    "MESSAGE_NAMES",
    "Clock",
    "SealedMessage",
    "auth_keys",
    "breaches",
    "broken_transcripts",
    "clocks",
    "cuts",
    "cutters",
    "fault_scripts",
    "messages",
    "nonces",
    "sealed_messages",
    "transcripts",
]

# ---- TL --------------------------------------------------------------------------------------------------------------------

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


_CLASSES: Final = {cls.constructor.name: cls for schema in (HANDSHAKE, SERVICE, API) for cls in schema.classes}
MESSAGE_NAMES: Final = tuple(_CLASSES)
"""The constructors that :func:`messages` makes, by their TL names."""


def messages(*names: str) -> st.SearchStrategy[bytes]:
    """Boxed TL objects of these constructors; of all if none is named. ValueError for a name that is not in MESSAGE_NAMES.

    Well-formed, but with any values in their fields.
    """
    unknown = [name for name in names if name not in _CLASSES]
    if unknown:
        raise ValueError(f"expected names of MESSAGE_NAMES, got {', '.join(unknown)}")
    return st.one_of([values(_CLASSES[name]) for name in names or MESSAGE_NAMES]).map(TLObject.to_bytes)


# ---- keys and what is sealed under them --------------------------------------------------------------------------------------


def nonces(size: int = 16) -> st.SearchStrategy[bytes]:
    """That many bytes; every so often with zeros at an end, which those lose who make numbers of them."""
    any_bytes = st.binary(min_size=size, max_size=size)
    zeros = st.integers(1, min(3, size))
    front = st.builds(lambda data, count: bytes(count) + data[count:], any_bytes, zeros)
    back = st.builds(lambda data, count: data[: size - count] + bytes(count), any_bytes, zeros)
    return st.one_of(any_bytes, front, back)


def auth_keys() -> st.SearchStrategy[AuthKey]:
    """Authorization keys; every so often with zeros at an end, as one key in 256 has them."""
    return nonces(256).map(AuthKey)


@frozen(kw_only=True)
class SealedMessage:
    """An encrypted message of MTProto 2.0 and what it holds. ``frame``: the payload of a transport frame."""

    by: Role
    """Who has written it."""
    key: AuthKey
    salt: int = field(repr=False)
    session_id: int
    msg_id: int
    seq_no: int
    body: bytes
    padding: bytes = field(repr=False)
    frame: bytes = field(repr=False)


@st.composite
def sealed_messages(
    draw: st.DrawFn,
    keys: st.SearchStrategy[AuthKey] | None = None,
    bodies: st.SearchStrategy[bytes] | None = None,
    by: Role | None = None,
) -> SealedMessage:
    """Messages sealed under ``keys`` (any by default) by ``by`` (either); ids fit who has written them."""
    key = draw(keys if keys is not None else auth_keys())
    role = by if by is not None else draw(st.sampled_from(Role))
    body = draw(bodies if bodies is not None else messages())
    blocks = draw(st.sampled_from([0, 0, 1, 15, 62]))
    padding = draw(nonces(12 + -(32 + len(body) + 12) % 16 + 16 * blocks))
    remainder = 0 if role is Role.CLIENT else draw(st.sampled_from([1, 3]))
    numbers = {
        "salt": draw(LONGS),
        "session_id": draw(LONGS),
        "msg_id": draw(LONGS) & ~3 | remainder,
        "seq_no": draw(st.integers(0, (1 << 31) - 1)),
    }
    side = Side.CLIENT if role is Role.CLIENT else Side.SERVER
    frame = seal(key, side, body=body, padding=padding, crypto=default_crypto(), **numbers)
    return SealedMessage(by=role, key=key, body=body, padding=padding, frame=frame, **numbers)


# ---- how bytes and time come -------------------------------------------------------------------------------------------------


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """``data`` in pieces, as a network may cut it: whole, byte by byte, or anywhere."""
    return cutters().map(lambda cut: cut(data))


@frozen
class _Cutter:
    """Cuts whatever comes, in pieces of these sizes, over and over."""

    sizes: tuple[int, ...]

    def __call__(self, data: bytes) -> list[bytes]:
        pieces, at, turn = [], 0, 0
        while at < len(data):
            size = self.sizes[turn % len(self.sizes)]
            pieces.append(data[at : at + size])
            at, turn = at + size, turn + 1
        return pieces


def cutters() -> st.SearchStrategy[Callable[[bytes], list[bytes]]]:
    """Functions that cut bytes which are not known yet; nothing stays nothing."""
    sizes = st.one_of(st.just(1 << 30), st.just(1), st.integers(1, 100), st.integers(100, 5000))
    return st.lists(sizes, min_size=1, max_size=4).map(lambda drawn: _Cutter(tuple(drawn)))


class Clock:
    """Tells unix seconds, at each call the next of a row of steps; at its end the steps begin again."""

    def __init__(self, start: float, steps: tuple[float, ...]) -> None:
        self.now = start
        self._steps = steps
        self._turn = 0

    def __call__(self) -> float:
        """Time passes, perhaps backwards, and is told."""
        self.now += self._steps[self._turn % len(self._steps)]
        self._turn += 1
        return self.now

    def __repr__(self) -> str:
        return f"Clock({self.now}, {self._steps})"


def clocks(start: float = 1_800_000_000.25, *, jumps: bool = True) -> st.SearchStrategy[Clock]:
    """Clocks that go on by fractions of seconds; with ``jumps`` they step back and leap ahead now and then."""
    steps = st.one_of(st.just(0.0), st.floats(0, 2), st.sampled_from([20.0, 61.0]))
    if jumps:
        steps = st.one_of(steps, steps, st.sampled_from([-0.5, -45.0, -400.0, -3600.0, 400.0, 90_000.0]))
    return st.lists(steps, min_size=1, max_size=8).map(lambda drawn: Clock(start, tuple(drawn)))


# ---- what goes wrong ---------------------------------------------------------------------------------------------------------

SECONDS = (10, 10, 55, 100, 101, 102, 170, 230)
PARTS = (0.0, 0.02, 0.06, 0.11, 0.16, 0.3, 0.9)
"""A way across the network is 0.05 s."""
LONGEST: Final = 45.0
"""Seconds for which anything is held back."""
HOUR: Final = 3600

moments = st.one_of(
    st.floats(0, 3).map(lambda at: round(at, 3)),
    st.builds(lambda second, part: second + part, st.sampled_from(SECONDS), st.sampled_from(PARTS)),
)
"""Close together, as things meet only then."""
lengths = st.sampled_from([0.2, 2.0, 12.0, LONGEST])
back = st.one_of(st.sampled_from([-0.5, -5.0, -45.0, -400.0, -float(HOUR)]), st.floats(-600, 0))
jumps = st.one_of(back, back.map(abs))

MISHAPS: dict[str, st.SearchStrategy[Mishap]] = {
    "piece": st.builds(
        PieceSpoiled,
        at=moments,
        direction=st.sampled_from(Direction),
        kind=st.sampled_from(FaultKind),
        byte=st.integers(0, 200),
        seconds=st.sampled_from([0.03, 0.2, 3.0, 20.0]),
    ),
    "cut": st.builds(Cut, at=moments),
    "clock": st.builds(ClockStep, at=moments, seconds=jumps),
    "server's clock": st.builds(ClockStep, at=moments, seconds=st.sampled_from([0.5, -0.5, 3.0, -3.0]), server=st.just(True)),
    "restart": st.builds(ServerRestarted, at=moments),
    "temporary keys": st.builds(KeysForgotten, at=moments, kind=st.just(KeyKind.TEMPORARY)),
    "permanent key": st.builds(KeysForgotten, at=moments, kind=st.just(KeyKind.PERMANENT)),
    "computations": st.builds(ComputationsHeld, at=moments, seconds=lengths, lost=st.booleans()),
    "answers": st.builds(AnswersHeld, at=moments, seconds=lengths, lost=st.booleans()),
}


def fault_scripts(max_size: int = 14) -> st.SearchStrategy[list[Mishap]]:
    """Scripts for :func:`play`: up to ``max_size`` things that go wrong within 240 seconds, in any order."""
    return st.lists(st.one_of(*MISHAPS.values()), max_size=max_size)


def breaches(by: Role | None = None) -> st.SearchStrategy[Breach]:
    """The ways to break one rule; those of one role, or all."""
    return st.sampled_from([breach for breach in BREACHES if by is None or breach.by is by])


# ---- whole conversations -----------------------------------------------------------------------------------------------------


def _seeds() -> st.SearchStrategy[bytes]:
    # a few, so that their powers are remembered
    return st.integers(0, 7).map(lambda number: bytes([number]))


def transcripts(private_key: PrivateKey, role: Role) -> st.SearchStrategy[Transcript]:
    """What befell our machine of ``role`` with an honest peer, from the first byte to an answered call and the end."""
    return st.builds(lambda seed, cut: converse(private_key, role, seed=seed, cut=cut), _seeds(), cutters())


def broken_transcripts(private_key: PrivateKey, role: Role) -> st.SearchStrategy[tuple[Breach, Transcript]]:
    """The same with a peer that breaks exactly one rule, and which."""

    def record(breach: Breach, seed: bytes, cut: Callable[[bytes], list[bytes]]) -> tuple[Breach, Transcript]:
        return breach, converse(private_key, role, breach, seed=seed, cut=cut)

    return st.builds(record, breaches(Role.SERVER if role is Role.CLIENT else Role.CLIENT), _seeds(), cutters())
