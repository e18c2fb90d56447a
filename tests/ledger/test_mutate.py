"""The tool that deletes checks: it deletes what it says, from what is really imported, and believes only a red test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kit.ledger import SOURCES, holding
from kit.mutants import Place, delete, is_killed, places
from mtproto_bind import Check

SAMPLE = [Check.NEW_NONCE_HASH1, Check.MSG_KEY, Check.BIND_SESSION]


def test_every_call_that_enforces_a_check_can_be_deleted() -> None:
    assert {place.check for place in places()} == set(Check)
    files = [path for path in SOURCES.rglob("*.py") if "testing" not in path.parts]
    calls = sum(len(re.findall(r"\brequire\(", path.read_text(encoding="utf-8"))) for path in files)
    # its definition, and once in a docstring
    assert len(places()) == calls - 2


@pytest.mark.parametrize("check", SAMPLE, ids=lambda check: check.name)
def test_a_deleted_check_turns_a_test_red(check: Check) -> None:
    place = next(each for each in places() if each.check is check)
    assert is_killed(place, holding(check))


def test_a_mutant_that_no_test_minds_survives() -> None:
    place = next(each for each in places() if each.check is Check.BIND_SESSION)
    assert not is_killed(place, ("tests/ground/test_octets.py",))


def test_a_suite_that_does_not_run_proves_nothing() -> None:
    place = next(each for each in places() if each.check is Check.BIND_SESSION)
    with pytest.raises(RuntimeError, match="not found"):
        is_killed(place, ("tests/no_such_test.py",))


@pytest.mark.parametrize("place", places(), ids=str)
def test_what_is_left_is_python_without_the_check(place: Place, tmp_path: Path) -> None:
    (tmp_path / place.file).parent.mkdir(parents=True)
    before = (SOURCES / place.file).read_text(encoding="utf-8")
    (tmp_path / place.file).write_text(before, encoding="utf-8")
    delete(place, tmp_path)
    after = (tmp_path / place.file).read_text(encoding="utf-8")
    assert after.count("require(") == before.count("require(") - 1
    assert ast.parse(after)
    assert len(after.split("\n")) == len(before.split("\n"))
