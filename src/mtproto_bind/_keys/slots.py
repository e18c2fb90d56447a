"""Temporary keys, each in its slot, from made to gone. (While it is being made it is a handshake.)"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from enum import Enum, auto

from attrs import define, evolve, field

from .._config import ExternalKey, PendingKey
from .._questions import PermanentKey
from .._session import ClientSalts, Item, Session
from .._wire import BindingRequest

__all__ = ["STEPS", "Keys", "Slot", "SlotState"]


OUTBOX = 256
"""Service messages that wait to be sent; the oldest makes room, as the server asks again for what it misses."""
SESSIONS_SEEN = 16
"""So many are remembered; a server that begins a session anew more often than that repeats none of them."""


class SlotState(Enum):
    """Where a temporary key stands."""

    UNBOUND = auto()
    BINDING = auto()
    BOUND = auto()
    DRAINING = auto()
    """Another one is bound; answers still come under this one."""
    GONE = auto()


STEPS: Mapping[SlotState, frozenset[SlotState]] = {
    SlotState.UNBOUND: frozenset({SlotState.BINDING, SlotState.GONE}),
    SlotState.BINDING: frozenset({SlotState.BOUND, SlotState.UNBOUND, SlotState.GONE}),
    SlotState.BOUND: frozenset({SlotState.DRAINING, SlotState.GONE}),
    SlotState.DRAINING: frozenset({SlotState.GONE}),
    SlotState.GONE: frozenset(),
}
"""From UNBOUND no way leads to traffic but through a binding."""


@define(eq=False)
class Slot:
    """One temporary key with its session."""

    session: Session
    salts: ClientSalts = field(repr=False)
    expires_at: int
    """Server unix seconds."""
    lifetime: int
    """Seconds from when it was made."""
    made_at: float
    """Our unix seconds."""
    state: SlotState = SlotState.UNBOUND
    request: BindingRequest | None = None
    """The binding that is out; its message id and seq_no are reserved."""
    binding: Item | None = None
    """The sealed binding, from when it is at hand to its answer."""
    renew_at: float | None = None
    """Server unix seconds; None while it is not bound."""
    introduced: bool = False
    """The server has answered a call in which initConnection said who we are."""
    lost_once: bool = False
    """A -404 has come for this key while it was younger than a minute."""
    refused: bool = False
    """The server has said that it does not hold the key for bound."""
    bound_after: int = 0
    """msg_id of the last message that left before the binding was answered; a refusal of it says nothing about the key."""
    resend: bool = False
    """The stream is new: what is unanswered leaves again."""
    heard: bool = False
    """The first ping of the present stream is answered; were the session begun anew, we would have been told before."""
    greeting: int | None = None
    """ping_id of that ping."""
    ping_due: bool = False
    states_due: bool = False
    """The server is to be asked what became of the calls that are long without an answer."""
    again: set[int] = field(factory=set)
    """Message ids that leave again even on the same stream, if they are not answered meanwhile."""
    asked_about: tuple[int, tuple[int, ...]] | None = None
    """Our msgs_state_req that is out: its message id, and the ids that it asks about."""
    retired: deque[int] = field(factory=lambda: deque(maxlen=SESSIONS_SEEN))
    """Sessions under this key that we gave up; what still comes in them is of no interest."""
    end_doubted: bool = False
    """Its end was reached by a leap of our clock; a sign of life has to tell the time first."""
    sessions_seen: deque[int] = field(factory=lambda: deque(maxlen=SESSIONS_SEEN), repr=False)
    """unique_id of the last of new_session_created."""
    outbox: deque[Item] = field(factory=lambda: deque(maxlen=OUTBOX), repr=False)
    """Service messages that are due."""

    @property
    def id(self) -> int:
        """The id of the temporary key."""
        return self.session.key.id

    @property
    def bind_left(self) -> bool:
        """The binding is on its way to the server."""
        return self.request is not None and self.session.sent.get(self.request.msg_id) is not None

    def move(self, state: SlotState) -> None:
        """Go on to ``state``; only along :data:`STEPS`."""
        if state not in STEPS[self.state]:
            raise ValueError(f"a key does not go from {self.state.name} to {state.name}")
        self.state = state


@define(eq=False)
class Keys:
    """All keys of a client connection: one permanent, one in use, one that will follow it, and those that drain."""

    permanent: PermanentKey | ExternalKey | PendingKey | None
    current: Slot | None = None
    next: Slot | None = None
    draining: list[Slot] = field(factory=list)

    @property
    def known(self) -> PermanentKey | ExternalKey:
        """The permanent key. LookupError where it is yet to come."""
        if isinstance(self.permanent, PermanentKey | ExternalKey):
            return self.permanent
        raise LookupError("the permanent key is not known yet")

    @property
    def permanent_id(self) -> int | None:
        """The id of the permanent key, if it is known."""
        if isinstance(self.permanent, PermanentKey):
            return self.permanent.key.id
        return self.permanent.id if isinstance(self.permanent, ExternalKey) else None

    def slots(self) -> Iterator[Slot]:
        """Every key that still counts, the oldest first."""
        yield from self.draining
        for slot in (self.current, self.next):
            if slot is not None:
                yield slot

    def find(self, key_id: int) -> Slot | None:
        """The slot of a key that still counts."""
        return next((slot for slot in self.slots() if slot.id == key_id), None)

    def shift(self, seconds: float) -> None:
        """Our clock jumped by ``seconds``: everything keeps its age."""
        for slot in self.slots():
            slot.session.acks.shift(seconds)
            slot.made_at += seconds
        if isinstance(self.permanent, PermanentKey | ExternalKey):
            created, last = self.permanent.created_at, self.permanent.last_bound_at
            self.permanent = evolve(
                self.permanent,
                created_at=None if created is None else created + seconds,
                last_bound_at=None if last is None else last + seconds,
            )

    def swap(self) -> Slot | None:
        """The next key is bound: it is the current one now. Returns the one before, which drains."""
        old, self.current, self.next = self.current, self.next, None
        if old is not None:
            old.move(SlotState.DRAINING)
            self.draining.append(old)
        return old

    def drop(self, slot: Slot) -> None:
        """``slot`` is gone."""
        slot.move(SlotState.GONE)
        if slot is self.current:
            self.current = None
        elif slot is self.next:
            self.next = None
        else:
            self.draining.remove(slot)
