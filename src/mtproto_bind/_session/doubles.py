"""Which message ids have come already: https://core.telegram.org/mtproto/security_guidelines#checking-msg-id."""

from __future__ import annotations

from bisect import bisect_left

from attrs import define, field

__all__ = ["Doubles"]


@define
class Doubles:
    """The last ``size`` ids of one session, with their sequence numbers, in the order of the ids."""

    size: int
    _ids: list[int] = field(factory=list)
    _seq_nos: list[int] = field(factory=list)
    _lost: int = -1
    """The highest id that made room: what is no higher may have come, however much room there is now."""

    def seen(self, msg_id: int) -> bool:
        """Whether the id came before, or is lower than all that are remembered once the memory is full."""
        place = bisect_left(self._ids, msg_id)
        if place < len(self._ids) and self._ids[place] == msg_id:
            return True
        return msg_id <= self._lost or (place == 0 and len(self._ids) >= self.size)

    def knows(self, msg_id: int) -> bool:
        """Whether exactly this id is remembered."""
        place = bisect_left(self._ids, msg_id)
        return place < len(self._ids) and self._ids[place] == msg_id

    def seq_no(self, msg_id: int) -> int:
        """The sequence number of an id that is remembered."""
        return self._seq_nos[bisect_left(self._ids, msg_id)]

    def add(self, msg_id: int, seq_no: int) -> None:
        """Remember an id that was not seen; the lowest is forgotten where there are too many."""
        place = bisect_left(self._ids, msg_id)
        self._ids.insert(place, msg_id)
        self._seq_nos.insert(place, seq_no)
        if len(self._ids) > self.size:
            self._lost = max(self._lost, self._ids.pop(0))
            del self._seq_nos[0]

    def forget(self, msg_id: int) -> None:
        """The message was not acted upon after all: it may come again."""
        if self.knows(msg_id):
            place = bisect_left(self._ids, msg_id)
            del self._ids[place], self._seq_nos[place]

    def neighbours(self, msg_id: int) -> tuple[int | None, int | None]:
        """The sequence numbers of the next lower and the next higher id that are remembered."""
        place = bisect_left(self._ids, msg_id)
        below = self._seq_nos[place - 1] if place else None
        above = self._seq_nos[place] if place < len(self._seq_nos) else None
        return below, above

    def range(self) -> tuple[int, int] | None:
        """The lowest and the highest id remembered."""
        return (self._ids[0], self._ids[-1]) if self._ids else None

    def clear(self) -> None:
        """The other side began a new session."""
        self._ids.clear()
        self._seq_nos.clear()
        self._lost = -1

    def __len__(self) -> int:
        return len(self._ids)
