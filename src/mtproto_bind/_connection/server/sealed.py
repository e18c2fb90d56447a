"""What comes under a key: opened, checked as a whole, and only then acted upon.

https://core.telegram.org/mtproto/service_messages_about_messages
"""

from __future__ import annotations

from functools import partial

from attrs import frozen

from ..._crypto import Side
from ..._errors import Check, SecurityError, require
from ..._questions import StoredKey
from ..._session import REPLY, UNASKED, Item, Received, Unrolled, constructor_id, time_of, unroll
from ..._tl import (
    SERVICE,
    BadMsgNotification,
    BadServerSalt,
    GzipPacked,
    MsgResendReq,
    MsgsAck,
    MsgsAllInfo,
    MsgsStateReq,
    NewSessionCreated,
    TLObject,
)
from ..._wire import Opened, key_id_of, open_sealed
from .calls import receive_query
from .link import Link
from .service import receive_service
from .sessions import ServerSession

__all__ = ["receive_sealed"]

OLDEST, NEWEST = 300, 30
"""Seconds before and after our time."""
TOO_OLD = 20
"""So many came since that nobody knows whether this one came."""
CODES = {Check.CLIENT_MSG_ID: 18, Check.CONTAINER_SEEN: 19, Check.SEQ_NO_EVEN: 34, Check.SEQ_NO_ODD: 35}
QUERIES = frozenset({GzipPacked.constructor.id})
"""Known to the service schema, and an API query all the same."""


@frozen
class Prepared:
    """One message, read. ``service``: None for an API query."""

    message: Received
    service: TLObject | None


def receive_sealed(connection: Link, frame: bytes) -> None:
    """A sealed message. Raises SecurityError(KEY_KNOWN) for a key that nobody has."""
    key_id = key_id_of(frame)
    known = connection.server.cached_key(key_id)
    if known is not None:
        _open(connection, known, frame)
        return

    def found(answer: StoredKey | None) -> None:
        _open(connection, require(answer, Check.KEY_KNOWN, "the owner has no such key"), frame)

    connection.ask_for_key(key_id, found)


def _open(connection: Link, record: StoredKey, frame: bytes) -> None:
    require(record.expires_at is None or connection.now < record.expires_at, Check.KEY_KNOWN, "the key has expired")
    config = connection.server.config
    opened = open_sealed(frame, record.key, Side.CLIENT, config.crypto)
    unrolled = unroll(opened, config.limits)
    prepared = [_prepare(message, config.limits.ids) for message in unrolled.messages]
    one = connection.session_for(record, opened.session_id)
    try:
        _check(one, opened, unrolled, prepared, connection.now)
    except SecurityError as error:
        _refuse(connection, one, opened, prepared, error)
        return
    # all or nothing has been decided; now the effects
    if not unrolled.is_container and one.session.doubles.seen(opened.msg_id):
        # it may be a copy that somebody on the path has made, and brings him nothing
        _double(connection, one, *prepared)
        return
    connection.stream.send_quick_ack(opened.quick_ack_token)
    connection.attach(connection.server.sessions.open(record, opened.session_id, one))
    if unrolled.is_container:
        one.session.doubles.add(opened.msg_id, opened.seq_no)
    _announce(one, unrolled, connection.now)
    connection.do_next([partial(_take, connection, record, one, each) for each in prepared])


def _prepare(message: Received, most_ids: int) -> Prepared:
    """Read a service message. Raises MalformedMessage, SecurityError(ID_COUNT)."""
    if SERVICE.name_of(message.body) is None or constructor_id(message.body) in QUERIES:
        return Prepared(message, None)
    service = SERVICE.read_whole(message.body)
    if isinstance(service, MsgsAck | MsgsStateReq | MsgResendReq | MsgsAllInfo):
        require(len(service.msg_ids) <= most_ids, Check.ID_COUNT)
    return Prepared(message, service)


def _check(one: ServerSession, opened: Opened, unrolled: Unrolled, prepared: list[Prepared], now: float) -> None:
    """Everything that is answered by a notification. Raises SecurityError of scope MESSAGE."""
    for msg_id in (opened.msg_id, *(each.message.msg_id for each in prepared)):
        require(msg_id % 4 == 0, Check.CLIENT_MSG_ID)
    # the window holds for the outer id: inside a container old messages are sent again
    require(-NEWEST <= now - time_of(opened.msg_id) <= OLDEST, Check.MSG_ID_WINDOW)
    require(one.salts.accepts(opened.salt, now), Check.SERVER_SALT)
    if unrolled.is_container:
        require(not one.session.doubles.seen(opened.msg_id), Check.CONTAINER_SEEN)
        require(opened.seq_no % 2 == 0, Check.SEQ_NO_EVEN)
    for each in prepared:
        if each.service is None:
            require(each.message.seq_no % 2 == 1, Check.SEQ_NO_ODD)
    require(not _disorder(one, opened, prepared), Check.SEQ_NO_ORDER)


