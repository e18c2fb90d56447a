"""The JavaScript itself, run by Node: the same numbers as Python's."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from typing import Any

import pytest

from kit.vectors import load
from mtproto_bind._ground import is_prime
from mtproto_bind_adapters.browser.bigint import SLICE, SOURCE

RUN = """
const functions = eval(process.argv[1]);
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
function calls(search) {
  for (let calls = 1; ; calls++) { const found = search(); if (found) return [String(found), calls]; }
}
console.log(JSON.stringify({
  powers: asked.powers.map((numbers) => String(functions.powmod(...numbers.map(BigInt)))),
  factors: asked.factors.map(([number, steps]) => calls(functions.factoring(BigInt(number), steps))),
}));
"""


def evaluate(*, powers: list[tuple[int, int, int]] | None = None, factors: list[tuple[int, int]] | None = None) -> Any:
    """What JavaScript makes of these: powers, and for each number the factor and how many calls it took."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("Node is missing: apt-get install nodejs")
    asked = {
        "powers": [list(map(str, numbers)) for numbers in powers or ()],
        "factors": [[str(number), steps] for number, steps in factors or ()],
    }
    line = [node, "-e", RUN, SOURCE]
    done = subprocess.run(line, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    return [int(power) for power in answers["powers"]] or [(int(number), calls) for number, calls in answers["factors"]]


def test_powers() -> None:
    chance = random.Random(b"powers".hex())
    asked = [(0, 0, 7), (0, 5, 7), (5, 0, 7), (6, 1 << 300, 7), (1 << 300, 3, 7), (2, 0x10000, 9), (3, 4, 1)]
    for bits in (8, 64, 300, 2048):
        asked += [(chance.getrandbits(bits), chance.getrandbits(bits), chance.getrandbits(bits) | 1) for _ in range(5)]
    assert evaluate(powers=asked) == [pow(*numbers) for numbers in asked]


def next_prime(number: int) -> int:
    return next(candidate for candidate in range(number, number + 2000) if is_prime(candidate))


def test_factors() -> None:
    chance = random.Random(b"factors".hex())
    pairs = [(vector["p"], vector["q"]) for vector in load("pq_factorisation")]
    for bits in (2, 3, 8, 10, 16, 24, 31, 32):
        for _ in range(5):
            p, q = (next_prime(chance.getrandbits(bits)) for _ in range(2))
            if p != q and p * q < 1 << 64:
                pairs.append((min(p, q), max(p, q)))
    found = evaluate(factors=[(p * q, SLICE) for p, q in pairs])
    assert [number for number, _ in found] == [p for p, _ in pairs]
    assert max(calls for _, calls in found) < 40


def test_what_is_no_product_of_two_primes_is_told_at_once() -> None:
    big = next_prime(4_000_000_000)
    numbers = [0, 1, 2, 3, 4, 9, 12, 8, 30, 257, big, big**2, 257**2, 257 * 263 * 269, 2 * 257 * 263, 65537**3, (1 << 61) - 1]
    assert {number for number, _ in evaluate(factors=[(number, SLICE) for number in numbers])} == {-1}


def test_each_call_takes_as_many_steps_as_it_was_told() -> None:
    p, q = 1215127483, 1358722049
    (few,), (many,) = (evaluate(factors=[(p * q, steps)]) for steps in (1 << 20, 100))
    assert few == (p, 1)
    assert many[0] == p
    assert many[1] > 100
