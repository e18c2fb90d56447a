"""Service messages of a session: https://core.telegram.org/mtproto/service_messages.

Every id, salt and session here is an unsigned 64 bit number. ``msg_container`` is in ``container.py``.
"""

from __future__ import annotations

from typing import Final

from .container import MsgContainer
from .table import Schema, TLObject, bare, constructor

__all__ = [
    "BOOL_FALSE",
    "BOOL_TRUE",
    "SERVICE",
    "BadMsgNotification",
    "BadServerSalt",
    "DestroyAuthKey",
    "DestroyAuthKeyFail",
    "DestroyAuthKeyNone",
    "DestroyAuthKeyOk",
    "DestroySession",
    "DestroySessionNone",
    "DestroySessionOk",
    "FutureSalt",
    "FutureSalts",
    "GetFutureSalts",
    "GzipPacked",
    "HttpWait",
    "MsgDetailedInfo",
    "MsgNewDetailedInfo",
    "MsgResendReq",
    "MsgsAck",
    "MsgsAllInfo",
    "MsgsStateInfo",
    "MsgsStateReq",
    "NewSessionCreated",
    "Ping",
    "PingDelayDisconnect",
    "Pong",
    "RpcAnswerDropped",
    "RpcAnswerDroppedRunning",
    "RpcAnswerUnknown",
    "RpcDropAnswer",
    "RpcError",
    "RpcResult",
]

BOOL_TRUE: Final = bytes.fromhex("b5757299")
"""``boolTrue#997275b5 = Bool``, whole."""

BOOL_FALSE: Final = bytes.fromhex("379779bc")
"""``boolFalse#bc799737 = Bool``, whole."""


@constructor("rpc_result#f35c6d01 req_msg_id:long result:Object = RpcResult")
class RpcResult(TLObject):
    """The answer to a query. ``result``: one boxed object, whose type the query decides."""

    req_msg_id: int
    result: bytes


@constructor("rpc_error#2144ca19 error_code:int error_message:string = RpcError")
class RpcError(TLObject):
    """Only inside ``rpc_result``. ``error_message`` may hold any bytes."""

    error_code: int
    error_message: bytes


@constructor("gzip_packed#3072cfa1 packed_data:string = Object")
class GzipPacked(TLObject):
    """Any object, compressed: see ``packed.py``."""

    packed_data: bytes


@constructor("msgs_ack#62d6b459 msg_ids:Vector<long> = MsgsAck")
class MsgsAck(TLObject):
    """These messages have arrived."""

    msg_ids: tuple[int, ...]


@constructor("bad_msg_notification#a7eff811 bad_msg_id:long bad_msg_seqno:int error_code:int = BadMsgNotification")
class BadMsgNotification(TLObject):
    """A message was ignored, for the reason in ``error_code``."""

    bad_msg_id: int
    bad_msg_seqno: int
    error_code: int


@constructor(
    "bad_server_salt#edab447b bad_msg_id:long bad_msg_seqno:int error_code:int new_server_salt:long = BadMsgNotification"
)
class BadServerSalt(TLObject):
    """A message was ignored for its salt (``error_code`` 48); here is a good one."""

    bad_msg_id: int
    bad_msg_seqno: int
    error_code: int
    new_server_salt: int


@constructor("msgs_state_req#da69fb52 msg_ids:Vector<long> = MsgsStateReq")
class MsgsStateReq(TLObject):
    """What became of these messages?"""

    msg_ids: tuple[int, ...]


@constructor("msgs_state_info#04deb57d req_msg_id:long info:string = MsgsStateInfo")
class MsgsStateInfo(TLObject):
    """One byte for each message asked about, in order."""

    req_msg_id: int
    info: bytes


@constructor("msgs_all_info#8cc0d131 msg_ids:Vector<long> info:string = MsgsAllInfo")
class MsgsAllInfo(TLObject):
    """The same, unasked."""

    msg_ids: tuple[int, ...]
    info: bytes


@constructor("msg_detailed_info#276d3ec6 msg_id:long answer_msg_id:long bytes:int status:int = MsgDetailedInfo")
class MsgDetailedInfo(TLObject):
    """Instead of a large answer sent again. ``length``: ``bytes`` in the line."""

    msg_id: int
    answer_msg_id: int
    length: int
    status: int


@constructor("msg_new_detailed_info#809db6df answer_msg_id:long bytes:int status:int = MsgDetailedInfo")
class MsgNewDetailedInfo(TLObject):
    """Instead of a large message that is no answer. ``length``: ``bytes`` in the line."""

    answer_msg_id: int
    length: int
    status: int


@constructor("msg_resend_req#7d861a08 msg_ids:Vector<long> = MsgResendReq")
class MsgResendReq(TLObject):
    """Send these messages again."""

    msg_ids: tuple[int, ...]


@constructor("new_session_created#9ec20908 first_msg_id:long unique_id:long server_salt:long = NewSession")
class NewSessionCreated(TLObject):
    """The server did not know this session; what came before ``first_msg_id`` may be lost."""

    first_msg_id: int
    unique_id: int
    server_salt: int


