"""What ``mtproto-bind serve`` does with the events of its clients: tells them, and answers their calls."""

from __future__ import annotations

from collections.abc import Callable

from mtproto_bind import (
    CallReceived,
    ConnectionClosed,
    DataCenter,
    Event,
    KeyBound,
    KeyCreated,
    SecurityError,
    ServerConnection,
    TransportEnded,
)

from .answers import GET_CONFIG, GET_NEAREST_DC, GET_USERS, config, nearest_dc

__all__ = ["Application"]

DEFAULT_DC = DataCenter(2)
"""What a server calls itself that takes clients of any data centre."""


class Application:
    """Is data centre ``dc`` (None: whichever); ``say`` takes lines for people, ``tell`` values for programs."""

    def __init__(
        self, dc: DataCenter | None, say: Callable[[str], None], tell: Callable[..., None] = lambda **_values: None
    ) -> None:
        self.address = ("127.0.0.1", 443)
        """What ``help.getConfig`` tells clients to dial."""
        self._say = say
        self._tell_program = tell
        self._dc = dc or DEFAULT_DC

    def on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        """See :class:`mtproto_bind_adapters.sync.SyncServer`."""
        match event:
            case KeyCreated(record=record):
                kind = record.kind.name.lower()
                self._tell(f"{kind} key {record.key.id:016x} made", "key_created", kind=kind, key_id=f"{record.key.id:016x}")
            case KeyBound():
                ids = {"temporary_key_id": f"{event.key_id:016x}", "permanent_key_id": f"{event.permanent_key_id:016x}"}
                self._tell(f"{ids['temporary_key_id']} bound to {ids['permanent_key_id']}", "key_bound", **ids)
            case CallReceived():
                self._answer(connection, event, now)
            case TransportEnded(error=error) | ConnectionClosed(error=error) if error is not None:
                check = error.check.name if isinstance(error, SecurityError) else None
                self._tell(f"a client is dropped: {error}", "client_dropped", check=check, text=str(error))

    def _answer(self, connection: ServerConnection, call: CallReceived, now: float) -> None:
        method = call.body[:4]
        self._tell(f"call {method[::-1].hex()} under {call.key_id:016x}", "call", method=method[::-1].hex())
        if method == GET_CONFIG:
            host, port = self.address
            answer = config(now=int(now), dc=self._dc.id, test=self._dc.test, host=host, port=port)
            connection.send_result(call, answer, now)
        elif method == GET_NEAREST_DC:
            connection.send_result(call, nearest_dc(self._dc.id), now)
        elif method == GET_USERS:
            # Telethon asks who it is before it calls itself connected, and takes no other error for "nobody yet"
            connection.send_error(call, 401, "AUTH_KEY_UNREGISTERED", now)
        else:
            connection.send_error(call, 400, "INPUT_METHOD_INVALID", now)

    def _tell(self, line: str, event: str, **values: str | None) -> None:
        self._say(line)
        self._tell_program(event=event, **values)
