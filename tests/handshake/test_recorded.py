"""Recorded exchanges, played again byte for byte: three with Telegram's own servers, two synthetic ones through both roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from kit.handshakes import CRYPTO, client_tools, server_key, server_tools, work_off
from kit.vectors import load
from mtproto_bind._crypto import PublicKey, known_keys
from mtproto_bind._errors import Check, SecurityError
from mtproto_bind._ground import id_from_bytes, to_fixed
from mtproto_bind._handshake import DataCenter, KeyKind, Purpose, begin, deliver, resume
from mtproto_bind._handshake.client import ExpectDHAnswer, ExpectServerDHParams, Factoring, KeyAgreed, Raising
from mtproto_bind._handshake.server import (
    ExpectClientDHParams,
    ExpectReqDHParams,
    KeyOffering,
    OpeningInnerData,
    listening,
)
from mtproto_bind.testing.entropy import ScriptedEntropy, SeededEntropy

Vector = dict[str, Any]
PLAIN_HEADER = 20

FIRST, SECOND, RECORDED = load("handshake_samples")
SYNTHETIC = load("synthetic_full_run")[0]
RUNS = [SYNTHETIC["permanent"], SYNTHETIC["temporary"]]


def raw(vector: Vector, name: str) -> bytes:
    return bytes.fromhex(vector[name])


def message(vector: Vector, *names: str) -> bytes:
    """A message of a sample, without its envelope; the samples have three ways to write one down."""
    [found] = [vector["messages"][name] for name in names if name in vector["messages"]]
    return bytes.fromhex(found["bytes"])[PLAIN_HEADER:] if isinstance(found, dict) else bytes.fromhex(found)


def and_any_temp_key(*draws: bytes) -> Callable[[int], bytes]:
    """These draws, and then as many temp_keys as it takes: no one knows the one of the recording."""
    left, more = list(draws), SeededEntropy(b"temp_key")

    def draw(size: int) -> bytes:
        return ScriptedEntropy([left.pop(0)])(size) if left else more(size)

    return draw


def up_to_params(vector: Vector, key: PublicKey) -> ExpectServerDHParams:
    """Steps 1 to 4 of a sample: all that can be compared is the same, that is all but the encrypted bytes."""
    entropy = ScriptedEntropy([raw(vector, "nonce")])
    first = begin(Purpose(KeyKind.PERMANENT, DataCenter(vector.get("dc", 2))), client_tools(entropy))
    assert first.request in (message(vector, "req_pq", "req_pq_multi"), bytes.fromhex("f18e7ebe") + raw(vector, "nonce"))
    tools = client_tools(and_any_temp_key(raw(vector, "new_nonce"), bytes(92)), server_keys=(key,))
    factoring = deliver(first, message(vector, "res_pq", "resPQ"), tools)
    assert isinstance(factoring, Factoring)
    state = resume(factoring, factoring.work.run(CRYPTO), tools)
    assert isinstance(state, ExpectServerDHParams)
    sent = message(vector, "req_DH_params")
    assert len(state.request) == len(sent) == 320
    assert state.request[:-256] == sent[:-256]
    return state


@pytest.mark.parametrize(("vector", "key"), [(SECOND, known_keys(test=False)[0]), (RECORDED, known_keys(test=True)[0])])
def test_samples_end_in_the_key_that_telegram_made(vector: Vector, key: PublicKey) -> None:
    expect_params = up_to_params(vector, key)
    entropy = ScriptedEntropy([raw(vector, "b"), raw(vector, "client_padding")])
    tools = client_tools(entropy)
    # the page has cut off what followed the object within the announced length
    expect_answer = work_off(deliver(expect_params, message(vector, "server_DH_params_ok") + bytes(76), tools), tools)
    entropy.finish()
    assert isinstance(expect_answer, ExpectDHAnswer)
    assert expect_answer.request == message(vector, "set_client_DH_params")
    agreed = deliver(expect_answer, message(vector, "dh_gen_ok"), tools)
    assert isinstance(agreed, KeyAgreed)
    assert agreed.key.reveal() == raw(vector, "auth_key")
    assert agreed.key.id == id_from_bytes(raw(vector, "auth_key_id_wire_le"))
    assert agreed.first_salt == id_from_bytes(raw(vector, "server_salt_wire_le"))
    assert agreed.server_time == vector["server_time"]


def test_the_sample_of_2013_is_refused_for_its_generator() -> None:
    [key] = [each for each in load("rsa_keys_fingerprints") if each["fingerprint_hex_be"] == "c3b42b026ce86b21"]
    expect_params = up_to_params(FIRST, PublicKey(int(key["n_hex"], 16), key["e"]))
    with pytest.raises(SecurityError) as raised:
        deliver(expect_params, message(FIRST, "server_DH_params_ok"), client_tools())
    assert raised.value.check is Check.DH_GENERATOR


def test_old_servers_keys_are_not_trusted_by_default() -> None:
    first = begin(Purpose(KeyKind.PERMANENT, DataCenter(2)), client_tools(ScriptedEntropy([raw(FIRST, "nonce")])))
    for test in (False, True):
        with pytest.raises(SecurityError) as raised:
            deliver(first, message(FIRST, "res_pq"), client_tools(server_keys=known_keys(test=test)))
        assert raised.value.check is Check.TRUSTED_KEY


def body(run: Vector, name: str) -> bytes:
    """A message of a synthetic run without its envelope, but with the bytes that follow the object."""
    return bytes.fromhex(run["messages"][name])[PLAIN_HEADER:]


def round_body(each: Vector, name: str) -> bytes:
    return bytes.fromhex(each[name])[PLAIN_HEADER:]


def purpose_of(run: Vector) -> Purpose:
    kind = KeyKind.TEMPORARY if run["kind"] == "temporary" else KeyKind.PERMANENT
    return Purpose(kind, DataCenter.from_number(run["dc"]), run["expires_in"])


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["kind"])
def test_the_client_of_a_synthetic_run(run: Vector) -> None:
    draws = [raw(run, "nonce"), raw(run, "new_nonce"), raw(run, "rsa_random_padding"), raw(run, "rsa_temp_key")]
    for each in run["rounds"]:
        draws += [raw(each, "b"), raw(each, "client_padding")]
    entropy = ScriptedEntropy(draws)
    tools = client_tools(entropy)
    first = begin(purpose_of(run), tools)
    assert first.request == body(run, "req_pq_multi")
    expect_params = work_off(deliver(first, body(run, "resPQ"), tools), tools)
    assert isinstance(expect_params, ExpectServerDHParams)
    assert expect_params.request == body(run, "req_DH_params")
    state = work_off(deliver(expect_params, body(run, "server_DH_params_ok"), tools), tools)
    for each in run["rounds"]:
        assert isinstance(state, ExpectDHAnswer)
        assert state.request == round_body(each, "set_client_DH_params")
        assert state.key.reveal() == raw(each, "candidate_auth_key")
        after = deliver(state, round_body(each, "answer_message"), tools)
        assert type(after) is (Raising if each["answer"] == "dh_gen_retry" else KeyAgreed)
        state = work_off(after, tools)
    entropy.finish()
    assert isinstance(state, KeyAgreed)
    assert state.key.reveal() == raw(run, "auth_key")
    assert state.key.id == id_from_bytes(raw(run, "auth_key_id_wire_le"))
    assert (state.purpose, state.server_time) == (purpose_of(run), run["server_time"])
    assert state.first_salt == id_from_bytes(raw(run, "server_salt_wire_le"))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run["kind"])
def test_the_server_of_a_synthetic_run(run: Vector) -> None:
    primes = [to_fixed(run[name], 4) for name in ("p", "q")]
    entropy = ScriptedEntropy([raw(run, "server_nonce"), *primes, bytes(32), raw(run, "a"), raw(run, "answer_padding")])
    tools = server_tools(entropy, dc=DataCenter.from_number(run["dc"]), now=run["server_time"] + 0.9)
    expect_request = deliver(listening(), body(run, "req_pq_multi"), tools)
    assert isinstance(expect_request, ExpectReqDHParams)
    assert expect_request.answer == body(run, "resPQ")
    opening = deliver(expect_request, body(run, "req_DH_params"), tools)
    assert isinstance(opening, OpeningInnerData)
    assert opening.work.run(CRYPTO) == raw(run, "key_aes_encrypted")
    state = work_off(opening, tools)
    entropy.finish()
    assert isinstance(state, ExpectClientDHParams)
    trailing = run["server_DH_params_ok_trailing_bytes"]
    assert state.answer == body(run, "server_DH_params_ok")[: -trailing or None]
    # nothing is drawn any more, and the time of the offer stays what it was
    later = evolve(tools, now=0.0)
    for each in run["rounds"]:
        assert isinstance(state, ExpectClientDHParams)
        offering = work_off(deliver(state, round_body(each, "set_client_DH_params"), later), later)
        assert isinstance(offering, KeyOffering)
        assert offering.key.reveal() == raw(each, "candidate_auth_key")
        state = offering.taken(later) if each["answer"] == "dh_gen_retry" else offering.kept(later)
        assert state.answer == round_body(each, "answer_message")
    assert state.key.reveal() == raw(run, "auth_key")
    assert (state.purpose, state.server_time) == (purpose_of(run), run["server_time"])
    assert state.first_salt == id_from_bytes(raw(run, "server_salt_wire_le"))


def test_the_synthetic_server_key_is_the_one_of_these_tests() -> None:
    assert server_key().public.fingerprint == id_from_bytes(raw(SYNTHETIC["rsa_test_key"], "fingerprint_wire_le"))
