"""The few API methods that a connection itself sends, answers or looks through.

https://core.telegram.org/api/pfs and https://core.telegram.org/api/invoking. A ``query`` is one boxed object up to the end
of the message; what it is belongs to the layer above.
"""

from __future__ import annotations

from typing import Final

from .codec import Writer
from .json_value import JSON_ROWS, read_json
from .table import Kind, Schema, TLObject, boxed, constructor

__all__ = [
    "API",
    "BindAuthKeyInner",
    "BindTempAuthKey",
    "DropTempAuthKeys",
    "HelpGetConfig",
    "HelpGetNearestDc",
    "InitConnection",
    "InputClientProxy",
    "InvokeAfterMsg",
    "InvokeAfterMsgs",
    "InvokeWithLayer",
    "InvokeWithoutUpdates",
    "NearestDc",
]


@constructor(
    "bind_auth_key_inner#75a3f765 nonce:long temp_auth_key_id:long perm_auth_key_id:long temp_session_id:long"
    " expires_at:int = BindAuthKeyInner"
)
class BindAuthKeyInner(TLObject):
    """Inside ``encrypted_message``, 40 bytes. ``expires_at``: unix seconds of the server."""

    nonce: int
    temp_auth_key_id: int
    perm_auth_key_id: int
    temp_session_id: int
    expires_at: int


@constructor("auth.bindTempAuthKey#cdd42a05 perm_auth_key_id:long nonce:long expires_at:int encrypted_message:bytes = Bool")
class BindTempAuthKey(TLObject):
    """The binding, 132 bytes. https://core.telegram.org/method/auth.bindTempAuthKey"""

    perm_auth_key_id: int
    nonce: int
    expires_at: int
    encrypted_message: bytes


@constructor("auth.dropTempAuthKeys#8e48a188 except_auth_keys:Vector<long> = Bool")
class DropTempAuthKeys(TLObject):
    """Unbind every temporary key but these."""

    except_auth_keys: tuple[int, ...]


@constructor("invokeWithLayer#da9b0d0d {X:Type} layer:int query:!X = X")
class InvokeWithLayer(TLObject):
    """The outer of the two wrappers of a first call."""

    layer: int
    query: bytes


@constructor("inputClientProxy#75588b3f address:string port:int = InputClientProxy")
class InputClientProxy(TLObject):
    """The proxy that a client says it uses."""

    address: bytes
    port: int


@constructor(
    "initConnection#c1cd5ea9 {X:Type} flags:# api_id:int device_model:string system_version:string app_version:string"
    " system_lang_code:string lang_pack:string lang_code:string proxy:flags.0?InputClientProxy"
    " params:flags.1?JSONValue query:!X = X",
    kinds={"InputClientProxy": boxed(InputClientProxy), "JSONValue": Kind(read_json, Writer.raw, 4)},
)
class InitConnection(TLObject):
    """The inner of the two wrappers of a first call. ``params``: one ``JSONValue`` as it lies on the wire."""

    api_id: int
    device_model: bytes
    system_version: bytes
    app_version: bytes
    system_lang_code: bytes
    lang_pack: bytes
    lang_code: bytes
    proxy: InputClientProxy | None
    params: bytes | None
    query: bytes


@constructor("invokeAfterMsg#cb9f372d {X:Type} msg_id:long query:!X = X")
class InvokeAfterMsg(TLObject):
    """Run the query when that message has succeeded."""

    msg_id: int
    query: bytes


@constructor("invokeAfterMsgs#3dc4b4f0 {X:Type} msg_ids:Vector<long> query:!X = X")
class InvokeAfterMsgs(TLObject):
    """Run the query when those messages have succeeded."""

    msg_ids: tuple[int, ...]
    query: bytes


@constructor("invokeWithoutUpdates#bf9459b7 {X:Type} query:!X = X")
class InvokeWithoutUpdates(TLObject):
    """Do not subscribe this connection to updates."""

    query: bytes


@constructor("help.getConfig#c4f9186b = Config")
class HelpGetConfig(TLObject):
    """One of the calls allowed before the binding; its answer is opaque here."""


@constructor("help.getNearestDc#1fb33026 = NearestDc")
class HelpGetNearestDc(TLObject):
    """One of the calls allowed before the binding."""


@constructor("nearestDc#8e1a1775 country:string this_dc:int nearest_dc:int = NearestDc")
class NearestDc(TLObject):
    """The answer to ``help.getNearestDc``."""

    country: bytes
    this_dc: int
    nearest_dc: int


API: Final = Schema(
    (
        BindAuthKeyInner,
        BindTempAuthKey,
        DropTempAuthKeys,
        InvokeWithLayer,
        InputClientProxy,
        InitConnection,
        InvokeAfterMsg,
        InvokeAfterMsgs,
        InvokeWithoutUpdates,
        HelpGetConfig,
        HelpGetNearestDc,
        NearestDc,
    ),
    rows=(
        "auth.exportAuthorization#e5bfffcd dc_id:int = auth.ExportedAuthorization",
        "auth.importAuthorization#a57a7dad id:long bytes:bytes = auth.Authorization",
        *JSON_ROWS,
    ),
)
