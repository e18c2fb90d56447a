"""Handshakes of a client over streams that come and go."""

from __future__ import annotations

import pytest

from kit.keys import SERVER_KEY
from kit.pairs import Wiretap, bound_pair, make_pair
from mtproto_bind import (
    Check,
    ClientConnection,
    ConnectionClosed,
    ExchangeRefused,
    KeyBound,
    KeyExpired,
    PermanentKeyCreated,
    Retry,
    SecurityError,
    Timeouts,
    TransportEnded,
    UnexpectedMessage,
)
from mtproto_bind._tl import HANDSHAKE, ReqPQMulti, ResPQ, TLObject
from mtproto_bind._wire import pack_plain, unpack_plain
from mtproto_bind.testing import Pair


def queries(pair: Pair) -> list[TLObject]:
    """The handshake queries that the client has sent."""
    assert isinstance(pair.network, Wiretap)
    plain = [unpack_plain(frame)[1] for frame in pair.network.frames if frame[:8] == bytes(8)]
    return [HANDSHAKE.read(body)[0] for body in plain]


def plain(pair: Pair, thing: TLObject, remainder: int = 1) -> None:
    """Something in the clear that pretends to come from the server."""
    frame = pack_plain((int(pair.now) << 32) + remainder, thing.to_bytes())
    pair.client.receive_data(len(frame).to_bytes(4, "little") + frame, pair.client_now)
    pair.run(0.01)


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.25, 0.35, 0.55, 0.75])
def test_a_query_lost_with_its_stream_is_sent_again_as_it_was(seconds: float) -> None:
    pair = make_pair(network=Wiretap())
    pair.run(seconds)
    last = queries(pair)[-1:]
    pair.cut()
    assert pair.run(30, lambda each: bool(each.events(KeyBound)))
    sent = queries(pair)
    # where the answer was lost the same query came twice, and no handshake began anew
    assert sent.count(last[0]) <= 2
    assert sum(isinstance(query, ReqPQMulti) for query in dict.fromkeys(sent)) == 2
    assert len(pair.events(PermanentKeyCreated)) == 1
    assert len(pair.owner.keys) == 2


def test_a_silent_server_loses_the_stream_and_not_the_handshake() -> None:
    pair = make_pair(client={"timeouts": Timeouts(handshake=3)}, network=Wiretap())
    pair.run(0.3)
    asked = queries(pair)
    pair.link = None
    began = pair.now
    ended = pair.run_until(TransportEnded)
    assert isinstance(ended, TransportEnded)
    assert "handshake" in str(ended.error)
    assert pair.now - began <= 3
    pair.run_until(KeyBound)
    assert queries(pair)[: len(asked)] == asked


def test_nothing_in_the_clear_is_taken_that_nobody_waits_for() -> None:
    pair = bound_pair()
    plain(pair, ResPQ(nonce=bytes(16), server_nonce=bytes(16), pq=b"\x0f", server_public_key_fingerprints=()))
    [ended] = pair.events(TransportEnded)
    assert ended.error.check is Check.PLAINTEXT_AWAITED
    pair.run(5)
    assert pair.client.status.stream_open
    assert pair.client.status.temporary_key_state == "BOUND"


def test_a_late_answer_of_an_earlier_handshake_is_of_no_interest() -> None:
    pair = bound_pair(network=Wiretap())
    nonce = next(query.nonce for query in queries(pair) if isinstance(query, ReqPQMulti))
    plain(pair, ResPQ(nonce=nonce, server_nonce=bytes(16), pq=b"\x0f", server_public_key_fingerprints=()))
    assert not pair.events(TransportEnded)


def test_an_answer_in_the_clear_has_the_id_of_a_server() -> None:
    pair = make_pair()
    pair.run(0.01)
    plain(pair, ReqPQMulti(nonce=bytes(16)), remainder=0)
    [ended] = pair.events(TransportEnded)
    assert ended.error.check is Check.MSG_ID_PARITY


def test_a_message_out_of_turn_ends_the_stream_only() -> None:
    pair = make_pair(network=Wiretap())
    pair.run(0.01)
    plain(pair, ReqPQMulti(nonce=bytes(16)))
    [ended] = pair.events(TransportEnded)
    assert isinstance(ended.error, UnexpectedMessage)
    assert ended.error.expected == ("resPQ",)
    pair.run_until(KeyBound)
    assert sum(isinstance(query, ReqPQMulti) for query in dict.fromkeys(queries(pair))) == 2


