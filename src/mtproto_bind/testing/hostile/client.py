"""A client, straight on: both handshakes, the binding, two calls; and every value that it sends has a name.

It looks at what a server says only as far as it needs to go on, and to see that the server is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..._crypto import (
    AuthKey,
    Crypto,
    Entropy,
    Factor,
    PublicKey,
    default_crypto,
    first_salt,
    new_nonce_hash,
    tmp_aes,
)
from ..._errors import UnexpectedMessage
from ..._ground import id_from_bytes, to_fixed, to_int, to_minimal, xor
from ..._limits import Limits
from ..._tl import (
    HANDSHAKE,
    ClientDHInnerData,
    DHGenOk,
    DHGenRetry,
    PQInnerDataDC,
    PQInnerDataTempDC,
    ReqDHParams,
    ReqPQMulti,
    ResPQ,
    ServerDHInnerData,
    ServerDHParamsOk,
    SetClientDHParams,
    TLObject,
)
from ..._wire import Transport, key_id_of, unpack_plain
from .breach import Breach
from .calling import Agreed, Calling
from .peer import Complaint, Steps

__all__ = ["HostileClient"]

M = TypeVar("M", bound=TLObject)

LIFETIME = 86400
"""Seconds."""


class HostileClient(Calling):
    """Goes its way on one stream, from nothing to answered calls. With ``breach`` it breaks exactly one rule, once.

    ``dc``: the number of the data centre, as the inner data has it. ``query``: what is called, twice.
    """

    def __init__(
        self,
        server_key: PublicKey,
        breach: Breach | None = None,
        *,
        entropy: Entropy,
        clock: Callable[[], float],
        dc: int = 2,
        query: bytes = bytes.fromhex("6b18f9c4"),
        transport: Transport | None = None,
        crypto: Crypto | None = None,
    ) -> None:
        self._server_key = server_key
        self._dc = dc
        self._query = query
        super().__init__(
            transport if transport is not None else Transport(),
            breach=breach,
            entropy=entropy,
            crypto=crypto if crypto is not None else default_crypto(),
            clock=clock,
        )

    def _script(self) -> Steps[None]:
        for _ in range(self._twist("probes", 0)):
            self._plain("probe", ReqPQMulti(nonce=self._entropy(16)))
        if self._twist("plain.answer_sent", False):
            self._plain("plain", DHGenOk(*(self._entropy(16) for _ in range(3))))
        permanent = yield from self._exchange(None)
        temporary = yield from self._exchange(LIFETIME)
        if self._twist("bind.sent", True):
            yield from self._bind(self._twist("bind.permanent_key", permanent), temporary)
        if self._twist("bind.again_to_other", False):
            other = yield from self._exchange(None)
            yield from self._bind(other, temporary)
        session = self._session(temporary)
        yield from self._call("call", session, self._query)
        self._acknowledge(session)
        yield from self._call("second_call", session, self._query)

    def _exchange(self, lifetime: int | None) -> Steps[Agreed]:
        """One handshake; ``lifetime`` in seconds, None for a permanent key. https://core.telegram.org/mtproto/auth_key"""
        nonce = self._entropy(16)
        self._plain("req_pq", ReqPQMulti(nonce=nonce))

        res_pq = yield from self._answer(ResPQ, nonce)
        server_nonce = res_pq.server_nonce
        if self._twist("req_dh_params.skipped", False):
            self._plain("early", SetClientDHParams(nonce=nonce, server_nonce=server_nonce, encrypted_data=self._entropy(336)))
        if self._server_key.fingerprint not in res_pq.server_public_key_fingerprints:
            raise Complaint("the server does not have the key that we know")
        factors = Factor(to_int(res_pq.pq), Limits().factor_curves).run(self._crypto)
        if factors is None:
            raise Complaint("pq has no two factors")
        new_nonce = self._entropy(32)
        numbers = (res_pq.pq, to_minimal(factors[0]), to_minimal(factors[1]))
        inner = self._inner_data(numbers, (nonce, server_nonce, new_nonce), lifetime)
        self._plain("req_dh_params", self._asking(nonce, server_nonce, numbers, inner))

        params = yield from self._answer(ServerDHParamsOk, nonce)
        offer = self._open_offer(params, server_nonce, new_nonce)
        if self._twist("req_dh_params.again", False):
            self._plain("req_dh_params", self._asking(nonce, server_nonce, numbers, inner))
        prime, g_a = to_int(offer.dh_prime), to_int(offer.g_a)
        retry_id = 0
        while True:
            b = self._twist("dh.b", to_int(self._entropy(256)))
            g_b = self._twist("dh.g_b", self._crypto.modexp(offer.g, b, prime))
            key = AuthKey(to_fixed(self._crypto.modexp(g_a, b, prime), 256))
            self._plain("set_client_dh_params", self._sharing(nonce, server_nonce, new_nonce, retry_id, g_b))
            answer = yield from self._answer(TLObject, nonce)
            if not isinstance(answer, DHGenRetry):
                break
            retry_id = id_from_bytes(key.aux_hash)
        if answer != DHGenOk(nonce, server_nonce, new_nonce_hash(new_nonce, 1, key.aux_hash, self._crypto)):
            raise Complaint("the key is refused, or dh_gen_ok is not proven")
        if self._twist("set_client_dh_params.again", False):
            self._plain("set_client_dh_params", self._sharing(nonce, server_nonce, new_nonce, retry_id, g_b))
        return Agreed(key, first_salt(new_nonce, server_nonce), offer.server_time + (lifetime or 0))

    # ---- what is sent

    def _inner_data(self, numbers: tuple[bytes, bytes, bytes], nonces: tuple[bytes, bytes, bytes], lifetime: int | None) -> bytes:
        pq, p, q = numbers
        fields: dict[str, Any] = {
            "pq": self._twist("inner_data.pq", pq),
            "p": self._twist("inner_data.p", p),
            "q": self._twist("inner_data.q", q),
            "nonce": self._twist("inner_data.nonce", nonces[0]),
            "server_nonce": self._twist("inner_data.server_nonce", nonces[1]),
            "new_nonce": nonces[2],
            "dc": self._twist("inner_data.dc", self._dc),
        }
        if lifetime is None:
            return PQInnerDataDC(**fields).to_bytes()
        return PQInnerDataTempDC(**fields, expires_in=self._twist("inner_data.expires_in", lifetime)).to_bytes()

    def _asking(self, nonce: bytes, server_nonce: bytes, numbers: tuple[bytes, bytes, bytes], inner: bytes) -> ReqDHParams:
        return ReqDHParams(
            nonce=self._twist("req_dh_params.nonce", nonce),
            server_nonce=self._twist("req_dh_params.server_nonce", server_nonce),
            p=self._twist("req_dh_params.p", numbers[1]),
            q=self._twist("req_dh_params.q", numbers[2]),
            public_key_fingerprint=self._twist("req_dh_params.fingerprint", self._server_key.fingerprint),
            encrypted_data=self._twist("req_dh_params.encrypted_data", self._rsa_pad(inner)),
        )

    def _rsa_pad(self, data: bytes) -> bytes:
        """https://core.telegram.org/mtproto/auth_key, 4.1"""
        crypto, key = self._crypto, self._server_key
        padded = data + self._entropy(192 - len(data))
        error = self._twist("rsa_pad.error_in_hash", bytes(32))
        while True:
            temp_key = self._entropy(32)
            digest = xor(crypto.sha256(temp_key + padded), error)
            encrypted = crypto.ige_encrypt(padded[::-1] + digest, temp_key, bytes(32))
            block = to_int(xor(temp_key, crypto.sha256(encrypted)) + encrypted)
            if block < key.n:
                return to_fixed(crypto.modexp(block, key.e, key.n), 256)

    def _sharing(self, nonce: bytes, server_nonce: bytes, new_nonce: bytes, retry_id: int, g_b: int) -> SetClientDHParams:
        inner = ClientDHInnerData(
            nonce=self._twist("client_dh_inner.nonce", nonce),
            server_nonce=self._twist("client_dh_inner.server_nonce", server_nonce),
            retry_id=self._twist("client_dh_inner.retry_id", retry_id),
            g_b=to_minimal(g_b),
        ).to_bytes()
        with_hash = self._twist("client_dh_inner.sha1", self._crypto.sha1(inner)) + inner
        with_hash += self._twist("client_dh_inner.padding", self._entropy(-len(with_hash) % 16))
        encrypted = self._crypto.ige_encrypt(with_hash, *tmp_aes(new_nonce, server_nonce, self._crypto))
        return SetClientDHParams(
            nonce=self._twist("set_client_dh_params.nonce", nonce),
            server_nonce=self._twist("set_client_dh_params.server_nonce", server_nonce),
            encrypted_data=self._twist("set_client_dh_params.encrypted_data", encrypted),
        )

    def _plain(self, name: str, message: TLObject) -> None:
        self._send_plain(name, message, 0)

    # ---- what is awaited

    def _answer(self, kind: type[M], nonce: bytes) -> Steps[M]:
        """The next answer in the handshake ``nonce``; answers to probes and repeated requests are passed over."""
        while True:
            frame = yield
            if key_id_of(frame):
                raise Complaint("a message under a key in the middle of a handshake")
            try:
                message, _end = HANDSHAKE.read(unpack_plain(frame)[1])
            except UnexpectedMessage as error:
                raise Complaint(f"{error.got} in a handshake") from None
            self.heard.append(message.constructor.name)
            if isinstance(message, kind) and getattr(message, "nonce", None) == nonce:
                return message

    def _open_offer(self, answer: ServerDHParamsOk, server_nonce: bytes, new_nonce: bytes) -> ServerDHInnerData:
        data = self._crypto.ige_decrypt(answer.encrypted_answer, *tmp_aes(new_nonce, server_nonce, self._crypto))
        inner, end = HANDSHAKE.read(data, 20)
        if not isinstance(inner, ServerDHInnerData) or self._crypto.sha1(data[20:end]) != data[:20]:
            raise Complaint("the hash of server_DH_inner_data is wrong")
        if (inner.nonce, inner.server_nonce) != (answer.nonce, server_nonce):
            raise Complaint("server_DH_inner_data does not fit the handshake")
        return inner
