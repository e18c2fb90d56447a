"""Rules that are ours to keep, where no other test holds them. The ledger says which test holds which."""

from __future__ import annotations

import ast
import gc
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.ledger import SOURCES
from kit.pairs import OTHER_QUERY, Wiretap, binds_in, bound_pair, make_pair, tap
from kit.puppet import START, Line, Puppet, World
from mtproto_bind import (
    Binding,
    BindRefused,
    CallAnswered,
    CallReceived,
    Computation,
    KeyBound,
    KeyCreated,
    Limits,
    Retry,
)
from mtproto_bind._connection.client.state import Exchange
from mtproto_bind._crypto import Powers, default_crypto
from mtproto_bind._handshake import KeyKind
from mtproto_bind._tl import HANDSHAKE, NewSessionCreated, Ping, Pong, ReqDHParams, ReqPQMulti, ResPQ, SetClientDHParams
from mtproto_bind._wire import key_id_of
from mtproto_bind.testing import Direction, Fault, FaultKind, Network, Owner

QUERY = bytes.fromhex("2d7a1f0e00000000")


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from([FaultKind.CUT, FaultKind.DROP, FaultKind.CORRUPT]), st.integers(0, 15)), max_size=3))
def test_nothing_is_ever_sent_under_the_permanent_key(faults: list[tuple[FaultKind, int]]) -> None:
    """Whatever goes wrong on the way."""
    script = [Fault(direction=Direction.TO_CLIENT, index=index, kind=kind, at=40) for kind, index in faults]
    pair = make_pair(network=Wiretap(faults=script), client={"temporary_lifetime": 200})
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(300)
    permanent = {record.key.id for record in pair.owner.keys.values() if record.kind is KeyKind.PERMANENT}
    assert permanent
    assert not permanent & {key_id_of(frame) for frame in tap(pair).frames}


def test_every_binding_has_everything_of_its_own() -> None:
    pair = bound_pair(network=Wiretap(), client={"temporary_lifetime": 100})
    pair.run(400)
    binds = binds_in(tap(pair).sealed(pair))
    assert len(binds) >= 4
    for values in (
        [msg_id for msg_id, _, _ in binds],
        [request.nonce for _, request, _ in binds],
        [request.encrypted_message for _, request, _ in binds],
        [sent.key_id for _, _, sent in binds],
    ):
        assert len(set(values)) == len(binds)
    ends = [event.expires_at for event in pair.events(KeyBound)]
    assert ends == sorted(set(ends))


def exponents(pair: Any) -> list[bytes]:
    """The secret exponents of all powers that were asked for."""
    asked: list[bytes] = []
    client_event, answer = pair._client_event, pair.owner.answer

    def note(question: Any) -> None:
        if isinstance(question, Computation) and isinstance(question.work, Powers):
            asked.append(question.work.exponent.reveal())

    def client(event: Any) -> None:
        note(event)
        client_event(event)

    def owner(question: Any) -> Any:
        note(question)
        return answer(question)

    pair._client_event, pair.owner.answer = client, owner
    pair.run(20)
    return asked


def test_every_exponent_is_drawn_for_its_try() -> None:
    """b of the client for every g_b, a of the server for every handshake (it serves for g_a and for the key)."""
    pair = make_pair()
    asked = exponents(pair)
    assert pair.events(KeyBound)
    assert all(len(each) == 256 for each in asked)
    assert len(asked) == 6
    assert len(set(asked)) == 4


def test_a_forged_answer_does_not_move_the_clock() -> None:
    """server_time is inside the answer, and counts only once the answer is proven."""
    corrupt = Fault(direction=Direction.TO_CLIENT, index=1, kind=FaultKind.CORRUPT, at=600)
    pair = make_pair(network=Network(faults=[corrupt]), client={"retry": Retry(attempts=1)}, client_skew=-5000.0)
    pair.run(20)
    assert pair.client.status.closed
    assert not pair.client.status.clock.certain
    assert pair.client.status.clock.offset == 0


def test_secrets_are_compared_through_one_helper() -> None:
    """``==`` on a nonce, a digest or an encrypted key would tell by its time how much of it was right."""
    telling = {"nonce", "server_nonce", "new_nonce", "msg_key", "new_nonce_hash", "digest"}
    telling |= {f"new_nonce_hash{number}" for number in (1, 2, 3)}
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        if "testing" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
                sides = [node.left, *node.comparators]
                names = {getattr(each, "attr", getattr(each, "id", "")) for each in sides}
                if names & telling:
                    found.append(f"{path.name}:{node.lineno}")
    assert found == []


def test_what_is_spent_is_forgotten() -> None:
    """After a handshake nothing holds its states any more, nor what they knew."""
    pair = make_pair()
    pair.run(0.25)
    exchange = pair.client._state.exchange
    assert isinstance(exchange, Exchange)
    gone = weakref.ref(exchange)
    del exchange
    pair.run_until(KeyBound)
    pair.run(1)
    gc.collect()
    assert gone() is None


