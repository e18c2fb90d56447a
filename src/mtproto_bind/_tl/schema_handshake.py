"""The handshake: https://core.telegram.org/mtproto/auth_key.

Big numbers (``pq``, ``p``, ``q``, ``dh_prime``, ``g_a``, ``g_b``) are big-endian ``bytes``.
"""

from __future__ import annotations

from typing import Final

from .codec import Writer
from .table import Schema, TLObject, constructor

__all__ = [
    "HANDSHAKE",
    "ClientDHInnerData",
    "DHGenFail",
    "DHGenOk",
    "DHGenRetry",
    "PQInnerData",
    "PQInnerDataDC",
    "PQInnerDataTemp",
    "PQInnerDataTempDC",
    "ReqDHParams",
    "ReqPQ",
    "ReqPQMulti",
    "ResPQ",
    "ServerDHInnerData",
    "ServerDHParamsFail",
    "ServerDHParamsOk",
    "SetClientDHParams",
    "rsa_public_key",
]


@constructor("req_pq#60469778 nonce:int128 = ResPQ")
class ReqPQ(TLObject):
    """The request of old clients; servers accept it."""

    nonce: bytes


@constructor("req_pq_multi#be7e8ef1 nonce:int128 = ResPQ")
class ReqPQMulti(TLObject):
    """Step 1: the client's nonce."""

    nonce: bytes


@constructor("resPQ#05162463 nonce:int128 server_nonce:int128 pq:string server_public_key_fingerprints:Vector<long> = ResPQ")
class ResPQ(TLObject):
    """Step 2: the server's nonce, a product to factor, and the keys it has."""

    nonce: bytes
    server_nonce: bytes
    pq: bytes
    server_public_key_fingerprints: tuple[int, ...]


@constructor(
    "p_q_inner_data#83c95aec pq:string p:string q:string nonce:int128 server_nonce:int128 new_nonce:int256 = P_Q_inner_data",
    hidden=("new_nonce",),
)
class PQInnerData(TLObject):
    """Permanent key, from old clients: no data centre."""

    pq: bytes
    p: bytes
    q: bytes
    nonce: bytes
    server_nonce: bytes
    new_nonce: bytes


@constructor(
    "p_q_inner_data_dc#a9f55f95 pq:string p:string q:string nonce:int128 server_nonce:int128 new_nonce:int256 dc:int"
    " = P_Q_inner_data",
    hidden=("new_nonce",),
)
class PQInnerDataDC(TLObject):
    """Permanent key."""

    pq: bytes
    p: bytes
    q: bytes
    nonce: bytes
    server_nonce: bytes
    new_nonce: bytes
    dc: int


@constructor(
    "p_q_inner_data_temp#3c6a84d4 pq:string p:string q:string nonce:int128 server_nonce:int128 new_nonce:int256"
    " expires_in:int = P_Q_inner_data",
    hidden=("new_nonce",),
)
class PQInnerDataTemp(TLObject):
    """Temporary key, from old clients: no data centre."""

    pq: bytes
    p: bytes
    q: bytes
    nonce: bytes
    server_nonce: bytes
    new_nonce: bytes
    expires_in: int


@constructor(
    "p_q_inner_data_temp_dc#56fddf88 pq:string p:string q:string nonce:int128 server_nonce:int128 new_nonce:int256"
    " dc:int expires_in:int = P_Q_inner_data",
    hidden=("new_nonce",),
)
class PQInnerDataTempDC(TLObject):
    """Temporary key. ``expires_in``: seconds, a duration."""

    pq: bytes
    p: bytes
    q: bytes
    nonce: bytes
    server_nonce: bytes
    new_nonce: bytes
    dc: int
    expires_in: int


