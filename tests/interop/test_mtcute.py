"""mtcute, a client that nobody here wrote, against our server on loopback: both sides must tell the same story.

Once in 256 exchanges mtcute drops the first byte of a key because it is zero, takes the server's answer for a forgery, and
begins anew on another stream: so the server may know of more keys than mtcute does.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kit.interop import FOLDER, LOOPBACK, find_node, serving
from kit.programs import Program, talking
from kit.serving import DC, SERVER_KEY, running
from mtproto_bind import (
    CallReceived,
    Event,
    KeyBound,
    KeyKind,
    KeyOffered,
    Question,
    Server,
    ServerConfig,
    ServerConnection,
)
from mtproto_bind_adapters.cli.application import Application
from mtproto_bind_adapters.stores import MemoryStore
from mtproto_bind_adapters.sync import SyncServer

SCRIPT = FOLDER / "mtcute_bind.mjs"


@pytest.fixture
def public_pem(tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_text(SERVER_KEY.public.to_pem())
    return path


@contextmanager
def mtcute(port: int, pem: Path) -> Iterator[Program]:
    with talking([find_node(), SCRIPT, LOOPBACK, port, pem], pem.with_name("mtcute.log")) as client:
        yield client


def created(server: Program, kind: str) -> list[str]:
    return [line["key_id"] for line in server.events("key_created") if line["kind"] == kind]


def test_mtcute_makes_both_keys_binds_them_and_calls(tmp_path: Path, public_pem: Path) -> None:
    with serving(tmp_path, "--dc", DC.id) as (server, port), mtcute(port, public_pem) as client:
        client.order("call")
        answered = client.wait_for("answered")
        client.finish()
        server.finish(by=signal.SIGTERM)

    permanent, temporary = answered["permanent_key_id"], answered["temporary_key_id"]
    assert (answered["answer"], answered["nearest_dc"]) == ("nearestDc", DC.id)
    assert client.events("permanent_key") == [{"key_id": permanent}]
    assert client.events("temporary_key") == [{"key_id": temporary}]
    assert created(server, "permanent")[-1] == permanent
    assert created(server, "temporary")[-1] == temporary
    assert server.events("key_bound") == [{"temporary_key_id": temporary, "permanent_key_id": permanent}]
    assert [line["method"] for line in server.events("call")] == ["1fb33026"]
    assert server.events("client_dropped") == []


def test_mtcute_renews_its_temporary_key_on_the_live_stream(tmp_path: Path, public_pem: Path) -> None:
    with serving(tmp_path, "--dc", DC.id) as (server, port), mtcute(port, public_pem) as client:
        client.order("call")
        before = client.wait_for("answered")
        streams = len(client.events("connected"))
        client.order("renew")
        client.wait_for("temporary_key")
        client.order("call")
        after = client.wait_for("answered")
        client.finish()
        server.finish(by=signal.SIGTERM)

    permanent = before["permanent_key_id"]
    old, new = before["temporary_key_id"], after["temporary_key_id"]
    assert old != new
    assert after == {**before, "temporary_key_id": new}
    assert len(client.events("connected")) == streams
    assert created(server, "permanent")[-1] == permanent
    assert {old, new} <= {*created(server, "temporary")}
    assert server.events("key_bound") == [{"temporary_key_id": key, "permanent_key_id": permanent} for key in (old, new)]
    assert len(server.events("call")) == 2
    assert server.events("client_dropped") == []


def test_a_media_connection_of_mtcute_has_a_temporary_key_beside_the_other(tmp_path: Path, public_pem: Path) -> None:
    # it asks for data centre -2 there, so the server is one that takes any
    with serving(tmp_path) as (server, port), mtcute(port, public_pem) as client:
        answered = []
        for order in ("call", "media", "call"):
            client.order(order)
            answered.append(client.wait_for("answered"))
        client.finish()
        server.finish(by=signal.SIGTERM)

    permanent, temporary = answered[0]["permanent_key_id"], answered[0]["temporary_key_id"]
    assert answered == [answered[0]] * 3
    first, second = server.events("key_bound")
    assert first == {"temporary_key_id": temporary, "permanent_key_id": permanent}
    assert second["temporary_key_id"] in set(created(server, "temporary")) - {temporary}
    assert second["permanent_key_id"] == permanent
    assert len(server.events("call")) == 3
    assert server.events("client_dropped") == []


class Forgetful:
    """A server that loses the stream and its memory, all but the permanent keys, when it has answered its first call."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        """The key that each call came under."""
        self.bound: list[tuple[int, int]] = []
        self.loop = SyncServer(new_server(), self, on_event=self.on_event)
        self._store = MemoryStore()
        self._permanent: list[KeyOffered] = []
        self._application = Application(DC, lambda _line: None)

    def answer(self, question: Question[Any], now: float) -> Any:
        if isinstance(question, KeyOffered) and question.record.kind is KeyKind.PERMANENT:
            self._permanent.append(question)
        return self._store.answer(question, now)

    def on_event(self, connection: ServerConnection, event: Event, now: float) -> None:
        self._application.on_event(connection, event, now)
        if isinstance(event, KeyBound):
            self.bound.append((event.key_id, event.permanent_key_id))
        elif isinstance(event, CallReceived):
            self.calls.append(event.key_id)
            if len(self.calls) == 1:
                self._forget(now)
                connection.close(now)

    def _forget(self, now: float) -> None:
        self.loop.server, self._store = new_server(), MemoryStore()
        for question in self._permanent:
            self._store.answer(question, now)


def new_server() -> Server:
    return Server(ServerConfig(private_keys=(SERVER_KEY,), dc=DC))


def test_mtcute_binds_again_when_the_server_has_lost_the_temporary_key(public_pem: Path) -> None:
    server = Forgetful()
    with running(server.loop) as (_, port), mtcute(port, public_pem) as client:
        client.order("call")
        before = client.wait_for("answered")
        client.order("call")
        after = client.wait_for("answered")
        client.finish()

    permanent, old, new = (
        int(key, 16) for key in (before["permanent_key_id"], before["temporary_key_id"], after["temporary_key_id"])
    )
    assert old != new
    assert after == {**before, "temporary_key_id": after["temporary_key_id"]}
    assert client.events("permanent_key") == [{"key_id": before["permanent_key_id"]}]
    assert server.bound == [(old, permanent), (new, permanent)]
    assert server.calls == [old, new]


def test_mtcute_never_leaves_loopback(public_pem: Path) -> None:
    # 192.0.2.0/24 is for documentation: nobody is there
    command = [find_node(), SCRIPT, "192.0.2.1", 443, public_pem]
    with talking(command, public_pem.with_name("mtcute.log")) as client:
        client.order("call")
        with pytest.raises(AssertionError, match="not on loopback"):
            client.wait_for("answered")
