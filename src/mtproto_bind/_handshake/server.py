"""The server's side of the handshake, from a client's first nonce to the key.

Read it beside https://core.telegram.org/mtproto/auth_key: the numbers at the right are its steps. A request that breaks
a rule raises, and the endpoint answers every breach alike; who asks twice for the same gets the same answer from there too.
"""

from __future__ import annotations

from attrs import evolve, field, frozen

from .._crypto import AuthKey, Entropy, Powers, RsaOpen, Secret, in_range, old_pad_open, rsa_pad_open, same
from .._errors import Check, SecurityError, require
from .._ground import id_to_bytes, is_prime, to_int, to_minimal
from .._tl import (
    ClientDHInnerData,
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
    ServerDHParamsOk,
    SetClientDHParams,
    TLObject,
)
from .shared import (
    DataCenter,
    Exchange,
    Group,
    KeyKind,
    Nonces,
    Offer,
    Purpose,
    ServerTools,
    draw_padding,
    is_whole_blocks,
    read_front,
    read_proven,
)
from .state import OwnerState, PeerState, State, WorkState

__all__ = [
    "Answering",
    "ExpectClientDHParams",
    "ExpectReqDHParams",
    "ExpectReqPQ",
    "KeyAgreed",
    "KeyOffering",
    "OpeningInnerData",
    "RaisingGA",
    "RaisingKey",
    "listening",
]

P_Q_BYTES = 4
P_Q_MASK = 0x7FFFFFFF
P_Q_SET = 0x40000001
RSA_BYTES = 256
LAST_SECOND = (1 << 31) - 1
NO_RETRY = bytes(8)
PADDING_CEILING = 16

InnerDataWithDC = PQInnerDataDC | PQInnerDataTempDC
InnerData = PQInnerData | PQInnerDataTemp | InnerDataWithDC


def listening() -> ExpectReqPQ:
    """The beginning of every handshake."""
    return ExpectReqPQ()


@frozen
class ExpectReqPQ(PeerState):
    """Before step 1: nothing has come yet."""

    ignored = frozenset({"msgs_ack"})

    def on_req_pq(self, request: ReqPQ, tools: ServerTools) -> ExpectReqDHParams:  # 1.
        """The request of old clients, answered alike."""
        return _set_task(request.nonce, tools)

    def on_req_pq_multi(self, request: ReqPQMulti, tools: ServerTools) -> ExpectReqDHParams:  # 1.
        """Set a task. Draws: server_nonce, 16 bytes; candidates of 4 bytes for p and for q, until both are prime."""
        return _set_task(request.nonce, tools)


@frozen
class ExpectReqDHParams(PeerState):
    """Step 2: resPQ is sent; the client comes back with the factors and its secret nonce."""

    ignored = frozenset({"msgs_ack"})

    nonces: Nonces
    p: int = field(repr=False)
    q: int = field(repr=False)
    answer: bytes = field(repr=False)
    """resPQ, to be sent, and sent again to one who asks the same again."""

    def on_req_dh_params(self, request: ReqDHParams, tools: ServerTools) -> OpeningInnerData:  # 5.
        """Look at what stands outside, before the costly part. Draws: the blinding, 32 bytes."""
        self.nonces.check(request)
        require((to_int(request.p), to_int(request.q)) == (self.p, self.q), Check.PQ_ECHO)
        keys = [key for key in tools.private_keys if key.public.fingerprint == request.public_key_fingerprint]
        require(keys, Check.FINGERPRINT)
        encrypted = request.encrypted_data
        require(len(encrypted) == RSA_BYTES and to_int(encrypted) < keys[0].public.n, Check.ENCRYPTED_DATA_SIZE)
        return OpeningInnerData(self.nonces, self.p, self.q, RsaOpen(encrypted, keys[0], Secret(tools.entropy(32))))


@frozen
class OpeningInnerData(WorkState):
    """Step 5: the private key is at work on what the client has sent."""

    nonces: Nonces
    p: int = field(repr=False)
    q: int = field(repr=False)
    work: RsaOpen

    def on_block(self, block: bytes, tools: ServerTools) -> RaisingGA:  # 4.
        """Believe nothing inside that does not agree with what stands outside. Draws: a, 256 bytes."""
        echoing = [inner for inner in _open_block(block, tools) if self._is_echoed(inner)]
        require(echoing, Check.INNER_DATA_ECHO)
        inner = echoing[0]
        return _raising(_purpose(inner, tools), self.nonces.agree_on(inner.new_nonce), tools)

    def _is_echoed(self, inner: InnerData) -> bool:
        numbers = to_int(inner.pq), to_int(inner.p), to_int(inner.q)
        return self.nonces.echoed(inner) and numbers == (self.p * self.q, self.p, self.q)


