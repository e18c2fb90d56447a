"""The client's side of the handshake, from the first nonce to the key.

Read it beside https://core.telegram.org/mtproto/auth_key: the numbers at the right are its steps. The order of what is
drawn is fixed, so that a recorded exchange can be played again.
"""

from __future__ import annotations

from typing import NoReturn

from attrs import field, frozen

from .._crypto import (
    AuthKey,
    Factor,
    Powers,
    ProvePrime,
    PublicKey,
    Secret,
    check_generator,
    check_prime_size,
    in_range,
    rsa_pad,
    same,
)
from .._errors import Check, ExchangeRefused, require
from .._ground import id_from_bytes, to_int, to_minimal
from .._tl import (
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
)
from .shared import ClientTools, Exchange, Group, Nonces, Offer, Purpose, draw_padding, is_whole_blocks, read_proven
from .state import PeerState, State, WorkState

__all__ = [
    "Asking",
    "ExpectDHAnswer",
    "ExpectResPQ",
    "ExpectServerDHParams",
    "Factoring",
    "KeyAgreed",
    "ProvingPrime",
    "Raising",
    "begin",
]

PQ_BYTES = 8
SMALLEST_PQ = 3 * 5
LARGEST_PQ = (1 << 63) - 1
PADDING_CEILING = 16
FINGERPRINTS_TOLD = 4


def begin(purpose: Purpose, tools: ClientTools) -> ExpectResPQ:
    """Start a handshake. Draws: nonce, 16 bytes."""
    return ExpectResPQ(purpose, tools.entropy(16))  # 1.


@frozen
class ExpectResPQ(PeerState):
    """Step 1: req_pq_multi is sent; the server answers with a number to factor and the keys it has."""

    purpose: Purpose
    nonce: bytes = field(repr=False)

    @property
    def request(self) -> bytes:
        """What was sent last, 20 bytes; the same again on a new stream."""
        return ReqPQMulti(self.nonce).to_bytes()

    def on_res_pq(self, answer: ResPQ, tools: ClientTools) -> Factoring:  # 2.
        """Pick a key and set about the number."""
        nonces = Nonces(self.nonce, answer.server_nonce)
        nonces.check(answer)
        # A key of ours, in our order: the server's order must not lead us to an old one.
        # https://core.telegram.org/mtproto/security_guidelines
        offered = answer.server_public_key_fingerprints
        trusted = [key for key in tools.server_keys if key.fingerprint in offered]
        require(trusted, Check.TRUSTED_KEY, _tell_fingerprints(offered))
        # pq is the product of two different odd primes, and at most 2^63 - 1.
        # https://core.telegram.org/mtproto/auth_key#2-server-sends-response-of-the-form
        pq = to_int(answer.pq) if len(answer.pq) <= PQ_BYTES else 0
        require(SMALLEST_PQ <= pq <= LARGEST_PQ and pq % 2, Check.PQ_SIZE)
        return Factoring(self.purpose, nonces, answer.pq, trusted[0], Factor(pq, tools.limits.factor_curves))


@frozen
class Factoring(WorkState):
    """Step 3: pq is being taken apart, the client's proof of work."""

    purpose: Purpose
    nonces: Nonces
    pq: bytes
    server_key: PublicKey
    work: Factor

    def on_factors(self, factors: tuple[int, int] | None, tools: ClientTools) -> ExpectServerDHParams:  # 3.
        """Show the work, and send the secret nonce under the server's key.

        Draws: new_nonce, 32 bytes; what RSA_PAD needs.
        """
        p, q = factors or (0, 0)
        require(1 < p < q and p * q == self.work.pq, Check.PQ_COMPOSITE)
        exchange = self.nonces.agree_on(tools.entropy(32))  # 4.
        p_octets, q_octets = to_minimal(p), to_minimal(q)
        inner = _inner_data(self.purpose, exchange, self.pq, p_octets, q_octets)
        # RSA_PAD(data, server_public_key): 256 bytes below the modulus, another temp_key until it is.
        encrypted = rsa_pad(inner, self.server_key, entropy=tools.entropy, crypto=tools.crypto)  # 4.1
        request = ReqDHParams(  # 5.
            nonce=exchange.nonce,
            server_nonce=exchange.server_nonce,
            p=p_octets,
            q=q_octets,
            public_key_fingerprint=self.server_key.fingerprint,
            encrypted_data=encrypted,
        )
        return ExpectServerDHParams(self.purpose, exchange, request.to_bytes())


