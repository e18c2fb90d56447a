"""A fake Telegram on loopback, in a thread of its own: for the tests of anything that speaks MTProto."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

from attrs import field, frozen

from mtproto_bind import (
    CallReceived,
    ClientConfig,
    ConnectionClosed,
    DataCenter,
    Event,
    KeyBound,
    KeyCreated,
    PrivateKey,
    Question,
    RpcError,
    Server,
    ServerConfig,
    ServerConnection,
    StoredKey,
)

from .stores import MemoryStore
from .sync import SyncServer

__all__ = ["Call", "FakeTelegram"]

Answer = Callable[["Call"], "bytes | RpcError | None"]


@frozen
class Call:
    """A call that has come: under which key, in which session, and its body, a boxed TL object."""

    key_id: int
    session_id: int
    body: bytes = field(repr=False)

    @property
    def method(self) -> int:
        """The constructor id of the method, 32 bits."""
        return int.from_bytes(self.body[:4], "little")


def refuse(_call: Call) -> RpcError:
    """What a fake answers that nobody has told anything."""
    return RpcError(400, "INPUT_METHOD_INVALID")


class FakeTelegram:
    """A server that makes keys, binds them, and answers calls as ``reply`` says; a context manager, and usable from any thread.

    ``reply`` is called in the thread of the server: bytes are the result, an ``RpcError`` is one, None leaves the call without an
    answer. It may be set anew at any time. ``old_rsa``: takes the RSA padding from before 2021 too, as some clients want.
    """

    def __init__(self, reply: Answer = refuse, *, dc: DataCenter | None = None, old_rsa: bool = False) -> None:
        self.reply = reply
        self.private_key = PrivateKey.generate()
        self.dc = dc or DataCenter(2)
        self.calls: list[Call] = []
        """Every call so far."""
        self.bound: list[KeyBound] = []
        """Every binding so far."""
        self.keys: list[KeyCreated] = []
        """Every key that was made so far."""
        self.host = "127.0.0.1"
        self.port = 0
        self._old_rsa = old_rsa
        self._changed = Condition()
        self._clients: set[ServerConnection] = set()
        self._wishes: list[Callable[[float], None]] = []
        self._permanent: dict[int, StoredKey] = {}
        self._memory = self._new_store()
        self._loop = SyncServer(self._new_server(), self, on_event=self._on_event)
        self._thread = Thread(target=self._run, name="fake-telegram", daemon=True)
        self._over = False

    @property
    def public_pem(self) -> str:
        """The public key that clients have to trust, PKCS#1."""
        return self.private_key.public.to_pem()

    def client_config(self, **more: Any) -> ClientConfig:
        """For a client of ours that trusts this server, and it alone; ``more``: anything else of a :class:`ClientConfig`."""
        return ClientConfig(server_keys=(self.private_key.public,), dc=self.dc, **more)

    def wait_for(self, condition: Callable[[Self], bool], timeout: float = 30.0) -> None:
        """Until ``condition`` holds of this fake. Raises ``TimeoutError`` after ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(f"it has not come to that within {timeout:g} s: {len(self.calls)} calls came so far")

    def send_update(self, body: bytes) -> None:
        """An update, a boxed TL object, to every session that has made a call."""
        self._wish(lambda now: self._update(body, now))

    def drop_streams(self) -> None:
        """Every stream ends; keys and sessions stay."""
        self._wish(self._drop)

    def lose_temporary_keys(self) -> None:
        """Every temporary key is forgotten: clients get -404 for it."""
        self._wish(self._lose)

    def start(self) -> Self:
        """Serves from now on, on :attr:`port`."""
        self.host, self.port = self._loop.listen(self.host, 0)
        self._thread.start()
        return self

    def close(self) -> None:
        """Ends it. May be called again."""
        if self._thread.is_alive():
            self._over = True
            self._loop.stop()
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def answer(self, question: Question[Any], now: float) -> Any:
        """It is the store of its own server; see :class:`mtproto_bind_adapters.stores.Store`."""
        return self._memory.answer(question, now)

    def _new_store(self) -> MemoryStore:
        return MemoryStore(permanent=self._permanent)

    def _new_server(self) -> Server:
        return Server(ServerConfig(private_keys=(self.private_key,), dc=self.dc, old_rsa=self._old_rsa))

    def _run(self) -> None:
        while not self._over:
            self._loop.run()
            with self._changed:
                wishes, self._wishes = self._wishes, []
            for wish in wishes:
                wish(self._loop.now())

    def _wish(self, wish: Callable[[float], None]) -> None:
        """Has it done by the thread that serves."""
        with self._changed:
            self._wishes.append(wish)
        self._loop.stop()

    def _on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        if isinstance(event, ConnectionClosed):
            self._clients.discard(connection)
        else:
            self._clients.add(connection)
        if isinstance(event, CallReceived):
            self._take(connection, event, now)
        with self._changed:
            if isinstance(event, KeyCreated):
                self.keys.append(event)
            elif isinstance(event, KeyBound):
                self.bound.append(event)
            self._changed.notify_all()

    def _take(self, connection: ServerConnection, event: CallReceived, now: float) -> None:
        call = Call(event.key_id, event.session_id, event.body)
        with self._changed:
            self.calls.append(call)
        answer = self.reply(call)
        if isinstance(answer, RpcError):
            connection.send_error(event, answer.code, answer.message, now)
        elif answer is not None:
            connection.send_result(event, answer, now)

    def _update(self, body: bytes, now: float) -> None:
        for key_id, session_id in {(call.key_id, call.session_id) for call in self.calls}:
            connection = self._loop.server.send_update(key_id, session_id, body, now)
            if connection is not None:
                self._loop.flush(connection)

    def _drop(self, now: float) -> None:
        clients, self._clients = self._clients, set()
        for connection in clients:
            connection.close(now)
            self._loop.flush(connection)

    def _lose(self, now: float) -> None:
        """All but the permanent keys is forgotten, with the streams on which it was known."""
        self._loop.server, self._memory = self._new_server(), self._new_store()
        self._drop(now)
