"""What the hostile server answers under a key when it is honest."""

from __future__ import annotations

from typing import Any

import pytest

from kit.hostile import QUERY, ClientRun, choosing, hostile_pair
from mtproto_bind import CallAnswered, InitConnection, KeyBound, UpdateReceived
from mtproto_bind._tl import (
    GetFutureSalts,
    GzipPacked,
    HttpWait,
    InvokeAfterMsg,
    InvokeWithoutUpdates,
    Ping,
    PingDelayDisconnect,
    TLObject,
    pack,
)
from mtproto_bind.testing.hostile.serving import UPDATE


def bound(**settings: Any) -> ClientRun:
    """A real client whose temporary key is bound, with an honest server."""
    done = ClientRun(**settings)
    done.meet()
    assert len(done.of(KeyBound)) == 1
    return done


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (Ping(ping_id=5), "pong"),
        (PingDelayDisconnect(ping_id=5, disconnect_delay=75), "pong"),
        (GetFutureSalts(num=1), "future_salts"),
    ],
)
def test_service_messages_are_answered(question: TLObject, answer: str) -> None:
    server, client = hostile_pair(query=question.to_bytes())
    assert (server.complaint, client.complaint) == (None, None)
    # the script waits for a result, and none comes
    assert client.heard[-2:] == ["boolTrue", answer]
    assert server.heard[-1] == question.constructor.name


def test_others_are_heard_and_not_answered() -> None:
    server, client = hostile_pair(query=HttpWait(max_delay=0, wait_after=0, max_wait=0).to_bytes())
    assert (server.heard[-1], client.heard[-1]) == ("http_wait", "boolTrue")


def test_a_client_that_says_who_it_is_is_understood() -> None:
    done = bound(api=InitConnection(layer=220, api_id=1))
    done.client.call(QUERY, done.now, updates=False)
    done.go_on()
    assert [event.body for event in done.of(CallAnswered)] == [QUERY]


@pytest.mark.parametrize(
    "query",
    [
        GzipPacked(packed_data=pack(QUERY)),
        InvokeAfterMsg(msg_id=4, query=InvokeWithoutUpdates(query=QUERY).to_bytes()),
        InvokeWithoutUpdates(query=GzipPacked(packed_data=pack(QUERY)).to_bytes()),
    ],
)
def test_wrappers_are_taken_off(query: TLObject) -> None:
    done = bound()
    done.client.call(query.to_bytes(), done.now)
    done.go_on()
    assert [event.body for event in done.of(CallAnswered)] == [QUERY]


@pytest.mark.parametrize(
    "choice",
    [
        {"result__packed": True},
        {"result__in_container": True},
        {"update__sent": True},
        {"bind__again": True},
    ],
)
def test_what_the_specification_leaves_open_is_understood(choice: dict[str, Any]) -> None:
    done = ClientRun()
    done.client.call(QUERY, done.now)
    server = done.meet(choosing(**choice))
    assert (server.complaint, server.reached) == (None, False)
    assert [event.body for event in done.of(CallAnswered)] == [QUERY]
    assert [event.body for event in done.of(UpdateReceived)] == [UPDATE] * ("update__sent" in choice)
    assert done.client.status.dropped == {}


@pytest.mark.parametrize("reason", ["salt", "id"])
def test_a_refused_call_comes_again(reason: str) -> None:
    done = ClientRun()
    done.client.call(QUERY, done.now)
    server = done.meet(choosing(call__refused=reason))
    # it is refused again and again, until the client gives it up
    assert server.complaint is None
    assert server.heard.count("call") > 1
    done.lose()
    done.client.call(QUERY, done.now)
    done.meet()
    assert QUERY in [event.body for event in done.of(CallAnswered)]
    assert done.client.status.dropped == {}