def _disorder(one: ServerSession, opened: Opened, prepared: list[Prepared]) -> int:
    """32 or 33 where seq_no does not grow with msg_id, else 0; the neighbours suffice, since those before were in order."""
    doubles = one.session.doubles
    numbers = {opened.msg_id: opened.seq_no} | {each.message.msg_id: each.message.seq_no for each in prepared}
    before: int | None = None
    for msg_id, seq_no in sorted(numbers.items()):
        if doubles.seen(msg_id):
            continue
        below, above = doubles.neighbours(msg_id)
        # an odd number stands for one message, an even one for any number of them
        least, most = seq_no - seq_no % 2, seq_no + seq_no % 2
        if any(low is not None and low > least for low in (below, before)):
            return 32
        if above is not None and above < most:
            return 33
        before = seq_no
    return 0


def _refuse(connection: Link, one: ServerSession, opened: Opened, prepared: list[Prepared], error: SecurityError) -> None:
    """The whole message is ignored, and the client told why and how to mend it: where it came, and nowhere else."""
    now = connection.now
    connection.dropped[error.check] += 1
    bad = {"bad_msg_id": opened.msg_id, "bad_msg_seqno": opened.seq_no}
    if error.check is Check.SERVER_SALT:
        connection.reply(one, _reply(BadServerSalt(**bad, error_code=48, new_server_salt=one.salts.current(now))))
        return
    if error.check is Check.MSG_ID_WINDOW:
        code = 16 if time_of(opened.msg_id) < now else 17
    elif error.check is Check.SEQ_NO_ORDER:
        code = _disorder(one, opened, prepared)
    elif error.check is Check.CONTAINER_SEEN and not one.session.doubles.knows(opened.msg_id):
        code = TOO_OLD
    else:
        code = CODES[error.check]
    connection.reply(one, _reply(BadMsgNotification(**bad, error_code=code)))


def _announce(one: ServerSession, unrolled: Unrolled, now: float) -> None:
    """new_session_created for the first message of a session, and again if a message with a lower id turns up."""
    first = unrolled.first_msg_id
    if one.announced_from is not None and first >= one.announced_from:
        return
    one.announced_from = first
    created = NewSessionCreated(first_msg_id=first, unique_id=one.unique_id, server_salt=one.salts.current(now))
    one.say(Item(body=created.to_bytes(), content_related=True, keep=True, remainder=UNASKED))


def _take(connection: Link, record: StoredKey, one: ServerSession, prepared: Prepared) -> None:
    message, doubles = prepared.message, one.session.doubles
    if connection.server.sessions.find(record.key.id, one.session.session_id) is not one:
        # it has ended since the container was opened, and its key perhaps too
        return
    if doubles.seen(message.msg_id):
        _double(connection, one, prepared)
        return
    doubles.add(message.msg_id, message.seq_no)
    # an acknowledgement is never acknowledged; mtcute gives it an odd seq_no all the same, and Telegram takes that
    if message.content_related and not isinstance(prepared.service, MsgsAck):
        one.session.acks.add(message.msg_id, connection.now)
    if prepared.service is not None:
        receive_service(connection, record, one, message, prepared.service)
    else:
        receive_query(connection, record, one, message)


def _double(connection: Link, one: ServerSession, prepared: Prepared) -> None:
    """A message that came before never runs again; its answer may have been lost."""
    message = prepared.message
    connection.dropped[Check.MSG_ID_SEEN] += 1
    # too old to tell; or a query that had its answer, which nobody acknowledged and we have forgotten
    if not one.session.doubles.knows(message.msg_id) or (prepared.service is None and one.has_nothing_of(message.msg_id)):
        bad = BadMsgNotification(bad_msg_id=message.msg_id, bad_msg_seqno=message.seq_no, error_code=TOO_OLD)
        connection.reply(one, _reply(bad))
    elif one.answer_kept(message.msg_id):
        one.repeat_answer(message.msg_id)
    elif message.content_related and message.msg_id not in one.undecided:
        one.session.acks.add(message.msg_id, connection.now)


def _reply(thing: TLObject) -> Item:
    return Item(body=thing.to_bytes(), content_related=False, remainder=REPLY)