@frozen
class ExpectServerDHParams(PeerState):
    """Step 5: req_DH_params is sent; the server answers with its half of the key, or refuses."""

    purpose: Purpose
    exchange: Exchange
    request: bytes = field(repr=False)

    @property
    def nonce(self) -> bytes:
        """What names the handshake in the server's answers."""
        return self.exchange.nonce

    def on_server_dh_params_ok(self, answer: ServerDHParamsOk, tools: ClientTools) -> ProvingPrime | Raising:  # 6a.
        """Open the answer, and look at all of it before any of it is used.

        Draws: a seed of 32 bytes if the prime is new, else b, 256 bytes.
        """
        self.exchange.check(answer)
        require(is_whole_blocks(answer.encrypted_answer, tools.limits.handshake_inner), Check.ANSWER_LENGTH)
        # answer_with_hash := SHA1(answer) + answer + (0-15 random bytes)
        found = read_proven(self.exchange.decrypt(answer.encrypted_answer, tools.crypto), ServerDHInnerData, tools.crypto)
        require(found, Check.ANSWER_SHA1)
        [(inner, padding)] = found
        require(padding < PADDING_CEILING, Check.ANSWER_PADDING)
        require(same(inner.nonce, self.exchange.nonce), Check.INNER_NONCE)
        require(same(inner.server_nonce, self.exchange.server_nonce), Check.INNER_SERVER_NONCE)
        # dh_prime, g and g_a are all to be checked; g and g_a also where the prime is an old acquaintance.
        # https://core.telegram.org/mtproto/security_guidelines#diffie-hellman-key-exchange
        group = Group(inner.g, to_int(inner.dh_prime), to_int(inner.g_a))
        check_prime_size(group.dh_prime)
        check_generator(group.g, group.dh_prime)
        require(in_range(group.g_a, group.dh_prime), Check.G_A_RANGE)
        # What is not proven must not move the clock: server_time counts from here on, not before.
        offer = Offer(self.purpose, self.exchange, group, inner.server_time)
        if group.dh_prime in tools.proven_primes:
            return _first_raising(offer, tools)
        return ProvingPrime(offer, ProvePrime(group.dh_prime, Secret(tools.entropy(32))))

    def on_server_dh_params_fail(self, answer: ServerDHParamsFail, tools: ClientTools) -> NoReturn:  # 6b.
        """The server refuses. Only one who could read new_nonce may say so."""
        self.exchange.check(answer)
        require(same(answer.new_nonce_hash, self.exchange.hash_of_failure(tools.crypto)), Check.NEW_NONCE_HASH)
        raise ExchangeRefused("the server answered server_DH_params_fail")


@frozen
class ProvingPrime(WorkState):
    """Step 6, for a prime not seen before: is it safe?"""

    offer: Offer
    work: ProvePrime = field(repr=False)

    def on_verdict(self, safe: bool, tools: ClientTools) -> Raising:
        """Remember the prime and go on. Draws: b, 256 bytes."""
        # Both dh_prime and (dh_prime - 1) / 2 are prime.
        require(safe, Check.DH_PRIME_SAFE)
        tools.proven_primes.add(self.offer.group.dh_prime)
        return _first_raising(self.offer, tools)


@frozen
class Raising(WorkState):
    """Steps 7 and 8: b is drawn; g_b and the key are being computed."""

    offer: Offer
    retry_id: int = field(repr=False)
    tries_left: int
    work: Powers = field(repr=False)

    def on_powers(self, powers: tuple[int, ...], tools: ClientTools) -> ExpectDHAnswer | Raising:  # 7. 8.
        """Send g_b. Draws: the padding, 0 to 15 bytes; b again if g_b breaks the rule which the server's share has to obey."""
        group = self.offer.group
        g_b, shared = powers
        if not in_range(g_b, group.dh_prime):
            return _raising(self.offer, self.retry_id, self.tries_left, tools)
        inner = ClientDHInnerData(
            nonce=self.offer.exchange.nonce,
            server_nonce=self.offer.exchange.server_nonce,
            retry_id=self.retry_id,
            g_b=to_minimal(g_b),
        ).to_bytes()
        # data_with_hash := SHA1(data) + data + (0-15 random bytes), under the same temporary key as the answer
        request = SetClientDHParams(
            nonce=self.offer.exchange.nonce,
            server_nonce=self.offer.exchange.server_nonce,
            encrypted_data=self.offer.exchange.encrypt(inner, draw_padding(inner, tools.entropy), tools.crypto),
        )
        # auth_key is 256 bytes: one in 256 begins with a zero.
        return ExpectDHAnswer(self.offer, AuthKey.from_number(shared), request.to_bytes(), self.tries_left)


