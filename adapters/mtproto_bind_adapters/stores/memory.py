"""A store in the memory of one process. It forgets everything when the process ends."""

from __future__ import annotations

import heapq
from collections.abc import MutableMapping
from typing import Any

from attrs import evolve

from mtproto_bind import (
    UNAVAILABLE,
    Binding,
    BindRequested,
    CallClaimed,
    Destruction,
    DestructionRequested,
    HandshakeAdvanced,
    HandshakeNeeded,
    KeyNeeded,
    KeyOffered,
    Question,
    Stored,
    StoredKey,
    Unavailable,
)

__all__ = ["CLAIM_MEMORY", "HANDSHAKE_MEMORY", "MemoryStore"]

HANDSHAKE_MEMORY = 600.0
"""Seconds: what the documentation gives a handshake from its first request to its last."""
CLAIM_MEMORY = 600.0
"""Seconds: see :class:`mtproto_bind.CallClaimed`."""


class MemoryStore:
    """Keys, bindings, handshakes under way and calls that were claimed.

    ``capacity``: keys, handshakes, and claims, held at once. A store that is full takes no new ones and says ``UNAVAILABLE``, so
    that a flood of new keys drives nobody's key out. ``permanent``: where the permanent keys are kept, by their ids; None: with
    the others. Not thread-safe: for the one loop that asks it.
    """

    def __init__(self, *, capacity: int = 1_000_000, permanent: MutableMapping[int, StoredKey] | None = None) -> None:
        self._capacity = capacity
        self._permanent = permanent if permanent is not None else {}
        self._keys: dict[int, StoredKey] = {}
        self._bound: dict[tuple[int, bool], int] = {}
        self._handshakes: dict[tuple[bytes, bytes], bytes] = {}
        self._claims: dict[tuple[int, int, int], int] = {}
        self._ends: list[tuple[float, int]] = []
        self._handshake_ends: list[tuple[float, bytes, bytes]] = []
        self._claim_ends: list[tuple[float, tuple[int, int, int]]] = []

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._keys) + len(self._permanent)

    def answer(self, question: Question[Any], now: float) -> Any:
        """See :class:`mtproto_bind_adapters.stores.Store`. Raises ``TypeError`` for a question that no store can answer."""
        self._forget_ended(now)
        match question:
            case KeyNeeded():
                return self._find(question.key_id)
            case KeyOffered():
                return self._keep(question.record)
            case BindRequested():
                return self._bind(question)
            case DestructionRequested():
                return self._destroy(question.permanent_key_id)
            case HandshakeNeeded():
                return self._handshakes.get((question.nonce, question.server_nonce))
            case HandshakeAdvanced():
                return self._advance(question, now)
            case CallClaimed():
                return self._claim(question, now)
            case _:
                raise TypeError(f"{type(question).__name__} is no question to a store")

    def bound_to(self, permanent_key_id: int, *, media: bool = False) -> int | None:
        """The id of the temporary key that is bound to a permanent one."""
        return self._bound.get((permanent_key_id, media))

    def _find(self, key_id: int) -> StoredKey | None:
        known = self._keys.get(key_id)
        return known if known is not None else self._permanent.get(key_id)

    def _keep(self, record: StoredKey) -> Stored | Unavailable:
        key_id = record.key.id
        known = self._find(key_id)
        if known is not None:
            # The question may be asked again for the same record, on a new stream: that is no collision.
            return Stored.KEPT if evolve(known, bound_to=None) == record else Stored.TAKEN
        if len(self) >= self._capacity:
            return UNAVAILABLE
        if record.expires_at is None:
            self._permanent[key_id] = record
        else:
            self._keys[key_id] = record
            heapq.heappush(self._ends, (record.expires_at, key_id))
        return Stored.KEPT

    def _bind(self, request: BindRequested) -> Binding:
        """Frees the temporary key that was bound before and binds this one; nobody can see one without the other."""
        temporary = self._keys.get(request.temporary_key_id)
        if temporary is None or request.permanent_key_id not in self._permanent:
            return Binding.REFUSED
        slot = (request.permanent_key_id, temporary.media)
        before = self._bound.get(slot)
        if before is not None:
            self._keys[before] = evolve(self._keys[before], bound_to=None)
        if temporary.bound_to is not None:
            self._bound.pop((temporary.bound_to, temporary.media), None)
        self._bound[slot] = request.temporary_key_id
        self._keys[request.temporary_key_id] = evolve(temporary, bound_to=request.permanent_key_id)
        return Binding.MADE

    def _destroy(self, permanent_key_id: int) -> Destruction:
        """Forgets a permanent key, and what is bound to it, in one step."""
        if permanent_key_id not in self._permanent:
            return Destruction.NONE
        del self._permanent[permanent_key_id]
        for media in (False, True):
            temporary_key_id = self._bound.pop((permanent_key_id, media), None)
            if temporary_key_id is not None:
                del self._keys[temporary_key_id]
        if len(self._ends) > 2 * self._capacity:
            # Keys come and go before their time; what is sorted is a heap.
            self._ends = sorted(end for end in self._ends if end[1] in self._keys)
        return Destruction.DONE

    def _advance(self, question: HandshakeAdvanced, now: float) -> bool | Unavailable:
        name = (question.nonce, question.server_nonce)
        if self._handshakes.get(name) != question.before:
            return False
        if question.after is None:
            self._handshakes.pop(name, None)
            return True
        if question.before is None:
            if len(self._handshakes) >= self._capacity:
                return UNAVAILABLE
            heapq.heappush(self._handshake_ends, (now + HANDSHAKE_MEMORY, *name))
        self._handshakes[name] = question.after
        return True

    def _claim(self, question: CallClaimed, now: float) -> bool | Unavailable:
        call = (question.key_id, question.session_id, question.msg_id)
        if call not in self._claims:
            if len(self._claims) >= self._capacity:
                return UNAVAILABLE
            heapq.heappush(self._claim_ends, (now + CLAIM_MEMORY, call))
        return self._claims.setdefault(call, question.claimant) == question.claimant

    def _forget_ended(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, key_id = heapq.heappop(self._ends)
            record = self._keys.pop(key_id, None)
            if record is not None and record.bound_to is not None:
                del self._bound[record.bound_to, record.media]
        while self._handshake_ends and self._handshake_ends[0][0] <= now:
            _, nonce, server_nonce = heapq.heappop(self._handshake_ends)
            self._handshakes.pop((nonce, server_nonce), None)
        while self._claim_ends and self._claim_ends[0][0] <= now:
            del self._claims[heapq.heappop(self._claim_ends)[1]]
