"""A client connection that is watched: bytes, states and arithmetic, each with its time, as they come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mtproto_bind import ClientConfig, ClientConnection, Computation

SENT = {"ExpectResPQ": "req_pq_multi", "ExpectServerDHParams": "req_DH_params", "ExpectDHAnswer": "set_client_DH_params"}
ANSWERED = {"ExpectResPQ": "resPQ", "ExpectServerDHParams": "server_DH_params", "ExpectDHAnswer": "dh_gen"}
BINDING = "Binding"

Tell = Callable[..., None]


class Watched(ClientConnection):
    """Tells what passes to ``tell(kind, **values)``. Of bytes only those that anybody on the way sees: keys stay inside.

    A driver may subclass a connection, for it calls nothing but public methods.
    """

    def __init__(self, config: ClientConfig, tell: Tell, saved: bytes | None = None) -> None:
        super().__init__(config, saved)
        self._watcher = tell
        self._shown: tuple[str, str] | None = None
        self._shown_since = 0.0
        self._due_since: dict[int, float] = {}
        self.computed = 0.0
        """Seconds from when arithmetic was due until it was done."""

    def transport_opened(self, transport: Any, now: float) -> None:
        super().transport_opened(transport, now)
        self._watcher("stream", open=True)

    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data, now)
        waited = self._shown
        what = ANSWERED.get(waited[0], "") if waited else ""
        if waited and waited[0] == BINDING:
            what = "rpc_result of the binding"
        self._watcher("wire", way="in", size=len(data), hex=data.hex(), what=what or "sealed messages")

    def data_to_send(self, now: float) -> bytes:
        data = super().data_to_send(now)
        self._look()
        if data:
            state = self._shown[0] if self._shown else ""
            what = "auth.bindTempAuthKey, sealed" if state == BINDING else SENT.get(state, "sealed messages")
            self._watcher("wire", way="out", size=len(data), hex=data.hex(), what=what)
        return data

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, Computation):
            self._due_since.setdefault(event.number, time.perf_counter())
        self._look()
        return event

    def answer(self, question: Any, value: Any, now: float) -> None:
        super().answer(question, value, now)
        if question.number in self._due_since:
            self.computed += time.perf_counter() - self._due_since.pop(question.number)
        self._look()

    def _look(self) -> None:
        """Tells of the state that has ended, if another one has begun."""
        status = self.status
        if status.handshake is not None:
            kind = "permanent" if status.permanent_key_id is None else "temporary"
            state = (status.handshake, kind)
        elif "BINDING" in (status.temporary_key_state, status.next_key_state):
            state = (BINDING, "temporary")
        else:
            state = None
        if state == self._shown:
            return
        now = time.perf_counter()
        if self._shown is not None:
            self._watcher("state", state=self._shown[0], key=self._shown[1], began=self._shown_since, ended=now)
        self._shown, self._shown_since = state, now
        self._watcher("now", state=state[0] if state else "", key=state[1] if state else "")
