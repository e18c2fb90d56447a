"""Calls: each waits in its place and ends exactly once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mtproto_bind._calls import MANY_REFUSALS, Calls, introduction, wrap
from mtproto_bind._config import InitConnection
from mtproto_bind._errors import LocalProtocolError
from mtproto_bind._events import CallAnswered, CallFailed, CallId, NotRun, OutcomeUnknown
from mtproto_bind._limits import Limits
from mtproto_bind._session import RpcError
from mtproto_bind._tl import API, InvokeAfterMsgs, InvokeWithLayer, InvokeWithoutUpdates
from mtproto_bind._tl import InitConnection as InitConnectionQuery

BODY = b"some query, boxed..."
REFUSED = RpcError(400, "NO")


def make_calls(**limits: int) -> Calls:
    return Calls(Limits(**limits))


def add(calls: Calls, **changes: Any) -> CallId:
    usual: dict[str, Any] = {"after": (), "updates": True, "repeat": False, "give_up_at": None}
    return calls.add(changes.pop("body", BODY), **{**usual, **changes})


def waiting(calls: Calls) -> list[CallId]:
    return [call.id for call in calls.waiting()]


def test_a_call_waits_leaves_and_is_answered() -> None:
    calls = make_calls()
    call_id = add(calls)
    assert waiting(calls) == [call_id]
    calls.left(call_id, 44)
    assert waiting(calls) == []
    call = calls.get(call_id)
    assert call is not None
    assert (call.msg_id, call.body) == (44, BODY)
    assert list(calls.answered(call_id, b"result")) == [CallAnswered(call_id=call_id, body=b"result")]
    assert (calls.get(call_id), calls.all()) == (None, ())


def test_calls_wait_in_their_order() -> None:
    calls = make_calls()
    ids = [add(calls) for _ in range(3)]
    assert ids == sorted(ids)
    assert waiting(calls) == ids
    assert [call.id for call in calls.all()] == ids


@pytest.mark.parametrize("end", ["answered", "failed", "unsure", "end"])
def test_a_call_ends_once(end: str) -> None:
    calls = make_calls()
    call_id = add(calls)
    ending = getattr(calls, end)
    given = (call_id,) if end == "end" else (call_id, "why" if end == "unsure" else BODY)
    first = ending(*given)
    assert first.id == call_id if end == "end" else len(list(first)) == 1
    assert calls.end(call_id) is None
    late = [calls.answered(call_id, BODY), calls.failed(call_id, REFUSED), calls.unrun(call_id, ""), calls.unsure(call_id, "")]
    assert [list(events) for events in late] == [[], [], [], []]


def test_the_queue_is_bounded() -> None:
    calls = make_calls(waiting_calls=2)
    first, _ = add(calls), add(calls)
    with pytest.raises(LocalProtocolError, match="2 calls are waiting"):
        add(calls)
    # what has left is not in the queue
    calls.left(first, 44)
    add(calls)


def test_nothing_follows_a_call_that_was_never_made() -> None:
    calls = make_calls()
    with pytest.raises(LocalProtocolError, match="never made"):
        add(calls, after=(CallId(1),))
    first = add(calls)
    with pytest.raises(LocalProtocolError, match="never made"):
        add(calls, after=(first, CallId(2)))
    add(calls, after=(first,))


def test_a_call_that_surely_did_not_run_waits_again_in_its_place() -> None:
    calls = make_calls()
    ids = [add(calls) for _ in range(3)]
    for call_id in ids[:2]:
        calls.left(call_id, 44)
    for call_id in reversed(ids[:2]):
        assert list(calls.unrun(call_id, "refused")) == []
    assert waiting(calls) == ids
    assert [call.msg_id for call in calls.waiting()] == [None, None, None]


def test_a_call_that_is_refused_again_and_again_is_given_up() -> None:
    calls = make_calls()
    call_id = add(calls)
    for _ in range(MANY_REFUSALS):
        calls.left(call_id, 44)
        assert list(calls.unrun(call_id, "refused for its salt")) == []
    calls.left(call_id, 44)
    reason = NotRun("refused for its salt, 6 times")
    assert list(calls.unrun(call_id, "refused for its salt")) == [CallFailed(call_id=call_id, reason=reason)]


def test_a_call_of_which_nobody_knows_is_repeated_only_where_that_is_allowed() -> None:
    calls = make_calls()
    once, again = add(calls), add(calls, repeat=True)
    for call_id in (once, again):
        calls.left(call_id, 44)
    assert list(calls.unsure(once, "lost")) == [CallFailed(call_id=once, reason=OutcomeUnknown("lost"))]
    assert list(calls.unsure(again, "lost")) == []
    assert waiting(calls) == [again]


def test_what_was_to_follow_a_call_that_failed_does_not_run() -> None:
    calls = make_calls()
    first, other = add(calls), add(calls)
    second = add(calls, after=(first,))
    third = add(calls, after=(other, second))
    left = add(calls, after=(first,))
    for call_id in (first, left):
        calls.left(call_id, 44)
    failed = list(calls.failed(first, REFUSED))
    assert [event.call_id for event in failed] == [first, second, third]
    assert [event.reason for event in failed] == [
        REFUSED,
        NotRun("call 1, which had to succeed first, has failed"),
        NotRun("call 3, which had to succeed first, has failed"),
    ]
    # one that has left is the server's affair
    assert [call.id for call in calls.all()] == [other, left]


def test_what_follows_a_call_that_was_answered_runs() -> None:
    calls = make_calls()
    first = add(calls)
    second = add(calls, after=(first,))
    assert len(list(calls.answered(first, BODY))) == 1
    third = add(calls, after=(first,))
    assert waiting(calls) == [second, third]


def test_calls_whose_time_is_up() -> None:
    calls = make_calls()
    assert calls.deadline() is None
    late, early, never = add(calls, give_up_at=20.0), add(calls, give_up_at=10.0), add(calls)
    assert calls.deadline() == 10.0
    assert calls.overdue(9.9) == ()
    assert [call.id for call in calls.overdue(10.0)] == [early]
    assert [call.id for call in calls.overdue(20.0)] == [late, early]
    calls.shift(-5.0)
    assert calls.deadline() == 5.0
    calls.end(early)
    calls.end(late)
    assert (calls.deadline(), [call.id for call in calls.all()]) == (None, [never])


API_USER = InitConnection(
    layer=200, api_id=7, device_model="d", system_version="s", app_version="a", system_lang_code="c", lang_pack="p", lang_code="l"
)


def read(query: bytes) -> Any:
    return API.read_whole(query)


def test_a_query_without_wrappers() -> None:
    calls = make_calls()
    (call,) = [calls.get(add(calls))]
    assert call is not None
    assert wrap(call, calls, None) == BODY


def test_all_wrappers_in_their_order() -> None:
    calls = make_calls()
    sent, unsent, answered = add(calls), add(calls), add(calls)
    calls.left(sent, 44)
    calls.left(answered, 48)
    calls.end(answered)
    call = calls.get(add(calls, after=(sent, unsent, answered), updates=False))
    assert call is not None
    outermost = read(wrap(call, calls, API_USER))
    # what has its answer, or has not left, is not named
    assert outermost == InvokeAfterMsgs(msg_ids=(44,), query=outermost.query)
    layer = read(outermost.query)
    assert layer == InvokeWithLayer(layer=200, query=layer.query)
    introduced = read(layer.query)
    assert introduced == InitConnectionQuery(7, b"d", b"s", b"a", b"c", b"p", b"l", None, None, introduced.query)
    assert read(introduced.query) == InvokeWithoutUpdates(query=BODY)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_an_introduction_says_what_it_is_told(text: str) -> None:
    api = InitConnection(layer=1, api_id=2, device_model=text)
    layer = read(introduction(api, BODY))
    assert read(layer.query).device_model.decode() == text
    assert read(layer.query).query == BODY


def test_a_repr_shows_no_body() -> None:
    calls = make_calls()
    add(calls)
    assert "query" not in repr(calls)


class Life(RuleBasedStateMachine):
    """Whatever happens to calls: each ends at most once, and waits, is out, or has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = make_calls()
        self.made: list[CallId] = []
        self.out: set[CallId] = set()
        self.ended: list[CallId] = []

    def told(self, events: Any) -> None:
        for event in events:
            self.ended.append(event.call_id)
            self.out.discard(event.call_id)

    @rule(repeat=st.booleans(), data=st.data())
    def make(self, repeat: bool, data: st.DataObject) -> None:
        after = data.draw(st.lists(st.sampled_from(self.made), max_size=2)) if self.made else []
        self.made.append(add(self.calls, repeat=repeat, after=tuple(after)))

    @precondition(lambda self: self.calls.waiting())
    @rule()
    def leave(self) -> None:
        call_id = waiting(self.calls)[0]
        self.calls.left(call_id, 44)
        self.out.add(call_id)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), what=st.sampled_from(["answered", "failed", "unrun", "unsure"]))
    def hear(self, data: st.DataObject, what: str) -> None:
        call_id = data.draw(st.sampled_from(sorted(self.out)))
        reason: Any = {"answered": BODY, "failed": REFUSED}.get(what, "why")
        self.told(getattr(self.calls, what)(call_id, reason))
        if call_id in waiting(self.calls):
            self.out.discard(call_id)

    @invariant()
    def every_call_is_in_one_place(self) -> None:
        queued = waiting(self.calls)
        assert queued == sorted(queued)
        assert len(set(self.ended)) == len(self.ended)
        assert sorted([*queued, *self.out, *self.ended]) == self.made
        assert {call.id for call in self.calls.all()} == {*queued, *self.out}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=30, stateful_step_count=30)


def test_what_may_have_run_is_never_told_for_unrun() -> None:
    calls = make_calls()
    call_id = add(calls, repeat=True)
    calls.left(call_id, 44)
    assert list(calls.unsure(call_id, "the key was lost")) == []
    [failed] = calls.failed(call_id, NotRun("the connection was closed"))
    assert failed == CallFailed(call_id=call_id, reason=OutcomeUnknown("the connection was closed"))


def test_an_ended_call_is_refused_once_too_often() -> None:
    calls = make_calls()
    call_id = calls.add(BODY, after=(), updates=True, repeat=False, give_up_at=None)
    assert [calls.refused(call_id) for _ in range(MANY_REFUSALS + 1)] == [False] * MANY_REFUSALS + [True]
    calls.end(call_id)
    assert calls.refused(call_id)