def test_every_key_has_its_own_salt() -> None:
    pair = bound_pair(network=Wiretap())
    pair.client.renew(pair.client_now)
    pair.run_until(KeyBound)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run_until(CallAnswered)
    salts = {(sent.key_id, sent.salt) for sent in tap(pair).sealed(pair)}
    assert len(salts) == 2
    records = [record for record in pair.owner.keys.values() if record.kind is KeyKind.TEMPORARY]
    assert salts == {(record.key.id, record.first_salt) for record in records}


def probe(line: Line, number: int) -> ResPQ:
    [answer] = line.tell(ReqPQMulti(nonce=number.to_bytes(16, "big")))
    found, _ = HANDSHAKE.read(answer)
    if not isinstance(found, ResPQ):
        raise TypeError(found)
    return found


def test_every_handshake_has_its_own_task_and_nonce() -> None:
    line = World().dial()
    answers = [probe(line, number) for number in range(50)]
    assert len({answer.server_nonce for answer in answers}) == 50
    assert len({answer.pq for answer in answers}) == 50


BROKEN: list[dict[str, Any]] = [
    {"p": b"\3"},
    {"public_key_fingerprint": 1},
    {"encrypted_data": bytes(255)},
    {"encrypted_data": b"\xff" * 256},
    {"encrypted_data": bytes(256)},
    {"server_nonce": bytes(16)},
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: next(iter(broken)))
def test_every_failed_request_is_answered_alike(broken: dict[str, Any]) -> None:
    """Which of the checks has failed is nobody's business."""
    line = World().dial()
    task = probe(line, 1)
    pq = int.from_bytes(task.pq, "big")
    work = default_crypto().factorize(pq, curves=200)
    factors: Any = None
    while factors is None:
        try:
            next(work)
        except StopIteration as end:
            factors = end.value
    fields: dict[str, Any] = {
        "nonce": task.nonce,
        "server_nonce": task.server_nonce,
        "p": factors[0].to_bytes(4, "big"),
        "q": factors[1].to_bytes(4, "big"),
        "public_key_fingerprint": task.server_public_key_fingerprints[0],
        "encrypted_data": b"\1" * 256,
    }
    assert line.tell(ReqDHParams(**{**fields, **broken})) == []
    assert line.codes == [-404]
    assert line.link.data_to_send(START) == b""


def test_unknown_nonces_are_answered_alike_too() -> None:
    line = World().dial()
    line.tell(SetClientDHParams(nonce=bytes(16), server_nonce=bytes(16), encrypted_data=bytes(64)))
    assert line.codes == [-404]


@pytest.mark.parametrize(("asked", "given_life"), [(100, 100), (3600, 1000), (2**31 - 1, 1000)])
def test_no_temporary_key_outlives_the_ceiling(asked: int, given_life: int) -> None:
    """LL-mtproto asks for the hour of the end instead of a duration."""
    pair = make_pair(client={"temporary_lifetime": asked}, server={"limits": Limits(temporary_lifetime=1000)})
    pair.run(20, lambda each: len(each.server_events(KeyCreated)) == 2)
    record = pair.server_events(KeyCreated)[1].record
    assert record.expires_at - record.created_at == given_life


def test_all_or_nothing() -> None:
    """One message of a container breaks a rule: none of them has any effect."""
    one = Puppet(World().dial())
    one.say(Ping(ping_id=0))
    one.contain(one.hold(QUERY), one.hold(QUERY, seq_no=4), one.hold(Ping(ping_id=5)))
    assert one.line.told(CallReceived) == []
    assert [pong.ping_id for pong in one.heard(Pong)] == [0]


def test_a_session_is_announced_and_kept_apart() -> None:
    line = World().dial()
    one, other = Puppet(line), Puppet(line, session_id=7)
    first, second = one.say(QUERY), other.say(QUERY)
    for call in line.told(CallReceived):
        line.link.send_result(call, call.session_id.to_bytes(8, "little"), START)
    line.run()
    for puppet, msg_id in ((one, first), (other, second)):
        assert [created.first_msg_id for created in puppet.heard(NewSessionCreated)] == [msg_id]
        assert puppet.results() == [puppet.session_id.to_bytes(8, "little")]


def test_a_refused_binding_leaves_nothing_usable() -> None:
    """Fail closed: no call leaves under a key that is not bound."""

    class Refusing(Owner):
        def _bind(self, question: Any) -> Any:
            return Binding.REFUSED

    pair = make_pair(owner=Refusing(), network=Wiretap())
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run(30)
    assert pair.events(BindRefused)
    bodies = [message.body for sent in tap(pair).sealed(pair) for message in sent.messages]
    assert OTHER_QUERY not in bodies
