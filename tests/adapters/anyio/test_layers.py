"""Listeners that lie on others are taken apart, and what they open is opened all the same."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from anyio.abc import AnyByteStream, ByteStream, Listener
from anyio.streams.stapled import MultiListener
from anyio.streams.tls import TLSAttribute, TLSListener

from kit.byte_streams import ScriptedStream
from kit.certificates import tls_contexts
from mtproto_bind_adapters.anyio import tcp
from mtproto_bind_adapters.anyio.layers import Layer, laid_bare, open_tls, opened
from mtproto_bind_adapters.websocket import WebSocketListener

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("tidy")]


class Lowest(Listener[Any]):
    """Is never served."""

    async def serve(self, handler: Any, task_group: Any = None) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


class Opener:
    """Opens nothing, and keeps what it was asked."""

    def __init__(self, name: str, asked: list[str], fails: Exception | None = None, refuses: bool = False) -> None:
        self.name, self.asked, self.fails, self.refuses = name, asked, fails, refuses

    async def __call__(self, stream: ByteStream) -> ByteStream | None:
        self.asked.append(self.name)
        if self.fails is not None:
            raise self.fails
        return None if self.refuses else stream


def test_what_lies_on_what() -> None:
    one, other, context = Lowest(), Lowest(), tls_contexts().server
    assert list(laid_bare(one)) == [(one, ())]
    web = WebSocketListener(TLSListener(MultiListener([one, other]), context))
    assert isinstance(web, Layer)
    found = list(laid_bare(web))
    assert [lowest for lowest, _ in found] == [one, other]
    for _, openings in found:
        tls, websocket = openings
        assert tls.args == (web.listener,)  # type: ignore[attr-defined]
        assert websocket == web.open_on
    assert [len(openings) for _, openings in laid_bare(MultiListener([web, Lowest()]))] == [2, 2, 0]


async def test_one_is_opened_on_the_other() -> None:
    asked: list[str] = []
    stream = ScriptedStream()
    assert await opened(stream, ()) is stream
    assert await opened(stream, [Opener("first", asked), Opener("second", asked)]) is stream
    assert await opened(stream, [Opener("third", asked, refuses=True), Opener("fourth", asked)]) is None
    assert asked == ["first", "second", "third"]
    await stream.aclose()


async def test_one_that_fails_costs_that_client_alone(caplog: pytest.LogCaptureFixture) -> None:
    stream = ScriptedStream()
    assert await opened(stream, [Opener("first", [], fails=ZeroDivisionError())]) is None
    assert stream.closed
    assert "ZeroDivisionError" in caplog.text


async def test_tls_as_its_listener_does_it(caplog: pytest.LogCaptureFixture) -> None:
    server, client = tls_contexts()
    below = await anyio.create_tcp_listener(local_host="127.0.0.1")
    address = ("127.0.0.1", below.extra(anyio.abc.SocketAttribute.local_port))
    listener = TLSListener(below, server, standard_compatible=False, handshake_timeout=0.05)
    outcomes: list[ByteStream | None] = []

    async def take(stream: AnyByteStream) -> None:
        result = await open_tls(listener, stream)  # type: ignore[arg-type]
        outcomes.append(result)
        if result is not None:
            assert result.extra(TLSAttribute.standard_compatible) is False
            await result.aclose()

    async with below, anyio.create_task_group() as tasks:
        tasks.start_soon(below.serve, take)
        async with await tcp(*address)() as silent:
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await silent.receive()
        assert outcomes == [None]
        assert [(record.name, record.levelno) for record in caplog.records] == [("anyio.streams.tls", logging.ERROR)]
        listener.handshake_timeout = 30
        async with await tcp(*address, tls=client)():
            while len(outcomes) < 2:
                await anyio.lowlevel.checkpoint()
        # one that is cut short
        async with await tcp(*address)():
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert len(outcomes) == 2
    assert outcomes[1] is not None
