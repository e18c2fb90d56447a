"""What a breach says of itself."""

from __future__ import annotations

import pytest

from mtproto_bind import Check
from mtproto_bind.testing.hostile import BREACHES, Breach, Role, breaches_of
from mtproto_bind.testing.hostile.alterations import flipped


def breach(check: Check, **more: object) -> Breach:
    settings = {"check": check, "by": Role.SERVER, "how": "somehow", "point": "some.value", "alter": flipped, **more}
    return Breach(**settings)  # type: ignore[arg-type]  # one mapping for values of many types


def test_a_name_tells_the_ways_to_break_one_rule_apart() -> None:
    assert breach(Check.NONCE).name == "NONCE"
    assert breach(Check.NONCE, variant="ok").name == "NONCE:ok"


@pytest.mark.parametrize(
    ("check", "ends"),
    [(Check.NONCE, True), (Check.MSG_KEY, True), (Check.MSG_ID_SEEN, False), (Check.BIND_RESULT, False)],
)
def test_the_scope_of_the_check_says_whether_the_stream_ends(check: Check, ends: bool) -> None:
    assert breach(check).ends_stream is ends
    assert breach(check, ends_stream=not ends).ends_stream is not ends


@pytest.mark.parametrize("check", Check)
def test_every_rule_is_broken_and_the_plainest_way_comes_first(check: Check) -> None:
    ways = breaches_of(check)
    assert {way.check for way in ways} == {check}
    for role in Role:
        names = [way.name for way in ways if way.by is role]
        assert names[:1] in ([], [check.name], ["MSG_ID_PARITY:plain"])
    assert set(ways) <= set(BREACHES)


def test_a_breach_says_how_in_words() -> None:
    assert all(way.how and not way.how.endswith(".") for way in BREACHES)
    for role in Role:
        words = [way.how for way in BREACHES if way.by is role]
        assert len(set(words)) == len(words)