@frozen
class RaisingGA(WorkState):
    """Step 6: the server's half of the key is being computed."""

    purpose: Purpose
    exchange: Exchange
    work: Powers = field(repr=False)

    def on_powers(self, powers: tuple[int, ...], tools: ServerTools) -> ExpectClientDHParams | RaisingGA:  # 6.
        """Send g_a. Draws: the padding, 0 to 15 bytes; a again if g_a is not what a client may accept."""
        [g_a] = powers
        [g] = self.work.bases
        if not in_range(g_a, self.work.modulus):
            return _raising(self.purpose, self.exchange, tools)
        # server_time is a signed int of 32 bits, whatever the clock says
        server_time = max(0, min(int(tools.now), LAST_SECOND))
        offer = Offer(self.purpose, self.exchange, Group(g, self.work.modulus, g_a), server_time)
        padding = draw_padding(inner_data_of(offer), tools.entropy)
        answer = answer_with_offer(offer, padding, tools)
        return ExpectClientDHParams(offer, self.work.exponent, padding, NO_RETRY, answer)


@frozen
class ExpectClientDHParams(PeerState):
    """Step 6: g_a is sent; the client comes back with g_b."""

    ignored = frozenset({"msgs_ack"})

    offer: Offer
    a: Secret = field(repr=False)
    padding: bytes = field(repr=False)
    """What followed the answer, so that it can be made again."""
    retry_id: bytes = field(repr=False)
    """8 bytes: the aux hash of the key refused last, or zeros."""
    answer: bytes = field(repr=False)
    """server_DH_params_ok or dh_gen_retry, to be sent, and sent again to one who asks the same again."""

    def on_set_client_dh_params(self, request: SetClientDHParams, tools: ServerTools) -> RaisingKey:  # 7.
        """Open the request, and look at all of it before any of it is used."""
        exchange, group = self.offer.exchange, self.offer.group
        exchange.check(request)
        require(is_whole_blocks(request.encrypted_data, tools.limits.handshake_inner), Check.CLIENT_DATA_LENGTH)
        # data_with_hash := SHA1(data) + data + (0-15 random bytes)
        found = read_proven(exchange.decrypt(request.encrypted_data, tools.crypto), ClientDHInnerData, tools.crypto)
        require(found, Check.CLIENT_DATA_SHA1)
        [(inner, padding)] = found
        require(padding < PADDING_CEILING, Check.CLIENT_DATA_PADDING)
        require(exchange.echoed(inner), Check.CLIENT_INNER_NONCE)
        g_b = to_int(inner.g_b)
        require(in_range(g_b, group.dh_prime), Check.G_B_RANGE)
        # retry_id: 0 at the first attempt, else auth_key_aux_hash of the one before
        require(same(id_to_bytes(inner.retry_id), self.retry_id), Check.RETRY_ID)
        return RaisingKey(self, Powers((g_b,), self.a, group.dh_prime))


@frozen
class RaisingKey(WorkState):
    """Step 8: the key is being computed."""

    asked: ExpectClientDHParams
    work: Powers = field(repr=False)

    def on_powers(self, powers: tuple[int, ...], tools: ServerTools) -> KeyOffering | ExpectClientDHParams:  # 8.
        """auth_key is 256 bytes: one in 256 begins with a zero."""
        [number] = powers
        return offer_key(KeyOffering(self.asked, AuthKey.from_number(number)), tools)


@frozen
class KeyOffering(OwnerState):
    """Step 8: the owner of the keys says whether the new one is stored, or its id is in use."""

    asked: ExpectClientDHParams
    key: AuthKey

    @property
    def purpose(self) -> Purpose:
        """What the key is for."""
        return self.asked.offer.purpose

    @property
    def server_time(self) -> int:
        """Unix seconds, as the client was told; a temporary key lives from there."""
        return self.asked.offer.server_time

    @property
    def first_salt(self) -> int:
        """The salt that the key begins with."""
        return self.asked.offer.exchange.first_salt()

    def kept(self, tools: ServerTools) -> KeyAgreed:  # 9a.
        """The key is stored: tell the client."""
        exchange = self.asked.offer.exchange
        answer = DHGenOk(
            nonce=exchange.nonce,
            server_nonce=exchange.server_nonce,
            new_nonce_hash1=exchange.hash(1, self.key.aux_hash, tools.crypto),
        )
        return KeyAgreed(answer.to_bytes(), self.key, self.purpose, self.first_salt, self.server_time)

    def taken(self, tools: ServerTools) -> ExpectClientDHParams:  # 9b.
        """Another key has this id: ask for another g_b, and expect the aux hash of this key with it."""
        retry_id = self.key.aux_hash
        return evolve(self.asked, retry_id=retry_id, answer=answer_with_retry(self.asked.offer, retry_id, tools))


