"""What the server of the command line does with events; its answers are in test_serve.py."""

from __future__ import annotations

from typing import Any

import pytest

from kit.serving import DC, SERVER_KEY
from mtproto_bind import (
    Check,
    ConnectionClosed,
    Event,
    KeyBound,
    RemoteProtocolError,
    SecurityError,
    Server,
    ServerConfig,
    Transport,
    UnexpectedMessage,
)
from mtproto_bind_adapters.cli.application import Application

NOW = 1_800_000_000.0


def told(event: Event) -> list[dict[str, Any]]:
    """What a program is told of ``event``; a person is told as often."""
    lines: list[str] = []
    values: list[dict[str, Any]] = []
    application = Application(DC, lines.append, lambda **one: values.append(one))
    connection = Server(ServerConfig(private_keys=(SERVER_KEY,))).accept(Transport.detect(), "peer", NOW)
    application.on_event(connection, event, NOW)
    assert len(lines) == len(values)
    return values


def test_a_binding_is_told() -> None:
    event = KeyBound(key_id=1, permanent_key_id=2, expires_at=3)
    ids = {"temporary_key_id": "0000000000000001", "permanent_key_id": "0000000000000002"}
    assert told(event) == [{"event": "key_bound", **ids}]


@pytest.mark.parametrize(
    ("error", "check"),
    [(SecurityError(Check.PQ_ECHO), "PQ_ECHO"), (UnexpectedMessage(("req_pq",), "ping"), None)],
)
def test_a_client_that_breaks_a_rule_is_told_of(error: RemoteProtocolError, check: str | None) -> None:
    assert told(ConnectionClosed(error=error)) == [{"event": "client_dropped", "check": check, "text": str(error)}]


def test_a_client_that_leaves_is_nothing_to_tell() -> None:
    assert told(ConnectionClosed(error=None)) == []
