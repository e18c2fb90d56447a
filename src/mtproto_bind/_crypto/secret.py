"""Key material that does not show itself, and comparison that does not tell where two strings part."""

from __future__ import annotations

import hmac
from typing import NoReturn

__all__ = ["Secret", "same"]


def same(a: bytes, b: bytes) -> bool:
    """Whether two digests, nonces or keys are equal, in a time that tells nothing of their contents.

    Strings of different lengths are different.
    """
    return hmac.compare_digest(a, b)


class Secret:
    """Bytes that must not be shown.

    The repr is redacted, pickling is refused, equality takes constant time, and the hash says nothing of the contents.
    Only :meth:`reveal` gives the bytes.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves. Keep them out of logs, and no longer than needed."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        # by its length, a container of no bytes would be false
        return True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret) or type(other) is not type(self):
            return NotImplemented
        return same(self._value, other._value)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<{len(self._value)} bytes>)"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not pickled; reveal() it and store the bytes where secrets belong")
