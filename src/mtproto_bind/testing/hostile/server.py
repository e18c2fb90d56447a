"""A server, straight on: every step as the specification tells it, and every value that it sends has a name.

It keeps the rules of the protocol, but not those that protect a server: it has nothing to lose, and takes what comes as far
as it can be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..._crypto import (
    KNOWN_PRIME,
    AuthKey,
    Crypto,
    Entropy,
    PrivateKey,
    RsaOpen,
    Secret,
    default_crypto,
    first_salt,
    new_nonce_hash,
    new_nonce_hash_fail,
    old_pad_open,
    rsa_pad_open,
    tmp_aes,
)
from ..._errors import SecurityError, UnexpectedMessage
from ..._ground import id_from_bytes, to_int, to_minimal
from ..._tl import (
    HANDSHAKE,
    ClientDHInnerData,
    DHGenFail,
    DHGenOk,
    DHGenRetry,
    PQInnerData,
    PQInnerDataDC,
    PQInnerDataTemp,
    PQInnerDataTempDC,
    ReqDHParams,
    ReqPQ,
    ReqPQMulti,
    ResPQ,
    ServerDHInnerData,
    ServerDHParamsFail,
    ServerDHParamsOk,
    SetClientDHParams,
    TLObject,
)
from ..._wire import ServerTransport, Transport, key_id_of, unpack_plain
from .breach import Breach
from .peer import Complaint, Steps
from .serving import Known, Serving

__all__ = ["HostileServer"]

M = TypeVar("M", bound=TLObject)
InnerData = PQInnerData | PQInnerDataDC | PQInnerDataTemp | PQInnerDataTempDC

# the sample of the documentation: no client spends long on it
P, Q = 1229739323, 1402015859


class Restart(Exception):
    """The client begins another handshake, before this one is at its end."""

    def __init__(self, nonce: bytes) -> None:
        super().__init__()
        self.nonce = nonce


class HostileServer(Serving):
    """Serves one stream: handshakes, bindings, calls. With ``breach`` it breaks exactly one rule, once.

    ``before``: the server of the stream before; keys and sessions go on from there. ``handle_call``: from the body of a
    call, out of its wrappers, to the body of its result; by default the call itself.
    """

    def __init__(
        self,
        private_key: PrivateKey,
        breach: Breach | None = None,
        *,
        entropy: Entropy,
        clock: Callable[[], float],
        before: HostileServer | None = None,
        handle_call: Callable[[bytes], bytes] = lambda body: body,
        transport: Transport | ServerTransport | None = None,
        crypto: Crypto | None = None,
    ) -> None:
        self._private_key = private_key
        super().__init__(
            before,
            handle_call,
            transport if transport is not None else Transport.detect(),
            breach=breach,
            entropy=entropy,
            crypto=crypto if crypto is not None else default_crypto(),
            clock=clock,
        )

    def _script(self) -> Steps[None]:
        steps = self._idle()
        while True:
            try:
                yield from steps
                steps = self._idle()
            except Restart as restart:
                steps = self._exchange(restart.nonce)

    def _idle(self) -> Steps[None]:
        message = yield from self._next()
        raise Complaint(f"{message.constructor.name} where req_pq was awaited")

    def _exchange(self, nonce: bytes) -> Steps[None]:
        """One handshake, from the second message on: https://core.telegram.org/mtproto/auth_key"""
        server_nonce = self._entropy(16)
        self._plain("res_pq", self._res_pq(nonce, server_nonce))

        request = yield from self._request(ReqDHParams, nonce)
        if (request.server_nonce, to_int(request.p), to_int(request.q)) != (server_nonce, P, Q):
            raise Complaint("req_DH_params does not fit resPQ")
        inner = self._open(request)
        if (inner.nonce, inner.server_nonce, to_int(inner.pq)) != (nonce, server_nonce, P * Q):
            raise Complaint("the inner data does not fit req_DH_params")
        new_nonce = inner.new_nonce
        if self._twist("server_dh_params.fails", False):
            self._plain("server_dh_params", self._failure(nonce, server_nonce, new_nonce))
            return
        g, prime = self._twist("dh.g", 3), self._twist("dh.prime", KNOWN_PRIME)
        a = self._twist("dh.a", to_int(self._entropy(256)))
        g_a = self._twist("dh.g_a", self._crypto.modexp(g, a, prime))
        self._plain("server_dh_params", self._offer(nonce, server_nonce, new_nonce, (g, prime, g_a)))

        rejected = bytes(8)
        retries = self._twist("dh_gen.retries", 0)
        while True:
            asked = yield from self._request(SetClientDHParams, nonce)
            share = self._open_share(asked, server_nonce, new_nonce, rejected)
            key = AuthKey.from_number(self._crypto.modexp(share, a, prime))
            if not retries:
                break
            retries -= 1
            rejected = key.aux_hash
            self._plain("dh_gen_retry", DHGenRetry(*self._proof("dh_gen_retry", nonce, server_nonce, new_nonce, 2, key)))
        if self._twist("dh_gen.fails", False):
            self._plain("dh_gen_fail", DHGenFail(*self._proof("dh_gen_fail", nonce, server_nonce, new_nonce, 3, key)))
            return
        self._keys[key.id] = Known(key, first_salt(new_nonce, server_nonce), _lifetime(inner))
        self._plain("dh_gen_ok", DHGenOk(*self._proof("dh_gen_ok", nonce, server_nonce, new_nonce, 1, key)))

    # ---- what is sent

    def _res_pq(self, nonce: bytes, server_nonce: bytes) -> ResPQ:
        return ResPQ(
            nonce=self._twist("res_pq.nonce", nonce),
            server_nonce=server_nonce,
            pq=self._twist("res_pq.pq", to_minimal(P * Q)),
            server_public_key_fingerprints=self._twist("res_pq.fingerprints", (self._private_key.public.fingerprint,)),
        )

    def _failure(self, nonce: bytes, server_nonce: bytes, new_nonce: bytes) -> ServerDHParamsFail:
        digest = new_nonce_hash_fail(new_nonce, self._crypto)
        return ServerDHParamsFail(
            nonce=self._twist("server_dh_params.nonce", nonce),
            server_nonce=self._twist("server_dh_params.server_nonce", server_nonce),
            new_nonce_hash=self._twist("server_dh_params.new_nonce_hash", digest),
        )

    def _offer(self, nonce: bytes, server_nonce: bytes, new_nonce: bytes, group: tuple[int, int, int]) -> ServerDHParamsOk:
        g, prime, g_a = group
        inner = ServerDHInnerData(
            nonce=self._twist("server_dh_inner.nonce", nonce),
            server_nonce=self._twist("server_dh_inner.server_nonce", server_nonce),
            g=g,
            dh_prime=to_minimal(prime),
            g_a=to_minimal(g_a),
            server_time=int(self._clock()),
        ).to_bytes()
        with_hash = self._twist("server_dh_inner.sha1", self._crypto.sha1(inner)) + inner
        with_hash += self._twist("server_dh_inner.padding", self._entropy(-len(with_hash) % 16))
        encrypted = self._crypto.ige_encrypt(with_hash, *tmp_aes(new_nonce, server_nonce, self._crypto))
        return ServerDHParamsOk(
            nonce=self._twist("server_dh_params.nonce", nonce),
            server_nonce=self._twist("server_dh_params.server_nonce", server_nonce),
            encrypted_answer=self._twist("server_dh_params.encrypted_answer", encrypted),
        )

    def _proof(
        self, name: str, nonce: bytes, server_nonce: bytes, new_nonce: bytes, number: int, key: AuthKey
    ) -> tuple[bytes, bytes, bytes]:
        """The three fields that all of dh_gen_ok, dh_gen_retry and dh_gen_fail have."""
        return (
            self._twist(f"{name}.nonce", nonce),
            self._twist(f"{name}.server_nonce", server_nonce),
            self._twist(f"{name}.new_nonce_hash", new_nonce_hash(new_nonce, number, key.aux_hash, self._crypto)),
        )

    # ---- what is awaited

    def _request(self, kind: type[M], nonce: bytes) -> Steps[M]:
        """The next request of the handshake ``nonce``."""
        message = yield from self._next()
        if isinstance(message, kind) and getattr(message, "nonce", None) == nonce:
            return message
        raise Complaint(f"{message.constructor.name} where {kind.constructor.name} was awaited, or another nonce")

    def _next(self) -> Steps[TLObject]:
        """The next request in the clear that begins nothing; what comes under a key is served meanwhile."""
        while True:
            frame = yield
            if key_id_of(frame):
                self._receive_sealed(frame)
                continue
            message = _read(unpack_plain(frame)[1])
            if message is None:
                continue
            self.heard.append(message.constructor.name)
            if isinstance(message, ReqPQ | ReqPQMulti):
                raise Restart(message.nonce)
            return message

    def _open(self, request: ReqDHParams) -> InnerData:
        """encrypted_data, in the form of today or in that of before 2021."""
        encrypted = request.encrypted_data
        if request.public_key_fingerprint != self._private_key.public.fingerprint or len(encrypted) != 256:
            raise Complaint("encrypted_data is not under the key that was offered")
        block = RsaOpen(encrypted, self._private_key, Secret(self._entropy(32))).run(self._crypto)
        try:
            data, start = rsa_pad_open(block, self._crypto), 0
        except SecurityError:
            data, start = old_pad_open(block), 20
        inner, end = HANDSHAKE.read(data, start)
        if start and self._crypto.sha1(data[start:end]) != data[:start]:
            raise Complaint("the hash of the inner data is wrong")
        if not isinstance(inner, InnerData):
            raise Complaint("encrypted_data holds no inner data")
        return inner

    def _open_share(self, request: SetClientDHParams, server_nonce: bytes, new_nonce: bytes, retry_id: bytes) -> int:
        """g_b."""
        data = self._crypto.ige_decrypt(request.encrypted_data, *tmp_aes(new_nonce, server_nonce, self._crypto))
        inner, end = HANDSHAKE.read(data, 20)
        if not isinstance(inner, ClientDHInnerData) or self._crypto.sha1(data[20:end]) != data[:20]:
            raise Complaint("the hash of client_DH_inner_data is wrong")
        expected = (request.nonce, server_nonce, server_nonce, id_from_bytes(retry_id))
        if (inner.nonce, inner.server_nonce, request.server_nonce, inner.retry_id) != expected:
            raise Complaint("client_DH_inner_data does not fit the handshake")
        return to_int(inner.g_b)


def _read(body: bytes) -> TLObject | None:
    """A message of the handshake; None for anything else in the clear, such as the acknowledgements of old clients."""
    try:
        return HANDSHAKE.read(body)[0]
    except UnexpectedMessage:
        return None


def _lifetime(inner: InnerData) -> int | None:
    """Seconds; None for a permanent key."""
    return inner.expires_in if isinstance(inner, PQInnerDataTemp | PQInnerDataTempDC) else None
