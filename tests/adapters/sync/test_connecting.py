"""What ``connect`` takes, and what it refuses before anything has begun."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from kit.leftovers import leaving_nothing
from kit.serving import CONFIG, PATIENCE, QUERY, closed_port, listening, make_loop, running
from kit.tls import TlsServer
from mtproto_bind import ClientConnection, Framing, LocalProtocolError, Retry, Transport
from mtproto_bind_adapters.sync import connect, connecting, dial


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    with leaving_nothing():
        yield


@pytest.mark.parametrize("framing", Framing)
def test_it_speaks_any_transport(framing: Framing) -> None:
    with running(make_loop()) as address, connect(CONFIG, *address, transport=Transport(framing=framing)) as link:
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]


def test_it_takes_a_connection_of_ones_own() -> None:
    with running(make_loop()) as address, connect(ClientConnection(CONFIG), dial=lambda: dial(*address)) as link:
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]


def test_it_speaks_tls_with_a_name(tmp_path: Path) -> None:
    with (
        running(make_loop()) as address,
        TlsServer(address, tmp_path) as server,
        connect(CONFIG, *server.address, tls=server.trust()) as link,
    ):
        assert link.call(QUERY, timeout=PATIENCE) == QUERY[::-1]
        # each stream of the link, not the first alone
        link._pump.drive.interrupt()
        assert link.call(QUERY, timeout=PATIENCE, repeat=True) == QUERY[::-1]


@pytest.mark.parametrize("ready", [False, True])
def test_dialling_is_tried_again_as_it_is_said(ready: bool) -> None:
    with running(make_loop()) as address:
        script: list[Exception | None] = [None, ConnectionRefusedError(), ConnectionRefusedError("the last")]

        def dial_by_script() -> socket.socket:
            if (error := script.pop(0)) is not None:
                raise error
            return dial(*address)

        given = ClientConnection(CONFIG) if ready else CONFIG
        with connect(given, dial=dial_by_script, retry=Retry(delay=0.001, attempts=2)) as link:
            link.bound(PATIENCE)
            link._pump.drive.interrupt()
            with pytest.raises(ConnectionRefusedError, match="the last"):
                link.call(QUERY, timeout=PATIENCE)


def test_retry_is_for_the_dials_of_both_connections() -> None:
    with running(make_loop()) as address:
        streams: list[socket.socket] = []

        def dial_once() -> socket.socket:
            if streams:
                raise ConnectionRefusedError("no second stream")
            streams.append(dial(*address))
            return streams[0]

        link = connect(CONFIG, dial=dial_once, side_by_side=True, retry=Retry(delay=0.001, attempts=1))
        with link, pytest.raises(ConnectionRefusedError, match="no second stream"):
            link.bound(PATIENCE)


def refuse_the_name(*_arguments: Any, **_settings: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "name or service not known")


def test_what_the_first_dial_raises_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(CONFIG, *closed_port())
    # as the resolver says it; a real one would ask others
    monkeypatch.setattr(socket, "getaddrinfo", refuse_the_name)
    with pytest.raises(socket.gaierror, match="not known"):
        connect(CONFIG, "nowhere.invalid", 443)


def in_use() -> ClientConnection:
    connection = ClientConnection(CONFIG)
    connection.transport_opened(Transport(), 0.0)
    return connection


def closed() -> ClientConnection:
    connection = ClientConnection(CONFIG)
    connection.close(0.0)
    return connection


def never() -> socket.socket:
    raise AssertionError("nothing is to be dialled")


@pytest.mark.parametrize(
    ("make", "settings", "kind", "why"),
    [
        (lambda: CONFIG, {}, TypeError, "host and port, or dial="),
        (lambda: CONFIG, {"host": "127.0.0.1"}, TypeError, "host and port, or dial="),
        (lambda: CONFIG, {"host": "127.0.0.1", "port": 1, "dial": never}, TypeError, "host and port, or dial="),
        (lambda: CONFIG, {"tls": True, "dial": never}, TypeError, "no tls= with a dial="),
        (lambda: CONFIG, {"tls": True}, TypeError, "host and port, or dial="),
        (lambda: "config", {"dial": never}, TypeError, "expected a ClientConfig or a ClientConnection, got str"),
        (lambda: ClientConnection(CONFIG), {"dial": never, "side_by_side": True}, TypeError, "side_by_side"),
        (in_use, {"dial": never}, LocalProtocolError, "something else drives it"),
        (closed, {"dial": never}, LocalProtocolError, "closed"),
    ],
)
def test_what_cannot_be_is_refused_before_dialling(
    make: Callable[[], Any], settings: dict[str, Any], kind: type[Exception], why: str
) -> None:
    with pytest.raises(kind, match=why):
        connect(make(), **settings)


def test_a_setting_that_is_refused_later_leaves_no_stream() -> None:
    with listening() as (_, address):
        stream = dial(*address)
        with pytest.raises(ValueError, match="maxlen"):
            connect(CONFIG, dial=lambda: stream, updates_held=-1)
        assert stream.fileno() == -1


def test_the_time_for_an_address_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def dial_later(host: str, port: int, *, timeout: float, tls: bool) -> socket.socket:
        seen.append((host, port, timeout, tls))
        raise TimeoutError

    monkeypatch.setattr(connecting, "dial_address", dial_later)
    with pytest.raises(TimeoutError):
        connect(evolve(CONFIG), "host", 443, timeout=0.5)
    assert seen == [("host", 443, 0.5, False)]