@constructor("ping#7abe77ec ping_id:long = Pong")
class Ping(TLObject):
    """Either side may send one."""

    ping_id: int


@constructor("ping_delay_disconnect#f3427b8c ping_id:long disconnect_delay:int = Pong")
class PingDelayDisconnect(TLObject):
    """A ping, and a request to close the stream ``disconnect_delay`` seconds later unless another comes."""

    ping_id: int
    disconnect_delay: int


@constructor("pong#347773c5 msg_id:long ping_id:long = Pong")
class Pong(TLObject):
    """``msg_id``: the message that held the ping."""

    msg_id: int
    ping_id: int


@constructor("get_future_salts#b921bd04 num:int = FutureSalts")
class GetFutureSalts(TLObject):
    """``num``: 1 to 64."""

    num: int


@constructor("future_salt#0949d9dc valid_since:int valid_until:int salt:long = FutureSalt")
class FutureSalt(TLObject):
    """Times in unix seconds of the server."""

    valid_since: int
    valid_until: int
    salt: int


@constructor(
    "future_salts#ae500895 req_msg_id:long now:int salts:vector<future_salt> = FutureSalts",
    kinds={"future_salt": bare(FutureSalt)},
)
class FutureSalts(TLObject):
    """The answer to ``get_future_salts``; not wrapped in ``rpc_result``."""

    req_msg_id: int
    now: int
    salts: tuple[FutureSalt, ...]


@constructor("rpc_drop_answer#58e4a740 req_msg_id:long = RpcDropAnswer")
class RpcDropAnswer(TLObject):
    """Do not answer that query."""

    req_msg_id: int


@constructor("rpc_answer_unknown#5e2ad36e = RpcDropAnswer")
class RpcAnswerUnknown(TLObject):
    """Nothing is known of that query."""


@constructor("rpc_answer_dropped_running#cd78e586 = RpcDropAnswer")
class RpcAnswerDroppedRunning(TLObject):
    """It was running; its answer is dropped."""


@constructor("rpc_answer_dropped#a43ad8b7 msg_id:long seq_no:int bytes:int = RpcDropAnswer")
class RpcAnswerDropped(TLObject):
    """Its answer was ready and is dropped. ``length``: ``bytes`` in the line."""

    msg_id: int
    seq_no: int
    length: int


@constructor("destroy_session#e7512126 session_id:long = DestroySessionRes")
class DestroySession(TLObject):
    """Forget another session of the same key."""

    session_id: int


@constructor("destroy_session_ok#e22045fc session_id:long = DestroySessionRes")
class DestroySessionOk(TLObject):
    """Forgotten."""

    session_id: int


@constructor("destroy_session_none#62d350c9 session_id:long = DestroySessionRes")
class DestroySessionNone(TLObject):
    """There was none."""

    session_id: int


@constructor("destroy_auth_key#d1435160 = DestroyAuthKeyRes")
class DestroyAuthKey(TLObject):
    """Destroy the permanent key."""


@constructor("destroy_auth_key_ok#f660e1d4 = DestroyAuthKeyRes")
class DestroyAuthKeyOk(TLObject):
    """Destroyed."""


@constructor("destroy_auth_key_none#0a9f2259 = DestroyAuthKeyRes")
class DestroyAuthKeyNone(TLObject):
    """There was none."""


@constructor("destroy_auth_key_fail#ea109b13 = DestroyAuthKeyRes")
class DestroyAuthKeyFail(TLObject):
    """Not destroyed."""


@constructor("http_wait#9299359f max_delay:int wait_after:int max_wait:int = HttpWait")
class HttpWait(TLObject):
    """HTTP only; milliseconds; has no answer."""

    max_delay: int
    wait_after: int
    max_wait: int


SERVICE: Final = Schema(
    (
        RpcResult,
        RpcError,
        GzipPacked,
        MsgsAck,
        BadMsgNotification,
        BadServerSalt,
        MsgsStateReq,
        MsgsStateInfo,
        MsgsAllInfo,
        MsgDetailedInfo,
        MsgNewDetailedInfo,
        MsgResendReq,
        NewSessionCreated,
        Ping,
        PingDelayDisconnect,
        Pong,
        GetFutureSalts,
        FutureSalt,
        FutureSalts,
        RpcDropAnswer,
        RpcAnswerUnknown,
        RpcAnswerDroppedRunning,
        RpcAnswerDropped,
        DestroySession,
        DestroySessionOk,
        DestroySessionNone,
        DestroyAuthKey,
        DestroyAuthKeyOk,
        DestroyAuthKeyNone,
        DestroyAuthKeyFail,
        HttpWait,
    ),
    rows=(
        MsgContainer.constructor.line,
        "message#5bb8e511 msg_id:long seqno:int bytes:int body:Object = Message",
        "msg_copy#e06046b2 orig_message:Message = MessageCopy",
        "msg_resend_ans_req#8610baeb msg_ids:Vector<long> = MsgResendReq",
        "boolTrue#997275b5 = Bool",
        "boolFalse#bc799737 = Bool",
        "true#3fedd339 = True",
        "vector#1cb5c415 {t:Type} # [ t ] = Vector t",
    ),
)