@frozen
class KeyAgreed(State):
    """The end: dh_gen_ok is to be sent. ``server_time``: unix seconds, as the client was told."""

    answer: bytes = field(repr=False)
    key: AuthKey
    purpose: Purpose
    first_salt: int = field(repr=False)
    server_time: int


Answering = ExpectReqDHParams | ExpectClientDHParams | KeyAgreed
"""The states that have an ``answer`` to send."""


def offer_key(offering: KeyOffering, tools: ServerTools) -> KeyOffering | ExpectClientDHParams:
    """Ask the owner; but a key whose id is 0 is never asked about, as 0 stands for a message in the clear."""
    return offering if offering.key.id else offering.taken(tools)


def inner_data_of(offer: Offer) -> bytes:
    """server_DH_inner_data, 564 bytes if g_a is 256."""
    return ServerDHInnerData(
        nonce=offer.exchange.nonce,
        server_nonce=offer.exchange.server_nonce,
        g=offer.group.g,
        dh_prime=to_minimal(offer.group.dh_prime),
        g_a=to_minimal(offer.group.g_a),
        server_time=offer.server_time,
    ).to_bytes()


def answer_with_offer(offer: Offer, padding: bytes, tools: ServerTools) -> bytes:
    """server_DH_params_ok."""
    return ServerDHParamsOk(
        nonce=offer.exchange.nonce,
        server_nonce=offer.exchange.server_nonce,
        encrypted_answer=offer.exchange.encrypt(inner_data_of(offer), padding, tools.crypto),
    ).to_bytes()


def answer_with_retry(offer: Offer, aux_hash: bytes, tools: ServerTools) -> bytes:
    """dh_gen_retry for the key whose aux hash is given, 52 bytes."""
    return DHGenRetry(
        nonce=offer.exchange.nonce,
        server_nonce=offer.exchange.server_nonce,
        new_nonce_hash2=offer.exchange.hash(2, aux_hash, tools.crypto),
    ).to_bytes()


def _set_task(nonce: bytes, tools: ServerTools) -> ExpectReqDHParams:  # 2.
    """resPQ, with a number of its own for every handshake; factors of exactly 4 bytes suit every client."""
    nonces = Nonces(nonce, tools.entropy(16))
    first = _draw_prime(tools.entropy)
    second = _draw_prime(tools.entropy)
    while second == first:
        second = _draw_prime(tools.entropy)
    p, q = sorted((first, second))
    answer = ResPQ(
        nonce=nonces.nonce,
        server_nonce=nonces.server_nonce,
        pq=to_minimal(p * q),
        server_public_key_fingerprints=tuple(key.public.fingerprint for key in tools.private_keys),
    )
    return ExpectReqDHParams(nonces, p, q, answer.to_bytes())


def _draw_prime(entropy: Entropy) -> int:
    """A prime of exactly 31 bits: so pq stays below 2^63."""
    while True:
        candidate = to_int(entropy(P_Q_BYTES)) & P_Q_MASK | P_Q_SET
        if is_prime(candidate):
            return candidate


def _raising(purpose: Purpose, exchange: Exchange, tools: ServerTools) -> RaisingGA:
    """Draw a, 2048 random bits, for this handshake alone."""
    return RaisingGA(purpose, exchange, Powers((tools.g,), Secret(tools.entropy(256)), tools.dh_prime))


def _open_block(block: bytes, tools: ServerTools) -> tuple[InnerData, ...]:
    """The inner data in what the private key has opened; nothing if there is none.

    Raises :class:`SecurityError` for a broken padding. The padding of before 2021, ``SHA1(data) || data || random``, is
    looked for only where it is allowed, and after the other.
    """
    try:
        found = read_front(rsa_pad_open(block, tools.crypto))
    except SecurityError:
        found = read_proven(old_pad_open(block), TLObject, tools.crypto) if tools.old_rsa else ()
        if not found:
            raise
    return tuple(inner for inner, _ in found if isinstance(inner, InnerData))


def _purpose(inner: InnerData, tools: ServerTools) -> Purpose:
    """What the client wants a key for, and whether it is right here."""
    dc = DataCenter.from_number(inner.dc) if isinstance(inner, InnerDataWithDC) else tools.dc or DataCenter(0)
    require(tools.dc is None or tools.dc.serves(dc), Check.DATA_CENTER, f"{dc.number} was asked for")
    if isinstance(inner, PQInnerData | PQInnerDataDC):
        return Purpose(KeyKind.PERMANENT, dc)
    # expires_in: seconds, and one client sends the hour of the end instead; the server may forget the key sooner
    require(inner.expires_in > 0, Check.EXPIRES_IN)
    return Purpose(KeyKind.TEMPORARY, dc, min(inner.expires_in, tools.limits.temporary_lifetime))