@frozen
class ExpectDHAnswer(PeerState):
    """Steps 7 to 9: g_b is sent; the server accepts it, wants another, or refuses.

    None of the three is believed before its hash shows that the server has the same key.
    """

    offer: Offer
    key: AuthKey
    request: bytes = field(repr=False)
    tries_left: int

    @property
    def nonce(self) -> bytes:
        """What names the handshake in the server's answers."""
        return self.offer.exchange.nonce

    def on_dh_gen_ok(self, answer: DHGenOk, tools: ClientTools) -> KeyAgreed:  # 9a.
        """Both sides have the key."""
        self.offer.exchange.check(answer)
        require(same(answer.new_nonce_hash1, self._hash(1, tools)), Check.NEW_NONCE_HASH1)
        return KeyAgreed(self.key, self.offer.purpose, self.offer.exchange.first_salt(), self.offer.server_time)

    def on_dh_gen_retry(self, answer: DHGenRetry, tools: ClientTools) -> Raising:  # 9b.
        """The server has another key with this id: draw another b, 256 bytes."""
        self.offer.exchange.check(answer)
        require(same(answer.new_nonce_hash2, self._hash(2, tools)), Check.NEW_NONCE_HASH2)
        require(self.tries_left, Check.DH_RETRY_LIMIT)
        # Back to step 7 with another b; retry_id is auth_key_aux_hash of the key that was refused.
        return _raising(self.offer, id_from_bytes(self.key.aux_hash), self.tries_left - 1, tools)

    def on_dh_gen_fail(self, answer: DHGenFail, tools: ClientTools) -> NoReturn:  # 9c.
        """The server refuses: start again with new nonces."""
        self.offer.exchange.check(answer)
        require(same(answer.new_nonce_hash3, self._hash(3, tools)), Check.NEW_NONCE_HASH3)
        raise ExchangeRefused("the server answered dh_gen_fail")

    def _hash(self, number: int, tools: ClientTools) -> bytes:
        return self.offer.exchange.hash(number, self.key.aux_hash, tools.crypto)


@frozen
class KeyAgreed(State):
    """The end. ``server_time``: unix seconds, as the server said while the key was made; a temporary key lives from there."""

    key: AuthKey
    purpose: Purpose
    first_salt: int = field(repr=False)
    server_time: int


Asking = ExpectResPQ | ExpectServerDHParams | ExpectDHAnswer
"""The states that have sent a ``request`` and wait for the answer that carries their ``nonce``."""


def _first_raising(offer: Offer, tools: ClientTools) -> Raising:
    # retry_id is 0 at the first attempt
    return _raising(offer, 0, tools.limits.dh_retries, tools)


def _raising(offer: Offer, retry_id: int, tries_left: int, tools: ClientTools) -> Raising:
    """Draw b, 2048 random bits, never used twice."""
    b = Secret(tools.entropy(256))
    return Raising(offer, retry_id, tries_left, Powers((offer.group.g, offer.group.g_a), b, offer.group.dh_prime))


def _inner_data(purpose: Purpose, exchange: Exchange, pq: bytes, p: bytes, q: bytes) -> bytes:
    """P_Q_inner_data names the data centre, so that no one can lead the handshake to another."""
    nonces = {"nonce": exchange.nonce, "server_nonce": exchange.server_nonce, "new_nonce": exchange.new_nonce.reveal()}
    if purpose.expires_in is None:
        return PQInnerDataDC(pq=pq, p=p, q=q, **nonces, dc=purpose.dc.number).to_bytes()
    return PQInnerDataTempDC(pq=pq, p=p, q=q, **nonces, dc=purpose.dc.number, expires_in=purpose.expires_in).to_bytes()


def _tell_fingerprints(offered: tuple[int, ...]) -> str:
    told = ", ".join(f"{fingerprint:016x}" for fingerprint in offered[:FINGERPRINTS_TOLD])
    return f"it offers {len(offered)}: {told}"
