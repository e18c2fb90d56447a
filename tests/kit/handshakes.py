"""Both ends of a handshake in memory, and the messages of one, taken apart so that a test can break one thing in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import gcd
from typing import Any, TypeVar

from attrs import field, frozen

from kit.vectors import load
from mtproto_bind._crypto import (
    KNOWN_PRIME,
    Over,
    PrivateKey,
    ProvenPrimes,
    ProvePrime,
    Secret,
    default_crypto,
    rsa_pad,
    tmp_aes,
)
from mtproto_bind._ground import to_minimal
from mtproto_bind._handshake import ClientTools, DataCenter, KeyKind, Purpose, ServerTools, State, WorkState, deliver, resume
from mtproto_bind._handshake import client as of_client
from mtproto_bind._handshake import server as of_server
from mtproto_bind._handshake.shared import Exchange, Nonces
from mtproto_bind._limits import Limits
from mtproto_bind._tl import (
    ClientDHInnerData,
    DHGenFail,
    DHGenOk,
    DHGenRetry,
    PQInnerDataDC,
    PQInnerDataTempDC,
    ReqDHParams,
    ReqPQMulti,
    ResPQ,
    ServerDHInnerData,
    ServerDHParamsFail,
    ServerDHParamsOk,
    SetClientDHParams,
    TLObject,
)
from mtproto_bind.testing.entropy import ScriptedEntropy, SeededEntropy

NOW = 1_800_000_000.75
DC = DataCenter(2)
PERMANENT = Purpose(KeyKind.PERMANENT, DC)
TEMPORARY = Purpose(KeyKind.TEMPORARY, DC, 86_400)
# two primes of 31 bits, of the synthetic run
P, Q = 1_229_739_323, 1_402_015_859
# of RFC 3526, group 14: safe, g = 2 fits it, and it is not the one that every client knows
OTHER_PRIME = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6d"
    "f25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3d"
    "c2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08"
    "ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aacaa68ffffffffffffffff",
    16,
)

S = TypeVar("S", bound=State)

_power = cache(default_crypto().modexp)


class Remembering(Over):
    """Does as the default filling does, and no power twice in one run of the tests."""

    def modexp(self, base: int, exponent: int, modulus: int, *, secret: bool = False) -> int:
        return _power(base, exponent, modulus, secret=secret)


CRYPTO = Remembering(default_crypto())


def primes_of(n: int, e: int, d: int) -> tuple[int, int]:
    """The primes of an RSA modulus whose private exponent is known: a root of 1 that is neither 1 nor -1 parts them."""
    odd = e * d - 1
    while odd % 2 == 0:
        odd //= 2
    for base in range(2, 100):
        root = pow(base, odd, n)
        while root not in (1, n - 1):
            before, root = root, root * root % n
            if root == 1:
                p = gcd(before - 1, n)
                return p, n // p
    raise ValueError("no modulus of two primes")


@cache
def server_key() -> PrivateKey:
    """The key of the synthetic run, which is no secret."""
    given = load("synthetic_full_run")[0]["rsa_test_key"]
    n, e, d = int(given["n_hex"], 16), given["e"], int(given["d_hex"], 16)
    return PrivateKey(n, e, d, *primes_of(n, e, d))


def client_tools(entropy: Callable[[int], bytes] | None = None, **changes: Any) -> ClientTools:
    given: dict[str, Any] = {
        "entropy": entropy or SeededEntropy(b"client"),
        "crypto": CRYPTO,
        "server_keys": (server_key().public,),
        "limits": Limits(),
        "proven_primes": ProvenPrimes(),
    }
    return ClientTools(**given | changes)


def server_tools(entropy: Callable[[int], bytes] | None = None, **changes: Any) -> ServerTools:
    given: dict[str, Any] = {
        "entropy": entropy or SeededEntropy(b"server"),
        "crypto": CRYPTO,
        "private_keys": (server_key(),),
        "dc": DC,
        "g": 3,
        "dh_prime": KNOWN_PRIME,
        "limits": Limits(),
        "old_rsa": False,
        "now": NOW,
    }
    return ServerTools(**given | changes)


def nothing_drawn() -> ScriptedEntropy:
    """Entropy for a step that must not draw: one that fails draws nothing, so that the step can be tried again."""
    return ScriptedEntropy([])


def work_off(state: State, tools: ClientTools | ServerTools) -> State:
    """Do the arithmetic that is due."""
    while isinstance(state, WorkState):
        state = resume(state, state.work.run(tools.crypto), tools)
    return state


def step(state: State, message: TLObject | bytes, tools: ClientTools | ServerTools) -> State:
    """Deliver a message and do the arithmetic that follows from it."""
    return work_off(deliver(state, message if isinstance(message, bytes) else message.to_bytes(), tools), tools)


def exactly(kind: type[S], state: State) -> S:
    """The state, which is of this kind."""
    if type(state) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(state).__name__}")
    return state


@frozen
class ClientStages:
    """Every state of one client, and what a sound server says to it."""

    tools: ClientTools = field(eq=False)
    purpose: Purpose
    expect_res_pq: of_client.ExpectResPQ
    res_pq: ResPQ
    factoring: of_client.Factoring
    expect_params: of_client.ExpectServerDHParams
    inner: ServerDHInnerData
    params_ok: ServerDHParamsOk
    params_fail: ServerDHParamsFail
    proving: of_client.ProvingPrime
    raising: of_client.Raising
    expect_answer: of_client.ExpectDHAnswer
    ok: DHGenOk
    retry: DHGenRetry
    fail: DHGenFail
    agreed: of_client.KeyAgreed

    @property
    def states(self) -> list[State]:
        """In the order of the specification."""
        return [
            self.expect_res_pq,
            self.factoring,
            self.expect_params,
            self.proving,
            self.raising,
            self.expect_answer,
            self.agreed,
        ]

    def params(self, inner: TLObject, more: int = 0) -> ServerDHParamsOk:
        """server_DH_params_ok with this inside, and so many blocks more than it needs."""
        exchange = self.expect_params.exchange
        return self.params_ok.evolve(encrypted_answer=sealed(exchange, hashed(inner) + bytes(16 * more)))


def client_stages(purpose: Purpose = TEMPORARY, **changes: Any) -> ClientStages:
    """A client's way to a key. Every call draws the same."""
    tools = client_tools(**changes)
    first = of_client.begin(purpose, tools)
    server_nonce = SeededEntropy(b"server nonce")(16)
    res_pq = ResPQ(
        nonce=first.nonce,
        server_nonce=server_nonce,
        pq=to_minimal(P * Q),
        server_public_key_fingerprints=(0x0BC35F3509F7B7A5, server_key().public.fingerprint),
    )
    factoring = first.on_res_pq(res_pq, tools)
    expect_params = factoring.on_factors((P, Q), tools)
    exchange = expect_params.exchange
    both = {"nonce": first.nonce, "server_nonce": server_nonce}
    g_a = CRYPTO.modexp(3, int.from_bytes(SeededEntropy(b"a")(256), "big"), KNOWN_PRIME)
    inner = ServerDHInnerData(**both, g=3, dh_prime=to_minimal(KNOWN_PRIME), g_a=to_minimal(g_a), server_time=int(NOW))
    params_ok = ServerDHParamsOk(**both, encrypted_answer=exchange.encrypt(inner.to_bytes(), bytes(8), CRYPTO))
    raising = exactly(of_client.Raising, expect_params.on_server_dh_params_ok(params_ok, tools))
    expect_answer = exactly(of_client.ExpectDHAnswer, work_off(raising, tools))
    hashes = [exchange.hash(number, expect_answer.key.aux_hash, CRYPTO) for number in (1, 2, 3)]
    ok = DHGenOk(**both, new_nonce_hash1=hashes[0])
    return ClientStages(
        tools=tools,
        purpose=purpose,
        expect_res_pq=first,
        res_pq=res_pq,
        factoring=factoring,
        expect_params=expect_params,
        inner=inner,
        params_ok=params_ok,
        params_fail=ServerDHParamsFail(**both, new_nonce_hash=exchange.hash_of_failure(CRYPTO)),
        proving=of_client.ProvingPrime(raising.offer, ProvePrime(KNOWN_PRIME, Secret(bytes(32)))),
        raising=raising,
        expect_answer=expect_answer,
        ok=ok,
        retry=DHGenRetry(**both, new_nonce_hash2=hashes[1]),
        fail=DHGenFail(**both, new_nonce_hash3=hashes[2]),
        agreed=expect_answer.on_dh_gen_ok(ok, tools),
    )


