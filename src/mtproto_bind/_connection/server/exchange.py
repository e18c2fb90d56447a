"""Handshakes on a server: whichever stream a request comes on, it goes to the handshake that its nonces name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._errors import Check, MalformedMessage, RemoteProtocolError, require
from ..._events import KeyCreated
from ..._handshake import KeyKind, State, WorkState, deliver, freeze, listening, resume, thaw
from ..._handshake.server import ExpectClientDHParams, ExpectReqDHParams, KeyAgreed, KeyOffering
from ..._questions import HandshakeAdvanced, HandshakeNeeded, KeyOffered, Stored, StoredKey
from ..._tl import HANDSHAKE, SERVICE, ReqDHParams, ReqPQ, ReqPQMulti, SetClientDHParams
from ..._wire import pack_plain, unpack_plain
from .handshakes import Pending

if TYPE_CHECKING:
    from .connection import ServerConnection

__all__ = ["receive_plain"]

Waiting = ExpectReqDHParams | ExpectClientDHParams


def receive_plain(connection: ServerConnection, frame: bytes) -> None:
    """A message in the clear. Its id is not looked at: TDLib sends 0, and 1 when it probes.

    Raises what the handshake raises; then the handshake is over, and its later requests get -404 too.
    """
    _msg_id, body = unpack_plain(frame)
    if SERVICE.name_of(body) == "msgs_ack":
        # old clients acknowledge answers of the handshake, which nobody asked for
        return
    request, end = HANDSHAKE.read(body)
    exactly = body[:end]
    if isinstance(request, ReqPQ | ReqPQMulti):
        _begin(connection, request, exactly)
    else:
        require(isinstance(request, ReqDHParams | SetClientDHParams), Check.HANDSHAKE_KNOWN, request.constructor.name)
        if isinstance(request, ReqDHParams | SetClientDHParams):
            _go_on(connection, request, exactly)


def _begin(connection: ServerConnection, request: ReqPQ | ReqPQMulti, exactly: bytes) -> None:
    """Step 1. Clients probe with nonces that they never use again, so an unfinished handshake is no fault."""
    handshakes, now = connection.server.handshakes, connection.now
    known = handshakes.began(request.nonce, now)
    if known is not None and isinstance(known.state, ExpectReqDHParams):
        _answer(connection, known.answer)
        return
    handshakes.may_begin(connection.peer, now)
    state = deliver(listening(), exactly, connection.server.tools(now))
    if isinstance(state, ExpectReqDHParams):
        nonces = state.nonces
        pending = handshakes.add(state, nonces.nonce, nonces.server_nonce, connection.peer, now)
        _advance(connection, pending, None, state, exactly)


def _go_on(connection: ServerConnection, request: ReqDHParams | SetClientDHParams, exactly: bytes) -> None:
    known = connection.server.handshakes.find(request.nonce, request.server_nonce, connection.now)
    if known is None and connection.server.config.share_handshakes:
        _fetch(connection, request, exactly)
        return
    require(known is not None, Check.HANDSHAKE_KNOWN, "these nonces are not known here")
    if known is not None:
        _request(connection, known, request, exactly)


def _fetch(connection: ServerConnection, request: ReqDHParams | SetClientDHParams, exactly: bytes) -> None:
    """Another process may have begun this handshake."""

    def found(saved: bytes | None, now: float) -> None:
        require(saved is not None, Check.HANDSHAKE_KNOWN, "these nonces are not known here")
        if saved is None:
            return
        try:
            state = thaw(saved, connection.server.tools(now))
        except ValueError as error:
            # another release of this library, or a damaged store: the client begins again
            raise MalformedMessage(f"the stored handshake is unreadable: {error}") from None
        pending = connection.server.handshakes.add(state, request.nonce, request.server_nonce, connection.peer, now)
        _request(connection, pending, request, exactly)

    number = connection.asked.next_number()
    connection.ask(HandshakeNeeded(number=number, nonce=request.nonce, server_nonce=request.server_nonce), found)


def _request(connection: ServerConnection, pending: Pending, request: ReqDHParams | SetClientDHParams, exactly: bytes) -> None:
    """One request of a handshake that is known."""
    if exactly == pending.asked:
        # lost answers are sent again as they were
        _answer(connection, pending.answer)
        return
    state = pending.state
    # a second, different request would give one handshake several tries at our secrets
    later = isinstance(state, ExpectClientDHParams | KeyAgreed) and isinstance(request, ReqDHParams)
    require(not later and not isinstance(state, KeyAgreed), Check.REQUEST_CHANGED)
    require(isinstance(state, ExpectReqDHParams) == isinstance(request, ReqDHParams), Check.HANDSHAKE_KNOWN, "out of order")
    pending.worked_on = connection
    _step(connection, pending, exactly, lambda: deliver(state, exactly, connection.server.tools(connection.now)))


def _step(connection: ServerConnection, pending: Pending, exactly: bytes, step: Any) -> None:
    """Take a step of ``pending``; whatever breaks a rule ends the handshake for good."""
    if pending.worked_on is not connection:
        # the same request came on another stream meanwhile, and goes on there
        return
    try:
        after: State = step()
    except RemoteProtocolError:
        connection.server.handshakes.remove(pending)
        raise
    if isinstance(after, WorkState):
        work = after

        def computed(value: Any, now: float) -> None:
            _step(connection, pending, exactly, lambda: resume(work, value, connection.server.tools(now)))

        connection.compute(work.work, computed)
    elif isinstance(after, KeyOffering):
        _offer(connection, pending, after, exactly)
    elif isinstance(after, ExpectClientDHParams):
        _advance(connection, pending, pending.state, after, exactly)


def _offer(connection: ServerConnection, pending: Pending, offering: KeyOffering, exactly: bytes) -> None:
    """Step 8: stored first, told afterwards."""
    purpose = offering.purpose
    temporary = purpose.kind is KeyKind.TEMPORARY
    record = StoredKey(
        key=offering.key,
        kind=purpose.kind,
        media=purpose.dc.media,
        created_at=float(offering.server_time),
        expires_at=float(offering.server_time + (purpose.expires_in or 0)) if temporary else None,
        first_salt=offering.first_salt,
    )

    def decided(word: Stored, now: float) -> None:
        tools = connection.server.tools(now)
        if word is Stored.TAKEN:
            _advance(connection, pending, pending.state, offering.taken(tools), exactly)
            return
        agreed = offering.kept(tools)
        connection.server.cache_key(record)
        connection.server.handshakes.finish(pending)
        _advance(connection, pending, pending.state, agreed, exactly)
        connection.tell(KeyCreated(record=record))

    taken = connection.server.cached_key(record.key.id) is not None
    if taken:
        decided(Stored.TAKEN, connection.now)
    else:
        connection.ask(KeyOffered(number=connection.asked.next_number(), record=record), decided)


def _advance(
    connection: ServerConnection, pending: Pending, before: State | None, after: Waiting | KeyAgreed, exactly: bytes
) -> None:
    """The step is done; where handshakes are shared, only if no other process was faster."""

    def advanced(done: bool, _now: float) -> None:
        if not done:
            connection.server.handshakes.remove(pending)
        require(done, Check.HANDSHAKE_KNOWN, "another process went on with it")
        pending.advance(after, exactly, after.answer)
        _answer(connection, after.answer)

    if not connection.server.config.share_handshakes:
        advanced(True, connection.now)
        return
    tools = connection.server.tools(connection.now)
    question = HandshakeAdvanced(
        number=connection.asked.next_number(),
        nonce=pending.nonce,
        server_nonce=pending.server_nonce,
        before=freeze(before, tools) if isinstance(before, Waiting) else None,
        after=freeze(after, tools) if isinstance(after, Waiting) else None,
    )
    connection.ask(question, advanced)


def _answer(connection: ServerConnection, answer: bytes) -> None:
    """Frame an answer, under an id that says it is one. Draws, with ``plain_padding``, 1 byte and 4 times its value modulo 64."""
    entropy = connection.server.config.entropy
    padding = b""
    if connection.server.config.plain_padding:
        size = 4 * (entropy(1)[0] % 64)
        padding = entropy(size) if size else b""
    connection.send_plain(pack_plain(connection.next_plain_id(), answer, padding))
