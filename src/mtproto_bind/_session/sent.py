"""What was sent and may be asked about, refused or sent again."""

from __future__ import annotations

from attrs import define, evolve, field, frozen

__all__ = ["Message", "Sent"]


@frozen(kw_only=True)
class Message:
    """One message of ours.

    ``about`` is whose message it is, in the terms of its owner (a call, the binding, an answered message id);
    ``times_sent`` counts the streams that it left on.
    """

    msg_id: int
    seq_no: int
    body: bytes = field(repr=False)
    about: object = None
    times_sent: int = 1


@define
class Sent:
    """Messages of one session that wait for an answer or an acknowledgement, and the ids sent lately.

    ``lately`` is what a notification may refer to: also messages that nobody keeps. It is bounded by ``memory``.
    """

    memory: int
    _kept: dict[int, Message] = field(factory=dict)
    _lately: dict[int, tuple[int, ...]] = field(factory=dict)
    _containers: dict[int, tuple[int, ...]] = field(factory=dict)
    _by_about: dict[object, int] = field(factory=dict)

    def keep(self, message: Message) -> None:
        """``message`` is on its way, and is kept until :meth:`settle`."""
        self._kept[message.msg_id] = message
        self._by_about[message.about] = message.msg_id

    def note(self, msg_id: int, holds: tuple[int, ...] = ()) -> None:
        """``msg_id`` left; a container ``holds`` messages."""
        self._lately[msg_id] = holds
        while len(self._lately) > self.memory:
            oldest = next(iter(self._lately))
            held = self._lately.pop(oldest)
            # a refusal names the container, for as long as one of its messages waits
            if any(one in self._kept for one in held):
                self._containers[oldest] = held
        if len(self._containers) > self.memory:
            waiting = self._containers.items()
            self._containers = {one: held for one, held in waiting if any(each in self._kept for each in held)}

    def settle(self, msg_id: int) -> Message | None:
        """The message is answered or acknowledged: forget and return it; None: it is not kept."""
        message = self._kept.pop(msg_id, None)
        if message is not None and self._by_about.get(message.about) == msg_id:
            del self._by_about[message.about]
        return message

    def forget_oldest(self) -> None:
        """Make room."""
        self.settle(next(iter(self._kept), 0))

    def get(self, msg_id: int) -> Message | None:
        """The message kept under ``msg_id``."""
        return self._kept.get(msg_id)

    def about(self, what: object) -> Message | None:
        """The message kept last that is about ``what``."""
        return self._kept.get(self._by_about.get(what, 0))

    def lately(self, msg_id: int) -> bool:
        """Whether a notification may name ``msg_id``."""
        return msg_id in self._lately or msg_id in self._kept or msg_id in self._containers

    def named_by(self, msg_id: int) -> tuple[Message, ...]:
        """The kept messages that a notification for ``msg_id`` is about: those of the container, or the one itself."""
        ids = self._lately.get(msg_id) or self._containers.get(msg_id) or (msg_id,)
        return tuple(self._kept[one] for one in ids if one in self._kept)

    def all(self) -> tuple[Message, ...]:
        """Everything kept, in the order of sending."""
        return tuple(self._kept.values())

    def again(self, message: Message) -> Message:
        """``message`` leaves once more under its own id."""
        self._kept[message.msg_id] = once_more = evolve(message, times_sent=message.times_sent + 1)
        return once_more

    def __len__(self) -> int:
        return len(self._kept)