@frozen
class ServerStages:
    """Every state of one server's handshake, and what a sound client says to it."""

    tools: ServerTools = field(eq=False)
    listening: of_server.ExpectReqPQ
    req_pq: ReqPQMulti
    expect_request: of_server.ExpectReqDHParams
    inner: PQInnerDataDC | PQInnerDataTempDC
    request: ReqDHParams
    opening: of_server.OpeningInnerData
    raising_ga: of_server.RaisingGA
    expect_share: of_server.ExpectClientDHParams
    client_inner: ClientDHInnerData
    share: SetClientDHParams
    raising_key: of_server.RaisingKey
    offering: of_server.KeyOffering
    agreed: of_server.KeyAgreed

    @property
    def states(self) -> list[State]:
        """In the order of the specification."""
        return [
            self.listening,
            self.expect_request,
            self.opening,
            self.raising_ga,
            self.expect_share,
            self.raising_key,
            self.offering,
            self.agreed,
        ]

    def asking(self, inner: TLObject | bytes) -> ReqDHParams:
        """req_DH_params with this inside."""
        data = inner if isinstance(inner, bytes) else inner.to_bytes()
        padded = rsa_pad(data, server_key().public, entropy=SeededEntropy(b"padding"), crypto=CRYPTO)
        return self.request.evolve(encrypted_data=padded)

    def sharing(self, inner: TLObject, more: int = 0) -> SetClientDHParams:
        """set_client_DH_params with this inside, and so many blocks more than it needs."""
        return self.share.evolve(encrypted_data=sealed(self.exchange, hashed(inner) + bytes(16 * more)))

    @property
    def exchange(self) -> Exchange:
        """The nonces of this handshake."""
        return self.expect_share.offer.exchange


