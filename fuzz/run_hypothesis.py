"""Fuzzing by Hypothesis: the kept inputs, changed a little, and any bytes. ``python fuzz/run_hypothesis.py --seconds 60``"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from targets import TARGETS, corpus, keep, shares

ROUND = 200
"""Examples between two looks at the clock."""


@st.composite
def changed(draw: st.DrawFn, kept: list[bytes]) -> bytes:
    """One of ``kept`` with a few bytes changed, cut out or put in; or two of them, one behind the other."""
    data = bytearray(draw(st.sampled_from(kept)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from([0, 0, 1, 1, 4, 16]))
        data[at : at + size] = draw(st.binary(max_size=8))
    if draw(st.integers(0, 9)) == 0:
        data += draw(st.sampled_from(kept))
    return bytes(data)


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """What a target is given."""
    anything = st.binary(max_size=300)
    kept = corpus(name)
    return st.one_of(anything, changed(kept), changed(kept)) if kept else anything


def run(name: str, target: Callable[[bytes], None], examples: int, *, seed: int | None = None) -> None:
    """So many examples; raises what is found, with the shortest input in ``fuzz/corpus``."""
    failed: list[bytes] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(name))
    def fuzz(data: bytes) -> None:
        try:
            target(data)
        except Exception:
            failed.append(data)
            raise

    if seed is not None:
        # the generator that Hypothesis takes is set through its own seed
        from hypothesis import seed as seeded

        fuzz = seeded(seed)(fuzz)
    try:
        fuzz()
    except Exception:
        print(f"{name}: found; the input is kept in {keep(name, f'found-{abs(hash(failed[-1])):x}', failed[-1])}")
        raise


def main(arguments: list[str] | None = None) -> int:
    """Every target for its share of the time. 1 where anything is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one (more than once: these)")
    given_ = parser.parse_args(arguments)
    names = given_.target or list(TARGETS)
    found = 0
    for name, share in shares(names, given_.seconds).items():
        end, examples = time.monotonic() + share, 0
        try:
            while time.monotonic() < end:
                run(name, TARGETS[name], ROUND, seed=time.time_ns())
                examples += ROUND
        except Exception as error:
            found += 1
            print(f"{name}: {type(error).__name__}: {error}")
        print(f"{name:20} {examples:8} examples")
    print(f"{found} targets with a finding")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
