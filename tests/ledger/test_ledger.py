"""Every numbered item of the two security checklists has a rule, every rule is enforced, and every rule has its tests."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from kit.ledger import HELD, LATER, SOURCES, collected, holding
from mtproto_bind import Check, Conduct

ITEMS = [*(f"c{number}" for number in range(1, 43)), *(f"s{number}" for number in range(1, 27))]
"""1 to 42 of the client's list, 1 to 26 of the server's."""


@cache
def calls(name: str) -> tuple[tuple[str, ast.Call], ...]:
    """Every call of ``name`` in the library, with its file."""
    return tuple(
        (str(path.relative_to(SOURCES)), node)
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    )


@pytest.mark.parametrize("item", ITEMS)
def test_every_item_has_a_rule(item: str) -> None:
    assert [rule for rule in [*Check, *Conduct] if item in rule.items]


def test_no_rule_belongs_to_no_item() -> None:
    assert {item for rule in [*Check, *Conduct] for item in rule.items} == set(ITEMS)


@pytest.mark.parametrize("check", Check, ids=lambda check: check.name)
def test_every_check_is_enforced(check: Check) -> None:
    enforced = [
        place
        for place, call in calls("require")
        for argument in call.args
        if isinstance(argument, ast.Attribute) and isinstance(argument.value, ast.Name) and argument.value.id == "Check"
        if argument.attr == check.name and not place.startswith("testing/")
    ]
    assert enforced


def test_there_is_one_way_to_enforce_a_check() -> None:
    assert [place for place, _ in calls("SecurityError")] == ["_errors.py"]


@pytest.mark.parametrize("check", Check, ids=lambda check: check.name)
def test_every_check_is_broken_by_a_hostile_peer(check: Check) -> None:
    assert [each for each in holding(check) if each.startswith("tests/testing/hostile/")]


@pytest.mark.parametrize("conduct", Conduct, ids=lambda conduct: conduct.name)
def test_every_conduct_is_held_by_tests(conduct: Conduct) -> None:
    if conduct in LATER:
        assert conduct not in HELD, "delivered: take it off the list"
        assert LATER[conduct]
        return
    for named in HELD[conduct]:
        assert any(each == named or each.startswith((f"{named}[", f"{named}::")) for each in collected()), named
