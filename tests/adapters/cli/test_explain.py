"""One line for each way to fail: what was expected, what came, what to do."""

from __future__ import annotations

import errno
import socket

import pytest

from mtproto_bind import (
    BindEvidence,
    BindVerdict,
    Check,
    MalformedMessage,
    NextStep,
    PeerTimedOut,
    Refusal,
    RemoteProtocolError,
    RpcError,
    SecurityError,
    TransportErrorReceived,
)
from mtproto_bind_adapters.cli.console import Failure
from mtproto_bind_adapters.cli.explain import explain_dialing, explain_refusal, explain_silence, explain_stream


@pytest.mark.parametrize(
    ("error", "came"),
    [
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            "came 'connection refused': start it",
        ),
        (socket.gaierror(-2, "Name or service not known"), "expected the address of h, came none: check --host"),
        (TimeoutError("timed out"), "nobody answered: check --host"),
        (OSError("strange"), "came 'strange'"),
    ],
)
def test_dialing(error: OSError, came: str) -> None:
    failure = explain_dialing(error, "h", 1)
    assert came in str(failure)
    assert failure.kind == type(error).__name__


@pytest.mark.parametrize(
    ("error", "came", "check"),
    [
        (None, "the server closed the stream without one: check --host, --port and --transport", None),
        (PeerTimedOut("answer to the handshake", 15), "expected answer to the handshake, came nothing", None),
        (TransportErrorReceived(-404), "came transport error -404: the server refuses the handshake; check --server-key", None),
        (TransportErrorReceived(-444), "came transport error -444: the server is another data centre; check --dc", None),
        (TransportErrorReceived(-1), "came transport error -1: the number is not documented", None),
        (SecurityError(Check.TRUSTED_KEY), "give the server's public key with --server-key", "TRUSTED_KEY"),
        (SecurityError(Check.FRAME_LIMIT, "it is an HTTP response"), "it is an HTTP response): check --host", "FRAME_LIMIT"),
        (MalformedMessage("nothing there", 3), "came nothing there (at byte 3): check --host", None),
    ],
)
def test_streams(error: RemoteProtocolError | None, came: str, check: str | None) -> None:
    failure = explain_stream(error)
    assert came in str(failure)
    assert str(failure).startswith("expected ")
    assert "\n" not in str(failure)
    assert failure.check == check
    assert failure.kind == ("StreamLost" if error is None else type(error).__name__)


@pytest.mark.parametrize(
    ("error", "came"),
    [(RpcError(400, "EXPIRES_AT_INVALID"), "came 400 EXPIRES_AT_INVALID (because)"), (None, "came RETURNED_FALSE (because)")],
)
def test_refusals(error: RpcError | None, came: str) -> None:
    verdict = BindVerdict(
        refusal=Refusal.EXPIRES_AT_INVALID if error else Refusal.RETURNED_FALSE,
        error=error,
        why="because",
        evidence=BindEvidence(permanent_key_age=None, since_last_bound=None, clock_certain=True, refusals=1),
        next_step=NextStep.BIND_AGAIN,
        retry_at=0.0,
    )
    failure = explain_refusal(verdict)
    assert came in str(failure)
    assert (failure.kind, failure.check) == ("BindRefused", "BIND_RESULT")


def test_silence_tells_what_was_wrong_before() -> None:
    assert "came nothing" in str(explain_silence(30, None))
    last = Failure("expected this, came that", kind="StreamLost", check="NONCE")
    failure = explain_silence(30, last)
    assert str(failure) == "expected this, came that; gave up after 30 s"
    assert (failure.kind, failure.check) == ("StreamLost", "NONCE")
