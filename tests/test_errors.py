"""The rules by name, and the errors that say which was broken."""

from __future__ import annotations

import re

import pytest

from mtproto_bind import _errors
from mtproto_bind._errors import (
    Check,
    Conduct,
    ExchangeRefused,
    LocalProtocolError,
    MalformedMessage,
    PeerTimedOut,
    ProtocolError,
    RemoteProtocolError,
    Scope,
    SecurityError,
    TransportErrorReceived,
    UnexpectedMessage,
    require,
)

REMOTE: list[RemoteProtocolError] = [
    MalformedMessage("no string", 12),
    UnexpectedMessage(("resPQ",), "pong"),
    SecurityError(Check.MSG_KEY),
    ExchangeRefused("no"),
    TransportErrorReceived(-404),
    PeerTimedOut("resPQ", 15.0),
]


@pytest.mark.parametrize("condition", [True, 1, "x", [0]])
def test_what_holds_passes_and_is_given_back(condition: object) -> None:
    assert require(condition, Check.NONCE, "detail") is condition


@pytest.mark.parametrize("condition", [False, 0, "", None, []])
def test_what_does_not_hold_is_named(condition: object) -> None:
    for check in Check:
        with pytest.raises(SecurityError) as caught:
            require(condition, check)
        assert (caught.value.check, caught.value.scope) == (check, check.scope)
        assert str(caught.value) == f"{check.name}: not so that {check.text}"


def test_a_detail_is_told_where_there_is_one() -> None:
    with pytest.raises(SecurityError, match=r"^PQ_SIZE: not so that pq is odd, .* \(got 4\)$"):
        require(False, Check.PQ_SIZE, "got 4")


@pytest.mark.parametrize("rules", [Check, Conduct])
def test_no_two_rules_are_one(rules: type[Check] | type[Conduct]) -> None:
    # members of an Enum with equal values become aliases without a word
    assert len(rules.__members__) == len(list(rules))
    assert len({rule.text for rule in rules}) == len(list(rules))


@pytest.mark.parametrize("rule", [*Check, *Conduct], ids=str)
def test_every_rule_names_its_items_and_says_what_holds(rule: Check | Conduct) -> None:
    assert rule.items
    assert all(re.fullmatch(r"c([1-9]|[1-3]\d|4[0-2])|s([1-9]|1\d|2[0-6])", item) for item in rule.items)
    assert rule.text == rule.text.strip(" .")


def test_every_item_of_both_lists_has_a_rule() -> None:
    items = {item for rule in [*Check, *Conduct] for item in rule.items}
    assert items == {f"c{number}" for number in range(1, 43)} | {f"s{number}" for number in range(1, 27)}


def test_every_scope_is_used() -> None:
    assert {check.scope for check in Check} == set(Scope)


def test_the_tree() -> None:
    assert {type(error) for error in REMOTE} == set(RemoteProtocolError.__subclasses__())
    assert set(ProtocolError.__subclasses__()) == {LocalProtocolError, RemoteProtocolError}
    defined = [value for value in vars(_errors).values() if isinstance(value, type) and value.__module__ == _errors.__name__]
    assert {value.__name__ for value in defined} <= set(_errors.__all__)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MalformedMessage("no string", 12), "no string (at byte 12)"),
        (MalformedMessage("too short"), "too short (at byte 0)"),
        (UnexpectedMessage(("resPQ",), "pong"), "expected resPQ, got pong"),
        (UnexpectedMessage(("dh_gen_ok", "dh_gen_retry"), "0x12345678"), "expected dh_gen_ok or dh_gen_retry, got 0x12345678"),
        (UnexpectedMessage((), "pong"), "expected nothing, got pong"),
        (
            TransportErrorReceived(-404),
            "transport error -404: the server does not know the key, or refuses the handshake request",
        ),
        (TransportErrorReceived(-1), "transport error -1: not documented"),
        (PeerTimedOut("answer to the binding", 15.0), "no answer to the binding within 15 s"),
        (PeerTimedOut("pong", 0.5), "no pong within 0.5 s"),
    ],
)
def test_what_an_error_says(error: RemoteProtocolError, text: str) -> None:
    assert str(error) == text


def test_what_an_error_carries() -> None:
    assert MalformedMessage("text", 12).offset == 12
    unexpected = UnexpectedMessage(("a", "b"), "c")
    assert (unexpected.expected, unexpected.got) == (("a", "b"), "c")
    assert TransportErrorReceived(-429).code == -429
    assert PeerTimedOut("pong", 1.0).waiting_for == "pong"


@pytest.mark.parametrize("error", REMOTE, ids=lambda error: type(error).__name__)
def test_what_an_error_costs(error: RemoteProtocolError) -> None:
    assert error.scope is (Scope.EXCHANGE if isinstance(error, ExchangeRefused) else Scope.STREAM)
