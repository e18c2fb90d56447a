"""A store for a fleet: keys, bindings, handshakes and claims in Redis or Valkey, for any number of processes.

Whatever has to be decided in one step is one value under one name, so any order of the steps of several processes is right, and
what is decided together lies in one slot of a Redis Cluster.
"""

from __future__ import annotations

from math import ceil
from types import TracebackType
from typing import Any, Self

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
)

from ..extras import needs
from .memory import CLAIM_MEMORY, HANDSHAKE_MEMORY
from .outage import Outage, StoreError
from .records import pack_record, unpack_record

with needs("redis"):
    from redis import Redis, RedisCluster
    from redis.exceptions import RedisClusterException, RedisError

    from .servers import Client, check_servers, connect, explain

__all__ = ["RedisStore"]

PAUSE = 1.0
"""Seconds for which a server that has just failed is not asked."""
ADVANCE = """
local stored = redis.call('GET', KEYS[1])
if (stored and '1' .. stored or '0') ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
elseif stored then
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 2), 'KEEPTTL')
else
  redis.call('SET', KEYS[1], string.sub(ARGV[2], 2), 'PX', ARGV[3])
end
return 1
"""
"""Compare and set. A value that is there begins with 1, what is not is 0."""


class RedisStore:
    """Keys, bindings, handshakes and claims on ``server``: an address (``redis://``, ``rediss://``, ``unix://``) or a client.

    Permanent keys stay until they are destroyed; everything else has its time to live. ``permanent``: another server for the
    permanent keys. It writes them to its disk, and ``server`` writes nothing: a temporary key on a disk is no forward secrecy.
    Both are looked at when the store is made, and a loud line is logged where that is not so. ``prefix``: of every name.
    ``timeout``: seconds to wait for an answer, or for a connection; afterwards the answer is ``UNAVAILABLE``, and nobody waits
    for the next second. May be asked by several threads. Raises ``ValueError`` for what is no address and for a client that
    decodes, and :class:`StoreError` where a server cannot be reached.
    """

    def __init__(
        self,
        server: str | Redis | RedisCluster,
        *,
        permanent: str | Redis | RedisCluster | None = None,
        prefix: str = "mtpb:",
        timeout: float = 0.5,
    ) -> None:
        self._server = connect(server, timeout)
        self._permanent = self._server if permanent is None else connect(permanent, timeout)
        self._own: list[Client] = [
            client for client, given in ((self._server, server), (self._permanent, permanent)) if isinstance(given, str)
        ]
        self._prefix = prefix
        self._outage = Outage("the key store in Redis", pause=PAUSE)
        try:
            check_servers(self._server, self._permanent)
        except (RedisError, RedisClusterException) as error:
            self.close()
            raise StoreError(f"no Redis can be used there: {explain(error)}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections that were made here; a client that was given stays open."""
        for client in self._own:
            client.close()

    def answer(self, question: Question[Any], now: float) -> Any:
        """See :class:`mtproto_bind_adapters.stores.Store`. Raises ``TypeError`` for a question that no store can answer."""
        if self._outage.pauses(now):
            return UNAVAILABLE
        try:
            word = self._answer(question, now)
        except (RedisError, RedisClusterException, StoreError) as error:
            self._outage.failed(explain(error), now)
            return UNAVAILABLE
        self._outage.worked(now)
        return word

    def bound_to(self, permanent_key_id: int, *, media: bool = False) -> int | None:
        """The id of the temporary key that is bound to a permanent one. Raises ``redis.RedisError``."""
        blob = self._get(self._server, self._slot(permanent_key_id, media))
        if blob is None:
            return None
        temporary_key_id = int.from_bytes(blob, "little")
        pointer = self._get(self._server, self._name(temporary_key_id, "bound-to"))
        return temporary_key_id if pointer == blob_of(permanent_key_id) else None

    def _answer(self, question: Question[Any], now: float) -> Any:
        match question:
            case KeyNeeded():
                return self._find(question.key_id, now)
            case KeyOffered():
                return self._keep(question.record, now)
            case BindRequested():
                return self._bind(question, now)
            case DestructionRequested():
                return self._destroy(question.permanent_key_id)
            case HandshakeNeeded():
                return self._get(self._server, self._handshake(question))
            case HandshakeAdvanced():
                milliseconds = round(1000 * HANDSHAKE_MEMORY)
                steps = (marked(question.before), marked(question.after), milliseconds)
                return bool(self._server.eval(ADVANCE, 1, self._handshake(question), *steps))
            case CallClaimed():
                return self._claim(question)
            case _:
                raise TypeError(f"{type(question).__name__} is no question to a store")

    # ---- keys

    def _find(self, key_id: int, now: float) -> StoredKey | None:
        names = (self._name(key_id, "temporary"), self._name(key_id, "bound-to"))
        data, pointer = (value if isinstance(value, bytes) else None for value in self._server.mget(*names))
        if data is None:
            data = self._get(self._permanent, self._name(key_id, "permanent"))
            return None if data is None else unpack_record(data, key_id)
        record = unpack_record(data, key_id)
        if record.expires_at is not None and record.expires_at <= now:
            return None
        if pointer is None:
            return record
        # it points to its permanent key, and is bound if that points back
        bound_to = int.from_bytes(pointer, "little")
        back = self._get(self._server, self._slot(bound_to, record.media))
        return evolve(record, bound_to=bound_to) if back == blob_of(key_id) else record

    def _find_temporary(self, key_id: int, now: float) -> StoredKey | None:
        """Without what it is bound to; None: there is none, or its time is up."""
        data = self._get(self._server, self._name(key_id, "temporary"))
        record = None if data is None else unpack_record(data, key_id)
        return None if record is None or (record.expires_at or now) <= now else record

    def _keep(self, record: StoredKey, now: float) -> Stored:
        key_id, data = record.key.id, pack_record(record)
        permanent, temporary = self._name(key_id, "permanent"), self._name(key_id, "temporary")
        if record.expires_at is None:
            taken = self._server.exists(temporary)
            kept = not taken and self._permanent.set(permanent, data, nx=True)
            stored = None if taken or kept else self._get(self._permanent, permanent)
        else:
            taken = self._permanent.exists(permanent)
            kept = not taken and self._server.set(temporary, data, nx=True, px=milliseconds_to(record.expires_at, now))
            stored = None if taken or kept else self._get(self._server, temporary)
        # the question may be asked again for the same record, on a new stream: that is no collision
        return Stored.KEPT if kept or stored == data else Stored.TAKEN

    def _bind(self, request: BindRequested, now: float) -> Binding:
        temporary_key_id, permanent_key_id = request.temporary_key_id, request.permanent_key_id
        record = self._find_temporary(temporary_key_id, now)
        permanent = self._name(permanent_key_id, "permanent")
        if record is None or not self._permanent.exists(permanent):
            return Binding.REFUSED
        left = milliseconds_to(record.expires_at or now, now)
        self._server.set(self._name(temporary_key_id, "bound-to"), blob_of(permanent_key_id), px=left)
        # this is the moment: what was bound before is bound no more, and this is
        self._server.set(self._slot(permanent_key_id, record.media), blob_of(temporary_key_id), px=left)
        if self._permanent.exists(permanent):
            return Binding.MADE
        # destroyed meanwhile: whoever did it may have looked for what is bound before this was
        self._free(permanent_key_id)
        return Binding.REFUSED

    def _destroy(self, permanent_key_id: int) -> Destruction:
        gone = self._permanent.delete(self._name(permanent_key_id, "permanent"))
        # in any case: the last time may have ended here
        self._free(permanent_key_id)
        return Destruction.DONE if gone else Destruction.NONE

    def _free(self, permanent_key_id: int) -> None:
        """Nothing is bound to a permanent key that exists no more."""
        for media in (False, True):
            temporary_key_id = self.bound_to(permanent_key_id, media=media)
            if temporary_key_id is not None:
                self._server.delete(self._name(temporary_key_id, "temporary"), self._name(temporary_key_id, "bound-to"))
            self._server.delete(self._slot(permanent_key_id, media))

    # ---- calls

    def _claim(self, question: CallClaimed) -> bool:
        call = self._name(question.key_id, f"call:{question.session_id:016x}:{question.msg_id:016x}")
        claimant = blob_of(question.claimant)
        if self._server.set(call, claimant, nx=True, px=round(1000 * CLAIM_MEMORY)):
            return True
        return self._get(self._server, call) == claimant

    # ---- names

    def _name(self, key_id: int, what: str) -> str:
        """What is in braces decides on which node of a cluster it lies."""
        return f"{self._prefix}{{{key_id:016x}}}:{what}"

    def _slot(self, permanent_key_id: int, media: bool) -> str:
        return self._name(permanent_key_id, "bound-media" if media else "bound")

    def _handshake(self, question: HandshakeNeeded | HandshakeAdvanced) -> str:
        return f"{self._prefix}{{{question.nonce.hex()}{question.server_nonce.hex()}}}:handshake"

    def _get(self, client: Client, name: str) -> bytes | None:
        value = client.get(name)
        return value if isinstance(value, bytes) else None


def blob_of(number: int) -> bytes:
    """64 bits."""
    return number.to_bytes(8, "little")


def marked(value: bytes | None) -> bytes:
    """See :data:`ADVANCE`."""
    return b"0" if value is None else b"1" + value


def milliseconds_to(moment: float, now: float) -> int:
    """From now to then; at least one, for Redis takes no less."""
    return max(1, ceil(1000 * (moment - now)))