def server_stages(purpose: Purpose = TEMPORARY, **changes: Any) -> ServerStages:
    """A server's way to a key. Every call draws the same."""
    tools = server_tools(**changes)
    req_pq = ReqPQMulti(SeededEntropy(b"nonce")(16))
    expect_request = of_server.listening().on_req_pq_multi(req_pq, tools)
    nonces = expect_request.nonces
    p, q = to_minimal(expect_request.p), to_minimal(expect_request.q)
    inner = inner_data(purpose, nonces, expect_request.p, expect_request.q)
    request = ReqDHParams(
        nonce=nonces.nonce,
        server_nonce=nonces.server_nonce,
        p=p,
        q=q,
        public_key_fingerprint=server_key().public.fingerprint,
        encrypted_data=rsa_pad(inner.to_bytes(), server_key().public, entropy=SeededEntropy(b"padding"), crypto=CRYPTO),
    )
    opening = expect_request.on_req_dh_params(request, tools)
    raising_ga = opening.on_block(opening.work.run(CRYPTO), tools)
    expect_share = exactly(of_server.ExpectClientDHParams, work_off(raising_ga, tools))
    exchange = expect_share.offer.exchange
    g_b = CRYPTO.modexp(3, int.from_bytes(SeededEntropy(b"b")(256), "big"), KNOWN_PRIME)
    both = {"nonce": nonces.nonce, "server_nonce": nonces.server_nonce}
    client_inner = ClientDHInnerData(**both, retry_id=0, g_b=to_minimal(g_b))
    share = SetClientDHParams(**both, encrypted_data=exchange.encrypt(client_inner.to_bytes(), bytes(12), CRYPTO))
    raising_key = expect_share.on_set_client_dh_params(share, tools)
    offering = exactly(of_server.KeyOffering, work_off(raising_key, tools))
    return ServerStages(
        tools=tools,
        listening=of_server.listening(),
        req_pq=req_pq,
        expect_request=expect_request,
        inner=inner,
        request=request,
        opening=opening,
        raising_ga=raising_ga,
        expect_share=expect_share,
        client_inner=client_inner,
        share=share,
        raising_key=raising_key,
        offering=offering,
        agreed=offering.kept(tools),
    )


def inner_data(purpose: Purpose, nonces: Nonces, p: int, q: int) -> PQInnerDataDC | PQInnerDataTempDC:
    """What a client of today puts into encrypted_data."""
    numbers = {"pq": to_minimal(p * q), "p": to_minimal(p), "q": to_minimal(q)}
    both = {"nonce": nonces.nonce, "server_nonce": nonces.server_nonce, "new_nonce": SeededEntropy(b"new_nonce")(32)}
    if purpose.expires_in is None:
        return PQInnerDataDC(**numbers, **both, dc=purpose.dc.number)
    return PQInnerDataTempDC(**numbers, **both, dc=purpose.dc.number, expires_in=purpose.expires_in)


def hashed(inner: TLObject) -> bytes:
    """An object behind its SHA-1, filled up to whole blocks with zeros."""
    data = inner.to_bytes()
    return CRYPTO.sha1(data) + data + bytes(-(20 + len(data)) % 16)


def sealed(exchange: Exchange, plain: bytes) -> bytes:
    """A plaintext as it stands, hash and all, under the temporary key of a handshake."""
    key, iv = tmp_aes(exchange.new_nonce.reveal(), exchange.server_nonce, CRYPTO)
    return CRYPTO.ige_encrypt(plain, key, iv)


def flipped(data: bytes, at: int = -1) -> bytes:
    """The bytes with one bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)