def test_a_broken_rule_begins_again_with_new_nonces() -> None:
    pair = make_pair(network=Wiretap())
    pair.run(0.01)
    plain(pair, ResPQ(nonce=bytes(16), server_nonce=bytes(16), pq=b"\x0f", server_public_key_fingerprints=()))
    [ended] = pair.events(TransportEnded)
    assert ended.error.check is Check.NONCE
    assert pair.client.status.attempts == 1
    pair.run_until(KeyBound)
    first, second, _temporary = (query.nonce for query in queries(pair) if isinstance(query, ReqPQMulti))
    assert first != second
    assert pair.client.status.attempts == 0


def test_attempts_are_limited_where_that_is_wished() -> None:
    pair = make_pair(client={"retry": Retry(attempts=2)})
    for _ in range(2):
        pair.run(30, lambda each: each.client.status.handshake == "ExpectResPQ")
        pair.run(0.01)
        plain(pair, ResPQ(nonce=bytes(16), server_nonce=bytes(16), pq=b"\x0f", server_public_key_fingerprints=()))
        pair.run(0.5)
    assert [type(told.event) for told in pair.told] == [TransportEnded, ConnectionClosed]
    assert isinstance(pair.told[-1].event, ConnectionClosed)
    assert isinstance(pair.told[-1].event.error, SecurityError)


def test_the_result_of_arithmetic_can_break_a_rule_too() -> None:
    """A prime pq: found out by the computation, told like any other breach, not raised by answer."""
    pair = make_pair()
    pair.hold = True
    pair.run(1)
    [factoring] = pair.held
    pair.client.answer(factoring, None, pair.client_now)
    pair.run(0.1)
    [ended] = pair.events(TransportEnded)
    assert ended.error.check is Check.PQ_COMPOSITE
    pair.hold = False
    pair.run_until(KeyBound)


def test_a_bad_end_between_two_streams_is_no_second_end() -> None:
    pair = make_pair(network=Wiretap())
    pair.hold = True
    pair.run(1)
    [factoring] = pair.held
    pair.cut()
    pair.run(0.1)
    pair.client.answer(factoring, None, pair.client_now)
    pair.run(0.1)
    assert len(pair.events(TransportEnded)) == 1
    assert pair.client.status.attempts == 1
    pair.hold = False
    pair.run_until(KeyBound)
    first, second, _temporary = (query.nonce for query in queries(pair) if isinstance(query, ReqPQMulti))
    assert first != second


def test_refusals_are_errors_of_their_own() -> None:
    assert not issubclass(ExchangeRefused, SecurityError)


def test_the_last_second_of_the_clock_does_no_harm() -> None:
    """A server may tell any time; a temporary key made at the end of 31 bits expires at once, and is not made without end."""
    end = (1 << 31) - 1
    pair = make_pair(start=float(end - 20), client_skew=-1e9)
    pair.run(19)
    *_, bound = pair.events(KeyBound)
    assert bound.expires_at == end
    assert len(pair.events(KeyBound)) <= 3, "renewed once shortly before the end, not again and again"


def test_a_server_whose_keys_end_at_once_is_not_asked_without_end() -> None:
    pair = make_pair(start=float((1 << 31) - 1), client_skew=-1e9)
    pair.run(0.99)
    assert pair.events(KeyExpired)
    assert len(pair.owner.keys) == 2
    assert not pair.events(KeyBound)


def test_a_connection_without_a_stream_begins_nothing() -> None:
    from mtproto_bind import NEED_DATA
    from mtproto_bind.testing import make_client_config

    client = ClientConnection(make_client_config(SERVER_KEY))
    assert client.next_event() is NEED_DATA
    assert client.status.handshake is None


@pytest.mark.parametrize(("seconds", "anew"), [(590.0, 0), (610.0, 1)])
def test_a_handshake_that_the_server_has_forgotten_begins_with_new_nonces(seconds: float, anew: int) -> None:
    """After ten minutes the old query could only be refused, and the refusal would cost an attempt."""
    pair = make_pair(client={"retry": Retry(attempts=1)}, network=Wiretap())
    pair.run(0.25)
    pair.cut()
    pair.run(0)
    pair._dial_at = pair.now + seconds
    pair.run_until(KeyBound, seconds + 30)
    firsts = {query for query in queries(pair) if isinstance(query, ReqPQMulti)}
    # one for each key, and one more
    assert len(firsts) == 2 + anew
    assert not pair.events(ConnectionClosed)
