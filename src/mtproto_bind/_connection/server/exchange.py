"""Handshakes on a server: whichever stream a request comes on, it goes to the handshake that its nonces name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from ..._crypto import same
from ..._errors import Check, MalformedMessage, RemoteProtocolError, require
from ..._events import KeyCreated
from ..._handshake import KeyKind, ServerTools, State, deliver, freeze, listening, resume, thaw
from ..._handshake.server import (
    ExpectClientDHParams,
    ExpectReqDHParams,
    KeyAgreed,
    KeyOffering,
    OpeningInnerData,
    RaisingGA,
    RaisingKey,
)
from ..._questions import HandshakeAdvanced, HandshakeNeeded, KeyOffered, Stored, StoredKey
from ..._tl import HANDSHAKE, SERVICE, ReqDHParams, ReqPQ, ReqPQMulti, SetClientDHParams
from ..._wire import pack_plain, unpack_plain
from .handshakes import Pending
from .link import Link

__all__ = ["receive_plain"]

Request = ReqDHParams | SetClientDHParams
Waiting = ExpectReqDHParams | ExpectClientDHParams
Step = OpeningInnerData | RaisingGA | RaisingKey | KeyOffering | ExpectClientDHParams
"""What a request can lead to."""

DIGEST_BYTES = 32


def receive_plain(connection: Link, frame: bytes) -> None:
    """A message in the clear. Its id is not looked at: TDLib sends 0, and 1 when it probes.

    Raises what the handshake raises; then the handshake is over, and its later requests get -404 too. A request that comes
    out of turn is refused, but ends only the stream: it may be one of a dead stream that arrives at last.
    """
    _msg_id, body = unpack_plain(frame)
    if SERVICE.name_of(body) == "msgs_ack":
        # old clients acknowledge answers of the handshake, which nobody asked for
        return
    request, end = HANDSHAKE.read(body)
    # what follows the object is padding, and may differ when the request is sent again
    digest = connection.server.config.crypto.sha256(body[:end])
    match request:
        case ReqPQ() | ReqPQMulti():
            _begin(connection, request, digest)
        case ReqDHParams() | SetClientDHParams():
            _go_on(connection, request, digest)
        case _:
            # a message of a server
            require(False, Check.HANDSHAKE_KNOWN, request.constructor.name)


def _begin(connection: Link, request: ReqPQ | ReqPQMulti, digest: bytes) -> None:
    """Step 1. Clients probe with nonces that they never use again, so an unfinished handshake is no fault."""
    handshakes, now = connection.server.handshakes, connection.now
    known = handshakes.began(request.nonce, now)
    if known is not None and known.answer and isinstance(known.state, ExpectReqDHParams):
        _answer(connection, known.answer)
        return
    handshakes.may_begin(connection.peer, now)
    tools = connection.server.tools(now)
    if isinstance(request, ReqPQMulti):
        state = listening().on_req_pq_multi(request, tools)
    else:
        state = listening().on_req_pq(request, tools)
    pending = handshakes.add(state, request.nonce, state.nonces.server_nonce, connection.peer, now)
    _advance(connection, pending, state, digest)


def _go_on(connection: Link, request: Request, digest: bytes) -> None:
    known = connection.server.handshakes.find(request.nonce, request.server_nonce, connection.now)
    if known is not None and same(known.asked, digest):
        # lost answers are sent again as they were
        _answer(connection, known.answer)
    elif connection.server.config.share_handshakes:
        _fetch(connection, request, digest)
    else:
        _request(connection, require(known, Check.HANDSHAKE_KNOWN, "these nonces are not known here"), request, digest)


def _fetch(connection: Link, request: Request, digest: bytes) -> None:
    """Another process may have begun this handshake, or gone on with it since."""

    def found(saved: bytes | None, now: float) -> None:
        handshakes = connection.server.handshakes
        stored = require(saved, Check.HANDSHAKE_KNOWN, "these nonces are not known here")
        try:
            state = thaw(stored[DIGEST_BYTES:], connection.server.tools(now))
        except ValueError as error:
            # another release of this library, or a damaged store: the client begins again
            raise MalformedMessage(f"the stored handshake is unreadable: {error}") from None
        pending = handshakes.find(request.nonce, request.server_nonce, now)
        if pending is None:
            pending = handshakes.add(state, request.nonce, request.server_nonce, connection.peer, now)
        if not same(pending.asked, stored[:DIGEST_BYTES]):
            pending.advance(state, stored[:DIGEST_BYTES], state.answer)
        if same(pending.asked, digest):
            _answer(connection, pending.answer)
        else:
            _request(connection, pending, request, digest)

    number = connection.asked.next_number()
    connection.ask(HandshakeNeeded(number=number, nonce=request.nonce, server_nonce=request.server_nonce), found)


def _request(connection: Link, pending: Pending, request: Request, digest: bytes) -> None:
    """A request of a handshake that is known, other than the last one answered."""
    early = isinstance(pending.state, ExpectReqDHParams) and isinstance(request, SetClientDHParams)
    require(not early, Check.HANDSHAKE_KNOWN, "out of order")
    # a second, different request would give one handshake several tries at our secrets
    late = isinstance(pending.state, KeyAgreed) or (
        isinstance(pending.state, ExpectClientDHParams) and isinstance(request, ReqDHParams)
    )
    require(not late, Check.REQUEST_CHANGED)
    require(not pending.under_way or same(pending.under_way, digest), Check.REQUEST_CHANGED)
    pending.worked_on, pending.under_way = connection, digest
    _step(connection, pending, digest, partial(deliver, pending.state, request.to_bytes()))


def _step(connection: Link, pending: Pending, digest: bytes, step: Callable[[ServerTools], State]) -> None:
    """Take a step of ``pending``; whatever breaks a rule ends the handshake for good."""
    if _overtaken(connection, pending, digest):
        return
    try:
        # neither a request nor a computation leads anywhere else
        after = cast("Step", step(connection.server.tools(connection.now)))
    except RemoteProtocolError:
        connection.server.handshakes.remove(pending)
        raise
    if isinstance(after, KeyOffering):
        _offer(connection, pending, after, digest)
    elif isinstance(after, ExpectClientDHParams):
        _advance(connection, pending, after, digest)
    else:
        work = after

        def computed(value: Any, _now: float) -> None:
            _step(connection, pending, digest, partial(resume, work, value))

        connection.compute(work.work, computed)


def _overtaken(connection: Link, pending: Pending, digest: bytes) -> bool:
    """Whether the same request came on another stream meanwhile. If it is answered there, it is answered here too."""
    if pending.worked_on is connection:
        return False
    if same(pending.asked, digest):
        _answer(connection, pending.answer)
    return True


def _offer(connection: Link, pending: Pending, offering: KeyOffering, digest: bytes) -> None:
    """Step 8: stored first, told afterwards."""
    record = _record(offering)

    def decided(word: Stored, now: float) -> None:
        if _overtaken(connection, pending, digest):
            return
        tools = connection.server.tools(now)
        if word is Stored.TAKEN:
            _advance(connection, pending, offering.taken(tools), digest)
            return
        connection.server.cache_key(record)
        connection.server.handshakes.finish(pending)
        _advance(connection, pending, offering.kept(tools), digest)
        connection.tell(KeyCreated(record=record))

    known = connection.server.cached_key(record.key.id)
    if known is not None and known != record:
        decided(Stored.TAKEN, connection.now)
    else:
        connection.ask(KeyOffered(number=connection.asked.next_number(), record=record), decided)


def _record(offering: KeyOffering) -> StoredKey:
    purpose, made_at = offering.purpose, offering.server_time
    return StoredKey(
        key=offering.key,
        kind=purpose.kind,
        media=purpose.dc.media,
        created_at=float(made_at),
        expires_at=float(made_at + (purpose.expires_in or 0)) if purpose.kind is KeyKind.TEMPORARY else None,
        first_salt=offering.first_salt,
    )


def _advance(connection: Link, pending: Pending, after: Waiting | KeyAgreed, digest: bytes) -> None:
    """The step is done; where handshakes are shared, only if no other process was faster."""

    def advanced(done: bool, _now: float) -> None:
        if not done:
            connection.server.handshakes.remove(pending)
        require(done, Check.HANDSHAKE_KNOWN, "another process went on with it")
        pending.advance(after, digest, after.answer)
        _answer(connection, after.answer)

    if not connection.server.config.share_handshakes:
        advanced(True, connection.now)
        return
    tools = connection.server.tools(connection.now)
    began = bool(pending.asked)
    question = HandshakeAdvanced(
        number=connection.asked.next_number(),
        nonce=pending.nonce,
        server_nonce=pending.server_nonce,
        before=pending.asked + freeze(pending.state, tools) if began and isinstance(pending.state, Waiting) else None,
        after=digest + freeze(after, tools) if isinstance(after, Waiting) else None,
    )
    # a handshake that begins is forgotten where nobody hears of it
    connection.ask(question, advanced, undo=None if began else partial(connection.server.handshakes.remove, pending))


def _answer(connection: Link, answer: bytes) -> None:
    """Frame an answer, under an id that says it is one. Draws, with ``plain_padding``, 1 byte and 4 times its value modulo 64."""
    entropy = connection.server.config.entropy
    padding = b""
    if connection.server.config.plain_padding:
        size = 4 * (entropy(1)[0] % 64)
        padding = entropy(size) if size else b""
    connection.send_plain(pack_plain(connection.next_plain_id(), answer, padding))
