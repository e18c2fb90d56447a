"""The server's states: what each does with a sound request, and with a request in which one thing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from kit.handshakes import (
    CRYPTO,
    DC,
    NOW,
    OTHER_PRIME,
    PERMANENT,
    TEMPORARY,
    P,
    Q,
    ServerStages,
    flipped,
    hashed,
    nothing_drawn,
    sealed,
    server_key,
    server_stages,
    server_tools,
    work_off,
)
from kit.vectors import load
from mtproto_bind._crypto import KNOWN_PRIME, AuthKey, PrivateKey, Secret, rsa_pad
from mtproto_bind._errors import Check, Scope, SecurityError
from mtproto_bind._ground import id_from_bytes, id_to_bytes, is_prime, to_fixed, to_int, to_minimal
from mtproto_bind._handshake import DataCenter, KeyKind, Purpose, ServerTools, State, WorkState, deliver, resume
from mtproto_bind._handshake.server import (
    ExpectClientDHParams,
    ExpectReqDHParams,
    KeyAgreed,
    KeyOffering,
    OpeningInnerData,
    RaisingGA,
    RaisingKey,
    listening,
    offer_key,
)
from mtproto_bind._limits import Limits
from mtproto_bind._tl import (
    HANDSHAKE,
    DHGenOk,
    DHGenRetry,
    MsgsAck,
    PQInnerData,
    PQInnerDataDC,
    PQInnerDataTemp,
    PQInnerDataTempDC,
    ReqPQ,
    ReqPQMulti,
    ResPQ,
    ServerDHInnerData,
    ServerDHParamsOk,
    TLObject,
)
from mtproto_bind.testing.entropy import ScriptedEntropy, SeededEntropy

MARGIN = 1 << 1984
N = server_key().n

Broken = tuple[State, TLObject | tuple[object], ServerTools]
"""A state; the message that comes or, in a tuple, the result of its arithmetic; and the tools."""
Break = Callable[[ServerStages], Broken]


def request(state: str, message: str, **changes: Any) -> Break:
    """One sound request with some fields changed."""
    return lambda stages: (getattr(stages, state), getattr(stages, message).evolve(**changes), stages.tools)


def flip(state: str, message: str, name: str) -> Break:
    """One sound request with one bit of one field changed."""
    return lambda stages: request(state, message, **{name: flipped(getattr(getattr(stages, message), name))})(stages)


def inside(make: Callable[[ServerStages], TLObject | bytes]) -> Break:
    """req_DH_params with another inner data, at the moment when it has been opened."""

    def broken(stages: ServerStages) -> Broken:
        opening = stages.expect_request.on_req_dh_params(stages.asking(make(stages)), server_stages().tools)
        return opening, (opening.work.run(CRYPTO),), stages.tools

    return broken


def inner(**changes: Any) -> Break:
    """The same, with some fields of the inner data changed."""
    return inside(lambda stages: stages.inner.evolve(**changes))


def flip_inner(name: str) -> Break:
    """The same, with one bit of one field changed."""
    return inside(lambda stages: stages.inner.evolve(**{name: flipped(getattr(stages.inner, name))}))


def share(**changes: Any) -> Break:
    """set_client_DH_params with some fields of what it holds changed."""
    return lambda stages: (stages.expect_share, stages.sharing(stages.client_inner.evolve(**changes)), stages.tools)


def flip_share(name: str) -> Break:
    """The same, with one bit of one field changed."""
    return lambda stages: share(**{name: flipped(getattr(stages.client_inner, name))})(stages)


def encrypted(make: Callable[[ServerStages], bytes]) -> Break:
    """Another encrypted_data of set_client_DH_params."""
    return lambda stages: (stages.expect_share, stages.share.evolve(encrypted_data=make(stages)), stages.tools)


def with_tools(broken: Break, **changes: Any) -> Break:
    """The same, where the server is another."""

    def changed(stages: ServerStages) -> Broken:
        state, message, tools = broken(stages)
        return state, message, evolve(tools, **changes)

    return changed


def block(make: Callable[[bytes], bytes]) -> Break:
    """What the private key has opened, changed."""
    return lambda stages: (stages.opening, (make(stages.opening.work.run(CRYPTO)),), stages.tools)


def hash_flipped(stages: ServerStages) -> bytes:
    return sealed(stages.exchange, flipped(stages.exchange.decrypt(stages.share.encrypted_data, CRYPTO), 0))


def padding_hashed(stages: ServerStages) -> bytes:
    data = stages.client_inner.to_bytes() + bytes(12)
    return sealed(stages.exchange, CRYPTO.sha1(data) + data)


def another_object(stages: ServerStages) -> bytes:
    return sealed(stages.exchange, hashed(stages.inner))


def one_block_more(stages: ServerStages) -> Broken:
    """A share that needs no padding, and has 16 bytes."""
    data = stages.client_inner.evolve(g_b=to_minimal(1 << 2010))
    assert len(data.to_bytes()) % 16 == 12
    return stages.expect_share, stages.sharing(data, more=1), stages.tools


def after_retry(retry_id: Callable[[bytes], bytes]) -> Break:
    """Another share, sent after dh_gen_retry, whose retry_id is made from the one that is due."""

    def broken(stages: ServerStages) -> Broken:
        state = stages.offering.taken(stages.tools)
        due = id_from_bytes(retry_id(stages.offering.key.aux_hash))
        return state, stages.sharing(stages.client_inner.evolve(retry_id=due)), stages.tools

    return broken


# Each breaks its rule and no other; so with the rule gone from the code, nothing or something else is raised.
BREAKS: list[tuple[Check, Break]] = [
    (Check.NONCE, flip("expect_request", "request", "nonce")),
    (Check.NONCE, flip("expect_share", "share", "nonce")),
    (Check.SERVER_NONCE, flip("expect_request", "request", "server_nonce")),
    (Check.SERVER_NONCE, flip("expect_share", "share", "server_nonce")),
    (Check.PQ_ECHO, flip("expect_request", "request", "p")),
    (Check.PQ_ECHO, flip("expect_request", "request", "q")),
    (Check.PQ_ECHO, lambda s: request("expect_request", "request", p=s.request.q, q=s.request.p)(s)),
    (Check.PQ_ECHO, lambda s: request("expect_request", "request", p=b"\x01", q=s.inner.pq)(s)),
    (Check.FINGERPRINT, request("expect_request", "request", public_key_fingerprint=0xD09D1D85DE64FD85)),
    (Check.ENCRYPTED_DATA_SIZE, request("expect_request", "request", encrypted_data=bytes(255))),
    (Check.ENCRYPTED_DATA_SIZE, request("expect_request", "request", encrypted_data=bytes(257))),
    (Check.ENCRYPTED_DATA_SIZE, request("expect_request", "request", encrypted_data=b"")),
    (Check.ENCRYPTED_DATA_SIZE, request("expect_request", "request", encrypted_data=to_fixed(N, 256))),
    (Check.ENCRYPTED_DATA_SIZE, request("expect_request", "request", encrypted_data=b"\xff" * 256)),
    (Check.RSA_PAD_HASH, block(lambda opened: flipped(opened, 0))),
    (Check.RSA_PAD_HASH, block(flipped)),
    (Check.RSA_PAD_HASH, with_tools(block(flipped), old_rsa=True)),
    (Check.RSA_PAD_HASH, with_tools(block(lambda opened: bytes(256)), old_rsa=True)),
    (Check.INNER_DATA_ECHO, flip_inner("pq")),
    (Check.INNER_DATA_ECHO, flip_inner("p")),
    (Check.INNER_DATA_ECHO, flip_inner("q")),
    (Check.INNER_DATA_ECHO, flip_inner("nonce")),
    (Check.INNER_DATA_ECHO, flip_inner("server_nonce")),
    (Check.INNER_DATA_ECHO, inside(lambda stages: stages.req_pq)),
    (Check.INNER_DATA_ECHO, inside(lambda stages: bytes(144))),
    (Check.INNER_DATA_ECHO, inside(lambda stages: stages.inner.to_bytes()[:4] + b"\xff" * 140)),
    (Check.DATA_CENTER, inner(dc=4)),
    (Check.DATA_CENTER, inner(dc=10_002)),
    (Check.DATA_CENTER, inner(dc=0)),
    (Check.DATA_CENTER, with_tools(inner(dc=2), dc=DataCenter(2, media=True))),
    (Check.EXPIRES_IN, inner(expires_in=0)),
    (Check.EXPIRES_IN, inner(expires_in=-1)),
    (Check.EXPIRES_IN, inner(expires_in=-(1 << 31))),
    (Check.CLIENT_DATA_LENGTH, encrypted(lambda stages: stages.share.encrypted_data + bytes(4))),
    (Check.CLIENT_DATA_LENGTH, encrypted(lambda stages: stages.share.encrypted_data[:16])),
    (Check.CLIENT_DATA_LENGTH, encrypted(lambda stages: b"")),
    (Check.CLIENT_DATA_LENGTH, with_tools(request("expect_share", "share"), limits=Limits(handshake_inner=320))),
    (Check.CLIENT_DATA_SHA1, encrypted(hash_flipped)),
    (Check.CLIENT_DATA_SHA1, encrypted(padding_hashed)),
    (Check.CLIENT_DATA_SHA1, encrypted(another_object)),
    (Check.CLIENT_DATA_SHA1, encrypted(lambda stages: flipped(stages.share.encrypted_data, 0))),
    (Check.CLIENT_DATA_SHA1, encrypted(lambda stages: stages.share.encrypted_data[:32])),
    (Check.CLIENT_DATA_PADDING, lambda s: (s.expect_share, s.sharing(s.client_inner, more=1), s.tools)),
    (Check.CLIENT_DATA_PADDING, one_block_more),
    (Check.CLIENT_INNER_NONCE, flip_share("nonce")),
    (Check.CLIENT_INNER_NONCE, flip_share("server_nonce")),
    *(
        (Check.G_B_RANGE, share(g_b=to_minimal(g_b)))
        for g_b in (0, 1, MARGIN - 1, KNOWN_PRIME - MARGIN + 1, KNOWN_PRIME - 1, KNOWN_PRIME, KNOWN_PRIME + 3)
    ),
    (Check.RETRY_ID, share(retry_id=1)),
    (Check.RETRY_ID, after_retry(lambda due: bytes(8))),
    (Check.RETRY_ID, after_retry(flipped)),
    (Check.RETRY_ID, after_retry(lambda due: id_to_bytes(1))),
]
OF_THE_ENDPOINT = {Check.HANDSHAKE_KNOWN, Check.HANDSHAKES_PER_PEER, Check.REQUEST_CHANGED}


def attempt(broken: Broken) -> State:
    state, message, tools = broken
    if isinstance(message, tuple):
        assert isinstance(state, WorkState)
        return resume(state, message[0], tools)
    return deliver(state, message.to_bytes(), tools)


@pytest.mark.parametrize(("check", "broken"), BREAKS, ids=[check.name for check, _ in BREAKS])
def test_a_broken_rule_is_told_by_its_name_and_costs_nothing(check: Check, broken: Break) -> None:
    stages = server_stages()
    state, message, tools = broken(stages)
    with pytest.raises(SecurityError) as raised:
        attempt((state, message, evolve(tools, entropy=nothing_drawn())))
    assert raised.value.check is check
    assert raised.value.scope is Scope.EXCHANGE
    # no half-made step: the state is what it was, and takes the sound request
    assert state == broken(server_stages())[0]
    assert server_stages() == stages


@pytest.mark.parametrize("check", [each for each in Check if each.scope is Scope.EXCHANGE and any("s" in i for i in each.items)])
def test_every_rule_of_the_servers_handshake_is_broken_here(check: Check) -> None:
    assert (check in {each for each, _ in BREAKS}) != (check in OF_THE_ENDPOINT)


def test_the_request_that_is_altered_was_sound() -> None:
    stages = server_stages()
    assert isinstance(attempt(inner()(stages)), RaisingGA)
    assert isinstance(attempt(block(lambda opened: opened)(stages)), RaisingGA)
    assert isinstance(attempt(request("expect_request", "request")(stages)), OpeningInnerData)
    assert isinstance(attempt(request("expect_share", "share")(stages)), RaisingKey)
    assert isinstance(attempt(share()(stages)), RaisingKey)
    assert isinstance(attempt(after_retry(lambda due: due)(stages)), RaisingKey)


# ---- steps 1 and 2


def test_both_requests_are_answered_alike_and_drawn_for_alike() -> None:
    # made odd and 31 bits long, four zeros are 0x40000001, which is not prime
    assert not is_prime(0x40000001)
    states = []
    for message in (ReqPQ(bytes(16)), ReqPQMulti(bytes(16))):
        entropy = ScriptedEntropy([bytes(range(16)), bytes(4), to_fixed(Q, 4), bytes(4), to_fixed(P, 4)])
        states.append(deliver(listening(), message.to_bytes(), server_tools(entropy)))
        entropy.finish()
    assert isinstance(states[0], ExpectReqDHParams)
    assert states[0] == states[1]
    assert (states[0].p, states[0].q, states[0].nonces.server_nonce) == (P, Q, bytes(range(16)))


def test_the_number_is_the_product_of_two_primes_of_31_bits_and_no_other_handshake_has_it() -> None:
    tools = server_tools(SeededEntropy(b"many"))
    seen = set()
    for _ in range(20):
        state = deliver(listening(), ReqPQMulti(bytes(16)).to_bytes(), tools)
        assert isinstance(state, ExpectReqDHParams)
        answer, end = HANDSHAKE.read(state.answer)
        assert isinstance(answer, ResPQ)
        assert end == len(state.answer)
        assert (answer.nonce, answer.server_nonce) == (state.nonces.nonce, state.nonces.server_nonce)
        assert to_int(answer.pq) == state.p * state.q < 1 << 63
        assert state.p < state.q
        assert {state.p.bit_length(), state.q.bit_length()} == {31}
        assert is_prime(state.p)
        assert is_prime(state.q)
        assert answer.server_public_key_fingerprints == (server_key().public.fingerprint,)
        seen |= {answer.server_nonce, answer.pq}
    assert len(seen) == 40


def test_the_same_prime_twice_is_drawn_again() -> None:
    p, q = to_fixed(P, 4), to_fixed(Q, 4)
    entropy = ScriptedEntropy([bytes(16), q, q, q, p])
    state = deliver(listening(), ReqPQMulti(bytes(16)).to_bytes(), server_tools(entropy))
    entropy.finish()
    assert isinstance(state, ExpectReqDHParams)
    assert (state.p, state.q) == (P, Q)


def test_a_candidate_is_cut_to_31_bits() -> None:
    raised = to_fixed(P | 1 << 31, 4)
    entropy = ScriptedEntropy([bytes(16), raised, to_fixed(Q & ~1 & ~(1 << 30), 4)])
    state = deliver(listening(), ReqPQMulti(bytes(16)).to_bytes(), server_tools(entropy))
    assert isinstance(state, ExpectReqDHParams)
    assert (state.p, state.q) == (P, Q)


def test_a_plain_acknowledgement_changes_nothing() -> None:
    stages = server_stages()
    ack = MsgsAck((1, 2)).to_bytes()
    for state in (stages.listening, stages.expect_request, stages.expect_share):
        assert deliver(state, ack, server_tools(nothing_drawn())) is state


# ---- step 4


def test_leading_zeros_of_the_factors_do_not_matter() -> None:
    stages = server_stages()
    padded = {name: bytes(1) + getattr(stages.request, name) for name in ("p", "q")}
    assert isinstance(deliver(stages.expect_request, stages.request.evolve(**padded).to_bytes(), stages.tools), OpeningInnerData)


def test_any_of_our_keys_will_do() -> None:
    other = PrivateKey.generate()
    tools = server_tools(private_keys=(other, server_key()))
    stages = server_stages(private_keys=(server_key(), other))
    data = rsa_pad(stages.inner.to_bytes(), other.public, entropy=SeededEntropy(b"padding"), crypto=CRYPTO)
    asked = stages.request.evolve(public_key_fingerprint=other.public.fingerprint, encrypted_data=data)
    assert isinstance(work_off(deliver(stages.expect_request, asked.to_bytes(), tools), tools), ExpectClientDHParams)
    answer, _ = HANDSHAKE.read(stages.expect_request.answer)
    assert isinstance(answer, ResPQ)
    assert answer.server_public_key_fingerprints == (server_key().public.fingerprint, other.public.fingerprint)


def raising(stages: ServerStages, message: TLObject, **changes: Any) -> RaisingGA:
    """What the inner data leads to at a server with other tools."""
    state, opened, tools = with_tools(inside(lambda _: message), **changes)(stages)
    after = attempt((state, opened, tools))
    assert isinstance(after, RaisingGA)
    return after


def test_the_four_forms_of_inner_data() -> None:
    stages = server_stages()
    common = {name: getattr(stages.inner, name) for name in ("pq", "p", "q", "nonce", "server_nonce", "new_nonce")}
    assert raising(stages, PQInnerData(**common)).purpose == PERMANENT
    assert raising(stages, PQInnerDataDC(**common, dc=2)).purpose == PERMANENT
    assert raising(stages, PQInnerDataTemp(**common, expires_in=5)).purpose == Purpose(KeyKind.TEMPORARY, DC, 5)
    assert raising(stages, PQInnerDataTempDC(**common, dc=2, expires_in=5)).purpose == Purpose(KeyKind.TEMPORARY, DC, 5)
    assert raising(stages, PQInnerData(**common)).exchange.new_nonce.reveal() == stages.inner.new_nonce
    # a server that does not care learns from the older forms nothing, and takes whatever the newer ones say
    assert raising(stages, PQInnerData(**common), dc=None).purpose.dc == DataCenter(0)
    for number in (-10_002, 0, 77, (1 << 31) - 1, -(1 << 31)):
        assert raising(stages, PQInnerDataDC(**common, dc=number), dc=None).purpose.dc.number == number


def test_media_of_the_same_data_centre_is_served_too() -> None:
    stages = server_stages()
    assert raising(stages, stages.inner.evolve(dc=-2)).purpose.dc == DataCenter(2, media=True)


def test_a_lifetime_that_is_absurd_is_cut_down_not_refused() -> None:
    stages = server_stages()
    for asked, given in ((1, 1), (3600, 3600), (3601, 3600), (1_800_086_400, 3600), ((1 << 31) - 1, 3600)):
        purpose = raising(stages, stages.inner.evolve(expires_in=asked), limits=Limits(temporary_lifetime=3600)).purpose
        assert purpose.expires_in == given


def test_whatever_follows_the_inner_data_is_padding() -> None:
    stages = server_stages()
    state, opened, tools = inside(lambda _: stages.inner.to_bytes() + b"\xff" * 40)(stages)
    assert isinstance(attempt((state, opened, tools)), RaisingGA)


def old_block(stages: ServerStages) -> bytes:
    data = stages.inner.to_bytes()
    return bytes(1) + CRYPTO.sha1(data) + data + b"\x55" * (235 - len(data))


def test_the_padding_of_before_2021_is_taken_only_where_it_is_allowed() -> None:
    stages = server_stages()
    with pytest.raises(SecurityError) as raised:
        resume(stages.opening, old_block(stages), stages.tools)
    assert raised.value.check is Check.RSA_PAD_HASH
    allowed = server_tools(old_rsa=True)
    assert isinstance(resume(stages.opening, old_block(stages), allowed), RaisingGA)
    assert isinstance(resume(stages.opening, stages.opening.work.run(CRYPTO), allowed), RaisingGA)
    with pytest.raises(SecurityError) as raised:
        resume(stages.opening, flipped(old_block(stages), 30), allowed)
    assert raised.value.check is Check.RSA_PAD_HASH


def test_the_padding_of_before_2021_must_hold_inner_data_too() -> None:
    stages = server_stages()
    data = stages.req_pq.to_bytes()
    with pytest.raises(SecurityError) as raised:
        resume(stages.opening, bytes(1) + CRYPTO.sha1(data) + data + bytes(235 - len(data)), server_tools(old_rsa=True))
    assert raised.value.check is Check.INNER_DATA_ECHO


# ---- step 5


@pytest.mark.parametrize("g_a", [0, 1, MARGIN - 1, KNOWN_PRIME - 1, KNOWN_PRIME - MARGIN + 1], ids=range(5))
def test_a_weak_share_of_our_own_is_not_sent_but_drawn_again(g_a: int) -> None:
    stages = server_stages()
    drawn = bytes([9]) * 256
    again = resume(stages.raising_ga, (g_a,), server_tools(ScriptedEntropy([drawn])))
    assert again == evolve(stages.raising_ga, work=evolve(stages.raising_ga.work, exponent=Secret(drawn)))


def opened(stages: ServerStages, state: ExpectClientDHParams) -> tuple[ServerDHInnerData, bytes]:
    """What the client will find in server_DH_params_ok, and what follows it there."""
    answer, end = HANDSHAKE.read(state.answer)
    assert isinstance(answer, ServerDHParamsOk)
    assert end == len(state.answer)
    assert (answer.nonce, answer.server_nonce) == (stages.inner.nonce, stages.inner.server_nonce)
    plain = stages.exchange.decrypt(answer.encrypted_answer, CRYPTO)
    found, end = HANDSHAKE.read(plain, 20)
    assert isinstance(found, ServerDHInnerData)
    assert plain[:20] == CRYPTO.sha1(plain[20:end])
    return found, plain[end:]


def test_the_offer_tells_the_time_of_the_call_and_ends_in_drawn_padding() -> None:
    stages = server_stages()
    found, padding = opened(stages, stages.expect_share)
    assert (found.g, to_int(found.dh_prime), found.server_time) == (3, KNOWN_PRIME, int(NOW))
    assert to_int(found.g_a) == CRYPTO.modexp(3, to_int(stages.expect_share.a.reveal()), KNOWN_PRIME)
    assert padding == stages.expect_share.padding
    assert len(padding) == 8
    entropy = ScriptedEntropy([bytes(range(12))])
    state = resume(stages.raising_ga, (1 << 2020,), server_tools(entropy, now=5.9))
    entropy.finish()
    assert isinstance(state, ExpectClientDHParams)
    found, padding = opened(stages, state)
    assert (found.g_a, found.server_time, padding) == (to_minimal(1 << 2020), 5, bytes(range(12)))


@pytest.mark.parametrize(
    ("now", "told"), [(-1.5, 0), (0.9, 0), (2**31 - 0.5, 2**31 - 1), (2.0**31, 2**31 - 1), (1e12, 2**31 - 1)]
)
def test_a_clock_beyond_all_bounds_is_told_as_far_as_it_goes(now: float, told: int) -> None:
    stages = server_stages()
    state = work_off(stages.raising_ga, server_tools(now=now))
    assert isinstance(state, ExpectClientDHParams)
    assert opened(stages, state)[0].server_time == state.offer.server_time == told


def test_padding_that_is_not_needed_is_not_drawn() -> None:
    stages = server_stages()
    state = resume(stages.raising_ga, (1 << 1990,), server_tools(nothing_drawn()))
    assert isinstance(state, ExpectClientDHParams)
    assert state.padding == b""
    assert opened(stages, state)[1] == b""


def test_another_group() -> None:
    tools = server_tools(g=2, dh_prime=OTHER_PRIME)
    stages = server_stages()
    state = work_off(resume(stages.opening, stages.opening.work.run(CRYPTO), tools), tools)
    assert isinstance(state, ExpectClientDHParams)
    found, _ = opened(stages, state)
    assert (found.g, to_int(found.dh_prime)) == (2, OTHER_PRIME)
    assert to_int(found.g_a) == CRYPTO.modexp(2, to_int(state.a.reveal()), OTHER_PRIME)
    # what is on its way is finished with the group that it began with
    later = deliver(state, stages.share.to_bytes(), server_tools())
    assert isinstance(later, RaisingKey)
    assert later.work.modulus == OTHER_PRIME


# ---- steps 6 to 9


def test_a_share_with_leading_zeros_is_accepted() -> None:
    stages = server_stages()
    [vector] = [each for each in load("edge_cases") if "g_b whose first byte" in each["name"]]
    padded, stripped = (
        deliver(stages.expect_share, stages.sharing(stages.client_inner.evolve(g_b=g_b)).to_bytes(), stages.tools)
        for g_b in (bytes.fromhex(vector["g_b_256"]), bytes.fromhex(vector["g_b_256"])[1:])
    )
    assert isinstance(padded, RaisingKey)
    assert padded == stripped
    assert padded.work.bases == (int(vector["g_b_256"], 16),)


def test_a_key_that_begins_with_zeros_keeps_them() -> None:
    [vector] = [each for each in load("edge_cases") if "auth_key" in each["name"]]
    offering = resume(server_stages().raising_key, (int(vector["auth_key_256"], 16),), server_tools())
    assert isinstance(offering, KeyOffering)
    assert offering.key.reveal() == bytes.fromhex(vector["auth_key_256"])


def test_the_key_and_what_belongs_to_it() -> None:
    for purpose in (PERMANENT, TEMPORARY):
        stages = server_stages(purpose)
        offering = stages.offering
        salt = bytes(a ^ b for a, b in zip(stages.inner.new_nonce[:8], stages.inner.server_nonce[:8], strict=True))
        assert offering.key == AuthKey.from_number(
            CRYPTO.modexp(to_int(stages.client_inner.g_b), to_int(stages.expect_share.a.reveal()), KNOWN_PRIME)
        )
        assert (offering.purpose, offering.server_time) == (purpose, int(NOW))
        assert offering.first_salt == id_from_bytes(salt)
        agreed = offering.kept(server_tools(nothing_drawn()))
        assert agreed == KeyAgreed(agreed.answer, offering.key, purpose, id_from_bytes(salt), int(NOW))
        answer, end = HANDSHAKE.read(agreed.answer)
        assert isinstance(answer, DHGenOk)
        assert end == len(agreed.answer) == 52
        assert answer.new_nonce_hash1 == stages.exchange.hash(1, offering.key.aux_hash, CRYPTO)


def test_a_key_whose_id_is_taken_is_asked_for_again() -> None:
    stages = server_stages()
    state = stages.offering.taken(server_tools(nothing_drawn()))
    assert evolve(state, retry_id=bytes(8), answer=stages.expect_share.answer) == stages.expect_share
    assert state.retry_id == stages.offering.key.aux_hash
    answer, _ = HANDSHAKE.read(state.answer)
    assert isinstance(answer, DHGenRetry)
    assert answer.new_nonce_hash2 == stages.exchange.hash(2, stages.offering.key.aux_hash, CRYPTO)
    again = stages.client_inner.evolve(retry_id=id_from_bytes(state.retry_id), g_b=to_minimal(KNOWN_PRIME >> 1))
    offering = work_off(deliver(state, stages.sharing(again).to_bytes(), stages.tools), stages.tools)
    assert isinstance(offering, KeyOffering)
    assert offering.key != stages.offering.key
    assert isinstance(offering.kept(stages.tools), KeyAgreed)


def test_a_key_with_the_id_of_plaintext_is_asked_for_again_unasked() -> None:
    stages = server_stages()

    class Nameless(AuthKey):
        """A key as one in 2^64 is."""

        def __init__(self, value: bytes) -> None:
            super().__init__(value)
            self.id = 0

    offering = evolve(stages.offering, key=Nameless(stages.offering.key.reveal()))
    assert offer_key(offering, stages.tools) == stages.offering.taken(stages.tools)
    assert offer_key(stages.offering, stages.tools) is stages.offering


def test_no_secret_is_in_a_repr() -> None:
    stages = server_stages()
    shown = "".join(map(repr, stages.states)) + repr(stages.tools)
    secrets = [stages.inner.new_nonce, stages.expect_share.a.reveal(), stages.agreed.key.reveal(), to_minimal(server_key().d)]
    for secret in secrets:
        for form in (secret.hex(), repr(secret)[2:-1], str(to_int(secret)), repr(secret[:8])[2:-1]):
            assert form not in shown
