"""The client's states: what each does with a sound answer, and with an answer in which one thing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from kit.handshakes import (
    CRYPTO,
    DC,
    OTHER_PRIME,
    PERMANENT,
    TEMPORARY,
    ClientStages,
    P,
    Q,
    client_stages,
    client_tools,
    flipped,
    hashed,
    nothing_drawn,
    sealed,
    server_key,
    work_off,
)
from kit.vectors import load
from mtproto_bind._crypto import KNOWN_PRIME, ProvenPrimes, PublicKey, new_nonce_hash
from mtproto_bind._errors import Check, ExchangeRefused, Scope, SecurityError
from mtproto_bind._ground import id_from_bytes, to_fixed, to_int, to_minimal
from mtproto_bind._handshake import ClientTools, DataCenter, KeyAgreed, KeyKind, Purpose, State, WorkState, begin, deliver, resume
from mtproto_bind._handshake.client import ExpectDHAnswer, ProvingPrime, Raising
from mtproto_bind._limits import Limits
from mtproto_bind._tl import HANDSHAKE, ClientDHInnerData, ReqDHParams, ReqPQMulti, SetClientDHParams, TLObject
from mtproto_bind.testing.entropy import ScriptedEntropy, SeededEntropy

MARGIN = 1 << 1984
SHORT_PRIME = (1 << 2046) + 1

Broken = tuple[State, TLObject | tuple[object], ClientTools]
"""A state; the message that comes or, in a tuple, the result of its arithmetic; and the tools."""
Break = Callable[[ClientStages], Broken]


def answer(state: str, message: str, **changes: Any) -> Break:
    """One sound answer with some fields changed."""
    return lambda stages: (getattr(stages, state), getattr(stages, message).evolve(**changes), stages.tools)


def flip(state: str, message: str, name: str) -> Break:
    """One sound answer with one bit of one field changed."""
    return lambda stages: answer(state, message, **{name: flipped(getattr(getattr(stages, message), name))})(stages)


def inside(**changes: Any) -> Break:
    """server_DH_params_ok in which the inner data is changed, with everything around it right."""
    return lambda stages: (stages.expect_params, stages.params(stages.inner.evolve(**changes)), stages.tools)


def flip_inside(name: str) -> Break:
    """The same with one bit changed."""
    return lambda stages: inside(**{name: flipped(getattr(stages.inner, name))})(stages)


def result(state: str, value: object) -> Break:
    """A result of the arithmetic that is not what was asked for."""
    return lambda stages: (getattr(stages, state), (value,), stages.tools)


def encrypted(make: Callable[[ClientStages], bytes]) -> Break:
    """Another encrypted_answer."""
    return lambda stages: (
        stages.expect_params,
        stages.params_ok.evolve(encrypted_answer=make(stages)),
        stages.tools,
    )


def with_limits(limits: Limits, broken: Break) -> Break:
    """The same, where other limits hold."""

    def limited(stages: ClientStages) -> Broken:
        state, message, tools = broken(stages)
        return state, message, evolve(tools, limits=limits)

    return limited


def hash_flipped(stages: ClientStages) -> bytes:
    """An answer of which everything is right but its own hash."""
    plain = stages.expect_params.exchange.decrypt(stages.params_ok.encrypted_answer, CRYPTO)
    return sealed(stages.expect_params.exchange, flipped(plain, 0))


def padding_hashed(stages: ClientStages) -> bytes:
    """An answer whose hash covers the padding too."""
    inner = stages.inner.to_bytes() + bytes(8)
    return sealed(stages.expect_params.exchange, CRYPTO.sha1(inner) + inner)


def another_object(stages: ClientStages) -> bytes:
    """An answer whose hash is right, but not an answer."""
    inner = ClientDHInnerData(nonce=bytes(16), server_nonce=bytes(16), retry_id=0, g_b=b"")
    return sealed(stages.expect_params.exchange, hashed(inner))


def square(stages: ClientStages) -> Broken:
    """One prime twice, found by an arithmetic that is not ours."""
    return evolve(stages.factoring, work=evolve(stages.factoring.work, pq=P * P)), ((P, P),), stages.tools


def one_block_more(stages: ClientStages) -> Broken:
    """An answer that needs no padding, and has 16 bytes."""
    inner = stages.inner.evolve(g_a=to_minimal(1 << 1990))
    assert len(inner.to_bytes()) % 16 == 12
    return stages.expect_params, stages.params(inner, more=1), stages.tools


def retry_once_too_often(stages: ClientStages) -> Broken:
    return evolve(stages.expect_answer, tries_left=0), stages.retry, stages.tools


# Each breaks its rule and no other; so with the rule gone from the code, nothing or something else is raised.
BREAKS: list[tuple[Check, Break]] = [
    (Check.NONCE, flip("expect_res_pq", "res_pq", "nonce")),
    (Check.NONCE, flip("expect_params", "params_ok", "nonce")),
    (Check.NONCE, flip("expect_params", "params_fail", "nonce")),
    (Check.NONCE, flip("expect_answer", "ok", "nonce")),
    (Check.NONCE, flip("expect_answer", "retry", "nonce")),
    (Check.NONCE, flip("expect_answer", "fail", "nonce")),
    (Check.SERVER_NONCE, flip("expect_params", "params_ok", "server_nonce")),
    (Check.SERVER_NONCE, flip("expect_params", "params_fail", "server_nonce")),
    (Check.SERVER_NONCE, flip("expect_answer", "ok", "server_nonce")),
    (Check.SERVER_NONCE, flip("expect_answer", "retry", "server_nonce")),
    (Check.SERVER_NONCE, flip("expect_answer", "fail", "server_nonce")),
    (Check.TRUSTED_KEY, answer("expect_res_pq", "res_pq", server_public_key_fingerprints=(0xC3B42B026CE86B21, 1))),
    (Check.TRUSTED_KEY, answer("expect_res_pq", "res_pq", server_public_key_fingerprints=())),
    (Check.PQ_SIZE, answer("expect_res_pq", "res_pq", pq=to_minimal(P * Q + 1))),
    (Check.PQ_SIZE, answer("expect_res_pq", "res_pq", pq=b"\x09")),
    (Check.PQ_SIZE, answer("expect_res_pq", "res_pq", pq=b"")),
    (Check.PQ_SIZE, answer("expect_res_pq", "res_pq", pq=to_minimal((1 << 63) + 1))),
    (Check.PQ_SIZE, answer("expect_res_pq", "res_pq", pq=to_fixed(P * Q, 9))),
    (Check.PQ_COMPOSITE, result("factoring", None)),
    (Check.PQ_COMPOSITE, result("factoring", (Q, P))),
    (Check.PQ_COMPOSITE, result("factoring", (1, P * Q))),
    (Check.PQ_COMPOSITE, result("factoring", (P, Q + 2))),
    (Check.PQ_COMPOSITE, square),
    (Check.ANSWER_LENGTH, encrypted(lambda stages: stages.params_ok.encrypted_answer + bytes(4))),
    (Check.ANSWER_LENGTH, encrypted(lambda stages: stages.params_ok.encrypted_answer[:16])),
    (Check.ANSWER_LENGTH, encrypted(lambda stages: b"")),
    (Check.ANSWER_LENGTH, with_limits(Limits(handshake_inner=576), answer("expect_params", "params_ok"))),
    (Check.ANSWER_SHA1, encrypted(hash_flipped)),
    (Check.ANSWER_SHA1, encrypted(padding_hashed)),
    (Check.ANSWER_SHA1, encrypted(another_object)),
    (Check.ANSWER_SHA1, encrypted(lambda stages: flipped(stages.params_ok.encrypted_answer, 0))),
    (Check.ANSWER_SHA1, encrypted(lambda stages: stages.params_ok.encrypted_answer[:32])),
    (Check.ANSWER_PADDING, lambda stages: (stages.expect_params, stages.params(stages.inner, more=1), stages.tools)),
    (Check.ANSWER_PADDING, one_block_more),
    (Check.INNER_NONCE, flip_inside("nonce")),
    (Check.INNER_SERVER_NONCE, flip_inside("server_nonce")),
    (Check.DH_PRIME_SIZE, inside(dh_prime=to_minimal(SHORT_PRIME), g=4)),
    (Check.DH_PRIME_SIZE, inside(dh_prime=to_minimal((1 << 2048) + 1), g=4)),
    (Check.DH_PRIME_SAFE, result("proving", False)),
    *((Check.DH_GENERATOR, inside(g=g)) for g in (-3, 0, 1, 2, 5, 6, 8, 9)),
    (Check.DH_GENERATOR, inside(g=3, dh_prime=to_minimal(OTHER_PRIME + 2))),
    *(
        (Check.G_A_RANGE, inside(g_a=to_minimal(g_a)))
        for g_a in (0, 1, MARGIN - 1, KNOWN_PRIME - MARGIN + 1, KNOWN_PRIME - 1, KNOWN_PRIME, KNOWN_PRIME + 3)
    ),
    (Check.NEW_NONCE_HASH, flip("expect_params", "params_fail", "new_nonce_hash")),
    (Check.NEW_NONCE_HASH1, flip("expect_answer", "ok", "new_nonce_hash1")),
    (Check.NEW_NONCE_HASH2, flip("expect_answer", "retry", "new_nonce_hash2")),
    (Check.NEW_NONCE_HASH3, flip("expect_answer", "fail", "new_nonce_hash3")),
    (Check.DH_RETRY_LIMIT, retry_once_too_often),
]


def attempt(broken: Broken) -> State:
    state, message, tools = broken
    if isinstance(message, tuple):
        assert isinstance(state, WorkState)
        return resume(state, message[0], tools)
    return deliver(state, message.to_bytes(), tools)


@pytest.mark.parametrize(("check", "broken"), BREAKS, ids=[check.name for check, _ in BREAKS])
def test_a_broken_rule_is_told_by_its_name_and_costs_nothing(check: Check, broken: Break) -> None:
    stages = client_stages()
    state, message, tools = broken(stages)
    with pytest.raises(SecurityError) as raised:
        attempt((state, message, evolve(tools, entropy=nothing_drawn())))
    assert raised.value.check is check
    assert raised.value.scope is Scope.EXCHANGE
    # no half-made step: the state is what it was, and takes the sound answer
    assert state == broken(client_stages())[0]
    assert client_stages() == stages


@pytest.mark.parametrize("check", [each for each in Check if each.scope is Scope.EXCHANGE and each.items[0].startswith("c")])
def test_every_rule_of_the_clients_handshake_is_broken_here(check: Check) -> None:
    assert check in {each for each, _ in BREAKS}


def test_the_message_that_is_altered_was_sound() -> None:
    stages = client_stages()
    for state, message in [
        (stages.expect_res_pq, stages.res_pq),
        (stages.expect_params, stages.params_ok),
        (stages.expect_params, stages.params(stages.inner)),
        (stages.expect_answer, stages.ok),
        (stages.expect_answer, stages.retry),
    ]:
        deliver(state, message.to_bytes(), stages.tools)


# ---- steps 1 to 4


def test_the_first_request_is_a_nonce_and_nothing_else() -> None:
    first = begin(PERMANENT, client_tools(ScriptedEntropy([bytes(range(16))])))
    assert first.nonce == bytes(range(16))
    assert first.request == bytes.fromhex("f18e7ebe") + bytes(range(16))


def test_the_key_is_chosen_in_our_order_not_the_servers() -> None:
    ours = [PublicKey(int(vector["n_hex"], 16), vector["e"]) for vector in load("rsa_keys_fingerprints")[:2]]
    tools = client_tools(server_keys=(*ours, server_key().public))
    stages = client_stages()
    offered = (server_key().public.fingerprint, ours[1].fingerprint)
    factoring = stages.expect_res_pq.on_res_pq(stages.res_pq.evolve(server_public_key_fingerprints=offered), tools)
    assert factoring.server_key == ours[1]


def test_the_offered_keys_are_told_but_not_all_of_a_thousand() -> None:
    stages = client_stages()
    with pytest.raises(SecurityError, match=r"offers 1000: 0000000000000001, .*0000000000000004\)$"):
        stages.expect_res_pq.on_res_pq(stages.res_pq.evolve(server_public_key_fingerprints=tuple(range(1, 1001))), stages.tools)


def test_pq_goes_back_as_it_came_and_its_factors_in_the_shortest_form() -> None:
    stages = client_stages()
    res_pq = stages.res_pq.evolve(pq=to_fixed(3 * 65537, 8))
    factoring = stages.expect_res_pq.on_res_pq(res_pq, stages.tools)
    assert factoring.work.run(CRYPTO) == (3, 65537)
    assert factoring.pq == to_fixed(3 * 65537, 8)
    request, _ = HANDSHAKE.read(factoring.on_factors((3, 65537), stages.tools).request)
    assert isinstance(request, ReqDHParams)
    assert (request.p, request.q) == (b"\x03", b"\x01\x00\x01")


def test_the_smallest_and_the_largest_pq() -> None:
    stages = client_stages()
    for pq in (15, (1 << 63) - 1):
        assert stages.expect_res_pq.on_res_pq(stages.res_pq.evolve(pq=to_minimal(pq)), stages.tools).work.pq == pq


def test_a_prime_pq_is_refused() -> None:
    stages = client_stages()
    factoring = stages.expect_res_pq.on_res_pq(stages.res_pq.evolve(pq=to_minimal((1 << 61) - 1)), stages.tools)
    with pytest.raises(SecurityError) as raised:
        work_off(factoring, stages.tools)
    assert raised.value.check is Check.PQ_COMPOSITE


def test_the_work_on_pq_is_bounded_by_the_limits() -> None:
    stages = client_stages(limits=Limits(factor_curves=7))
    assert stages.factoring.work.curves == 7


# ---- steps 5 to 6


def test_the_padding_is_as_long_as_the_blocks_want_it() -> None:
    stages = client_stages()
    sizes = set()
    for shift in range(8):
        inner = stages.inner.evolve(g_a=to_minimal(KNOWN_PRIME >> 8 * shift + 1))
        sizes.add(-(20 + len(inner.to_bytes())) % 16)
        assert isinstance(deliver(stages.expect_params, stages.params(inner).to_bytes(), stages.tools), Raising)
    # the object is whole words, so these are all
    assert sizes == {0, 8, 12}


def test_numbers_with_leading_zeros_are_accepted() -> None:
    stages = client_stages()
    inner = stages.inner.evolve(g_a=bytes(4) + stages.inner.g_a, dh_prime=bytes(4) + stages.inner.dh_prime)
    raising = deliver(stages.expect_params, stages.params(inner).to_bytes(), client_stages().tools)
    assert isinstance(raising, Raising)
    assert raising.offer == stages.raising.offer


@pytest.mark.parametrize("g", [3, 4, 7])
def test_the_generators_that_fit_the_known_prime(g: int) -> None:
    stages = client_stages()
    raising = deliver(stages.expect_params, stages.params(stages.inner.evolve(g=g)).to_bytes(), stages.tools)
    assert isinstance(raising, Raising)
    assert raising.work.bases == (g, to_int(stages.inner.g_a))


def test_bytes_after_any_answer_are_ignored() -> None:
    stages = client_stages()
    body = stages.params_ok.to_bytes() + bytes(76)
    assert deliver(stages.expect_params, body, client_stages().tools) == deliver(
        stages.expect_params, stages.params_ok.to_bytes(), client_stages().tools
    )


def test_a_new_prime_is_proven_once_and_then_known() -> None:
    stages = client_stages()
    inner = stages.inner.evolve(g=2, dh_prime=to_minimal(OTHER_PRIME))
    known = ProvenPrimes()
    draws = [bytes(range(32)), bytes([7]) * 256, bytes([8]) * 256]
    tools = client_tools(ScriptedEntropy(draws), proven_primes=known)
    proving = deliver(stages.expect_params, stages.params(inner).to_bytes(), tools)
    assert isinstance(proving, ProvingPrime)
    assert (proving.work.p, proving.work.seed.reveal()) == (OTHER_PRIME, bytes(range(32)))
    assert OTHER_PRIME not in known
    raising = resume(proving, proving.work.run(CRYPTO), tools)
    assert isinstance(raising, Raising)
    assert raising.work.exponent.reveal() == bytes([7]) * 256
    assert OTHER_PRIME in known
    again = deliver(stages.expect_params, stages.params(inner).to_bytes(), tools)
    assert again == evolve(raising, work=evolve(raising.work, exponent=type(raising.work.exponent)(bytes([8]) * 256)))


@pytest.mark.parametrize("number", [2, 3])
def test_a_number_that_is_no_safe_prime_is_refused_and_not_remembered(number: int) -> None:
    dh_prime = int(
        [vector for vector in load("dh_checks") if "half_is_prime" in vector or "is_prime" in vector][number - 1]["dh_prime"], 16
    )
    stages = client_stages()
    known = ProvenPrimes()
    tools = client_tools(proven_primes=known)
    proving = deliver(
        stages.expect_params, stages.params(stages.inner.evolve(g=4, dh_prime=to_minimal(dh_prime))).to_bytes(), tools
    )
    assert isinstance(proving, ProvingPrime)
    with pytest.raises(SecurityError) as raised:
        work_off(proving, tools)
    assert raised.value.check is Check.DH_PRIME_SAFE
    assert dh_prime not in known


def test_a_refusal_that_proves_itself_is_believed() -> None:
    stages = client_stages()
    with pytest.raises(ExchangeRefused, match="server_DH_params_fail") as raised:
        deliver(stages.expect_params, stages.params_fail.to_bytes(), stages.tools)
    assert raised.value.scope is Scope.EXCHANGE


# ---- steps 6 to 9


@pytest.mark.parametrize("g_b", [0, 1, MARGIN - 1, KNOWN_PRIME - 1, KNOWN_PRIME - MARGIN + 1], ids=range(5))
def test_a_weak_share_of_our_own_is_not_sent_but_drawn_again(g_b: int) -> None:
    stages = client_stages()
    drawn = bytes([9]) * 256
    again = resume(stages.raising, (g_b, 5), client_tools(ScriptedEntropy([drawn])))
    assert isinstance(again, Raising)
    assert again.work.exponent.reveal() == drawn
    assert again.work.bases == stages.raising.work.bases
    assert evolve(again, work=stages.raising.work) == stages.raising


def test_a_key_that_begins_with_zeros_keeps_them() -> None:
    [vector] = [each for each in load("edge_cases") if "auth_key" in each["name"]]
    stages = client_stages()
    number = int(vector["auth_key_256"], 16)
    assert number.bit_length() <= 8 * 255
    expect = resume(stages.raising, (MARGIN, number), client_tools())
    assert isinstance(expect, ExpectDHAnswer)
    assert expect.key.reveal() == bytes.fromhex(vector["auth_key_256"])
    assert expect.key.id == id_from_bytes(bytes.fromhex(vector["auth_key_id_wire_le"]))
    exchange = expect.offer.exchange
    proof = new_nonce_hash(exchange.new_nonce.reveal(), 1, bytes.fromhex(vector["auth_key_aux_hash"]), CRYPTO)
    assert isinstance(deliver(expect, stages.ok.evolve(new_nonce_hash1=proof).to_bytes(), stages.tools), KeyAgreed)


def test_a_share_that_begins_with_zeros_is_sent_without_and_padded_with_what_then_lacks() -> None:
    stages = client_stages()
    g_b = 1 << 1990
    padding = bytes(range(4))
    entropy = ScriptedEntropy([padding])
    expect = resume(stages.raising, (g_b, 5), client_tools(entropy))
    entropy.finish()
    assert isinstance(expect, ExpectDHAnswer)
    request, _ = HANDSHAKE.read(expect.request)
    assert isinstance(request, SetClientDHParams)
    plain = expect.offer.exchange.decrypt(request.encrypted_data, CRYPTO)
    inner, end = HANDSHAKE.read(plain, 20)
    assert isinstance(inner, ClientDHInnerData)
    assert inner.g_b == to_minimal(g_b)
    assert inner.retry_id == 0
    assert plain[:20] == CRYPTO.sha1(plain[20:end])
    assert plain[end:] == padding


def test_the_key_and_what_belongs_to_it() -> None:
    for purpose in (PERMANENT, TEMPORARY, Purpose(KeyKind.TEMPORARY, DataCenter(4, test=True, media=True), 60)):
        stages = client_stages(purpose)
        nonces = stages.expect_params.exchange
        salt = bytes(a ^ b for a, b in zip(nonces.new_nonce.reveal()[:8], nonces.server_nonce[:8], strict=True))
        agreed = deliver(stages.expect_answer, stages.ok.to_bytes(), stages.tools)
        assert agreed == KeyAgreed(stages.expect_answer.key, purpose, id_from_bytes(salt), stages.inner.server_time)


def test_another_share_is_sent_with_the_hash_of_the_key_that_was_refused() -> None:
    stages = client_stages(limits=Limits(dh_retries=2))
    state: State = stages.expect_answer
    b = {stages.raising.work.exponent.reveal()}
    for left in (1, 0):
        assert isinstance(state, ExpectDHAnswer)
        proof = state.offer.exchange.hash(2, state.key.aux_hash, CRYPTO)
        raising = deliver(state, stages.retry.evolve(new_nonce_hash2=proof).to_bytes(), stages.tools)
        assert isinstance(raising, Raising)
        assert (raising.offer, raising.tries_left) == (stages.raising.offer, left)
        assert raising.retry_id == id_from_bytes(state.key.aux_hash)
        b.add(raising.work.exponent.reveal())
        state = work_off(raising, stages.tools)
        assert isinstance(state, ExpectDHAnswer)
        request, _ = HANDSHAKE.read(state.request)
        assert isinstance(request, SetClientDHParams)
        inner, _ = HANDSHAKE.read(state.offer.exchange.decrypt(request.encrypted_data, CRYPTO), 20)
        assert isinstance(inner, ClientDHInnerData)
        assert inner.retry_id == raising.retry_id
    assert len(b) == 3
    proof = state.offer.exchange.hash(2, state.key.aux_hash, CRYPTO)
    with pytest.raises(SecurityError) as raised:
        deliver(state, stages.retry.evolve(new_nonce_hash2=proof).to_bytes(), stages.tools)
    assert raised.value.check is Check.DH_RETRY_LIMIT


def test_a_failure_that_proves_itself_is_believed() -> None:
    stages = client_stages()
    with pytest.raises(ExchangeRefused, match="dh_gen_fail"):
        deliver(stages.expect_answer, stages.fail.to_bytes(), stages.tools)


def test_the_three_answers_do_not_prove_each_other() -> None:
    stages = client_stages()
    for message, name in ((stages.ok, "new_nonce_hash1"), (stages.retry, "new_nonce_hash2"), (stages.fail, "new_nonce_hash3")):
        for proof in {stages.ok.new_nonce_hash1, stages.retry.new_nonce_hash2, stages.fail.new_nonce_hash3}:
            if proof != getattr(message, name):
                with pytest.raises(SecurityError):
                    deliver(stages.expect_answer, message.evolve(**{name: proof}).to_bytes(), stages.tools)


def test_what_waits_for_the_server_can_be_sent_again_and_knows_its_nonce() -> None:
    stages = client_stages()
    for state in (stages.expect_res_pq, stages.expect_params, stages.expect_answer):
        assert state.nonce == stages.res_pq.nonce
        assert state.request[4:20] == state.nonce
    assert stages.expect_res_pq.request == ReqPQMulti(stages.res_pq.nonce).to_bytes()


def test_the_inner_data_names_the_data_centre_and_the_lifetime() -> None:
    for purpose, size in ((Purpose(KeyKind.PERMANENT, DataCenter(2, test=True)), 100), (TEMPORARY, 104)):
        stages = client_stages(purpose)
        entropy = SeededEntropy(b"x")
        drawn: list[int] = []

        def counting(wanted: int, entropy: SeededEntropy = entropy, drawn: list[int] = drawn) -> bytes:
            drawn.append(wanted)
            return entropy(wanted)

        stages.factoring.on_factors((P, Q), client_tools(counting))
        assert drawn[:2] == [32, 192 - size]
        assert set(drawn[2:]) == {32}


def test_no_secret_is_in_a_repr() -> None:
    stages = client_stages(Purpose(KeyKind.PERMANENT, DC))
    secrets = [stages.expect_params.exchange.new_nonce, stages.raising.work.exponent, stages.agreed.key]
    shown = "".join(map(repr, stages.states)) + repr(stages.expect_params.exchange)
    for secret in (each.reveal() for each in secrets):
        for form in (secret.hex(), repr(secret)[2:-1], str(to_int(secret)), repr(secret[:8])[2:-1]):
            assert form not in shown
