"""What went wrong, in one line: what was expected, what came, what to do."""

from __future__ import annotations

import socket

from mtproto_bind import (
    BindVerdict,
    Check,
    PeerTimedOut,
    RemoteProtocolError,
    SecurityError,
    TransportErrorReceived,
)

from ..carrier import CarrierError
from .console import Failure

__all__ = ["explain_dialing", "explain_refusal", "explain_silence", "explain_stream", "explain_websocket"]

CHECK_STREAM = "check --host, --port and --transport"
TRANSPORT_ERRORS = {
    -404: "the server refuses the handshake; check --server-key and --dc, or make the keys anew",
    -429: "the server asks for patience; wait before the next try",
    -444: "the server is another data centre; check --dc, --test and --media",
}


def explain_dialing(error: OSError, host: str, port: int) -> Failure:
    """No stream could be opened."""
    if isinstance(error, socket.gaierror):
        text = f"expected the address of {host}, came none: check --host"
    elif isinstance(error, TimeoutError):
        text = f"expected a server at {host} port {port}, nobody answered: check --host, --port and the way there"
    else:
        came = (error.strerror or str(error)).lower()
        text = f"expected a server at {host} port {port}, came {came!r}: start it, or check --host and --port"
    return Failure(text, kind=type(error).__name__)


def explain_websocket(error: OSError, url: str) -> Failure:
    """No WebSocket could be opened."""
    if isinstance(error, socket.gaierror):
        text = f"expected the address of {url}, came none: check --websocket"
    elif isinstance(error, TimeoutError):
        text = f"expected a WebSocket at {url}, nobody answered: check --websocket and the way there"
    elif isinstance(error, CarrierError):
        text = f"expected a WebSocket at {url}, but {error}: check --websocket"
    else:
        came = (error.strerror or str(error)).lower()
        text = f"expected a WebSocket at {url}, came {came!r}: start the server, or check --websocket"
    return Failure(text, kind=type(error).__name__)


def explain_stream(error: RemoteProtocolError | None) -> Failure:
    """A stream ended, by ``error`` or because the server closed it."""
    kind = "StreamLost" if error is None else type(error).__name__
    check = error.check.name if isinstance(error, SecurityError) else None
    match error:
        case None:
            text = f"expected an answer, the server closed the stream without one: {CHECK_STREAM}"
        case PeerTimedOut():
            text = f"expected {error.waiting_for}, came nothing: is it an MTProto server? {CHECK_STREAM}"
        case TransportErrorReceived():
            advice = TRANSPORT_ERRORS.get(error.code, "the number is not documented")
            text = f"expected an answer, came transport error {error.code}: {advice}"
        case SecurityError(check=Check.TRUSTED_KEY):
            text = f"expected an RSA key that we trust, came {error}: give the server's public key with --server-key"
        case _:
            text = f"expected a server that keeps to the protocol, came {error}: {CHECK_STREAM}, or do not trust it"
    return Failure(text, kind=kind, check=check)


def explain_refusal(verdict: BindVerdict) -> Failure:
    """The keys are made, and the server did not bind them."""
    came = verdict.refusal.name if verdict.error is None else f"{verdict.error.code} {verdict.error.message}"
    text = f"expected the keys to be bound, came {came} ({verdict.why}): next would be {verdict.next_step.name}"
    return Failure(text, kind="BindRefused", check=Check.BIND_RESULT.name)


def explain_silence(seconds: float, last: Failure | None) -> Failure:
    """The time for the whole run is over; ``last`` is what had gone wrong before, if anything had."""
    if last is not None:
        return Failure(f"{last}; gave up after {seconds:g} s", kind=last.kind, check=last.check)
    text = f"expected to be done within {seconds:g} s, came nothing: is it an MTProto server? {CHECK_STREAM}, or raise --timeout"
    return Failure(text, kind="PeerTimedOut")
