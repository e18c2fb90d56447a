"""Deletes ``require`` calls of the library, one at a time, and runs the tests that hold the rule: one must turn red.

``python tests/kit/mutants.py`` tries all of them, ``python tests/kit/mutants.py NUMBER SEED`` so many at random.
"""

from __future__ import annotations

import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from attrs import frozen

sys.path.insert(0, str(Path(__file__).parent.parent))

from kit.ledger import ROOT, SOURCES, holding, plain_environment
from mtproto_bind import Check


@frozen
class Place:
    """One call of ``require``: the file below ``src/mtproto_bind``, where the call begins and ends, and the rule."""

    file: str
    line: int
    start: int
    end: int
    """Bytes from the beginning of the file."""
    check: Check
    condition: str
    """The source of what is required."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.check.name}"


def places() -> list[Place]:
    """Every ``require`` of the library, in order."""
    return [place for path in sorted(SOURCES.rglob("*.py")) if "testing" not in path.parts for place in _places_in(path)]


def _places_in(path: Path) -> Iterator[Place]:
    source = path.read_bytes()
    lines = source.splitlines(keepends=True)
    starts = [0, *accumulate(len(line) for line in lines)]
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "require":
            [check] = [
                each.attr for each in call.args if isinstance(each, ast.Attribute) and getattr(each.value, "id", "") == "Check"
            ]
            start = starts[call.lineno - 1] + call.col_offset
            end = starts[(call.end_lineno or call.lineno) - 1] + (call.end_col_offset or 0)
            condition = ast.get_source_segment(source.decode(), call.args[0]) or ""
            yield Place(path.relative_to(SOURCES).as_posix(), call.lineno, start, end, Check[check], condition)


def delete(place: Place, tree: Path) -> None:
    """Put the bare condition where the call stood: it is still computed, and nobody looks at it."""
    path = tree / place.file
    source = path.read_bytes()
    # as many lines as before, so that an error names the line that it is about
    filling = "\n" * (source[place.start : place.end].count(b"\n") - place.condition.count("\n"))
    path.write_bytes(source[: place.start] + f"({place.condition}{filling})".encode() + source[place.end :])


def is_killed(place: Place, tests: tuple[str, ...]) -> bool:
    """Whether a test turns red without ``place``."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "mtproto_bind"
        shutil.copytree(SOURCES, tree, ignore=shutil.ignore_patterns("__pycache__"))
        delete(place, tree)
        environment = plain_environment(PYTHONPATH=folder, PYTHONDONTWRITEBYTECODE="1")
        asked = subprocess.run(
            [sys.executable, "-c", "import mtproto_bind; print(mtproto_bind.__file__)"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        if not asked.stdout.startswith(folder):
            raise RuntimeError(f"the mutant is not what is imported, but {asked.stdout}")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    # 1: a test failed; 2 and 4: the suite did not even run, which proves nothing
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout + done.stderr)
    return done.returncode == 1


def main(arguments: list[str]) -> int:
    chosen = places()
    if arguments:
        number, seed = map(int, arguments)
        chosen = random.Random(seed).sample(chosen, number)
    survived = []
    for place in chosen:
        killed = is_killed(place, holding(place.check))
        print(f"{'killed' if killed else 'SURVIVED'}  {place}", flush=True)
        if not killed:
            survived.append(place)
    print(f"{len(chosen)} deleted, {len(chosen) - len(survived)} killed, {len(survived)} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
