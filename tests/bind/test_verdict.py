"""What an answer that is not boolTrue means, and what comes next."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.sessions import NOW
from mtproto_bind._bind.verdict import BindEvidence, BindVerdict, NextStep, Refusal, judge
from mtproto_bind._session import RpcError

DAY = 86400.0


def evidence(**changes: Any) -> BindEvidence:
    """An old key, bound long ago, and a clock that can be trusted."""
    usual: dict[str, Any] = {"permanent_key_age": 30 * DAY, "since_last_bound": 2 * DAY, "clock_certain": True, "refusals": 1}
    return BindEvidence(**{**usual, **changes})


def judged(answer: RpcError | None, delay: float = 4.0, **changes: Any) -> BindVerdict:
    return judge(answer, evidence(**changes), now=NOW, delay=delay)


@pytest.mark.parametrize(
    ("answer", "refusal", "step", "seconds"),
    [
        (None, Refusal.RETURNED_FALSE, NextStep.BIND_AGAIN, 4),
        (RpcError(400, "ENCRYPTED_MESSAGE_INVALID"), Refusal.ENCRYPTED_MESSAGE_INVALID, NextStep.ASK_OWNER, 4),
        (RpcError(400, "TEMP_AUTH_KEY_ALREADY_BOUND"), Refusal.TEMP_AUTH_KEY_ALREADY_BOUND, NextStep.NEW_TEMPORARY_KEY, 4),
        (RpcError(400, "TEMP_AUTH_KEY_EMPTY"), Refusal.TEMP_AUTH_KEY_EMPTY, NextStep.NEW_TEMPORARY_KEY, 4),
        (RpcError(400, "EXPIRES_AT_INVALID"), Refusal.EXPIRES_AT_INVALID, NextStep.NEW_TEMPORARY_KEY, 4),
        (RpcError(420, "FLOOD_WAIT_17"), Refusal.FLOOD, NextStep.BIND_AGAIN, 17),
        (RpcError(420, "FLOOD_PREMIUM_WAIT_17"), Refusal.FLOOD, NextStep.BIND_AGAIN, 17),
        (RpcError(420, "FLOOD_WAIT_1"), Refusal.FLOOD, NextStep.BIND_AGAIN, 4),
        (RpcError(420, "FLOOD"), Refusal.FLOOD, NextStep.BIND_AGAIN, 4),
        (RpcError(420, ""), Refusal.FLOOD, NextStep.BIND_AGAIN, 4),
        (RpcError(420, "FLOOD_WAIT_999999"), Refusal.FLOOD, NextStep.BIND_AGAIN, 999_999),
        (RpcError(420, "FLOOD_WAIT_9999999"), Refusal.FLOOD, NextStep.BIND_AGAIN, 4),
        (RpcError(500, "INTERNAL"), Refusal.SERVER_ERROR, NextStep.BIND_AGAIN, 4),
        (RpcError(599, ""), Refusal.SERVER_ERROR, NextStep.BIND_AGAIN, 4),
        (RpcError(-503, "Timeout"), Refusal.SERVER_ERROR, NextStep.BIND_AGAIN, 4),
        (RpcError(400, "CONNECTION_NOT_INITED"), Refusal.OTHER, NextStep.BIND_AGAIN, 4),
        (RpcError(303, "NETWORK_MIGRATE_4"), Refusal.OTHER, NextStep.BIND_AGAIN, 4),
        (RpcError(499, "\ufffd"), Refusal.OTHER, NextStep.BIND_AGAIN, 4),
    ],
)
def test_every_answer(answer: RpcError | None, refusal: Refusal, step: NextStep, seconds: float) -> None:
    verdict = judged(answer)
    assert (verdict.refusal, verdict.next_step, verdict.retry_at) == (refusal, step, NOW + seconds)
    assert (verdict.error, verdict.evidence) == (answer, evidence())
    assert verdict.why


INVALID = RpcError(400, "ENCRYPTED_MESSAGE_INVALID")


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        pytest.param({}, NextStep.ASK_OWNER, id="old, and bound long ago"),
        pytest.param({"permanent_key_age": 59.9}, NextStep.BIND_AGAIN, id="younger than a minute"),
        pytest.param({"permanent_key_age": 60.0, "since_last_bound": None}, NextStep.ASK_OWNER, id="a minute old, never bound"),
        pytest.param({"permanent_key_age": 60.0, "since_last_bound": 10.0}, NextStep.ASK_OWNER, id="young, though bound"),
        pytest.param({"permanent_key_age": DAY, "since_last_bound": 10.0}, NextStep.ASK_OWNER, id="a day old, and bound"),
        pytest.param({"permanent_key_age": DAY + 1, "since_last_bound": 10.0}, NextStep.BIND_AGAIN, id="older, bound lately"),
        pytest.param({"since_last_bound": DAY - 1}, NextStep.BIND_AGAIN, id="bound within a day"),
        pytest.param({"since_last_bound": DAY}, NextStep.ASK_OWNER, id="bound a day ago"),
        pytest.param({"since_last_bound": None}, NextStep.ASK_OWNER, id="never bound"),
        pytest.param({"permanent_key_age": None}, NextStep.ASK_OWNER, id="of unknown age"),
        pytest.param({"permanent_key_age": None, "since_last_bound": 10.0}, NextStep.BIND_AGAIN, id="unknown age, bound lately"),
        pytest.param({"clock_certain": False}, NextStep.BIND_AGAIN, id="an uncertain clock"),
        pytest.param({"refusals": 1000}, NextStep.ASK_OWNER, id="however often"),
    ],
)
def test_what_a_permanent_key_is_suspected_on(changes: dict[str, Any], step: NextStep) -> None:
    """Conduct.PERMANENT_KEY_KEPT: its owner is asked, at the worst."""
    assert judged(INVALID, **changes).next_step is step


@given(
    st.none() | st.builds(RpcError, st.integers(-1000, 1000), st.text(max_size=20)),
    st.none() | st.floats(-1e6, 1e9),
    st.none() | st.floats(-1e6, 1e9),
    st.booleans(),
    st.floats(0.001, 1000),
)
def test_any_answer_has_a_next_step_and_a_time(
    answer: RpcError | None, age: float | None, since: float | None, certain: bool, delay: float
) -> None:
    verdict = judged(answer, delay, permanent_key_age=age, since_last_bound=since, clock_certain=certain)
    assert NOW + delay <= verdict.retry_at <= NOW + max(delay, 999_999)
    if verdict.next_step is NextStep.ASK_OWNER:
        assert answer == INVALID or (answer is not None and answer.message == INVALID.message)
        assert certain
