"""The face of a client connection for the tasks of a page."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from typing import Any

from mtproto_bind import BoundKey, CallId, ClientConnection, KeyBound, OutcomeUnknown, Status

from ..switchboard import CallUnanswered
from .client import Client
from .promise import Promise

__all__ = ["Call", "Link", "Updates"]


class Call:
    """A call that has begun. Awaited, it gives the body of the answer; a task that is cancelled there cancels the call."""

    def __init__(self, client: Client, call_id: CallId) -> None:
        self.id = call_id
        """For ``after=`` of other calls."""
        self._client = client
        self._promise: Promise[bytes] = Promise()
        client.board.await_answer(call_id, self._promise)

    def __await__(self) -> Generator[Any, Any, bytes]:
        try:
            return (yield from self._client.wait_for(self._promise).__await__())
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Nobody waits for the answer any more; the call may run all the same. After the answer: nothing."""
        if not self._promise.kept:
            self._client.board.forget(self._promise)
            self._promise.set_exception(CallUnanswered(OutcomeUnknown("the call was cancelled")))
            self._client.connection.cancel(self.id, self._client.now())
            self._client.wake()


class Updates:
    """Bodies of updates as they come. Several that iterate share them; it ends when the link is closed."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __aiter__(self) -> Updates:
        return self

    async def __anext__(self) -> bytes:
        await asyncio.sleep(0)
        held = self._client.board.updates
        while not held:
            if not await self._client.wait_for_update():
                raise StopAsyncIteration
        return held.popleft()


class Link:
    """A client connection, carried while the block of :func:`connect` lasts.

    Whatever waits raises what ended the connection, where an error did.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def connection(self) -> ClientConnection:
        """The machine itself. Say :meth:`wake` where you have called its methods; ``next_event`` is not for you."""
        return self._client.connection

    @property
    def status(self) -> Status:
        """How things stand, for logs and bug reports. No secrets."""
        return self._client.connection.status

    @property
    def round_trips(self) -> int:
        """Times that something came after something was sent."""
        return self._client.round_trips

    @property
    def updates_missed(self) -> int:
        """Updates that made room for others before anybody took them."""
        return self._client.board.updates_missed

    async def bound(self) -> KeyBound:
        """Waits until a temporary key is bound, and tells which. Raises what ended the connection."""
        promise: Promise[KeyBound] = Promise()
        self._client.board.await_binding(promise)
        try:
            return await self._client.wait_for(promise)
        finally:
            self._client.board.forget(promise)

    async def call(
        self,
        body: bytes,
        *,
        after: Sequence[CallId] = (),
        updates: bool = True,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> bytes:
        """Sends an API call as soon as a key is bound, and returns the body of its answer.

        See :meth:`ClientConnection.call`; ``timeout``: seconds. Raises :class:`CallUnanswered`, and what ended the
        connection. Where it is cancelled, so is the call.
        """
        return await self.submit(body, after=after, updates=updates, repeat=repeat, timeout=timeout)

    def submit(
        self,
        body: bytes,
        *,
        after: Sequence[CallId] = (),
        updates: bool = True,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> Call:
        """As :meth:`call`, without waiting: calls leave in the order in which they begin."""
        client = self._client
        if client.board.end is not None:
            raise client.board.end
        now = client.now()
        give_up_at = None if timeout is None else now + timeout
        call_id = client.connection.call(body, now, after=after, updates=updates, repeat=repeat, give_up_at=give_up_at)
        client.wake()
        return Call(client, call_id)

    def updates(self) -> Updates:
        """What to iterate over for updates; those that came before are held."""
        return Updates(self._client)

    def renew(self) -> None:
        """Renews the temporary key now. Raises ``LocalProtocolError`` where none is bound."""
        self._client.connection.renew(self._client.now())
        self._client.wake()

    def bound_key(self) -> BoundKey:
        """The key in use, to hand over. Raises ``LocalProtocolError`` where none is bound."""
        return self._client.connection.bound_key()

    def save(self, *, temporary_key: bool = False) -> bytes:
        """What is worth keeping over a reload; with the bound temporary key, if asked: then it is a secret."""
        return self._client.connection.save(temporary_key=temporary_key)

    def wake(self) -> None:
        """Something was done to :attr:`connection`."""
        self._client.wake()

    async def aclose(self) -> None:
        """Ends the connection before the block ends: calls are told so, what is due is sent, the WebSocket is closed."""
        await self._client.close()
