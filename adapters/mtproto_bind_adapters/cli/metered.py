"""A stream that is watched: what passes over it, in the names of the specification, as far as the connection's status tells."""

from __future__ import annotations

from mtproto_bind import ClientConnection

from ..sync import ByteStream
from .timeline import Timeline

__all__ = ["Metered"]

QUERIES = {
    "ExpectResPQ": ("req_pq_multi", "resPQ"),
    "ExpectServerDHParams": ("req_DH_params", "server_DH_params_ok"),
    "ExpectDHAnswer": ("set_client_DH_params", "dh_gen_ok"),
}
"""By what the handshake waits for: what was sent, and what the answer is called when all goes well."""
BINDING = "auth.bindTempAuthKey"
SEALED = "sealed messages"


class Metered:
    """``stream`` of ``connection``, with every read and write told to ``timeline`` under the name ``who``.

    What bytes were is known only when the connection has looked at them: :meth:`settle` tells of those that were read last.
    """

    def __init__(self, stream: ByteStream, connection: ClientConnection, timeline: Timeline, who: str) -> None:
        self._stream = stream
        self._connection = connection
        self._timeline = timeline
        self._who = who
        self._waits: str | None = None
        self._keys: object = None
        self._read: tuple[int, float] | None = None

    def settle(self) -> None:
        """Tells of what was read, now that the connection has gone on."""
        if self._read is not None:
            (size, at), self._read = self._read, None
            self._timeline.received(self._who, self._answer(), size, at)

    def fileno(self) -> int:
        """See :class:`mtproto_bind_adapters.sync.ByteStream`, also for what follows."""
        return self._stream.fileno()

    def settimeout(self, seconds: float | None, /) -> None:
        """As the stream below."""
        self._stream.settimeout(seconds)

    def recv(self, size: int, /) -> bytes:
        """As the stream below."""
        data = self._stream.recv(size)
        if data:
            # what is read before the connection has looked at it is one step
            before, at = self._read or (0, self._timeline.seconds)
            self._read = (before + len(data), at)
        return data

    def send(self, data: bytes, /) -> int:
        """As the stream below."""
        self.settle()
        sent = self._stream.send(data)
        if sent:
            self._timeline.sent(self._who, self._query(), sent)
        return sent

    def sendall(self, data: bytes, /) -> None:
        """As the stream below."""
        self.settle()
        if data:
            self._timeline.sent(self._who, self._query(), len(data))
        self._stream.sendall(data)

    def shutdown(self, how: int, /) -> None:
        """As the stream below."""
        self._stream.shutdown(how)

    def close(self) -> None:
        """As the stream below."""
        self.settle()
        self._stream.close()

    def _state(self) -> tuple[str | None, object]:
        """What the connection waits for (a state of the handshake, the answer to a binding, or nothing), and its keys."""
        status = self._connection.status
        keys = (status.permanent_key_id, status.temporary_key_id, status.temporary_key_state, status.next_key_state)
        if status.handshake in QUERIES:
            return status.handshake, keys
        return (BINDING if "BINDING" in keys else None), keys

    def _query(self) -> str:
        before = self._waits
        self._waits, self._keys = self._state()
        if self._waits is None or self._waits == before:
            return SEALED
        return QUERIES[self._waits][0] if self._waits in QUERIES else BINDING

    def _answer(self) -> str:
        waited, (waits, keys) = self._waits, self._state()
        if waited is None:
            return SEALED
        name = QUERIES[waited][1] if waited in QUERIES else "rpc_result"
        if keys == self._keys and waits in (None, waited):
            return f"bytes, while {name} is awaited"
        self._waits = None
        return name