@constructor(
    "req_DH_params#d712e4be nonce:int128 server_nonce:int128 p:string q:string public_key_fingerprint:long"
    " encrypted_data:string = Server_DH_Params"
)
class ReqDHParams(TLObject):
    """Step 5: the factors, and the inner data under the server's RSA key (256 bytes)."""

    nonce: bytes
    server_nonce: bytes
    p: bytes
    q: bytes
    public_key_fingerprint: int
    encrypted_data: bytes


@constructor("server_DH_params_fail#79cb045d nonce:int128 server_nonce:int128 new_nonce_hash:int128 = Server_DH_Params")
class ServerDHParamsFail(TLObject):
    """Step 6, the refusal of old servers; today's send the transport error -404."""

    nonce: bytes
    server_nonce: bytes
    new_nonce_hash: bytes


@constructor("server_DH_params_ok#d0e8075c nonce:int128 server_nonce:int128 encrypted_answer:string = Server_DH_Params")
class ServerDHParamsOk(TLObject):
    """Step 6: the group and the server's share, encrypted."""

    nonce: bytes
    server_nonce: bytes
    encrypted_answer: bytes


@constructor(
    "server_DH_inner_data#b5890dba nonce:int128 server_nonce:int128 g:int dh_prime:string g_a:string server_time:int"
    " = Server_DH_inner_data"
)
class ServerDHInnerData(TLObject):
    """What ``encrypted_answer`` holds. ``server_time``: unix seconds."""

    nonce: bytes
    server_nonce: bytes
    g: int
    dh_prime: bytes
    g_a: bytes
    server_time: int


@constructor("client_DH_inner_data#6643b654 nonce:int128 server_nonce:int128 retry_id:long g_b:string = Client_DH_Inner_Data")
class ClientDHInnerData(TLObject):
    """What ``encrypted_data`` of the next request holds. ``retry_id``: 0, or the aux hash of the key refused before."""

    nonce: bytes
    server_nonce: bytes
    retry_id: int
    g_b: bytes


@constructor("set_client_DH_params#f5045f1f nonce:int128 server_nonce:int128 encrypted_data:string = Set_client_DH_params_answer")
class SetClientDHParams(TLObject):
    """Step 7: the client's share, encrypted."""

    nonce: bytes
    server_nonce: bytes
    encrypted_data: bytes


@constructor("dh_gen_ok#3bcbf734 nonce:int128 server_nonce:int128 new_nonce_hash1:int128 = Set_client_DH_params_answer")
class DHGenOk(TLObject):
    """Step 9: the key is made."""

    nonce: bytes
    server_nonce: bytes
    new_nonce_hash1: bytes


@constructor("dh_gen_retry#46dc1fb9 nonce:int128 server_nonce:int128 new_nonce_hash2:int128 = Set_client_DH_params_answer")
class DHGenRetry(TLObject):
    """Step 9: the key's id is taken; send another share."""

    nonce: bytes
    server_nonce: bytes
    new_nonce_hash2: bytes


@constructor("dh_gen_fail#a69dae02 nonce:int128 server_nonce:int128 new_nonce_hash3:int128 = Set_client_DH_params_answer")
class DHGenFail(TLObject):
    """Step 9: refused."""

    nonce: bytes
    server_nonce: bytes
    new_nonce_hash3: bytes


def rsa_public_key(n: bytes, e: bytes) -> bytes:
    """``rsa_public_key n:string e:string = RSAPublicKey``, which is always bare: only its hash is ever used.

    ``n``, ``e``: big endian without leading zeros.
    """
    writer = Writer()
    writer.string(n)
    writer.string(e)
    return writer.to_bytes()


HANDSHAKE: Final = Schema(
    (
        ReqPQ,
        ReqPQMulti,
        ResPQ,
        PQInnerData,
        PQInnerDataDC,
        PQInnerDataTemp,
        PQInnerDataTempDC,
        ReqDHParams,
        ServerDHParamsFail,
        ServerDHParamsOk,
        ServerDHInnerData,
        ClientDHInnerData,
        SetClientDHParams,
        DHGenOk,
        DHGenRetry,
        DHGenFail,
    )
)
