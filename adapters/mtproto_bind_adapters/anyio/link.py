"""The face of a client connection for tasks."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from mtproto_bind import BoundKey, CallId, ClientConnection, KeyBound, NotRun, OutcomeUnknown, Status

from ..switchboard import CallUnanswered
from .client import Client
from .promise import Promise

__all__ = ["Call", "Link", "Updates"]


class Call:
    """A call that :meth:`Link.submit` has made. Awaited, it gives the body of the answer.

    A task that is cancelled there cancels the call.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._call_id: CallId | None = None
        self._promise: Promise[bytes] = Promise()

    def __await__(self) -> Generator[Any, Any, bytes]:
        if not self._promise.kept:
            self._client.telling.refuse_to_wait("to await a call")
        try:
            return (yield from self._client.wait_for(self._promise).__await__())
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Nobody waits for the answer any more; the call may run all the same. After the answer: nothing."""
        if self._call_id is not None and not self._promise.kept:
            self._client.board.forget(self._promise)
            self._promise.set_exception(CallUnanswered(OutcomeUnknown("the call was cancelled")))
            self._client.connection.cancel(self._call_id, self._client.now())
            self._client.wake()

    def _made(self, call_id: CallId) -> None:
        self._call_id = call_id
        self._client.board.await_answer(call_id, self._promise)

    def _not_made(self) -> None:
        self._promise.set_exception(CallUnanswered(NotRun("a call which had to succeed first has failed")))


class Updates:
    """Bodies of updates as they come. Several that iterate share them; it ends when the link is closed."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __aiter__(self) -> Updates:
        return self

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        held = self._client.board.updates
        while not held:
            self._client.telling.refuse_to_wait("to wait for updates")
            if not await self._client.wait_for_update():
                raise StopAsyncIteration
        return held.popleft()


class Link:
    """A client connection, carried while the block of :func:`connect` lasts. For the tasks of one event loop.

    Whatever waits raises what ended the connection, where an error did: an error of the same class and text, whose cause is that
    one. In ``on_event``, what would wait for the link raises ``LocalProtocolError``, and :meth:`aclose` only begins the end.
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

    async def bound(self, timeout: float | None = None) -> KeyBound:
        """Waits until a temporary key is bound, and tells which. Returns at once if one is.

        Raises ``TimeoutError`` after ``timeout`` seconds, and what ended the connection.
        """
        client = self._client
        client.telling.refuse_to_wait("bound()")
        self._refuse_the_dead()
        promise: Promise[KeyBound] = Promise()
        client.board.await_binding(promise)
        try:
            with anyio.move_on_after(timeout):
                return await client.wait_for(promise)
        finally:
            client.board.forget(promise)
        if promise.kept:
            # just now
            return await promise
        raise TimeoutError(f"no key was bound within {timeout:g} s: status tells how things stand")

    async def call(
        self,
        body: bytes,
        *,
        after: Sequence[Call] = (),
        updates: bool = True,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> bytes:
        """Sends an API query (a boxed TL object) as soon as a key is bound, and returns the body of its answer.

        ``after``: calls of :meth:`submit` that have to succeed first. ``updates``: False wraps it into invokeWithoutUpdates.
        ``repeat``: it may run twice. ``timeout``: seconds after which it is given up, with an error that tells whether it may
        have run. Raises :class:`CallUnanswered`, and what ended the connection. Where it is cancelled, so is the call.
        """
        self._client.telling.refuse_to_wait("call()")
        return await self.submit(body, after=after, updates=updates, repeat=repeat, timeout=timeout)

    def submit(
        self,
        body: bytes,
        *,
        after: Sequence[Call] = (),
        updates: bool = True,
        repeat: bool = False,
        timeout: float | None = None,
    ) -> Call:
        """As :meth:`call`, without waiting: calls leave in the order in which they were made.

        Where one of ``after`` has failed already, the call ends with ``NotRun``. Raises ``TypeError`` and ``ValueError`` for what
        is no call of this link, and what ended the connection.
        """
        client = self._client
        self._refuse_the_dead()
        for earlier in after:
            refuse_what_is_not_ours(earlier, client)
        call = Call(client)
        if any(earlier._promise.failed for earlier in after):
            call._not_made()
            return call
        now = client.now()
        before = [earlier._call_id for earlier in after if earlier._call_id is not None]
        give_up_at = None if timeout is None else now + timeout
        call._made(client.connection.call(body, now, after=before, updates=updates, repeat=repeat, give_up_at=give_up_at))
        client.wake()
        return call

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
        """What is worth keeping over a restart; with the bound temporary key, if asked: then it is a secret."""
        return self._client.connection.save(temporary_key=temporary_key)

    def wake(self) -> None:
        """Something was done to :attr:`connection`."""
        self._client.wake()

    async def aclose(self) -> None:
        """Ends the connection before the block ends: calls are told so, what is due is sent, the stream is closed.

        From ``on_event`` it only begins the end, and returns.
        """
        self._client.begin_to_close()
        if not self._client.telling.is_current:
            await self._client.close()

    def _refuse_the_dead(self) -> None:
        if (ended := self._client.ended) is not None:
            raise ended


def refuse_what_is_not_ours(earlier: Call, client: Client) -> None:
    """Raises ``TypeError`` for what is no call, ``ValueError`` for a call of another link."""
    if not isinstance(earlier, Call):
        raise TypeError(f"after takes calls of submit(), got {type(earlier).__name__}")
    if earlier._client is not client:
        raise ValueError("after names a call of another link: each follows those of its own link only")
