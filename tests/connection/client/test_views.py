"""What a client shows of itself: enough to hand a key over and to report a bug, and no secrets."""

from __future__ import annotations

from kit.pairs import OTHER_QUERY, bound_pair, make_pair, session_of
from mtproto_bind import CallAnswered, ClockSource, KeyBound


def test_a_bound_key_is_all_that_another_library_needs() -> None:
    pair = bound_pair(client_skew=-500.0)
    pair.client.call(OTHER_QUERY, pair.client_now)
    pair.run_until(CallAnswered)
    key = pair.client.bound_key()
    [bound] = pair.events(KeyBound)
    assert (key.key.id, key.permanent_key_id, key.expires_at) == (bound.key_id, bound.permanent_key_id, bound.expires_at)
    assert abs(key.time_offset - 500) < 2
    assert 82_000 < key.renew_at - pair.now < key.expires_at - pair.now
    # the numbers go on where ours have stopped: the binding and one call were sent
    assert key.next_seq_no == 5
    seen = session_of(pair).session.doubles.range()
    assert seen is not None
    assert key.last_msg_id >= seen[1]
    assert session_of(pair).salts.accepts(key.server_salt, pair.now)


def test_the_status_tells_the_story_without_secrets() -> None:
    pair = make_pair()
    assert pair.client.status.clock.source is ClockSource.GUESS
    pair.run(0.05)
    first = pair.client.status
    assert (first.stream_open, first.handshake, first.permanent_key_id) == (True, "ExpectResPQ", None)
    pair.run_until(KeyBound)
    last = pair.client.status
    key = pair.client.bound_key()
    assert (last.handshake, last.temporary_key_id, last.temporary_key_state) == (None, key.key.id, "BOUND")
    assert last.permanent_key_id == key.permanent_key_id
    shown = repr(last) + repr(key)
    for secret in (key.key.reveal().hex(), repr(key.key.reveal()), str(key.server_salt)):
        assert secret not in shown
